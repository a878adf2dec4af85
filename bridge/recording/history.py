"""The whole history of a drive, to look back at and to fork from any frame, in bounded memory.

Every picture (JPEG) with its control goes to a temporary file without a name, which is gone with the process; now and then the whole
state of the dream goes there too, a *key*. A frame in between is reached from the key before it under the same controls, which give
the same dream. Where the disk refuses, the history ends with a sentence and the dream goes on.
"""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
import threading
from array import array
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from bridge.disk import reason
from bridge.errors import DataError, SessionError
from bridge.recording.clip import Exchange, Moment, moment_fields, sidecar
from bridge.recording.clip_files import encode_pictures, enlarge, enlarged_size, write_with_sidecar
from bridge.recording.state import pack, unpack
from bridge.session import Session
from world.controls import FPS, Control
from world.records import from_plain
from world.telling import Say

SPACING = 5 * FPS  # frames from key to key, doubled whenever there are more than MOST_KEYS
MOST_KEYS = 96
HEAD = 8  # bytes before a record: the lengths of its parts
TOGETHER = (
    "A guest drove along there, and nobody can drive that again alone; branch before they came or after they left."
)


@dataclass(frozen=True, slots=True)
class PastFrame:
    """A past frame: index, speed of the car and as read off the picture in m/s, yaw rate in rad/s."""

    index: int
    speed: float
    seen_speed: float
    yaw_rate: float


