"""Values that cross a drive's border: its snapshot, its notices to people, the request for its next frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from brain.plan import Utterance
from bridge.timeline import StepState
from world.controls import Control
from world.frame import Frame

NoteKind = Literal["news", "question", "refusal", "error"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for a person."""

    text: str
    kind: NoteKind = "news"
    choices: tuple[str, ...] = ()  # plan lines to choose the meaning from


@dataclass(frozen=True, slots=True)
class Beginning:
    """A film that a dream begins in: uint8 frames [T, H, W, 3] a tenth of a second apart, and the speed in m/s."""

    frames: np.ndarray
    speed: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A drive's state after a tick. by_keys: whether keys drove the frame; thinking: whether a sentence waits or is being read."""

    frame: Frame
    by_keys: bool
    steps: tuple[StepState, ...]
    paused: bool
    thinking: bool
    weather: int
    time: int
    seed: int
    scene: str | None
    quality: int = 2  # the dial: a picture size of SIZES, or a latent world's K
    target: float = 0.0  # m/s
    reading: str = ""  # the sentence that the brain reads
    waiting: int = 0  # sentences


@dataclass(frozen=True, slots=True)
class StepRequest:
    """The request for a frame: its control, whether keys are pressed, and the states of the plan's steps."""

    control: Control
    by_keys: bool
    steps: tuple[StepState, ...]


class BrainReply(Protocol):
    """The brain's reply to a sentence, such as `brain.director.Reply`."""

    @property
    def utterance(self) -> Utterance:
        """The plan, refusal or question."""
        ...

    @property
    def line(self) -> str:
        """The same in the plan language."""
        ...

    @property
    def seconds(self) -> float:
        """Computing time."""
        ...

    @property
    def instead(self) -> str | None:
        """Another plan line, where the brain doubts its first."""
        ...
