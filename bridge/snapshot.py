"""What passes between a drive and those outside it: how it stands, what it tells, what it is to dream next."""

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
    """A sentence to a person."""

    text: str
    kind: NoteKind = "news"
    choices: tuple[str, ...] = ()  # plan lines, one of which was meant


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a dream begins that begins in a film: uint8 frames [T, H, W, 3] a tenth of a second apart, and m/s."""

    frames: np.ndarray
    speed: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A drive as it stands after a tick. `thinking`: a sentence is waiting or being read."""

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
    reading: str = ""  # the sentence that the brain is at, and those that wait
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What a tick asks of its dream; by_keys: whether a person holds a key."""

    control: Control
    by_keys: bool
    steps: tuple[StepState, ...]


class Heard(Protocol):
    """What the brain gives back; `brain.director.Reply` is one."""

    @property
    def utterance(self) -> Utterance: ...
    @property
    def line(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def instead(self) -> str | None: ...
