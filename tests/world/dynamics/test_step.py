"""The one step: pure, the same whoever is in the batch; and our car's way through it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import NULL, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics import threads
from world.dynamics.driver import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.scene.between import between
from world.scene.facts import facts, junction_distance, off_road, touching
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.objects import AGENT, Kind
from world.scene.places import load_place
from world.scene.state import SceneState, stack


def driven(state: SceneState, frames: int, control: Control | None = None, target: float = 8.0) -> SceneState:
    control = control or Control()
    for _ in range(frames):
        actions = [drive(state, control.command, target, row) for row in range(len(state))]
        state = step(state, [control.with_(steer=steer, accel=accel) for steer, accel in actions])
    return state


def test_the_same_seed_and_controls_give_the_same_states() -> None:
    first, second = (driven(start(town(), 4), 40).hash() for _ in range(2))
    assert first == second
    assert driven(start(town(), 5), 40).hash() != first


@pytest.mark.slow
def test_a_drive_is_the_same_alone_and_in_a_batch() -> None:
    begins = [start(town(), seed) for seed in (1, 2, 3)]
    batch = driven(stack(begins), 30)
    assert [batch.hash(row) for row in range(3)] == [driven(one, 30).hash() for one in begins]
    assert batch.row(1).hash() == batch.hash(1)


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 3])
def test_a_large_batch_goes_on_several_threads_and_every_drive_as_alone(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    begins = [start((town(), load_place("town-21"))[seed % 2], seed) for seed in range(9)]
    told = [
        Control(event=Event.DEBRIS, level=2, weather=Weather.RAIN_1) if seed % 3 else Control() for seed in range(9)
    ]
    batch = stack(begins)
    for _ in range(12):
        batch = step(batch, told)
    for row, control in enumerate(told):
        alone = begins[row]
        for _ in range(12):
            alone = step(alone, [control])
        assert batch.hash(row) == alone.hash() == batch.alone(row).hash()


def test_rows_are_worked_on_once_and_what_fails_is_raised() -> None:
    done: list[int] = []
    threads.in_threads(lambda first, last: done.extend(range(first, last)), 7, 2)
    assert sorted(done) == list(range(7))

    def broken(first: int, last: int) -> None:
        raise ValueError(f"row {first}")

    with pytest.raises(ValueError, match="row"):
        threads.in_threads(broken, 7, 2)


def test_a_step_changes_nothing_of_the_state_before() -> None:
    state = start(town(), 7)
    before = state.hash()
    step(state, [Control(steer=0.3, accel=0.5, event=Event.DEBRIS, level=2)])
    assert state.hash() == before
    with pytest.raises(ValueError, match="read-only"):
        step(state, [Control()]).ego["x"][0] = 0.0


def test_as_many_controls_as_drives() -> None:
    with pytest.raises(DataError, match="give one to each"):
        step(start(town(), 0), [])


@pytest.mark.parametrize(
    ("command", "turn"), [(Command.LEFT, LEFT), (Command.RIGHT, RIGHT), (Command.STRAIGHT, STRAIGHT)]
)
def test_a_turn_that_is_asked_for_is_driven(command: Command, turn: int) -> None:
    place = town()
    lanes = place.map.lanes
    outs = {int(lanes["source"][n]) for n in np.flatnonzero((lanes["junction"] >= 0) & (lanes["turn"] == turn))}
    state = start(place, 3, lane=min(outs), s=20.0, density=0.0)
    inside = -1
    for _ in range(250):
        state = driven(state, 1, Control(command=command))
        lane = int(state.ego["lane"][0])
        if lanes["junction"][lane] >= 0:
            inside = lane
        elif inside >= 0:
            break
    assert inside >= 0
    assert lanes["turn"][inside] == turn
    assert int(state.ego["lane"][0]) == lanes["target"][inside]
    assert not facts(state).off_road


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_lane_change_ends_on_the_next_lane_and_is_made_once(side: str) -> None:
    place = town()
    lanes = place.map.lanes
    lane = int(np.flatnonzero((lanes["junction"] < 0) & (lanes[side] >= 0))[0])
    command = Command.LANE_LEFT if side == "left" else Command.LANE_RIGHT
    state = driven(start(place, 3, lane=lane, s=5.0, density=0.0), 55, Control(command=command))
    assert int(state.ego["lane"][0]) == lanes[side][lane]
    assert abs(float(state.ego["left"][0])) < 0.6


def test_stops_and_goes() -> None:
    state = driven(start(town(), 2, density=0.0), 60, Control(command=Command.STOP), target=0.0)
    assert float(state.ego["speed"][0]) < 0.1
    assert float(driven(state, 30).ego["speed"][0]) > 2.0


def test_weather_comes_within_its_transition_and_null_keeps_it() -> None:
    asked = Control(weather=Weather.RAIN_3, time=TimeOfDay.NIGHT)
    state = driven(start(town(), 1, density=0.0), 25, asked)
    assert (facts(state).weather, facts(state).time) == (Weather.RAIN_3, TimeOfDay.NIGHT)
    state = driven(state, 25, Control(weather=NULL, time=NULL))
    assert (facts(state).weather, facts(state).time) == (Weather.RAIN_3, TimeOfDay.NIGHT)


def test_a_junction_is_told_of_and_grass_is_no_road() -> None:
    place = town()
    state = start(place, 1, density=0.0)
    lane = place.map.lanes[state.ego["lane"][0]]
    assert 0 < junction_distance(state) < lane["length"]
    x, y, heading = (float(state.ego[name][0]) for name in ("x", "y", "heading"))
    assert not off_road(place.map, x, y)
    aside = 25.0
    assert off_road(place.map, x + aside * math.sin(heading), y - aside * math.cos(heading))


def test_boxes_touch_where_they_overlap() -> None:
    agents = np.zeros(2, AGENT)
    agents["kind"], agents["length"], agents["width"] = [int(Kind.CAR), 0], 4.0, 2.0
    agents["x"] = 5.0
    assert touching(agents, 0.0, 0.0, 0.0, 4.4, 1.8) == -1
    assert touching(agents, 1.0, 0.0, 0.0, 4.4, 1.8) == 0
    assert touching(agents, 4.0, 2.2, math.pi / 4, 4.4, 1.8) == 0


def test_running_into_somebody_is_a_collision_and_stops_the_car() -> None:
    state = start(town(), 1, density=0.0)
    x, y, heading = (float(state.ego[name][0]) for name in ("x", "y", "heading"))
    agents = state.agents.copy()
    agents[0, 0] = np.zeros((), AGENT)
    for name, value in {
        "kind": int(Kind.DEBRIS), "id": 77, "heading": heading, "length": 1.0, "width": 2.0, "lane": -1,
        "x": x + 9 * math.cos(heading), "y": y + 9 * math.sin(heading),
    }.items():  # fmt: skip
        agents[name][0, 0] = value
    state = replace(state, agents=agents)
    for _ in range(20):
        state = step(state, [Control(accel=0.3)])
        if facts(state).collision:
            break
    assert int(state.ego["contact"][0]) == 77
    assert float(state.ego["speed"][0]) == 0.0


def test_an_event_comes_and_is_told_of() -> None:
    state = start(town(), 6)
    seen = False
    for _ in range(80):
        state = driven(state, 1, Control(event=Event.PED_CROSS, side=Side.RIGHT, level=2))
        seen = seen or facts(state).event_visible
    assert seen


def test_between_two_steps_poses_lie_halfway() -> None:
    first = start(town(), 2)
    second = driven(first, 1)
    half = between(first, second, 0.5)
    for name in ("x", "y"):
        assert half.ego[name][0] == pytest.approx((first.ego[name][0] + second.ego[name][0]) / 2)
    assert between(first, second, 1.0).ego["heading"][0] == pytest.approx(second.ego["heading"][0])


def test_a_place_without_such_a_lane_is_refused() -> None:
    with pytest.raises(DataError, match="no lane"):
        start(town(), 0, lane=10**6)
