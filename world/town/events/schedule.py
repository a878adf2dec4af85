"""When what happens: `Events` draws the next event, waits for its chance and runs it. It holds the control's words."""

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
FIRST, EACH = 1.2, 0.4  # s that the one drawn first has the chance to itself, and between those that join it
DRAW = 12.0  # s until others are drawn
# What is drawn first; by these the events come about about equally often (rare are the streets where one can cut in).
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
    """`event`, `side`, `level` are the control's words now; `actor` is whose pixels are counted (its parts: "actor.1")."""

    def __init__(self, rng: random.Random, wanted: Event | None = None, rate: float = 1.0) -> None:
        self._rng, self._wanted, self._rate = rng, wanted, rate
        self._next: list[ScenarioEvent] = []
        self._current: ScenarioEvent | None = None
        self._leaving: list[ScenarioEvent] = []  # over, but still in sight
        self._wait, self._waited = 0.0, 0.0
        self._schedule()

    def _schedule(self) -> None:
        self._wait = self._rng.uniform(*WAIT) / max(self._rate, 1e-6)
        self._draw()

    def _draw(self) -> None:
        """All that may come next, in a drawn order."""
        rng = self._rng
        order = sorted(SCENARIO_EVENTS, key=lambda event: rng.expovariate(SHARES[event]))
        if self._wanted is not None:
            order = [event for event in order if event == self._wanted]
        self._next, self._waited = [], 0.0
        for event in order if self._rate > 0 else ():
            side, level = rng.choice((Side.LEFT, Side.RIGHT)), rng.choice(LEVELS)
            self._next.append(SCENARIO_EVENTS[event](side, level, random.Random(rng.randrange(2**31))))

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
        """Road users of the events' own: of the one that is on, and of those that are over but in sight."""
        now = [self._current] if self._current else []
        return [other for happening in (*now, *self._leaving) for other in happening.others()]

    def trigger(self, stage: EventContext) -> bool:
        """Before a frame's control is made: may something begin? True at its onset."""
        if self._current or not self._next:
            return False
        self._wait -= DT
        if self._wait > 0 or self._leaving:
            return False
        self._waited += DT
        asked = 1 + int(max(0.0, self._waited - FIRST) / EACH)
        for happening in self._next[:asked]:
            if happening.ready(stage):
                happening.begin(stage)
                self._current = happening
                return True
        if self._waited > DRAW:
            self._draw()
        return False

    def step(self, stage: EventContext) -> None:
        """After the world moved on."""
        for happening in self._leaving:
            happening.move(stage)
        self._leaving = [happening for happening in self._leaving if not happening.lost(stage)]
        current = self._current
        if current is None:
            return
        current.move(stage)
        lost = current.lost(stage)
        if lost or not current.on(stage):
            current.end(stage)
            if not lost:
                self._leaving.append(current)
            self._current = None
            self._schedule()
