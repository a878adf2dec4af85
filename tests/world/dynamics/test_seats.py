"""A second seat: the drive from there is the same drive, and everybody in it takes the second car for a car."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.world.dynamics.test_route_ahead import along_the_high_street
from tests.world.grid import town
from world.controls import Control
from world.dynamics.driver import drive
from world.dynamics.people import may_cross
from world.dynamics.seats import Seat, driven_on, given_up, seated, seen_from, swapped, take_seat, touched
from world.dynamics.spawn import RETIRED
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.errors import DataError
from world.scene.check import check
from world.scene.objects import AGENT, DRIVEN, Kind
from world.scene.state import SceneState

STAND = Control(accel=-1.0)


def together(state: SceneState, seat: Seat, ours: Control, theirs: Control) -> tuple[SceneState, Seat]:
    """A step of both cars."""
    seat = driven_on(state, seat, theirs)
    return touched(step(seated(state, seat), [ours]), seat)


def on_the_lane(ahead: float, density: float = 0.0) -> tuple[SceneState, Seat]:
    """Our car, and the second one so many metres along its lane, standing."""
    state = replace(along_the_high_street(), density=np.array([density]))
    ego = state.ego.copy()
    ego["x"], ego["s"], ego["speed"] = ego["x"] + ahead, ego["s"] + ahead, 0.0
    seat = Seat(5, 1 << 28, ego)
    return seated(state, seat), seat


def with_a_car(state: SceneState, ahead: float, speed: float) -> SceneState:
    """One of the traffic on our car's lane, so far from it."""
    agents, ego = state.agents.copy(), state.ego[0]
    a = agents[0, 9:10]
    a["kind"], a["id"], a["length"], a["width"], a["height"], a["wish"] = int(Kind.CAR), 77, 4.5, 1.8, 1.5, 1.0
    a["x"], a["y"], a["heading"], a["speed"] = ego["x"] + ahead, ego["y"], ego["heading"], speed
    a["lane"], a["s"], a["next"], a["goal"] = ego["lane"], ego["s"] + ahead, -1, -1
    return replace(state, agents=agents)


def test_changed_over_twice_it_is_the_same_drive_to_the_last_bit() -> None:
    state, seat = take_seat(start(town(), 4))
    for _ in range(20):
        state, seat = together(state, seat, Control(accel=0.2), Control(accel=0.1, steer=0.05))
    view, ours = swapped(state, seat)
    again, theirs = swapped(view, ours)
    assert again.hash() == state.hash()
    assert (theirs.ego == seat.ego).all() and (theirs.slot, theirs.id) == (seat.slot, seat.id)
    others = np.delete(np.arange(state.agents.shape[1]), seat.slot)
    assert (view.agents[0, others] == state.agents[0, others]).all()
    assert (view.ego == seat.ego).all()
    assert view.agents[0, seat.slot]["role"] == DRIVEN and view.agents[0, seat.slot]["kind"] == Kind.CAR


def test_a_second_car_begins_on_a_lane_near_ours_and_apart_from_everybody() -> None:
    for seed in range(8):
        state, seat = take_seat(start(town(), seed))
        car = state.agents[0, seat.slot]
        away = np.hypot(car["x"] - state.ego["x"][0], car["y"] - state.ego["y"][0])
        assert 5.0 < away < 145.0
        assert touched(state, seat)[1].ego["contact"][0] == -1
        assert state.places[0].map.lanes["street"][seat.ego["lane"][0]] >= 0


def test_a_full_record_has_no_seat() -> None:
    state = start(town(), 4)
    agents = state.agents.copy()
    agents["kind"][:] = int(Kind.CONE)
    with pytest.raises(DataError, match="no free place"):
        take_seat(replace(state, agents=agents))


def test_the_second_car_goes_as_ours_would() -> None:
    state, seat = on_the_lane(30.0)
    view = seen_from(state, seat)
    control = Control(accel=0.6, steer=0.1)
    _, moved = together(state, seat, STAND, control)
    alone = step(replace(view, agents=np.zeros_like(view.agents)), [control])
    for name in ("x", "y", "heading", "speed", "lane", "s", "left", "driven"):
        assert moved.ego[name][0] == alone.ego[name][0]


