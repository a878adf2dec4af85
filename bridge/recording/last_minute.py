"""The last minute of a drive in memory, for a clip, and its newest picture as a JPEG. `bridge.recording.recorder` keeps it on the disk.

Filled by the thread that dreams, read by any.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from bridge.recording.clip import CLIP_SECONDS, Clip, Moment, Said
from world.controls import FPS
from world.dream import AnyDream
from world.frame import Frame

JPEG_QUALITY = 95
RECENT = 4  # pictures whose JPEGs are at hand: the newest two and what lies halfway to each


class LastMinute:
    """`begin` with every new drive."""

    def __init__(self, dream: AnyDream, scene: str | None, frame: Frame) -> None:
        self._lock = threading.Lock()
        self._moments: deque[Moment] = deque(maxlen=CLIP_SECONDS * FPS)
        self._said: deque[Said] = deque(maxlen=200)
        self.jpegs = Jpegs()
        self.begin(dream, scene, frame)

    def begin(self, dream: AnyDream, scene: str | None, frame: Frame) -> None:
        with self._lock:
            self._dream, self._scene = dream, scene
            self._said.clear()
            self._moments.clear()
            self._moments.append(Moment(frame, False, ()))

    def add(self, moment: Moment) -> None:
        with self._lock:
            self._moments.append(replace(moment, frame=replace(moment.frame, between=None)))

    def note(self, said: Said) -> None:
        with self._lock:
            self._said.append(said)

    def before(self, moments: Sequence[Moment], said: Sequence[Said]) -> None:
        """What came before the frames that are here."""
        with self._lock:
            self._moments.extendleft(reversed(moments))
            self._said.extendleft(reversed(said))

    def keep_all(self) -> None:
        """From now on it is the whole drive."""
        with self._lock:
            self._moments, self._said = deque(self._moments), deque(self._said)

    def clip(self) -> Clip:
        with self._lock:
            moments, clip = tuple(self._moments), self._described()
        first = moments[0].frame.index if moments else 0
        return replace(clip, moments=moments, said=tuple(one for one in clip.said if one.frame >= first))

    def newest(self) -> tuple[Moment | None, Clip]:
        """The newest frame, and the clip that it belongs to without its moments."""
        with self._lock:
            return self._moments[-1] if self._moments else None, self._described()

    def fork(self, dream: AnyDream) -> LastMinute:
        """The same past, of a drive that goes on in `dream`."""
        moment, _ = self.newest()
        assert moment is not None
        other = LastMinute(dream, self._scene, moment.frame)
        with self._lock:
            other.jpegs = self.jpegs.copy()
            other._moments, other._said = self._moments.copy(), self._said.copy()
        return other

    def _described(self) -> Clip:
        dream = self._dream
        return Clip(
            (), tuple(self._said), dream.seed, self._scene, getattr(dream, "quality", 0), dict(dream.model.hashes)
        )


class Jpegs:
    """Pictures as JPEGs (4:4:4, because they are small and will be enlarged), each encoded once while it is one of the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[np.ndarray, bytes]] = deque(maxlen=RECENT)

    def of(self, image: np.ndarray) -> bytes:
        """image: uint8 [H, W, 3], which must not change afterwards."""
        with self._lock:
            for known, data in self._recent:
                if known is image:
                    return data
            self._recent.append((image, jpeg(image)))
            return self._recent[-1][1]

    def copy(self) -> Jpegs:
        other = Jpegs()
        with self._lock:
            other._recent.extend(self._recent)
        return other


def jpeg(image: np.ndarray) -> bytes:
    """uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
