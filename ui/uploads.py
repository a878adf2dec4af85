"""Pictures and films from a person, to begin a dream in: checked by size, by type and by what is really in them.

Nothing of an upload touches the disk, and its name is not even read.
"""

from __future__ import annotations

import io
import warnings
from itertools import islice

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from world.controls import FPS
from world.data.video import fit
from world.errors import DataError
from world.readout import FRAMES

PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MAX_PIXELS = 40_000_000
MIN_SIDE = 32
MAX_SIDE = 16_384
MAX_FILM_SIDE = 4_096
SIZE = (288, 512)  # what is kept of it; the world makes it smaller yet
KINDS = "a JPEG, PNG or WebP picture, or an MP4, MOV, WebM or MKV film"


def frames_of(data: bytes, at: float = 0.0) -> np.ndarray:
    """uint8 [T, 288, 512, 3]: a picture once, or a film's frames after `at` seconds. DataError for anything else."""
    if _looks_like_picture(data):
        return _picture(data)[None]
    if _looks_like_film(data):
        return _film(data, at)
    raise DataError(f"That file is none of these: {KINDS}; choose another.")


def _looks_like_picture(data: bytes) -> bool:
    return (
        data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n" or (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    )


def _looks_like_film(data: bytes) -> bool:
    return data[4:8] == b"ftyp" or data[:4] == b"\x1a\x45\xdf\xa3"


def _format(data: bytes) -> str:
    """The container's name, given to the decoder so that a playlist cannot pass for a film."""
    return "mov" if data[4:8] == b"ftyp" else "matroska"


def _picture(data: bytes) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(PICTURES)) as image:
                _check_size(*image.size)
                return fit(np.asarray(image.convert("RGB")), SIZE)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _unreadable("picture") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise _unreadable("picture") from error


def _check_size(width: int, height: int, most: int = MAX_SIDE) -> None:
    if min(width, height) < MIN_SIDE or max(width, height) > most or width * height > MAX_PIXELS:
        raise DataError(
            f"A picture of {width}x{height} is too small or too large; each side must have {MIN_SIDE} to {most} pixels."
        )


def _film(data: bytes, at: float) -> np.ndarray:
    """The first frames, a tenth of a second apart; no more is decoded than they need."""
    try:
        with av.open(io.BytesIO(data), "r", format=_format(data), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise _unreadable("film")
            stream = container.streams.video[0]
            if stream.codec_context is None:  # nothing here decodes what it says it holds
                raise _unreadable("film")
            _check_size(stream.width, stream.height, MAX_FILM_SIDE)
            stream.thread_type, frames, due = "SLICE", [], at
            for frame in islice(container.decode(stream), int(120 * (at + 5))):
                seconds = frame.time if frame.time is not None else 0.0
                if seconds + 1e-6 >= due:
                    _check_size(frame.width, frame.height, MAX_FILM_SIDE)
                    frames.append(fit(frame.to_ndarray(format="rgb24"), SIZE))
                    due = seconds + 1 / FPS
                if len(frames) >= FRAMES:
                    return np.stack(frames)
    except (av.error.FFmpegError, OSError, ValueError, IndexError, MemoryError, OverflowError) as error:
        raise _unreadable("film") from error
    raise DataError(f"That film has no {FRAMES / FPS:g} s after {at:g} s; choose a longer one.")


def _unreadable(what: str) -> DataError:
    return DataError(f"That {what} cannot be read: it is damaged, or not what it says it is; choose another.")
