"""READ THIS FIRST: text in, plan, controls, frames out, ten times a second.

    a person types          session.say("turn left, then make it rain")
    the brain reads it      brain.Director -> Plan               a forward pass at a time, in the time that is left
    the bridge times it     bridge.Timeline -> Control           when does each step begin and end
    the world dreams it     world.Dream -> Frame                 picture, motion, readout
    the page shows it       session.snapshot()

One thread runs all of it, for all sessions. A tick is short (two steps of the dynamics, ~60 ms on two cores), so what
is left of the tenth of a second is the brain's: a sentence takes several ticks to read, and the picture does not wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from brain.conditions import reader
from brain.plan import Utterance
from brain.prompt import Context
from bridge.budget.rescue import Rescue
from bridge.errors import LucidriveError, SessionError, explain
from bridge.recording.clip import Clip
from bridge.session import Session
from bridge.snapshot import Beginning, Heard
from bridge.stepper import StepAll, step
from bridge.tick_timer import TickTimer
from world.controls import DT, FPS
from world.dream import is_scene, open_dream
from world.places import ANYWHERE, where
from world.scene_world import USUAL, Others
from world.telling import Report

log = logging.getLogger(__name__)

MARGIN = 0.004  # s before a deadline in which no more thinking begins
OVERDRAFT = 0.08  # s over the deadline
PATIENCE = 1  # late ticks in a row without a thought
SMOOTHING = 0.3  # of a new duration in the estimate for the next
WINDOW = 600  # frame gaps that the measurements look back on

Thought = Generator[Any, None, Heard]
Given = TypeVar("Given")


class Brain(Protocol):
    """What the loop asks of `brain.director.Director`."""

    def think(self, text: str, context: Context) -> Thought: ...


class Loop:
    """Ticks all its sessions. `run` keeps real time until `stop`; `tick` alone is one tick, for any clock.

    With `step_all` (`world.dream.step_all`) the dreams of a tick are one batch, which is faster than one after another.
    With `rescue` a tick that runs out of memory is tried once more, after something was given up for it.
    """

    def __init__(self, brain: Brain | None, step_all: StepAll | None = None, rescue: Rescue | None = None) -> None:
        self.thinking = Thinking(brain)
        self._step_all, self._rescue = step_all, rescue
        self.pulse, self.timer = Pulse(), TickTimer()
        self._sessions: dict[Session, Callable[[], None]] = {}
        self._asked: tuple[PendingText, ...] = ()
        self._lock = threading.Lock()
        self._some = threading.Event()  # set while there are sessions
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, session: Session, changed: Callable[[], None] = lambda: None) -> None:
        """From the next tick on. `changed` is called after every tick, from the dreaming thread."""
        with self._lock:
            self._sessions = self._sessions | {session: changed}
        self._some.set()

    def remove(self, session: Session) -> None:
        with self._lock:
            self._sessions = {one: changed for one, changed in self._sessions.items() if one is not session}
            if not self._sessions:
                self._some.clear()
        self.thinking.forget(session)

    def ask(self, text: str, wait: float) -> Utterance:
        """What the brain makes of a text that no drive is told, in its turn among the drives' sentences. Its errors are raised here; SessionError
        where it is not read in `wait` seconds.
        """
        asked = PendingText(text)
        with self._lock:
            self._asked = (*self._asked, asked)
        try:
            return asked.answer(wait)
        finally:
            with self._lock:
                self._asked = tuple(one for one in self._asked if one is not asked)
            self.thinking.forget(asked)

    def tell(self, text: str) -> None:
        """A sentence to everyone: what they share has changed."""
        for session in self._sessions:
            session.tell(text)

    def tick(self, deadline: float) -> None:
        """Frames first, then thoughts. `deadline`: on the clock of `time.perf_counter`."""
        sessions = self._sessions
        begun = [session for session in sessions if _guarded(session, session.begin_tick)]
        began = time.perf_counter()
        dreamt = step(begun, self._step_all, self._guard)
        if dreamt:
            pictures = len(dreamt) + sum(session.companion is not None for session in dreamt)
            self.timer.took(pictures, time.perf_counter() - began)
        for changed in sessions.values():
            changed()
        if dreamt:
            self.pulse.beat(self.thinking.busy)
        else:
            self.pulse.pause()
        self.thinking.go_on([*sessions, *self._asked], deadline)

    def _guard(self, session: Session | None, part: Callable[[], Given]) -> Given | None:
        saved = partial(self._saved, part)
        return saved() if session is None else _guarded(session, saved)

    def _saved(self, call: Callable[[], Given]) -> Given:
        return call() if self._rescue is None else self._rescue.run(call, self.tell)

    def run(self) -> None:
        """Ten ticks a second until `stop`. A late tick is not made up for: the next deadline counts from now."""
        deadline = time.perf_counter()
        while not self._stopping.is_set():
            if not self._some.wait(0.2):
                deadline = time.perf_counter()
                self.pulse.pause()
                continue
            deadline = max(deadline + DT, time.perf_counter())
            self.tick(deadline)
            self._stopping.wait(max(0.0, deadline - time.perf_counter()))

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self.run, name="lucidrive-loop", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(5.0)


def _guarded(session: Session, part: Callable[[], Given]) -> Given | None:
    """One session's part of a tick. A fault of ours pauses that drive, and no other; then it gives None."""
    try:
        return part()
    except Exception as error:
        log.exception("a tick failed")
        session.pause(True)
        session.tell(f"{explain(error)} The drive is paused; reset it to go on.", "error")
        return None


