"""What a person sends and the loop has not taken yet: orders, sentences, keys held, whether to stand still.

Sending may be done from any thread and never waits for a frame; taking belongs to the one thread that dreams.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from bridge.errors import SessionError
from bridge.keyboard import KEYS
from world.controls import FPS

MAX_WAITING = 8  # sentences for the brain
MAX_ORDERS = 32  # buttons pressed within one tick

Order = Callable[[], object]
Given = TypeVar("Given")


class Mailbox:
    """`paused`: a person stopped the drive; `watched`: somebody is there to see it; `keys`: held now, of KEYS."""

    def __init__(self, paused: bool = False, watched: bool = True) -> None:
        self.paused, self.watched = paused, watched
        self.pauses = 0  # how often a person paused or went on
        self.keys: frozenset[str] = frozenset()
        self._once = 0
        self._orders: deque[Order] = deque()
        self._lock = threading.Lock()  # over the three below
        self._texts: deque[str] = deque()
        self._resets = 0  # asked for and not yet done
        self._former = 0  # texts of the drive that then ends: the first so many

    # -- sending ------------------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """SessionError when too many sentences are waiting."""
        with self._lock:
            if len(self._texts) >= MAX_WAITING:
                raise SessionError(f"{MAX_WAITING} sentences are waiting to be read; wait for them.")
            self._texts.append(text)

    def button(self, order: Order) -> None:
        """As `soon`. SessionError for more than a person presses within a tick."""
        if len(self._orders) >= MAX_ORDERS:
            raise SessionError("That was too much at once; press one button after another.")
        self.soon(order)

    def soon(self, order: Order) -> None:
        """`order`, by the loop before the next frame; nobody waits for it."""
        self._orders.append(order)

    def between_frames(self, call: Callable[[], Given], wait: float) -> Given:
        """What `call` gives, made by the loop while no frame is under way; its error is raised here. SessionError where
        that takes longer than `wait` seconds.
        """
        done, errors, given = threading.Event(), list[Exception](), list[Given]()

        def order() -> None:
            try:
                given.append(call())
            except Exception as error:  # whatever it was, it is the caller's
                errors.append(error)
            finally:
                done.set()

        self.soon(order)
        if not done.wait(wait):
            raise SessionError("The dream is too busy for that now; try again in a moment.")
        if errors:
            raise errors[0]
        return given[0]

    def press(self, keys: frozenset[str]) -> None:
        self.keys = keys & frozenset(KEYS)

    def pause(self, on: bool) -> None:
        self.paused = on
        self.pauses += 1

    def step_once(self) -> None:
        self._once = min(self._once + 1, FPS)

    def announce(self) -> None:
        """A new drive is asked for: what was said up to now is the old one's, and the brain waits until `renewed`."""
        with self._lock:
            self._resets, self._former = self._resets + 1, len(self._texts)

    def renewed(self) -> None:
        """The new drive has begun, or could not."""
        with self._lock:
            self._resets -= 1

    # -- taking -------------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Sentences."""
        return len(self._texts)

    @property
    def ordered(self) -> int:
        """Orders that wait for the next tick."""
        return len(self._orders)

    def orders(self) -> Iterator[Order]:
        """What came in, also while it is gone through."""
        while self._orders:
            yield self._orders.popleft()

    def sentence(self) -> str | None:
        """The next one for the brain, if one waits and no new drive is asked for."""
        with self._lock:
            return self._texts.popleft() if self._texts and not self._resets else None

    def goes_on(self) -> bool:
        """Whether this tick is to dream a frame; takes one of those that were asked for while paused."""
        if not self.watched:
            return False
        if not self.paused:
            return True
        self._once, due = max(0, self._once - 1), self._once > 0
        return due

    def empty(self) -> None:
        """Another drive begins: what was said to the old one is dropped."""
        with self._lock:
            for _ in range(self._former if self._resets else len(self._texts)):
                self._texts.popleft()
            self._former = 0
        self._once = 0

    def fork(self) -> Mailbox:
        """Of a drive that stands or goes as this one does; nothing has been sent there."""
        other = Mailbox(self.paused, self.watched)
        other.pauses = self.pauses
        return other
