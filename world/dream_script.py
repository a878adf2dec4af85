"""Scripts of `lucidrive/Dream-v0`: what an episode's frames are commanded, and who writes scripts from prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from world.controls import Control
from world.frame import Frame

CRUISE = 30 / 3.6  # m/s, default target of the driver in `info`


@dataclass(frozen=True, slots=True)
class Cue:
    """The control of the next frame, except steer and accel, which are the action; target_speed in m/s."""

    control: Control
    target_speed: float = CRUISE


class Script(Protocol):
    """The course of an episode. It may use only a frame's index, motion and readout."""

    def next(self, frame: Frame) -> Cue:
        """The cue for the frame after this one; called once for every frame, in order."""
        ...


class ScriptWriter(Protocol):
    """Turns a prompt into a line that can be saved, and a line into a script. The same line gives the same script."""

    def plan(self, prompt: str, control: Control) -> str:
        """The line of a prompt. control: of the first frame. LucidriveError where the prompt is not understood."""
        ...

    def script(self, line: str, control: Control) -> Script:
        """The script of a line. control: of the first frame. LucidriveError where the line is invalid."""
        ...

    def conditions(self, phrase: str) -> Mapping[str, int] | None:
        """Weather and time of a phrase, as fields of a Control; None for another phrase."""
        ...


@dataclass(frozen=True, slots=True)
class Steady:
    """The script of an episode without a prompt: a constant control."""

    control: Control

    def next(self, frame: Frame) -> Cue:
        """The same cue for every frame."""
        return Cue(self.control)
