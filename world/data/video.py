"""mp4 in and out (PyAV): sequential, constant frame rate, H.264."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from PIL import Image

from world.errors import DataError

SPARE = 3  # frames that a whole file may lack: headers round


class VideoWriter:
    """Writes uint8 [H, W, 3] frames to one mp4. H and W must be even.

    `target` may be a buffer in memory: where a disk may be full that is the safe way, because FFmpeg's libraries can
    crash the process when a file of theirs cannot be finished.
    """

    def __init__(
        self, target: Path | BinaryIO, fps: float, *, crf: int = 18, preset: str = "veryfast", threads: int = 1
    ) -> None:
        self._container = av.open(str(target) if isinstance(target, Path) else target, "w", format="mp4")
        self._stream: av.VideoStream | None = None
        self._fps = Fraction(fps).limit_denominator(1000)
        self._options = {"crf": str(crf), "preset": preset, "threads": str(threads)}
        self.frames = 0

    def write(self, image: np.ndarray) -> None:
        if self._stream is None:
            stream = self._container.add_stream("libx264", rate=self._fps, options=self._options)
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "yuv420p"
            self._stream = stream
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_video(path: Path, size: tuple[int, int] | None = None) -> Iterator[np.ndarray]:
    """Yields the frames of a video as uint8 [H, W, 3], scaled by area to `size` (H, W) where given."""
    for _, image in read_timed(path, size):
        yield image


def read_timed(path: Path, size: tuple[int, int] | None = None) -> Iterator[tuple[float, np.ndarray]]:
    """Likewise, each with its time in seconds from the first one; DataError where the file ends before its last frame."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            number, first, time = 0, None, 0.0
            gap = float(1 / stream.average_rate) if stream.average_rate else 0.0
            for frame in container.decode(stream):
                seconds = number * gap if frame.time is None else frame.time
                first = seconds if first is None else first
                time = seconds - first
                if size is None:
                    yield time, frame.to_ndarray(format="rgb24")
                else:
                    yield time, frame.to_ndarray(format="rgb24", height=size[0], width=size[1], interpolation="AREA")
                number += 1
            whole = stream.frames or round(_seconds(container, stream) / gap if gap else 0)
            if number < whole - SPARE:
                raise DataError(f"{path.name} is cut off: {number} of its {whole} frames are there; copy it again.")
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a video ({error}); it may be cut off or not a video at all."
        ) from error


def frame_rate(path: Path) -> float:
    """Frames a second of a video, as its header says."""
    try:
        with av.open(str(path)) as container:
            rate = container.streams.video[0].average_rate
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a video ({error}); it may be cut off or not a video at all."
        ) from error
    if not rate:
        raise DataError(f"{path.name} does not say its frame rate; convert it to mp4 first.")
    return float(rate)


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops an image to the aspect ratio of `size` (H, W) about its centre, and scales it by area."""
    height, width = image.shape[:2]
    if (height, width) == size:
        return image.copy()
    scale = min(height / size[0], width / size[1])
    crop_h, crop_w = round(size[0] * scale), round(size[1] * scale)
    top, left = (height - crop_h) // 2, (width - crop_w) // 2
    picture = Image.fromarray(image[top : top + crop_h, left : left + crop_w])
    return np.array(picture.resize((size[1], size[0]), Image.Resampling.BOX))


def _seconds(container: InputContainer, stream: av.VideoStream) -> float:
    """How long a video says it is; 0 where it does not."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
