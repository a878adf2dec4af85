"""The protocols behind the page. `ui.live` implements them for real dreams, tests for fakes."""

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
    """A step of the plan for the page. line, text: as a plan line and in words; state: pending, running, done, timed_out or cancelled; reason: a
    phrase, why; number: which step of the drive; share: how far it has come, 0 to 1.
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
    """A part of the memory in bytes. committed: whether it is in use, not only reserved."""

    owner: str
    size: int
    committed: bool = True


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung of the ladder. change: what is given up there, in words; taken: whether it has been."""

    name: str
    change: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """The Memory tab, in bytes. room: what would be granted now; overrun: taken by other programs; resident: of this process; held: who holds
    what; ladder: what would be given up, the least first; plan: part, bytes, and how they are known.
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
    def seed(self) -> int:
        """Of the dream."""

    def view(self) -> PageState:
        """What is to be shown of the drive now."""

    def futures(self) -> tuple[PageState, ...]:
        """What is to be shown of the futures side by side, branch 1 first; empty where there are none."""

    def notes(self) -> list[Note]:
        """The notes since the last call, of the drive and its futures."""

    def say(self, text: str, branch: int = 0) -> None:
        """Queues a sentence for the brain. LucidriveError for a text that is empty or too long, or where too many wait."""

    def plan(self, line: str, branch: int = 0) -> None:
        """Schedules a plan line. PlanError for a line that is none."""

    def choose(self, line: str, branch: int = 0) -> None:
        """Plays the line of a note's choices that was meant."""

    def wrong(self, branch: int = 0) -> None:
        """Says that the last sentence was meant otherwise; the next one says how."""

    def press(self, keys: frozenset[str], branch: int = 0) -> None:
        """The keys held from now on: any of up, down, left, right; none hands back to the driver."""

    def set_quality(self, quality: int) -> None:
        """Turns the dial: 1, 2, 4 or 8. DataError for another number."""

    def watch(self, on: bool) -> None:
        """Whether its tab is there; without, nothing is dreamt."""

    def pause(self, on: bool) -> None:
        """Stops the drive and its futures, or lets them go on."""

    def step_once(self) -> None:
        """One frame on, then still."""

    def begin(self, start: StartRequest) -> None:
        """A new dream takes the place of this one and its futures. LucidriveError where it cannot begin; then this one goes on."""

    def fork(self, index: int | None, count: int) -> None:
        """Opens `count` futures from a frame on (None: the newest). They are stepped together and stand until `pause(False)`. SessionError, DataError, NoRoomError."""

    def keep_future(self, branch: int) -> None:
        """A future takes the place of the drive and the others end. Branch 0: all end, and the drive is as it was. SessionError."""

    def picture(self, index: int) -> bytes:
        """A past frame as a JPEG. SessionError where it is not part of the drive, DataError where it cannot be read back."""

    def past(self) -> tuple[PastFrame, ...]:
        """The drive so far, thinned out to some hundred frames."""

    def streets(self) -> LaneLines | None:
        """The place's lanes as far as it has grown; None in a latent world."""

    def around(self) -> Around | None:
        """Our car, its path and everybody else on those streets, now; None in a latent world."""

    def look_around(self, pose: Pose) -> bytes:
        """The paused drive as a camera beside the car sees it, as a JPEG. SessionError where it cannot be; DataError for a pose too far away."""

    def surround(self) -> bytes:
        """What six cameras round the car see now, two rows of three, as a JPEG. SessionError in a latent world."""

    def save_clip(self) -> Saved:
        """The last minute as a clip. ExportError, NoRoomError."""

    def save_drive(self) -> Saved:
        """The whole drive as a clip. ExportError, NoRoomError."""

    def save_dream(self) -> Path:
        """The drive as a file that `load_dream` goes on with, here or elsewhere. ExportError."""

    def load_dream(self, data: bytes) -> None:
        """Goes on with a saved drive, given as its file's bytes. DataError, WeightsError; then this one goes on."""

    @property
    def most_bytes(self) -> int:
        """More than such a file has."""

    @property
    def guest(self) -> bool:
        """Whether it is a second car in somebody else's dream."""

    def invite(self) -> None:
        """SessionError where nobody can drive along here."""

    def close(self) -> None:
        """Ends the dream and gives back its memory."""


class Dreamer(Protocol):
    """Gives dreams to tabs. `changed` is called from the dreaming thread after every tick."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the start scenes."""

    def scene_picture(self, name: str) -> bytes | None:
        """The first frame of a dream there, as a JPEG; None where there is no such scene."""

    @property
    def driving(self) -> bool:
        """Whether a car is driven; a world without one obeys the keys alone."""

    @property
    def scene_world(self) -> bool:
        """Whether the world is a scene, whose facts are exact; a latent world's are read off its pictures."""

    @property
    def camera(self) -> Rig | None:
        """The car's camera, beside which a paused scene can be seen from others; None in a latent world."""

    @property
    def begins_in_pictures(self) -> bool:
        """Whether a dream can begin in a person's picture or film; a scene needs a network that reads it."""

    @property
    def known(self) -> frozenset[str] | None:
        """Plan words that the weights have learnt; None when they do not say."""

    def admit(self, host: PageDream | None = None) -> Callable[[Callable[[], None]], PageDream]:
        """Reserves a place for one more dream at once; LucidriveError where there is none. Calling the result with `changed` begins the
        dream, which takes a while; it must be called. host: whose dream it is to be a second car in.
        """

    @property
    def alive(self) -> bool:
        """Whether the thread that dreams runs."""

    def check(self) -> None:
        """Dreams a frame of its own; LucidriveError when it cannot."""

    def measures(self) -> Measures:
        """How the page runs, since its start."""

    def memory(self) -> Memory:
        """Who holds which memory."""
