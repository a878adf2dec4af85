"""One person's dream: joins a mailbox, a conversation, a drive and a recorder.

Two sides. A person's side (`say`, `plan`, `press`, `pause`, `step_once`, `begin`, `snapshot`, `notes`, `clip`) may be
called from any thread and, but for `begin`, never waits for a frame. The loop's side (`begin_tick`, `step_request`,
`take`, `sentence`, `on_reply`) belongs to the one dreaming thread. Between them are the mailbox, read at the beginning of a tick, and a
snapshot, replaced at its end.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from brain.director import clean
from brain.plan import Plan, parse_line
from brain.prompt import Context
from bridge.conversation import Conversation
from bridge.corrections import Correction
from bridge.disk import free_name
from bridge.drive import Drive, OpenDream
from bridge.errors import DataError, LucidriveError, SessionError, explain
from bridge.keyboard import Bindings
from bridge.mailbox import Mailbox, Order
from bridge.pedals import Pedals
from bridge.recording.clip import Clip, Exchange, Moment
from bridge.recording.clip_files import write_clip
from bridge.recording.last_minute import LastMinute
from bridge.snapshot import Beginning, BrainReply, NoteKind, Notice, Snapshot, StepRequest
from bridge.timeline import Timeline
from world.controls import NULL, Control
from world.dream import AnyDream
from world.frame import Frame

QUALITIES = (1, 2, 4, 8)
KEYS_ALONE = (
    "This world knows no roads, weather or events, and nobody who drives; it obeys the keys: W A S D or the arrows."
)

ACCOMPANIED = "A guest drives along; branch when they have left."

T = TypeVar("T")


class Companion(Protocol):
    """A second person who drives along (`bridge.guest.Guest`), as the host's session calls it."""

    watched: bool

    def steer(self) -> None:
        """Gives the second car's control to the host's dream, which is about to be stepped. DataError as `Session.step_request`."""
        ...

    def follow(self) -> Frame:
        """Takes the second car's frame of the host's dream, which has been stepped."""
        ...

    def board(self) -> None:
        """Goes along in another dream that the host has begun, where it has a place."""
        ...


