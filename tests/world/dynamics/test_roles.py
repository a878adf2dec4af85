"""Events in the scene: each begins soon, in sight, on its side, whoever is about; nobody jumps; everybody leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import SIDED_EVENTS, Control, Event, Side
from world.dynamics.driver import drive
from world.dynamics.roles import roles, visible
from world.dynamics.roles.moves import ACTS, BEGINS, HEADING, PACE
from world.dynamics.roles.moves import drive as move
from world.dynamics.roles.sight import ahead_left, in_view
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.kinematics import EGO_LENGTH, EGO_WIDTH
from world.scene.facts import CENTRE, facts
from world.scene.facts import touching as touching_car
from world.scene.objects import SIZES, Kind, Lights
from world.scene.state import SceneState

SOON = 80  # frames
ASKED = [
    (event, side, level)
    for event in Event
    if event
    for side in ((Side.LEFT, Side.RIGHT) if event in SIDED_EVENTS else (Side.NONE,))
    for level in (1, 2, 3)
]
SPEEDS = (0.0, 5.0, 9.0)  # m/s: standing, too


def driven(state: SceneState, control: Control, speed: float, frames: int = 1) -> SceneState:
    for _ in range(frames):
        steer, accel = drive(state, control.command, speed, 0)
        state = step(state, [control.with_(steer=steer, accel=accel)])
    return state


def poses(number: int, event: int) -> list[tuple[SceneState, float]]:
    """Places all over the town, before junctions and in them."""
    found = []
    for k in range(number):
        speed = SPEEDS[k % len(SPEEDS)]
        state = start(town(), 31 * k + event, speed=speed, s=5.0 + 22.0 * (k % 4))
        found.append((driven(state, Control(), speed, 4 * (k % 3)), speed))
    return found


def actor(state: SceneState) -> np.void:
    agents = state.agents[0]
    return agents[int(np.flatnonzero(agents["id"] == state.event[0]["actor"])[0])]


def until_begun(state: SceneState, control: Control, speed: float) -> SceneState | None:
    for _ in range(SOON):
        before, state = state, driven(state, control, speed)
        if facts(state).event_visible:
            _appeared_fairly(before, state)
            return state
    return None


def _appeared_fairly(before: SceneState, state: SceneState) -> None:
    """Who is suddenly in the picture, is not near; kerbs hide people, animals and bicycles."""
    one, car = actor(state), state.ego[0]
    if int(one["id"]) in before.agents[0]["id"] or one["kind"] in (Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEER):
        return
    away = math.hypot(one["x"] - car["x"], one["y"] - car["y"])
    assert away > 15.0 or not in_view(car["x"], car["y"], car["heading"], one["x"], one["y"], 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(("event", "side", "level"), ASKED)
def test_an_event_begins_within_eight_seconds_on_its_side(event: Event, side: Side, level: int) -> None:
    control = Control(event=event, side=side, level=level)
    for state, speed in poses(4, int(event)):
        begun = until_begun(state, control, speed)
        assert begun is not None
        if side != Side.NONE:
            car, one = begun.ego[0], actor(begun)
            _, left = ahead_left(car["x"], car["y"], car["heading"], one["x"], one["y"])
            assert (left > 0) == (side == Side.LEFT)


@pytest.mark.parametrize("event", [event for event in Event if event])
def test_nobody_jumps_and_all_become_ordinary_or_leave(event: Event) -> None:
    side = Side.RIGHT if event in SIDED_EVENTS else Side.NONE
    state = start(town(), 3 + int(event), speed=6.0, density=0.5)
    for frame in range(140):
        control = Control(event=event, side=side, level=2) if frame < 60 else Control()
        before, state = state, driven(state, control, 6.0)
        old, new = before.agents[0], state.agents[0]
        same = (old["id"] == new["id"]) & (old["kind"] == new["kind"]) & (new["kind"] != 0)
        moved = np.hypot(new["x"] - old["x"], new["y"] - old["y"])[same]
        assert (moved < 2.0).all()  # 20 m/s
    lanes, left = len(town().map.lanes), state.agents[0]
    ordinary = left[(left["kind"] != 0) & (left["role"] == 0)]
    assert (ordinary["mode"] < BEGINS).all()
    assert ordinary["lane"].max() < max(lanes, len(town().map.walks))
    driving = np.isin(left["kind"], [int(Kind.CAR), int(Kind.VAN), int(Kind.BICYCLE)]) & (left["role"] != 0)
    assert driving.sum() <= 1


def test_who_steps_out_goes_on_as_one_of_the_people() -> None:
    state = start(town(), 12, speed=0.0, density=0.0)
    control = Control(event=Event.PED_CROSS, side=Side.RIGHT, level=1)
    state = driven(state, control, 0.0)
    who = int(state.event[0]["actor"])
    state = driven(state, control, 0.0, 200)
    person = state.agents[0][state.agents[0]["id"] == who]
    assert len(person) == 1
    assert int(person["role"][0]) == 0
    assert int(person["lane"][0]) >= 0
    assert int(state.event[0]["stage"]) == 3


def test_what_is_placed_looks_its_part() -> None:
    def begun(event: Event, level: int = 2) -> tuple[SceneState, np.void]:
        state = until_begun(start(town(), 5, density=0.0), Control(event=event, level=level), 7.0)
        assert state is not None
        return state, actor(state)

    assert begun(Event.STALLED)[1]["lights"] == int(Lights.LEFT | Lights.RIGHT)
    assert begun(Event.EMERGENCY)[1]["lights"] & int(Lights.BEACON)
    assert begun(Event.DEBRIS)[1]["kind"] == Kind.DEBRIS
    state, board = begun(Event.ROAD_WORK)
    assert board["kind"] == Kind.BOARD
    assert (state.agents[0]["kind"] == Kind.CONE).sum() >= 4
    child = until_begun(start(town(), 5, density=0.0), Control(event=Event.PED_CROSS, side=Side.LEFT, level=3), 7.0)
    assert child is not None
    assert actor(child)["kind"] == Kind.CHILD


def test_the_car_ahead_brakes_hard_and_shows_it() -> None:
    state = start(town(), 5, density=0.0)
    control = Control(event=Event.HARD_BRAKE, level=3)
    hardest, shone = 0.0, False
    for _ in range(60):
        state = driven(state, control, 7.0)
        if state.event[0]["stage"] == 2:
            hardest = min(hardest, float(actor(state)["accel"]))
            shone = shone or bool(actor(state)["lights"] & int(Lights.BRAKE))
    assert hardest < -5.0
    assert shone


@pytest.mark.parametrize("event", [Event.ONCOMING, Event.EMERGENCY])
@pytest.mark.parametrize("speed", [0.0, 8.0])
def test_who_comes_towards_us_does_not_ram_us(event: Event, speed: float) -> None:
    for seed in range(4):
        state = start(town(), seed, speed=speed, density=0.0)
        for _ in range(120):
            state = driven(state, Control(event=event, level=2), speed)
            assert not facts(state).collision


def test_roles_write_to_nothing_and_decide_the_same_twice() -> None:
    state = start(town(), 9)
    place, ego, agents = tables(town().map), state.ego.copy(), state.agents[0].copy()
    for event in Event:
        event_in = state.event.copy()
        before = (event_in.tobytes(), ego.tobytes(), agents.tobytes())
        twice = [roles(place, state.seed[0], 40, event_in, (int(event), 1, 2), ego, agents) for _ in range(2)]
        assert (event_in.tobytes(), ego.tobytes(), agents.tobytes()) == before
        assert twice[0][0].tobytes() == twice[1][0].tobytes()
        assert twice[0][1].tobytes() == twice[1][1].tobytes()


def test_without_an_actor_nothing_is_visible() -> None:
    state = start(town(), 1)
    assert not visible(state.ego[0], state.agents[0], state.event[0])


@pytest.mark.parametrize("left", [2.6, -2.6])
def test_who_plays_a_part_does_not_scrape_along_our_car(left: float) -> None:
    """A car beside ours that swings in at once: it keeps beside us, or stands."""
    t, state = tables(town().map), start(town(), 3, speed=0.0, s=30.0, density=0.0)
    ego, agents = state.ego, state.agents[0].copy()
    a, heading = agents[0:1], float(ego["heading"][0])
    a["kind"], a["id"], a["role"], a["mode"] = int(Kind.CAR), 7, int(Event.CUT_IN), ACTS
    a["length"], a["width"], a["height"] = SIZES[Kind.CAR]
    a["x"] = ego["x"] + 1.5 * math.cos(heading) - left * math.sin(heading)
    a["y"] = ego["y"] + 1.5 * math.sin(heading) + left * math.cos(heading)
    a["heading"], a["lane"], a["speed"], a["left"] = heading, -1, 5.0, left
    a["memory"][0, HEADING], a["memory"][0, PACE] = heading, 5.0
    wanted = np.full((len(agents), 2), np.nan)
    wanted[0] = 0.0, 0.0  # on at 5 m/s, to the middle of our way
    met = 0
    for _ in range(15):
        move(t, ego[0], agents, 0, 5.0, 0.0, 3.4, 3.0, wanted)
        x, y = ego["x"][0] + CENTRE * math.cos(heading), ego["y"][0] + CENTRE * math.sin(heading)
        met += touching_car(agents, x, y, heading, EGO_LENGTH, EGO_WIDTH) >= 0
    assert met == 0
    away = (a["x"][0] - ego["x"][0]) * math.cos(heading) + (a["y"][0] - ego["y"][0]) * math.sin(heading)
    assert away > 5.0 or a["speed"][0] < 0.5