class History:
    """The history of a session's drive; a reset starts another. Call `update` after every tick, in the thread that ticks."""

    def __init__(self, session: Session, folder: Path, tell: Say, spacing: int = SPACING) -> None:
        self.session, self._folder, self._tell, self._spacing = session, folder, tell, spacing
        self._file: IO[bytes] | None = None
        self._failed, self._lock = False, threading.Lock()  # over the keys
        self._begin()

    def _begin(self) -> None:
        self.first = 0
        self._offsets, self._end = array("Q"), 0  # offset of each frame's record
        self._speed, self._read_speed, self._yaw = array("f"), array("f"), array("f")
        self._together = array("B")  # whether a guest drove along then
        self._keys: dict[int, tuple[int, int]] = {}  # index -> offset, length
        self._free: list[tuple[int, int]] = []  # of dropped keys
        self._gap = self._spacing
        self._exchanges: list[Exchange] = []
        self._dream: object = None

    @property
    def last(self) -> int:
        """The newest frame's index; -1 before there is one."""
        return self.first + len(self._offsets) - 1 if self._offsets else -1

    def update(self) -> None:
        """Adds the newest frame, and a key where one is due. After an error of the disk it does nothing."""
        moment, clip = self.session.newest()
        if moment is None or self._failed:
            return
        index, other = moment.frame.index, self.session.dream is not self._dream
        if index == self.last and not other:
            return
        try:
            if other and index != self.last + 1:
                self._close()
                self._begin()
                self.first = index
            self._exchanges += [one for one in clip.exchanges if not any(one is old for old in self._exchanges[-200:])]
            together = self.session.companion is not None
            alone_again = bool(self._together and self._together[-1]) and not together
            self._append(moment)
            self._together.append(together)
            if other or alone_again or index - max(self._keys, default=-self._gap) >= self._gap:
                self._add_key(index, pack(self.session))
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            if self._failed:
                return
            self._failed = True
            self._tell(f"There is no way back to earlier frames any more: {reason(error)}; the dream goes on.")
        self._dream = self.session.dream

    def frame(self, index: int) -> bytes:
        """That frame's picture as a JPEG. SessionError for a frame that there is not, DataError where it cannot be read back."""
        return self._record(index)[1]

    def past(self, most: int = 400) -> list[PastFrame]:
        """At most `most` frames, evenly spaced over the drive, and the newest."""
        count = len(self._offsets)
        step = max(1, -(-count // most))
        picked = sorted({*range(0, count, step), *([count - 1] if count else [])})
        return [PastFrame(self.first + i, self._speed[i], self._read_speed[i], self._yaw[i]) for i in picked]

    def rewind(self, other: Session, index: int) -> None:
        """Takes `other`, a fork of the drive, back to that frame with its plan. May take seconds: call it outside the thread that ticks.

        SessionError for a frame that there is not or with a guest, DataError where it cannot be read back.
        """
        with self._lock:
            key = max((one for one in self._keys if one <= index), default=None)
            if key is None or index > self.last:
                raise self._no_such(index)
            data = self._read(*self._keys[key])
        if any(self._together[key - self.first : index + 1 - self.first]):
            raise SessionError(TOGETHER)
        records = [self._record(number)[0] for number in range(key + 1, index + 1)]
        exchanges, moments = list(self._exchanges), other.clip().moments
        unpack(other, data)
        other.prepend([one for one in moments if one.frame.index < key], [one for one in exchanges if one.frame < key])
        for number, fields in enumerate(records, key + 1):
            lines = [one.line for one in exchanges if one.frame == number - 1]
            control = from_plain(Control, fields["control"])
            other.replay(control, fields["by_keys"], lines)

    def save(self, out: Path) -> tuple[Path, Path, float]:
        """Writes the whole drive as an mp4 and its sidecar; their paths and its seconds. ExportError, SessionError, DataError."""
        indices = range(self.first, self.last + 1)
        if not indices:
            raise SessionError("There is nothing to save yet; let the dream run for a moment.")
        pictures = (np.asarray(Image.open(io.BytesIO(self.frame(index)))) for index in indices)
        moment, clip = self.session.newest()
        assert moment is not None
        fields = sidecar(replace(clip, moments=(), exchanges=tuple(self._exchanges)), enlarged_size(moment.frame.image))
        fields |= {"frames": len(indices), "per_frame": [self._record(index)[0]["labels"] for index in indices]}
        video, labels = write_with_sidecar(out, encode_pictures(enlarge(picture) for picture in pictures), fields)
        return video, labels, len(indices) / FPS

    def graft(self, at: int, branch: History) -> None:
        """Replaces all after frame `at` by the history of `branch`. Call it in the thread that ticks. SessionError, DataError, OSError."""
        for values in (self._offsets, self._speed, self._read_speed, self._yaw, self._together):
            del values[at + 1 - self.first :]
        with self._lock:
            self._free += [offset for index, offset in self._keys.items() if index > at]
            self._keys = {index: offset for index, offset in self._keys.items() if index <= at}
        self._exchanges = [one for one in self._exchanges if one.frame < at]
        self._exchanges += [one for one in branch._exchanges if one.frame >= at]
        for offset in range(at + 1 - branch.first, len(branch._offsets)):
            offset = branch._offsets[offset]
            self._offsets.append(self._write(branch._read(offset, sum(branch._head(offset)) + HEAD)))
            self._speed.append(branch._speed[offset])
            self._read_speed.append(branch._read_speed[offset])
            self._yaw.append(branch._yaw[offset])
            self._together.append(branch._together[offset])
        self.session, self._dream = branch.session, branch.session.dream
        self._add_key(self.last, pack(self.session))
        branch.close()

    def close(self) -> None:
        """Drops the history."""
        self._failed = True
        self._close()

    # -- the file -----------------------------------------------------------------------------------------------------

    def _append(self, moment: Moment) -> None:
        frame, picture = moment.frame, self.session.jpeg(moment.frame.image)
        fields = {"control": asdict(frame.control), "by_keys": moment.by_keys, "labels": moment_fields(moment)}
        labels = json.dumps(fields).encode()
        head = len(labels).to_bytes(4, "little") + len(picture).to_bytes(4, "little")
        self._offsets.append(self._write(head + labels + picture))
        self._speed.append(frame.motion.speed)
        self._read_speed.append(frame.readout.speed)
        self._yaw.append(frame.motion.yaw_rate)

    def _add_key(self, index: int, data: bytes) -> None:
        with self._lock:
            if len(self._keys) >= MOST_KEYS:
                self._free += [self._keys.pop(one) for one in sorted(self._keys)[1:-1:2]]
                self._gap *= 2
            free = next((offset for offset in self._free if offset[1] >= len(data)), None)
            if free is not None:
                self._free.remove(free)
            self._keys[index] = self._write(data, free and free[0]), len(data)

    def _no_such(self, index: int) -> SessionError:
        return SessionError(f"Frame {index} is not part of this drive; choose one from {self.first} to {self.last}.")

    def _head(self, offset: int) -> tuple[int, int]:
        """Lengths of a record's JSON and of its picture."""
        head = self._read(offset, HEAD)
        return int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")

    def _record(self, index: int) -> tuple[dict[str, Any], bytes]:
        """A frame's JSON, and its picture as a JPEG. SessionError, DataError."""
        if not self.first <= index <= self.last:
            raise self._no_such(index)
        offset = self._offsets[index - self.first]
        labels, picture = self._head(offset)
        body = self._read(offset + HEAD, labels + picture)
        return json.loads(body[:labels]), body[labels:]

    def _write(self, data: bytes, offset: int | None = None) -> int:
        """Writes at an offset, by default the end, and returns it. OSError."""
        at = self._end if offset is None else offset
        if os.pwrite(self._open().fileno(), data, at) < len(data):
            raise OSError(errno.ENOSPC, "only a part of it was written")
        if offset is None:
            self._end += len(data)
        return at

    def _read(self, offset: int, length: int) -> bytes:
        if self._file is None:
            raise SessionError("This drive has no way back to earlier frames; begin a new dream.")
        data = os.pread(self._file.fileno(), length, offset)
        if len(data) < length:
            raise DataError("That part of the drive cannot be read back; choose a later frame.")
        return data

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
