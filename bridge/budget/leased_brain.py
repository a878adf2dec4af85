"""The language model under a lease: replaced by a smaller one, put to sleep, or restarted while the drive goes on.

It loads and wakes in a thread of its own; sentences wait for it, pictures do not. To the loop it is a brain like any other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator

from brain.prompt import Context
from brain.vllm_client import BrainServerError
from bridge.budget.device import out_of_memory
from bridge.budget.ladder import describe, one_down
from bridge.budget.ledger import Lease, Ledger, NoRoomError
from bridge.budget.plan import brain_bytes
from bridge.budget.rescue import relief_text
from bridge.budget.setup import Setup
from bridge.budget.sleeper import SLEEPS, OtherBrainError, Sleeper, close, golden
from bridge.errors import LucidriveError, SessionError
from bridge.loop import Brain, Thought
from world.telling import Say

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # s until a restart, doubled with every one that fails
Load = Callable[[Setup], Brain]


class LeasedBrain:
    """A brain that may be replaced at any time. load: makes the brain of a setup, once its memory is reserved; tell: gets sentences for people.

    wait: seconds before the first restart of one that cannot be loaded; lower: the next rung of the ladder.
    """

    def __init__(
        self,
        setup: Setup,
        ledger: Ledger,
        load: Load,
        tell: Say,
        wait: float = FIRST_WAIT,
        lower: Callable[[Setup], Setup | None] = one_down,
    ) -> None:
        self.setup, self._lower = setup, lower
        self._ledger, self._load, self._tell = ledger, load, tell
        self._first_wait = self._wait = wait
        self._lock = threading.RLock()  # over all below
        self._turn = 0  # number of the current load; an older one is dropped when it ends
        self._ready = threading.Event()
        self._brain: Brain | None = None
        self._lease: Lease | None = None
        self._error: Exception | None = None
        self._golden: str | None = None  # its plan line for the golden prompt when it was loaded
        self._asleep = False
        with self._lock:
            self._begin()

    def think(self, text: str, context: Context) -> Thought:
        """The brain's own thought, once there is a brain. Where memory runs out, it thinks once more with a smaller one; where the
        brain itself fails, once more after a restart. SessionError where no brain can be loaded.
        """
        first = True
        while True:
            turn, brain = yield from self._wait_for_brain()
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
                tight = out_of_memory(error)
                if not (tight or broken(error)):
                    raise
                if not tight:
                    self._restart(turn, error)
                if not first:
                    raise
            else:
                continue  # the brain was replaced meanwhile; the next one reads the sentence anew
            finally:
                thought.close()
                del thought
            first = False
            if tight:
                self._tell(relief_text(self.down()))

    def down(self) -> str | None:
        """Puts the brain to sleep, or drops it and begins to load that of the next rung. Returns what changed, in words.

        At the ladder's foot it only frees memory that nobody needs, and returns None.
        """
        with self._lock:
            if self._put_to_sleep():
                change: str | None = SLEEPS
            elif lower := self._lower(self.setup):
                change, self.setup, self._golden = describe(self.setup, lower), lower, None
                self._drop()
                self._begin()
            else:
                change = None
        self._ledger.device.free()
        return change

    @property
    def awake(self) -> bool:
        """Whether it can think at once."""
        return self._ready.is_set() and self._brain is not None and not self._asleep

    def close(self) -> None:
        """Drops the brain and its lease; one that is still loading, as soon as it has."""
        with self._lock:
            self._turn += 1
            self._drop()

    def _wait_for_brain(self) -> Generator[None, None, tuple[int, Brain]]:
        while True:
            while not self._ready.wait(POLL_SECONDS):
                yield
            with self._lock:
                if not self._ready.is_set():
                    continue  # replaced meanwhile
                if self._asleep:
                    if self._error is not None:
                        error, self._error = self._error, None
                        raise error
                    self._start(self._wake)
                    continue
                if self._brain is None:
                    raise self._error or SessionError("No language model is loaded; the buttons and keys still work.")
                return self._turn, self._brain

    def _restart(self, turn: int, error: Exception) -> None:
        """Starts the brain again, unless it was replaced already."""
        with self._lock:
            if turn != self._turn:
                return
            self._drop()
            self._begin()
        log.warning("the language model failed and is started again", exc_info=error)
        self._tell("The language model failed and is being started again; keys and buttons go on meanwhile.")

    def _put_to_sleep(self) -> bool:
        """Puts the brain to sleep where it can and is awake; returns whether it did."""
        if self._asleep or not isinstance(self._brain, Sleeper) or not self._ready.is_set():
            return False
        try:
            self._brain.sleep()
        except Exception:  # then it is dropped as any other
            log.exception("the language model could not be put to sleep")
            return False
        self._turn += 1  # a sentence that it was reading is read anew, once it is awake
        self._asleep = True
        if self._lease is not None:
            self._lease.release()
        return True

    def _begin(self) -> None:
        self._asleep = False
        self._start(self._run)

    def _start(self, work: Callable[[int, Setup, threading.Event], None]) -> None:
        self._turn, self._ready, self._error = self._turn + 1, threading.Event(), None
        args = (self._turn, self.setup, self._ready)
        threading.Thread(target=work, args=args, name="lucidrive-brain", daemon=True).start()

    def _drop(self) -> None:
        if self._lease is not None:
            self._lease.release()
        close(self._brain)
        self._brain = self._lease = None

    def _wake(self, turn: int, setup: Setup, ready: threading.Event) -> None:
        """Wakes the brain under a new lease; one that wakes different, or not at all, is started again."""
        brain, lease, same = self._brain, None, False
        assert isinstance(brain, Sleeper)
        try:
            with self._ledger.loading("the language model", self._size(setup)) as lease:
                brain.wake()
                same = golden(brain) == self._golden
        except NoRoomError as error:  # it sleeps on, and the next sentence tries again
            with self._lock:
                self._error = error if turn == self._turn else self._error
            ready.set()
            return
        except Exception as error:
            log.warning("the language model did not wake", exc_info=error)
        with self._lock:
            if turn == self._turn and same:
                self._lease, self._asleep = lease, False
            elif lease is not None:
                lease.release()
            if turn == self._turn and not same:
                self._drop()
                self._begin()
                self._tell("The language model did not wake as it fell asleep, so it is being started again.")
        ready.set()

    def _run(self, turn: int, setup: Setup, ready: threading.Event) -> None:
        """Loads the brain, or where there is no room, that of the next rung; any failure is kept for the next sentence."""
        try:
            try:
                self._install(turn, *self._load_leased(setup))
                return
            except Exception as error:
                if not (out_of_memory(error) or isinstance(error, NoRoomError)):
                    raise
            lower = self._lower(setup)
            self._ledger.device.free()
            result = self._load_leased(lower or setup)
            self._tell(relief_text(describe(setup, lower) if lower else None))
            self._install(turn, *result, lower)
        except Exception as error:  # whatever it was, sentences must not wait for ever
            log.exception("the language model could not be loaded")
            with self._lock:
                self._error = error if turn == self._turn else self._error
            if broken(error) and not out_of_memory(error):
                self._retry(turn)
        finally:
            ready.set()

    def _retry(self, turn: int) -> None:
        """Loads once more after a while, unless another load has begun by then."""
        wait, self._wait = self._wait, min(2 * self._wait, LONGEST_WAIT)

        def begin() -> None:
            with self._lock:
                if turn == self._turn:
                    self._begin()

        timer = threading.Timer(wait, begin)
        timer.daemon = True
        timer.start()

    def _size(self, setup: Setup) -> int:
        return brain_bytes(setup) if setup.brain_device == setup.device else 0

    def _load_leased(self, setup: Setup) -> tuple[Brain, Lease, str | None]:
        """A brain, its lease and its line for the golden prompt. OtherBrainError where that has changed; NoRoomError."""
        with self._ledger.loading("the language model", self._size(setup)) as lease:
            brain = self._load(setup)
            line = golden(brain) if isinstance(brain, Sleeper) else None
            if setup == self.setup and self._golden not in (None, line):
                close(brain)
                raise OtherBrainError
            return brain, lease, line

    def _install(self, turn: int, brain: Brain, lease: Lease, line: str | None, setup: Setup | None = None) -> None:
        with self._lock:
            if turn != self._turn:
                lease.release()
                close(brain)
                return
            self._brain, self._lease, self._golden, self.setup = brain, lease, line, setup or self.setup
            if self._wait > self._first_wait:
                self._wait = self._first_wait
                self._tell("The language model is back.")


def broken(error: BaseException) -> bool:
    """Whether the brain itself failed, and not the request: its server is gone, or the program has a fault."""
    return isinstance(error, BrainServerError | OtherBrainError) or not isinstance(error, LucidriveError)
