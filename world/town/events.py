"""Events: something happens at a labelled frame. One class an event; `Events` decides when, and holds the control's words.

An event is `on` from its trigger until its actor is gone. To add one: subclass `Happening`, add it to HAPPENINGS.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from world.controls import DT, NO_LEVEL, Event, Side
from world.town.route import Fix, Route
from world.town.scene import Raster
from world.town.traffic import REAR_AXLE_TO_FRONT, Other, Traffic


class Stage(Protocol):
    """What an event may see and use of a running town."""

    route: Route
    traffic: Traffic
    drivable: Raster
    x: float
    y: float
    heading: float
    speed: float
    fix: Fix
    lead: str | None
    lead_distance: float


class Happening(ABC):
    """Base: `ready` may prepare and says when the trigger can be; `begin` starts it; `step` runs it, False at its end."""

    event = Event.NONE
    sided = False

    def __init__(self, side: Side, level: int) -> None:
        self.side, self.level = side if self.sided else Side.NONE, level
        self.actor: str | None = None

    @abstractmethod
    def ready(self, stage: Stage) -> bool: ...

    @abstractmethod
    def begin(self, stage: Stage) -> None: ...

    @abstractmethod
    def step(self, stage: Stage) -> bool: ...

    def others(self) -> list[Other]:
        """Road users of the event's own."""
        return []

    def end(self, stage: Stage) -> None:  # noqa: B027 (most have nothing to do)
        """Clean up, whatever happened."""


class PedCross(Happening):
    """Someone steps off the kerb on `side` and crosses ahead; the level sets how close and how fast."""

    event = Event.PED_CROSS
    sided = True
    SECONDS: ClassVar = {1: 3.6, 2: 2.6, 3: 1.8}  # until our car would be there
    _count = 0

    def __init__(self, side: Side, level: int) -> None:
        super().__init__(side, level)
        self._person: Other | None = None
        self._gone = 0.0

    def _distance(self, stage: Stage) -> float:
        return REAR_AXLE_TO_FRONT + max(6.0 + 3.0 * (3 - self.level), stage.speed * self.SECONDS[self.level] + 3.0)

    def _kerb(self, stage: Stage, s: float, left: bool) -> float | None:
        """Distance (m) from the path to the kerb on a side."""
        import numpy as np

        x, y, h = stage.route.point(s)
        sign = 1.0 if left else -1.0
        reach = np.arange(0.5, 16.0, 0.5)
        ray = np.stack([x - sign * reach * math.sin(h), y + sign * reach * math.cos(h)], axis=1)
        inside = stage.drivable.at(ray)
        return None if inside.all() else float(reach[int(np.argmin(inside))])

    def ready(self, stage: Stage) -> bool:
        distance = self._distance(stage)
        junction = stage.route.next_junction(stage.fix.s)
        if (
            stage.route.changing
            or stage.speed < 3.0
            or abs(stage.fix.offset) > 2.0
            or abs(stage.fix.heading_error) > 0.4
        ):
            return False
        if junction and junction.entry - stage.fix.s < distance + 2.0:
            return False
        if stage.lead is not None and stage.lead_distance < distance + 3.0:
            return False
        return all(self._kerb(stage, stage.fix.s + distance, left) is not None for left in (True, False))

    def begin(self, stage: Stage) -> None:
        distance = self._distance(stage)
        left = self.side == Side.LEFT
        near = self._kerb(stage, stage.fix.s + distance, left) or 3.0
        far = self._kerb(stage, stage.fix.s + distance, not left) or 3.0
        x, y, h = stage.route.point(stage.fix.s + distance)
        sign = 1.0 if left else -1.0
        start = near + 0.4
        time = max(1.0, (distance - REAR_AXLE_TO_FRONT) / max(stage.speed, 3.0))
        pace = max(1.1, min(3.8, start / (0.75 * time)))
        self._left_to_go = start + far + 1.5
        self.actor = f"e{round(stage.fix.s * 10)}"
        toward = h - sign * math.pi / 2
        self._person = Other(
            self.actor, "person", x - sign * start * math.sin(h), y + sign * start * math.cos(h), toward, pace, False
        )

    def step(self, stage: Stage) -> bool:
        p = self._person
        assert p is not None
        x, y = p.x + p.speed * DT * math.cos(p.heading), p.y + p.speed * DT * math.sin(p.heading)
        self._person = Other(p.id, "person", x, y, p.heading, p.speed, False)
        self._left_to_go -= p.speed * DT
        ahead = (x - stage.x) * math.cos(stage.heading) + (y - stage.y) * math.sin(stage.heading)
        return self._left_to_go > 0 and ahead > 0.0

    def others(self) -> list[Other]:
        return [self._person] if self._person else []