class Speaker(Protocol):
    """Whose sentences are read: a `Session`, or a `PendingText`."""

    def sentence(self) -> tuple[str, Context] | None: ...
    def heard(self, reply: Heard) -> None: ...
    def misheard(self, error: BaseException) -> None: ...


class PendingText:
    """A text whose meaning somebody waits for, and no drive."""

    def __init__(self, text: str) -> None:
        self._text: str | None = text
        self._reply: Future[Heard] = Future()

    def sentence(self) -> tuple[str, Context] | None:
        """Once."""
        text, self._text = self._text, None
        return None if text is None else (text, Context())

    def heard(self, reply: Heard) -> None:
        self._reply.set_result(reply)

    def misheard(self, error: BaseException) -> None:
        self._reply.set_exception(error)

    def answer(self, wait: float) -> Utterance:
        try:
            return self._reply.result(wait).utterance
        except TimeoutError as error:
            raise SessionError("The language model did not read that in time; try again in a moment.") from error
        except Exception as error:
            raise SessionError(explain(error)) from error


class Thinking:
    """One sentence at a time, the sessions in turn; a forward pass at a time, as long as the time left allows it.

    How long the next pass takes is foretold from those before it. The first pass of a sentence reads much of the prompt
    and may not fit a tick at all; so one pass a tick may run over its deadline. In a tick that is late already it may by
    no more than `OVERDRAFT`, or once `PATIENCE` such ticks went without: a slow machine's brain is slow, not dumb.
    """

    def __init__(self, brain: Brain | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.brain, self.clock = brain, clock
        self.seconds: deque[float] = deque(maxlen=100)  # of each sentence, from its beginning to its plan
        self._session: Speaker | None = None
        self._served: Speaker | None = None  # the one whose turn was last
        self._thought: Thought | None = None
        self._first = True
        self._began = 0.0
        self._waited = 0  # ticks in a row
        self._expected = {True: 0.0, False: 0.0}  # seconds of a first pass, of a later one

    @property
    def busy(self) -> bool:
        return self._thought is not None

    def go_on(self, sessions: Sequence[Speaker], deadline: float) -> None:
        """Thinks until `deadline`."""
        passes = 0
        if self._thought is not None and self._session is None:  # nobody waits for it any more
            self._thought.close()
            self._thought = None
        while self.busy or self._take_up(sessions):
            left = deadline - MARGIN - self.clock()
            if self._expected[self._first] > left and (passes or self._too_late(left)):
                self._waited = 0 if passes else self._waited + 1
                return
            self._one_pass()
            passes += 1
        self._waited = 0

    def _too_late(self, left: float) -> bool:
        late = left < 0 and self._expected[self._first] > left + OVERDRAFT
        return late and self._waited < PATIENCE

    def finish(self, session: Speaker) -> None:
        """Reads everything that waits, however long it takes."""
        while self.busy or self._take_up([session]):
            self._one_pass()

    def forget(self, session: Speaker) -> None:
        """Its drive has ended."""
        if self._session is session:
            self._session = None
        if self._served is session:
            self._served = None

    def _take_up(self, sessions: Sequence[Speaker]) -> bool:
        turn = sessions.index(self._served) + 1 if self._served in sessions else 0
        for session in (*sessions[turn:], *sessions[:turn]):
            if (waiting := session.sentence()) is None:
                continue
            if self.brain is None:
                session.misheard(SessionError("No language model is loaded; the buttons and keys still work."))
                continue
            self._session, self._served, self._thought = session, session, self.brain.think(*waiting)
            self._first, self._began = True, self.clock()
            return True
        return False

    def _one_pass(self) -> None:
        assert self._thought is not None
        began = self.clock()
        try:
            next(self._thought)
        except StopIteration as done:
            self._end(partial(_hear, done.value))
            return
        except LucidriveError as error:
            self._end(partial(_mishear, error))
            return
        except Exception as error:  # the brain may fail in ways of its own; a drive must not end by it
            log.exception("the brain failed on a sentence")
            self._end(partial(_mishear, error))
            return
        spent, known = self.clock() - began, self._expected[self._first]
        self._expected[self._first] = known + SMOOTHING * (spent - known) if known else spent
        self._first = False

    def _end(self, tell: Callable[[Speaker], None]) -> None:
        session, self._thought, self._session = self._session, None, None
        self.seconds.append(self.clock() - self._began)
        if session is not None:
            tell(session)


def _hear(reply: Heard, session: Speaker) -> None:
    session.heard(reply)


def _mishear(error: Exception, session: Speaker) -> None:
    session.misheard(error)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Gaps between frames in seconds, and the frames a second at the median gap; NaN before there are any."""

    fps: float
    gap_p50: float
    gap_p99: float
    frames: int


@dataclass
class Pulse:
    """Measures the rhythm of frames, apart while the brain thinks and while it does not."""

    clock: Callable[[], float] = time.perf_counter
    _last: float | None = None
    _gaps: dict[bool, deque[float]] = field(
        default_factory=lambda: {True: deque(maxlen=WINDOW), False: deque(maxlen=WINDOW)}
    )

    def beat(self, thinking: bool) -> None:
        now = self.clock()
        if self._last is not None:
            self._gaps[thinking].append(now - self._last)
        self._last = now

    def pause(self) -> None:
        """The next gap is none."""
        self._last = None

    def rhythm(self, thinking: bool) -> Rhythm:
        gaps = sorted(self._gaps[thinking])
        p50, p99 = percentile(gaps, 0.5), percentile(gaps, 0.99)
        return Rhythm(1 / p50 if p50 else float("inf"), p50, p99, len(gaps))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of numbers in rising order, the one below which `share` of them lie; NaN of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def drive_headless(session: Session, seconds: float, brain: Brain | None, report: Report | None = None) -> Clip:
    """A drive of `seconds` with nobody watching and no clock: sentences that wait are read before the next frame.

    The same session and sentences give the same frames. LucidriveError when a frame could not be dreamt.
    """
    thinking = Thinking(brain)
    frames = max(1, round(seconds * FPS))
    session.record_all()
    for number in range(frames - 1):
        session.begin_tick()
        thinking.finish(session)
        if not step([session]):
            raise SessionError(" ".join(notice.text for notice in session.notes()))
        if report is not None:
            steps = ", ".join(one.line for one in session.snapshot().steps if one.status == "running")
            report((number + 2) / frames, steps or "following the road")
    return session.clip()


def headless(
    prompt: str,
    *,
    seconds: float = 12.0,
    seed: int = 0,
    scene: str | None = None,
    beginning: Beginning | None = None,
    quality: int = 2,
    world: Path | None = None,
    report: Report | None = None,
    load: Path | None = None,
    save: Path | None = None,
    others: Others = USUAL,
) -> Clip:
    """`lucidrive dream`: loads the models, says `prompt` at the first frame, and drives for `seconds`, all under leases.

    scene: in a scene world a place's name, or a sentence that says where and under which conditions; load: a saved drive to go on with; save: where it
    is saved at its end; others: who else is on the road. SessionError when the brain refuses the prompt or asks back: there is nobody to answer.
    """
    from brain.director import Director
    from bridge.budget.opening import CLIP, CLIP_JOB, DREAM, lease_brain, open_world, ram
    from bridge.recording.state import load_state, save_state

    tell = report or (lambda fraction, text: None)
    ledger, speaks, begins = ram(), bool(prompt.strip()), ANYWHERE
    with ExitStack() as leases:

        @cache
        def lease() -> None:
            leases.enter_context(lease_brain(ledger))

        @cache
        def director() -> Director:
            lease()
            tell(0.0, "waking the brain (half a minute the first time)")
            return Director.load()

        if speaks:
            lease()  # before anything is loaded
        if scene is not None and is_scene(world):
            begins, scene = where(scene, seed, reader(lambda text: director().answer(text).utterance)), None
        tell(0.0, "waking the world")
        opened = open_world(ledger, world, 1, others, begins)
        with ledger.reserve(CLIP_JOB, CLIP), ledger.reserve(DREAM, opened.dream_of(seconds)):
            session = Session(
                lambda number: open_dream(opened.model, number, quality), seed, scene, beginning=beginning
            )
            if load is not None:
                load_state(session, load)
            brain = None
            if speaks:
                brain = director()
                session.say(prompt)
                Thinking(brain).finish(session)
                if troubles := [notice.text for notice in session.notes() if notice.kind != "news"]:
                    raise SessionError(" ".join(troubles))
            clip = drive_headless(session, seconds, brain, report)
            if save is not None:
                save_state(session, save)
    return clip
