"""The rule-based autopilot: pure pursuit of the reference path, speeds in bends, distance to others, signals, right of way.

Intelligent driver model: Treiber, Hennecke, Helbing 2000, arXiv cond-mat/0002177. Pure pursuit: Coulter 1992, CMU-RI-TR-92-01.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.dynamics.path import AHEAD, SPACING, ahead, navigate
from world.dynamics.right_of_way import COMMITTED, conflict_stop, stops_inside
from world.dynamics.situation import situation
from world.kinematics import (
    EGO_LENGTH,
    MAX_ACCELERATION,
    MAX_BRAKING,
    MAX_WHEEL_ANGLE,
    REAR_AXLE_TO_FRONT,
    WHEELBASE,
)
from world.scene.objects import Kind
from world.scene.query import wrap
from world.scene.state import SceneState

SIDEWAYS, BEND_BRAKE = 3.0, 2.6  # m/s2 in bends, and braking towards one
SIGHT = 60.0  # m
BROAD = 1.1  # m to either side that our car needs
_PERSON, _CHILD, _DOG, _DEER = (int(kind) for kind in (Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEER))


def drive(state: SceneState, command: int, target: float, row: int = 0) -> tuple[float, float]:
    """(steer, accel) in [-1, 1] for one drive; target speed in m/s."""
    return _advise(*situation(state, command, target, row))


@njit(cache=True)
def _idm(speed: float, wish: float, gap: float, lead: float) -> float:
    gap = max(gap, 0.1)
    desired = 2.0 + max(0.0, 1.1 * speed + speed * (speed - lead) / (2 * math.sqrt(2.0 * 2.6)))
    return max(-MAX_BRAKING, 2.0 * (1 - (speed / max(wish, 0.5)) ** 4 - (desired / gap) ** 2))


@njit(cache=True)
def _nearest_on(path, x: float, y: float):
    """(index, distance) of the path's point nearest to (x, y)."""
    best, nearest = 1e18, 0
    for k in range(len(path)):
        d2 = (path[k, 0] - x) ** 2 + (path[k, 1] - y) ** 2
        if d2 < best:
            best, nearest = d2, k
    return nearest, math.sqrt(best)


