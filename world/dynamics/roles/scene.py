"""Input of casting, and creation of actors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.dynamics.roles.ground import CAR, PATH, look_for
from world.dynamics.roles.moves import BEGINS
from world.dynamics.tables import Tables
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.objects import SIZES, Kind
from world.scene.random import uniform

FIRST_ID = 1 << 30  # ids of actors
SECONDS = (0.0, 2.8, 2.1, 1.5)  # by level: until our car would be there
PATIENT = 1.0  # s since the request from which on places straight ahead will do


@dataclass(slots=True)
class CastingInput:
    """Input of casting: tables, our car [1], agents (modified), the requested event, its age (s) and the random numbers' arguments."""

    t: Tables
    seed: np.uint64
    clock: int
    ego: np.ndarray
    agents: np.ndarray
    event: int
    sign: float
    level: int
    age: float
    unseen: bool  # an earlier actor from behind did not become visible in time

    def draw(self, number: int) -> float:
        """A random number in [0, 1) of this moment."""
        return float(uniform(self.seed, self.clock, number, 400 + self.event))

    @property
    def speed(self) -> float:
        """Our car's speed, m/s."""
        return float(self.ego[0]["speed"])

    def reach(self, least: float = 10.0) -> float:
        """The distance ahead of the rear axle (m) of a new object, by our speed and the level."""
        return REAR_AXLE_TO_FRONT + min(28.0, max(least, self.speed * SECONDS[self.level]))

    def frames(self) -> tuple[int, ...]:
        """Frames in which places may be looked for."""
        return (PATH,) if self.age < PATIENT else (PATH, CAR)

    def new(self, kind: Kind, speed: float = 0.0, look: int | None = None) -> int:
        """The slot of a new actor without a place; -1: no slot is free."""
        free = np.flatnonzero(self.agents["kind"] == 0)
        if not len(free):
            return -1
        slot = int(free[-1])
        a = self.agents[slot : slot + 1]
        a[:] = np.zeros((), a.dtype)
        a["kind"], a["id"] = int(kind), FIRST_ID + (self.clock + 1) * len(self.agents) + slot
        a["length"], a["width"], a["height"] = SIZES[kind]
        a["look"] = int(1e6 * self.draw(slot)) if look is None else look
        a["lane"], a["next"], a["goal"], a["speed"], a["wish"] = -1, -1, -1, speed, 1.0
        a["role"], a["mode"] = self.event, BEGINS
        return slot

    def drop(self, slot: int) -> None:
        """Removes an actor."""
        self.agents[slot : slot + 1] = np.zeros((), self.agents.dtype)
        for name in ("lane", "next", "goal"):
            self.agents[name][slot] = -1

    def find(
        self, slot: int, frame: int, first: float, low: float, high: float, lefts: list[float], turn: float = 0.0,
        sign: float = 0.0, room: float = 0.4,
    ) -> bool:  # fmt: skip
        """Puts an actor on the visible place nearest to `first` (m ahead); whether there is one."""
        wide = np.array(lefts, np.float64)
        return bool(
            look_for(self.t, self.ego, self.agents, slot, frame, max(first, low), low, high, wide, turn, sign, room)
        )
