"""The way back to the lane from beside it: an arc that the car can drive, that touches nothing and leads back.

Compares a few constant steers by rolling out the kinematic car; lengths in m, angles in rad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.kinematics import MAX_WHEEL_ANGLE, REAR_AXLE_TO_FRONT, WHEELBASE
from world.town.models import KINDS
from world.town.route import Route, wrap
from world.town.scene import Raster
from world.town.traffic import Other

STEERS = (0.0, 0.12, -0.12, 0.3, -0.3, 0.6, -0.6, 1.0, -1.0)
REACH = 14.0  # m of each rollout
STEP = 0.5  # m
HALF_WIDTH = 1.1  # m of the car with a margin


@dataclass(frozen=True, slots=True)
class WayBack:
    """The steer to take, and how far (m) the arc is free; `REACH` where it touches nothing."""

    steer: float
    free: float


def way_back(
    route: Route, x: float, y: float, heading: float, speed: float, wish: float, solid: Raster, others: list[Other]
) -> WayBack:
    """The pursuit's steer `wish` where its arc is free, else the best of STEERS. (x, y): the rear axle."""
    points, s = route.ahead(45.0)
    near = [o for o in others if abs(o.x - x) + abs(o.y - y) < 30]
    best: tuple[float, WayBack] | None = None
    for steer in (wish, *STEERS):
        xs, ys, hs = _arc(x, y, heading, speed, steer)
        free = _free(xs, ys, hs, solid, near)
        if steer == wish and free >= REACH:
            return WayBack(steer, REACH)
        last = max(0, int(free / STEP) - 1)
        gap = np.hypot(points[:, 0] - xs[last], points[:, 1] - ys[last])
        k = int(gap.argmin())
        _, _, along = route.point(float(s[k]))
        cost = float(gap[k]) + 1.5 * abs(wrap(float(hs[last]) - along)) + 1.5 * (REACH - free) + 0.3 * abs(steer - wish)
        if best is None or cost < best[0]:
            best = (cost, WayBack(steer, free))
    assert best is not None
    return best[1]


def _arc(x: float, y: float, heading: float, speed: float, steer: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rear axle's poses every `STEP` m with a steer held for 8 m, then straight on."""
    bend = math.tan(steer * MAX_WHEEL_ANGLE) / WHEELBASE
    bend = max(-4.0 / max(speed * speed, 1.0), min(4.0 / max(speed * speed, 1.0), bend))
    at = np.arange(STEP, REACH + STEP / 2, STEP)
    hs = heading + bend * np.minimum(at, 8.0)
    middle = hs - 0.5 * bend * STEP * (at <= 8.0)
    return x + np.cumsum(np.cos(middle)) * STEP, y + np.cumsum(np.sin(middle)) * STEP, hs


def _free(xs: np.ndarray, ys: np.ndarray, hs: np.ndarray, solid: Raster, others: list[Other]) -> float:
    """m along the poses until something solid or somebody is touched; REACH for never."""
    c, sn = np.cos(hs), np.sin(hs)
    hit = np.zeros(len(xs), dtype=bool)
    for ahead in (REAR_AXLE_TO_FRONT + 0.2, 1.5):
        for side in (-HALF_WIDTH, 0.0, HALF_WIDTH):
            hit |= solid.at(np.stack([xs + ahead * c - side * sn, ys + ahead * sn + side * c], axis=1))
    for other in others:
        kind = KINDS.get(other.kind)
        length, half = (kind.length, kind.width / 2) if kind else (0.0, 0.6)
        for part in np.arange(0.3, max(length, 0.4), 1.2):
            ox, oy = other.x - part * math.cos(other.heading), other.y - part * math.sin(other.heading)
            if not kind:
                ox, oy = other.x, other.y
            along = (ox - xs) * c + (oy - ys) * sn
            across = (oy - ys) * c - (ox - xs) * sn
            hit |= (along > 0.0) & (along < REAR_AXLE_TO_FRONT + 0.8) & (np.abs(across) < HALF_WIDTH + half)
    return float(np.argmax(hit)) * STEP if hit.any() else REACH


def clear_ahead(x: float, y: float, heading: float, speed: float, solid: Raster, others: list[Other]) -> float:
    """m (at most `REACH`) that the car can drive straight on before it touches something."""
    near = [o for o in others if abs(o.x - x) + abs(o.y - y) < 30]
    return _free(*_arc(x, y, heading, speed, 0.0), solid, near)
