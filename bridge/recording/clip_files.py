"""A clip on the disk: an mp4 and its JSON sidecar, which says the sha256 of both; and what a damaged one is told by."""

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

CLIP_BYTES = 200_000  # of a second of a clip with its labels: a bound, asked of the disk before the work
HEIGHT = 288  # of a saved video; its width follows from the picture's


def write_clip(clip: Clip, out: Path, disk: Disk = DISK) -> tuple[Path, Path]:
    """Writes an mp4 to `out`, its JSON sidecar beside it; returns both paths. ExportError, and no trace, if it fails."""
    out = out.expanduser()
    if out.suffix.lower() != ".mp4":
        raise ExportError(f"The clip {out.name} was not saved: give it a name that ends in .mp4.")
    if not clip.moments:
        raise ExportError("There is nothing to save yet; let the dream run for a moment.")
    size = enlarged(clip.moments[0].frame.image)
    video = encode_pictures(enlarge(moment.frame.image) for moment in clip.moments)
    return write_described(out, video, sidecar(clip, size), disk)


def write_described(out: Path, video: bytes, fields: dict[str, Any], disk: Disk = DISK) -> tuple[Path, Path]:
    """A video and what there is to say of it, with the checksums of both. ExportError."""
    beside = out.with_suffix(".json")
    with refusing(out):
        disk.folder(out.parent)
    write_files({out: video, beside: described(video, fields)}, disk)
    return out, beside


def described(video: bytes, fields: dict[str, Any]) -> bytes:
    """The sidecar of a video: what there is to say of it, with the checksums of both."""
    sums = {"video": hashlib.sha256(video).hexdigest(), "labels": hashlib.sha256(_text(fields)).hexdigest()}
    return _text(fields | {"sha256": sums})


def labels_alone(fields: dict[str, Any]) -> bytes:
    """The sidecar of a drive that has no video."""
    return _text(fields | {"video": None, "sha256": {"labels": _sum_of(fields | {"video": None})}})


def check_labels(beside: Path) -> None:
    """DataError where the sidecar of a drive without a video is not what was written."""
    try:
        text = beside.read_bytes()
        fields = json.loads(text)
        whole = _text(fields) == text and fields.pop("sha256") == {"labels": _sum_of(fields)}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(f"{beside} is damaged ({error}); use another copy.") from error
    if not whole:
        raise DataError(f"{beside} is damaged (its checksum is another); use another copy.")


def check_clip(video: Path) -> None:
    """DataError where a video or the sidecar beside it is not what was written. Says nothing of films without checksums."""
    beside = video.with_suffix(".json")
    if not beside.exists():
        return
    damaged = DataError(f"{video} or its labels are damaged (their checksums are others); use another copy of both.")
    try:
        text = beside.read_bytes()
        fields = json.loads(text)
        whole = _text(fields) == text
        sums = fields.pop("sha256", None)
        labels = hashlib.sha256(_text(fields)).hexdigest()
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if sums is None and fields.get("format") in (None, 1):
        return  # somebody else's JSON, or an old clip
    if not whole or sums != {"video": sha256(video), "labels": labels}:
        raise damaged


def _sum_of(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_text(fields)).hexdigest()


def _text(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=1).encode()


def enlarged(image: np.ndarray) -> tuple[int, int]:
    """Height and width that a picture [H, W, 3] is saved at: 288x512 where it is 16:9; even, as the video's code wants."""
    return HEIGHT, 2 * round(HEIGHT / 2 * image.shape[1] / image.shape[0])


def enlarge(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] at its `enlarged` size, by Lanczos."""
    height, width = enlarged(image)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def encode_pictures(pictures: Iterable[np.ndarray], crf: int = 18) -> bytes:
    """The mp4 of pictures uint8 [H, W, 3], made in memory (a minute is a few MB), so that only our own writing meets the disk."""
    buffer = io.BytesIO()
    with VideoWriter(buffer, FPS, crf=crf) as writer:
        for picture in pictures:
            writer.write(picture)
    return buffer.getvalue()
