"""Stand-ins with the methods of the real parts, quick enough for unit tests: a dream that draws a plain road, a
director that reads keywords. No model, no weights; the same inputs give the same outputs."""

from __future__ import annotations

import copy
import re
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from world.controls import Command, Control, Event, TimeOfDay, Weather
from world.frame import Frame, Readout
from world.kinematics import Motion, step

HEIGHT, WIDTH = 72, 128


@dataclass(frozen=True)
class FakeModel:
    """Has what the bridge asks of a `WorldModel`."""

    scenes: tuple[str, ...] = ("avenue", "old_town")
    hashes: dict[str, str] = field(default_factory=lambda: {"dynamics.safetensors": "0" * 64})
    driving: bool = True


class FakeDream:
    """A dream whose picture shows its state: the horizon tilts with the heading, stripes move, sky and rain as told."""

    def __init__(self, model: FakeModel | None = None, seed: int = 0, quality: int = 2) -> None:
        self.model = model or FakeModel()
        self.seed, self.quality = seed, quality
        self.frame: Frame | None = None
        self.heading = 0.0
        self.travelled = float(seed % 97)

    @property
    def index(self) -> int:
        return self.frame.index if self.frame else -1

    def start(
        self,
        control: Control | None = None,
        *,
        scene: str | None = None,
        frames: np.ndarray | None = None,
        speed: float | None = None,
    ) -> Frame:
        self.frame = self._frame(0, control or Control(), Motion(8.0, 0.0))
        return self.frame

    def drive(self, command: int, target_speed: float) -> SimpleNamespace:
        assert self.frame is not None
        steer = {Command.LEFT: 0.4, Command.RIGHT: -0.4}.get(Command(command), 0.0)
        target = 0.0 if command == Command.STOP else target_speed
        accel = max(-1.0, min(1.0, 0.5 * (target - self.frame.motion.speed)))
        return SimpleNamespace(steer=steer, accel=accel)

    def step(self, control: Control) -> Frame:
        assert self.frame is not None
        motion = step(self.frame.motion, control.steer, control.accel)
        self.heading += motion.yaw_rate * 0.1
        self.travelled += motion.speed * 0.1
        self.frame = self._frame(self.frame.index + 1, control, motion)
        return self.frame

    def fork(self) -> FakeDream:
        return copy.copy(self)

    def save(self, path: Path) -> None:
        path.write_text(f"{self.seed} {self.index}", encoding="utf-8")

    def _frame(self, index: int, control: Control, motion: Motion) -> Frame:
        readout = Readout(
            speed=motion.speed,
            yaw_rate=motion.yaw_rate,
            junction_distance=60.0 - self.travelled % 60.0,
            lane_offset=0.0,
            collision=0.0,
            off_road=0.0,
            event_visible=0.9 if control.event > Event.NONE else 0.0,
            weather=max(control.weather, 0),
            weather_confidence=1.0,
            time=max(control.time, 0),
            time_confidence=1.0,
        )
        return Frame(self._draw(control), index, control, motion, readout)

    def _draw(self, control: Control) -> np.ndarray:
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        horizon = HEIGHT / 2 + np.sin(self.heading) * 0.15 * (columns - WIDTH / 2)
        depth = 120.0 / np.maximum(rows - horizon, 0.5)
        across = (columns - WIDTH / 2) / (rows - horizon + 1e-3)
        road = (rows > horizon) & (np.abs(across) < 1.6)
        stripe = road & (np.abs(across) < 0.05) & ((depth + self.travelled) % 8 < 4)
        sky = {TimeOfDay.NIGHT: (18, 22, 38), TimeOfDay.DAWN: (226, 170, 140), TimeOfDay.DUSK: (190, 120, 96)}
        image = np.empty((HEIGHT, WIDTH, 3), np.float32)
        image[:] = sky.get(TimeOfDay(max(control.time, 0)), (150, 180, 210))
        image[rows > horizon] = (84, 110, 70)
        image[road] = (70, 72, 78)
        image[stripe] = (230, 230, 220)
        if control.event > Event.NONE:
            image[40:56, 84:90] = (200, 60, 50)
        if control.weather != Weather.CLEAR:
            image[(rows * 3 + columns * 7 + self.travelled * 40) % 23 < 2] += 60
            image *= 0.75
        if control.time == TimeOfDay.NIGHT:
            image *= 0.5
        return np.clip(image, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class FakeReply:
    utterance: Any
    line: str
    seconds: float = 0.01
    tokens: int = 3
    confidence: float = 1.0
    instead: str | None = None


class FakeDirector:
    """Finds plan words in the text; `ask(direction)` for "turn" alone, `refuse(unsupported)` for anything else."""

    def think(self, text: str, context: object) -> Generator[object, None, FakeReply]:
        from brain.plan import parse_line

        line = self.line(text)
        yield from line
        return FakeReply(parse_line(line), line)

    def answer(self, text: str, context: object) -> FakeReply:
        thought = self.think(text, context)
        while True:
            try:
                next(thought)
            except StopIteration as done:
                return replace(done.value, seconds=0.02)

    def line(self, text: str) -> str:
        words = {
            "left": "left",
            "right": "right",
            "rain": "rain(2)",
            "night": "night",
            "stop": "stop",
            "kid": "ped_cross(right)",
        }
        found = [words[word] for word in re.findall(r"[a-z]+", text.lower()) if word in words]
        if found:
            return ";".join(found)
        return "ask(direction)" if "turn" in text.lower() else "refuse(unsupported)"
