"""Learnt traffic behind the step: the same drive wherever it is made, the guard below it, roles that do as they are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.world.dynamics.random_traffic import headlong, network, random_traffic, standing
from tests.world.grid import town
from world.controls import Control, Event
from world.dynamics.injected import Injected
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.traffic import Traffic, TrafficInput, load_traffic, observed
from world.dynamics.traffic_net import PERSON, VEHICLE, forward, network_of, sample
from world.errors import WeightsError
from world.evaluate.traffic_counts import count_traffic
from world.scene.check import check
from world.scene.state import AGENTS, SceneState, from_bytes, stack, to_bytes


def gone_on(state: SceneState, steps: int, traffic: Traffic | None, control: Control | None = None) -> SceneState:
    for _ in range(steps):
        state = step(state, [control or Control()] * len(state), traffic)
    return state


def frames(traffic: Traffic, steps: int, seed: int = 3) -> np.ndarray:
    state, made = start(town(), seed), []
    for _ in range(steps):
        state = step(state, [Control()], traffic)
        made.append(state.agents[0])
    return np.stack(made)


def test_a_drive_is_the_same_again_in_a_batch_and_from_its_bytes() -> None:
    traffic = random_traffic()
    begins = [start(town(), seed) for seed in (1, 2, 3)]
    alone = [gone_on(one, 20, traffic) for one in begins]
    batch = gone_on(stack(begins), 20, traffic)
    assert [batch.hash(row) for row in range(3)] == [one.hash() for one in alone]
    assert gone_on(begins[0], 20, traffic).hash() == alone[0].hash()
    assert alone[0].hash() != gone_on(begins[0], 20, None).hash()
    half = gone_on(begins[1], 9, traffic)
    again = from_bytes(half.places[0], to_bytes(half))
    check(again)
    assert gone_on(again, 11, traffic).hash() == alone[1].hash()


def test_logits_are_the_same_whoever_else_is_in_the_batch() -> None:
    random, weights = np.random.default_rng(0), network(VEHICLE, 5)
    own = random.normal(size=(11, VEHICLE.own)).astype(np.float32)
    near = random.normal(size=(11, VEHICLE.most, VEHICLE.near)).astype(np.float32)
    count = random.integers(0, VEHICLE.most + 1, 11)
    together = forward(weights, own, near, count)
    for n in range(11):
        assert np.array_equal(forward(weights, own[n : n + 1], near[n : n + 1], count[n : n + 1])[0], together[n])
    near[:, VEHICLE.most - 1] = 9.0  # nobody looks beyond those who are there
    fewer = forward(weights, own, near, np.minimum(count, VEHICLE.most - 1))
    assert np.array_equal(fewer[count < VEHICLE.most], together[count < VEHICLE.most])


def test_what_is_told_stays_in_range_and_fills_what_it_says() -> None:
    state = gone_on(start(town(), 8), 30, None, Control(event=Event.HARD_BRAKE, level=2))
    drive = TrafficInput(
        tables(state.places[0].map), state.seed[0], 30, state.ego, state.agents[0], False, 1.0, 1.0, 2.0
    )
    told = observed(drive, everybody=True)
    agents = state.agents[0]
    assert len(told.vehicles.own) == ((agents["kind"] >= 1) & (agents["kind"] <= 5)).sum() > 5
    assert len(told.people.own) == (agents["kind"] == 6).sum() + (agents["kind"] == 7).sum() > 3
    for group, size in ((told.vehicles, VEHICLE), (told.people, PERSON)):
        assert np.isfinite(group.own).all() and np.abs(group.own).max() < 12.0
        assert np.isfinite(group.near).all() and np.abs(group.near).max() < 12.0
        there = np.arange(size.most) < group.count[:, None]
        assert np.array_equal(group.near[:, :, 0] > 0, there)
        assert (group.row >= 0).sum() == len(group.own)
    everybody, due = observed(drive, everybody=True), observed(drive)
    assert len(due.vehicles.own) <= len(everybody.vehicles.own)


@pytest.mark.slow
def test_the_guard_stops_who_would_drive_into_others_and_says_so() -> None:
    guarded, free = headlong(guard=True), headlong(guard=False)
    place, there = town().map, tables(town().map)
    with_guard, without = (count_traffic(place, frames(one, 150), lambda k: there) for one in (guarded, free))
    assert without.contacts > 2 * with_guard.contacts
    assert guarded.tally.changed > 0 and free.tally.changed == 0
    assert 0.0 < guarded.tally.share < 1.0
    assert without.red > 2 * with_guard.red
    assert max(with_guard.speeds) < max(without.speeds)


def test_who_is_told_to_stand_stands_and_goes_by_rules_again_afterwards() -> None:
    state = gone_on(start(town(), 4), 60, standing())
    old = np.isin(state.agents[0]["id"], start(town(), 4).agents[0]["id"])  # others have just come
    users = state.agents[0][old & (state.agents[0]["kind"] >= 1) & (state.agents[0]["kind"] <= 7)]
    assert len(users) > 10 and (users["speed"] < 0.3).all()
    state = gone_on(state, 60, None)
    assert (state.agents[0]["speed"] > 2.0).any()


def test_a_role_is_played_by_the_model_when_traffic_is_learnt() -> None:
    asked = Control(event=Event.CUT_IN, level=2)
    for seed in range(6):
        state = gone_on(start(town(), seed, speed=8.0), 12, standing(), asked)
        actors = state.agents[0][state.agents[0]["role"] == int(Event.CUT_IN)]
        if len(actors):
            ruled = gone_on(start(town(), seed, speed=8.0), 12, None, asked)
            by_rule = ruled.agents[0][ruled.agents[0]["role"] == int(Event.CUT_IN)]
            assert len(by_rule) and actors["speed"][0] < by_rule["speed"][0]
            return
    raise AssertionError("nobody cut in, whatever the seed")


def test_what_is_put_before_vehicles_is_hit_by_who_goes_headlong() -> None:
    state, injected = start(town(), 2), Injected(["standing", "debris"], (2.0, 3.0), 1)
    for _ in range(160):
        state = injected.after(step(state, [Control()], headlong(guard=False)))
    assert injected.count > 0 and injected.hits > 0
    assert (state.agents[0]["kind"] != 0).sum() <= AGENTS


def test_a_token_is_drawn_from_the_likely_and_allowed_alone() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    every = np.full(4, True)
    draws = np.linspace(0.0, 0.999, 200)
    assert {sample(logits, 0, 4, every, 0.75, draw) for draw in draws} == {0, 1}
    assert {sample(logits, 0, 4, every, 1.0, draw) for draw in draws} == {0, 1, 2, 3}
    assert {sample(logits, 0, 4, np.array([False, False, True, True]), 1.0, draw) for draw in draws} == {2, 3}


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="lucidrive train traffic"):
        load_traffic(tmp_path)
    with pytest.raises(WeightsError, match="train them again"):
        network_of({}, VEHICLE)
