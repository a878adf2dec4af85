"""What travels on the page's WebSocket, both ways, checked strictly.

Up (JSON): say, plan, choose, wrong, press, pause, step_once, look_around, surround, set_quality, begin, fork, keep_future, drop_futures,
save_clip, save_drive, save_dream, invite, seen, pong. Down (JSON): hello, state, note, working, worked, kept, invited, measures, around, ping.
Down (binary): a picture, a 44-byte little-endian header and a JPEG, with a second one behind it where a picture between two frames is to be
shown first.

    uint32 index | float32 speed | float32 steer | float32 accel | uint8 command | uint8 flags | uint8 branch | uint8 zero
    | float32 seen speed | float32 seen distance to a junction | float32 yaw rate | float32 target speed
    | uint8 seen weather | uint8 its probability | uint8 seen time | uint8 its probability | uint32 bytes of the second JPEG
    | JPEG | second JPEG

Speeds in m/s, the yaw rate in rad/s, the distance in m; probabilities from 0 to 255. "Seen": what is so in a scene, or what a latent dream
reads off its own picture; the rest is what it was told. Branch 0 is the drive, 1 to 4 are its futures side by side.
Flag 1: a person's keys drove this frame, not the autopilot. Flag 2: an event is in the picture.
Flag 4: the car touches somebody. Flag 8: it is off the road. Flag 16: a camera sees this that is not on the car; flag 32: six cameras round it do, in two rows of three; the header tells the index alone.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bridge.recording.last_minute import jpeg
from ui.drive import StartRequest
from world.controls import TimeOfDay, Weather
from world.errors import DataError, LucidriveError
from world.frame import Frame, Readout
from world.render.camera import FARTHEST, HIGHEST, LOWEST, Pose, Rig

HEADER = struct.Struct("<IfffBBBxffffBBBBI")
BY_KEYS, EVENT_SEEN, TOUCHING, OFF_ROAD, ELSEWHERE, AROUND = 1, 2, 4, 8, 16, 32
KEYS = frozenset({"up", "down", "left", "right"})
MAX_SEED = 2**32 - 1
MOST = 1e6  # of a camera's place, m
FUTURES = (2, 4)  # at least, at most


OF_A_BRANCH = frozenset({"say", "plan", "choose", "wrong", "press", "seen"})
UNKNOWN = "That message is not one the dream understands; reload the page."


class MessageError(LucidriveError):
    """A message on the socket cannot be used."""


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence that a person typed, for the drive (branch 0) or a future."""

    text: str
    branch: int = 0


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A line of the plan language, from a button."""

    line: str
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Choose:
    """The line of a note's choices that was meant."""

    line: str
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Wrong:
    """The last sentence was meant otherwise; the next one says how."""

    branch: int = 0


@dataclass(frozen=True, slots=True)
class Press:
    """The keys held now, of KEYS; empty hands back to the driver."""

    keys: frozenset[str]
    branch: int = 0


@dataclass(frozen=True, slots=True)
class SetQuality:
    """The dial: the size of a scene's picture; of a latent world K, steps a frame."""

    quality: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A new dream takes the place of this one."""

    start: StartRequest


@dataclass(frozen=True, slots=True)
class Fork:
    """Opens `count` futures from a frame on; None: the newest."""

    index: int | None
    count: int


@dataclass(frozen=True, slots=True)
class KeepFuture:
    """That future becomes the drive; the others end. Branch 0: the drive stays, all futures end."""

    branch: int


@dataclass(frozen=True, slots=True)
class DropFutures:
    """All futures end; the drive goes on alone."""


@dataclass(frozen=True, slots=True)
class SaveDrive:
    """The whole drive as a clip."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop, or go on."""

    on: bool


@dataclass(frozen=True, slots=True)
class StepOnce:
    """One frame on, then still."""


@dataclass(frozen=True, slots=True)
class LookAround:
    """Show the paused drive from another camera."""

    pose: Pose


@dataclass(frozen=True, slots=True)
class Surround:
    """Show the drive from the cameras round the car, once."""


@dataclass(frozen=True, slots=True)
class SaveClip:
    """The last minute as a clip."""


@dataclass(frozen=True, slots=True)
class SaveDream:
    """Save the drive itself, to go on with it later."""


@dataclass(frozen=True, slots=True)
class Invite:
    """Ask for a link's token, so that somebody else may drive along."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A receipt: the page has picture `index`, and the next may be sent."""

    index: int
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `ping`: the tab is still open."""


Order = Begin | Fork | KeepFuture | DropFutures | SaveClip | SaveDrive | SaveDream  # what may take a while
Message = (
    Say
    | PlanLine
    | Choose
    | Wrong
    | Press
    | Pause
    | StepOnce
    | LookAround
    | Surround
    | SetQuality
    | Invite
    | Seen
    | Pong
    | Order
)

BARE: dict[str, Callable[[], Message]] = {
    "pong": Pong,
    "step_once": StepOnce,
    "surround": Surround,
    "invite": Invite,
    "drop_futures": DropFutures,
    "save_clip": SaveClip,
    "save_drive": SaveDrive,
    "save_dream": SaveDream,
}  # messages without fields


def parse_message(text: str) -> Message:
    """Parses one message of the page. MessageError where it is not exactly one."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError("That message is not JSON; reload the page.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise MessageError("That message has no type; reload the page.")
    kind = fields.pop("type")
    if kind in BARE and not fields:
        return BARE[kind]()
    if kind in OF_A_BRANCH:
        return _of_a_branch(kind, fields)
    match kind, fields:
        case "pause", {"on": bool(on), **rest} if not rest:
            return Pause(on)
        case "look_around", {"x": x, "y": y, "z": z, "yaw": yaw, "pitch": pitch, **rest} if not rest:
            return LookAround(_pose(x, y, z, yaw, pitch))
        case "begin", {"seed": int(seed), **how}:
            return Begin(_start(_seed(seed), how))
        case "set_quality", {"quality": int(quality), **rest} if not rest and _whole(quality, 8):
            return SetQuality(quality)
        case "fork", {"index": int() | None as index, "count": int(count), **rest} if not rest:
            if _whole(count, FUTURES[1]) and count >= FUTURES[0] and (index is None or _whole(index, MAX_SEED)):
                return Fork(index, count)
        case "keep_future", {"branch": int(branch), **rest} if not rest and _whole(branch, FUTURES[1]):
            return KeepFuture(branch)
    raise MessageError(UNKNOWN)


def _start(seed: int, how: dict[str, Any]) -> StartRequest:
    """Parses how a dream begins: in a scene (null: the seed's own), where a sentence says, or under conditions (`Weather`, `TimeOfDay`) alone."""
    match how:
        case {"scene": str() | None as scene, **rest} if not rest:
            return StartRequest(seed, scene)
        case {"where": str(where), **rest} if not rest and where.strip():
            return StartRequest(seed, where=where)
        case {"weather": int(weather), "time": int(time), **rest} if not rest:
            if _whole(weather, max(Weather)) and _whole(time, max(TimeOfDay)):
                return StartRequest(seed, weather=weather, time=time)
    raise MessageError(UNKNOWN)


def _of_a_branch(kind: str, fields: dict[str, Any]) -> Message:
    """Parses a message for the drive or one of its futures."""
    branch = fields.pop("branch", 0)
    if not _whole(branch, FUTURES[1]):
        raise MessageError(UNKNOWN)
    match kind, fields:
        case "say", {"text": str(text), **rest} if not rest:
            return Say(text, branch)
        case "plan", {"line": str(line), **rest} if not rest and len(line) <= 200:
            return PlanLine(line, branch)
        case "choose", {"line": str(line), **rest} if not rest and len(line) <= 200:
            return Choose(line, branch)
        case "wrong", {**rest} if not rest:
            return Wrong(branch)
        case "press", {"keys": list(names), **rest} if not rest and all(
            isinstance(n, str) and n in KEYS for n in names
        ):
            return Press(frozenset(names), branch)
        case "seen", {"index": int(index), **rest} if not rest and not isinstance(index, bool):
            return Seen(index, branch)
    raise MessageError(UNKNOWN)


def _whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _pose(*values: object) -> Pose:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or not all(abs(number) <= MOST for number in numbers):
        raise MessageError(UNKNOWN)
    try:
        return Pose(*map(float, numbers))
    except DataError as error:
        raise MessageError(str(error)) from error


def _seed(value: int) -> int:
    if not _whole(value, MAX_SEED):
        raise MessageError(f"The seed must be a whole number from 0 to {MAX_SEED}.")
    return value


def encode_picture(
    frame: Frame, by_keys: bool, branch: int = 0, target: float = 0.0, encode: Callable[[np.ndarray], bytes] = jpeg
) -> bytes:
    """The binary message of a frame: header and JPEG, by `encode`."""
    control, read = frame.control, frame.readout
    between = b"" if frame.between is None else encode(frame.between)
    buffer = io.BytesIO()
    buffer.write(
        HEADER.pack(
            frame.index,
            frame.motion.speed,
            _number(control.steer),
            _number(control.accel),
            control.command if control.command >= 0 else 0,
            _flags(by_keys, read),
            branch,
            _number(read.speed),
            _number(read.junction_distance),
            _number(frame.motion.yaw_rate),
            _number(target),
            max(0, read.weather),
            _byte(read.weather_confidence),
            max(0, read.time),
            _byte(read.time_confidence),
            len(between),
        )
    )
    buffer.write(encode(frame.image))
    buffer.write(between)
    return buffer.getvalue()


def encode_elsewhere(index: int, jpeg: bytes, flag: int = ELSEWHERE) -> bytes:
    """The binary message for frame `index` as other cameras see it; flag: ELSEWHERE or AROUND."""
    return HEADER.pack(index, 0, 0, 0, 0, flag, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) + jpeg


def camera_fields(rig: Rig | None) -> dict[str, float] | None:
    """The field `camera` of the message `hello`: the car's camera in m and rad, and how far another may be from it; None in a latent world."""
    if rig is None:
        return None
    return {
        "ahead": rig.ahead,
        "up": rig.up,
        "pitch": math.radians(rig.pitch),
        "fov": math.radians(rig.fov),
        "lowest": LOWEST,
        "highest": HIGHEST,
        "farthest": FARTHEST,
    }


def _flags(by_keys: bool, read: Readout) -> int:
    so = {EVENT_SEEN: read.event_visible, TOUCHING: read.collision, OFF_ROAD: read.off_road}
    return BY_KEYS * by_keys | sum(flag for flag, share in so.items() if share >= 0.5)


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _byte(share: float) -> int:
    return round(255 * max(0.0, min(1.0, _number(share))))


def encode_json(kind: str, /, **fields: Any) -> str:
    """A JSON message of that type on one line. ValueError for a number that is not finite."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
