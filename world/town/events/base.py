"""What every event is made of: a `ScenarioEvent`, what it may see of the town (`EventContext`), courses to move along."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from world.controls import DT, Event, Side
from world.kinematics import REAR_AXLE_TO_FRONT, WHEELBASE
from world.town.models import KINDS
from world.town.route import Fix, LaneIndex, Route
from world.town.scene import Raster
from world.town.traffic import Other, SumoTraffic

GONE = 50.0  # m: too far to be seen
SECONDS = {1: 2.8, 2: 2.1, 3: 1.5}  # by level: until our car would be there


class EventContext(Protocol):
    """What an event may see and use of a running town."""

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
    """A polyline [N, 2] to move along; it goes on straight beyond both ends."""

    def __init__(self, points: np.ndarray) -> None:
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.concatenate([[True], step > 1e-6])
        self.points = points[keep]
        self.s = np.concatenate([[0.0], np.cumsum(step[step > 1e-6])])

    def at(self, s: float, left: float = 0.0) -> tuple[float, float, float]:
        """x, y and heading at an arc length, `left` m to the left of it."""
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
        """Arc lengths and offsets (left positive) of points [N, 2], each by the nearest corner of the course."""
        gap = points[:, None] - self.points[None]
        k = np.minimum(np.hypot(gap[..., 0], gap[..., 1]).argmin(axis=1), len(self.points) - 2)
        ahead = self.points[k + 1] - self.points[k]
        ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        r = points - self.points[k]
        along, left = (r * ahead).sum(axis=1), ahead[:, 0] * r[:, 1] - ahead[:, 1] * r[:, 0]
        return self.s[k] + along, left


def our_way(stage: EventContext, distance: float = 85.0) -> Course:
    """The path ahead of us as it is now; arc length 0 is about the rear axle."""
    points, s = stage.route.ahead(distance)
    return Course(points[s >= stage.route.s - 0.05] if (s >= stage.route.s - 0.05).sum() > 1 else points)


@dataclass
class Mover:
    """Something that moves along a course at `left` m from it. `way` -1: against the course's direction."""

    id: str
    kind: str
    look: str
    course: Course
    s: float  # of the front
    left: float
    speed: float
    way: int = 1
    braking: bool = False
    slide: float = 0.0  # m/s to the left of the course

    def step(self, speed: float, left: float, rate: float = 2.0, pull: float = 4.0) -> None:
        """0.1 s: towards a speed (m/s, within +-`pull` m/s2) and an offset (within `rate` m/s)."""
        change = max(-pull * DT, min(pull * DT, speed - self.speed))
        self.braking = change < -0.15
        self.speed = max(0.0, self.speed + change)
        want = max(-rate, min(rate, 2.5 * (left - self.left)))
        self.slide += max(-4.0 * rate * DT, min(4.0 * rate * DT, want - self.slide))
        if self.speed < 0.3:
            self.slide = 0.0
        self.left += self.slide * DT
        self.s += self.way * self.speed * DT

    def tail(self) -> tuple[float, float]:
        """x, y of its rear."""
        return self.course.at(self.s - self.way * KINDS[self.kind].length, self.left)[:2]

    def other(self) -> Other:
        """As a road user."""
        x, y, h = self.course.at(self.s, self.left)
        turn = math.atan2(self.way * self.slide, max(self.speed, 1.0)) if self.kind != "person" else 0.0
        heading = h + turn + (math.pi if self.way < 0 else 0.0)
        return Other(
            self.id, self.kind, x, y, math.remainder(heading, math.tau), self.speed, self.braking, look=self.look
        )


def relative(stage: EventContext, x: float, y: float) -> tuple[float, float]:
    """Where a point is, seen from the camera: m ahead, m to the left."""
    c, s = math.cos(stage.heading), math.sin(stage.heading)
    dx, dy = x - stage.x, y - stage.y
    return dx * c + dy * s - WHEELBASE, dy * c - dx * s


def seen_on(stage: EventContext, sign: float, x: float, y: float) -> bool:
    """Will a point be seen on a side (+1 left), whatever way we or the street are turning?"""
    ahead, left = relative(stage, x, y)
    return 1.0 < left * sign < 0.95 * ahead


def unseen(stage: EventContext, other: Other) -> bool:
    """Is it outside the picture, or too far away to matter?"""
    length = KINDS[other.kind].length if other.kind in KINDS else 0.3
    for part in (0.0, 0.5, 1.0):
        x = other.x - part * length * math.cos(other.heading)
        y = other.y - part * length * math.sin(other.heading)
        ahead, left = relative(stage, x, y)
        if 0.2 < ahead < GONE and abs(left) < 1.02 * ahead + 0.4:
            return False
    return True


