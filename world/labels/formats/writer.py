"""The interface of writers of labelled drives, and their common functions."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from world.controls import DT
from world.errors import DataError
from world.labels.cameras import CameraSet, distortion, extrinsics, intrinsics
from world.labels.record import Record
from world.scene.state import Place

QUALITY = 95  # of JPEGs
FINE = 256.0  # of a depth PNG a metre, as KITTI has it; 0: no depth, or 256 m and more
ORIGIN = 1_600_000_000_000_000  # microseconds: the start of every drive, for formats that need a date


@dataclass(frozen=True, eq=False)
class DriveInfo:
    """The drive of the next records. name: unique, of letters, digits, - and _; task: a sentence that describes it; place: at the drive's
    beginning; end: at its end, where it has grown."""

    name: str
    place: Place
    task: str
    seed: int = 0
    end: Place | None = None
    about: Mapping[str, Any] | None = None


class Writer(ABC):
    """Writes drives into a folder of its own: per drive `begin`, `add` for each record, `end`; `close` after the last. Use it in a `with`.

    Methods raise OSError where the disk is full or not writable.
    """

    package = ""  # the package that it needs
    wants = ""  # what the package is for, for the message where it is missing
    draws = True  # whether it needs pictures
    bytes_a_pixel = 2.0  # on the disk, at most, with all labels

    @classmethod  # noqa: B027 (what a format does not need, does nothing)
    def check(cls, cameras: CameraSet) -> None:
        """Call it before any work. DataError where the format cannot hold these cameras."""

    def __init__(self, folder: Path, cameras: CameraSet) -> None:
        self.folder, self.cameras = folder, cameras
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def begin(self, drive: DriveInfo) -> None:
        """Starts a drive, whose records follow."""

    @abstractmethod
    def add(self, record: Record) -> None:
        """Writes the next moment of the drive, with a view for each camera if `draws`."""

    def end(self) -> None:  # noqa: B027
        """Completes the drive."""

    def close(self) -> None:  # noqa: B027
        """Completes the dataset after the last drive."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def check_even(cameras: CameraSet, what: str) -> None:
    """DataError where a picture's sides are not even, which the videos of `what` need."""
    for name, camera in cameras.cameras.items():
        if camera.width % 2 or camera.height % 2:
            raise DataError(f"The camera {name} is {camera.width} x {camera.height}; for {what} take even sides.")


class Rows:
    """A JSON list on the disk that grows row by row and is never in memory."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.count = path, 0
        self._file = path.open("w", encoding="utf-8")
        self._file.write("[")

    def add(self, row: Any) -> None:
        """Appends a row, as `dumps` writes it."""
        self._file.write(("\n" if not self.count else ",\n") + dumps(row))
        self.count += 1

    def close(self) -> None:
        """Ends the list; a second call does nothing."""
        if not self._file.closed:
            self._file.write("\n]\n")
            self._file.close()


def dumps(value: Any) -> str:
    """One line of JSON; NumPy values become plain ones, arrays are rounded to four decimals. ValueError where a number is not finite."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.round(value.astype(np.float64), 4).tolist() if value.dtype.kind == "f" else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


def jpeg(picture: np.ndarray) -> bytes:
    """JPEG of a picture uint8 [H, W, 3], without chroma subsampling."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def png(picture: np.ndarray) -> bytes:
    """PNG of uint8 [H, W] or [H, W, 3], or uint16 [H, W]."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def depth_levels(depth: np.ndarray) -> np.ndarray:
    """Depth in m as uint16 [H, W] of FINE steps a metre; 0 where there is none."""
    near = np.isfinite(depth) & (depth < 65535 / FINE)
    return np.where(near, np.rint(np.where(near, depth, 0) * FINE), 0).astype(np.uint16)


def calibration(cameras: CameraSet) -> dict[str, Any]:
    """Size, matrix, distortion model and coefficients, and pose on the car of each camera; for JSON."""
    return {
        name: {
            "width": camera.width,
            "height": camera.height,
            "intrinsics": intrinsics(camera),
            "model": distortion(camera)[0],
            "distortion": list(distortion(camera)[1]),
            "camera_to_car": extrinsics(camera),
        }
        for name, camera in cameras.cameras.items()
    }


def described(record: Record) -> dict[str, Any]:
    """A record without pictures, for JSON: in world coordinates, m, rad, m/s."""
    return {
        "index": record.index,
        "seconds": record.seconds,
        "ego": {name: getattr(record.ego, name) for name in record.ego.__slots__},
        "facts": {name: getattr(record.facts, name) for name in record.facts.__slots__},
        "tracks": [
            {
                "track": one.number,
                "class": one.kind.name.lower(),
                "centre": one.centre,
                "size": one.size,
                "heading": one.heading,
                "velocity": one.velocity,
            }
            for one in record.tracks
        ],
        "signals": [{name: getattr(one, name) for name in one.__slots__} for one in record.signals],
        "lanes": [one.number for one in record.lanes],
        "boxes": {
            name: [
                {
                    "track": box.track.number,
                    "class": box.track.kind.name.lower(),
                    "seen": box.seen,
                    "whole": box.whole,
                    "visible": box.visible,
                }
                for box in view.truth.boxes
            ]
            for name, view in record.views.items()
        },
    }


def microseconds(record: Record) -> int:
    """Microseconds since the drive's beginning."""
    return round(record.seconds / DT) * round(DT * 1e6)
