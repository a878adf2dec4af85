"""READ THIS FIRST: text in, plan, controls, frames out, ten times a second.

    a person types          session.say("turn left, then make it rain")
    the brain reads it      brain.Director -> Plan               a forward pass at a time, in the time that is left
    the bridge times it     bridge.Timeline -> Control           when each step begins and ends
    the world dreams it     world.Dream -> Frame                 picture, motion, readout
    the page shows it       session.snapshot()

One thread does all of this for all sessions. A tick takes ~60 ms on two cores; the rest of the tenth of a second is the brain's. A
sentence takes several ticks to read, and pictures do not wait for it.
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
from bridge.snapshot import Beginning, BrainReply
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
SMOOTHING = 0.3  # weight of a new duration in the estimate
WINDOW = 600  # frame gaps of a measurement

Thought = Generator[Any, None, BrainReply]
T = TypeVar("T")


class Brain(Protocol):
    """The part of `brain.director.Director` that the loop uses."""

    def think(self, text: str, context: Context) -> Thought:
        """Reads a sentence, a forward pass for each `next`; returns its reply. LucidriveError where it fails."""
        ...


class Loop:
    """Ticks all its sessions. `run` keeps real time until `stop`; `tick` is a single one, for any clock.

    step_all: `world.dream.step_all`, which makes the dreams of a tick one batch, faster than one after another; rescue: repeats a tick
    that runs out of memory, once something was given up.
    """

    def __init__(self, brain: Brain | None, step_all: StepAll | None = None, rescue: Rescue | None = None) -> None:
        self.thinking = Thinking(brain)
        self._step_all, self._rescue = step_all, rescue
        self.meter, self.timer = FrameMeter(), TickTimer()
        self._sessions: dict[Session, Callable[[], None]] = {}
        self._pending: tuple[PendingText, ...] = ()
        self._lock = threading.Lock()
        self._some = threading.Event()  # set while there are sessions
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, session: Session, changed: Callable[[], None] = lambda: None) -> None:
        """Adds a session from the next tick on. changed: called after every tick, in the dreaming thread."""
        with self._lock:
            self._sessions = self._sessions | {session: changed}
        self._some.set()

    def remove(self, session: Session) -> None:
        """Removes a session; a sentence of it that is being read is dropped."""
        with self._lock:
            self._sessions = {one: changed for one, changed in self._sessions.items() if one is not session}
            if not self._sessions:
                self._some.clear()
        self.thinking.forget(session)

    def ask(self, text: str, wait: float) -> Utterance:
        """The brain's answer to a text of no drive, in its turn among the drives' sentences. SessionError where the brain fails, or after
        `wait` s.
        """
        pending = PendingText(text)
        with self._lock:
            self._pending = (*self._pending, pending)
        try:
            return pending.answer(wait)
        finally:
            with self._lock:
                self._pending = tuple(one for one in self._pending if one is not pending)
            self.thinking.forget(pending)

    def tell(self, text: str) -> None:
        """Adds a sentence for the people of all sessions."""
        for session in self._sessions:
            session.tell(text)

    def tick(self, deadline: float) -> None:
        """Makes frames first, then thinks. deadline: on the clock of `time.perf_counter`."""
        sessions = self._sessions
        due = [session for session in sessions if _guard(session, session.begin_tick)]
        began = time.perf_counter()
        frames = step(due, self._step_all, self._guard)
        if frames:
            pictures = len(frames) + sum(session.companion is not None for session in frames)
            self.timer.record(pictures, time.perf_counter() - began)
        for changed in sessions.values():
            changed()
        if frames:
            self.meter.count(self.thinking.busy)
        else:
            self.meter.skip()
        self.thinking.go_on([*sessions, *self._pending], deadline)

    def _guard(self, session: Session | None, part: Callable[[], T]) -> T | None:
        call = partial(self._rescued, part)
        return call() if session is None else _guard(session, call)

    def _rescued(self, call: Callable[[], T]) -> T:
        return call() if self._rescue is None else self._rescue.run(call, self.tell)

    def run(self) -> None:
        """Makes ten ticks a second until `stop`. A late tick is not made up for: the next deadline counts from then."""
        deadline = time.perf_counter()
        while not self._stopping.is_set():
            if not self._some.wait(0.2):
                deadline = time.perf_counter()
                self.meter.skip()
                continue
            deadline = max(deadline + DT, time.perf_counter())
            self.tick(deadline)
            self._stopping.wait(max(0.0, deadline - time.perf_counter()))

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Calls `run` in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self.run, name="lucidrive-loop", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends `run`, and waits at most 5 s for the thread."""
        self._stopping.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(5.0)


def _guard(session: Session, part: Callable[[], T]) -> T | None:
    """Calls a session's part of a tick. An error pauses that drive, and no other, and gives None."""
    try:
        return part()
    except Exception as error:
        log.exception("a tick failed")
        session.pause(True)
        session.tell(f"{explain(error)} The drive is paused; reset it to go on.", "error")
        return None


class Speaker(Protocol):
    """A source of sentences for the brain: a `Session`, or a `PendingText`."""

    def sentence(self) -> tuple[str, Context] | None:
        """Takes the next sentence, with its context; None where none waits."""
        ...

    def on_reply(self, reply: BrainReply) -> None:
        """Gets the brain's reply to the sentence."""
        ...

    def on_error(self, error: BaseException) -> None:
        """Gets the error where the brain fails on the sentence."""
        ...


