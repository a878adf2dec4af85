"""Our car's route: its place on the map, the connection for a command, and the points of its reference path."""

from __future__ import annotations

import math

from numba import njit

from world.controls import Command
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.query import project, wrap
from world.scene.random import uniform

AHEAD, SPACING = 72, 1.0  # points of the reference path, m between them
COMMITTED = 6.0  # m before a lane's end from which on the choice at the junction is fixed
SETTLED = 0.45  # m from a lane's centre at which a lane change is over
ROOM_TO_CHANGE = 18.0  # m of lane that a change needs
ASTRAY, ASTRAY_ANGLE = 3.2, 1.3  # m, rad: beyond this distance from its lane the car may be matched to another
ROUTE = 7  # purpose of random numbers

_FOLLOW, _STRAIGHT, _LEFT, _RIGHT = (int(c) for c in (Command.FOLLOW, Command.STRAIGHT, Command.LEFT, Command.RIGHT))
_LANE_LEFT, _LANE_RIGHT = int(Command.LANE_LEFT), int(Command.LANE_RIGHT)


@njit(cache=True)
def at(lanes, points, lane: int, s: float):
    """(x, y, heading) on a lane's centre line, which continues straight past its ends."""
    first, count = lanes[lane].first, lanes[lane].count
    low, high = first, first + count - 2
    while low < high:
        middle = (low + high + 1) // 2
        if points[middle].s <= s:
            low = middle
        else:
            high = middle - 1
    a, b = points[low], points[low + 1]
    length = max(b.s - a.s, 1e-9)
    share = (s - a.s) / length
    heading = math.atan2(b.y - a.y, b.x - a.x)
    return a.x + share * (b.x - a.x), a.y + share * (b.y - a.y), heading


@njit(cache=True)
def nearest(lanes, points, point_lane, x: float, y: float, heading: float):
    """(lane, distance) of the lane that fits a pose best; -1 where none is within 12 m and ASTRAY_ANGLE."""
    best, lane, away = 1e18, -1, 0.0
    for k in range(len(points)):
        dx, dy = points[k].x - x, points[k].y - y
        d2 = dx * dx + dy * dy
        if d2 > 144.0:
            continue
        turn = abs(wrap(points[k].heading - heading))
        if turn > ASTRAY_ANGLE:
            continue
        cost = d2 + 9.0 * turn * turn + (4.0 if lanes[point_lane[k]].street < 0 else 0.0)
        if cost < best:
            best, lane, away = cost, point_lane[k], math.sqrt(d2)
    return lane, away


@njit(cache=True)
def out_with(lanes, successors, lane: int, turn: int) -> int:
    """The connection of a street lane with a turn; -1: none."""
    first = lanes[lane].first_out
    for k in range(first, first + lanes[lane].outs):
        if lanes[successors[k]].turn == turn:
            return successors[k]
    return -1


@njit(cache=True)
def choose_out(lanes, successors, lane: int, command: int, seed) -> int:
    """The connection for a command, else straight on, else any, by the drive's seed."""
    turn = LEFT if command == _LEFT else RIGHT if command == _RIGHT else STRAIGHT
    choice = out_with(lanes, successors, lane, turn)
    if choice < 0:
        choice = out_with(lanes, successors, lane, STRAIGHT)
    if choice < 0 and lanes[lane].outs > 0:
        pick = int(uniform(seed, lanes[lane].end_junction, lane, ROUTE) * lanes[lane].outs)
        choice = successors[lanes[lane].first_out + pick]
    return choice


@njit(cache=True)
def towards_turn(lanes, successors, lane: int, turn: int) -> int:
    """The neighbouring lane in the direction of a lane that allows the turn; -1: no need, or no such lane."""
    if out_with(lanes, successors, lane, turn) >= 0:
        return -1
    left, right = lanes[lane].left, lanes[lane].right
    while left >= 0 or right >= 0:
        if left >= 0:
            if out_with(lanes, successors, left, turn) >= 0:
                return lanes[lane].left
            left = lanes[left].left
        if right >= 0:
            if out_with(lanes, successors, right, turn) >= 0:
                return lanes[lane].right
            right = lanes[right].right
    return -1


