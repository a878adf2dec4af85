"""Writes the accepted clips as WebDataset shards: tar files with `KEY.mp4`, `KEY.json` and `KEY.txt` of each clip."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from bridge.disk import write_whole
from bridge.errors import ExportError
from bridge.factory.export.clips import StoredClip

EACH = 200  # clips a shard


def write(clips: Sequence[StoredClip], folder: Path) -> Path:
    """Writes shards into `folder` and returns it; the same clips give the same bytes. ExportError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written ({(error.strerror or str(error)).lower()}).") from error
    for number, first in enumerate(range(0, len(clips), EACH)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in clips[first : first + EACH]:
                key = clip.stem.replace(".", "-")  # a dot would end the key
                _add(tar, f"{key}.mp4", clip.video.read_bytes())
                _add(tar, f"{key}.json", clip.video.with_suffix(".json").read_bytes())
                _add(tar, f"{key}.txt", clip.task.encode())
        write_whole(folder / f"clips-{number:06d}.tar", buffer.getvalue())
    return folder


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
