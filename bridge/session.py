"""One person's dream: a mailbox, a conversation, a drive and a recorder, joined.

Two sides. A person's side (`say`, `plan`, `press`, `pause`, `step_once`, `begin`, `snapshot`, `notes`, `clip`) may be
called from any thread and, but for `begin`, never waits for a frame. The loop's side (`begin_tick`, `wish`, `take`,
`sentence`, `heard`) belongs to the one thread that dreams. Between them lie the mailbox, read at the beginning of a tick,
and a snapshot, replaced at its end.
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
from bridge.recording.clip import Clip, Moment, Said
from bridge.recording.clip_files import write_clip
from bridge.recording.last_minute import LastMinute
from bridge.snapshot import Beginning, Heard, NoteKind, Notice, Snapshot, StepRequest
from bridge.timeline import Timeline
from world.controls import NULL, Control
from world.dream import AnyDream
from world.frame import Frame

QUALITIES = (1, 2, 4, 8)
KEYS_ALONE = (
    "This world knows no roads, weather or events, and nobody who drives; it obeys the keys: W A S D or the arrows."
)

ACCOMPANIED = "A guest drives along; branch when they have left."

Given = TypeVar("Given")


class Companion(Protocol):
    """A second person who drives along (`bridge.guest.Guest`), as the loop's side of the host's session needs it."""

    watched: bool

    def steer(self) -> None: ...
    def follow(self) -> Frame: ...
    def board(self) -> None: ...


class Session:
    """`open_dream(seed)` gives a dream that has not been started. Errors of the first frame come from here.

    `bindings`: what keys mean in a world without a car (default: `bridge.keyboard.usual`). `beginning`: a film to begin
    in, where no scene is asked for. `began` is told of a frame that no tick made: a beginning.
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

        BrainInputError, at once, for a text that is empty or too long; SessionError when too many are waiting.
        """
        text = clean(text)
        self._refuse_plans()
        self._mailbox.say(text)
        self._snapshot = replace(self._snapshot, thinking=True)

    def plan(self, line: str) -> None:
        """Schedules a plan line, as a button gives it. PlanError, at once, for one that is none."""
        self._refuse_plans()
        plan = parse_line(line)
        if not isinstance(plan, Plan):
            raise SessionError("That line asks or refuses and plans nothing; give steps, such as 'left'.")
        self._mailbox.button(lambda: self._conversation.plan(plan))

    def choose(self, line: str) -> None:
        """What was meant by the sentence that was asked about: played, and remembered as its meaning. PlanError."""
        self._refuse_plans()
        meant = parse_line(line)
        self.soon(lambda: self._conversation.choose(meant))

    def wrong(self) -> None:
        """The last sentence was not understood: the next plan is what it meant."""
        self._conversation.wrong()

    def press(self, keys: frozenset[str]) -> None:
        """The keys held now, of up, down, left, right; an empty set hands back to the driver."""
        self._mailbox.press(keys)

    def pause(self, on: bool) -> None:
        self._mailbox.pause(on)
        self._snapshot = replace(self._snapshot, paused=on)

    def watch(self, on: bool) -> None:
        """Whether its person is there to see it; while nobody is, nor a companion, it stands still, paused or not."""
        self.watched = on
        self._mailbox.watched = on or (self.companion is not None and self.companion.watched)

    def step_once(self) -> None:
        """One frame on while paused."""
        self._mailbox.step_once()

    def set_quality(self, quality: int) -> None:
        """The dial for the next frames, 1, 2, 4 or 8: a scene's picture size, a latent world's K. DataError, at once, for another number."""
        if quality not in QUALITIES:
            raise DataError(f"The dial has 1, 2, 4 and 8, not {quality}.")

        def order() -> None:
            self.dream.quality = quality
            self._publish()

        self.soon(order)

    def begin(
        self,
        seed: int,
        scene: str | None = None,
        control: Control | None = None,
        wait: float = 10.0,
        beginning: Beginning | None = None,
        stand: bool = False,
    ) -> None:
        """Starts anew: in a scene, under conditions alone, or in a film. Waits for the loop to do it; its error is raised
        here and leaves the drive as it was. Sentences that were said before are the old drive's, others the new one's.

        The new drive stands still only where it is to `stand`, or if `pause` is called while this waits.
        """
        pauses = self._mailbox.pauses
        self._mailbox.announce()

        def anew() -> None:
            try:
                self._drive.start(seed, scene, control, beginning)
                self._renew()
                self._remark()
            finally:
                self._mailbox.renewed()
            if stand or self._mailbox.pauses == pauses:
                self.pause(stand)

        self.between_frames(anew, wait)

    def soon(self, call: Order) -> None:
        """`call`, by the loop before the next frame; nobody waits for it."""
        self._mailbox.soon(call)

    def between_frames(self, call: Callable[[], Given], wait: float = 10.0) -> Given:
        """What `call` gives, made by the loop while no frame is under way; its error is raised here."""
        return self._mailbox.between_frames(call, wait)

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def notes(self) -> list[Notice]:
        """The sentences since the last call."""
        return self._conversation.notes()

    def clip(self) -> Clip:
        """The last minute, to be written while the drive goes on."""
        return self._recorder.clip()

    def newest(self) -> tuple[Moment | None, Clip]:
        """The newest frame, and the clip that it belongs to without its moments."""
        return self._recorder.newest()

    def jpeg(self, image: np.ndarray) -> bytes:
        """A picture of this drive (uint8 [H, W, 3]), encoded once while it is among the newest."""
        return self._recorder.jpegs.of(image)

    def save_clip(self, folder: Path) -> tuple[Path, Path, float]:
        """Writes the last minute to a new mp4 and JSON in `folder`: their paths and the seconds. ExportError."""
        clip = self.clip()
        video, beside = write_clip(clip, free_name(folder, stem(clip.seed)))
        return video, beside, clip.seconds

    def fork(self) -> Session:
        """A second drive with the same past, seed and plan: left alone, it would go on as this one does.

        Call it while the loop stands still. SessionError while a guest drives along.
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
        """A drive from a second car in this one's dream. DataError where there is no place for one."""
        return self._drive.beside()

    # -- the loop's side ----------------------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        return self._drive.dream.seed

    @property
    def dream(self) -> AnyDream:
        return self._drive.dream

    @property
    def frame(self) -> Frame:
        return self._drive.frame

    @property
    def timeline(self) -> Timeline:
        return self._drive.timeline

    @property
    def pedals(self) -> tuple[float, float]:
        """How far keys have turned the wheel and pressed the pedals."""
        return astuple(self._drive.pedals)

    @property
    def ordered(self) -> int:
        """Orders that wait for the next tick."""
        return self._mailbox.ordered

    @property
    def remember(self) -> Callable[[Correction], object] | None:
        """Keeps what a person meant; set where somebody is there to be asked."""
        return self._conversation.remember

    @remember.setter
    def remember(self, keep: Callable[[Correction], object] | None) -> None:
        self._conversation.remember = keep

    def go_on_from(self, dream: AnyDream, timeline: Timeline, pedals: tuple[float, float], scene: str | None) -> None:
        """Another drive's dream and plan take the place of this one's."""
        assert dream.frame is not None
        self._drive.go_on_from(dream, dream.frame, timeline, scene)
        self._renew()
        self._drive.pedals = Pedals(*pedals)
        self.pause(False)

    def replay(self, control: Control, by_keys: bool, lines: Sequence[str]) -> None:
        """A frame as it was dreamt before, after the plan lines that were given then. DataError."""
        for line in lines:
            if isinstance(plan := parse_line(line), Plan):
                self.timeline.plan(plan)
        state = self.timeline.tick(self.frame, by_keys)
        self.take(StepRequest(control, by_keys, state.steps), self.dream.step(control))

    def before(self, moments: Sequence[Moment], said: Sequence[Said]) -> None:
        """What came before the frames that this drive has."""
        self._recorder.before(moments, said)

    def record_all(self) -> None:
        """From now on the clip is the whole drive, not its last minute."""
        self._recorder.keep_all()

    def begin_tick(self) -> bool:
        """Takes what came in since the last tick; says whether this tick is to dream a frame."""
        for order in self._mailbox.orders():
            try:
                order()
            except LucidriveError as error:
                self.tell(explain(error), "error")
        if self._mailbox.goes_on():
            return True
        self._publish()
        return False

    def wish(self) -> StepRequest | None:
        """What the next frame is to be told: the plan, or the person's keys, as a Control.

        None when the driver cannot say: then the drive is paused at its last good frame and a sentence says why.
        """
        try:
            if self.companion is not None:
                self.companion.steer()
            keys = self._mailbox.keys
            state = self._drive.advance_timeline(keys)
            if self._drive.keyboard is None:
                self._conversation.follow(state)
            return self._drive.wish(state, keys)
        except DataError as error:
            self._stand(error)
            return None

    def dream_on(self, wish: StepRequest) -> Frame | None:
        """The frame that was wished for, dreamt alone; None as in `wish`."""
        try:
            frame = self.dream.step(wish.control)
        except DataError as error:
            self._stand(error)
            return None
        self.take(wish, frame)
        return frame

    def take(self, wish: StepRequest, frame: Frame) -> None:
        """The frame that was wished for, where the dream has been stepped already, together with others."""
        self._drive.take(wish, frame)
        self._recorder.add(Moment(frame, wish.by_keys, wish.steps))
        if self.companion is not None:
            self.companion.follow()
        self._publish()

    def tick(self) -> Frame | None:
        """One frame of this drive alone; None as in `wish`."""
        wish = self.wish()
        return None if wish is None else self.dream_on(wish)

    def sentence(self) -> tuple[str, Context] | None:
        """The next text for the brain with the drive's context, if one waits and no new drive is asked for; from now on it is being read."""
        text = self._mailbox.sentence()
        return None if text is None else self._conversation.read(text)

    def heard(self, reply: Heard) -> None:
        """The brain has read the sentence: a plan is scheduled, a refusal or a question becomes a sentence."""
        self._conversation.heard(reply)
        self._publish()

    def misheard(self, error: BaseException) -> None:
        """The brain failed on the sentence; the drive goes on."""
        self._conversation.misheard(error)
        self._publish()

    def tell(self, text: str, kind: NoteKind = "news") -> None:
        self._conversation.tell(text, kind)

    # -- within -------------------------------------------------------------------------------------------------------

    def _refuse_plans(self) -> None:
        if self._drive.keyboard is not None:
            raise SessionError(KEYS_ALONE)

    def _renew(self) -> None:
        """Another drive has begun."""
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

    def _stand(self, error: DataError) -> None:
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
    """A name for what is saved now."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{seed}-{secrets.token_hex(2)}"  # tabs may share a second
