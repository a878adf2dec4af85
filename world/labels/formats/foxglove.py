"""JSON schemas of Foxglove's well-known messages, as far as they are used. A value has a single type: Foxglove cannot read lists of types."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from world.controls import DT

NUMBER, WHOLE, TEXT, TRUTH = ({"type": name} for name in ("number", "integer", "string", "boolean"))
BYTES = {"type": "string", "contentEncoding": "base64"}
NANOSECONDS = 10**9


def record(**properties: Any) -> dict[str, Any]:
    """The schema of an object with these properties."""
    return {"type": "object", "properties": properties}


def several(items: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": items}


def numbers(names: Iterable[str]) -> dict[str, Any]:
    """The schema of a record of numbers, all optional."""
    return record(**dict.fromkeys(names, NUMBER))


TIME = record(sec=WHOLE, nsec=WHOLE)
VECTOR, POINT2 = record(x=NUMBER, y=NUMBER, z=NUMBER), record(x=NUMBER, y=NUMBER)
QUATERNION = record(x=NUMBER, y=NUMBER, z=NUMBER, w=NUMBER)
COLOUR = record(r=NUMBER, g=NUMBER, b=NUMBER, a=NUMBER)
POSE = record(position=VECTOR, orientation=QUATERNION)
PAIR = record(key=TEXT, value=TEXT)
IMAGE = record(timestamp=TIME, frame_id=TEXT, data=BYTES, format=TEXT)
CALIBRATION = record(
    timestamp=TIME,
    frame_id=TEXT,
    width=WHOLE,
    height=WHOLE,
    distortion_model=TEXT,
    D=several(NUMBER),
    K=several(NUMBER),
    R=several(NUMBER),
    P=several(NUMBER),
)
TRANSFORM = record(timestamp=TIME, parent_frame_id=TEXT, child_frame_id=TEXT, translation=VECTOR, rotation=QUATERNION)
CUBE = record(pose=POSE, size=VECTOR, color=COLOUR)
LINE = record(
    type=WHOLE,
    pose=POSE,
    thickness=NUMBER,
    scale_invariant=TRUTH,
    points=several(VECTOR),
    color=COLOUR,
    colors=several(COLOUR),
    indices=several(WHOLE),
)
ENTITY = record(
    timestamp=TIME,
    frame_id=TEXT,
    id=TEXT,
    lifetime=TIME,
    frame_locked=TRUTH,
    metadata=several(PAIR),
    cubes=several(CUBE),
    lines=several(LINE),
)
SCENE = record(deletions=several(record(timestamp=TIME, type=WHOLE, id=TEXT)), entities=several(ENTITY))
OUTLINE = record(
    timestamp=TIME,
    type=WHOLE,
    points=several(POINT2),
    outline_color=COLOUR,
    outline_colors=several(COLOUR),
    fill_color=COLOUR,
    thickness=NUMBER,
)
LABEL = record(timestamp=TIME, position=POINT2, text=TEXT, font_size=NUMBER, text_color=COLOUR)
ANNOTATIONS = record(points=several(OUTLINE), texts=several(LABEL))
LINE_STRIP, LINE_LOOP = 0, 2  # of a LINE; of an OUTLINE


def stamp(nanoseconds: int) -> dict[str, int]:
    """Nanoseconds as a TIME."""
    return {"sec": nanoseconds // NANOSECONDS, "nsec": nanoseconds % NANOSECONDS}


def image(nanoseconds: int, frame: str, data: bytes, kind: str) -> dict[str, Any]:
    """A CompressedImage."""
    text = base64.b64encode(data).decode()
    return {"timestamp": stamp(nanoseconds), "frame_id": frame, "data": text, "format": kind}


def vector(values: Sequence[float]) -> dict[str, float]:
    """Three numbers as a VECTOR."""
    return dict(zip("xyz", map(float, values), strict=True))


def quaternion(wxyz: Sequence[float]) -> dict[str, float]:
    """A rotation (w, x, y, z) as a QUATERNION."""
    return dict(zip("wxyz", map(float, wxyz), strict=True))


def colour(red: float, green: float, blue: float, alpha: float = 1.0) -> dict[str, float]:
    """Shares from 0 to 1 as a COLOUR."""
    return {"r": red, "g": green, "b": blue, "a": alpha}


def nanoseconds_of(seconds: float) -> int:
    """Nanoseconds, rounded to a step of the scene."""
    return round(seconds / DT) * round(DT * NANOSECONDS)
