"""The expert: follows the path (pure pursuit), its target speed, the car ahead (IDM) and the lights, and stops for
people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.kinematics import MAX_ACCELERATION, MAX_BRAKING, MAX_WHEEL_ANGLE, REAR_AXLE_TO_FRONT, WHEELBASE
from world.town.detour import stands
from world.town.models import KINDS
from world.town.recovery import REACH, way_back
from world.town.route import Fix, Route, wrap
from world.town.scene import Raster
from world.town.traffic import Other

LATERAL = 3.0  # m/s2 in bends
COMFORT = 2.6  # m/s2, braking towards a bend
LOOKAHEAD = 60.0  # m
ROOM = 4.5  # m to keep before an obstacle, to swing out
ASTRAY = 1.9  # m from the path; further off, the expert looks for a way back
BACK_SPEED = 7.0  # m/s on the way back, less the further off
SECONDS_AHEAD = np.arange(0.3, 2.71, 0.3)  # times at which others are predicted


@dataclass(frozen=True, slots=True)
class Advice:
    """What the expert would do, and why: the gap to the car ahead and to whatever it must stop for (m; 60 for nothing).

    steer, accel in [-1, 1]; lead: id of the car ahead.
    """

    steer: float
    accel: float
    lead_distance: float
    lead: str | None
    stop_distance: float
    for_light: bool


def advise(  # noqa: C901
    route: Route,
    x: float,
    y: float,
    heading: float,
    speed: float,
    target: float,
    others: list[Other],
    light: str | None,
    fix: Fix | None = None,
    solid: Raster | None = None,
    off_road: bool = False,
) -> Advice:
    """One frame's advice. (x, y): the rear axle; light: colour at the next stop line, None without one; target in m/s.

    Off its lane (by `fix`, or `off_road`) it drives slowly back, round what is `solid` or in the way.
    """
    offset = fix.offset if fix else 0.0
    steer = _pursue(route, x, y, heading, speed, abs(offset))
    points, s = route.ahead(LOOKAHEAD)
    front = route.s + REAR_AXLE_TO_FRONT
    lead_gap, lead_speed, lead = LOOKAHEAD, 0.0, None
    block = LOOKAHEAD
    for other in others:
        if abs(other.x - x) + abs(other.y - y) > 75:
            continue
        if other.kind == "person":
            at = _person_in_path(other, points, s, front, speed)
            if at is not None:
                block = min(block, at - front - 2.8)
            continue
        gap = _vehicle_in_path(other, points, s, front)
        if gap is not None and stands(other):
            block = min(block, gap - ROOM)
        elif gap is not None:
            _, _, along = route.point(min(front + gap, float(s[-1])))
            if abs(wrap(other.heading - along)) < 1.2 and gap < lead_gap:
                lead_gap, lead_speed, lead = gap, other.speed, other.id
            elif abs(wrap(other.heading - along)) >= 1.2:
                block = min(block, gap - 1.0)
        else:
            at = _will_cross(other, points, s, route.s, speed)
            if at is not None:
                block = min(block, at - front - 2.5)
    junction = route.next_junction(front - 1.0)
    for_light = False
    if junction and light in ("r", "y") and junction.entry > front - 1.0:
        line = junction.entry - front - 0.8
        if light == "r" or line > speed * speed / (2 * 4.0):
            for_light = line < block
            block = min(block, line)
    bend = _bend_speed(route)
    wish = min(target, bend)
    if solid is not None and fix and (off_road or abs(offset) > ASTRAY or abs(fix.heading_error) > 1.0):
        back = way_back(route, x, y, heading, speed, steer, solid, others)
        steer = back.steer
        wish = min(wish, max(3.0, BACK_SPEED - 0.5 * abs(offset)))
        if back.free < REACH:
            wish = min(wish, math.sqrt(2 * 2.5 * max(0.0, back.free - 0.3)))
    accel = min(2.8, 1.3 * (wish - speed)) if wish > speed else max(-3.0, 1.1 * (wish - speed))
    accel = min(accel, max(-4.5, 2.5 * (bend - speed)))
    if lead is not None:
        accel = min(accel, _idm(speed, max(wish, 1.0), lead_gap, lead_speed))
    if block < LOOKAHEAD:
        accel = min(accel, _idm(speed, max(wish, 1.0), block + 1.2, 0.0))
    if wish < 0.1 and speed < 0.6:
        accel = -2.0
    command = accel / MAX_ACCELERATION if accel > 0 else accel / MAX_BRAKING
    return Advice(steer, max(-1.0, min(1.0, command)), max(0.0, lead_gap), lead, max(0.0, block), for_light)


def _pursue(route: Route, x: float, y: float, heading: float, speed: float, offset: float) -> float:
    look = min(12.0, 3.2 + 0.42 * speed) + 0.8 * max(0.0, min(offset, 8.0) - 1.0)
    px, py, _ = route.point(route.s + look)
    angle = wrap(math.atan2(py - y, px - x) - heading)
    distance = max(2.0, math.hypot(px - x, py - y))
    if abs(angle) > math.pi / 2:
        return math.copysign(1.0, angle)
    bend = 2 * math.sin(angle) / distance
    return max(-1.0, min(1.0, math.atan(bend * WHEELBASE) / MAX_WHEEL_ANGLE))


def _bend_speed(route: Route) -> float:
    """The highest speed (m/s) that allows the current bend and those ahead."""
    s, bend = route.curvature(45.0)
    if len(s) < 3:
        return 20.0
    limits = np.sqrt(LATERAL / np.maximum(np.convolve(bend, np.ones(3) / 3, mode="valid"), 1e-3))
    return float(np.min(np.sqrt(limits**2 + 2 * COMFORT * np.maximum(0.0, s[1:-1] - route.s - 3.0))))


def _idm(speed: float, wish: float, gap: float, lead_speed: float) -> float:
    gap = max(gap, 0.1)
    gap_target = 2.0 + max(0.0, 1.1 * speed + speed * (speed - lead_speed) / (2 * math.sqrt(2.0 * 2.6)))
    return max(-MAX_BRAKING, 2.0 * (1 - (speed / wish) ** 4 - (gap_target / gap) ** 2))


def _vehicle_in_path(other: Other, points: np.ndarray, s: np.ndarray, front: float) -> float | None:
    """Gap (m) to the nearest part of a vehicle on the path."""
    kind = KINDS[other.kind]
    back = np.array([0.1, 0.35, 0.65, 0.95])[:, None] * kind.length
    body = np.array([[other.x, other.y]]) - back * np.array([[math.cos(other.heading), math.sin(other.heading)]])
    gap = np.hypot(points[None, :, 0] - body[:, 0:1], points[None, :, 1] - body[:, 1:2])
    close = gap.min(axis=1) < 0.9 + kind.width / 2
    at = s[gap.argmin(axis=1)]
    close &= at > front - 1.5
    if not close.any():
        return None
    return float(at[close].min() - front)


def _will_cross(other: Other, points: np.ndarray, s: np.ndarray, here: float, speed: float) -> float | None:
    """Arc length where a moving vehicle will cross the path about when we are there; it keeps its turn rate."""
    if other.speed < 1.0:
        return None
    turn = max(-0.8, min(0.8, other.turn))
    headings = other.heading + turn * SECONDS_AHEAD
    x = other.x + other.speed * np.cumsum(np.cos(headings)) * SECONDS_AHEAD[0]
    y = other.y + other.speed * np.cumsum(np.sin(headings)) * SECONDS_AHEAD[0]
    gaps = np.hypot(points[None, :, 0] - x[:, None], points[None, :, 1] - y[:, None])
    nearest = gaps.argmin(axis=1)
    for n in np.flatnonzero(gaps.min(axis=1) < 2.0):
        k = int(nearest[n])
        reach = float(s[k]) - here
        if reach > REAR_AXLE_TO_FRONT + 0.5 and abs(reach / max(speed, 2.0) - SECONDS_AHEAD[n]) < 1.2:
            k2 = min(k + 1, len(points) - 1)
            along = math.atan2(*(points[k2] - points[max(0, k2 - 1)])[::-1])
            if 0.6 < abs(wrap(float(headings[n]) - along)) < 2.6:
                return float(s[k])
    return None


def _person_in_path(other: Other, points: np.ndarray, s: np.ndarray, front: float, speed: float) -> float | None:
    """Arc length at which a person is, or soon will be, on the path."""
    for time in (0.0, 0.7, 1.4, 2.1):
        x = other.x + time * other.speed * math.cos(other.heading)
        y = other.y + time * other.speed * math.sin(other.heading)
        gap = np.hypot(points[:, 0] - x, points[:, 1] - y)
        k = int(gap.argmin())
        if gap[k] < 1.7 and s[k] > front - 0.5 and s[k] - front < max(8.0, 3.2 * speed):
            return float(s[k])
    return None
