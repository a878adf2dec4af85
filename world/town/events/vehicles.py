"""Vehicle events: cut in, brake hard, break down, come towards us on our lane, come with flashing lights."""

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
    ego_path,
    free_ahead,
    opposite,
    reach,
    relative,
    steady,
    to_junction,
)
from world.town.models import KINDS
from world.town.traffic import Other


def adopt(context: EventContext, mover: Mover) -> bool:
    """Hands an event's vehicle over to SUMO on its current lane; False where there is no room."""
    other = mover.other()
    here = context.index.nearest(other.x, other.y, other.heading, plain=True)
    if here is None or abs(here[2]) > 0.8:
        return False
    lane = context.route.network.lanes[here[0]]
    position = here[1] + mover.speed * DT
    if not 5.0 < position < lane.length - 1.0:
        return False
    return context.traffic.add_ahead(lane.id, position, mover.speed, mover.kind, mover.id, mover.look) is not None


class CutIn(ScenarioEvent):
    """A car on the adjacent lane at `side` passes, cuts in close ahead of us and stays there for a while."""

    event = Event.CUT_IN
    sided = True
    GAP: ClassVar = {1: 6.0, 2: 3.5, 3: 2.0}  # m between its tail and our front when it begins to cross
    RATE: ClassVar = {1: 2.0, 2: 2.8, 3: 3.8}  # m/s sideways
    STAY = 2.5  # s on our lane until the event is over

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._pace, self._in, self._crossing, self._in_traffic = 0.0, 0.0, False, False

    def ready(self, context: EventContext) -> bool:
        """Whether the adjacent lane and ours are free, far from a junction."""
        if (
            not steady(context)
            or beside(context, self.side) is None
            or to_junction(context) < 20.0 + 2.2 * context.speed
        ):
            return False
        if context.lead is not None and context.lead_distance < 16.0 + 0.5 * context.speed:
            return False
        return clear(context, ego_path(context), -5.0, 24.0 + 0.5 * context.speed, self.sign * 3.4)

    def begin(self, context: EventContext) -> None:
        """Places the car beside us, just outside the picture."""
        self._pace = context.speed
        front = WHEELBASE + 2.2  # just outside the picture
        self._mover = Mover(self.actor, "car", "", ego_path(context), front, self.sign * 3.4, context.speed + 4.0)

    def move(self, context: EventContext) -> None:
        """Overtakes, then crosses; once on our lane it is handed over to SUMO."""
        mover = self._mover
        if mover is None or (self._in_traffic and self.actor in context.traffic.others):
            self._mover = None
            self._in += DT
            return
        self.age += DT
        ahead, _ = relative(context, *mover.tail())
        gap = ahead - (REAR_AXLE_TO_FRONT - WHEELBASE)
        self._crossing = self._crossing or gap > self.GAP[self.level]
        pace = max(2.0, min(context.speed, self._pace)) if self._crossing else max(context.speed, 2.0) + 5.0
        mover.step(pace, 0.0 if self._crossing else self.sign * 3.4, self.RATE[self.level], pull=3.0)
        if self._crossing and abs(mover.left) < 0.5:
            self._in += DT
        if abs(mover.left) < 0.25 and not self._in_traffic:
            self._in_traffic = adopt(context, mover)

    def on(self, context: EventContext) -> bool:
        """Whether it is there and has not stayed long enough on our lane."""
        vanished = self._mover is None and self.actor not in context.traffic.others
        return not vanished and self._in < self.STAY

    def end(self, context: EventContext) -> None:
        """Lets SUMO drive the car."""
        context.traffic.release(self.actor)

    def others(self) -> list[Other]:
        """The car, until SUMO moves it."""
        return [self._mover.other()] if self._mover else []


