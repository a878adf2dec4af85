"""People: they stay on their walks, wait at red, come and go out of sight, and a step is a pure function."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import DT
from world.dynamics.people import (
    all_walking,
    changed_pace,
    changed_slide,
    is_person,
    may_cross,
    people,
    populate_people,
)
from world.dynamics.people_arrive import RETIRED, SLIDE
from world.dynamics.start import start
from world.dynamics.tables import tables
from world.dynamics.vehicles import everybody
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.hd_map import CROSSING_WALK
from world.scene.objects import AGENT, PEOPLE, Kind
from world.scene.query import RED, signal_colour
from world.scene.state import SceneState

KINDS = [int(kind) for kind in PEOPLE]


def crowd(seed: int = 4, lane: int | None = None) -> SceneState:
    """Our car stands in the middle of the town; there are people and no vehicles."""
    state = start(town(), seed, speed=0.0, density=0.0, lane=lane)
    agents = populate_people(tables(town().map), state.seed[0], state.ego, state.agents[0], 1.0)
    object.__setattr__(state, "agents", agents[None])
    return state


def walking(state: SceneState, steps: int) -> list[np.ndarray]:
    agents, place = state.agents[0], tables(town().map)
    frames = [agents]
    for clock in range(steps):
        agents = people(place, state.seed[0], clock, state.ego, agents, 1.0)
        frames.append(agents)
    return frames


def test_there_are_people_at_the_start_and_later() -> None:
    frames = walking(crowd(), 300)
    counts = [int(np.isin(agents["kind"], KINDS).sum()) for agents in frames]
    assert min(counts) >= 8
    assert max(counts) <= 20


def test_they_walk_on_their_walks_without_a_jump() -> None:
    widths = town().map.walks["width"]
    before = None
    for agents in walking(crowd(), 400):
        there = np.isin(agents["kind"], KINDS)
        assert (np.abs(agents["left"][there]) <= 0.5 * widths[agents["lane"][there]] + 1.2).all()
        if before is not None:
            same = there & (before["id"] == agents["id"])
            moved = np.hypot(agents["x"] - before["x"], agents["y"] - before["y"])[same]
            assert (moved < 3.5 * DT).all()
        before = agents


def test_nobody_steps_onto_a_crossing_at_red() -> None:
    place = town().map
    walks, crossings, lanes = place.walks, place.crossings, place.lanes
    junction = crossings["junction"][np.flatnonzero(crossings["signal"] >= 0)[0]]
    lane = int(np.flatnonzero((lanes["end_junction"] == junction) & (lanes["junction"] < 0))[0])
    before, stepped, waited = None, 0, 0.0
    for clock, agents in enumerate(walking(crowd(lane=lane), 3000)):
        if before is not None:
            moved_on = (before["lane"] != agents["lane"]) & (before["id"] == agents["id"]) & (agents["kind"] != 0)
            for k in np.flatnonzero(moved_on):
                walk = walks[agents["lane"][k]]
                signal = int(crossings["signal"][walk["crossing"]]) if walk["kind"] == CROSSING_WALK else -1
                if signal >= 0:
                    stepped += 1
                    lit = {int(signal_colour(place.signals, signal, (clock - late) * DT)) for late in range(12)}
                    assert lit != {RED}  # it was green when they left the kerb
        waited = max(waited, float(agents["timer"][agents["kind"] != 0].max()))
        before = agents
    assert stepped > 10
    assert waited > 3.0


def test_they_come_and_go_out_of_sight() -> None:
    state = crowd()
    car = state.ego[0]
    before = None
    for agents in walking(state, 400):
        there = np.isin(agents["kind"], KINDS)
        away = np.hypot(agents["x"] - car["x"], agents["y"] - car["y"])
        assert (away[there] < RETIRED + 5.0).all()
        if before is not None:
            for k in np.flatnonzero(there & (before["id"] != agents["id"])):
                bearing = math.atan2(agents["y"][k] - car["y"], agents["x"][k] - car["x"]) - car["heading"]
                ahead = abs((bearing + math.pi) % (2 * math.pi) - math.pi) < 0.61
                assert away[k] > (60.0 if ahead else 28.0 - REAR_AXLE_TO_FRONT)
        before = agents


def test_a_step_is_pure_and_repeatable() -> None:
    state, place = crowd(7), tables(town().map)
    agents = state.agents[0].copy()
    before = agents.tobytes()
    first, second = (people(place, state.seed[0], 11, state.ego, agents, 1.0) for _ in range(2))
    assert agents.tobytes() == before
    assert first.tobytes() == second.tobytes()
    other = populate_people(place, np.uint64(99), state.ego, np.zeros_like(agents), 1.0)
    assert other.tobytes() != populate_people(place, np.uint64(98), state.ego, np.zeros_like(agents), 1.0).tobytes()


def test_whom_a_role_moves_is_left_alone() -> None:
    state, place = crowd(), tables(town().map)
    agents = state.agents[0].copy()
    slot = int(np.flatnonzero(np.isin(agents["kind"], KINDS))[0])
    agents["role"][slot], agents["mode"][slot] = 1, 100
    assert not is_person(agents[slot])
    assert people(place, state.seed[0], 3, state.ego, agents, 1.0)[slot].tobytes() == agents[slot].tobytes()


def test_who_stands_before_a_crossing_does_not_bar_it_and_who_stands_on_it_does() -> None:
    place = town().map
    t, crossings = tables(place), place.crossings
    crossing = int(np.flatnonzero(crossings["signal"] < 0)[0])
    c = crossings[crossing]
    heading = math.atan2(c["y1"] - c["y0"], c["x1"] - c["x0"]) + math.pi / 2
    agents = np.zeros(2, AGENT)
    agents["kind"][0], agents["heading"][0], agents["length"][0] = int(Kind.CAR), heading, 4.4

    def may(front: float, speed: float) -> bool:
        """With a car whose bumper is so many m before the crossing's middle."""
        back = front + 2.2
        agents["x"][0] = 0.5 * (c["x0"] + c["x1"]) - back * math.cos(heading)
        agents["y"][0] = 0.5 * (c["y0"] + c["y1"]) - back * math.sin(heading)
        agents["speed"][0] = speed
        return bool(may_cross(t, agents, crossing, 0.0, 1e4, 1e4, 0.0, 0.0))

    assert may(1.2, 0.0) and not may(0.3, 0.0) and not may(1.2, 2.0)


def test_what_the_rules_want_is_what_they_do() -> None:
    state, t = crowd(), tables(town().map)
    agents = state.agents[0]
    wants, slides = np.empty(len(agents)), np.empty(len(agents))
    all_walking(t, state.seed[0], everybody(state.ego, agents), 0.0, wants, slides)
    after = people(t, state.seed[0], 0, state.ego, agents, 0.0)
    there = np.isin(agents["kind"], KINDS)
    assert there.any() and (np.isfinite(wants) == there).all() and (agents == state.agents[0]).all()
    for k in np.flatnonzero(there):
        if after["speed"][k] > 0:
            assert after["speed"][k] == changed_pace(agents["speed"][k], wants[k], DT)
            assert after["memory"][k, SLIDE] == changed_slide(agents["memory"][k, SLIDE], slides[k], 1)
    assert changed_pace(0.0, 1.4, 0.5) == 0.8 and changed_pace(1.0, 0.0, 0.1) == pytest.approx(0.6)