@njit(cache=True)
def navigate(lanes, points, successors, ego, command: int, seed):
    """(next connection, lane to change to, stage of a lane change) for a command; -1: none.

    Stages: 0 not yet possible, 1 under way, 2 done, kept while the same command lasts.
    """
    lane, goal, onward = ego.lane, ego.goal, ego.next
    stage = int(ego.memory[0]) if command == ego.command else 0
    if lane < 0 or lanes[lane].street < 0:
        return -1, -1, stage
    left_over = lanes[lane].length - ego.s
    committed = onward >= 0 and left_over < COMMITTED and lanes[onward].source == lane
    if command in (_LANE_LEFT, _LANE_RIGHT):
        if stage == 1 and goal < 0:
            stage = 2
        if stage == 0:
            beside = lanes[lane].left if command == _LANE_LEFT else lanes[lane].right
            if beside >= 0 and left_over > ROOM_TO_CHANGE:
                goal, stage = beside, 1
    elif command in (_LEFT, _RIGHT):
        beside = towards_turn(lanes, successors, lane, LEFT if command == _LEFT else RIGHT)
        if goal < 0 and beside >= 0 and left_over > ROOM_TO_CHANGE:
            goal = beside
    if not committed:
        onward = choose_out(lanes, successors, lane, command, seed)
    return onward, goal, stage


@njit(cache=True)
def follow(lanes, points, successors, point_lane, ego, seed) -> None:
    """Updates the car's place on the map from its pose, in place: the same lane, the one after it, a neighbour, or the nearest."""
    if ego.lane < 0:
        ego.lane, _ = nearest(lanes, points, point_lane, ego.x, ego.y, ego.heading)
        ego.next, ego.goal = -1, -1
        if ego.lane < 0:
            return
    s, left, away = project(lanes, points, ego.lane, ego.x, ego.y)
    for _ in range(3):
        if s <= lanes[ego.lane].length:
            break
        if lanes[ego.lane].street < 0:
            onward = lanes[ego.lane].target
        else:
            onward = ego.next if ego.next >= 0 else choose_out(lanes, successors, ego.lane, 0, seed)
        if onward < 0:
            break
        ego.lane, ego.next, ego.goal = onward, -1, -1
        s, left, away = project(lanes, points, ego.lane, ego.x, ego.y)
    if lanes[ego.lane].street >= 0:
        beside = lanes[ego.lane].left if left > 0 else lanes[ego.lane].right
        if abs(left) > 0.5 * lanes[ego.lane].width and beside >= 0:
            if ego.goal != beside:
                ego.goal = -1
            ego.lane, ego.next = beside, -1
            s, left, away = project(lanes, points, ego.lane, ego.x, ego.y)
        if ego.goal == ego.lane and abs(left) < SETTLED:
            ego.goal = -1
    _, _, along = at(lanes, points, ego.lane, min(max(s, 0.0), lanes[ego.lane].length))
    if away > ASTRAY or abs(wrap(along - ego.heading)) > ASTRAY_ANGLE:
        other, distance = nearest(lanes, points, point_lane, ego.x, ego.y, ego.heading)
        if other >= 0 and other != ego.lane and distance < away:
            ego.lane, ego.next, ego.goal = other, -1, -1
            s, left, away = project(lanes, points, other, ego.x, ego.y)
    ego.s, ego.left = s, left


@njit(cache=True)
def ahead(lanes, points, successors, ego, onward: int, goal: int, seed, out):
    """Fills out float64 [AHEAD, 3] with the reference path: (x, y, heading) every SPACING m from the rear axle.

    During a lane change it follows the other lane's centre line. Returns the distance to the lane's end, 1e9 on a connection.
    """
    lane, s = ego.lane, ego.s
    line = 1e9
    if lanes[lane].street >= 0:
        line = lanes[lane].length - s
        if goal >= 0:
            s, _, _ = project(lanes, points, goal, ego.x, ego.y)
            lane = goal
            onward = choose_out(lanes, successors, lane, ego.command, seed)
    for k in range(len(out)):
        while s > lanes[lane].length:
            then = onward if lanes[lane].street >= 0 else lanes[lane].target
            if then < 0:
                break
            s -= lanes[lane].length
            lane = then
            onward = choose_out(lanes, successors, lane, 0, seed) if lanes[lane].street >= 0 else -1
        x, y, heading = at(lanes, points, lane, s)
        out[k, 0], out[k, 1], out[k, 2] = x, y, heading
        s += SPACING
    return line
