"""Looks through recorded drives: which are whole, which were cut off, which are damaged; and makes clips of them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bridge.disk import DISK, Disk, free_name, lives, mend, refusing
from bridge.errors import DataError, ExportError
from bridge.recording.clip_files import check_clip, encode_pictures, enlarge, enlarged, write_described
from bridge.recording.recorder import DRIVES, MANIFEST, PROCESS, write_manifest
from world.controls import FPS
from world.data.video import read_video
from world.files import sha256

State = Literal["whole", "recording", "cut off", "recovered", "damaged"]


@dataclass(frozen=True, slots=True)
class RecordedDrive:
    """A recorded drive. damaged: names of files that are not what was written, or cannot be read. `recording`: a process
    that still runs is at it.
    """

    folder: Path
    state: State
    frames: int
    damaged: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.frames / FPS


def look(clips: Path) -> list[RecordedDrive]:
    """Every recorded drive below `clips`, the oldest first. Changes nothing."""
    with refusing(clips):
        folders = sorted(path for path in (clips / DRIVES).glob("*") if path.is_dir())
    return [_look(folder) for folder in folders]


def repair(found: RecordedDrive, disk: Disk = DISK) -> RecordedDrive:
    """Of a drive that was cut off: what was half written is finished or removed, and a manifest says what there is.

    ExportError.
    """
    if found.state == "recording":
        return found
    with refusing(found.folder):
        mend(found.folder)
        (found.folder / PROCESS).unlink(missing_ok=True)
        if found.state != "cut off":
            return found
        for video in found.folder.glob("[0-9]*.mp4"):
            if not video.with_suffix(".json").exists():
                video.unlink()
    write_manifest(found.folder, disk, recovered=True)
    return _look(found.folder)


def check_clips(clips: Path) -> tuple[int, list[Path]]:
    """How many saved clips there are, and those that are damaged. What was being saved when its process ended is finished."""
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


def join(found: RecordedDrive, clips: Path) -> tuple[Path, Path]:
    """The drive as one clip in `clips`: an mp4 and its JSON sidecar. ExportError where nothing of it can be read."""
    pictures: list[np.ndarray] = []
    whole: dict[str, Any] = {}
    for beside in _segments(found):
        images, described = list(read_video(beside.with_suffix(".mp4"))), json.loads(beside.read_text("utf-8"))
        if not whole:
            whole = described
        else:
            for name in ("said", "plan", "per_frame"):
                whole[name] += described[name]
        pictures += images
    if not pictures:
        raise ExportError(f"Nothing of {found.folder.name} can be read; there is no clip to make of it.")
    height, width = enlarged(pictures[0])
    whole["text"] = " ".join(one["text"] for one in whole["said"] if one["text"])
    whole.pop("sha256", None)
    whole |= {"frames": len(pictures), "video": {"height": height, "width": width}}
    out = free_name(clips, found.folder.name)
    return write_described(out, encode_pictures(enlarge(picture) for picture in pictures), whole)


def _segments(found: RecordedDrive) -> list[Path]:
    """The sidecars of segments that can be read, in order."""
    return [path for path in sorted(found.folder.glob("[0-9]*.json")) if not _bad(path, found)]


def _bad(sidecar: Path, found: RecordedDrive) -> bool:
    return bool({sidecar.name, sidecar.with_suffix(".mp4").name} & set(found.damaged))


def _look(folder: Path) -> RecordedDrive:
    damaged: set[str] = set()
    listed: dict[str, str] = {}
    state: State = "recording" if _process(folder) else "cut off"
    if (folder / MANIFEST).exists():
        try:
            manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
            listed = dict(manifest["files"])
            state = "recovered" if manifest.get("recovered") else "whole"
        except (ValueError, KeyError, TypeError):
            damaged.add(MANIFEST)
    for name, known in listed.items():
        path = folder / name
        with refusing(path):
            if not path.exists() or sha256(path) != known:
                damaged.add(name)
    frames = 0
    for beside in sorted(folder.glob("[0-9]*.json")):
        video = beside.with_suffix(".mp4")
        if {beside.name, video.name} & damaged:
            continue
        count = _frames(beside, video)
        if count is None:
            damaged |= {beside.name, video.name}
        frames += count or 0
    return RecordedDrive(folder, "damaged" if damaged else state, frames, tuple(sorted(damaged)))


def _process(folder: Path) -> bool:
    """Whether the process that records there still runs."""
    with suppress(OSError):
        return lives((folder / PROCESS).read_text())
    return False


def _frames(beside: Path, video: Path) -> int | None:
    """As many as were written; None where the files are not what was written."""
    with suppress(ValueError, KeyError, TypeError, OSError, DataError):
        check_clip(video)
        told = json.loads(beside.read_text("utf-8"))
        return int(told["frames"]) if "sha256" in told else sum(1 for _ in read_video(video))
    return None
