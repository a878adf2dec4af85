"""The last minute of a drive in memory, for a clip, and its newest pictures as JPEGs; bridge/recording/recorder.py writes to the disk.

The thread that dreams writes it, any thread may read it.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from bridge.recording.clip import CLIP_SECONDS, Clip, Exchange, Moment
from world.controls import FPS
from world.dream import AnyDream
from world.frame import Frame

JPEG_QUALITY = 95
RECENT = 4  # pictures whose JPEGs are cached: the newest two and those halfway to each


class LastMinute:
    """The last minute of a drive; call `begin` for every new one."""

    def __init__(self, dream: AnyDream, scene: str | None, frame: Frame) -> None:
        self._lock = threading.Lock()
        self._moments: deque[Moment] = deque(maxlen=CLIP_SECONDS * FPS)
        self._exchanges: deque[Exchange] = deque(maxlen=200)
        self.jpegs = Jpegs()
        self.begin(dream, scene, frame)

    def begin(self, dream: AnyDream, scene: str | None, frame: Frame) -> None:
        """Starts anew with the first frame of a drive."""
        with self._lock:
            self._dream, self._scene = dream, scene
            self._exchanges.clear()
            self._moments.clear()
            self._moments.append(Moment(frame, False, ()))

    def add(self, moment: Moment) -> None:
        """Adds the newest frame."""
        with self._lock:
            self._moments.append(replace(moment, frame=replace(moment.frame, between=None)))

    def add_exchange(self, exchange: Exchange) -> None:
        """Adds what a person asked for and the answer."""
        with self._lock:
            self._exchanges.append(exchange)

    def prepend(self, moments: Sequence[Moment], exchanges: Sequence[Exchange]) -> None:
        """Puts an earlier part of the drive before the present frames."""
        with self._lock:
            self._moments.extendleft(reversed(moments))
            self._exchanges.extendleft(reversed(exchanges))

    def keep_all(self) -> None:
        """Keeps the whole drive from now on."""
        with self._lock:
            self._moments, self._exchanges = deque(self._moments), deque(self._exchanges)

    def clip(self) -> Clip:
        """The frames so far, and the exchanges since the first of them."""
        with self._lock:
            moments, clip = tuple(self._moments), self._info()
        first = moments[0].frame.index if moments else 0
        return replace(clip, moments=moments, exchanges=tuple(one for one in clip.exchanges if one.frame >= first))

    def newest(self) -> tuple[Moment | None, Clip]:
        """The newest frame, and its clip without moments."""
        with self._lock:
            return self._moments[-1] if self._moments else None, self._info()

    def fork(self, dream: AnyDream) -> LastMinute:
        """A copy, for a drive that goes on in `dream`."""
        moment, _ = self.newest()
        assert moment is not None
        other = LastMinute(dream, self._scene, moment.frame)
        with self._lock:
            other.jpegs = self.jpegs.copy()
            other._moments, other._exchanges = self._moments.copy(), self._exchanges.copy()
        return other

    def _info(self) -> Clip:
        dream = self._dream
        return Clip(
            (), tuple(self._exchanges), dream.seed, self._scene, getattr(dream, "quality", 0), dict(dream.model.hashes)
        )


class Jpegs:
    """A cache of the newest pictures as JPEGs, 4:4:4 because they are small and will be enlarged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[np.ndarray, bytes]] = deque(maxlen=RECENT)

    def of(self, image: np.ndarray) -> bytes:
        """The JPEG of a picture uint8 [H, W, 3], which must not change afterwards."""
        with self._lock:
            for old, data in self._recent:
                if old is image:
                    return data
            self._recent.append((image, jpeg(image)))
            return self._recent[-1][1]

    def copy(self) -> Jpegs:
        """Another cache with the same pictures."""
        other = Jpegs()
        with self._lock:
            other._recent.extend(self._recent)
        return other


def jpeg(image: np.ndarray) -> bytes:
    """The JPEG of a picture uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