class HardBrake(ScenarioEvent):
    """The car ahead brakes hard to a stop, stands a moment and drives on. Where there is none, one is added first."""

    event = Event.HARD_BRAKE
    DECELERATION: ClassVar = {1: 3.5, 2: 5.0, 3: 7.0}
    NEAR: ClassVar = {1: 24.0, 2: 20.0, 3: 15.0}  # m to its tail
    WAIT = 0.8  # s to wait for a car of the traffic
    GRACE = 0.7  # s that an added car drives along before it brakes

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._waiting, self._own, self._braking = 0.0, False, False

    def ready(self, context: EventContext) -> bool:
        """Whether a car drives near ahead, or one can be added."""
        self._waiting += DT
        if not steady(context, 4.0):
            return False
        other = context.traffic.others.get(context.lead or "")
        if other is not None:
            ahead, left = relative(context, other.x, other.y)
            aligned = abs(left) < 1.6 and ahead > 0 and other.kind != "bicycle"
            return aligned and other.speed > 3.5 and 6.0 < context.lead_distance < self.NEAR[self.level]
        return self._waiting > self.WAIT and self._place(context) is not None

    def _place(self, context: EventContext) -> tuple[str, float] | None:
        """Lane and position for an added car, where the street is clear."""
        distance = REAR_AXLE_TO_FRONT + 0.8 * self.NEAR[self.level] + KINDS["car"].length
        if not free_ahead(context, distance + 1.8 * context.speed):
            return None
        x, y, h = context.route.point(context.fix.s + distance)
        here = context.index.nearest(x, y, h, plain=True)
        return (here[0], here[1]) if here and here[0] == context.route.lane() and here[3] < 0.5 else None

    def begin(self, context: EventContext) -> None:
        """Chooses the car ahead, or adds one."""
        if context.lead in context.traffic.others:
            assert context.lead is not None
            self.actor = context.lead
            return
        place = self._place(context)
        assert place is not None
        context.traffic.add_ahead(*place, context.speed, name=self.actor)
        self._own = True

    def move(self, context: EventContext) -> None:
        """Makes it brake."""
        self.age += DT
        if not self._braking and self.age > (self.GRACE if self._own else 0.05):
            self._braking = context.traffic.brake(self.actor, self.DECELERATION[self.level])

    def on(self, context: EventContext) -> bool:
        """Whether the car is there and the stop not over."""
        return (self.actor in context.traffic.others or self.age < 0.3) and self.age < 3.6 + 0.4 * self.level

    def end(self, context: EventContext) -> None:
        """Lets SUMO drive the car."""
        context.traffic.release(self.actor)


class Stalled(ScenarioEvent):
    """A broken-down vehicle with hazard lights blocks our lane; it drives on when we have waited long enough."""

    event = Event.STALLED
    PATIENCE = 3.5  # s that we stand behind it before it drives on

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._kind = rng.choice(("car", "car", "van", "lorry"))
        self._waiting, self._going = 0.0, 0.0

    def _place(self, context: EventContext) -> tuple[str, float] | None:
        """Lane and position of its front."""
        x, y, h = context.route.point(context.fix.s + reach(context, self.level, 12.0) + KINDS[self._kind].length)
        here = context.index.nearest(x, y, h, plain=True)
        return (here[0], here[1]) if here and here[0] == context.route.lane() and here[3] < 0.5 else None

    def ready(self, context: EventContext) -> bool:
        """Whether the street is clear and has a place for it."""
        needs = reach(context, self.level, 12.0) + KINDS[self._kind].length + 6.0
        return steady(context) and free_ahead(context, needs) and self._place(context) is not None

    def begin(self, context: EventContext) -> None:
        """Adds the vehicle and holds it."""
        place = self._place(context)
        assert place is not None
        context.traffic.add_ahead(*place, 0.0, self._kind, self.actor, "hazard")
        context.traffic.hold(self.actor)

    def move(self, context: EventContext) -> None:
        """Lets it drive on after PATIENCE."""
        self.age += DT
        self._waiting += DT * (context.speed < 0.5)
        if self._waiting > self.PATIENCE:
            if self._going == 0.0:
                context.traffic.release(self.actor)
            self._going += DT

    def on(self, context: EventContext) -> bool:
        """Whether it is there and not yet driving off."""
        return (self.actor in context.traffic.others or self.age < 0.3) and self._going < 1.5

    def end(self, context: EventContext) -> None:
        """Lets SUMO drive the vehicle."""
        context.traffic.release(self.actor)


