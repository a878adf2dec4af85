"""Passes obstacles in our lane: in the neighbouring lane where there is one, else within the road when nothing comes.

An obstacle stands and will go on standing: a broken-down vehicle, debris, cones. Behind a queue the car waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.kinematics import EGO_LENGTH, REAR_AXLE_TO_FRONT
from world.town.models import KINDS
from world.town.route import Route, wrap
from world.town.scene import Raster
from world.town.traffic import Other

HALF = 1.3  # m, half the width that our car needs to pass
SIDE = 1.4  # m from an obstacle's edge to our centre line
RAMP = (7.0, 14.0)  # m, shortest and longest swing out and back
THINGS = ("cone", "board", "crate", "tyre", "branch")


@dataclass(frozen=True, slots=True)
class PathObstacle:
    """An obstacle on our path: its start and end (arc lengths, m), and its left edge (m left of the path)."""

    start: float
    end: float
    left: float


def stands(other: Other) -> bool:
    """Whether it will stay where it is."""
    broken = other.speed < 0.2 and other.look in ("hazard", "worker")
    return other.kind in THINGS or broken


def blocking(route: Route, others: list[Other], distance: float = 45.0) -> PathObstacle | None:
    """The obstacle on our path within `distance` m; adjacent objects count as one."""
    spans = []
    for other in others:
        if not stands(other):
            continue
        for at, left in _beside(route, _body(other), distance):
            half = KINDS[other.kind].width / 2 if other.kind in KINDS else 0.3
            spans.append((at, left - half, left + half))
    hit = [span for span in spans if span[1] < HALF and span[2] > -HALF and span[0] > route.s + REAR_AXLE_TO_FRONT - 1]
    if not hit:
        return None
    start = min(span[0] for span in hit)
    cluster = [span for span in spans if start - 3 < span[0] < max(s[0] for s in hit) + 6 and span[1] < 3.0]
    return PathObstacle(start, max(span[0] for span in cluster), max(span[2] for span in cluster))


def _body(other: Other) -> np.ndarray:
    """Points [N, 2] along an object's centre line, from its front to its rear."""
    length = KINDS[other.kind].length if other.kind in KINDS else 0.0
    back = np.linspace(0.0, length, max(1, math.ceil(length / 1.5)) + 1)
    return np.stack([other.x - back * math.cos(other.heading), other.y - back * math.sin(other.heading)], axis=1)


def _beside(route: Route, body: np.ndarray, distance: float) -> list[tuple[float, float]]:
    """Arc length and left offset of the points near the path ahead."""
    points, s = route.ahead(distance)
    places = []
    for x, y in body:
        gap = np.hypot(points[:, 0] - x, points[:, 1] - y)
        k = int(gap.argmin())
        if gap[k] < 6.0 and 0 < k < len(s) - 1:
            px, py, along = route.point(float(s[k]))
            places.append((float(s[k]), float((y - py) * math.cos(along) - (x - px) * math.sin(along))))
    return places


def lane_free(route: Route, lane: str, x: float, y: float, heading: float, speed: float, others: list[Other]) -> bool:
    """Whether a neighbouring lane has room: nobody beside us, coming up from behind, or standing ahead."""
    shape = route.network.lanes[lane].shape
    mx = x + (REAR_AXLE_TO_FRONT - EGO_LENGTH / 2) * math.cos(heading)
    my = y + (REAR_AXLE_TO_FRONT - EGO_LENGTH / 2) * math.sin(heading)
    for other in others:
        if other.kind == "sign" or abs(other.x - x) + abs(other.y - y) > 60:
            continue
        for px, py in _body(other):
            if not _on(shape, px, py):
                continue
            along = (px - mx) * math.cos(heading) + (py - my) * math.sin(heading)
            ahead = 9.0 + 0.6 * max(0.0, speed - other.speed) + (18.0 if stands(other) else 0.0)
            behind = 8.0 + 1.6 * max(0.0, other.speed - speed)
            if -behind < along < ahead:
                return False
    return True


def _on(shape: np.ndarray, x: float, y: float, reach: float = 2.0) -> bool:
    a, b = shape[:-1], shape[1:]
    d = b - a
    length2 = np.maximum((d * d).sum(axis=1), 1e-9)
    t = np.clip(((x - a[:, 0]) * d[:, 0] + (y - a[:, 1]) * d[:, 1]) / length2, 0, 1)
    return bool((np.hypot(a[:, 0] + t * d[:, 0] - x, a[:, 1] + t * d[:, 1] - y) < reach).any())


def swing(route: Route, block: PathObstacle, speed: float, others: list[Other], drivable: Raster) -> bool:
    """Leads the path round an obstacle on its left and back; False where there is no room or someone comes."""
    front = route.s + REAR_AXLE_TO_FRONT
    ramp = min(RAMP[1], max(RAMP[0], block.start - front))
    shift = min(5.0, max(1.0, block.left + SIDE))
    begin, end = block.start - ramp - 1.0, block.end + REAR_AXLE_TO_FRONT + ramp
    junction = route.next_junction(front)
    if block.start - front < 2.5 or (junction and junction.entry < block.end + 6.0):
        return False
    end = min(end, junction.entry - 1.0) if junction else end
    for at in np.arange(block.start - 3.0, block.end + 4.0, 2.0):
        x, y, along = route.point(float(at))
        edge = [(x - (shift + w) * math.sin(along), y + (shift + w) * math.cos(along)) for w in (-0.9, 0.9)]
        if not drivable.at(np.array(edge)).all():
            return False
    seconds = (end - route.s) / max(4.0, speed)
    for other in others:
        if stands(other) or other.speed < 0.3:
            continue
        for at, left in _beside(route, _body(other)[:1], 90.0):
            _, _, along = route.point(at)
            against = abs(wrap(other.heading - along)) > 1.6
            reach = other.speed * (seconds + 1.0) + 8.0 if against else 6.0
            if block.start - 6 < at < end + reach and -HALF < left < shift + 2.6:
                return False
    route.bulge(begin, block.start - 1.0, block.end + REAR_AXLE_TO_FRONT, end, shift)
    return True
