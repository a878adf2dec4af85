"""Real dreams for the page: one loop, one world, one brain, and a session for every tab."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from brain.director import Director
from bridge.errors import BusyError
from bridge.loop import Brain, Loop
from bridge.session import Session
from ui.drive import Chip, Note, Saved, View
from ui.words import step_words
from world.dream import Dream, WorldModel

MOST = 2  # dreams at a time; each wants ~60 ms of every tenth of a second


class LiveDreamer:
    """Gives dreams to tabs; they share the models and the dreaming thread."""

    def __init__(
        self, model: WorldModel, brain: Brain | None, clips: Path, *, steps: int = 2, most: int = MOST
    ) -> None:
        self.model, self.clips, self.steps, self.most = model, clips, steps, most
        self.loop = Loop(brain)
        self.loop.start()
        self._opened = 0
        self._lock = threading.Lock()

    @classmethod
    def load(cls, world: Path | None = None, *, steps: int = 2) -> LiveDreamer:
        """The models that came along, or the world in a folder; WeightsError when one is missing or damaged."""
        model, director = WorldModel.load(world), Director.load()
        director.answer("turn left")  # the first sentence would wait for what is set up at the first use
        return cls(model, director, Path(tempfile.gettempdir()) / "lucidrive-clips", steps=steps)

    @property
    def scenes(self) -> tuple[str, ...]:
        return self.model.scenes

    @property
    def known(self) -> frozenset[str] | None:
        return None

    def open(self, changed: Callable[[], None]) -> LiveDrive:
        """A new dream; BusyError when there is no room for one more."""
        with self._lock:
            if self._opened >= self.most:
                raise BusyError(f"This machine dreams for {self.most} tabs at most; close one and reload this page.")
            session = Session(lambda seed: Dream(self.model, seed, self.steps))
            self._opened += 1
        self.loop.add(session, changed)
        return LiveDrive(self, session)

    def close(self, session: Session) -> None:
        self.loop.remove(session)
        with self._lock:
            self._opened -= 1


class LiveDrive:
    """A session in the page's words."""

    def __init__(self, dreamer: LiveDreamer, session: Session) -> None:
        self._dreamer, self._session = dreamer, session
        self._closed = False

    @property
    def seed(self) -> int:
        return self._session.snapshot().seed

    def view(self) -> View:
        shown = self._session.snapshot()
        chips = tuple(Chip(step.line, step_words(step.step), step.status) for step in shown.steps)
        return View(shown.frame, shown.by_keys, chips, shown.paused, shown.thinking, shown.weather, shown.time)

    def notes(self) -> list[Note]:
        return [Note(notice.text, notice.kind) for notice in self._session.notes()]

    def say(self, text: str) -> None:
        self._session.say(text)

    def event(self, line: str) -> None:
        self._session.do(line)

    def press(self, keys: frozenset[str]) -> None:
        self._session.press(keys)

    def pause(self, on: bool) -> None:
        self._session.pause(on)

    def step(self) -> None:
        self._session.step_once()

    def reset(self, seed: int, scene: str | None) -> None:
        self._session.reset(seed, scene)

    def save(self) -> Saved:
        video, sidecar, seconds = self._session.save_clip(self._dreamer.clips)
        return Saved(video, sidecar, seconds)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._dreamer.close(self._session)
