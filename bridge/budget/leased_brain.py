"""The language model under a lease, exchanged for a smaller one while the drive goes on.

It loads in a thread of its own; sentences wait for it, pictures do not. The loop sees a brain like any other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator

from brain.prompt import Context
from bridge.budget.device import out_of_memory
from bridge.budget.ladder import describe, one_down
from bridge.budget.ledger import Lease, Ledger, NoRoomError
from bridge.budget.plan import brain_bytes
from bridge.budget.rescue import Tell, told
from bridge.budget.setup import Setup
from bridge.errors import SessionError
from bridge.loop import Brain, Thought

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
Load = Callable[[Setup], Brain]


class LeasedBrain:
    """`load` makes the brain of a setup; what it takes is reserved before. `tell` gets the sentences for people."""

    def __init__(self, setup: Setup, ledger: Ledger, load: Load, tell: Tell) -> None:
        self.setup = setup
        self._ledger, self._load, self._tell = ledger, load, tell
        self._lock = threading.Lock()  # over all below
        self._turn = 0  # of loading; a load that ends when it is another's turn is let go
        self._ready = threading.Event()
        self._brain: Brain | None = None
        self._lease: Lease | None = None
        self._error: Exception | None = None
        with self._lock:
            self._begin()

    def think(self, text: str, context: Context) -> Thought:
        """The brain's own thought, once there is a brain. Where memory runs out, once more with a smaller one."""
        first = True
        while True:
            turn, brain = yield from self._there()
            thought = brain.think(text, context)
            del brain  # else it would stay while the next one loads
            try:
                while turn == self._turn:
                    try:
                        next(thought)
                    except StopIteration as done:
                        return done.value
                    yield
            except Exception as error:
                if not (first and out_of_memory(error)):
                    raise
            else:
                continue  # the brain was exchanged meanwhile; the next one reads the sentence anew
            finally:
                thought.close()
                del thought
            first = False
            self._tell(told(self.down()))

    def down(self) -> str | None:
        """Lets go of the brain and begins to load that of the next rung: what is other with it.

        At the ladder's foot nothing is let go but what nobody needs, and None is the answer.
        """
        with self._lock:
            lower = one_down(self.setup)
            if lower is not None:
                said, self.setup = describe(self.setup, lower), lower
                self._let_go()
                self._begin()
        self._ledger.device.free()
        return None if lower is None else said

    def close(self) -> None:
        """Lets go of the brain and of its lease; what is loading yet, as soon as it is there."""
        with self._lock:
            self._turn += 1
            self._let_go()

    def _there(self) -> Generator[None, None, tuple[int, Brain]]:
        while True:
            while not self._ready.wait(POLL_SECONDS):
                yield
            with self._lock:
                if not self._ready.is_set():
                    continue  # exchanged meanwhile
                if self._brain is None:
                    raise self._error or SessionError("No language model is loaded; the buttons and keys still work.")
                return self._turn, self._brain

    def _begin(self) -> None:
        self._turn, self._ready, self._error = self._turn + 1, threading.Event(), None
        given = (self._turn, self.setup, self._ready)
        threading.Thread(target=self._run, args=given, name="lucidrive-brain", daemon=True).start()

    def _let_go(self) -> None:
        if self._lease is not None:
            self._lease.release()
        self._brain = self._lease = None

    def _run(self, turn: int, setup: Setup, ready: threading.Event) -> None:
        try:
            try:
                self._keep(turn, *self._loaded(setup))
                return
            except Exception as error:
                if not (out_of_memory(error) or isinstance(error, NoRoomError)):
                    raise
            lower = one_down(setup)
            self._ledger.device.free()
            loaded = self._loaded(lower or setup)
            self._tell(told(describe(setup, lower) if lower else None))
            self._keep(turn, *loaded, lower)
        except Exception as error:  # whatever it was, sentences must not wait for ever
            log.exception("the language model could not be loaded")
            with self._lock:
                self._error = error if turn == self._turn else self._error
        finally:
            ready.set()

    def _loaded(self, setup: Setup) -> tuple[Brain, Lease]:
        size = brain_bytes(setup) if setup.brain_device == setup.device else 0
        with self._ledger.loading("the language model", size) as lease:
            return self._load(setup), lease

    def _keep(self, turn: int, brain: Brain, lease: Lease, setup: Setup | None = None) -> None:
        with self._lock:
            if turn != self._turn:
                lease.release()
                return
            self._brain, self._lease, self.setup = brain, lease, setup or self.setup
