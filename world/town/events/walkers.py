"""Events that start at the kerb: people and animals that cross, cyclists that swing in."""

from __future__ import annotations

import math
import random
from typing import ClassVar

import numpy as np

from world.controls import DT, Event, Side
from world.kinematics import REAR_AXLE_TO_FRONT
from world.town.events.base import (
    Course,
    EventContext,
    Mover,
    ScenarioEvent,
    clear,
    ego_path,
    free_ahead,
    kerb,
    reach,
    relative,
    steady,
    to_junction,
    visible_on,
)
from world.town.traffic import Other

WIDEST = 8.0  # m from our path; on wider roads they start on the road


class Crossing(ScenarioEvent):
    """Someone leaves the pavement on `side`, crosses ahead of us and continues along the other pavement."""

    sided = True
    FROM_KERB = 0.5  # m behind the kerb at the start
    PACE: ClassVar[tuple[float, float]] = (1.1, 3.8)  # m/s

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._road = 0.0  # m of the course until the road lies behind

    def looks(self) -> str:
        """The model's look."""
        return ""

    def _scene(self, context: EventContext) -> tuple[float, float, float] | None:
        """m from the rear axle to the crossing, and from our path to its start and to the road's far edge."""
        left, distance = self.side == Side.LEFT, reach(context, self.level)
        for _ in range(2):  # on a wide road further ahead, or the start would be out of view
            place = context.route.point(context.fix.s + distance)
            near, beyond = kerb(context, *place, left), kerb(context, *place, not left)
            if near is None or beyond is None:
                return None
            start, far = min(near + self.FROM_KERB, WIDEST), beyond
            distance = max(distance, REAR_AXLE_TO_FRONT + 1.2 * start)
        return distance, start, far

    def ready(self, context: EventContext) -> bool:
        """Whether the street is clear, the start is in view and no other vehicle is near."""
        scene = self._scene(context) if steady(context) else None
        if scene is None or not free_ahead(context, scene[0] + 3.0):
            return False
        x, y, h = context.route.point(context.fix.s + scene[0])
        if not visible_on(
            context, self.sign, x - self.sign * scene[1] * math.sin(h), y + self.sign * scene[1] * math.cos(h)
        ):
            return False
        for other in context.traffic.others.values():  # traffic does not see the actor and would drive through it
            if other.kind != "person" and math.hypot(other.x - x, other.y - y) < 24:
                ahead, _ = relative(context, other.x, other.y)
                if ahead > 0:
                    return False
        return True

    def begin(self, context: EventContext) -> None:
        """Places the walker at the kerb, at a pace that meets us."""
        scene = self._scene(context)
        assert scene is not None
        distance, near, far = scene
        x, y, h = context.route.point(context.fix.s + distance)
        across = np.array([math.sin(h), -math.cos(h)]) * self.sign
        start = np.array([x, y]) - across * near
        end = np.array([x, y]) + across * (far + 1.4)
        along = np.array([math.cos(h), math.sin(h)]) * self.onward()
        corner = end + across * 0.5 + along * 0.7
        self._road = near + far + 0.6
        time = max(1.0, (distance - REAR_AXLE_TO_FRONT) / max(context.speed, 3.0))
        pace = max(self.PACE[0], min(self.PACE[1], near / (0.75 * time)))
        course = Course(np.stack([start, end, corner, corner + 70 * along]))
        self._mover = Mover(self.actor, "person", self.looks(), course, 0.0, 0.0, pace)

    def onward(self) -> float:
        """Direction along the other pavement: +1 with us, -1 towards us."""
        return self.rng.choice((1.0, -1.0))

    def move(self, context: EventContext) -> None:
        """Walks on; slower once the road is crossed."""
        assert self._mover is not None
        pace = self._mover.speed if self._mover.s < self._road else min(self._mover.speed, self.PACE[0] + 0.4)
        self._mover.step(pace, 0.0)

    def on(self, context: EventContext) -> bool:
        """Whether the walker is still on the road."""
        assert self._mover is not None
        return self._mover.s < self._road

    def others(self) -> list[Other]:
        """The walker."""
        return [self._mover.other()] if self._mover else []


class PedCross(Crossing):
    """A person steps into the road; at level 3 a child runs."""

    event = Event.PED_CROSS

    def looks(self) -> str:
        """A child at level 3."""
        return "child" if self.level == 3 else "walker"


class Animal(Crossing):
    """A dog or a deer runs across."""

    event = Event.ANIMAL
    PACE = (2.6, 6.5)
    FROM_KERB = 1.6

    def looks(self) -> str:
        """A dog or a deer."""
        return self.rng.choice(("dog", "deer"))

    def onward(self) -> float:
        """Always away from us."""
        return 1.0

    def move(self, context: EventContext) -> None:
        """Runs on."""
        assert self._mover is not None
        self._mover.step(self._mover.speed if self._mover.s < self._road else 5.0, 0.0)


class Cyclist(ScenarioEvent):
    """A bicycle at the edge of our lane swings into it, rides on ahead of us and gives way to the right."""

    event = Event.CYCLIST
    sided = True
    RATE: ClassVar = {1: 1.3, 2: 1.9, 3: 2.8}  # m/s sideways

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._pace = rng.uniform(3.6, 5.2)
        self._stay = rng.uniform(1.4, 2.4)

    def _distance(self, context: EventContext) -> float:
        """m ahead, more the faster we approach."""
        return REAR_AXLE_TO_FRONT + 2.0 + max(6.0, 0.75 * (reach(context, self.level) - REAR_AXLE_TO_FRONT))

    def ready(self, context: EventContext) -> bool:
        """Whether the street is clear, far from a junction, and the start in view."""
        distance = self._distance(context)
        if not steady(context) or not free_ahead(context, distance + 8.0) or to_junction(context) < distance + 14.0:
            return False
        path = ego_path(context)
        x, y, _ = path.at(distance, self.sign * 2.0)
        return visible_on(context, self.sign, x, y) and clear(
            context, path, distance - 4.0, distance + 16.0, self.sign * 2.5, 2.2
        )

    def begin(self, context: EventContext) -> None:
        """Places the bicycle at the edge of our lane."""
        path = ego_path(context)
        x, y, h = path.at(self._distance(context))
        edge = kerb(context, x, y, h, self.side == Side.LEFT) or 1.7
        left = self.sign * min(2.6, edge + 0.6)
        self._mover = Mover(self.actor, "bicycle", "cyclist", path, self._distance(context), left, self._pace)

    def move(self, context: EventContext) -> None:
        """Waits a moment, swings into our lane, rides ahead of us, then gives way to the right."""
        assert self._mover is not None
        self.age += DT
        if self.age < 0.3:
            goal = self._mover.left  # a moment at the edge
        elif self.age < 0.3 + 3.0 / self.RATE[self.level] + self._stay:
            goal = 0.0
        else:
            goal = -2.5
        self._mover.step(self._pace if goal > -1.0 else 2.6, goal, self.RATE[self.level])

    def others(self) -> list[Other]:
        """The bicycle."""
        return [self._mover.other()] if self._mover else []
