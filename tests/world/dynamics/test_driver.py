"""The learnt driver: the same wherever it runs, keeps to signals, people and leaders; weights that are off are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.world.grid import graph, town
from world.controls import Command, Control
from world.dynamics.driver import act, drive
from world.dynamics.observe import OWN, short
from world.dynamics.policy import FOLDER, SHAPES, load_policy, policy_of
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.vector import observed
from world.errors import WeightsError
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.build import build
from world.scene.objects import AGENT, SIZES, Kind
from world.scene.query import GREEN, place_on, signal_colour
from world.scene.state import Place, SceneState, stack
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld


def driven(state: SceneState, frames: int, command: Command = Command.FOLLOW, target: float = 9.0) -> SceneState:
    for _ in range(frames):
        actions = [drive(state, command, target, row, "learnt") for row in range(len(state))]
        state = step(state, [Control(steer=steer, accel=accel, command=command) for steer, accel in actions])
    return state


def with_agent(state: SceneState, kind: Kind, x: float, y: float, heading: float, speed: float = 0.0) -> SceneState:
    agents = np.zeros_like(state.agents)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    agent = np.zeros(1, AGENT)
    agent["kind"], agent["id"], agent["x"], agent["y"], agent["heading"], agent["speed"] = kind, 7, x, y, heading, speed
    agent["length"], agent["width"], agent["height"] = SIZES[kind]
    for name in ("lane", "next", "goal"):
        agent[name] = -1
    agents[0, 0] = agent[0]
    return replace(state, agents=agents, density=np.zeros(1))


def alone(lane: int, s: float = 20.0) -> SceneState:
    return start(town(), 3, lane=lane, s=s, density=0.0)


def signalled_lane(red: bool, seconds: int = 10) -> int:
    """A street lane all of whose connections are red (or green) from the beginning for some seconds."""
    lanes, signals = town().map.lanes, town().map.signals
    for lane in np.flatnonzero((lanes["street"] >= 0) & (lanes["outs"] > 0) & (lanes["length"] > 60)):
        outs = town().map.successors[lanes["first_out"][lane] : lanes["first_out"][lane] + lanes["outs"][lane]]
        heads = lanes["signal"][outs]
        if (heads >= 0).all() and all(
            (signal_colour(signals, int(head), second) != GREEN) == red for head in heads for second in range(seconds)
        ):
            return int(lane)
    raise AssertionError("no such lane in the grid")


def test_alone_and_in_a_batch_it_does_the_same() -> None:
    begins = [start(town(), seed) for seed in (1, 2, 3)]
    batch = driven(stack(begins), 30)
    assert [batch.hash(row) for row in range(3)] == [driven(one, 30).hash() for one in begins]


@pytest.mark.slow
def test_in_another_process_with_other_threads_it_does_the_same() -> None:
    code = (
        "from tests.world.dynamics.test_driver import driven, town, start\nprint(driven(start(town(), 5), 40).hash())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == driven(start(town(), 5), 40).hash()


def test_it_keeps_its_lane_and_comes_near_the_target_speed() -> None:
    place = town().map
    lane = int(np.flatnonzero((place.lanes["street"] >= 0) & (place.lanes["length"] > 60))[0])
    state = driven(alone(lane, 5.0), 40, target=8.0)
    assert abs(float(state.ego["left"][0])) < 0.3
    assert 6.5 < float(state.ego["speed"][0]) < 9.0


def test_a_red_light_stops_it_before_the_line_and_a_green_one_does_not() -> None:
    red, green = signalled_lane(True), signalled_lane(False, 6)
    state = driven(alone(red), 100)
    assert int(state.ego["lane"][0]) == red
    assert float(state.ego["s"][0]) + REAR_AXLE_TO_FRONT < float(town().map.lanes["length"][red])
    assert float(state.ego["speed"][0]) < 1.0
    assert int(driven(alone(green), 100).ego["lane"][0]) != green


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.PERSON, Kind.CHILD, Kind.CAR, Kind.BUS, Kind.DEBRIS])
def test_it_stops_for_what_stands_in_its_way(kind: Kind) -> None:
    lane = signalled_lane(False, 6)
    x, y, heading = place_on(town().map, lane, 48.0)
    state = with_agent(alone(lane, 8.0), kind, x, y, heading)
    for _ in range(80):
        agents = state.agents.copy()
        state = replace(driven(state, 1), agents=agents)
        assert int(state.ego["contact"][0]) < 0
    assert float(state.ego["s"][0]) + REAR_AXLE_TO_FRONT < 48.0
    assert float(state.ego["speed"][0]) < 0.5


def test_a_command_to_stop_stops_it() -> None:
    assert float(driven(alone(signalled_lane(False, 6)), 50, Command.STOP, 0.0).ego["speed"][0]) < 0.3


def test_off_the_map_it_stops() -> None:
    state = alone(signalled_lane(False, 6))
    ego = state.ego.copy()
    ego["lane"] = -1
    assert drive(replace(state, ego=ego), 0, 9.0, by="learnt")[1] < 0


def test_minutes_amid_traffic_without_touching_anybody() -> None:
    metres = 0.0
    for seed in range(4):
        state = start(town(), seed)
        for _ in range(45):
            state = driven(state, 10)
            assert int(state.ego["contact"][0]) < 0
        metres += float(state.ego["driven"][0])
    assert metres > 300.0


@pytest.mark.slow
def test_a_world_says_who_drives() -> None:
    actions = {}
    for by in ("learnt", "expert"):
        dream = SceneDream(SceneWorld(driver=by), 2, 1)
        dream.start()
        actions[by] = dream.drive(Command.FOLLOW, 9.0)
        assert (actions[by].steer, actions[by].accel) == drive(dream.state_now, Command.FOLLOW, 9.0, by=by)
    assert actions["learnt"] != actions["expert"]


def test_weights_that_are_off_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no driver"):
        load_policy(tmp_path)
    shutil.copytree(FOLDER, tmp_path / "bad")
    file = tmp_path / "bad" / "driver.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="checksum"):
        load_policy(tmp_path / "bad")
    with pytest.raises(WeightsError, match="user_1"):
        policy_of({})


def test_nothing_learnt_is_the_base_alone() -> None:
    zero = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    zero |= {f"{name}_bias": np.zeros(shape[1:], np.float32) for name, shape in SHAPES.items()}
    state = alone(signalled_lane(True))
    steer, accel = act(policy_of(zero), state, Command.FOLLOW, 9.0)
    assert abs(steer) < 0.05 and accel > 0.3  # it would go on whatever the light says
    assert (FOLDER / "driver.safetensors").stat().st_size < 2**20


def test_it_is_told_where_right_of_way_would_have_it_stop() -> None:
    place = Place("a grid without signals", build(graph(False)), town().props)
    lanes, conflicts, t = place.map.lanes, place.map.conflicts, tables(place.map)
    for lane in np.flatnonzero((lanes["street"] >= 0) & (lanes["outs"] > 0)).tolist():
        s = float(t.stop_line[lane]) - REAR_AXLE_TO_FRONT - 0.5
        state = start(place, 3, speed=0.0, lane=lane, s=s, density=0.0)
        onward = int(step(state, [Control(accel=-1.0)]).ego["next"][0])
        first = int(lanes["first_conflict"][onward])
        rows = conflicts[first : first + int(lanes["conflicts"][onward])]
        rows = rows[(rows["yields"] == 1) & (lanes["source"][rows["other"]] != lane)]
        if len(rows):
            break
    other = int(rows["other"][np.argmin(rows["begin"])])
    source = int(lanes["source"][other])
    free = observed(state, Command.FOLLOW, 9.0)[0]
    comes = with_agent(state, Kind.CAR, *place_on(place.map, source, float(lanes["length"][source]) - 12.0), speed=8.0)
    agents = comes.agents.copy()
    agents["lane"][0, 0], agents["next"][0, 0], agents["s"][0, 0] = source, other, lanes["length"][source] - 12.0
    agents["wish"][0, 0] = 1.0
    barred = observed(replace(comes, agents=agents), Command.FOLLOW, 9.0)[0]
    assert not free[OWN - 8 : OWN - 2].any()
    assert barred[OWN - 8] == 1.0 and barred[OWN - 7] < short(0.6, 4.0)
