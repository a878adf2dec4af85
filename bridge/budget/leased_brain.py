"""The language model under a lease: exchanged for a smaller one, put to sleep, or started again while the drive goes on.

It loads, and wakes, in a thread of its own; sentences wait for it, pictures do not. The loop sees a brain like any other.
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
from bridge.budget.rescue import told
from bridge.budget.setup import Setup
from bridge.budget.sleeper import SLEEPS, OtherBrainError, Sleeper, close, golden
from bridge.errors import LucidriveError, SessionError
from bridge.loop import Brain, Thought
from world.telling import Say

log = logging.getLogger(__name__)

POLL_SECONDS = 0.01
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # s until it is started again, doubled with every try that fails
Load = Callable[[Setup], Brain]


class LeasedBrain:
    """`load` makes the brain of a setup; what it takes is reserved before. `tell` gets the sentences for people.

    wait: seconds before the first new start of one that cannot be loaded; lower: the ladder's next rung.
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
        self._turn = 0  # of loading; a load that ends when it is another's turn is let go
        self._ready = threading.Event()
        self._brain: Brain | None = None
        self._lease: Lease | None = None
        self._error: Exception | None = None
        self._golden: str | None = None  # what it made of the golden prompt when it was loaded
        self._asleep = False
        with self._lock:
            self._begin()

    def think(self, text: str, context: Context) -> Thought:
        """The brain's own thought, once there is a brain. Where memory runs out, once more with a smaller one; where the brain
        fails by a fault of its own, once more after it was started again.
        """
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
                tight = out_of_memory(error)
                if not (tight or broken(error)):
                    raise
                if not tight:
                    self._restart(turn, error)
                if not first:
                    raise
            else:
                continue  # the brain was exchanged meanwhile; the next one reads the sentence anew
            finally:
                thought.close()
                del thought
            first = False
            if tight:
                self._tell(told(self.down()))

    def down(self) -> str | None:
        """Puts the brain to sleep, or lets go of it and begins to load that of the next rung: what is other with it.

        At the ladder's foot nothing is let go but what nobody needs, and None is the answer.
        """
        with self._lock:
            if self._put_to_sleep():
                said: str | None = SLEEPS
            elif lower := self._lower(self.setup):
                said, self.setup, self._golden = describe(self.setup, lower), lower, None
                self._let_go()
                self._begin()
            else:
                said = None
        self._ledger.device.free()
        return said

    @property
    def awake(self) -> bool:
        """Whether it could think at once."""
        return self._ready.is_set() and self._brain is not None and not self._asleep

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
        """Unless somebody has exchanged the brain already."""
        with self._lock:
            if turn != self._turn:
                return
            self._let_go()
            self._begin()
        log.warning("the language model failed and is started again", exc_info=error)
        self._tell("The language model failed and is being started again; keys and buttons go on meanwhile.")

    def _put_to_sleep(self) -> bool:
        """Where the brain is one that can, and is awake."""
        if self._asleep or not isinstance(self._brain, Sleeper) or not self._ready.is_set():
            return False
        try:
            self._brain.sleep()
        except Exception:  # then it is let go of as any other
            log.exception("the language model could not be put to sleep")
            return False
        self._turn += 1  # a sentence that it was at is read anew, once it is awake
        self._asleep = True
        if self._lease is not None:
            self._lease.release()
        return True

    def _begin(self) -> None:
        self._asleep = False
        self._start(self._run)

    def _start(self, work: Callable[[int, Setup, threading.Event], None]) -> None:
        self._turn, self._ready, self._error = self._turn + 1, threading.Event(), None
        given = (self._turn, self.setup, self._ready)
        threading.Thread(target=work, args=given, name="lucidrive-brain", daemon=True).start()

    def _let_go(self) -> None:
        if self._lease is not None:
            self._lease.release()
        close(self._brain)
        self._brain = self._lease = None

    def _wake(self, turn: int, setup: Setup, ready: threading.Event) -> None:
        """Under a lease anew; what does not wake as it fell asleep is started again."""
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
                self._let_go()
                self._begin()
                self._tell("The language model did not wake as it fell asleep, so it is being started again.")
        ready.set()

    def _run(self, turn: int, setup: Setup, ready: threading.Event) -> None:
        try:
            try:
                self._keep(turn, *self._loaded(setup))
                return
            except Exception as error:
                if not (out_of_memory(error) or isinstance(error, NoRoomError)):
                    raise
            lower = self._lower(setup)
            self._ledger.device.free()
            loaded = self._loaded(lower or setup)
            self._tell(told(describe(setup, lower) if lower else None))
            self._keep(turn, *loaded, lower)
        except Exception as error:  # whatever it was, sentences must not wait for ever
            log.exception("the language model could not be loaded")
            with self._lock:
                self._error = error if turn == self._turn else self._error
            if broken(error) and not out_of_memory(error):
                self._again(turn)
        finally:
            ready.set()

    def _again(self, turn: int) -> None:
        """Loads once more after a while, unless it is another's turn by then."""
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

    def _loaded(self, setup: Setup) -> tuple[Brain, Lease, str | None]:
        with self._ledger.loading("the language model", self._size(setup)) as lease:
            brain = self._load(setup)
            line = golden(brain) if isinstance(brain, Sleeper) else None
            if setup == self.setup and self._golden not in (None, line):
                close(brain)
                raise OtherBrainError
            return brain, lease, line

    def _keep(self, turn: int, brain: Brain, lease: Lease, line: str | None, setup: Setup | None = None) -> None:
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
    """Whether the brain itself is at fault, and not what it was asked: a server that is gone, a fault of the program's."""
    return isinstance(error, BrainServerError | OtherBrainError) or not isinstance(error, LucidriveError)
