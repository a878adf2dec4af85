"""Checks durable writes on a disk that refuses, writes half, or has its process killed, at each of their operations."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from bridge.bench.faults.result import FaultResult
from bridge.disk import DISK, SAVING, Disk
from bridge.errors import ExportError
from bridge.recording.clip import Clip, Moment
from bridge.recording.clip_files import write_clip
from bridge.recording.recorder import DRIVES, PROCESS, Recording
from bridge.recording.recover import check_clips, look, repair
from bridge.recording.state import save_state
from bridge.session import Session
from world.dream import AnyWorld, open_dream

Fault = Literal["ENOSPC", "EIO", "short", "kill"]
TENTHS = 25  # of a second: length of the recorded drive


class FailingDisk(Disk):
    """A disk whose operation `at` (from 0) and every later one fail with `fault`; short: half is written without an error. `count`:
    operations so far.
    """

    def __init__(self, at: int = -1, fault: Fault = "EIO") -> None:
        self.at, self.fault, self.count = at, fault, 0
        self.writes: list[int] = []  # numbers of the operations that write

    def folder(self, path: Path) -> None:
        """May fail."""
        self._inject()
        super().folder(path)

    def write(self, path: Path, data: bytes) -> None:
        """May fail, or write half."""
        self.writes.append(self.count)
        if self._inject():
            data = data[: len(data) // 2]
        super().write(path, data)

    def flush(self, path: Path) -> None:
        """May fail."""
        self._inject()
        super().flush(path)

    def keep(self, path: Path, copy: Path) -> None:
        """May fail."""
        self._inject()
        super().keep(path, copy)

    def rename(self, old: Path, new: Path) -> None:
        """May fail."""
        self._inject()
        super().rename(old, new)

    def _inject(self) -> bool:
        """Whether this operation is to do half of its work. Raises OSError, or kills the process, where it is to do nothing."""
        now, self.count = self.count, self.count + 1
        if self.at < 0 or now < self.at:
            return False
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault != "short":
            code = getattr(errno, self.fault)
            raise OSError(code, os.strerror(code))
        return True


def measure(model: AnyWorld, moments: list[Moment], info: Clip, folder: Path) -> FaultResult:
    """Every fault at every operation of saving a clip over another, a drive's state over another, and of a recording."""
    clip = replace(info, moments=tuple(moments[:10]))
    other = replace(info, moments=tuple(moments[10:20]), seed=info.seed + 1)
    session = Session(partial(open_dream, model), 5)

    def save_drive(out: Path, disk: Disk = DISK) -> object:
        return save_state(session, out.with_suffix(".dream"), disk)

    def save_clip(out: Path, disk: Disk = DISK) -> object:
        return write_clip(other, out, disk)

    trials = untyped = changed = left = 0
    saves: tuple[Callable[[Path, Disk], object], ...] = (save_clip, save_drive)
    for number, save in enumerate(saves):
        room = folder / str(number)
        room.mkdir()
        write_clip(clip, room / "drive.mp4")
        save_drive(room / "drive.mp4")
        session.begin_tick()
        session.tick()
        before = _files(room)
        counting = FailingDisk()
        save(_copy(before, folder / f"{number}-count") / "drive.mp4", counting)
        for fault, at in _faults(counting):
            place = _copy(before, folder / f"{number}-{fault}-{at}")
            untyped += not _typed(partial(save, place / "drive.mp4", FailingDisk(at, fault)))
            check_clips(place)
            changed += any(_files(place).get(name) != data for name, data in before.items())
            left += len(set(_files(place)) - set(before))
            trials += 1
    counting = FailingDisk()
    _record(folder / "counting", moments, info, counting)
    for fault, at in _faults(counting):
        place = folder / f"recording-{fault}-{at}"
        sentences = _record(place, moments, info, FailingDisk(at, fault))
        untyped += len(sentences) != 1 or "the dream goes on" not in sentences[0]
        states = [repair(drive).state for drive in look(place)]
        changed += any(state not in ("recovered", "whole") for state in states)
        left += sum(1 for path in place.glob(f"{DRIVES}/*/.*") if path.name == PROCESS or path.name.startswith(SAVING))
        trials += 1
    return FaultResult(
        "ENOSPC, EIO, short write at every operation of a save",
        f"{trials} faults: {trials - untyped} told as a typed error, {changed} old files changed, {left} leftovers",
        "all typed, old files whole, 0 leftovers",
        not (untyped or changed or left),
        {"faults": trials, "untyped": untyped, "changed": changed, "leftovers": left},
    )


def _faults(disk: FailingDisk) -> list[tuple[Fault, int]]:
    """Each refusal at each operation of a disk that did not fail, half a write at each that writes."""
    refusals: tuple[Fault, ...] = ("ENOSPC", "EIO")
    return [(fault, at) for fault in refusals for at in range(disk.count)] + [("short", at) for at in disk.writes]


def _typed(save: Callable[[], object]) -> bool:
    """Whether `save` raises ExportError."""
    try:
        save()
    except ExportError:
        return True
    except Exception:
        return False
    return False


def _record(place: Path, moments: list[Moment], info: Clip, disk: FailingDisk) -> list[str]:
    """Records a drive; returns what it said of its disk."""
    sentences: list[str] = []
    recording = Recording(place, info, sentences.append, disk)
    for moment in moments[:TENTHS]:
        recording.add(moment, info)
    recording.close()
    return sentences


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copy(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder
