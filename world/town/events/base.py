"""Building blocks of events: `ScenarioEvent`, the part of the town that it may use (`EventContext`), courses to move
along.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from world.controls import DT, Event, Side
from world.kinematics import REAR_AXLE_TO_FRONT, WHEELBASE
from world.town.lane_index import LaneIndex
from world.town.models import KINDS
from world.town.route import Fix, Route
from world.town.scene import Raster
from world.town.traffic import Other, SumoTraffic

GONE = 50.0  # m; further away is out of sight
SECONDS = {1: 2.8, 2: 2.1, 3: 1.5}  # by level: s until our car would be there


class EventContext(Protocol):
    """The part of a running town that an event may use."""

    route: Route
    traffic: SumoTraffic
    index: LaneIndex
    drivable: Raster
    x: float
    y: float
    heading: float
    speed: float
    fix: Fix
    lead: str | None
    lead_distance: float


class Course:
    """A polyline [N, 2] to move along; it continues straight beyond both ends."""

    def __init__(self, points: np.ndarray) -> None:
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.concatenate([[True], step > 1e-6])
        self.points = points[keep]
        self.s = np.concatenate([[0.0], np.cumsum(step[step > 1e-6])])

    def at(self, s: float, left: float = 0.0) -> tuple[float, float, float]:
        """x, y and heading at an arc length, `left` m to the left."""
        k = int(np.clip(np.searchsorted(self.s, s), 1, len(self.s) - 1))
        (ax, ay), (bx, by) = self.points[k - 1], self.points[k]
        h = math.atan2(by - ay, bx - ax)
        along = s - float(self.s[k - 1])
        return (
            float(ax) + along * math.cos(h) - left * math.sin(h),
            float(ay) + along * math.sin(h) + left * math.cos(h),
            h,
        )

    def place(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Arc lengths and left offsets of points [N, 2], each by the nearest vertex of the course."""
        gap = points[:, None] - self.points[None]
        k = np.minimum(np.hypot(gap[..., 0], gap[..., 1]).argmin(axis=1), len(self.points) - 2)
        ahead = self.points[k + 1] - self.points[k]
        ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        r = points - self.points[k]
        along, left = (r * ahead).sum(axis=1), ahead[:, 0] * r[:, 1] - ahead[:, 1] * r[:, 0]
        return self.s[k] + along, left


def ego_path(context: EventContext, distance: float = 85.0) -> Course:
    """The path ahead of our car; arc length 0 is about the rear axle."""
    points, s = context.route.ahead(distance)
    return Course(points[s >= context.route.s - 0.05] if (s >= context.route.s - 0.05).sum() > 1 else points)


@dataclass
class Mover:
    """An actor that moves along a course at `left` m from it. direction: -1 against the course's."""

    id: str
    kind: str
    look: str
    course: Course
    s: float  # of the front
    left: float
    speed: float
    direction: int = 1
    braking: bool = False
    slide: float = 0.0  # m/s to the left of the course

    def step(self, speed: float, left: float, rate: float = 2.0, pull: float = 4.0) -> None:
        """Moves 0.1 s towards a speed (m/s, within +-`pull` m/s2) and an offset (within `rate` m/s)."""
        change = max(-pull * DT, min(pull * DT, speed - self.speed))
        self.braking = change < -0.15
        self.speed = max(0.0, self.speed + change)
        want = max(-rate, min(rate, 2.5 * (left - self.left)))
        self.slide += max(-4.0 * rate * DT, min(4.0 * rate * DT, want - self.slide))
        if self.speed < 0.3:
            self.slide = 0.0
        self.left += self.slide * DT
        self.s += self.direction * self.speed * DT

    def tail(self) -> tuple[float, float]:
        """x, y of its rear."""
        return self.course.at(self.s - self.direction * KINDS[self.kind].length, self.left)[:2]

    def other(self) -> Other:
        """The actor as a road user."""
        x, y, h = self.course.at(self.s, self.left)
        turn = math.atan2(self.direction * self.slide, max(self.speed, 1.0)) if self.kind != "person" else 0.0
        heading = h + turn + (math.pi if self.direction < 0 else 0.0)
        return Other(
            self.id, self.kind, x, y, math.remainder(heading, math.tau), self.speed, self.braking, look=self.look
        )


def relative(context: EventContext, x: float, y: float) -> tuple[float, float]:
    """A point relative to the camera: m ahead, m to the left."""
    c, s = math.cos(context.heading), math.sin(context.heading)
    dx, dy = x - context.x, y - context.y
    return dx * c + dy * s - WHEELBASE, dy * c - dx * s


def visible_on(context: EventContext, sign: float, x: float, y: float) -> bool:
    """Whether a point will be visible on a side (+1 left), even if we or the street turn."""
    ahead, left = relative(context, x, y)
    return 1.0 < left * sign < 0.95 * ahead


def out_of_view(context: EventContext, other: Other) -> bool:
    """Whether a road user is outside the picture or too far away to matter."""
    length = KINDS[other.kind].length if other.kind in KINDS else 0.3
    for part in (0.0, 0.5, 1.0):
        x = other.x - part * length * math.cos(other.heading)
        y = other.y - part * length * math.sin(other.heading)
        ahead, left = relative(context, x, y)
        if 0.2 < ahead < GONE and abs(left) < 1.02 * ahead + 0.4:
            return False
    return True


