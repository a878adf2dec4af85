"""A clip on the disk: an mp4 and its JSON sidecar with the sha256 of both, by which damage is detected."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bridge.disk import DISK, Disk, refusing, write_files
from bridge.errors import DataError, ExportError
from bridge.recording.clip import Clip, sidecar
from world.controls import FPS
from world.data.video import VideoWriter
from world.files import sha256

CLIP_BYTES = 200_000  # most of a second of a clip with its labels; the disk must have that before the work
HEIGHT = 288  # of a saved video; its width follows from the picture


def write_clip(clip: Clip, out: Path, disk: Disk = DISK) -> tuple[Path, Path]:
    """Writes an mp4 to `out` and its sidecar beside it; returns both paths. ExportError where that fails; nothing is left then."""
    out = out.expanduser()
    if out.suffix.lower() != ".mp4":
        raise ExportError(f"The clip {out.name} was not saved: give it a name that ends in .mp4.")
    if not clip.moments:
        raise ExportError("There is nothing to save yet; let the dream run for a moment.")
    size = enlarged_size(clip.moments[0].frame.image)
    video = encode_pictures(enlarge(moment.frame.image) for moment in clip.moments)
    return write_with_sidecar(out, video, sidecar(clip, size), disk)


def write_with_sidecar(out: Path, video: bytes, fields: dict[str, Any], disk: Disk = DISK) -> tuple[Path, Path]:
    """Writes a video and its sidecar, both or none; returns both paths. ExportError."""
    sidecar_path = out.with_suffix(".json")
    with refusing(out):
        disk.folder(out.parent)
    write_files({out: video, sidecar_path: sidecar_bytes(video, fields)}, disk)
    return out, sidecar_path


def sidecar_bytes(video: bytes, fields: dict[str, Any]) -> bytes:
    """A sidecar of `fields`, with the checksums of the video and of itself."""
    sums = {"video": hashlib.sha256(video).hexdigest(), "labels": hashlib.sha256(_text(fields)).hexdigest()}
    return _text(fields | {"sha256": sums})


def sidecar_alone(fields: dict[str, Any]) -> bytes:
    """A sidecar without a video."""
    return _text(fields | {"video": None, "sha256": {"labels": _sum_of(fields | {"video": None})}})


def check_labels(sidecar_path: Path) -> None:
    """Checks a sidecar without a video. DataError where it is damaged."""
    try:
        text = sidecar_path.read_bytes()
        fields = json.loads(text)
        whole = _text(fields) == text and fields.pop("sha256") == {"labels": _sum_of(fields)}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(f"{sidecar_path} is damaged ({error}); use another copy.") from error
    if not whole:
        raise DataError(f"{sidecar_path} is damaged (its checksum is another); use another copy.")


def check_clip(video: Path) -> None:
    """Checks a video and its sidecar; videos without checksums pass. DataError where one is damaged."""
    sidecar_path = video.with_suffix(".json")
    if not sidecar_path.exists():
        return
    damaged = DataError(f"{video} or its labels are damaged (their checksums are others); use another copy of both.")
    try:
        text = sidecar_path.read_bytes()
        fields = json.loads(text)
        whole = _text(fields) == text
        sums = fields.pop("sha256", None)
        labels = hashlib.sha256(_text(fields)).hexdigest()
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if sums is None and fields.get("format") in (None, 1):
        return  # not our JSON, or an old clip
    if not whole or sums != {"video": sha256(video), "labels": labels}:
        raise damaged


def _sum_of(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_text(fields)).hexdigest()


def _text(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=1).encode()


def enlarged_size(image: np.ndarray) -> tuple[int, int]:
    """Height and width that a picture [H, W, 3] is saved at: 288x512 for 16:9; even, as the codec needs."""
    return HEIGHT, 2 * round(HEIGHT / 2 * image.shape[1] / image.shape[0])


def enlarge(image: np.ndarray) -> np.ndarray:
    """A picture uint8 [H, W, 3] resized to its `enlarged_size`, by Lanczos."""
    height, width = enlarged_size(image)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def encode_pictures(pictures: Iterable[np.ndarray], crf: int = 18) -> bytes:
    """The mp4 of pictures uint8 [H, W, 3], encoded in memory (a minute is a few MB), so that only our own code writes to the disk."""
    buffer = io.BytesIO()
    with VideoWriter(buffer, FPS, crf=crf) as writer:
        for picture in pictures:
            writer.write(picture)
    return buffer.getvalue()
