"""Vehicles that do what one does not expect: cut in, brake hard, come towards us, break down, come with flashing lights."""

from __future__ import annotations

import random
from typing import ClassVar

from world.controls import DT, Event, Side
from world.kinematics import REAR_AXLE_TO_FRONT, WHEELBASE
from world.town.events.base import (
    EventContext,
    Mover,
    ScenarioEvent,
    beside,
    clear,
    free_ahead,
    opposite,
    our_way,
    reach,
    relative,
    steady,
    to_junction,
)
from world.town.models import KINDS
from world.town.traffic import Other


def adopt(stage: EventContext, mover: Mover) -> bool:
    """Hand a vehicle of an event's over to SUMO, on the lane where it is; False where there is no room for it."""
    other = mover.other()
    here = stage.index.nearest(other.x, other.y, other.heading, plain=True)
    if here is None or abs(here[2]) > 0.8:
        return False
    lane = stage.route.network.lanes[here[0]]
    position = here[1] + mover.speed * DT
    if not 5.0 < position < lane.length - 1.0:
        return False
    return stage.traffic.add_ahead(lane.id, position, mover.speed, mover.kind, mover.id, mover.look) is not None


class CutIn(ScenarioEvent):
    """A car on the neighbouring lane at `side` comes past, cuts in close ahead of us and stays there a while."""

    event = Event.CUT_IN
    sided = True
    GAP: ClassVar = {1: 6.0, 2: 3.5, 3: 2.0}  # m between its tail and our nose when it begins to cross
    RATE: ClassVar = {1: 2.0, 2: 2.8, 3: 3.8}  # m/s sideways
    STAY = 2.5  # s on our lane until it is a car like any other

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._pace, self._in, self._crossing, self._adopted = 0.0, 0.0, False, False

    def ready(self, stage: EventContext) -> bool:
        if not steady(stage) or beside(stage, self.side) is None or to_junction(stage) < 20.0 + 2.2 * stage.speed:
            return False
        if stage.lead is not None and stage.lead_distance < 16.0 + 0.5 * stage.speed:
            return False
        return clear(stage, our_way(stage), -5.0, 24.0 + 0.5 * stage.speed, self.sign * 3.4)

    def begin(self, stage: EventContext) -> None:
        self._pace = stage.speed
        front = WHEELBASE + 2.2  # just outside the picture
        self._mover = Mover(self.actor, "car", "", our_way(stage), front, self.sign * 3.4, stage.speed + 4.0)

    def move(self, stage: EventContext) -> None:
        mover = self._mover
        if mover is None or (self._adopted and self.actor in stage.traffic.others):
            self._mover = None
            self._in += DT
            return
        self.age += DT
        ahead, _ = relative(stage, *mover.tail())
        gap = ahead - (REAR_AXLE_TO_FRONT - WHEELBASE)
        self._crossing = self._crossing or gap > self.GAP[self.level]
        pace = max(2.0, min(stage.speed, self._pace)) if self._crossing else max(stage.speed, 2.0) + 5.0
        mover.step(pace, 0.0 if self._crossing else self.sign * 3.4, self.RATE[self.level], pull=3.0)
        if self._crossing and abs(mover.left) < 0.5:
            self._in += DT
        if abs(mover.left) < 0.25 and not self._adopted:
            self._adopted = adopt(stage, mover)

    def on(self, stage: EventContext) -> bool:
        gone = self._mover is None and self.actor not in stage.traffic.others
        return not gone and self._in < self.STAY

    def end(self, stage: EventContext) -> None:
        stage.traffic.release(self.actor)

    def others(self) -> list[Other]:
        return [self._mover.other()] if self._mover else []


