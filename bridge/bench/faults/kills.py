"""SIGKILL while a drive is recorded and its clips are saved: at random moments, and before each operation of the disk."""

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
EVERY = 15  # frames: of them a clip is saved, so many frames long
LOST = 2 * FPS  # frames that may be lost


def measure(moments: list[Moment], told: Clip, folder: Path, kills: int) -> list[FaultResult]:
    """At random moments; and at every operation of so long a drive as has three clips saved."""
    chance = random.Random(1)
    found = [
        _found(f"SIGKILL at {kills} random moments", [_random(moments, told, folder, chance) for _ in range(kills)])
    ]
    points = _points(moments, told, folder)
    at = [_killed(moments, told, folder, FailingDisk(at, "kill"), None) for at in range(points)]
    return [*found, _found(f"SIGKILL before each of {points} operations of the disk", at)]


def _found(what: str, kills: list[tuple[int, int, int]]) -> FaultResult:
    worst = max(frames for frames, _, _ in kills)
    clips, half = (sum(each[place] for each in kills) for place in (1, 2))
    return FaultResult(
        what,
        f"{clips} saved clips lost, {half} half-visible, at most {worst / FPS:.1f} s of a drive lost",
        f"0, 0, at most {LOST / FPS:g} s",
        not clips and not half and worst <= LOST,
        {"kills": len(kills), "clips_lost": clips, "half_visible": half, "frames_lost": worst},
    )


def _random(moments: list[Moment], told: Clip, folder: Path, chance: random.Random) -> tuple[int, int, int]:
    return _killed(moments, told, folder, DISK, chance.uniform(0.0, LONGEST))


def _points(moments: list[Moment], told: Clip, folder: Path) -> int:
    counting, room = FailingDisk(), folder / "points"
    _drive(moments, told, room, counting, KillCounts(*(_Plain() for _ in range(2))), 3 * EVERY)
    shutil.rmtree(room)
    return counting.done


class KillCounts:
    """Frames handed over, and clips whose saving had come back."""

    def __init__(self, frames: Any, clips: Any) -> None:
        self.frames, self.clips = frames, clips


class _Plain:
    value = 0


def _killed(moments: list[Moment], told: Clip, folder: Path, disk: Disk, after: float | None) -> tuple[int, int, int]:
    """Frames lost, clips lost, and things that are half there. after: s to the kill; None: the disk kills."""
    context, room = multiprocessing.get_context("fork"), folder / "killed"
    counts = KillCounts(context.Value("i", 0), context.Value("i", 0))
    frames = 3 * EVERY if after is None else round(10 * LONGEST / PACE)
    child = context.Process(target=_drive, args=(moments, told, room, disk, counts, frames), daemon=True)
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
    mended = [repair(found) for found in look(room)]
    lost = counts.frames.value - sum(found.frames for found in mended)
    alone = sum(1 for video in room.glob("*.mp4") if not video.with_suffix(".json").exists())
    alone += sum(1 for beside in room.glob("*.json") if not beside.with_suffix(".mp4").exists())
    half = alone + len(damaged) + sum(found.state != "recovered" and found.state != "whole" for found in mended)
    half += sum(1 for path in room.rglob(f"{SAVING}*"))
    return max(0, lost), max(0, counts.clips.value - (saved - len(damaged))), half


def _drive(moments: list[Moment], told: Clip, room: Path, disk: Disk, counts: KillCounts, frames: int) -> None:
    """Records what comes, and saves a clip now and then, as a page does."""
    room.mkdir(parents=True, exist_ok=True)
    recording = Recording(room, told, lambda text: None, disk)
    for number, moment in zip(range(1, frames + 1), cycle(moments), strict=False):
        recording.add(moment, told)
        counts.frames.value = number
        if number % EVERY == 0:
            write_clip(replace(told, moments=tuple(moments[:EVERY])), room / f"clip-{number}.mp4", disk)
            counts.clips.value += 1
        time.sleep(PACE)
    recording.close()


def _wait(true: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
