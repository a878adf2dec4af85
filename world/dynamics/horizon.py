"""Grows a drive's place in the background: requested every PERIOD steps, applied LATE steps later.

The step at which a place grows depends on the drive alone, not on the machine's speed: if the place is not ready, that step waits.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from world.controls import Command
from world.dynamics.dreamt import GrowingPlace
from world.dynamics.extend import is_due
from world.dynamics.grown import grown_from
from world.dynamics.growth import Extension
from world.dynamics.renumber import moved
from world.dynamics.route_ahead import ARMS, route_ahead
from world.scene.state import SceneState

PERIOD, LATE = 50, 45  # steps between requests; from a request to its result
PATIENCE = 45.0  # s that a plan waits for a turn
SLOWEST = 6.0  # m/s: least assumed speed on the way there


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The pool of a process: a fork does not copy threads."""
    return ThreadPoolExecutor(1, "horizon")


class Horizon:
    """The growth of one drive's place. pending: the extension that was requested and is not applied yet."""

    def __init__(self, pending: Extension | None = None) -> None:
        self.pending = pending
        self._answer: Future[GrowingPlace] | None = None

    def fork(self) -> Horizon:
        """A horizon with the same pending extension, for another drive with the same past."""
        return Horizon(self.pending)

    def settle(self) -> None:
        """Blocks until the pending extension is computed, for drives faster than real time."""
        if self._answer is not None:
            self._answer.result()

    def step(
        self, state: SceneState, command: int = int(Command.FOLLOW), other: tuple[SceneState, int] | None = None
    ) -> SceneState:
        """The state of one drive in its current place, grown if due. command: in force, which the streets ahead should allow.

        other: the state from a second person's seat, and that person's command; the two make requests in turn.
        """
        place, clock = state.places[0], int(state.clock[0])
        if not isinstance(place, GrowingPlace):
            return state
        if clock % PERIOD == 0:
            asking = [(state, command)] if other is None else [(state, command), other]
            if clock // PERIOD % 2:
                asking.reverse()
            questions = (_question(state_there, place, its_command) for state_there, its_command in asking)
            self.pending, self._answer = next((one for one in questions if one is not None), None), None
        if self.pending is None:
            return state
        if self._answer is None:
            self._answer = _pool(os.getpid()).submit(grown_from, place, self.pending)
        if clock % PERIOD != LATE:
            return state
        grown = self._answer.result()
        self.pending, self._answer = None, None
        return state if grown.extensions == place.extensions else moved(state, grown)


def _question(state: SceneState, place: GrowingPlace, command: int) -> Extension | None:
    """The extension that a drive needs now; None for none."""
    x, y, speed = (float(state.ego[name][0]) for name in ("x", "y", "speed"))
    route = route_ahead(state, command)
    if route is not None and not route.found and route.end in place.growth.open:
        left = PATIENCE * max(speed, SLOWEST) - route.metres
        return Extension(x, y, ARMS[command], route.end, route.street, round(left, 1))
    return Extension(x, y) if is_due(place, x, y) else None
