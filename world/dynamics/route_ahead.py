"""Our car's route: the junctions before a plan's turn, its end, and the reference path as a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.controls import Command
from world.dynamics.path import COMMITTED, ROOM_TO_CHANGE, choose_out, out_with
from world.dynamics.tables import Tables, tables
from world.scene.hd_map import AROUND, LEFT, RIGHT, STRAIGHT
from world.scene.state import SceneState

TURNS = {int(Command.LEFT): LEFT, int(Command.RIGHT): RIGHT, int(Command.STRAIGHT): STRAIGHT}
ARMS = {int(Command.LEFT): "left", int(Command.RIGHT): "right", int(Command.STRAIGHT): "straight"}  # of `JunctionSpec`
MOST = 24  # junctions of a route
LEAST = 200.0  # m of reference path, where streets continue


@dataclass(frozen=True, slots=True)
class RouteAhead:
    """passed: junctions before the first with the turn, all of them where none has it; found: whether one has it; end: that junction, or
    the last of the route; street: the one that leads to it; metres: to it."""

    passed: int
    found: bool
    end: int
    street: int
    metres: float


def route_ahead(state: SceneState, command: int, row: int = 0) -> RouteAhead | None:
    """The route for a command, up to the turn; None for a command without a turn, or off the lanes."""
    ego, there = state.ego[row], tables(state.places[row].map)
    lanes, lane, s, onward = there.lanes, int(ego["lane"]), float(ego["s"]), int(ego["next"])
    if command not in TURNS or lane < 0:
        return None
    metres = 0.0
    if lanes["street"][lane] < 0:  # inside a junction: what comes after it counts
        metres, lane, s, onward = float(lanes["length"][lane]) - s, int(lanes["target"][lane]), 0.0, -1
    for passed in range(MOST):
        rest = float(lanes["length"][lane]) - s
        metres += rest
        end, street = int(lanes["end_junction"][lane]), int(lanes["street"][lane])
        if _may(there, lane, TURNS[command], aside=rest > ROOM_TO_CHANGE):
            return RouteAhead(passed, True, end, street, metres)
        if onward < 0 or rest > COMMITTED or lanes["source"][onward] != lane:
            onward = int(choose_out(there.lanes, there.successors, lane, command, state.seed[row]))
        if onward < 0 or lanes["turn"][onward] == AROUND:
            return RouteAhead(passed, False, end, street, metres)
        metres += float(lanes["length"][onward])
        lane, s, onward = int(lanes["target"][onward]), 0.0, -1
    return RouteAhead(MOST, False, end, street, metres)


def line_ahead(state: SceneState, row: int = 0) -> np.ndarray:
    """Our car's reference path, float64 [N, 2] in m: from its position along the middle of whole lanes, for at least LEAST m where streets
    continue; N = 0 off the lanes. The command in force holds until its turn; after that the route goes straight on."""
    ego, there = state.ego[row], tables(state.places[row].map)
    lanes, command, metres = there.lanes, int(ego["command"]), LEAST
    lane, s, onward = int(ego["lane"]), float(ego["s"]), int(ego["next"])
    if ego["goal"] >= 0:
        lane, onward = int(ego["goal"]), -1
    line = [(float(ego["x"]), float(ego["y"]))] if lane >= 0 else []
    while lane >= 0 and metres > 0:
        points = there.points[lanes["first"][lane] : lanes["first"][lane] + lanes["count"][lane]]
        line.extend(points[["x", "y"]][points["s"] > s].tolist())
        metres -= max(float(lanes["length"][lane]) - s, 1.0)
        if lanes["street"][lane] < 0:
            lane = int(lanes["target"][lane])
        else:
            if onward < 0 or lanes["source"][onward] != lane:
                onward = int(choose_out(lanes, there.successors, lane, command, state.seed[row]))
            if onward >= 0 and lanes["turn"][onward] == TURNS.get(command):
                command = int(Command.FOLLOW)
            lane, onward = onward, -1
        s = 0.0
    return np.array(line).reshape(-1, 2)


def _may(there: Tables, lane: int, turn: int, aside: bool) -> bool:
    """Whether a turn can be made at a lane's end, or (`aside`) from a lane beside it."""
    if out_with(there.lanes, there.successors, lane, turn) >= 0:
        return True
    for side in ("left", "right") if aside else ():
        other = int(there.lanes[side][lane])
        while other >= 0:
            if out_with(there.lanes, there.successors, other, turn) >= 0:
                return True
            other = int(there.lanes[side][other])
    return False
