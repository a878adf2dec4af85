"""SIGKILL while a drive is recorded and clips are saved: at random moments, and before each operation of the disk."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from bridge.bench.faults.disk import FailingDisk
from bridge.bench.faults.result import FaultResult
from bridge.disk import DISK, SAVING, Disk
from bridge.recording.clip import Clip, Moment
from bridge.recording.clip_files import write_clip
from bridge.recording.recorder import Recording
from bridge.recording.recover import check_clips, look, repair
from world.controls import FPS

PACE = 0.02  # s a frame: five times as fast as a drive
LONGEST = 1.5  # s that a process lives
EVERY = 15  # frames between saved clips, and of each clip
MOST_LOST = 2 * FPS  # frames


def measure(moments: list[Moment], info: Clip, folder: Path, kills: int) -> list[FaultResult]:
    """Kills at random moments, and before every operation of a drive that saves three clips. info: a clip without moments."""
    chance = random.Random(1)
    results = [
        _result(f"SIGKILL at {kills} random moments", [_random(moments, info, folder, chance) for _ in range(kills)])
    ]
    points = _points(moments, info, folder)
    at = [_kill(moments, info, folder, FailingDisk(at, "kill"), None) for at in range(points)]
    return [*results, _result(f"SIGKILL before each of {points} operations of the disk", at)]


def _result(what: str, kills: list[tuple[int, int, int]]) -> FaultResult:
    worst = max(frames for frames, _, _ in kills)
    clips, half = (sum(each[place] for each in kills) for place in (1, 2))
    return FaultResult(
        what,
        f"{clips} saved clips lost, {half} half-visible, at most {worst / FPS:.1f} s of a drive lost",
        f"0, 0, at most {MOST_LOST / FPS:g} s",
        not clips and not half and worst <= MOST_LOST,
        {"kills": len(kills), "clips_lost": clips, "half_visible": half, "frames_lost": worst},
    )


def _random(moments: list[Moment], info: Clip, folder: Path, chance: random.Random) -> tuple[int, int, int]:
    return _kill(moments, info, folder, DISK, chance.uniform(0.0, LONGEST))


def _points(moments: list[Moment], info: Clip, folder: Path) -> int:
    counting, room = FailingDisk(), folder / "points"
    _drive(moments, info, room, counting, KillCounts(*(_Plain() for _ in range(2))), 3 * EVERY)
    shutil.rmtree(room)
    return counting.count


class KillCounts:
    """Shared counters: frames recorded, clips saved."""

    def __init__(self, frames: Any, clips: Any) -> None:
        self.frames, self.clips = frames, clips


class _Plain:
    value = 0


def _kill(moments: list[Moment], info: Clip, folder: Path, disk: Disk, after: float | None) -> tuple[int, int, int]:
    """Frames lost, clips lost, and half-visible files. after: s to the kill; None: the disk kills."""
    context, room = multiprocessing.get_context("fork"), folder / "killed"
    counts = KillCounts(context.Value("i", 0), context.Value("i", 0))
    frames = 3 * EVERY if after is None else round(10 * LONGEST / PACE)
    child = context.Process(target=_drive, args=(moments, info, room, disk, counts, frames), daemon=True)
    child.start()
    if after is not None:
        _wait(lambda: counts.frames.value > 0 or not child.is_alive())
        time.sleep(after)
        child.kill()
    child.join()
    try:
        return _left(room, counts)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _left(room: Path, counts: KillCounts) -> tuple[int, int, int]:
    saved, damaged = check_clips(room)
    drives = [repair(drive) for drive in look(room)]
    lost = counts.frames.value - sum(drive.frames for drive in drives)
    alone = sum(1 for video in room.glob("*.mp4") if not video.with_suffix(".json").exists())
    alone += sum(1 for sidecar in room.glob("*.json") if not sidecar.with_suffix(".mp4").exists())
    half = alone + len(damaged) + sum(drive.state not in ("recovered", "whole") for drive in drives)
    half += sum(1 for path in room.rglob(f"{SAVING}*"))
    return max(0, lost), max(0, counts.clips.value - (saved - len(damaged))), half


def _drive(moments: list[Moment], info: Clip, room: Path, disk: Disk, counts: KillCounts, frames: int) -> None:
    """Records moments, and saves a clip now and then, as a page does."""
    room.mkdir(parents=True, exist_ok=True)
    recording = Recording(room, info, lambda text: None, disk)
    for number, moment in zip(range(1, frames + 1), cycle(moments), strict=False):
        recording.add(moment, info)
        counts.frames.value = number
        if number % EVERY == 0:
            write_clip(replace(info, moments=tuple(moments[:EVERY])), room / f"clip-{number}.mp4", disk)
            counts.clips.value += 1
        time.sleep(PACE)
    recording.close()


def _wait(true: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