@njit(cache=True)
def _advise(t, everyone, egos, command, target, seed, seconds):  # noqa: C901 (a compiled loop)
    lanes, points, successors, signals, stop_line = t.lanes, t.points, t.successors, t.signals, t.stop_line
    ego, agents = egos[0], everyone[: len(everyone) - 1]
    speed = ego.speed
    if ego.lane < 0:  # nowhere near a street: stop
        return 0.0, -0.5
    onward, goal, _ = navigate(lanes, points, successors, ego, command, seed)
    path = np.empty((AHEAD, 3))
    line = ahead(lanes, points, successors, ego, onward, goal, seed, path)

    look = min(13.0, 3.4 + 0.45 * speed) + min(4.0, abs(ego.left)) * (0.8 if goal < 0 else 0.4)
    if goal >= 0:
        look = max(look, 6.0 + 0.9 * speed)
    at_most = min(AHEAD - 1, int(look / SPACING) + 1)
    dx, dy = path[at_most, 0] - ego.x, path[at_most, 1] - ego.y
    angle = wrap(math.atan2(dy, dx) - ego.heading)
    bend = 2 * math.sin(angle) / max(2.0, math.hypot(dx, dy))
    steer = math.atan(bend * WHEELBASE) / MAX_WHEEL_ANGLE
    if abs(angle) > math.pi / 2:
        steer = 1.0 if angle > 0 else -1.0
    steer = min(1.0, max(-1.0, steer))

    wish = target
    for k in range(2, min(AHEAD - 3, 48)):
        curve = abs(wrap(path[k + 2, 2] - path[k - 2, 2])) / (4 * SPACING)
        allowed = math.sqrt(SIDEWAYS / max(curve, 1e-3))
        wish = min(wish, math.sqrt(allowed * allowed + 2 * BEND_BRAKE * max(0.0, k * SPACING - 3.0)))

    front = REAR_AXLE_TO_FRONT
    lead_gap, lead_speed, block = SIGHT, 0.0, SIGHT
    for n in range(len(agents)):
        a = agents[n]
        if a.kind == 0 or abs(a.x - ego.x) + abs(a.y - ego.y) > 85.0:
            continue
        if a.kind == _PERSON or a.kind == _CHILD or a.kind == _DOG or a.kind == _DEER:
            for step in range(5):
                time = 0.6 * step
                k, away = _nearest_on(
                    path, a.x + time * a.speed * math.cos(a.heading), a.y + time * a.speed * math.sin(a.heading)
                )
                if away < 1.7 and k * SPACING > front - 0.5 and k * SPACING - front < max(8.0, 3.2 * speed):
                    block = min(block, k * SPACING - front - 2.8)
                    break
            continue
        reach = BROAD + 0.5 * a.width
        nearest_k = 10**6
        for part in range(4):
            back = (0.47 - 0.31 * part) * a.length
            k, away = _nearest_on(path, a.x + back * math.cos(a.heading), a.y + back * math.sin(a.heading))
            if away < reach and k * SPACING > front - 1.5:
                nearest_k = min(nearest_k, k)
        if nearest_k < 10**6:
            gap = nearest_k * SPACING - front - 0.5
            same = abs(wrap(a.heading - path[nearest_k, 2])) < 1.2
            if same:
                if gap < lead_gap:
                    lead_gap, lead_speed = gap, a.speed
            else:
                block = min(block, gap - 1.0)
            continue
        if a.speed > 1.0:
            heading, x, y = a.heading, a.x, a.y
            for step in range(9):
                heading += 0.3 * max(-0.8, min(0.8, a.yaw_rate))
                x += 0.3 * a.speed * math.cos(heading)
                y += 0.3 * a.speed * math.sin(heading)
                k, away = _nearest_on(path, x, y)
                if away < 2.0 and k * SPACING > front + 0.5:
                    meets = abs(k * SPACING / max(speed, 2.0) - 0.3 * (step + 1)) < 1.2
                    across = abs(wrap(heading - path[k, 2]))
                    if meets and 0.6 < across < 2.6:
                        block = min(block, k * SPACING - front - 2.5)
                        break

    bumper = line - front - (lanes[ego.lane].length - stop_line[ego.lane] if line < 1e8 else 0.0)
    if onward >= 0 and -1.0 < bumper < SIGHT:
        stop = bumper - 0.4
        signal = lanes[onward].signal
        if signal >= 0:
            now = seconds % signals[signal].cycle
            since_green = (now - signals[signal].green) % signals[signal].cycle
            lit = (signals[signal].amber - signals[signal].green) % signals[signal].cycle
            dark = (signals[signal].red - signals[signal].green) % signals[signal].cycle
            if since_green >= dark or (since_green >= lit and stop > speed * speed / 8.0):
                block = min(block, stop)
        if stop < max(30.0, 3.0 * speed):
            u = front - 0.5 * EGO_LENGTH - line
            committed = bumper < -COMMITTED
            most, merging, merging_speed = conflict_stop(t, everyone, len(everyone) - 1, onward, u, committed, seconds)
            if most < SIGHT:
                block = min(block, most if stops_inside(lanes, onward, committed) else stop)
            if merging < lead_gap:
                lead_gap, lead_speed = merging, merging_speed
    elif lanes[ego.lane].junction >= 0:
        u = ego.s + front - 0.5 * EGO_LENGTH
        most, merging, merging_speed = conflict_stop(t, everyone, len(everyone) - 1, ego.lane, u, True, seconds)
        block = min(block, most)
        if merging < lead_gap:
            lead_gap, lead_speed = merging, merging_speed

    accel = min(2.8, 1.3 * (wish - speed)) if wish > speed else max(-4.5, 1.3 * (wish - speed))
    if lead_gap < SIGHT:
        accel = min(accel, _idm(speed, max(wish, 1.0), lead_gap, lead_speed))
    if block < SIGHT:
        accel = min(accel, _idm(speed, max(wish, 1.0), block + 1.2, 0.0))
    if wish < 0.1 and speed < 0.6:
        accel = -2.0
    pedal = accel / MAX_ACCELERATION if accel > 0 else accel / MAX_BRAKING
    return steer, min(1.0, max(-1.0, pedal))
