"""One person's dream: its Dream, its Timeline, the keys held, and the last minute for a clip.

Two sides. A person's side (`say`, `do`, `press`, `pause`, `step_once`, `reset`, `snapshot`, `notes`, `clip`) may be
called from any thread and, but for `reset`, never waits for a frame. The loop's side (`begin_tick`, `tick`, `sentence`,
`heard`) belongs to the one thread that dreams. Between them lie an inbox, read at the beginning of a tick, and a
snapshot, replaced at its end.
"""

from __future__ import annotations

import copy
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from brain.director import clean
from brain.plan import Plan, Question, Refusal, Utterance, parse_line, print_line, sentence
from brain.prompt import Context
from brain.speeds import too_fast
from bridge.clips import CLIP_SECONDS, Clip, Moment, Said
from bridge.corrections import Correction
from bridge.disk import free_name
from bridge.errors import DataError, LucidriveError, SessionError, explain
from bridge.export import write_clip
from bridge.keyboard import Bindings, Keyboard
from bridge.pedals import Pedals
from bridge.snapshot import Beginning, Heard, NoteKind, Notice, Snapshot, Wish
from bridge.timeline import Timeline, TimelineState
from world.controls import FPS, NULL, Control
from world.dream import AnyDream
from world.driver import Action
from world.frame import Frame
from world.scene_world import SceneDream

QUALITIES = (1, 2, 4, 8)
KEYS_ALONE = (
    "This world knows no roads, weather or events, and nobody who drives; it obeys the keys: W A S D or the arrows."
)
MAX_WAITING = 8  # sentences for the brain
MAX_ORDERS = 32  # buttons pressed within one tick

Order = Callable[[], object]
Given = TypeVar("Given")


