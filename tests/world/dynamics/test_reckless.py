"""Drivers who take no notice of signals: as many as the condition says, by rules and by a model; everybody else stops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tiny_world import write_tiny_world
from tests.world.dynamics.random_traffic import headlong
from tests.world.grid import town
from world.controls import Control
from world.dream import load_world
from world.dynamics.right_of_way import heeds_signals
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.traffic import Traffic, TrafficInput, observed
from world.errors import DataError, WeightsError
from world.evaluate.traffic_counts import Counts, count_traffic
from world.scene.check import check
from world.scene.state import from_bytes, to_bytes
from world.scene_world import Others


def minutes(reckless: float, traffic: Traffic | None = None) -> Counts:
    """Three drives of half a minute."""
    place, there, parts = town(), tables(town().map), []
    for seed in range(3):
        state, frames = start(place, seed, reckless=reckless), []
        for _ in range(300):
            state = step(state, [Control()], traffic)
            frames.append(state.agents[0])
        parts.append(count_traffic(place.map, np.stack(frames), lambda k: there))
    return Counts.total(parts)


@pytest.mark.slow
def test_rules_break_signals_when_the_condition_says_so() -> None:
    usual, reckless = minutes(0.0), minutes(1.0)
    assert usual.crossings > 10 and usual.red == 0
    assert reckless.red > 0.1 * reckless.crossings


@pytest.mark.slow
def test_a_model_under_its_guard_does_too() -> None:
    """The guard keeps everybody else behind the line."""
    usual, reckless = minutes(0.0, headlong(guard=True)), minutes(1.0, headlong(guard=True))
    assert reckless.red / reckless.crossings > 2 * usual.red / usual.crossings + 0.05


def test_as_many_drivers_are_reckless_as_the_share_says() -> None:
    share = np.mean([not heeds_signals(np.uint64(3), who, 0.3) for who in range(1000)])
    assert abs(share - 0.3) < 0.05
    assert all(heeds_signals(np.uint64(3), who, 0.0) for who in range(100))
    fewer = {who for who in range(1000) if not heeds_signals(np.uint64(3), who, 0.1)}
    assert fewer < {who for who in range(1000) if not heeds_signals(np.uint64(3), who, 0.3)}


def test_who_is_reckless_is_told_of_green_lights_alone() -> None:
    state = start(town(), 8)
    for _ in range(30):
        state = step(state, [Control()])
    told = {
        reckless: observed(
            TrafficInput(
                tables(town().map), state.seed[0], 30, state.ego, state.agents[0], False, 1.0, reckless=reckless
            ),
            everybody=True,
        ).vehicles.own
        for reckless in (0.0, 1.0)
    }
    differ = np.flatnonzero((told[0.0] != told[1.0]).any(0))
    assert len(differ)
    green, red = 14 + 20 + 4, 14 + 20 + 6  # of the own numbers
    assert told[0.0][:, red].any() and not told[1.0][:, red].any()
    assert (told[1.0][:, green] >= told[0.0][:, green]).all()


def test_the_condition_is_saved_and_older_drives_have_none() -> None:
    state = start(town(), 1, reckless=0.25)
    parts = to_bytes(state)
    again = from_bytes(state.places[0], parts)
    check(again)
    assert again.reckless[0] == 0.25 and again.hash() == state.hash()
    del parts["reckless"]
    assert from_bytes(state.places[0], parts).reckless[0] == 0.0
    with pytest.raises(DataError, match="share of reckless drivers"):
        start(town(), 1, reckless=1.5)


def test_who_else_is_on_the_road_is_said_in_words(tmp_path: Path) -> None:
    assert Others.of("rules").folder is None and Others.of(str(tmp_path)).folder == tmp_path
    with pytest.raises(DataError, match="say rules, model, or a folder"):
        Others.of("chaos")
    with pytest.raises(DataError, match="share of reckless drivers"):
        Others.of("rules", -0.1)
    with pytest.raises(WeightsError, match="lucidrive train traffic"):
        load_world(others=Others.of(str(tmp_path)))
    with pytest.raises(DataError, match="leave out --traffic"):
        load_world(write_tiny_world(tmp_path / "world"), others=Others("rules", 0.5))
