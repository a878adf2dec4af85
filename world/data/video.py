"""Reads and writes videos (PyAV): writes H.264 mp4 at a constant rate, reads whatever FFmpeg's libraries decode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from PIL import Image

from world.data.picture import HD, Orientation, Picture
from world.errors import DataError

BT601 = 6  # AVCOL_SPC_SMPTE170M
SPARE = 3  # frames that a whole file may lack, as headers round


class VideoWriter:
    """Writes uint8 [H, W, 3] frames to one mp4. H and W must be even.

    target: a path, or a buffer in memory. Use a buffer where a disk may be full: FFmpeg's libraries can crash the
    process when they cannot finish a file.
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
        """Appends a frame uint8 [H, W, 3] of the first frame's size."""
        if self._stream is None:
            stream = self._container.add_stream("libx264", rate=self._fps, options=self._options)
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "yuv420p"
            if image.shape[0] > HD:  # where untagged colours would be taken for another matrix's
                stream.codec_context.colorspace = BT601
            self._stream = stream
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Flushes the encoder and finishes the file."""
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
    """Yields a video's frames as uint8 [H, W, 3], scaled by area to `size` (H, W) if given.

    DataError as `read_pictures`.
    """
    for _, picture in read_pictures(path):
        yield picture.rgb(size)


def read_pictures(path: Path, number: int | None = None, begin: float = 0.0) -> Iterator[tuple[float, Picture]]:
    """Yields a video's frames, each with its time in seconds from the first one.

    number: which of several video streams (default: the first). begin: seconds to skip to; times then count from the
    stream's start, and frames before `begin` that decoding needs are yielded too. DataError where there is no video, it
    cannot be decoded, or it is cut off.
    """
    with _naming(path), av.open(str(path)) as container:
        stream = _stream(container, path, number)
        stream.thread_type = "AUTO"
        gap = float(1 / stream.average_rate) if stream.average_rate else 0.04
        first = None
        if begin:
            first = float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0
            container.seek(round((begin + first) * av.time_base))
        whole = _Whole(container, stream, gap)
        aspect, turn = stream.sample_aspect_ratio or Fraction(1), None  # unknown where 0
        for index, frame in enumerate(_progressive(_decode(container, stream, whole), stream)):
            seconds = index * gap if frame.time is None else frame.time
            first = seconds if first is None else first
            turn = turn or _turn(frame, path.name)
            yield seconds - first, Picture(frame, aspect, turn)
        if not begin:
            whole.check(path.name)


def video_streams(path: Path) -> list[str]:
    """Size and codec of each video stream of a file, cover pictures left out. DataError where it cannot be read."""
    with _naming(path), av.open(str(path)) as container:
        return [f"{one.width}x{one.height} {one.codec_context.name}" for one in _films(container)]


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops an image about its centre to the aspect ratio of `size` (H, W), and scales it by area."""
    height, width = image.shape[:2]
    if (height, width) == size:
        return image.copy()
    scale = min(height / size[0], width / size[1])
    crop_h, crop_w = round(size[0] * scale), round(size[1] * scale)
    top, left = (height - crop_h) // 2, (width - crop_w) // 2
    picture = Image.fromarray(image[top : top + crop_h, left : left + crop_w])
    return np.array(picture.resize((size[1], size[0]), Image.Resampling.BOX))


def _films(container: InputContainer) -> list[av.VideoStream]:
    return [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]


def _stream(container: InputContainer, path: Path, number: int | None) -> av.VideoStream:
    films = _films(container)
    if not container.streams:
        raise ValueError("it holds no stream")
    if not films:
        kind = "has sound only" if container.streams.audio else "has no video in it"
        raise DataError(f"{path.name} {kind}; give the file with the pictures.")
    if not 0 <= (number or 0) < len(films):
        raise DataError(f"{path.name} has no video stream {number}; it has {len(films)}, counted from 0.")
    return films[number or 0]


def _turn(frame: av.VideoFrame, name: str) -> Orientation:
    try:
        return Orientation.of(frame)
    except ValueError as error:
        raise DataError(f"{name} cannot be used: {error}.") from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raises errors of FFmpeg's libraries as DataError."""
    try:
        yield
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a video ({error}); it may be cut off or not a video at all."
        ) from error


class _Whole:
    """Whether a file is complete: by its index where it has one, else by its stated length."""

    def __init__(self, container: InputContainer, stream: av.VideoStream, gap: float) -> None:
        self._container, self._stream, self._gap = container, stream, gap
        self._start = min(0.0, (container.start_time or 0) / av.time_base)  # Matroska's length counts from 0 on
        self._length = 0.0  # seconds of any stream, sound included
        self._frames = 0

    def add(self, packet: av.Packet) -> None:
        self._frames += packet.stream.index == self._stream.index and packet.size > 0 and not packet.is_discard
        if packet.pts is not None and packet.time_base is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._length = max(self._length, end - self._start)

    def check(self, name: str) -> None:
        """DataError where it is cut off. Lead-in frames of a lossless cut are not shown and not counted."""
        index = self._stream.index_entries if self._stream.frames else ()
        if expected := sum(entry.size > 0 and not entry.is_discard for entry in index):
            if self._frames < expected - SPARE:
                raise DataError(f"{name} is cut off: {self._frames} of its {expected} frames are there; copy it again.")
            return
        length = (self._container.duration or 0) / av.time_base
        if self._length < length - max(SPARE * self._gap, 0.25):
            raise DataError(f"{name} is cut off: {self._length:.1f} s of its {length:.1f} s are there; copy it again.")


def _decode(container: InputContainer, stream: av.VideoStream, whole: _Whole) -> Iterator[av.VideoFrame]:
    for packet in container.demux():
        whole.add(packet)
        if packet.stream.index == stream.index:
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                yield frame


def _progressive(frames: Iterator[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """The frames as they are; interlaced ones deinterlaced, keeping the first of two fields."""
    first = next(frames, None)
    if first is None:
        return
    if not first.interlaced_frame:
        yield from chain([first], frames)
        return
    graph = av.filter.Graph()
    weave = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(graph.add_buffer(template=stream), weave, graph.add("buffersink")).configure()
    for frame in chain([first], frames):
        graph.vpush(frame)
        yield from _pull(graph)
    graph.vpush(None)
    yield from _pull(graph)


def _pull(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