class Oncoming(ScenarioEvent):
    """A vehicle leaves its lane, comes towards us on ours and swings back, the later the higher the level."""

    event = Event.ONCOMING
    BACK: ClassVar = {1: (1.6, 5.0), 2: (1.35, 4.0), 3: (1.15, 3.0)}  # it swings back this many s and m before us

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._kind = rng.choice(("car", "car", "van"))
        self._home = 3.4
        self._returning = False

    def ready(self, context: EventContext) -> bool:
        """Whether there is an oncoming lane and the street is clear."""
        home = opposite(context)
        start = self._start(context)
        if home is None or home > 7.0 or not steady(context) or not free_ahead(context, start + 4.0):
            return False
        path = ego_path(context)
        lanes = (0.0, home) if home < 5.0 else (0.0, 3.4, home)
        return all(clear(context, path, 4.0, start + 8.0, left) for left in lanes)

    def _start(self, context: EventContext) -> float:
        return REAR_AXLE_TO_FRONT + 20.0 + 1.3 * context.speed

    def begin(self, context: EventContext) -> None:
        """Places the vehicle on its own lane."""
        self._home = opposite(context) or 3.4
        start, left = self._start(context), min(self._home, 3.6)
        self._mover = Mover(self.actor, self._kind, "headlights", ego_path(context), start, left, 5.5, direction=-1)

    def move(self, context: EventContext) -> None:
        """Comes over to our lane, and back near us."""
        mover = self._mover
        assert mover is not None
        self.age += DT
        gap = relative(context, *mover.course.at(mover.s, mover.left)[:2])[0] - (REAR_AXLE_TO_FRONT - WHEELBASE)
        seconds, metres = self.BACK[self.level]
        self._returning = self._returning or gap < metres + seconds * (context.speed + mover.speed)
        pace = 5.5 if not self._returning or gap < 0 else 4.5
        mover.step(pace, self._home if self._returning else 0.0, 3.6, pull=3.0)

    def others(self) -> list[Other]:
        """The vehicle."""
        return [self._mover.other()] if self._mover else []


class Emergency(ScenarioEvent):
    """An ambulance, a fire engine or a police car with flashing lights overtakes us or comes towards us."""

    event = Event.EMERGENCY
    FASTER: ClassVar = {1: 4.0, 2: 5.5, 3: 7.0}  # m/s
    KINDS: ClassVar = {"ambulance": "van", "fire_engine": "lorry", "police": "car"}

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._mover: Mover | None = None
        self._look = rng.choice(sorted(self.KINDS))
        self._overtakes = rng.random() < 0.7
        self._home, self._pace = 3.4, 8.0

    def ready(self, context: EventContext) -> bool:
        """Whether a lane to the left is free, far from a junction."""
        if not steady(context):
            return False
        left = 3.4 if beside(context, Side.LEFT) else opposite(context)
        if not self._overtakes:
            left = opposite(context)
        if left is None or left > 7.5:
            return False
        self._home = left
        path = ego_path(context)
        if self._overtakes:
            return (
                to_junction(context) > 14.0
                and (context.lead is None or context.lead_distance > 40.0)
                and clear(context, path, -12.0, 40.0 + context.speed, left)
            )
        return to_junction(context) > 38.0 and clear(context, path, 0.0, 60.0, left)

    def begin(self, context: EventContext) -> None:
        """Places the vehicle behind us, just outside the picture, or far ahead."""
        kind, path = self.KINDS[self._look], ego_path(context)
        if self._overtakes:
            self._pace = max(context.speed, 4.0) + self.FASTER[self.level]
            start = WHEELBASE + self._home - 0.8  # just outside the picture
            self._mover = Mover(self.actor, kind, self._look, path, start, self._home, self._pace)
        else:
            self._pace = 5.0 + 2.5 * self.level
            self._mover = Mover(self.actor, kind, self._look, path, 42.0, self._home, self._pace, direction=-1)

    def move(self, context: EventContext) -> None:
        """Drives past; after overtaking it takes our lane."""
        mover = self._mover
        assert mover is not None
        self.age += DT
        if not self._overtakes:
            mover.step(self._pace, self._home)
            return
        ahead, _ = relative(context, *mover.tail())
        mover.step(self._pace, 0.0 if ahead > 4.0 + 0.4 * context.speed else mover.left, 2.2)

    def others(self) -> list[Other]:
        """The vehicle."""
        return [self._mover.other()] if self._mover else []