class PendingText:
    """A text of no drive, whose reply another thread waits for."""

    def __init__(self, text: str) -> None:
        self._text: str | None = text
        self._reply: Future[BrainReply] = Future()

    def sentence(self) -> tuple[str, Context] | None:
        """The text, once."""
        text, self._text = self._text, None
        return None if text is None else (text, Context())

    def on_reply(self, reply: BrainReply) -> None:
        """Passes the reply to `answer`."""
        self._reply.set_result(reply)

    def on_error(self, error: BaseException) -> None:
        """Passes the error to `answer`."""
        self._reply.set_exception(error)

    def answer(self, wait: float) -> Utterance:
        """Waits for the reply. SessionError where the brain fails, or after `wait` s."""
        try:
            return self._reply.result(wait).utterance
        except TimeoutError as error:
            raise SessionError("The language model did not read that in time; try again in a moment.") from error
        except Exception as error:
            raise SessionError(explain(error)) from error


class Thinking:
    """Reads one sentence at a time, the sessions in turn, in forward passes as long as the time left allows.

    The next pass's duration is estimated from those before. The first pass of a sentence reads much of the prompt and may not fit a
    tick at all, so one pass a tick may overrun its deadline; in a tick that is late already by no more than `OVERDRAFT`, or after
    `PATIENCE` such ticks without a pass, so that even a slow machine's brain gets on.
    """

    def __init__(self, brain: Brain | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.brain, self.clock = brain, clock
        self.seconds: deque[float] = deque(maxlen=100)  # of each sentence, from its beginning to its plan
        self._session: Speaker | None = None
        self._served: Speaker | None = None  # the one whose turn was last
        self._thought: Thought | None = None
        self._first = True
        self._began = 0.0
        self._waited = 0  # late ticks in a row without a pass
        self._expected = {True: 0.0, False: 0.0}  # seconds of a first pass, of a later one

    @property
    def busy(self) -> bool:
        """Whether a sentence is being read."""
        return self._thought is not None

    def go_on(self, sessions: Sequence[Speaker], deadline: float) -> None:
        """Thinks until `deadline`."""
        passes = 0
        if self._thought is not None and self._session is None:  # its session is gone
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
        """Reads all sentences that wait, however long it takes."""
        while self.busy or self._take_up([session]):
            self._one_pass()

    def forget(self, session: Speaker) -> None:
        """Drops a source of sentences that is gone."""
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
                session.on_error(SessionError("No language model is loaded; the buttons and keys still work."))
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
        except StopIteration as end:
            reply: BrainReply = end.value
            self._end(lambda speaker: speaker.on_reply(reply))
            return
        except Exception as error:  # a drive must not end by any error of the brain
            if not isinstance(error, LucidriveError):
                log.exception("the brain failed on a sentence")
            failure = error
            self._end(lambda speaker: speaker.on_error(failure))
            return
        seconds, before = self.clock() - began, self._expected[self._first]
        self._expected[self._first] = before + SMOOTHING * (seconds - before) if before else seconds
        self._first = False

    def _end(self, tell: Callable[[Speaker], None]) -> None:
        session, self._thought, self._session = self._session, None, None
        self.seconds.append(self.clock() - self._began)
        if session is not None:
            tell(session)


@dataclass(frozen=True, slots=True)
class FrameStats:
    """Percentiles of the gaps between frames in s, frames a second at the median gap, and the number of gaps; NaN without any."""

    fps: float
    gap_p50: float
    gap_p99: float
    frames: int


@dataclass
class FrameMeter:
    """Measures the gaps between frames, separately while the brain thinks and while it does not."""

    clock: Callable[[], float] = time.perf_counter
    _last: float | None = None
    _gaps: dict[bool, deque[float]] = field(
        default_factory=lambda: {True: deque(maxlen=WINDOW), False: deque(maxlen=WINDOW)}
    )

    def count(self, thinking: bool) -> None:
        """Counts a frame now."""
        now = self.clock()
        if self._last is not None:
            self._gaps[thinking].append(now - self._last)
        self._last = now

    def skip(self) -> None:
        """Leaves out the next gap."""
        self._last = None

    def stats(self, thinking: bool) -> FrameStats:
        """Statistics of the last WINDOW gaps."""
        gaps = sorted(self._gaps[thinking])
        p50, p99 = percentile(gaps, 0.5), percentile(gaps, 0.99)
        return FrameStats(1 / p50 if p50 else float("inf"), p50, p99, len(gaps))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The percentile `share`, in [0, 1], of numbers in rising order; NaN of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def drive_headless(session: Session, seconds: float, brain: Brain | None, report: Report | None = None) -> Clip:
    """Drives for `seconds` without a clock: waiting sentences are read before the next frame. Returns the clip of the whole drive.

    The same session and sentences give the same frames. SessionError where a frame fails.
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
    """`lucidrive dream`: loads the models under leases, says `prompt` at the first frame, and drives for `seconds`.

    scene: in a scene world a place's name, or a sentence on where and under which conditions; load: a saved drive to go on with; save: a
    file for the drive at its end; others: who else is on the road. SessionError where the brain refuses the prompt or asks back, since
    nobody is there to answer; NoRoomError, WeightsError, DataError, ExportError.
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
