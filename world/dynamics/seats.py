"""A second seat: a car in the same drive for a second driver, and the drive from its point of view.

For all others that car is an agent (role DRIVEN): traffic brakes for it, people wait for it, no rule moves it. A `Seat` holds the rest of
its driver's state. `swapped` exchanges the two cars, so that all functions of a drive's own car (driver, facts, reference path,
map, picture) work for the second one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from world.controls import DT, Command, Control
from world.dynamics.car import move_car, touch
from world.dynamics.path import at, choose_out
from world.dynamics.roles.moves import release
from world.dynamics.spawn import has_room
from world.dynamics.step import blank_ego
from world.dynamics.tables import tables
from world.dynamics.vehicles import everybody
from world.errors import DataError
from world.kinematics import EGO_LENGTH
from world.scene.objects import AGENT, DRIVEN, GUEST_LOOK, OUR_LOOK
from world.scene.state import AGENTS, SceneState

FIRST_ID = 1 << 28  # ids of such cars; those of vehicles are below, those of people above
NEAREST, FURTHEST = 9.0, 140.0  # m from our car, where a second one may begin
AHEAD, ELSEWHERE, AGAINST = 20.0, 20.0, 80.0  # m of penalty for a place ahead, in another street, in another direction


@dataclass(frozen=True, eq=False)
class Seat:
    """The car in `slot` of a drive's agents. ego: its EGO [1]; look: its own, ours: that of the drive's own car."""

    slot: int
    id: int
    ego: np.ndarray
    look: int = GUEST_LOOK
    ours: int = OUR_LOOK


def take_seat(state: SceneState) -> tuple[SceneState, Seat]:
    """Adds a second car on a free place near ours, behind it if there is room. For one drive. DataError where there is no free place."""
    free = np.flatnonzero(state.agents[0]["kind"] == 0)
    ego = _begin(state) if len(free) else None
    if ego is None:
        raise DataError("There is no free place for another car in this street; try again further on.")
    seat = Seat(int(free[len(free) // 2]), FIRST_ID + int(state.clock[0]), ego)
    return seated(state, seat), seat


def seated(state: SceneState, seat: Seat) -> SceneState:
    """The drive with the seat's car updated among its agents."""
    agents = state.agents.copy()
    car = everybody(seat.ego, agents[0])[AGENTS:]
    car["id"], car["role"], car["look"] = seat.id, DRIVEN, seat.look
    car["lights"], car["phase"] = seat.ego["lights"], seat.ego["driven"]
    agents[0, seat.slot] = car[0]
    return replace(state, agents=agents)


def swapped(state: SceneState, seat: Seat) -> tuple[SceneState, Seat]:
    """The same moment with the two cars exchanged: the second is the drive's own, and ours is in the seat."""
    ours = Seat(seat.slot, seat.id, state.ego, seat.ours, seat.look)
    return seated(replace(state, ego=seat.ego), ours), ours


def seen_from(state: SceneState, seat: Seat) -> SceneState:
    """The drive from the point of view of a seat."""
    return swapped(state, seat)[0]


def driven_on(state: SceneState, seat: Seat, control: Control) -> Seat:
    """Advances the second car by a step under a control, as `step` does our own; call `step` with it in its new place."""
    ego, dark = seat.ego.copy(), bool(state.amounts[0].max() > 0.25)
    steer, accel = (0.0 if math.isnan(one) else one for one in (control.steer, control.accel))
    command = int(max(Command.FOLLOW, control.command))
    there, seconds = tables(state.places[0].map), DT * int(state.clock[0])
    move_car(there, state.seed[0], seat.ego[0], ego[0], steer, accel, command, dark, seconds)
    return replace(seat, ego=_frozen(ego))


def touched(state: SceneState, seat: Seat) -> tuple[SceneState, Seat]:
    """After a step: updates the second car's contact; a contact ahead stops it."""
    ego = seat.ego.copy()
    touch(ego[0], seen_from(state, seat).agents[0])
    seat = replace(seat, ego=_frozen(ego))
    return seated(state, seat), seat


def given_up(state: SceneState) -> SceneState:
    """The drive without a second driver: its car joins the traffic, or is removed where it is on no lane."""
    if not (state.agents["role"] == DRIVEN).any():
        return state
    agents = state.agents.copy()
    for row, slot in zip(*np.nonzero(agents["role"] == DRIVEN), strict=True):
        if not release(tables(state.places[row].map), state.seed[row], agents[row][slot : slot + 1][0]):
            agents[row, slot] = np.zeros((), AGENT)
            for name in ("lane", "next", "goal"):
                agents[name][row, slot] = -1
    return replace(state, agents=agents)


def _begin(state: SceneState) -> np.ndarray | None:
    """EGO [1] of a car on a free place near ours; None where there is none."""
    there, ego = tables(state.places[0].map), state.ego[0]
    lanes, points, lane = there.lanes, there.points, there.point_lane
    everyone = everybody(state.ego, state.agents[0])
    dx, dy = points["x"] - ego["x"], points["y"] - ego["y"]
    away = np.hypot(dx, dy)
    here = lanes["street"][int(ego["lane"])] if ego["lane"] >= 0 else -1
    onward = np.cos(points["heading"] - ego["heading"]) > 0.5
    cost = away + ELSEWHERE * (lanes["street"][lane] != here) + AGAINST * ~onward
    cost += AHEAD * (dx * np.cos(ego["heading"]) + dy * np.sin(ego["heading"]) > 0)
    fits = (away > NEAREST) & (away < FURTHEST) & (lanes["street"][lane] >= 0) & (lanes["outs"][lane] > 0)
    fits &= (points["s"] > EGO_LENGTH + 4.0) & (lanes["length"][lane] - points["s"] > EGO_LENGTH + 10.0)
    order = np.argsort(np.where(fits, cost, np.inf), kind="stable")
    for k in order[: int(fits.sum())]:
        on, s = int(lane[k]), float(points["s"][k])
        x, y, heading = at(lanes, points, on, s)
        to_line = max(0.0, float(there.stop_line[on]) - s - EGO_LENGTH)
        speed = min(float(ego["speed"]), 0.85 * float(lanes["limit"][on]), float(np.sqrt(3.0 * to_line)))
        if has_room(everyone, AGENTS + 1, x, y, heading, speed, EGO_LENGTH):
            car = blank_ego()
            car["x"], car["y"], car["heading"], car["speed"] = x, y, heading, speed
            car["lane"], car["s"] = on, s
            car["next"] = choose_out(lanes, there.successors, on, 0, state.seed[0])
            return _frozen(car)
    return None


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