class Session:
    """`open_dream(seed)` gives a dream that has not been started. Errors of the first frame come from here.

    `bindings`: what keys mean in a world without a car (default: `bridge.keyboard.usual`). `beginning`: a film to begin
    in, where no scene is asked for.
    """

    def __init__(
        self,
        open_dream: Callable[[int], AnyDream],
        seed: int = 0,
        scene: str | None = None,
        bindings: Bindings | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        self._dream: AnyDream
        self._scene: str | None
        self._timeline: Timeline
        self._frame: Frame
        self._by_keys: bool
        self._snapshot: Snapshot
        self._open_dream = open_dream
        self._inbox: deque[Order] = deque()
        self._lock = threading.Lock()  # over the three that both sides change: texts, notices, recorder
        self._texts: deque[str] = deque()
        self._resets, self._former = (
            0,
            0,
        )  # asked for and not yet done; texts of the drive that then ends, the first so many
        self._notices: deque[Notice] = deque(maxlen=20)
        self._recorder: deque[Moment] = deque(maxlen=CLIP_SECONDS * FPS)
        self._said: deque[Said] = deque(maxlen=200)
        self._keys: frozenset[str] = frozenset()
        self._reading: str | None = None
        self._situation = Context()  # when the sentence began to be read
        self._heard: tuple[str, str] | None = None  # the last sentence, with the drive's state then
        self._unclear: tuple[str, str] | None = None  # one not understood: what is chosen or said next is its meaning
        self.remember: Callable[[Correction], object] | None = None  # given where somebody is there to be asked
        self.began: Callable[[], object] | None = None  # told of a frame that no tick made: a beginning
        self._watched = True
        self._paused = False
        self._pauses = 0  # how often a person paused or went on
        self._once = 0
        self._turn = 0  # number of the step of which it was last told where it turns
        self._missed = 0  # number of the last event that was said not to have happened
        self._pedals = Pedals()
        self._bindings, self._beginning = bindings, beginning
        self._keyboard: Keyboard | None = None
        self._start(seed, scene, None)

    # -- a person's side ----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Queues a sentence for the brain.

        BrainInputError, at once, for a text that is empty or too long; SessionError when too many are waiting.
        """
        text = clean(text)
        self._refuse_plans()
        with self._lock:
            if len(self._texts) >= MAX_WAITING:
                raise SessionError(f"{MAX_WAITING} sentences are waiting to be read; wait for them.")
            self._texts.append(text)
        self._snapshot = replace(self._snapshot, thinking=True)

    def do(self, line: str) -> None:
        """Schedules a plan line, as a button gives it. PlanError, at once, for one that is none."""
        self._refuse_plans()
        plan = parse_line(line)
        if not isinstance(plan, Plan):
            raise SessionError("That line asks or refuses and plans nothing; give steps, such as 'left'.")
        if len(self._inbox) >= MAX_ORDERS:
            raise SessionError("That was too much at once; press one button after another.")
        self._inbox.append(lambda: self._schedule(plan, "", 0.0))

    def choose(self, line: str) -> None:
        """What was meant by the sentence that was asked about: played, and remembered as its meaning. PlanError."""
        self._refuse_plans()
        meant = parse_line(line)

        def order() -> None:
            text = self._unclear[0] if self._unclear else ""
            self._learn(print_line(meant))
            self._understood(meant, text, 0.0)

        self._inbox.append(order)

    def wrong(self) -> None:
        """The last sentence was not understood: the next plan is what it meant."""
        if self._heard is None:
            raise SessionError("Nothing was said yet; type what should happen.")
        self._unclear = self._heard
        self.tell("Say it in other words; what you say next is remembered as what you meant.", "question")

    def press(self, keys: frozenset[str]) -> None:
        """The keys held now, of up, down, left, right; an empty set hands back to the driver."""
        self._keys = keys & frozenset({"up", "down", "left", "right"})

    def pause(self, on: bool) -> None:
        self._paused = on
        self._pauses += 1
        self._snapshot = replace(self._snapshot, paused=on)

    def watch(self, on: bool) -> None:
        """Whether anybody is there to see it; while nobody is, it stands still, paused or not."""
        self._watched = on

    def step_once(self) -> None:
        """One frame on while paused."""
        self._once = min(self._once + 1, FPS)

    def sharpen(self, steps: int) -> None:
        """The dial for the next frames, 1, 2, 4 or 8: a scene's picture size, a latent world's K. DataError, at once, for another number."""
        if steps not in QUALITIES:
            raise DataError(f"The dial has 1, 2, 4 and 8, not {steps}.")
        self._inbox.append(lambda: self._set_steps(steps))

    def reset(
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
        pauses = self._pauses

        with self._lock:
            self._resets, self._former = self._resets + 1, len(self._texts)

        def anew() -> None:
            try:
                self._start(seed, scene, control, beginning)
            finally:
                with self._lock:
                    self._resets -= 1
            if stand or self._pauses == pauses:
                self.pause(stand)

        self.between_frames(anew, wait)

    def soon(self, call: Order) -> None:
        """`call`, by the loop before the next frame; nobody waits for it."""
        self._inbox.append(call)

    def between_frames(self, call: Callable[[], Given], wait: float = 10.0) -> Given:
        """What `call` gives, made by the loop while no frame is under way; its error is raised here."""
        done, errors, given = threading.Event(), list[Exception](), list[Given]()

        def order() -> None:
            try:
                given.append(call())
            except Exception as error:  # whatever it was, it is the caller's
                errors.append(error)
            finally:
                done.set()

        self._inbox.append(order)
        if not done.wait(wait):
            raise SessionError("The dream is too busy for that now; try again in a moment.")
        if errors:
            raise errors[0]
        return given[0]

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def notes(self) -> list[Notice]:
        """The sentences since the last call."""
        with self._lock:
            notices = list(self._notices)
            self._notices.clear()
        return notices

    def clip(self) -> Clip:
        """The last minute, to be written while the drive goes on."""
        with self._lock:
            moments, clip = tuple(self._recorder), self._told()
        first = moments[0].frame.index if moments else 0
        return replace(clip, moments=moments, said=tuple(one for one in clip.said if one.frame >= first))

    def newest(self) -> tuple[Moment | None, Clip]:
        """The newest frame, and the clip that it belongs to without its moments."""
        with self._lock:
            return self._recorder[-1] if self._recorder else None, self._told()

    def save_clip(self, folder: Path) -> tuple[Path, Path, float]:
        """Writes the last minute to a new mp4 and JSON in `folder`: their paths and the seconds. ExportError."""
        clip = self.clip()
        video, beside = write_clip(clip, free_name(folder, stem(clip.seed)))
        return video, beside, clip.seconds

    def fork(self) -> Session:
        """A second drive with the same past, seed and plan: left alone, it would go on as this one does.

        Call it while the loop stands still.
        """
        other = object.__new__(Session)
        other.__dict__.update(self.__dict__)
        other._dream = self._dream.fork()
        other.began = None
        other._inbox, other._texts, other._notices = deque(), deque(), deque(maxlen=20)
        other._resets = other._former = 0
        other._lock = threading.Lock()
        other._recorder, other._said = self._recorder.copy(), self._said.copy()
        other._keys, other._reading, other._once, other._pedals = frozenset(), None, 0, Pedals()
        other._pedals.steer, other._pedals.accel = self.pedals
        other._timeline = copy.deepcopy(self._timeline)
        other._publish()
        return other

    # -- the loop's side ----------------------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        return self._dream.seed

    @property
    def dream(self) -> AnyDream:
        return self._dream

    @property
    def frame(self) -> Frame:
        return self._frame

    @property
    def timeline(self) -> Timeline:
        return self._timeline

    @property
    def pedals(self) -> tuple[float, float]:
        """How far keys have turned the wheel and pressed the pedals."""
        return self._pedals.steer, self._pedals.accel

    def go_on_from(self, dream: AnyDream, timeline: Timeline, pedals: tuple[float, float], scene: str | None) -> None:
        """Another drive's dream and plan take the place of this one's."""
        assert dream.frame is not None
        keyboard = None if dream.model.driving else Keyboard(dream.model.inputs, self._bindings)
        self._take_over(dream, dream.frame, timeline, keyboard, scene)
        self._pedals.steer, self._pedals.accel = pedals
        self.pause(False)

    def replay(self, control: Control, by_keys: bool, lines: Sequence[str]) -> None:
        """A frame as it was dreamt before, after the plan lines that were given then. DataError."""
        for line in lines:
            if isinstance(plan := parse_line(line), Plan):
                self._timeline.add(plan)
        state = self._timeline.tick(self._frame, by_keys)
        self.take(Wish(control, by_keys, state.steps), self._dream.step(control))

    def before(self, moments: Sequence[Moment], said: Sequence[Said]) -> None:
        """What came before the frames that this drive has."""
        with self._lock:
            self._recorder.extendleft(reversed(moments))
            self._said.extendleft(reversed(said))

    def begin_tick(self) -> bool:
        """Takes what came in since the last tick; says whether this tick is to dream a frame."""
        while self._inbox:
            order = self._inbox.popleft()
            try:
                order()
            except LucidriveError as error:
                self.tell(explain(error), "error")
        if self._watched and not self._paused:
            return True
        if self._watched and self._once > 0:
            self._once -= 1
            return True
        self._publish()
        return False

    def tick(self) -> Frame | None:
        """One frame: the plan, or the person's keys, become a Control, and the dream goes on.

        None when it could not: then the drive is paused at its last good frame and a sentence says why.
        """
        wish = self.wish()
        return None if wish is None else self.dream_on(wish)

    def wish(self) -> Wish | None:
        """The first half of a tick: what the next frame is to be told; None when the driver cannot say."""
        keys = self._keys
        state = self._timeline.tick(self._frame, bool(keys))
        if self._keyboard is not None:
            return Wish(self._keyboard.control(keys), bool(keys), state.steps)
        self._tell_of_turn(state)
        self._tell_of_missed(state)
        try:
            action = self._dream.drive(state.command, state.target_speed)
            control = self._pedals.control(state, Action(action.steer, action.accel), keys)
        except DataError as error:
            self._stand(error)
            return None
        return Wish(control, bool(keys), state.steps)

    def dream_on(self, wish: Wish) -> Frame | None:
        """The second half, alone; None as in `tick`."""
        try:
            frame = self._dream.step(wish.control)
        except DataError as error:
            self._stand(error)
            return None
        self.take(wish, frame)
        return frame

    def take(self, wish: Wish, frame: Frame) -> None:
        """The second half where the dream has been stepped already, together with others."""
        self._frame, self._by_keys = frame, wish.by_keys or self._keyboard is not None
        with self._lock:
            self._recorder.append(Moment(replace(frame, between=None), wish.by_keys, wish.steps))
        self._publish()

    def sentence(self) -> tuple[str, Context] | None:
        """The next text for the brain with the drive's context, if one waits and no new drive is asked for; from now on it is being read."""
        with self._lock:
            if not self._texts or self._resets:
                return None
            self._reading = self._texts.popleft()
        self._situation = self._timeline.context()
        return self._reading, self._situation

    def heard(self, reply: Heard) -> None:
        """The brain has read the sentence: a plan is scheduled, a refusal or a question becomes a sentence."""
        if self._reading is None:
            return  # the drive was reset meanwhile
        text, self._reading = self._reading, None
        self._heard = (text, str(self._situation))
        if reply.instead is not None and self.remember is not None:
            self._unclear = self._unclear or self._heard
            with self._lock:
                self._notices.append(Notice("Did you mean", "question", (reply.line, reply.instead)))
        else:
            if isinstance(reply.utterance, Plan):
                self._learn(reply.line)
            self._understood(reply.utterance, text, reply.seconds)
        self._publish()

    def _understood(self, utterance: Utterance, text: str, seconds: float) -> None:
        if isinstance(utterance, Plan):
            try:
                self._schedule(utterance, text, seconds)
            except LucidriveError as error:
                self.tell(explain(error), "error")
        else:
            self._note_said(text, print_line(utterance), seconds)
            kinds: dict[type, NoteKind] = {Refusal: "refusal", Question: "question"}
            fast = too_fast(text) if isinstance(utterance, Refusal) else None
            self.tell(fast or sentence(utterance), kinds[type(utterance)])

    def _learn(self, line: str) -> None:
        unclear, self._unclear = self._unclear, None
        if unclear is not None and self.remember is not None:
            try:
                self.remember(Correction(*unclear, line))
            except LucidriveError as error:
                self.tell(explain(error), "error")

    def misheard(self, error: BaseException) -> None:
        """The brain failed on the sentence; the drive goes on."""
        if self._reading is None:
            return
        self._reading = None
        self.tell(explain(error), "error")
        self._publish()

    def record_all(self) -> None:
        """From now on the clip is the whole drive, not its last minute."""
        with self._lock:
            self._recorder, self._said = deque(self._recorder), deque(self._said)

    def tell(self, text: str, kind: NoteKind = "news") -> None:
        with self._lock:
            self._notices.append(Notice(text, kind))

    # -- within -------------------------------------------------------------------------------------------------------

    def _told(self) -> Clip:
        dream = self._dream
        return Clip(
            (), tuple(self._said), dream.seed, self._scene, getattr(dream, "steps", 0), dict(dream.model.hashes)
        )

    def _refuse_plans(self) -> None:
        if self._keyboard is not None:
            raise SessionError(KEYS_ALONE)

    def _set_steps(self, steps: int) -> None:
        self._dream.steps = steps
        self._publish()

    def _start(self, seed: int, scene: str | None, control: Control | None, beginning: Beginning | None = None) -> None:
        dream = self._open_dream(seed)
        if (before := getattr(self, "_dream", None)) is not None:
            dream.steps = before.steps
        scenes, film = dream.model.scenes, beginning or (self._beginning if scene is None else None)
        if scene is None and control is None and film is None and scenes:
            scene = scenes[seed % len(scenes)]
        keyboard = None
        if not dream.model.driving:
            keyboard = Keyboard(dream.model.inputs, self._bindings)
            control = control or keyboard.control(frozenset())
        if film is not None:
            frame = dream.start(control, frames=film.frames, speed=film.speed)
        else:
            frame = dream.start(control, scene=scene)
        timeline = Timeline(max(0, frame.control.weather), _time(frame.control.time))
        self._take_over(dream, frame, timeline, keyboard, scene)
        if isinstance(dream, SceneDream) and dream.remark:
            self.tell(dream.remark)

    def _take_over(
        self, dream: AnyDream, frame: Frame, timeline: Timeline, keyboard: Keyboard | None, scene: str | None
    ) -> None:
        with self._lock:
            self._dream, self._scene, self._frame, self._by_keys = dream, scene, frame, False
            self._timeline = timeline
            self._pedals, self._keyboard = Pedals(), keyboard
            self._once, self._reading, self._turn, self._missed = 0, None, 0, 0
            for _ in range(self._former if self._resets else len(self._texts)):
                self._texts.popleft()
            self._former = 0
            self._said.clear()
            self._recorder.clear()
            self._recorder.append(Moment(frame, False, ()))
        self._publish()
        if self.began is not None:
            self.began()

    def _tell_of_turn(self, state: TimelineState) -> None:
        """Once a turn: where the next junction does not allow it."""
        turns = [one.number for one in state.steps if one.status == "running" and one.step.name in ("left", "right")]
        if turns and turns[0] != self._turn and isinstance(self._dream, SceneDream):
            self._turn = turns[0]
            if text := self._dream.turn_ahead(state.command):
                self.tell(text)

    def _stand(self, error: DataError) -> None:
        self._paused = True
        self.tell(f"{explain(error)} The drive is paused.", "error")
        self._publish()

    def _schedule(self, plan: Plan, text: str, seconds: float) -> None:
        self._timeline.add(plan)
        self._note_said(text, print_line(plan), seconds)

    def _tell_of_missed(self, state: TimelineState) -> None:
        """Once an event that has waited for its chance in vain."""
        missed = [one for one in state.steps if one.status == "timed_out" and one.step.group == "event"]
        for one in (one for one in missed if one.number > self._missed):
            self._missed = one.number
            self.tell(f"'{one.line}' did not happen: {one.reason}. Ask for it again further on.")

    def _note_said(self, text: str, line: str, seconds: float) -> None:
        with self._lock:
            self._said.append(Said(self._frame.index, text, line, round(seconds, 3)))

    def _publish(self) -> None:
        state = self._timeline.state()
        self._snapshot = Snapshot(
            self._frame,
            self._by_keys,
            state.steps,
            self._paused,
            self._reading is not None or bool(self._texts),
            state.weather if self._keyboard is None else NULL,
            state.time if self._keyboard is None else NULL,
            self._dream.seed,
            self._scene,
            self._dream.steps,
            state.target_speed,
            self._reading or "",
            len(self._texts),
        )


def stem(seed: int) -> str:
    """A name for what is saved now."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{seed}-{secrets.token_hex(2)}"  # tabs may share a second


def _time(value: int) -> int:
    return value if value >= 0 else 1
