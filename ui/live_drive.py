"""A person's real dream for the page: a session, its whole history, and its futures side by side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from brain.conditions import reader
from bridge.budget.ledger import Lease, Ledger
from bridge.budget.opening import CLIP, CLIP_JOB, DREAM
from bridge.budget.rescue import Rescue
from bridge.corrections import keep
from bridge.disk import free_name, write_whole
from bridge.errors import DataError, SessionError
from bridge.guest import Guest
from bridge.loop import Loop
from bridge.recording.history import History, PastFrame
from bridge.recording.last_minute import jpeg
from bridge.recording.recorder import Recorder
from bridge.recording.state import SUFFIX, pack, unpack
from bridge.session import ACCOMPANIED, Session, stem
from bridge.snapshot import Beginning
from ui.drive import NO_FUTURE, Chip, Note, PageState, Saved, StartRequest
from ui.places import offered
from ui.road_map import Around, LaneLines, around, streets_of
from ui.words import NAMES, line_words, step_words
from world.controls import Control
from world.dynamics.dreamt import is_dreamt
from world.places import where
from world.render.camera import Pose
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

FORK_WAIT = 30.0  # seconds a fork may wait for the loop
READ_WAIT = 60.0  # the same for a sentence to be read
BEGIN_WAIT = 60.0  # the same for a beginning: a place is built first
LEFT = "The host has left; their car drives on by itself, and the dream goes on for a while."
BACK = "The host is back."


@dataclass(frozen=True, slots=True)
class Shared:
    """What all drives of a page share. known: plan words that the weights have learnt; dream_size: bytes of a dream."""

    loop: Loop
    ledger: Ledger
    rescue: Rescue
    clips: Path
    known: frozenset[str] | None
    dream_size: int


@dataclass(frozen=True, slots=True)
class Future:
    """A branch beside the drive: its session, its history and its memory."""

    session: Session
    history: History
    lease: Lease


class LiveDrive:
    """A `ui.drive.PageDream`. `ended` is called once, when it is closed; `changed` after every tick of it or of its futures."""

    def __init__(
        self, session: Session, shared: Shared, lease: Lease, changed: Callable[[], None], ended: Callable[[], None]
    ) -> None:
        self.session, self.shared, self._lease = session, shared, lease
        self._changed, self._ended = changed, ended
        self._recorder = Recorder(session, shared.clips)
        self._history = History(session, shared.clips, lambda text: self.session.tell(text, "error"))
        self._futures: tuple[Future, ...] = ()
        self._where = ""  # the sentence that it began with
        self._parted, self._stood = 0, False  # the frame that they part at; whether the drive stood still then
        self._warned: set[str] = set()
        self._closed = False
        self._adopt(session)
        session.began = self._see
        self._see()
        shared.loop.add(session, self._ticked)

    def _adopt(self, session: Session) -> None:
        session.remember = lambda correction: keep(self.shared.clips, correction)

    def _see(self) -> None:
        self._recorder.update()
        self._history.update()

    def _ticked(self) -> None:
        self._see()
        self._changed()

    # -- what is to be seen -------------------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        """Of the drive."""
        return self.session.snapshot().seed

    def view(self) -> PageState:
        """The drive as it stands."""
        return replace(_view(self.session, self._history), where=self._where)

    def futures(self) -> tuple[PageState, ...]:
        """The futures as they stand."""
        return tuple(_view(future.session, future.history) for future in self._futures)

    def notes(self) -> list[Note]:
        """Notes of all branches, and a warning for plan words that the weights do not know."""
        notes = [note for branch, session in enumerate(self._sessions()) for note in _notes(session, branch)]
        for step in self.session.snapshot().steps:
            name = step.step.name
            if self.shared.known is not None and name not in self.shared.known and name not in self._warned:
                self._warned.add(name)
                notes.append(Note(f"These weights have not seen “{NAMES[name]}” in training; it may not show."))
        return notes

    def picture(self, index: int) -> bytes:
        """SessionError, DataError."""
        return self._history.frame(index)

    def past(self) -> tuple[PastFrame, ...]:
        """Of the whole drive."""
        return tuple(self._history.past())

    def streets(self) -> LaneLines | None:
        """None in a latent world."""
        dream = self.session.dream
        return streets_of(dream.state_now.places[0]) if isinstance(dream, SceneDream) else None

    def around(self) -> Around | None:
        """None in a latent world."""
        dream = self.session.dream
        return around(dream.state_now, dream.index) if isinstance(dream, SceneDream) else None

    def look_around(self, pose: Pose) -> bytes:
        """SessionError in a latent world, or while the drive goes on; DataError for a pose too far away."""
        dream = self.session.dream
        if not isinstance(dream, SceneDream):
            raise SessionError(
                "This world's pictures have one camera, the car's; a scene is what one can look around in."
            )
        if not self.session.snapshot().paused:
            raise SessionError("The dream goes on; pause it to look around.")
        return jpeg(dream.seen_from(pose))

    def surround(self) -> bytes:
        """SessionError in a latent world."""
        dream = self.session.dream
        if not isinstance(dream, SceneDream):
            raise SessionError(
                "This world's pictures have one camera, the car's; a scene is what can be seen all around."
            )
        return jpeg(np.concatenate([np.concatenate(list(row), axis=1) for row in dream.surround()]))

    # -- what is to be done -------------------------------------------------------------------------------------------

    def say(self, text: str, branch: int = 0) -> None:
        """As `Session.say`."""
        self._session(branch).say(text)

    def plan(self, line: str, branch: int = 0) -> None:
        """As `Session.plan`."""
        self._session(branch).plan(line)

    def choose(self, line: str, branch: int = 0) -> None:
        """As `Session.choose`."""
        self._session(branch).choose(line)

    def wrong(self, branch: int = 0) -> None:
        """As `Session.wrong`."""
        self._session(branch).wrong()

    def press(self, keys: frozenset[str], branch: int = 0) -> None:
        """Keys drive one branch; the others are let go."""
        for number, session in enumerate(self._sessions()):
            session.press(keys if number == branch else frozenset())

    def set_quality(self, quality: int) -> None:
        """Of all branches."""
        for session in self._sessions():
            session.set_quality(quality)

    @property
    def guest(self) -> bool:
        """False."""
        return False

    def invite(self) -> None:
        """SessionError in a latent world."""
        if not isinstance(self.session.dream, SceneDream):
            raise SessionError("This dream is pictures alone and has one seat; nobody can drive along.")

    def watch(self, on: bool) -> None:
        """Of all branches; a guest is told."""
        if on != self.session.watched:
            self._tell_guest(BACK if on else LEFT)
        self.session.watch(on)
        if self._futures:
            self._together(lambda session: session.watch(on))

    def pause(self, on: bool) -> None:
        """The futures where there are any, else the drive; a guest is told."""
        if not self._futures:
            if on != self.session.snapshot().paused:
                self._tell_guest(f"The host {'paused the dream' if on else 'goes on'}.")
            self.session.pause(on)
            return
        self._together(lambda session: session.pause(on))

    def step_once(self) -> None:
        """Likewise."""
        if not self._futures:
            _step_once(self.session)
            return
        self._together(_step_once)

    def begin(self, start: StartRequest) -> None:
        """DataError for a scene that is not on the page's list, or a sentence that names no place."""
        scene, control = self._beginning(start)
        self.keep_future(0)
        beginning = Beginning(start.pictures, start.speed) if start.pictures is not None else None

        def anew() -> None:
            self.session.begin(start.seed, scene, control, BEGIN_WAIT, beginning, start.stand)

        self.shared.rescue.run(anew, self.session.tell)
        self._where = start.where

    def _beginning(self, start: StartRequest) -> tuple[str | None, Control | None]:
        """The scene's name and the conditions. A dreamt place is there afterwards: it takes seconds, in which the loop goes on."""
        model, scene, conditions = self.session.dream.model, start.scene, {}
        if start.where and not isinstance(model, SceneWorld):
            raise DataError("This world is pictures alone and has no places; begin in one of its scenes.")
        if start.where:
            begins = where(start.where, start.seed, reader(partial(self.shared.loop.ask, wait=READ_WAIT)))
            scene, conditions = begins.place, dict(begins.conditions)
        elif start.weather is not None and start.time is not None:
            conditions = {"weather": start.weather, "time": start.time}
        scenes = offered(model)
        if (
            scene is not None and scene not in scenes and not is_dreamt(scene)
        ):  # it may be a path, which no page may open
            raise DataError(f"There is no start scene '{scene}'; there are: {', '.join(scenes)}.")
        if isinstance(model, SceneWorld):
            name = scene or model.scenes[start.seed % len(model.scenes)]
            if start.pictures is None:
                model.place(name)
            if start.where:
                return name, model.begins.with_(**conditions)
        return scene, Control().with_(**conditions) if conditions else None

    def fork(self, index: int | None, count: int) -> None:
        """SessionError while a guest drives along, or for a frame that is not part of the drive; DataError, NoRoomError."""
        if self.session.companion is not None:
            raise SessionError(ACCOMPANIED)
        self.keep_future(0)
        stood = self.session.snapshot().paused
        self.session.pause(True)
        with ExitStack() as undo:
            undo.callback(self.session.pause, stood)
            leases = [
                undo.enter_context(self.shared.ledger.reserve(DREAM, self.shared.dream_size)) for _ in range(count)
            ]
            first = self.session.between_frames(self.session.fork, FORK_WAIT)
            if index is not None and index != first.frame.index:
                self._history.rewind(first, index)
            first.pause(True)
            sessions = [first, *(first.fork() for _ in range(count - 1))]
            futures = []
            for session, lease in zip(sessions, leases, strict=True):
                self._adopt(session)
                history = History(session, self.shared.clips, lambda text: self.session.tell(text, "error"))
                undo.callback(history.close)
                history.update()
                lease.commit()
                futures.append(Future(session, history, lease))
            undo.pop_all()
        self._parted, self._stood, self._futures = first.frame.index, stood, tuple(futures)
        for future in futures:
            self.shared.loop.add(future.session, lambda future=future: self._future_ticked(future))  # type: ignore[misc]

    def keep_future(self, branch: int) -> None:
        """SessionError where there is no such future."""
        futures = self._futures
        if not futures and branch == 0:
            return
        if not 0 <= branch <= len(futures):
            raise SessionError(NO_FUTURE)
        chosen = futures[branch - 1] if branch else None
        if chosen is not None:
            chosen.session.between_frames(partial(self._take_place, chosen), FORK_WAIT)
        self._futures = ()
        for future in futures:
            if future is not chosen:
                self.shared.loop.remove(future.session)
                future.history.close()
                future.lease.release()
        if chosen is None:
            self.session.pause(self._stood)

    def _take_place(self, future: Future) -> None:
        """In the thread that ticks, between two of its frames."""
        old, lease = self.session, self._lease
        self.shared.loop.remove(old)
        self._history.graft(self._parted, future.history)
        self._recorder.go_on_in(future.session, self._parted)
        self.session, self._lease = future.session, future.lease
        old.began, future.session.began = None, self._see
        self.shared.loop.add(future.session, self._ticked)
        lease.release()

    # -- what is to be kept -------------------------------------------------------------------------------------------

    def save_clip(self) -> Saved:
        """ExportError, NoRoomError."""
        with self.shared.ledger.reserve(CLIP_JOB, CLIP):
            return Saved(*self.session.save_clip(self.shared.clips))

    def save_drive(self) -> Saved:
        """ExportError, NoRoomError."""
        with self.shared.ledger.reserve(CLIP_JOB, CLIP):
            return Saved(*self._history.save(free_name(self.shared.clips, f"{stem(self.seed)}-whole")))

    def save_dream(self) -> Path:
        """ExportError."""
        data = self.session.between_frames(lambda: pack(self.session))
        self.shared.clips.mkdir(parents=True, exist_ok=True)
        return write_whole(self.shared.clips / f"{stem(self.seed)}{SUFFIX}", data)

    def load_dream(self, data: bytes) -> None:
        """DataError, WeightsError."""
        self.keep_future(0)
        self.session.between_frames(lambda: unpack(self.session, data, maps=False))
        self._where = ""

    @property
    def most_bytes(self) -> int:
        """Of this world's files."""
        return self.session.dream.most_bytes

    def close(self) -> None:
        """Once; further calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self.keep_future(0)
        if isinstance(self.session.companion, Guest):
            self.session.companion.end()
        self.shared.loop.remove(self.session)
        self._recorder.close()
        self._history.close()
        self._lease.release()
        self._ended()

    def _tell_guest(self, sentence: str) -> None:
        if isinstance(self.session.companion, Guest):
            self.session.companion.tell(sentence)

    # -- within -------------------------------------------------------------------------------------------------------

    def _sessions(self) -> list[Session]:
        return [self.session, *(future.session for future in self._futures)]

    def _session(self, branch: int) -> Session:
        sessions = self._sessions()
        if branch >= len(sessions):
            raise SessionError(NO_FUTURE)
        return sessions[branch]

    def _together(self, act: Callable[[Session], None]) -> None:
        """Done by the first future as its tick begins, so that none is a frame ahead of another."""
        sessions = [future.session for future in self._futures]

        def order() -> None:
            for session in sessions:
                act(session)

        sessions[0].call_soon(order)

    def _future_ticked(self, future: Future) -> None:
        future.history.update()
        if self._futures and future is self._futures[-1]:
            paused = [one.session.snapshot().paused for one in self._futures]
            if any(paused) and not all(paused):  # one of them fell apart
                self._together(lambda session: session.pause(True))
            self._changed()


def _step_once(session: Session) -> None:
    if not session.snapshot().paused:
        session.pause(True)  # a single frame means: stand still, then one
    session.step_once()


def _view(session: Session, history: History) -> PageState:
    now = session.snapshot()
    chips = tuple(
        Chip(step.line, step_words(step.step), step.status, step.reason, step.number, round(step.share, 2))
        for step in now.steps
    )
    return PageState(
        now.frame,
        now.by_keys,
        chips,
        now.paused,
        now.thinking,
        now.weather,
        now.time,
        quality=now.quality,
        target=now.target,
        reading=now.reading,
        waiting=now.waiting,
        seed=now.seed,
        scene=now.scene,
        first=history.first,
        last=history.last,
        encode=session.jpeg,
    )


def _notes(session: Session, branch: int) -> list[Note]:
    return [
        Note(notice.text, notice.kind, tuple((line, line_words(line)) for line in notice.choices), branch)
        for notice in session.notes()
    ]
