"""Durable writes: a clip is on the disk whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import errno
import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from bridge.clips import Clip, sidecar
from bridge.errors import ExportError
from world.controls import FPS
from world.data.video import VideoWriter

HEIGHT = 288  # of a saved video; its width follows from the picture's

REASONS = {
    errno.ENOSPC: "the disk is full: free some room",
    errno.EDQUOT: "your share of the disk is used up: free some room",
    errno.EACCES: "it may not be written: choose a folder of your own",
    errno.EPERM: "it may not be written: choose a folder of your own",
    errno.EROFS: "its disk is read-only: choose another folder",
    errno.ENOTDIR: "a part of its path is a file: choose another folder",
    errno.EISDIR: "it is a folder: choose a file's name",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
    errno.ENOENT: "its folder does not exist and cannot be made: choose another",
}


def write_clip(clip: Clip, out: Path) -> tuple[Path, Path]:
    """Writes an mp4 to `out`, its JSON sidecar beside it; returns both paths. ExportError, and no trace, if it fails.

    Both are written aside and flushed to the disk before either gets its name; the sidecar gets its name last, so that
    a sidecar always has its video.
    """
    out = out.expanduser()
    beside = out.with_suffix(".json")
    if out.suffix.lower() != ".mp4":
        raise ExportError(f"The clip {out.name} was not saved: give it a name that ends in .mp4.")
    if not clip.moments:
        raise ExportError("There is nothing to save yet; let the dream run for a moment.")
    size = enlarged(clip.moments[0].frame.image)
    text = json.dumps(sidecar(clip, size), ensure_ascii=False, allow_nan=False, indent=1)
    picture = encode_pictures(enlarge(moment.frame.image) for moment in clip.moments)
    with refusing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with aside(out) as video, aside(beside) as description:
            video.write_bytes(picture)
            description.write_text(text, encoding="utf-8")
            for path in (video, description):
                flush(path)
            for path in (out, beside):
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, "is a folder")
            video.replace(out)
            description.replace(beside)
        flush(out.parent)
    return out, beside


def free_name(folder: Path, stem: str) -> Path:
    """`folder/stem.mp4`, or with a number when there is one already. ExportError where nobody may look."""
    number, path = 1, folder / f"{stem}.mp4"
    with refusing(path):
        while path.exists() or path.with_suffix(".json").exists():
            number += 1
            path = folder / f"{stem}-{number}.mp4"
    return path


def free_folder(parent: Path, stem: str) -> Path:
    """A new folder `parent/stem`, or with a number. ExportError."""
    number, path = 1, parent / stem
    with refusing(path):
        while True:
            try:
                path.mkdir(parents=True)
                return path
            except FileExistsError:
                number += 1
                path = parent / f"{stem}-{number}"


@contextmanager
def refusing(out: Path) -> Iterator[None]:
    """Makes an ExportError, one sentence, of what the system refuses."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise ExportError(f"The clip was not saved to {out}: {reason(error)}; the dream goes on.") from error


def reason(error: OSError | ValueError) -> str:
    code, text = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    return REASONS.get(code or 0) or f"the system refused ({(text or str(error)).lower()}): try another folder"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A hidden file beside `path`, of the same ending, for writing before a rename; gone afterwards in any case."""
    temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        temporary.open("xb").close()
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def flush(path: Path, sync: Callable[[int], None] = os.fsync) -> None:
    """Waits until the file or folder is on the disk. Folders cannot be flushed everywhere, and need not be."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, flags)
    try:
        sync(handle)
    finally:
        os.close(handle)


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
