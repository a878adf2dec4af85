"""Schedules events: `Events` draws the next event, waits for its chance and runs it."""

from __future__ import annotations

import random

from world.controls import DT, NO_LEVEL, Event, Side
from world.town.events.base import EventContext, ScenarioEvent
from world.town.events.obstacles import Debris, RoadWork
from world.town.events.vehicles import CutIn, Emergency, HardBrake, Oncoming, Stalled
from world.town.events.walkers import Animal, Cyclist, PedCross
from world.town.traffic import Other

SCENARIO_EVENTS: dict[Event, type[ScenarioEvent]] = {
    kind.event: kind
    for kind in (PedCross, Cyclist, CutIn, Animal, HardBrake, Stalled, Debris, Oncoming, Emergency, RoadWork)
}
LEVELS = (1, 2, 2, 3)
WAIT = (0.2, 1.2)  # s between two events
FIRST, EACH = 1.2, 0.4  # s that only the first event drawn is tried, and between those that join it
DRAW = 12.0  # s until a new order is drawn
# Rates of being drawn first, under which events occur about equally often (few streets allow a cut-in).
SHARES: dict[Event, float] = {
    Event.PED_CROSS: 1.6,
    Event.CYCLIST: 1.4,
    Event.CUT_IN: 6.0,
    Event.ANIMAL: 1.5,
    Event.HARD_BRAKE: 2.9,
    Event.STALLED: 1.5,
    Event.DEBRIS: 0.8,
    Event.ONCOMING: 2.6,
    Event.EMERGENCY: 1.0,
    Event.ROAD_WORK: 1.1,
}


class Events:
    """Runs a drive's events. only: play this event alone; rate: of events, 0 for none.

    `event`, `side` and `level` are the control's current values; `actor` is the id of whose pixels are counted (its
    parts are "id.1", ...).
    """

    def __init__(self, rng: random.Random, only: Event | None = None, rate: float = 1.0) -> None:
        self._rng, self._only, self._rate = rng, only, rate
        self._next: list[ScenarioEvent] = []
        self._current: ScenarioEvent | None = None
        self._leaving: list[ScenarioEvent] = []  # over, but still in sight
        self._wait, self._waiting = 0.0, 0.0
        self._schedule()

    def _schedule(self) -> None:
        self._wait = self._rng.uniform(*WAIT) / max(self._rate, 1e-6)
        self._draw()

    def _draw(self) -> None:
        """Draws an order of all events that may come next."""
        rng = self._rng
        order = sorted(SCENARIO_EVENTS, key=lambda event: rng.expovariate(SHARES[event]))
        if self._only is not None:
            order = [event for event in order if event == self._only]
        self._next, self._waiting = [], 0.0
        for event in order if self._rate > 0 else ():
            side, level = rng.choice((Side.LEFT, Side.RIGHT)), rng.choice(LEVELS)
            self._next.append(SCENARIO_EVENTS[event](side, level, random.Random(rng.randrange(2**31))))

    @property
    def event(self) -> Event:
        """The active event; NONE between events."""
        return self._current.event if self._current else Event.NONE

    @property
    def side(self) -> Side:
        """The side that the active event comes from."""
        return self._current.side if self._current else Side.NONE

    @property
    def level(self) -> int:
        """The active event's level, NO_LEVEL between events."""
        return self._current.level if self._current else NO_LEVEL

    @property
    def actor(self) -> str | None:
        """The active event's actor; None between events."""
        return self._current.actor if self._current else None

    def others(self) -> list[Other]:
        """Road users of the events' own: of the active one, and of those over but in sight."""
        now = [self._current] if self._current else []
        return [other for event_now in (*now, *self._leaving) for other in event_now.others()]

    def trigger(self, context: EventContext) -> bool:
        """Starts an event if one can begin; True at its onset. Call before a frame's control is made."""
        if self._current or not self._next:
            return False
        self._wait -= DT
        if self._wait > 0 or self._leaving:
            return False
        self._waiting += DT
        candidates = 1 + int(max(0.0, self._waiting - FIRST) / EACH)
        for event_now in self._next[:candidates]:
            if event_now.ready(context):
                event_now.begin(context)
                self._current = event_now
                return True
        if self._waiting > DRAW:
            self._draw()
        return False

    def step(self, context: EventContext) -> None:
        """Moves the events' actors. Call after the world's step."""
        for event_now in self._leaving:
            event_now.move(context)
        self._leaving = [event_now for event_now in self._leaving if not event_now.out_of_sight(context)]
        current = self._current
        if current is None:
            return
        current.move(context)
        hidden = current.out_of_sight(context)
        if hidden or not current.on(context):
            current.end(context)
            if not hidden:
                self._leaving.append(current)
            self._current = None
            self._schedule()