class HardBrake(ScenarioEvent):
    """The car ahead brakes hard to a stop, stands a moment and drives on. Where nobody is ahead, one comes in first."""

    event = Event.HARD_BRAKE
    DECELERATION: ClassVar = {1: 3.5, 2: 5.0, 3: 7.0}
    NEAR: ClassVar = {1: 24.0, 2: 20.0, 3: 15.0}  # m to its tail
    WAIT = 0.8  # s for somebody to be there by themselves
    GRACE = 0.7  # s that a car of our own drives along before it brakes

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._waited, self._own, self._braking = 0.0, False, False

    def ready(self, stage: EventContext) -> bool:
        self._waited += DT
        if not steady(stage, 4.0):
            return False
        other = stage.traffic.others.get(stage.lead or "")
        if other is not None:
            ahead, left = relative(stage, other.x, other.y)
            aligned = abs(left) < 1.6 and ahead > 0 and other.kind != "bicycle"
            return aligned and other.speed > 3.5 and 6.0 < stage.lead_distance < self.NEAR[self.level]
        return self._waited > self.WAIT and self._place(stage) is not None

    def _place(self, stage: EventContext) -> tuple[str, float] | None:
        """Lane and position for a car of our own, where the street is clear."""
        distance = REAR_AXLE_TO_FRONT + 0.8 * self.NEAR[self.level] + KINDS["car"].length
        if not free_ahead(stage, distance + 1.8 * stage.speed):
            return None
        x, y, h = stage.route.point(stage.fix.s + distance)
        here = stage.index.nearest(x, y, h, plain=True)
        return (here[0], here[1]) if here and here[0] == stage.route.lane() and here[3] < 0.5 else None

    def begin(self, stage: EventContext) -> None:
        if stage.lead in stage.traffic.others:
            assert stage.lead is not None
            self.actor = stage.lead
            return
        place = self._place(stage)
        assert place is not None
        stage.traffic.add_ahead(*place, stage.speed, name=self.actor)
        self._own = True

    def move(self, stage: EventContext) -> None:
        self.age += DT
        if not self._braking and self.age > (self.GRACE if self._own else 0.05):
            self._braking = stage.traffic.brake(self.actor, self.DECELERATION[self.level])

    def on(self, stage: EventContext) -> bool:
        return (self.actor in stage.traffic.others or self.age < 0.3) and self.age < 3.6 + 0.4 * self.level

    def end(self, stage: EventContext) -> None:
        stage.traffic.release(self.actor)


class Stalled(ScenarioEvent):
    """A broken-down vehicle blocks our lane, its hazard lights on. When we have waited long it gets going again."""

    event = Event.STALLED
    PATIENCE = 3.5  # s that we may stand behind it

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._kind = rng.choice(("car", "car", "van", "lorry"))
        self._waited, self._going = 0.0, 0.0

    def _place(self, stage: EventContext) -> tuple[str, float] | None:
        """Lane and position of its front."""
        x, y, h = stage.route.point(stage.fix.s + reach(stage, self.level, 12.0) + KINDS[self._kind].length)
        here = stage.index.nearest(x, y, h, plain=True)
        return (here[0], here[1]) if here and here[0] == stage.route.lane() and here[3] < 0.5 else None

    def ready(self, stage: EventContext) -> bool:
        needs = reach(stage, self.level, 12.0) + KINDS[self._kind].length + 6.0
        return steady(stage) and free_ahead(stage, needs) and self._place(stage) is not None

    def begin(self, stage: EventContext) -> None:
        place = self._place(stage)
        assert place is not None
        stage.traffic.add_ahead(*place, 0.0, self._kind, self.actor, "hazard")
        stage.traffic.hold(self.actor)

    def move(self, stage: EventContext) -> None:
        self.age += DT
        self._waited += DT * (stage.speed < 0.5)
        if self._waited > self.PATIENCE:
            if self._going == 0.0:
                stage.traffic.release(self.actor)
            self._going += DT

    def on(self, stage: EventContext) -> bool:
        return (self.actor in stage.traffic.others or self.age < 0.3) and self._going < 1.5

    def end(self, stage: EventContext) -> None:
        stage.traffic.release(self.actor)


