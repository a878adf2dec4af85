"""Films as recorders write them: any times, tags, colours, turns and cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

MS = Fraction(1, 1000)


def grey(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), (20 + 2 * number) % 256, np.uint8)


def film(
    path: Path,
    times: Iterable[float],
    draw: Callable[[int], np.ndarray] = grey,
    *,
    code: str = "yuv420p",
    options: dict[str, str] | None = None,
    setup: Callable[[av.VideoStream], Any] | None = None,
    before: Callable[[av.VideoFrame], av.VideoFrame] = lambda frame: frame,
) -> Path:
    """H.264 with a frame at each time (seconds), as `draw` gives it: uint8 or uint16 RGB. setup: of the stream, before it is
    written; before: what is done to a frame before it is encoded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", **(options or {})})
        stream.pix_fmt, stream.time_base, stream.codec_context.time_base = code, MS, MS
        for number, time in enumerate(times):
            image = draw(number)
            if not number:
                stream.height, stream.width = image.shape[:2]
                if setup:
                    setup(stream)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24" if image.dtype == np.uint8 else "rgb48le")
            frame = before(frame)
            frame.pts, frame.time_base = round(1000 * time), MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def trimmed(film: Path, path: Path, begin: float, seconds: float) -> Path:
    """Cut without encoding: from the last key frame before `begin` on, the lead-in marked as not to be shown."""
    with av.open(str(film)) as old, av.open(str(path), "w", options={"use_editlist": "1"}) as new:
        source = old.streams.video[0]
        stream = new.add_stream_from_template(source)
        assert source.time_base is not None
        shift = int(begin / source.time_base)
        old.seek(int(begin * av.time_base))
        for packet in old.demux(source):
            if packet.dts is not None and packet.pts is not None and packet.pts - shift < seconds / source.time_base:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                new.mux(packet)
    return path


def shortened(film: Path, path: Path, share: float = 0.6) -> Path:
    """Cut off: its index says more than is there."""
    with av.open(str(film)) as old, av.open(str(path), "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path
