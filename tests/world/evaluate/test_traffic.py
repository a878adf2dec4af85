"""What is counted in traffic, on drives that were made by hand; and the table beside the rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.world.grid import town
from world.dynamics.tables import tables
from world.evaluate import scene_states
from world.evaluate.token_loss import round_trip
from world.evaluate.traffic import figures
from world.evaluate.traffic_counts import Counts, count_traffic, interval
from world.evaluate.traffic_rows import table
from world.scene.motion_tokens import LOSS
from world.scene.objects import AGENT, SIZES, Kind
from world.scene.places import towns
from world.scene.query import RED, place_on, signal_colour
from world.scene.state import AGENTS
from world.train.traffic_drives import DriveJob, record_by_rules

PLACE = town().map
LANES = PLACE.lanes


def still(lane: int, s: float, left: float = 0.0, slot: int = 0, kind: Kind = Kind.CAR) -> np.ndarray:
    agents = np.zeros(AGENTS, AGENT)
    return put(agents, lane, s, left, slot, kind)


def put(agents: np.ndarray, lane: int, s: float, left: float, slot: int, kind: Kind = Kind.CAR) -> np.ndarray:
    a = agents[slot : slot + 1]
    a["kind"], a["id"], a["lane"], a["s"], a["left"] = int(kind), slot + 1, lane, s, left
    a["x"], a["y"], a["heading"] = place_on(PLACE, lane, s, left)
    a["length"], a["width"], a["height"] = SIZES[kind]
    return agents


def counts(frames: list[np.ndarray], first_clock: int = 0) -> Counts:
    there = tables(PLACE)
    return count_traffic(PLACE, np.stack(frames), lambda k: there, first_clock)


def test_a_contact_counts_once_for_as_long_as_it_lasts() -> None:
    apart, close = still(0, 30.0), still(0, 30.0)
    put(apart, 0, 50.0, 0.0, 1)
    put(close, 0, 33.0, 0.0, 1)
    result = counts([apart, close, close, apart, close])
    assert result.contacts == 2 and result.people == 0
    assert result.minutes == pytest.approx(2 * 5 / 600)
    person = put(still(0, 30.0), 0, 30.5, 0.0, 1, Kind.PERSON)
    assert counts([apart, person]).people == 1


def test_off_the_lane_and_standing_for_long() -> None:
    one_lane = int(np.flatnonzero((LANES["street"] >= 0) & (LANES["left"] < 0) & (LANES["right"] < 0))[0])
    result = counts([still(one_lane, 30.0, -2.6)] * 310)
    assert result.off == result.looks > 0 and result.stuck == 1 == result.vehicles
    assert counts([still(one_lane, 30.0)] * 50).off == 0


def test_a_signal_that_is_run_at_red() -> None:
    connection = int(np.flatnonzero((LANES["junction"] >= 0) & (LANES["signal"] >= 0))[0])
    source = int(LANES["source"][connection])
    before, inside = still(source, 40.0), still(connection, 1.0)
    signal, signals = int(LANES["signal"][connection]), tables(PLACE).signals
    colours = [signal_colour(signals, signal, clock / 10 + 0.1) for clock in range(600)]
    red, other = colours.index(RED), next(n for n, colour in enumerate(colours) if colour != RED)
    assert (counts([before, inside], red).red, counts([before, inside], other).red) == (1, 0)
    assert counts([before, inside], other).crossings == 1
    line = float(tables(PLACE).stop_line[source]) - 0.5 * SIZES[Kind.CAR][0]
    over, badly = still(source, line + 1.0), still(source, line + 0.5)
    turns = next(n for n in range(599) if colours[n] != RED and colours[n + 1] == RED)
    assert counts([over, before, over, inside], turns - 1).red == 0  # over the line while it was not red yet
    assert counts([before, badly, badly, inside], turns - 1).red == 1  # it stood badly, and then went


def test_an_interval_holds_the_rate() -> None:
    parts = [Counts(minutes=10.0, contacts=n % 3) for n in range(12)]
    low, high = interval(parts, lambda one: one.contacts / one.minutes)
    assert 0.0 <= low < 0.1 < high < 0.2


def test_the_table_has_a_row_for_every_figure_and_a_cell_for_whoever_was_measured() -> None:
    true = Counts(minutes=5.0, speeds=[5.0, 6.0], accelerations=[0.0], gaps=[10.0])
    one = figures([true, true], true) | {
        "changed": 0.01,
        "befalls": {name: {"contacts": 0.5, "cases": 2} for name in ("person, 2 s ahead", "debris, 3.5 s", "oncoming in the lane")},
        "events": {"cut_in": 1.0},
    }  # fmt: skip
    rows = table({"learnt": one, "rules": one})
    cells = {row[0]: row[1:] for row in rows}
    assert cells["divergence of speeds"][0] == "0.0000" and cells["divergence of speeds"][3] == ""
    assert cells["cut_in within 8 s"][0] == "100%" and cells["debris, 3.5 s"][:3] == ("50%", "", "50%")
    assert len({len(row) for row in rows}) == 1


@pytest.mark.slow
def test_drives_come_back_from_their_tokens() -> None:
    lost = round_trip([record_by_rules(DriveJob(3, 8.0))])
    assert lost["m/s"]["count"] > 50
    assert lost["m/s"]["95%"] < LOSS["speed"] and lost["m"]["95%"] < 0.5 and lost["degrees"]["95%"] < 4.0


def test_forks_are_driven_in_the_split_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    driven: list[str] = []

    def replay(name: str, *rest: Any) -> str:
        driven.append(name)
        return real_replay(name, *rest)

    real_replay = scene_states.replay
    monkeypatch.setattr(scene_states, "replay", replay)
    assert scene_states.counterfactual(0, 1, split="validation")["same_past"] == 1.0
    assert driven == [towns()["validation"][0]] != [towns()["test"][0]]