class Session:
    """A person's dream, started at once. open_dream: makes a dream, not started, of a seed. DataError, WeightsError: the first frame.

    bindings: keys of a world without a car (default: `bridge.keyboard.default_bindings`); beginning: a film to begin in where no scene is
    given; began: called for a first frame, which no tick makes.
    """

    _snapshot: Snapshot

    def __init__(
        self,
        open_dream: OpenDream,
        seed: int = 0,
        scene: str | None = None,
        bindings: Bindings | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        drive = Drive(open_dream, seed, scene, bindings, beginning)
        self._join(Mailbox(), drive, recorder := LastMinute(drive.dream, drive.scene, drive.frame))
        self._conversation = Conversation(drive, recorder)
        self._publish()
        self._remark()

    def _join(self, mailbox: Mailbox, drive: Drive, recorder: LastMinute) -> None:
        self._mailbox, self._drive, self._recorder = mailbox, drive, recorder
        self.began: Callable[[], object] | None = None
        self.companion: Companion | None = None
        self.watched = True  # whether this session's person is there

    # -- a person's side ----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Queues a sentence for the brain.

        BrainInputError for a text that is empty or too long; SessionError where too many are waiting, or the world knows no plans.
        """
        text = clean(text)
        self._refuse_plans()
        self._mailbox.say(text)
        self._snapshot = replace(self._snapshot, thinking=True)

    def plan(self, line: str) -> None:
        """Schedules a plan line, as a button does. PlanError for a mistake in it, SessionError where it plans nothing or too much waits."""
        self._refuse_plans()
        plan = parse_line(line)
        if not isinstance(plan, Plan):
            raise SessionError("That line asks or refuses and plans nothing; give steps, such as 'left'.")
        self._mailbox.button(lambda: self._conversation.plan(plan))

    def choose(self, line: str) -> None:
        """Carries out the chosen meaning of the unclear sentence, and remembers it. PlanError."""
        self._refuse_plans()
        utterance = parse_line(line)
        self.call_soon(lambda: self._conversation.choose(utterance))

    def wrong(self) -> None:
        """Says that the last sentence was misunderstood: the next plan is its meaning. SessionError where nothing was said."""
        self._conversation.wrong()

    def press(self, keys: frozenset[str]) -> None:
        """Sets the pressed keys, of up, down, left, right; an empty set hands back to the driver."""
        self._mailbox.press(keys)

    def pause(self, on: bool) -> None:
        """Pauses the drive, or lets it go on."""
        self._mailbox.pause(on)
        self._snapshot = replace(self._snapshot, paused=on)

    def watch(self, on: bool) -> None:
        """Says whether its person is there to see it; without them or a companion the drive stops, paused or not."""
        self.watched = on
        self._mailbox.watched = on or (self.companion is not None and self.companion.watched)

    def step_once(self) -> None:
        """Makes one frame while paused."""
        self._mailbox.step_once()

    def set_quality(self, quality: int) -> None:
        """The dial for the next frames, 1, 2, 4 or 8: a scene's picture size, a latent world's K. DataError, at once, for another number."""
        if quality not in QUALITIES:
            raise DataError(f"The dial has 1, 2, 4 and 8, not {quality}.")

        def order() -> None:
            self.dream.quality = quality
            self._publish()

        self.call_soon(order)

    def begin(
        self,
        seed: int,
        scene: str | None = None,
        control: Control | None = None,
        wait: float = 10.0,
        beginning: Beginning | None = None,
        stand: bool = False,
    ) -> None:
        """Starts anew in a scene, under a control's conditions, or in a film, and waits for the loop to do so. Sentences said before are
        dropped. DataError, WeightsError; then the drive stays. SessionError after `wait` s.

        The new drive is paused only with `stand`, or where `pause` is called while this waits.
        """
        pauses = self._mailbox.pauses
        self._mailbox.expect_new_drive()

        def anew() -> None:
            try:
                self._drive.start(seed, scene, control, beginning)
                self._renew()
                self._remark()
            finally:
                self._mailbox.new_drive_done()
            if stand or self._mailbox.pauses == pauses:
                self.pause(stand)

        self.between_frames(anew, wait)

    def call_soon(self, call: Order) -> None:
        """Lets the loop call `call` before the next frame; does not wait."""
        self._mailbox.call_soon(call)

    def between_frames(self, call: Callable[[], T], wait: float = 10.0) -> T:
        """Lets the loop call `call` between two frames, and returns its result or raises its error. SessionError after `wait` s."""
        return self._mailbox.between_frames(call, wait)

    def snapshot(self) -> Snapshot:
        """The state after the last tick."""
        return self._snapshot

    def notes(self) -> list[Notice]:
        """Takes the sentences for its person since the last call."""
        return self._conversation.notes()

    def clip(self) -> Clip:
        """The last minute, to write while the drive goes on."""
        return self._recorder.clip()

    def newest(self) -> tuple[Moment | None, Clip]:
        """The newest frame, and its clip without moments."""
        return self._recorder.newest()

    def jpeg(self, image: np.ndarray) -> bytes:
        """The JPEG of a picture of this drive, uint8 [H, W, 3], encoded once while it is among the newest."""
        return self._recorder.jpegs.of(image)

    def save_clip(self, folder: Path) -> tuple[Path, Path, float]:
        """Writes the last minute to a new mp4 and sidecar in `folder`; their paths and its seconds. ExportError."""
        clip = self.clip()
        video, labels = write_clip(clip, free_name(folder, stem(clip.seed)))
        return video, labels, clip.seconds

    def fork(self) -> Session:
        """A session with the same past, seed and plan, which would go on as this one does.

        Call it between frames. SessionError while a guest drives along.
        """
        if self.companion is not None:
            raise SessionError(ACCOMPANIED)
        other = object.__new__(Session)
        drive = self._drive.fork()
        other._join(self._mailbox.fork(), drive, self._recorder.fork(drive.dream))
        other._conversation = self._conversation.fork(drive, other._recorder)
        other._publish()
        return other

    def beside(self) -> Drive:
        """A drive of a second car in this one's dream. DataError where there is no place for one."""
        return self._drive.beside()

    # -- the loop's side ----------------------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        """The dream's seed."""
        return self._drive.dream.seed

    @property
    def dream(self) -> AnyDream:
        """The drive's dream."""
        return self._drive.dream

    @property
    def frame(self) -> Frame:
        """The newest frame."""
        return self._drive.frame

    @property
    def timeline(self) -> Timeline:
        """The plan's timeline."""
        return self._drive.timeline

    @property
    def pedals(self) -> tuple[float, float]:
        """How far keys have turned the wheel and pressed the pedals."""
        return astuple(self._drive.pedals)

    @property
    def pending_orders(self) -> int:
        """Number of orders that wait for the next tick."""
        return self._mailbox.pending_orders

    @property
    def remember(self) -> Callable[[Correction], object] | None:
        """Stores a correction; set only where a person can be asked."""
        return self._conversation.remember

    @remember.setter
    def remember(self, keep: Callable[[Correction], object] | None) -> None:
        self._conversation.remember = keep

    def continue_from(
        self, dream: AnyDream, timeline: Timeline, pedals: tuple[float, float], scene: str | None
    ) -> None:
        """Replaces dream, plan, wheel and pedals by those of another drive, and lets it go on."""
        assert dream.frame is not None
        self._drive.continue_from(dream, dream.frame, timeline, scene)
        self._renew()
        self._drive.pedals = Pedals(*pedals)
        self.pause(False)

    def replay(self, control: Control, by_keys: bool, lines: Sequence[str]) -> None:
        """Repeats a past frame under its control, after the plan lines of that time. DataError."""
        for line in lines:
            if isinstance(plan := parse_line(line), Plan):
                self.timeline.plan(plan)
        state = self.timeline.tick(self.frame, by_keys)
        self.take(StepRequest(control, by_keys, state.steps), self.dream.step(control))

    def prepend(self, moments: Sequence[Moment], exchanges: Sequence[Exchange]) -> None:
        """Puts an earlier part of the drive before the recorded one."""
        self._recorder.prepend(moments, exchanges)

    def record_all(self) -> None:
        """Makes the clip the whole drive from now on, not the last minute."""
        self._recorder.keep_all()

    def begin_tick(self) -> bool:
        """Carries out the orders since the last tick; returns whether this tick is to make a frame."""
        for order in self._mailbox.orders():
            try:
                order()
            except LucidriveError as error:
                self.tell(explain(error), "error")
        if self._mailbox.take_tick():
            return True
        self._publish()
        return False

    def step_request(self) -> StepRequest | None:
        """The request for the next frame, by the plan or the person's keys.

        None where the driver fails: then the drive is paused at its last good frame and a sentence says why.
        """
        try:
            if self.companion is not None:
                self.companion.steer()
            keys = self._mailbox.keys
            state = self._drive.advance_timeline(keys)
            if self._drive.keyboard is None:
                self._conversation.follow(state)
            return self._drive.step_request(state, keys)
        except DataError as error:
            self._pause_after(error)
            return None

    def step_alone(self, request: StepRequest) -> Frame | None:
        """Steps this dream alone; None as in `step_request`."""
        try:
            frame = self.dream.step(request.control)
        except DataError as error:
            self._pause_after(error)
            return None
        self.take(request, frame)
        return frame

    def take(self, request: StepRequest, frame: Frame) -> None:
        """Takes the frame of a dream that has been stepped."""
        self._drive.take(request, frame)
        self._recorder.add(Moment(frame, request.by_keys, request.steps))
        if self.companion is not None:
            self.companion.follow()
        self._publish()

    def tick(self) -> Frame | None:
        """Makes one frame of this drive alone; None as in `step_request`."""
        request = self.step_request()
        return None if request is None else self.step_alone(request)

    def sentence(self) -> tuple[str, Context] | None:
        """Takes the next sentence for the brain, with the drive's context; None where none waits or a new drive is asked for."""
        text = self._mailbox.sentence()
        return None if text is None else self._conversation.read(text)

    def on_reply(self, reply: BrainReply) -> None:
        """Schedules the plan of a sentence, or tells the person a refusal or question."""
        self._conversation.on_reply(reply)
        self._publish()

    def on_error(self, error: BaseException) -> None:
        """Reports that the brain failed on the sentence; the drive goes on."""
        self._conversation.on_error(error)
        self._publish()

    def tell(self, text: str, kind: NoteKind = "news") -> None:
        """Adds a sentence for its person."""
        self._conversation.tell(text, kind)

    # -- within -------------------------------------------------------------------------------------------------------

    def _refuse_plans(self) -> None:
        if self._drive.keyboard is not None:
            raise SessionError(KEYS_ALONE)

    def _renew(self) -> None:
        """Starts mailbox, conversation and recorder anew for another drive."""
        self._mailbox.empty()
        self._conversation.renew()
        self._recorder.begin(self._drive.dream, self._drive.scene, self._drive.frame)
        self._publish()
        if self.companion is not None:
            self.companion.board()
        if self.began is not None:
            self.began()

    def _remark(self) -> None:
        if self._drive.remark:
            self.tell(self._drive.remark)

    def _pause_after(self, error: DataError) -> None:
        self._mailbox.paused = True
        self.tell(f"{explain(error)} The drive is paused.", "error")
        self._publish()

    def _publish(self) -> None:
        drive, state = self._drive, self._drive.timeline.state()
        plans, reading, waiting = drive.keyboard is None, self._conversation.reading, self._mailbox.waiting
        self._snapshot = Snapshot(
            drive.frame,
            drive.by_keys,
            state.steps,
            self._mailbox.paused,
            reading is not None or waiting > 0,
            state.weather if plans else NULL,
            state.time if plans else NULL,
            drive.dream.seed,
            drive.scene,
            drive.dream.quality,
            state.target_speed,
            reading or "",
            waiting,
        )


def stem(seed: int) -> str:
    """A file name's stem with the time and seed."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{seed}-{secrets.token_hex(2)}"  # tabs may share a second
