"""Sessions of a drawn dream, for the tests of the session's parts and of the loop."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from bridge.errors import DataError
from bridge.loop import Thinking
from bridge.session import Session
from bridge.snapshot import Snapshot
from tests.fakes import FakeDirector, FakeDream
from world.controls import Control
from world.frame import Frame


class Fragile(FakeDream):
    """Falls apart at frame 5."""

    def step(self, control: Control) -> Frame:
        if self.index == 4 and self.seed == 0:
            raise DataError("The dream fell apart; reset it.")
        return super().step(control)


def session(dream: Any = FakeDream, seed: int = 0, scene: str | None = None) -> Session:
    return Session(cast(Any, lambda number: dream(seed=number)), seed, scene)


def tick(one: Session, times: int = 1) -> Snapshot:
    for _ in range(times):
        if one.begin_tick():
            one.tick()
    return one.snapshot()


def answer(one: Session, text: str) -> Snapshot:
    one.say(text)
    Thinking(FakeDirector()).finish(one)
    return tick(one)


def lines(snapshot: Snapshot) -> list[str]:
    return [step.line for step in snapshot.steps]


def begin(one: Session, seed: int, scene: str | None = None) -> None:
    """As the loop does it, without a frame."""
    thread = threading.Thread(target=one.begin, args=(seed, scene))
    thread.start()
    while not one.pending_orders:
        time.sleep(0.001)
    one.begin_tick()
    thread.join()
