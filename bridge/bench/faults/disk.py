"""A disk that refuses, writes half, or has its process killed: at each of the operations that durable writes are made of."""

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
TENTHS = 25  # of a second: how long a drive is recorded


class FailingDisk(Disk):
    """`fault` befalls operation `at` (from 0) and every one after it. `done` counts them, so one that never fails tells how
    many there are. short: half is written, and nobody says so.
    """

    def __init__(self, at: int = -1, fault: Fault = "EIO") -> None:
        self.at, self.fault, self.done = at, fault, 0
        self.writes: list[int] = []  # which of them write

    def folder(self, path: Path) -> None:
        self._befall()
        super().folder(path)

    def write(self, path: Path, data: bytes) -> None:
        self.writes.append(self.done)
        if self._befall():
            data = data[: len(data) // 2]
        super().write(path, data)

    def flush(self, path: Path) -> None:
        self._befall()
        super().flush(path)

    def keep(self, path: Path, kept: Path) -> None:
        self._befall()
        super().keep(path, kept)

    def rename(self, old: Path, new: Path) -> None:
        self._befall()
        super().rename(old, new)

    def _befall(self) -> bool:
        """Whether this operation is to do half of its work; where it is to do nothing, it does not come back."""
        now, self.done = self.done, self.done + 1
        if self.at < 0 or now < self.at:
            return False
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault != "short":
            code = getattr(errno, self.fault)
            raise OSError(code, os.strerror(code))
        return True


def measure(model: AnyWorld, moments: list[Moment], told: Clip, folder: Path) -> FaultResult:
    """Every fault at every operation of saving a clip over another, a drive's state over another, and of a recording."""
    clip = replace(told, moments=tuple(moments[:10]))
    other = replace(told, moments=tuple(moments[10:20]), seed=told.seed + 1)
    session = Session(partial(open_dream, model), 5)

    def kept(out: Path, disk: Disk = DISK) -> object:
        return save_state(session, out.with_suffix(".dream"), disk)

    def written(out: Path, disk: Disk = DISK) -> object:
        return write_clip(other, out, disk)

    tried = untyped = changed = left = 0
    saves: tuple[Callable[[Path, Disk], object], ...] = (written, kept)
    for number, save in enumerate(saves):
        room = folder / str(number)
        room.mkdir()
        write_clip(clip, room / "drive.mp4")
        kept(room / "drive.mp4")
        session.begin_tick()
        session.tick()
        before = _files(room)
        counting = FailingDisk()
        save(_copied(before, folder / f"{number}-count") / "drive.mp4", counting)
        for fault, at in _faults(counting):
            place = _copied(before, folder / f"{number}-{fault}-{at}")
            untyped += not _typed(partial(save, place / "drive.mp4", FailingDisk(at, fault)))
            check_clips(place)
            changed += any(_files(place).get(name) != data for name, data in before.items())
            left += len(set(_files(place)) - set(before))
            tried += 1
    counting = FailingDisk()
    _recorded(folder / "counting", moments, told, counting)
    for fault, at in _faults(counting):
        place = folder / f"recording-{fault}-{at}"
        said = _recorded(place, moments, told, FailingDisk(at, fault))
        untyped += len(said) != 1 or "the dream goes on" not in said[0]
        states = [repair(found).state for found in look(place)]
        changed += any(state not in ("recovered", "whole") for state in states)
        left += sum(1 for path in place.glob(f"{DRIVES}/*/.*") if path.name == PROCESS or path.name.startswith(SAVING))
        tried += 1
    return FaultResult(
        "ENOSPC, EIO, short write at every operation of a save",
        f"{tried} faults: {tried - untyped} told as a typed error, {changed} old files changed, {left} leftovers",
        "all typed, old files whole, 0 leftovers",
        not (untyped or changed or left),
        {"faults": tried, "untyped": untyped, "changed": changed, "leftovers": left},
    )


def _faults(counted: FailingDisk) -> list[tuple[Fault, int]]:
    """Each refusal at each operation, half a write at each that writes."""
    refusals: tuple[Fault, ...] = ("ENOSPC", "EIO")
    return [(fault, at) for fault in refusals for at in range(counted.done)] + [("short", at) for at in counted.writes]


def _typed(save: Callable[[], object]) -> bool:
    """Whether an ExportError came of it."""
    try:
        save()
    except ExportError:
        return True
    except Exception:
        return False
    return False


def _recorded(place: Path, moments: list[Moment], told: Clip, disk: FailingDisk) -> list[str]:
    """What a recording said of its disk."""
    said: list[str] = []
    recording = Recording(place, told, said.append, disk)
    for moment in moments[:TENTHS]:
        recording.add(moment, told)
    recording.close()
    return said


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copied(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder
