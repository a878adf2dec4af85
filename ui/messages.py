"""What travels on the page's WebSocket, both ways, checked strictly.

Up (JSON): say, plan, choose, wrong, keys, pause, step, reset, save, keep, seen. Down (JSON): hello, state, note, clip, kept, measures. Down (binary):
a picture, a 28-byte little-endian header and a JPEG.

    uint32 index | float32 speed | float32 steer | float32 accel | uint8 command | uint8 flags | 2 x 0
    | float32 seen speed | float32 seen distance to a junction | JPEG

Speeds in m/s, the distance in m. "Seen" is what the dream reads off its own picture, the rest is what it was told.
Flag 1: a person's keys drove this frame, not the autopilot. Flag 2: the picture shows an event.
"""

from __future__ import annotations

import io
import json
import math
import struct
from dataclasses import dataclass
from typing import Any

from PIL import Image

from world.errors import LucidriveError
from world.frame import Frame

HEADER = struct.Struct("<IfffBBxxff")
BY_KEYS, EVENT_SEEN = 1, 2
JPEG_QUALITY = 92
KEYS = frozenset({"up", "down", "left", "right"})
MAX_TEXT = 2_000  # characters of a sentence that are worth sending on; the director has a limit of its own
MAX_SEED = 2**32 - 1


class MessageError(LucidriveError):
    """A message on the socket cannot be used."""


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plan language, from a button."""

    line: str


@dataclass(frozen=True, slots=True)
class Choose:
    """Of the plan lines that the brain was not sure of, the one that was meant."""

    line: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """The last sentence was meant otherwise; the next one says how."""


@dataclass(frozen=True, slots=True)
class Keys:
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pause:
    on: bool


@dataclass(frozen=True, slots=True)
class StepOnce:
    pass


@dataclass(frozen=True, slots=True)
class Reset:
    seed: int
    scene: str | None


@dataclass(frozen=True, slots=True)
class Save:
    pass


@dataclass(frozen=True, slots=True)
class Keep:
    """The drive itself is to be saved, to be gone on with later."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The page has received the picture with this index; the next may be sent."""

    index: int


Message = Say | Line | Choose | Wrong | Keys | Pause | StepOnce | Reset | Save | Keep | Seen


def parse_message(text: str) -> Message:
    """One message of the page. MessageError, in one sentence, for anything that is not exactly one."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError("That message is not JSON; reload the page.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise MessageError("That message has no type; reload the page.")
    kind = fields.pop("type")
    match kind, fields:
        case "say", {"text": str(sentence), **rest} if not rest:
            return Say(_sentence(sentence))
        case "plan", {"line": str(line), **rest} if not rest and len(line) <= 200:
            return Line(line)
        case "choose", {"line": str(line), **rest} if not rest and len(line) <= 200:
            return Choose(line)
        case "wrong", {**rest} if not rest:
            return Wrong()
        case "keys", {"keys": list(names), **rest} if not rest and all(isinstance(n, str) and n in KEYS for n in names):
            return Keys(frozenset(names))
        case "pause", {"on": bool(on), **rest} if not rest:
            return Pause(on)
        case "step", {**rest} if not rest:
            return StepOnce()
        case "reset", {"seed": int(seed), "scene": str() | None as scene, **rest} if not rest:
            if isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
                raise MessageError(f"The seed must be a whole number from 0 to {MAX_SEED}.")
            return Reset(seed, scene)
        case "save", {**rest} if not rest:
            return Save()
        case "keep", {**rest} if not rest:
            return Keep()
        case "seen", {"index": int(index), **rest} if not rest and not isinstance(index, bool):
            return Seen(index)
    raise MessageError("That message is not one the dream understands; reload the page.")


def _sentence(text: str) -> str:
    """The text without control characters and surrounding space. MessageError when empty or too long."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    if not clean:
        raise MessageError("There was nothing to read: type what should happen, for example “turn left”.")
    if len(clean) > MAX_TEXT:
        raise MessageError(f"That is {len(clean)} characters; say it in at most {MAX_TEXT}.")
    return clean


def encode_picture(frame: Frame, by_keys: bool) -> bytes:
    """The binary message for a frame: header and JPEG (4:4:4, because the picture is small and will be enlarged)."""
    control = frame.control
    buffer = io.BytesIO()
    buffer.write(
        HEADER.pack(
            frame.index,
            frame.motion.speed,
            _number(control.steer),
            _number(control.accel),
            control.command if control.command >= 0 else 0,
            BY_KEYS * by_keys | EVENT_SEEN * (frame.readout.event_visible >= 0.5),
            _number(frame.readout.speed),
            _number(frame.readout.junction_distance),
        )
    )
    Image.fromarray(frame.image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _number(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def encode_json(kind: str, /, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
