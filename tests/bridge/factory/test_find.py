"""Danger searched for among scenes, without a picture."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from bridge.bench.clips import wilson
from bridge.factory.dreaming import rollouts
from bridge.factory.find import GENERATION, NAMES, Candidate, SearchSpec, search
from bridge.factory.jobs import of_plain
from bridge.factory.scenario import ScenarioError, of_line
from tests.bridge.factory.tiny_factory import tiny_request
from world.dynamics.danger import time_to_collision
from world.dynamics.start import start
from world.places import find_place
from world.scene.objects import SIZES, Kind
from world.scene.state import SceneState
from world.scene_world import SceneWorld


def test_what_can_be_looked_for() -> None:
    assert SearchSpec.of("TTC < 1.5", "cem").plain() == {"what": "ttc", "seconds": 1.5, "by": "cem", "trials": 48}
    for text in ("crash", "ttc<", "ttc<0", "ttc<99", "ttc>1"):
        with pytest.raises(ScenarioError, match="cannot be looked for; say collision"):
            SearchSpec.of(text)
    with pytest.raises(ScenarioError, match="no search by 'luck'; there are: random, cem"):
        SearchSpec.of("collision", "luck")
    with pytest.raises(ScenarioError, match="not 0"):
        SearchSpec.of("collision", trials=0)


def test_a_near_miss_touches_nobody() -> None:
    near, crash, ttc = SearchSpec.of("near-miss"), SearchSpec.of("collision"), SearchSpec.of("ttc<2")
    assert [near.met(0.5, False), near.met(0.5, True), near.met(1.5, False)] == [True, False, False]
    assert [crash.met(0.0, True), crash.met(0.1, False)] == [True, False]
    assert [ttc.met(1.5, False), ttc.met(2.5, False), ttc.met(0.0, True)] == [True, False, False]
    assert crash.score(0.0, True) < crash.score(0.1, False) < crash.score(3.0, False)


def distances_of(by: str, seed: int) -> list[float]:
    """Distances of what is drawn from a corner that chance seldom comes near to."""
    distances: list[float] = []

    def evaluate(candidate: Candidate) -> tuple[float, bool]:
        distances.append(
            math.hypot(candidate.speed - 13.5, 10 * (candidate.reckless - 0.48), 10 * (candidate.where - 0.95))
        )
        return distances[-1], False

    search(SearchSpec.of("collision", by, 8 * GENERATION), seed, evaluate)
    return distances


def test_cem_comes_nearer_generation_by_generation_and_chance_does_not() -> None:
    cem, chance = ([distances_of(by, seed) for seed in range(5)] for by in ("cem", "random"))
    last = [np.mean([one[-GENERATION:] for one in several]) for several in (cem, chance)]
    first = np.mean([one[:GENERATION] for one in cem])
    assert last[0] < 0.6 * first
    assert last[0] < 0.6 * last[1]
    assert distances_of("cem", 3) == distances_of("cem", 3) != distances_of("cem", 4)


def test_a_beginning_says_when_and_whence_events_come() -> None:
    candidate = Candidate.of(np.array([0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0]))
    assert len(NAMES) == 8
    assert candidate.apply(of_line("night;ped_cross(left)@+1")).line == "night;ped_cross(right,3)@+4"
    assert candidate.apply(of_line("debris")).line == "debris(3)@+4"
    assert candidate.apply(of_line("rain(2);left")).line == "rain(2);left"


def alone(speed: float, ahead: float, theirs: float, turn: float = 0.0) -> SceneState:
    """Our car and one other, so many m before our rear axle."""
    state = start(find_place("town-21"), 0, speed=speed, density=0.0)
    agents, ego = state.agents.copy(), state.ego[0]
    a = agents[0, :1]
    a["kind"], a["id"], a["speed"] = int(Kind.CAR), 7, theirs
    a["length"], a["width"], a["height"] = SIZES[Kind.CAR]
    a["heading"] = ego["heading"] + turn
    a["x"], a["y"] = ego["x"] + ahead * math.cos(ego["heading"]), ego["y"] + ahead * math.sin(ego["heading"])
    return replace(state, agents=agents)


def test_the_time_to_a_collision_is_the_gap_over_the_speed_at_which_it_closes() -> None:
    standing, fleeing, oncoming = alone(10.0, 30.0, 0.0), alone(10.0, 30.0, 10.0), alone(10.0, 30.0, 5.0, math.pi)
    assert 2.2 < time_to_collision(standing) < 2.9
    assert time_to_collision(fleeing) == math.inf
    assert time_to_collision(oncoming) == pytest.approx(time_to_collision(standing) / 1.5, abs=0.1)
    assert time_to_collision(alone(10.0, 3.0, 0.0)) == 0.0


def test_a_take_that_searches_finds_the_same_again_and_is_what_was_looked_for() -> None:
    request = tiny_request("cut_in(left)", seeds=1, seconds=4.0, find=SearchSpec.of("ttc<3", "cem", 24))
    world, take = SceneWorld(painter=None), request.jobs[0].take(0)
    [one], [other] = rollouts(world, request, take), rollouts(world, request, take)
    assert one.candidate == other.candidate
    assert one.states[-1].hash() == other.states[-1].hash()
    assert one.trials == other.trials <= 24
    assert one.steps >= len(one.states) - 1
    least, contact = one.danger
    assert one.fits(request)
    assert least < 3.0
    assert not contact


def test_a_search_survives_its_json_and_chooses_where_to_begin() -> None:
    request = tiny_request(find=SearchSpec.of("near-miss", "cem", 5))
    assert of_plain(json.loads(json.dumps(request.plain())), request.start) == request
    assert request.jobs[0].id != tiny_request().jobs[0].id
    with pytest.raises(ScenarioError, match="leave out --from and --branches"):
        tiny_request("follow", find=SearchSpec.of("collision"), branches=("stop", "left"), fork_at=0.5)


def test_an_interval_holds_its_share_and_narrows() -> None:
    (low, high), (nearer, farther) = wilson(8, 10), wilson(80, 100)
    assert 0 < low < nearer < 0.8 < farther < high < 1
    assert wilson(10, 10)[1] == 1.0
    assert wilson(10, 10)[0] < 1.0
    assert wilson(0, 10)[0] == 0.0
