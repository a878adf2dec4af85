"""What a person has sent and the loop has not taken yet: orders, sentences, pressed keys, pauses.

Any thread may send, and never waits for a frame; only the dreaming thread takes.
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
T = TypeVar("T")


class Mailbox:
    """paused: a person stopped the drive; watched: somebody is there to see it; keys: those pressed now, of KEYS."""

    def __init__(self, paused: bool = False, watched: bool = True) -> None:
        self.paused, self.watched = paused, watched
        self.pauses = 0  # calls of `pause`
        self.keys: frozenset[str] = frozenset()
        self._once = 0
        self._orders: deque[Order] = deque()
        self._lock = threading.Lock()  # over the three below
        self._texts: deque[str] = deque()
        self._pending_drives = 0  # new drives asked for and not begun
        self._former = 0  # number of texts, the first, that are for the old drive

    # -- sending ------------------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Queues a sentence. SessionError where too many are waiting."""
        with self._lock:
            if len(self._texts) >= MAX_WAITING:
                raise SessionError(f"{MAX_WAITING} sentences are waiting to be read; wait for them.")
            self._texts.append(text)

    def button(self, order: Order) -> None:
        """`call_soon` for a button. SessionError for more than a person presses within a tick."""
        if len(self._orders) >= MAX_ORDERS:
            raise SessionError("That was too much at once; press one button after another.")
        self.call_soon(order)

    def call_soon(self, order: Order) -> None:
        """Lets the loop call `order` before the next frame; does not wait."""
        self._orders.append(order)

    def between_frames(self, call: Callable[[], T], wait: float) -> T:
        """Lets the loop call `call` between two frames, and returns its result or raises its error. SessionError after `wait` s."""
        done, errors, results = threading.Event(), list[Exception](), list[T]()

        def order() -> None:
            try:
                results.append(call())
            except Exception as error:  # any error is the caller's
                errors.append(error)
            finally:
                done.set()

        self.call_soon(order)
        if not done.wait(wait):
            raise SessionError("The dream is too busy for that now; try again in a moment.")
        if errors:
            raise errors[0]
        return results[0]

    def press(self, keys: frozenset[str]) -> None:
        """Sets the pressed keys; others than KEYS are ignored."""
        self.keys = keys & frozenset(KEYS)

    def pause(self, on: bool) -> None:
        """Pauses the drive, or lets it go on."""
        self.paused = on
        self.pauses += 1

    def step_once(self) -> None:
        """Asks for one frame more while paused."""
        self._once = min(self._once + 1, FPS)

    def expect_new_drive(self) -> None:
        """A new drive is asked for: sentences so far are for the old one, and the brain gets none until `new_drive_done`."""
        with self._lock:
            self._pending_drives, self._former = self._pending_drives + 1, len(self._texts)

    def new_drive_done(self) -> None:
        """The new drive has begun, or failed to."""
        with self._lock:
            self._pending_drives -= 1

    # -- taking -------------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Number of sentences that wait."""
        return len(self._texts)

    @property
    def pending_orders(self) -> int:
        """Number of orders that wait for the next tick."""
        return len(self._orders)

    def orders(self) -> Iterator[Order]:
        """Takes all orders, also those that come in meanwhile."""
        while self._orders:
            yield self._orders.popleft()

    def sentence(self) -> str | None:
        """Takes the next sentence for the brain; None where none waits or a new drive is asked for."""
        with self._lock:
            return self._texts.popleft() if self._texts and not self._pending_drives else None

    def take_tick(self) -> bool:
        """Whether this tick is to make a frame; takes a single step where one was asked for while paused."""
        if not self.watched:
            return False
        if not self.paused:
            return True
        self._once, due = max(0, self._once - 1), self._once > 0
        return due

    def empty(self) -> None:
        """Drops the sentences and single steps of the old drive."""
        with self._lock:
            for _ in range(self._former if self._pending_drives else len(self._texts)):
                self._texts.popleft()
            self._former = 0
        self._once = 0

    def fork(self) -> Mailbox:
        """An empty mailbox with the same pause, for a fork of the drive."""
        other = Mailbox(self.paused, self.watched)
        other.pauses = self.pauses
        return other
