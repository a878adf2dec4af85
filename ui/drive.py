"""What the page needs of a person's dream. `ui.live` gives it for a real one; tests give it for a fake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from world.frame import Frame


@dataclass(frozen=True, slots=True)
class Chip:
    """A step of the plan: its line, its words, pending, running, done, timed_out or cancelled, and a phrase why."""

    line: str
    text: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence to show. kind: news, question, refusal or error. choices: plan lines and their words, one of them meant."""

    text: str
    kind: str = "news"
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown now: the newest frame, whether a person's keys drove it, the weather and time as told."""

    frame: Frame | None
    by_keys: bool = False
    plan: tuple[Chip, ...] = ()
    paused: bool = False
    thinking: bool = False
    weather: int = 0
    time: int = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """A clip on the disk: an mp4 and its JSON sidecar."""

    video: Path
    sidecar: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Measures:
    """How the page runs. Seconds: gaps between frames while the brain does not read and while it does, and what a sentence
    took (medians and 99th percentiles; NaN before there are any). Bytes: lent to the parts, left, and missing.
    """

    tabs: int
    frames: int
    gap_p50: float
    gap_p99: float
    gap_thinking_p50: float
    gap_thinking_p99: float
    sentence_p50: float
    sentence_p99: float
    memory_lent: int
    memory_room: int
    memory_overrun: int


class Drive(Protocol):
    """One person's dream. Every method may be called from any thread and returns soon, but for `reset`, `save`, `keep` and
    `take_up`.

    What goes wrong is a LucidriveError, or a Note where it is found out later.
    """

    @property
    def seed(self) -> int: ...

    def view(self) -> View: ...
    def notes(self) -> list[Note]:
        """The sentences since the last call."""
        ...

    def say(self, text: str) -> None: ...
    def event(self, line: str) -> None: ...
    def choose(self, line: str) -> None:
        """Of a note's choices, the line that was meant."""
        ...

    def wrong(self) -> None:
        """The last sentence was meant otherwise."""
        ...

    def press(self, keys: frozenset[str]) -> None:
        """The keys held now: any of up, down, left, right."""
        ...

    def pause(self, on: bool) -> None: ...
    def step(self) -> None: ...
    def reset(self, seed: int, scene: str | None) -> None: ...
    def save(self) -> Saved: ...
    def keep(self) -> Path:
        """The drive as a file that `take_up` goes on with, here or elsewhere."""
        ...

    def take_up(self, data: bytes) -> None: ...
    @property
    def most_bytes(self) -> int:
        """More than such a file takes."""
        ...

    def close(self) -> None: ...


class Dreamer(Protocol):
    """Gives dreams to tabs. `changed` is called from the dreaming thread after every tick."""

    @property
    def scenes(self) -> tuple[str, ...]: ...

    @property
    def driving(self) -> bool:
        """Whether a car is driven; if not, keys are all that such a world obeys."""
        ...

    @property
    def known(self) -> frozenset[str] | None:
        """Plan words that the weights have learnt; None when they do not say."""
        ...

    def admit(self) -> Callable[[Callable[[], None]], Drive]:
        """A place for one more dream, at once, and a LucidriveError where there is none. Calling it with `changed` begins the
        dream, which takes a while; it must be called.
        """
        ...

    @property
    def alive(self) -> bool:
        """Whether the thread that dreams still runs."""
        ...

    def check(self) -> None:
        """Dreams a real frame of its own; LucidriveError when it cannot."""
        ...

    def measures(self) -> Measures: ...