def test_traffic_stops_behind_the_second_car() -> None:
    state, seat = on_the_lane(60.0)
    state = with_a_car(state, 12.0, 9.0)
    touches = 0
    for _ in range(120):
        state, seat = together(state, seat, STAND, STAND)
        touches += seat.ego["contact"][0] == 77
    follower = state.agents[0, 9]
    gap = float(seat.ego["x"][0]) - float(follower["x"])
    assert follower["id"] == 77 and follower["speed"] < 0.3 and touches == 0
    assert 2.0 < gap < 20.0


def test_our_driver_stops_behind_it_and_its_driver_behind_ours() -> None:
    for guest_ahead in (True, False):
        state, seat = on_the_lane(40.0)
        if not guest_ahead:
            state, seat = swapped(state, seat)
        for _ in range(150):
            view = seen_from(state, seat)
            seen = state if guest_ahead else view
            steer, accel = drive(seen, 0, 8.0)
            moving = Control(steer=steer, accel=accel)
            state, seat = together(state, seat, *((moving, STAND) if guest_ahead else (STAND, moving)))
        gap = abs(float(seat.ego["x"][0] - state.ego["x"][0]))
        assert 4.4 < gap < 25.0
        assert state.ego["contact"][0] == seat.ego["contact"][0] == -1


def test_who_runs_into_the_other_both_are_told() -> None:
    state, seat = on_the_lane(20.0)
    for _ in range(40):
        state, seat = together(state, seat, Control(accel=1.0), STAND)
        if state.ego["contact"][0] >= 0:
            break
    assert state.ego["contact"][0] == seat.ego["contact"][0] == seat.id
    assert state.ego["speed"][0] == 0.0


def test_people_do_not_step_out_before_it() -> None:
    there = tables(town().map)
    crossing = int(np.flatnonzero(there.crossings["signal"] < 0)[0])
    c = there.crossings[crossing]
    agents = np.zeros(1, AGENT)
    far = (1e4, 1e4, 0.0, 0.0)
    assert may_cross(there, agents, crossing, 0.0, *far)
    state, seat = on_the_lane(30.0)
    car = state.agents[0, seat.slot : seat.slot + 1].copy()
    towards = np.arctan2(c["y1"] - c["y0"], c["x1"] - c["x0"]) + np.pi / 2
    middle = (c["x0"] + c["x1"]) / 2, (c["y0"] + c["y1"]) / 2
    car["x"], car["y"] = middle[0] - 12 * np.cos(towards), middle[1] - 12 * np.sin(towards)
    car["heading"], car["speed"] = towards, 8.0
    assert not may_cross(there, car, crossing, 0.0, *far)


def test_there_is_traffic_round_both_where_they_are_far_apart() -> None:
    state = start(town(), 4, density=1.0)
    lanes, points = state.places[0].map.lanes, state.places[0].map.points
    far = int(np.argmax(np.hypot(points["x"] - state.ego["x"][0], points["y"] - state.ego["y"][0])))
    ego = state.ego.copy()
    lane = int(tables(state.places[0].map).point_lane[far])
    ego["x"], ego["y"], ego["heading"] = points["x"][far], points["y"][far], points["heading"][far]
    ego["lane"], ego["s"], ego["speed"] = lane, min(points["s"][far], lanes["length"][lane]), 0.0
    slot = int(np.flatnonzero(state.agents["kind"][0] == 0)[0])
    seat = Seat(slot, 1 << 28, ego)
    state = seated(state, seat)
    for _ in range(300):
        state, seat = together(state, seat, STAND, STAND)
    for x, y in ((state.ego["x"][0], state.ego["y"][0]), (ego["x"][0], ego["y"][0])):
        near = np.hypot(state.agents["x"][0] - x, state.agents["y"][0] - y) < RETIRED
        assert (near & np.isin(state.agents["kind"][0], [1, 2, 3, 4])).sum() > 2


def test_given_up_it_is_one_of_the_traffic_and_the_record_is_sound() -> None:
    state, seat = take_seat(start(town(), 4))
    left = given_up(state)
    check(left)
    car = left.agents[0, seat.slot]
    assert car["role"] == 0 and car["kind"] == Kind.CAR and car["lane"] == seat.ego["lane"][0]
    before = float(car["x"]), float(car["y"])
    for _ in range(30):
        left = step(left, [STAND])
    car = left.agents[0, seat.slot]
    assert car["id"] == seat.id and np.hypot(car["x"] - before[0], car["y"] - before[1]) > 5.0
    alone = start(town(), 4)
    assert given_up(alone) is alone
