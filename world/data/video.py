"""mp4 in and out (PyAV): sequential, constant frame rate, H.264."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import av
import numpy as np

from world.errors import DataError


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
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                if size is None:
                    yield frame.to_ndarray(format="rgb24")
                else:
                    yield frame.to_ndarray(format="rgb24", height=size[0], width=size[1], interpolation="AREA")
    except (av.error.FFmpegError, IndexError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a video ({error}); it may be cut off or not a video at all."
        ) from error