class ScenarioEvent(ABC):
    """An event with its actors. Once over, it moves on without a label until its actors are out of sight."""

    event: ClassVar[Event] = Event.NONE
    sided: ClassVar[bool] = False

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        self.side, self.level, self.rng = side if self.sided else Side.NONE, level, rng
        self.actor = f"e{rng.randrange(10**6)}"
        self.age = 0.0
        self._hidden_seconds, self._was_visible = 0.0, False

    @property
    def sign(self) -> float:
        """+1 from the left, -1 from the right."""
        return 1.0 if self.side == Side.LEFT else -1.0

    @abstractmethod
    def ready(self, context: EventContext) -> bool:
        """Whether the event can begin at this frame; may prepare it. Called once per frame while it waits."""

    @abstractmethod
    def begin(self, context: EventContext) -> None:
        """Starts the event at the frame for which `ready` returned True."""

    @abstractmethod
    def move(self, context: EventContext) -> None:
        """Moves the event's own actors by 0.1 s."""

    def on(self, context: EventContext) -> bool:
        """Whether the event still goes on, as long as its actors are in sight."""
        return True

    def others(self) -> list[Other]:
        """Road users of the event's own, without those that SUMO moves."""
        return []

    def end(self, context: EventContext) -> None:  # noqa: B027 (most have nothing to clean up)
        """Cleans up when the event ends."""

    def out_of_sight(self, context: EventContext) -> bool:
        """Whether all actors have been out of sight for a while. Call once per frame."""
        bodies = self.others()
        in_traffic = context.traffic.others.get(self.actor)
        if any(not out_of_view(context, other) for other in (*bodies, *([in_traffic] if in_traffic else []))):
            self._hidden_seconds, self._was_visible = 0.0, True
        else:
            self._hidden_seconds += DT
        return self._hidden_seconds > (0.35 if self._was_visible else 3.0)


def reach(context: EventContext, level: int, least: float = 10.0, most: float = 28.0) -> float:
    """Distance of an actor ahead (m along the path, from the rear axle) by our speed and the level."""
    return REAR_AXLE_TO_FRONT + min(most, max(least, context.speed * SECONDS[level]))


def steady(context: EventContext, slowest: float = 3.0) -> bool:
    """Whether we drive along a lane, neither turning nor changing lanes."""
    return (
        not context.route.changing
        and context.speed >= slowest
        and abs(context.fix.offset) < 1.5
        and abs(context.fix.heading_error) < 0.35
        and not context.route.network.lanes[context.route.lane()].internal
    )


def to_junction(context: EventContext) -> float:
    """m along the path from our rear axle to the next junction; 0 inside it."""
    junction = context.route.next_junction(context.fix.s)
    return max(0.0, junction.entry - context.fix.s) if junction else 90.0


def free_ahead(context: EventContext, distance: float) -> bool:
    """Whether the street is clear for `distance` m (from the rear axle): no junction, nobody in our lane."""
    return to_junction(context) >= distance and (
        context.lead is None or context.lead_distance + REAR_AXLE_TO_FRONT >= distance
    )


def kerb(context: EventContext, x: float, y: float, heading: float, left: bool) -> float | None:
    """m from a point to the road's edge on a side; None where it is beyond 18 m."""
    sign = 1.0 if left else -1.0
    distance = np.arange(0.5, 18.0, 0.25)
    ray = np.stack([x - sign * distance * math.sin(heading), y + sign * distance * math.cos(heading)], axis=1)
    inside = context.drivable.at(ray)
    return None if inside.all() else float(distance[int(np.argmin(inside))])


def beside(context: EventContext, side: Side) -> str | None:
    """The adjacent lane in our direction; None where there is none."""
    network = context.route.network
    lane = network.lanes[context.route.lane()]
    if lane.internal:
        return None
    names = network.edge_lanes[lane.edge]
    k = names.index(lane.id) + (1 if side == Side.LEFT else -1)
    return names[k] if 0 <= k < len(names) else None


def opposite(context: EventContext) -> float | None:
    """m from our lane's centre to that of the nearest oncoming lane, to the left; None in a one-way street."""
    network = context.route.network
    lane = network.lanes[context.route.lane()]
    if lane.internal:
        return None
    start, end = network.edge_nodes[lane.edge]
    names = network.edge_lanes[lane.edge]
    for edge, nodes in network.edge_nodes.items():
        if nodes == (end, start):
            across = sum(network.lanes[n].width for n in names[names.index(lane.id) + 1 :])
            return lane.width / 2 + across + network.lanes[network.edge_lanes[edge][-1]].width / 2
    return None


def clear(context: EventContext, course: Course, start: float, end: float, left: float, half: float = 1.7) -> bool:
    """Whether a stretch of a course, `left` m from it, is free of vehicles."""
    parts = [
        (other.x - along * math.cos(other.heading), other.y - along * math.sin(other.heading))
        for other in context.traffic.others.values()
        if other.kind != "person" and abs(other.x - context.x) + abs(other.y - context.y) < 1.5 * end + 15.0
        for along in (0.0, 0.5 * KINDS[other.kind].length, KINDS[other.kind].length)
    ]
    if not parts:
        return True
    s, off = course.place(np.array(parts))
    return not bool(((s > start - 1.0) & (s < end + 1.0) & (np.abs(off - left) < half)).any())