class Oncoming(ScenarioEvent):
    """A vehicle leaves its lane, comes towards us on ours and swings back: the higher the level the later."""

    event = Event.ONCOMING
    BACK: ClassVar = {1: (1.6, 5.0), 2: (1.35, 4.0), 3: (1.15, 3.0)}  # it turns back this many s and m before us

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._kind = rng.choice(("car", "car", "van"))
        self._home = 3.4
        self._turned = False

    def ready(self, stage: EventContext) -> bool:
        home = opposite(stage)
        start = self._start(stage)
        if home is None or home > 7.0 or not steady(stage) or not free_ahead(stage, start + 4.0):
            return False
        way = our_way(stage)
        lanes = (0.0, home) if home < 5.0 else (0.0, 3.4, home)
        return all(clear(stage, way, 4.0, start + 8.0, left) for left in lanes)

    def _start(self, stage: EventContext) -> float:
        return REAR_AXLE_TO_FRONT + 20.0 + 1.3 * stage.speed

    def begin(self, stage: EventContext) -> None:
        self._home = opposite(stage) or 3.4
        start, left = self._start(stage), min(self._home, 3.6)
        self._mover = Mover(self.actor, self._kind, "headlights", our_way(stage), start, left, 5.5, way=-1)

    def move(self, stage: EventContext) -> None:
        mover = self._mover
        assert mover is not None
        self.age += DT
        gap = relative(stage, *mover.course.at(mover.s, mover.left)[:2])[0] - (REAR_AXLE_TO_FRONT - WHEELBASE)
        seconds, metres = self.BACK[self.level]
        self._turned = self._turned or gap < metres + seconds * (stage.speed + mover.speed)
        pace = 5.5 if not self._turned or gap < 0 else 4.5
        mover.step(pace, self._home if self._turned else 0.0, 3.6, pull=3.0)

    def others(self) -> list[Other]:
        return [self._mover.other()] if self._mover else []


class Emergency(ScenarioEvent):
    """An ambulance, a fire engine or a police car with flashing lights overtakes us, or comes towards us."""

    event = Event.EMERGENCY
    FASTER: ClassVar = {1: 4.0, 2: 5.5, 3: 7.0}  # m/s
    KINDS: ClassVar = {"ambulance": "van", "fire_engine": "lorry", "police": "car"}

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._look = rng.choice(sorted(self.KINDS))
        self._overtakes = rng.random() < 0.7
        self._home, self._pace = 3.4, 8.0

    def ready(self, stage: EventContext) -> bool:
        if not steady(stage):
            return False
        left = 3.4 if beside(stage, Side.LEFT) else opposite(stage)
        if not self._overtakes:
            left = opposite(stage)
        if left is None or left > 7.5:
            return False
        self._home = left
        way = our_way(stage)
        if self._overtakes:
            return (
                to_junction(stage) > 14.0
                and (stage.lead is None or stage.lead_distance > 40.0)
                and clear(stage, way, -12.0, 40.0 + stage.speed, left)
            )
        return to_junction(stage) > 38.0 and clear(stage, way, 0.0, 60.0, left)

    def begin(self, stage: EventContext) -> None:
        kind, way = self.KINDS[self._look], our_way(stage)
        if self._overtakes:
            self._pace = max(stage.speed, 4.0) + self.FASTER[self.level]
            start = WHEELBASE + self._home - 0.8  # just outside the picture
            self._mover = Mover(self.actor, kind, self._look, way, start, self._home, self._pace)
        else:
            self._pace = 5.0 + 2.5 * self.level
            self._mover = Mover(self.actor, kind, self._look, way, 42.0, self._home, self._pace, way=-1)

    def move(self, stage: EventContext) -> None:
        mover = self._mover
        assert mover is not None
        self.age += DT
        if not self._overtakes:
            mover.step(self._pace, self._home)
            return
        ahead, _ = relative(stage, *mover.tail())
        mover.step(self._pace, 0.0 if ahead > 4.0 + 0.4 * stage.speed else mover.left, 2.2)

    def others(self) -> list[Other]:
        return [self._mover.other()] if self._mover else []
