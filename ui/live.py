"""Real dreams for the page: `bridge.Loop` and its sessions behind the few methods that `ui.drive` asks for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from brain.director import Director
from brain.prompt import Context
from bridge import memory
from bridge.errors import BusyError, LucidriveError, SessionError
from bridge.keyboard import Bindings, parse_keys
from bridge.loop import Loop
from bridge.profiles import EMBEDDED
from bridge.session import Heard, Session
from ui.drive import Chip, Note, Saved, View
from ui.words import NAMES, step_words
from world.dream import Dream, WorldModel, step_all

log = logging.getLogger(__name__)

MAX_DREAMS = EMBEDDED.dreams  # each wants some 60 ms of every tenth of a second
CLIPS = Path("clips")  # where saved clips go, below the folder that lucidrive was started in
POLL_SECONDS = 0.01
BY_SPEED = frozenset({"follow", "stop", "go", "faster", "slower", "speed"})  # need nothing but a target speed


class LateBrain:
    """A brain that loads in the background, so that the first picture need not wait for it. Sentences wait instead."""

    def __init__(self, load: Callable[[], Director]) -> None:
        self._load = load
        self._ready = threading.Event()
        self._director: Director | None = None
        self._error: LucidriveError | None = None
        threading.Thread(target=self._run, name="lucidrive-brain", daemon=True).start()

    def think(self, text: str, context: Context) -> Generator[Any, None, Heard]:
        """Director.think, once there is one; raises in its place what kept it from loading."""
        while not self._ready.wait(POLL_SECONDS):
            yield
        if self._director is None:
            raise self._error or LucidriveError("The language model could not be loaded; the terminal says why.")
        return (yield from self._director.think(text, context))

    def _run(self) -> None:
        try:
            self._director = self._load()
        except LucidriveError as error:
            self._error = error
            log.error("%s", error)
        except Exception:  # whatever it was, sentences must not wait for ever
            log.exception("the language model could not be loaded")
        finally:
            self._ready.set()


def load_brain() -> Director:
    """The language model, having read one sentence: the first one waits for what is set up at the first use."""
    director = Director.load()
    director.answer("turn left")
    return director


class LiveDrive:
    """A `ui.drive.Drive` over one session."""

    def __init__(
        self, session: Session, clips: Path, known: frozenset[str] | None, ended: Callable[[Session], None]
    ) -> None:
        self.session = session
        self.clips = clips
        self.known = known
        self.ended = ended
        self._warned: set[str] = set()
        self._closed = False

    @property
    def seed(self) -> int:
        return self.session.snapshot().seed

    def view(self) -> View:
        now = self.session.snapshot()
        chips = tuple(Chip(step.line, step_words(step.step), step.status, step.reason) for step in now.steps)
        return View(now.frame, now.by_keys, chips, now.paused, now.thinking, now.weather, now.time)

    def notes(self) -> list[Note]:
        notes = [Note(notice.text, notice.kind) for notice in self.session.notes()]
        for step in self.session.snapshot().steps:
            name = step.step.name
            if self.known is not None and name not in self.known and name not in self._warned:
                self._warned.add(name)
                notes.append(Note(f"These weights have not seen “{NAMES[name]}” in training; it may not show."))
        return notes

    def say(self, text: str) -> None:
        self.session.say(text)

    def event(self, line: str) -> None:
        self.session.do(line)

    def press(self, keys: frozenset[str]) -> None:
        self.session.press(keys)

    def pause(self, on: bool) -> None:
        self.session.pause(on)

    def step(self) -> None:
        if not self.session.snapshot().paused:
            self.session.pause(True)  # a single frame means: stand still, then one
        self.session.step_once()

    def reset(self, seed: int, scene: str | None) -> None:
        self.session.reset(seed, scene)

    def save(self) -> Saved:
        return Saved(*self.session.save_clip(self.clips))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.ended(self.session)


class LiveDreamer:
    """A `ui.drive.Dreamer`: one world, one brain, one loop, and a session for every tab."""

    def __init__(
        self, model: WorldModel, loop: Loop, *, steps: int = 2, clips: Path = CLIPS, bindings: Bindings | None = None
    ) -> None:
        self.model = model
        self.loop = loop
        self.steps = steps
        self.clips = clips
        self.bindings = bindings
        self._lock = threading.Lock()
        self._open = 0
        loop.start()

    @classmethod
    def load(cls, world: Path | None = None, *, steps: int = 2, clips: Path = CLIPS, keys: str = "") -> LiveDreamer:
        """The world's weights now, the language model in the background. WeightsError, MemoryRoomError.

        A world without a car gets no language model; `keys` says what the keys mean there.
        """
        memory.check_drive(world, brain=False)
        model = WorldModel.load(world)
        if model.driving:
            if keys:
                raise SessionError("A car's keys are what they are; --keys is for worlds without one.")
            memory.check_drive(world)
        bindings = parse_keys(keys, model.dynamics.config.inputs) if keys else None
        brain = LateBrain(load_brain) if model.driving else None
        return cls(model, Loop(brain, step_all), steps=steps, clips=clips, bindings=bindings)

    @property
    def scenes(self) -> tuple[str, ...]:
        return self.model.scenes

    @property
    def driving(self) -> bool:
        return self.model.driving

    @property
    def known(self) -> frozenset[str] | None:
        if not self.model.driving:
            return frozenset()
        seen = self.model.vocabulary
        return seen | BY_SPEED if seen else None

    def open(self, changed: Callable[[], None]) -> LiveDrive:
        """A new dream, on its first frame; BusyError when MAX_DREAMS are open."""
        with self._lock:
            if self._open >= MAX_DREAMS:
                raise BusyError(f"{MAX_DREAMS} tabs are dreaming here already; close one and reload this one.")
            self._open += 1
            others = self._open - 1
        try:
            session = Session(lambda seed: Dream(self.model, seed, self.steps), bindings=self.bindings)
        except BaseException:
            self._ended()
            raise
        if others:
            session.tell(f"{others + 1} tabs share this machine now, and each dreams the slower for it.")
        self.loop.add(session, changed)
        return LiveDrive(session, self.clips, self.known, self._close)

    def close(self) -> None:
        """Ends the loop, and with it every dream."""
        self.loop.stop()

    def _close(self, session: Session) -> None:
        self.loop.remove(session)
        self._ended()

    def _ended(self) -> None:
        with self._lock:
            self._open -= 1