class HardBrake(Happening):
    """The car ahead brakes hard to a stop, stands a moment and drives on."""

    event = Event.HARD_BRAKE
    DECELERATION: ClassVar = {1: 3.5, 2: 5.0, 3: 7.0}

    def __init__(self, side: Side, level: int) -> None:
        super().__init__(side, level)
        self._placed = False
        self._age = 0.0

    def ready(self, stage: Stage) -> bool:
        if stage.lead is None:
            if not self._placed and stage.speed > 4.0 and not stage.route.changing:
                self._place(stage)
            return False
        other = stage.traffic.others.get(stage.lead)
        near = 6.0 < stage.lead_distance < 24.0
        return bool(other and near and other.speed > 3.5 and stage.speed > 3.5)

    def _place(self, stage: Stage) -> None:
        here = stage.route.index.nearest(stage.x, stage.y, stage.heading, plain=True)
        if here is None or here[0] != stage.route.lane():
            return
        lane = stage.route.network.lanes[here[0]]
        position = here[1] + REAR_AXLE_TO_FRONT + max(12.0, 1.3 * stage.speed) + 4.4
        if position < lane.length - 8.0:
            self._placed = stage.traffic.add_ahead(lane.id, position, stage.speed) is not None

    def begin(self, stage: Stage) -> None:
        self.actor = stage.lead
        assert self.actor is not None
        stage.traffic.brake(self.actor, self.DECELERATION[self.level])

    def step(self, stage: Stage) -> bool:
        assert self.actor is not None
        self._age += DT
        other = stage.traffic.others.get(self.actor)
        return other is not None and self._age < 3.2 + 0.4 * self.level

    def end(self, stage: Stage) -> None:
        if self.actor:
            stage.traffic.release(self.actor)


HAPPENINGS: dict[Event, type[Happening]] = {Event.PED_CROSS: PedCross, Event.HARD_BRAKE: HardBrake}


class Events:
    """Draws what comes next, waits for its chance, runs it. `event`, `side`, `level` are the control's words now."""

    def __init__(self, rng: random.Random, wanted: Event | None = None, rate: float = 1.0) -> None:
        self._rng, self._wanted, self._rate = rng, wanted, rate
        self._next: Happening | None = None
        self._current: Happening | None = None
        self._wait = 0.0
        self._patience = 0.0
        self._schedule()

    def _schedule(self) -> None:
        rng = self._rng
        self._wait = rng.uniform(1.0, 8.0) / max(self._rate, 1e-6)
        event = self._wanted if self._wanted is not None else rng.choice(sorted(HAPPENINGS))
        side = rng.choice((Side.LEFT, Side.RIGHT))
        level = rng.choice((1, 2, 2, 3))
        self._next = HAPPENINGS[event](side, level) if event in HAPPENINGS and self._rate > 0 else None
        self._patience = 12.0

    @property
    def event(self) -> Event:
        return self._current.event if self._current else Event.NONE

    @property
    def side(self) -> Side:
        return self._current.side if self._current else Side.NONE

    @property
    def level(self) -> int:
        return self._current.level if self._current else NO_LEVEL

    @property
    def actor(self) -> str | None:
        return self._current.actor if self._current else None

    def others(self) -> list[Other]:
        return self._current.others() if self._current else []

    def trigger(self, stage: Stage) -> bool:
        """Before a frame's control is made: may something begin? True at its onset."""
        if self._current or self._next is None:
            return False
        self._wait -= DT
        if self._wait > 0:
            return False
        self._patience -= DT
        if self._next.ready(stage):
            self._next.begin(stage)
            self._current, self._next = self._next, None
            return True
        if self._patience < 0:
            self._schedule()
        return False

    def step(self, stage: Stage) -> None:
        """After the world moved on."""
        if self._current and not self._current.step(stage):
            self._current.end(stage)
            self._current = None
            self._schedule()
