"""What the page needs of a person's dream. `ui.live` gives it for a real one; tests give it for a fake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bridge.recording.history import PastFrame
from bridge.recording.last_minute import jpeg
from ui.road_map import Around, LaneLines
from world.frame import Frame
from world.render.camera import Pose, Rig

NO_FUTURE = "There is no such future; fork the drive first."


@dataclass(frozen=True, slots=True)
class Chip:
    """A step of the plan: its line, its words, pending, running, done, timed_out or cancelled, and a phrase why; which step of
    the drive it is, and how far it has come, 0 to 1.
    """

    line: str
    text: str
    state: str
    reason: str = ""
    number: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence to show. kind: news, question, refusal or error. choices: plan lines and their words, one of them meant.
    branch: the future that it is of; 0 for the drive.
    """

    text: str
    kind: str = "news"
    choices: tuple[tuple[str, str], ...] = ()
    branch: int = 0


@dataclass(frozen=True, slots=True)
class PageState:
    """What is to be shown now: the newest frame, whether a person's keys drove it, the weather and time as told.

    quality: where the dial stands; target: m/s; reading, waiting: the sentence that the brain is at, how many wait; seed, scene, where: how it began; first, last: the frames that can be looked back at;
    encode: gives a picture of the frame as a JPEG.
    """

    frame: Frame | None
    by_keys: bool = False
    plan: tuple[Chip, ...] = ()
    paused: bool = False
    thinking: bool = False
    weather: int = 0
    time: int = 1
    quality: int = 2
    target: float = 0.0
    reading: str = ""
    waiting: int = 0
    seed: int = 0
    scene: str | None = None
    where: str = ""
    first: int = 0
    last: int = -1
    encode: Callable[[np.ndarray], bytes] = jpeg


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


@dataclass(frozen=True, slots=True)
class StartRequest:
    """How a new dream begins: in a scene, where and under which conditions a sentence says (`where`), from conditions alone, or in pictures
    uint8 [T, H, W, 3] with a speed in m/s.

    stand: whether it stands still at its first frame.
    """

    seed: int = 0
    scene: str | None = None
    weather: int | None = None
    time: int | None = None
    pictures: np.ndarray | None = None
    speed: float = 8.0
    stand: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """An owner's part of the memory in bytes; whether what it was reserved for is there; how it is known."""

    owner: str
    size: int
    committed: bool = True


@dataclass(frozen=True, slots=True)
class Rung:
    """Of the ladder: what is given up there, in words, and whether that has come to pass."""

    name: str
    change: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: the budget, what would be granted now, what other programs took, what is resident; who holds what; what the
    language model is; what would be given up, the least first; and the plan by part, with how it is known.
    """

    capacity: int
    room: int
    overrun: int
    resident: int
    held: tuple[Share, ...]
    brain: str = ""
    ladder: tuple[Rung, ...] = ()
    plan: tuple[tuple[str, int, str], ...] = ()


class PageDream(Protocol):
    """One person's dream. Every method may be called from any thread and returns soon, but for `begin`, `fork`,
    `keep_future`, `save_clip`, `save_drive`, `save_dream` and `load_dream`.

    Where the drive has futures side by side, `branch` says which of them is meant (from 1); 0 is the drive itself.
    What goes wrong is a LucidriveError, or a Note where it is found out later.
    """

    @property
    def seed(self) -> int: ...

    def view(self) -> PageState: ...
    def futures(self) -> tuple[PageState, ...]:
        """Of the futures side by side, the first one's branch being 1; none where there are none."""
        ...

    def notes(self) -> list[Note]:
        """The sentences since the last call."""
        ...

    def say(self, text: str, branch: int = 0) -> None: ...
    def plan(self, line: str, branch: int = 0) -> None: ...
    def choose(self, line: str, branch: int = 0) -> None:
        """Of a note's choices, the line that was meant."""
        ...

    def wrong(self, branch: int = 0) -> None:
        """The last sentence was meant otherwise."""
        ...

    def press(self, keys: frozenset[str], branch: int = 0) -> None:
        """The keys held now: any of up, down, left, right."""
        ...

    def set_quality(self, quality: int) -> None:
        """K: 1, 2, 4 or 8."""
        ...

    def watch(self, on: bool) -> None:
        """Whether its tab is there: without, nothing is dreamt."""
        ...

    def pause(self, on: bool) -> None: ...
    def step_once(self) -> None: ...
    def begin(self, start: StartRequest) -> None: ...
    def fork(self, index: int | None, count: int) -> None:
        """So many futures from that frame on (None: the newest), stepped together; they stand until `pause(False)`."""
        ...

    def keep_future(self, branch: int) -> None:
        """It takes the place of the drive; the others are gone. Branch 0: all are, and the drive is as it was."""
        ...

    def picture(self, index: int) -> bytes:
        """A frame that was, as a JPEG."""
        ...

    def past(self) -> tuple[PastFrame, ...]:
        """The drive up to now, at most some hundred of its frames."""
        ...

    def streets(self) -> LaneLines | None:
        """Of the place, as far as they are there by now; None in a latent world, which has none."""
        ...

    def around(self) -> Around | None:
        """Our car, its way and everybody else on those streets, now."""
        ...

    def look_around(self, pose: Pose) -> bytes:
        """The paused drive as a camera sees it that is not on the car, as a JPEG. It takes a picture's time, once a place is there to be drawn."""
        ...

    def surround(self) -> bytes:
        """What six cameras round our car see now, two rows of three, as a JPEG. It takes six pictures' time, in which drives go on."""
        ...

    def save_clip(self) -> Saved: ...
    def save_drive(self) -> Saved:
        """The whole drive, where `save_clip` gives its last minute."""
        ...

    def save_dream(self) -> Path:
        """The drive as a file that `load_dream` goes on with, here or elsewhere."""
        ...

    def load_dream(self, data: bytes) -> None: ...
    @property
    def most_bytes(self) -> int:
        """More than such a file takes."""
        ...

    @property
    def guest(self) -> bool:
        """Whether it is a second car in somebody else's dream."""
        ...

    def invite(self) -> None:
        """LucidriveError where nobody can drive along here."""
        ...

    def close(self) -> None: ...


class Dreamer(Protocol):
    """Gives dreams to tabs. `changed` is called from the dreaming thread after every tick."""

    @property
    def scenes(self) -> tuple[str, ...]: ...

    def scene_picture(self, name: str) -> bytes | None:
        """What is seen as a dream begins there, as a JPEG; None where there is no such scene."""
        ...

    @property
    def driving(self) -> bool:
        """Whether a car is driven; if not, keys are all that such a world obeys."""
        ...

    @property
    def scene_world(self) -> bool:
        """Whether what is so is known of a scene; else it is read off a latent world's pictures."""
        ...

    @property
    def camera(self) -> Rig | None:
        """The car's, beside which a paused scene may be seen from others; None in a latent world, which has no other."""
        ...

    @property
    def begins_in_pictures(self) -> bool:
        """Whether a dream can begin in a person's picture or film: a scene's only where there is a network that reads it."""
        ...

    @property
    def known(self) -> frozenset[str] | None:
        """Plan words that the weights have learnt; None when they do not say."""
        ...

    def admit(self, host: PageDream | None = None) -> Callable[[Callable[[], None]], PageDream]:
        """A place for one more dream, at once, and a LucidriveError where there is none. Calling it with `changed` begins the
        dream, which takes a while; it must be called. host: whose dream it is to be a second car in.
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
    def memory(self) -> Memory: ...