class ScenarioEvent(ABC):
    """Base: `ready` may prepare and says when the trigger can be, `begin` starts it, `move` moves its actors 0.1 s, and
    `on` says whether it still goes on. What is still in sight then goes on moving, unlabelled, until it is not."""

    event: ClassVar[Event] = Event.NONE
    sided: ClassVar[bool] = False

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        self.side, self.level, self.rng = side if self.sided else Side.NONE, level, rng
        self.actor = f"e{rng.randrange(10**6)}"
        self.age = 0.0
        self._unseen, self._met = 0.0, False

    @property
    def sign(self) -> float:
        """+1 from the left, -1 from the right."""
        return 1.0 if self.side == Side.LEFT else -1.0

    @abstractmethod
    def ready(self, stage: EventContext) -> bool: ...

    @abstractmethod
    def begin(self, stage: EventContext) -> None: ...

    @abstractmethod
    def move(self, stage: EventContext) -> None: ...

    def on(self, stage: EventContext) -> bool:
        """Is it still happening? (Asked as long as its actors are there to be met.)"""
        return True

    def others(self) -> list[Other]:
        """Road users of the event's own (not those that SUMO moves)."""
        return []

    def end(self, stage: EventContext) -> None:  # noqa: B027 (most have nothing to do)
        """Clean up, whatever happened."""

    def lost(self, stage: EventContext) -> bool:
        """Has everybody been out of sight for a while? Call once a frame."""
        bodies = self.others()
        driven = stage.traffic.others.get(self.actor)
        if any(not unseen(stage, other) for other in (*bodies, *([driven] if driven else []))):
            self._unseen, self._met = 0.0, True
        else:
            self._unseen += DT
        return self._unseen > (0.35 if self._met else 3.0)


def reach(stage: EventContext, level: int, least: float = 10.0, most: float = 28.0) -> float:
    """How far ahead (m along the path, from the rear axle) something should be, by our speed and the level."""
    return REAR_AXLE_TO_FRONT + min(most, max(least, stage.speed * SECONDS[level]))


def steady(stage: EventContext, slowest: float = 3.0) -> bool:
    """Do we drive along a lane, not turning, not changing lanes?"""
    return (
        not stage.route.changing
        and stage.speed >= slowest
        and abs(stage.fix.offset) < 1.5
        and abs(stage.fix.heading_error) < 0.35
        and not stage.route.network.lanes[stage.route.lane()].internal
    )


def to_junction(stage: EventContext) -> float:
    """m along the path from our rear axle to the next junction (0: in it)."""
    junction = stage.route.next_junction(stage.fix.s)
    return max(0.0, junction.entry - stage.fix.s) if junction else 90.0


def free_ahead(stage: EventContext, distance: float) -> bool:
    """Is there a clear street of `distance` m (from the rear axle): no junction, nobody in our lane?"""
    return to_junction(stage) >= distance and (
        stage.lead is None or stage.lead_distance + REAR_AXLE_TO_FRONT >= distance
    )


def kerb(stage: EventContext, x: float, y: float, heading: float, left: bool) -> float | None:
    """m from a point to the road's edge on a side; None when it is not to be found."""
    sign = 1.0 if left else -1.0
    distance = np.arange(0.5, 18.0, 0.25)
    ray = np.stack([x - sign * distance * math.sin(heading), y + sign * distance * math.cos(heading)], axis=1)
    inside = stage.drivable.at(ray)
    return None if inside.all() else float(distance[int(np.argmin(inside))])


def beside(stage: EventContext, side: Side) -> str | None:
    """The lane next to ours, running our way; None where there is none."""
    network = stage.route.network
    lane = network.lanes[stage.route.lane()]
    if lane.internal:
        return None
    names = network.edge_lanes[lane.edge]
    k = names.index(lane.id) + (1 if side == Side.LEFT else -1)
    return names[k] if 0 <= k < len(names) else None


def opposite(stage: EventContext) -> float | None:
    """m to the left of our lane's middle where the nearest oncoming lane has its own; None in a one-way street."""
    network = stage.route.network
    lane = network.lanes[stage.route.lane()]
    if lane.internal:
        return None
    start, end = network.edge_nodes[lane.edge]
    names = network.edge_lanes[lane.edge]
    for edge, nodes in network.edge_nodes.items():
        if nodes == (end, start):
            across = sum(network.lanes[n].width for n in names[names.index(lane.id) + 1 :])
            return lane.width / 2 + across + network.lanes[network.edge_lanes[edge][-1]].width / 2
    return None


def clear(stage: EventContext, course: Course, start: float, end: float, left: float, half: float = 1.7) -> bool:
    """Is nobody (of the traffic) on a stretch of a course, `left` m from it?"""
    parts = [
        (other.x - along * math.cos(other.heading), other.y - along * math.sin(other.heading))
        for other in stage.traffic.others.values()
        if other.kind != "person" and abs(other.x - stage.x) + abs(other.y - stage.y) < 1.5 * end + 15.0
        for along in (0.0, 0.5 * KINDS[other.kind].length, KINDS[other.kind].length)
    ]
    if not parts:
        return True
    s, off = course.place(np.array(parts))
    return not bool(((s > start - 1.0) & (s < end + 1.0) & (np.abs(off - left) < half)).any())
