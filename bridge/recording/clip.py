"""A clip: the last minute of a drive as frames with their controls and facts, and its JSON form."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bridge.timeline import StepState
from world.controls import FPS, Command, Event, Side, TimeOfDay, Weather
from world.frame import Frame

FORMAT = 2  # 1: without checksums
PARTS = ("lucidrive", "torch", "numpy", "transformers", "av")
NAMES = {"command": Command, "weather": Weather, "time": TimeOfDay, "event": Event, "side": Side}
CLIP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """A person's request and the answer. frame: its index when it was understood; text: "" for a button; line: the plan, refusal or
    question; seconds: computing time of the brain.
    """

    frame: int
    text: str
    line: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame, whether a person's keys drove it, and the states of the plan's steps."""

    frame: Frame
    by_keys: bool
    steps: tuple[StepState, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """Moments in a row. quality: where the dial stood; hashes: weight file -> sha256."""

    moments: tuple[Moment, ...]
    exchanges: tuple[Exchange, ...]
    seed: int
    scene: str | None
    quality: int
    hashes: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.moments) / FPS


def sidecar(clip: Clip, size: tuple[int, int]) -> dict[str, Any]:
    """The clip without its pictures, as plain values for JSON. size: the video's height and width.

    Commands (`control`) and results (`motion`; `readout`: facts of a scene, estimates of a latent world) never share a key.
    """
    return {
        "format": FORMAT,
        "synthetic": True,
        "fps": FPS,
        "frames": len(clip.moments),
        "video": {"height": size[0], "width": size[1]},
        "text": " ".join(one.text for one in clip.exchanges if one.text),
        "plan": [one.line for one in clip.exchanges if one.line],
        "said": [asdict(one) for one in clip.exchanges],
        "seed": clip.seed,
        "scene": clip.scene,
        "quality": clip.quality,
        "hashes": dict(clip.hashes),
        "versions": versions(),
        "vocabulary": {name: {str(int(value)): value.name for value in kind} for name, kind in NAMES.items()},
        "per_frame": [moment_fields(moment) for moment in clip.moments],
    }


def versions(parts: Iterable[str] = PARTS) -> dict[str, str]:
    """Package -> version, of Python and of the `parts` that are installed."""
    result = {"python": platform.python_version()}
    for part in parts:
        try:
            result[part] = version(part)
        except PackageNotFoundError:
            continue  # an optional part
    return result


def moment_fields(moment: Moment) -> dict[str, Any]:
    """A frame's row of the sidecar."""
    frame = moment.frame
    return {
        "index": frame.index,
        "driven_by": "keys" if moment.by_keys else "driver",
        "control": _finite(asdict(frame.control)),
        "motion": _finite(asdict(frame.motion)),
        "readout": _finite(asdict(frame.readout)),
        "plan": [{"line": step.line, "status": step.status, "reason": step.reason} for step in moment.steps],
    }


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    """Numbers that JSON has: integers as such, others rounded to a millionth, NaN (no value) as null."""
    return {name: _number(value) for name, value in fields.items()}


def _number(value: float | tuple[float, ...]) -> Any:
    if isinstance(value, tuple):
        return [_number(one) for one in value]
    if isinstance(value, int):
        return int(value)
    return round(value, 6) if math.isfinite(value) else None
