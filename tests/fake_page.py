"""A dreamer for the page's tests: FakeDream at ten ticks a second, plans by keyword, clips of a few bytes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brain.plan import Plan, parse_line
from tests.fakes import FakeDream
from ui.drive import Chip, Measures, Note, Saved, View
from ui.words import step_words
from world.controls import Command, Control, Event, TimeOfDay, Weather
from world.errors import LucidriveError

WORDS: dict[str, tuple[str, dict[str, int]]] = {
    "left": ("left", {"command": Command.LEFT}),
    "right": ("right", {"command": Command.RIGHT}),
    "rain": ("rain(2)", {"weather": Weather.RAIN_2}),
    "night": ("night", {"time": TimeOfDay.NIGHT}),
    "ped_cross": ("ped_cross(right)", {"event": Event.PED_CROSS}),
}


def _words(line: str) -> str:
    plan = parse_line(line)
    assert isinstance(plan, Plan)
    return step_words(plan.steps[0])


class FakeDrive:
    def __init__(self, clips: Path, changed: Callable[[], None]) -> None:
        self.clips = clips
        self.changed = changed
        self.calls: list[tuple[Any, ...]] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.told: list[Note] = []
        self.chips: list[Chip] = []
        self.control = Control()
        self.reset(0, None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def seed(self) -> int:
        return self.dream.seed

    def _run(self) -> None:
        while not self.stopped.wait(0.1):
            if not self.paused:
                self.tick()

    def tick(self) -> None:
        with self.lock:
            action = self.dream.drive(self.control.command, 10.0)
            steer = 0.6 * ("left" in self.held) - 0.6 * ("right" in self.held)
            self.by_keys = bool(self.held)
            self.frame = self.dream.step(
                self.control.with_(steer=steer if self.by_keys else action.steer, accel=action.accel)
            )
            self.chips = [Chip(c.line, c.text, {"pending": "running"}.get(c.state, "done")) for c in self.chips]
        self.changed()

    def view(self) -> View:
        with self.lock:
            control = self.control
            chips = tuple(self.chips)
            return View(self.frame, self.by_keys, chips, self.paused, False, control.weather, control.time)

    def notes(self) -> list[Note]:
        told, self.told = self.told, []
        return told

    def say(self, text: str) -> None:
        self.calls.append(("say", text))
        found = [entry for word, entry in WORDS.items() if word in text]
        if not found:
            self.told.append(Note("That is not something this world can dream; try “make it rain”.", "refusal"))
        with self.lock:
            self.chips = [Chip(line, _words(line), "pending") for line, _ in found]
            for _, changes in found:
                self.control = self.control.with_(**changes)

    def event(self, line: str) -> None:
        self.calls.append(("event", line))
        if "(" in line and not line.endswith(")"):
            raise LucidriveError("That line is not in the plan language; check its brackets.")
        self.say(line)

    def choose(self, line: str) -> None:
        self.calls.append(("choose", line))

    def wrong(self) -> None:
        self.calls.append(("wrong",))
        self.told.append(Note("Did you mean", "question", (("left", "turn left"), ("right", "turn right"))))

    def press(self, keys: frozenset[str]) -> None:
        self.calls.append(("press", tuple(sorted(keys))))
        self.held = keys

    def pause(self, on: bool) -> None:
        self.calls.append(("pause", on))
        self.paused = on

    def step(self) -> None:
        self.tick()

    def reset(self, seed: int, scene: str | None) -> None:
        self.paused = False
        with self.lock:
            self.dream = FakeDream(seed=seed)
            self.frame = self.dream.start()
            self.control, self.held, self.by_keys = Control(), frozenset[str](), False
            self.chips = []
        self.calls.append(("reset", seed, scene))

    def save(self) -> Saved:
        video, sidecar = self.clips / "drive.mp4", self.clips / "drive.json"
        video.write_bytes(b"not really a video")
        sidecar.write_text("{}", encoding="utf-8")
        return Saved(video, sidecar, self.frame.index / 10)

    most_bytes = 1000

    def keep(self) -> Path:
        path = self.clips / "drive.dream"
        path.write_bytes(b"a drive")
        return path

    def take_up(self, data: bytes) -> None:
        if data != b"a drive":
            raise LucidriveError("That is no saved drive; save it again.")
        self.calls.append(("take_up",))

    def close(self) -> None:
        self.calls.append(("close",))
        self.stopped.set()
        self.thread.join()


class FakeDreamer:
    scenes = ("avenue", "old_town")
    known: frozenset[str] | None = None
    driving = True

    def __init__(self, clips: Path, most: int = 3) -> None:
        self.clips = clips
        self.most = most
        self.drives: list[FakeDrive] = []
        self.lock = threading.Lock()
        self.places = 0

    def admit(self) -> Callable[[Callable[[], None]], FakeDrive]:
        with self.lock:
            if self.places >= self.most:
                raise LucidriveError("This machine is full: it dreams for three tabs at most; close one.")
            self.places += 1
        return self._begin

    def _begin(self, changed: Callable[[], None]) -> FakeDrive:
        self.drives.append(FakeDrive(self.clips, changed))
        return self.drives[-1]

    alive = True
    ill: LucidriveError | None = None
    overrun = 0

    def check(self) -> None:
        if self.ill:
            raise self.ill

    def measures(self) -> Measures:
        nothing = math.nan
        return Measures(
            len(self.drives), 0, nothing, nothing, nothing, nothing, nothing, nothing, 100, 50, self.overrun
        )
