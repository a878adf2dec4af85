"""Looks through recorded drives: which are whole, which were cut off, which are damaged; and makes clips of them."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

from bridge.errors import ExportError
from bridge.export import encode_pictures, enlarge, enlarged, free_name, refusing
from bridge.recording import DRIVES, MANIFEST, write_manifest, write_whole
from world.controls import FPS
from world.data.video import read_video
from world.files import sha256

State = Literal["whole", "cut off", "recovered", "damaged"]


@dataclass(frozen=True, slots=True)
class Found:
    """A recorded drive. damaged: names of files that are not what was written, or cannot be read."""

    folder: Path
    state: State
    frames: int
    damaged: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.frames / FPS


def look(clips: Path) -> list[Found]:
    """Every recorded drive below `clips`, the oldest first. Changes nothing."""
    with refusing(clips):
        folders = sorted(path for path in (clips / DRIVES).glob("*") if path.is_dir())
    return [_look(folder) for folder in folders]


def repair(found: Found) -> Found:
    """Of a drive that was cut off: what was half written is removed, and a manifest says what there is. ExportError."""
    if found.state != "cut off":
        return found
    with refusing(found.folder):
        for path in found.folder.glob(".*.part*"):
            path.unlink(missing_ok=True)
        for video in found.folder.glob("[0-9]*.mp4"):
            if not video.with_suffix(".json").exists():
                video.unlink()
    write_manifest(found.folder, recovered=True)
    return _look(found.folder)


def join(found: Found, clips: Path) -> tuple[Path, Path]:
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
    whole |= {"frames": len(pictures), "video": {"height": height, "width": width}}
    out = free_name(clips, found.folder.name)
    write_whole(out, encode_pictures(enlarge(picture) for picture in pictures))
    return out, write_whole(out.with_suffix(".json"), json.dumps(whole, ensure_ascii=False, indent=1).encode())


def _segments(found: Found) -> list[Path]:
    """The sidecars of segments that can be read, in order."""
    return [path for path in sorted(found.folder.glob("[0-9]*.json")) if not _bad(path, found)]


def _bad(sidecar: Path, found: Found) -> bool:
    return bool({sidecar.name, sidecar.with_suffix(".mp4").name} & set(found.damaged))


def _look(folder: Path) -> Found:
    damaged: set[str] = set()
    listed: dict[str, str] = {}
    state: State = "cut off"
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
    return Found(folder, "damaged" if damaged else state, frames, tuple(sorted(damaged)))


def _frames(beside: Path, video: Path) -> int | None:
    """As many as both files have; None where they disagree or cannot be read."""
    with suppress(ValueError, KeyError, TypeError, OSError, av.error.FFmpegError):
        told = int(json.loads(beside.read_text("utf-8"))["frames"])
        if sum(1 for _ in read_video(video)) == told:
            return told
    return None
