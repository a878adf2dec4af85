"""The conversation of a person with a drive: sentences are read, become plans, are corrected and answered."""

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
from bridge.recording.clip import Exchange
from bridge.recording.last_minute import LastMinute
from bridge.snapshot import BrainReply, NoteKind, Notice
from bridge.timeline import TimelineState

MOST_NOTICES = 20


@dataclass(slots=True)
class _DialogueState:
    """The part that a fork copies."""

    situation: Context = field(default_factory=Context)  # when the sentence began to be read
    last: tuple[str, str] | None = None  # the last sentence, with the drive's state then
    unclear: tuple[str, str] | None = None  # a sentence not understood: the next choice or sentence is its meaning
    turn: int = 0  # number of the last turning step that was checked against the junction
    ends: frozenset[int] = frozenset()  # junctions whose street's end was announced
    failed: int = 0  # number of the last step that was announced as timed out


class Conversation:
    """remember: stores a correction; set only where a person can be asked."""

    def __init__(self, drive: Drive, recorder: LastMinute) -> None:
        self._drive, self._recorder = drive, recorder
        self._lock = threading.Lock()  # over the notices
        self._notices: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self.reading: str | None = None
        self._state = _DialogueState()
        self.remember: Callable[[Correction], object] | None = None

    # -- to the person -----------------------------------------------------------------------------------------------

    def tell(self, text: str, kind: NoteKind = "news") -> None:
        """Adds a sentence for the person."""
        self._tell(Notice(text, kind))

    def notes(self) -> list[Notice]:
        """Takes the sentences since the last call; only the newest MOST_NOTICES are kept."""
        with self._lock:
            notices = list(self._notices)
            self._notices.clear()
        return notices

    def follow(self, state: TimelineState) -> None:
        """Announces, once each, a turn that the next junction does not allow, a street's end, and a step that timed out."""
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
        over = [one for one in state.steps if one.status == "timed_out" and one.number > self._state.failed]
        for one in over:
            self._state.failed = one.number
            self.tell(f"'{one.line}' did not happen: {one.reason}. Ask for it again further on.")

    # -- from the person ----------------------------------------------------------------------------------------------

    def read(self, text: str) -> tuple[str, Context]:
        """Marks a sentence as being read; returns it with the drive's present context."""
        self.reading, self._state.situation = text, self._drive.timeline.context()
        return text, self._state.situation

    def on_reply(self, reply: BrainReply) -> None:
        """Schedules a plan, turns a refusal or question into a sentence, and asks where the brain doubts."""
        if self.reading is None:
            return  # the drive was reset meanwhile
        text, self.reading = self.reading, None
        self._state.last = (text, str(self._state.situation))
        if reply.instead is not None and self.remember is not None:
            self._state.unclear = self._state.unclear or self._state.last
            self._tell(Notice("Did you mean", "question", (reply.line, reply.instead)))
            return
        if isinstance(reply.utterance, Plan):
            self._learn(reply.line)
        self._carry_out(reply.utterance, text, reply.seconds)

    def on_error(self, error: BaseException) -> None:
        """Reports that the brain failed on the sentence; the drive goes on."""
        if self.reading is not None:
            self.reading = None
            self.tell(explain(error), "error")

    def choose(self, utterance: Utterance) -> None:
        """Carries out the chosen meaning of the unclear sentence, and remembers it."""
        text = self._state.unclear[0] if self._state.unclear else ""
        self._learn(print_line(utterance))
        self._carry_out(utterance, text, 0.0)

    def wrong(self) -> None:
        """Makes the next plan the meaning of the last sentence. SessionError where nothing was said."""
        if self._state.last is None:
            raise SessionError("Nothing was said yet; type what should happen.")
        self._state.unclear = self._state.last
        self.tell("Say it in other words; what you say next is remembered as what you meant.", "question")

    def plan(self, plan: Plan, text: str = "", seconds: float = 0.0) -> None:
        """Schedules a plan. text: its sentence, "" for a button; seconds: computing time. SessionError where too many steps are waiting."""
        self._drive.timeline.plan(plan)
        self._note(text, print_line(plan), seconds)

    # -- other drives -------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Starts anew for another drive, which drops the sentence being read."""
        self.reading, self._state = None, replace(self._state, turn=0, ends=frozenset(), failed=0)

    def fork(self, drive: Drive, recorder: LastMinute) -> Conversation:
        """A copy for a fork of the drive, without the sentence being read."""
        other = Conversation(drive, recorder)
        other._state, other.remember = copy.copy(self._state), self.remember
        return other

    # -- within -------------------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        with self._lock:
            self._notices.append(notice)

    def _carry_out(self, utterance: Utterance, text: str, seconds: float) -> None:
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
        self._recorder.add_exchange(Exchange(self._drive.frame.index, text, line, round(seconds, 3)))
