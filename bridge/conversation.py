"""Sentences between a person and a drive: read, made into plans, corrected, answered."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from brain.plan import Plan, Question, Refusal, Utterance, print_line, sentence
from brain.prompt import Context
from brain.speeds import too_fast
from bridge.corrections import Correction
from bridge.drive import Drive
from bridge.errors import LucidriveError, SessionError, explain
from bridge.recording.clip import Said
from bridge.recording.last_minute import LastMinute
from bridge.snapshot import Heard, NoteKind, Notice
from bridge.timeline import TimelineState

KEPT_NOTICES = 20


@dataclass(slots=True)
class _DialogueState:
    """What a fork goes on from."""

    situation: Context = field(default_factory=Context)  # when the sentence began to be read
    heard: tuple[str, str] | None = None  # the last sentence, with the drive's state then
    unclear: tuple[str, str] | None = None  # one not understood: what is chosen or said next is its meaning
    turn: int = 0  # number of the step of which it was last told where it turns
    ends: frozenset[int] = frozenset()  # junctions at which it was told that the street ends
    missed: int = 0  # number of the last event that was said not to have happened


class Conversation:
    """`remember` keeps what a person meant, where somebody is there to be asked."""

    def __init__(self, drive: Drive, recorder: LastMinute) -> None:
        self._drive, self._recorder = drive, recorder
        self._lock = threading.Lock()  # over the notices
        self._notices: deque[Notice] = deque(maxlen=KEPT_NOTICES)
        self.reading: str | None = None
        self._state = _DialogueState()
        self.remember: Callable[[Correction], object] | None = None

    # -- what a person is told ----------------------------------------------------------------------------------------

    def tell(self, text: str, kind: NoteKind = "news") -> None:
        self._tell(Notice(text, kind))

    def notes(self) -> list[Notice]:
        """The sentences since the last call."""
        with self._lock:
            notices = list(self._notices)
            self._notices.clear()
        return notices

    def follow(self, state: TimelineState) -> None:
        """Tells once of a turn that the next junction does not allow, of a street's end, and of a step that has waited for its chance in vain."""
        turns = [one.number for one in state.steps if one.status == "running" and one.step.name in ("left", "right")]
        if turns and turns[0] != self._state.turn and self._drive.in_scene:
            self._state.turn = turns[0]
            if text := self._drive.turn_ahead(state.command):
                self.tell(text)
        end = self._drive.turning_round
        if end is not None:
            self._drive.timeline.miss_turns("the street ends")  # its yaw is not that of the turn
        if end is not None and end not in self._state.ends:
            self._state.ends |= {end}
            self.tell("The street ends here, so the car turns round.")
        missed = [one for one in state.steps if one.status == "timed_out"]
        for one in (one for one in missed if one.number > self._state.missed):
            self._state.missed = one.number
            self.tell(f"'{one.line}' did not happen: {one.reason}. Ask for it again further on.")

    # -- what a person says -------------------------------------------------------------------------------------------

    def read(self, text: str) -> tuple[str, Context]:
        """From now on the brain reads it, as it is meant in the drive's state now."""
        self.reading, self._state.situation = text, self._drive.timeline.context()
        return text, self._state.situation

    def heard(self, reply: Heard) -> None:
        """A plan is scheduled, a refusal or a question becomes a sentence, a doubt is asked about."""
        if self.reading is None:
            return  # the drive was reset meanwhile
        text, self.reading = self.reading, None
        self._state.heard = (text, str(self._state.situation))
        if reply.instead is not None and self.remember is not None:
            self._state.unclear = self._state.unclear or self._state.heard
            self._tell(Notice("Did you mean", "question", (reply.line, reply.instead)))
            return
        if isinstance(reply.utterance, Plan):
            self._learn(reply.line)
        self._understood(reply.utterance, text, reply.seconds)

    def misheard(self, error: BaseException) -> None:
        """The brain failed on the sentence; the drive goes on."""
        if self.reading is not None:
            self.reading = None
            self.tell(explain(error), "error")

    def choose(self, meant: Utterance) -> None:
        """What was meant by the sentence that was asked about."""
        text = self._state.unclear[0] if self._state.unclear else ""
        self._learn(print_line(meant))
        self._understood(meant, text, 0.0)

    def wrong(self) -> None:
        """The next plan is what the last sentence meant. SessionError where nothing was said."""
        if self._state.heard is None:
            raise SessionError("Nothing was said yet; type what should happen.")
        self._state.unclear = self._state.heard
        self.tell("Say it in other words; what you say next is remembered as what you meant.", "question")

    def plan(self, plan: Plan, text: str = "", seconds: float = 0.0) -> None:
        """SessionError where too many steps are waiting."""
        self._drive.timeline.plan(plan)
        self._note(text, print_line(plan), seconds)

    # -- drives that begin --------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Another drive has begun; what is being read is not for it."""
        self.reading, self._state = None, replace(self._state, turn=0, ends=frozenset(), missed=0)

    def fork(self, drive: Drive, recorder: LastMinute) -> Conversation:
        """Goes on from what was said here; what is being read stays here."""
        other = Conversation(drive, recorder)
        other._state, other.remember = copy.copy(self._state), self.remember
        return other

    # -- within -------------------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        with self._lock:
            self._notices.append(notice)

    def _understood(self, utterance: Utterance, text: str, seconds: float) -> None:
        if isinstance(utterance, Plan):
            try:
                self.plan(utterance, text, seconds)
            except LucidriveError as error:
                self.tell(explain(error), "error")
            return
        self._note(text, print_line(utterance), seconds)
        kinds: dict[type, NoteKind] = {Refusal: "refusal", Question: "question"}
        fast = too_fast(text) if isinstance(utterance, Refusal) else None
        self.tell(fast or sentence(utterance), kinds[type(utterance)])

    def _learn(self, line: str) -> None:
        unclear, self._state.unclear = self._state.unclear, None
        if unclear is not None and self.remember is not None:
            try:
                self.remember(Correction(*unclear, line))
            except LucidriveError as error:
                self.tell(explain(error), "error")

    def _note(self, text: str, line: str, seconds: float) -> None:
        self._recorder.note(Said(self._drive.frame.index, text, line, round(seconds, 3)))
