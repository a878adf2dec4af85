"""When what happens: `Events` draws the next event, waits for its chance and runs it. It holds the control's words."""

from __future__ import annotations

import random

from world.controls import DT, NO_LEVEL, Event, Side
from world.town.events.base import Happening, Stage
from world.town.events.obstacles import Debris, RoadWork
from world.town.events.vehicles import CutIn, Emergency, HardBrake, Oncoming, Stalled
from world.town.events.walkers import Animal, Cyclist, PedCross
from world.town.traffic import Other

HAPPENINGS: dict[Event, type[Happening]] = {
    kind.event: kind
    for kind in (PedCross, Cyclist, CutIn, Animal, HardBrake, Stalled, Debris, Oncoming, Emergency, RoadWork)
}
LEVELS = (1, 2, 2, 3)
WAIT = (1.0, 6.0)  # s between two events


class Events:
    """`event`, `side`, `level` are the control's words now; `actor` is whose pixels are counted (its parts: "actor.1")."""

    def __init__(self, rng: random.Random, wanted: Event | None = None, rate: float = 1.0) -> None:
        self._rng, self._wanted, self._rate = rng, wanted, rate
        self._next: Happening | None = None
        self._current: Happening | None = None
        self._leaving: list[Happening] = []  # over, but still in sight
        self._wait = 0.0
        self._patience = 0.0
        self._schedule()

    def _schedule(self) -> None:
        rng = self._rng
        self._wait = rng.uniform(*WAIT) / max(self._rate, 1e-6)
        self._draw()

    def _draw(self) -> None:
        rng = self._rng
        event = self._wanted if self._wanted is not None else rng.choices(list(HAPPENINGS), list(SHARES.values()))[0]
        side, level = rng.choice((Side.LEFT, Side.RIGHT)), rng.choice(LEVELS)
        own = random.Random(rng.randrange(2**31))
        self._next = HAPPENINGS[event](side, level, own) if event in HAPPENINGS and self._rate > 0 else None
        self._patience = PATIENCE.get(event, 3.0)

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

    def trigger(self, stage: Stage) -> bool:
        """Before a frame's control is made: may something begin? True at its onset."""
        if self._current or self._next is None:
            return False
        self._wait -= DT
        if self._wait > 0:
            return False
        self._patience -= DT
        if not self._leaving and self._next.ready(stage):
            self._next.begin(stage)
            self._current, self._next = self._next, None
            return True
        if self._patience < 0:
            self._draw()
        return False

    def step(self, stage: Stage) -> None:
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


# Shares of the draws, and how long (s) a draw waits for its chance: such that all events come about equally often.
SHARES: dict[Event, float] = dict.fromkeys(HAPPENINGS, 1.0)
PATIENCE: dict[Event, float] = {Event.CUT_IN: 6.0, Event.HARD_BRAKE: 10.0, Event.ONCOMING: 5.0}
