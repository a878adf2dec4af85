"""Grows a drive's place in the background: asked for at whole periods of the drive's clock, there a fixed number of steps later.

Which step a place has grown at follows from the drive alone, however quick the machine: where it is not ready, that step waits.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from world.controls import Command
from world.dynamics.dreamt import GrowingPlace
from world.dynamics.extend import is_due
from world.dynamics.grown import grown_from
from world.dynamics.growth import Asked
from world.dynamics.renumber import moved
from world.dynamics.way_ahead import ARMS, way_ahead
from world.scene.state import SceneState

PERIOD, LATE = 50, 45  # steps between questions; from a question to its answer
PATIENCE = 45.0  # s that a plan waits for a turn
SLOWEST = 6.0  # m/s: what a car drives on its way there at least


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Of a process: threads stay behind at a fork."""
    return ThreadPoolExecutor(1, "horizon")


class Horizon:
    """What one drive has asked for. pending: where it was when it asked and has no answer yet."""

    def __init__(self, pending: Asked | None = None) -> None:
        self.pending = pending
        self._answer: Future[GrowingPlace] | None = None

    def fork(self) -> Horizon:
        """The same question, for another drive with the same past."""
        return Horizon(self.pending)

    def settle(self) -> None:
        """Waits until what was asked for is there, as somebody does who drives faster than time passes."""
        if self._answer is not None:
            self._answer.result()

    def step(
        self, state: SceneState, command: int = int(Command.FOLLOW), other: tuple[SceneState, int] | None = None
    ) -> SceneState:
        """The state of one drive, in the place that it has by now. command: in force, which the streets ahead are to allow.

        other: the same state as another person sees it who drives along, and that person's command; the two ask in turn.
        """
        place, clock = state.places[0], int(state.clock[0])
        if not isinstance(place, GrowingPlace):
            return state
        if clock % PERIOD == 0:
            asking = [(state, command)] if other is None else [(state, command), other]
            if clock // PERIOD % 2:
                asking.reverse()
            questions = (_question(seen, place, told) for seen, told in asking)
            self.pending, self._answer = next((one for one in questions if one is not None), None), None
        if self.pending is None:
            return state
        if self._answer is None:
            self._answer = _pool(os.getpid()).submit(grown_from, place, self.pending)
        if clock % PERIOD != LATE:
            return state
        grown = self._answer.result()
        self.pending, self._answer = None, None
        return state if grown.asked == place.asked else moved(state, grown)


def _question(state: SceneState, place: GrowingPlace, command: int) -> Asked | None:
    """What a drive asks for now; None: nothing."""
    x, y, speed = (float(state.ego[name][0]) for name in ("x", "y", "speed"))
    way = way_ahead(state, command)
    if way is not None and not way.found and way.end in place.growth.open:
        left = PATIENCE * max(speed, SLOWEST) - way.metres
        return Asked(x, y, ARMS[command], way.end, way.street, round(left, 1))
    return Asked(x, y) if is_due(place, x, y) else None
