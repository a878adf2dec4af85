"""How far a dream's picture still agrees with what the dream was told: the less, the further it has drifted. And where to anchor it anew."""

from __future__ import annotations

import math

from bridge.errors import DataError
from bridge.timeline import weather_line
from world.controls import FPS, NULL, Control
from world.dream import AnyWorld
from world.frame import Frame
from world.scene_world import SceneWorld

SMOOTHING = 1 / (2.5 * FPS)  # of a frame's agreement in what is known
SETTLE_FRAMES = 5 * FPS  # a new weather or time of day may take so long to be seen
SPEED_FREE, SPEED_WHOLE = 2.5, 8.0  # m/s between the speed that is read and the car's: no doubt yet, nothing but doubt


class Drift:
    """Sees every frame. `trust`: 1 where the readouts are sure of what was asked for, 0 where nothing of it is seen."""

    def __init__(self) -> None:
        self.trust = 1.0
        self._told: tuple[int, int] | None = None
        self._since = SETTLE_FRAMES

    def see(self, frame: Frame) -> None:
        told = frame.control.weather, frame.control.time
        self._since = self._since + 1 if told == self._told else 0
        if self._told is None:
            self._since = SETTLE_FRAMES
        self._told = told
        self.trust += SMOOTHING * (self._agreement(frame) - self.trust)

    def _agreement(self, frame: Frame) -> float:
        read = frame.readout
        if not math.isfinite(read.speed):
            return 1.0  # a world that reads nothing off its pictures
        gap = abs(read.speed - frame.motion.speed)
        doubts = [(gap - SPEED_FREE) / (SPEED_WHOLE - SPEED_FREE), read.off_road]
        if self._since >= SETTLE_FRAMES:
            doubts += [
                _doubt(frame.control.weather, read.weather, read.weather_confidence, kind=True),
                _doubt(frame.control.time, read.time, read.time_confidence),
            ]
        return 1.0 - max(0.0, min(1.0, max(doubts)))


def _doubt(told: int, seen: int, confidence: float, kind: bool = False) -> float:
    """That what is seen is what was told. kind: of a weather, its level does not count."""
    if NULL in (told, seen):
        return 0.0
    same = told == seen or (kind and (told + 2) // 3 == (seen + 2) // 3)
    return 1.0 - confidence if same else confidence


def nearest_scene(model: AnyWorld, control: Control) -> str:
    """The start scene whose time of day and weather are most like these. DataError where there are none."""
    if isinstance(model, SceneWorld):
        raise DataError("A scene does not drift, so there is nothing to bring it back to; drive on, or begin anew.")
    if not model.scenes:
        raise DataError(
            "These weights came without start scenes, so there is nothing to anchor the dream in; reset it."
        )

    def apart(name: str) -> tuple[bool, bool, int]:
        own = model.scene(name)[2]
        kind = (weather_line(max(0, one.weather)).partition("(")[0] for one in (own, control))
        return own.time != control.time, len(set(kind)) > 1, abs(own.weather - control.weather)

    return min(model.scenes, key=apart)
