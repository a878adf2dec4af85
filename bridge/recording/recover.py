"""Finds recorded drives, tells whole, cut off and damaged ones apart, repairs them and makes clips of them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bridge.disk import DISK, Disk, free_name, is_running, mend, refusing
from bridge.errors import DataError, ExportError
from bridge.recording.clip_files import check_clip, encode_pictures, enlarge, enlarged_size, write_with_sidecar
from bridge.recording.recorder import DRIVES, MANIFEST, PROCESS, write_manifest
from world.controls import FPS
from world.data.video import read_video
from world.files import sha256

State = Literal["whole", "recording", "cut off", "recovered", "damaged"]


@dataclass(frozen=True, slots=True)
class RecordedDrive:
    """A recorded drive. state: `recording` while a running process records it; damaged: names of files whose checksum differs or
    that cannot be read.
    """

    folder: Path
    state: State
    frames: int
    damaged: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The length of its frames."""
        return self.frames / FPS


def look(clips: Path) -> list[RecordedDrive]:
    """Every recorded drive below `clips`, the oldest first; changes nothing. ExportError where the folder cannot be read."""
    with refusing(clips):
        folders = sorted(path for path in (clips / DRIVES).glob("*") if path.is_dir())
    return [_look(folder) for folder in folders]


def repair(drive: RecordedDrive, disk: Disk = DISK) -> RecordedDrive:
    """Finishes or removes what was half written of a drive that was cut off, and writes its manifest. ExportError."""
    if drive.state == "recording":
        return drive
    with refusing(drive.folder):
        mend(drive.folder)
        (drive.folder / PROCESS).unlink(missing_ok=True)
        if drive.state != "cut off":
            return drive
        for video in drive.folder.glob("[0-9]*.mp4"):
            if not video.with_suffix(".json").exists():
                video.unlink()
    write_manifest(drive.folder, disk, recovered=True)
    return _look(drive.folder)


def check_clips(clips: Path) -> tuple[int, list[Path]]:
    """The number of saved clips, and the damaged ones; finishes saves that were interrupted. ExportError."""
    with refusing(clips):
        mend(clips)
        saved = [path for path in sorted(clips.glob("*.mp4")) if path.with_suffix(".json").exists()]
    damaged = []
    for video in saved:
        try:
            check_clip(video)
        except DataError:
            damaged.append(video)
    return len(saved), damaged


def join(drive: RecordedDrive, clips: Path) -> tuple[Path, Path]:
    """Joins a drive's segments into one clip in `clips`; returns its mp4 and sidecar. ExportError where nothing can be read, or written."""
    pictures: list[np.ndarray] = []
    whole: dict[str, Any] = {}
    for sidecar in _segments(drive):
        images, fields = list(read_video(sidecar.with_suffix(".mp4"))), json.loads(sidecar.read_text("utf-8"))
        if not whole:
            whole = fields
        else:
            for name in ("said", "plan", "per_frame"):
                whole[name] += fields[name]
        pictures += images
    if not pictures:
        raise ExportError(f"Nothing of {drive.folder.name} can be read; there is no clip to make of it.")
    height, width = enlarged_size(pictures[0])
    whole["text"] = " ".join(one["text"] for one in whole["said"] if one["text"])
    whole.pop("sha256", None)
    whole |= {"frames": len(pictures), "video": {"height": height, "width": width}}
    out = free_name(clips, drive.folder.name)
    return write_with_sidecar(out, encode_pictures(enlarge(picture) for picture in pictures), whole)


def _segments(drive: RecordedDrive) -> list[Path]:
    """The sidecars of segments that can be read, in order."""
    return [path for path in sorted(drive.folder.glob("[0-9]*.json")) if not _bad(path, drive)]


def _bad(sidecar: Path, drive: RecordedDrive) -> bool:
    return bool({sidecar.name, sidecar.with_suffix(".mp4").name} & set(drive.damaged))


def _look(folder: Path) -> RecordedDrive:
    damaged: set[str] = set()
    listed: dict[str, str] = {}
    state: State = "recording" if _is_recording(folder) else "cut off"
    if (folder / MANIFEST).exists():
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            listed = dict(manifest["files"])
            state = "recovered" if manifest.get("recovered") else "whole"
        except (ValueError, KeyError, TypeError):
            damaged.add(MANIFEST)
    for name, checksum in listed.items():
        path = folder / name
        with refusing(path):
            if not path.exists() or sha256(path) != checksum:
                damaged.add(name)
    frames = 0
    for sidecar in sorted(folder.glob("[0-9]*.json")):
        video = sidecar.with_suffix(".mp4")
        if {sidecar.name, video.name} & damaged:
            continue
        count = _frames(sidecar, video)
        if count is None:
            damaged |= {sidecar.name, video.name}
        frames += count or 0
    return RecordedDrive(folder, "damaged" if damaged else state, frames, tuple(sorted(damaged)))


def _is_recording(folder: Path) -> bool:
    """Whether the process that records there still runs."""
    with suppress(OSError):
        return is_running((folder / PROCESS).read_text())
    return False


def _frames(sidecar: Path, video: Path) -> int | None:
    """Frames of a segment; None where it is damaged."""
    with suppress(ValueError, KeyError, TypeError, OSError, DataError):
        check_clip(video)
        fields = json.loads(sidecar.read_text("utf-8"))
        return int(fields["frames"]) if "sha256" in fields else sum(1 for _ in read_video(video))
    return None
