"""`lucidrive bench clips`: measures what is promised of the clip factory.

speed     s of clips made a second, on all cores                      workers   two processes over one
resume    40 clips, killed and resumed, file by file                  events    of each event: what the scene accepts, what the judge sees
memory    a worker's memory over 500 clips                            export    delivering 1,000 clips over making them
labelled  s of clips with boxes, depth and masks made a second        search    scene steps a second without pictures
labels    checked against each other on 50 clips                      surround  six cameras with all labels (bridge/bench/labels.py)
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bridge.bench import labels
from bridge.bench.faults.result import FaultResult
from bridge.errors import SessionError
from bridge.factory.deliver import deliver
from bridge.factory.find import TRIALS, SearchSpec
from bridge.factory.jobs import Request
from bridge.factory.run import RunProgress, make
from bridge.factory.scenario import EVENTS, SIDED, TIMES, WEATHER, Scenario, of_line, of_words
from bridge.factory.store import LOCK, Store, TakeResult
from world import machine
from world.machine import cores
from world.scene_world import SceneWorld
from world.telling import Report

NAMES = ("speed", "labelled", "workers", "resume", "events", "memory", "export", "labels", "surround", "search")
SPEED, WORKERS, EXPORT, FLAT, ACCEPTED, SEEN, STEPS = 3.0, 1.6, 0.1, 0.05, 0.95, 0.9, 2000  # aims
WARMUP = 5  # batches after which a worker's memory should stay


@dataclass(frozen=True, slots=True)
class ClipAmounts:
    """Clips of each measurement. each: of every event; seconds: of a clip, the default; short: of a clip whose length does not
    matter.
    """

    speed: int = 64
    labelled: int = 64
    workers: int = 64
    resume: int = 40
    each: int = 16
    memory: int = 500
    export: int = 1000
    labels: int = 50
    search: int = 16
    seconds: float = 8.0
    short: float = 2.0


FULL = ClipAmounts()
QUICK = ClipAmounts(speed=16, labelled=8, workers=32, resume=16, each=4, memory=96, export=100, labels=10, search=4)


def run(only: Sequence[str] = (), amounts: ClipAmounts = FULL, report: Report | None = None) -> list[FaultResult]:
    """The measurements `only`, or all of NAMES. SessionError for an unknown name."""
    if odd := [name for name in only if name not in NAMES]:
        raise SessionError(f"There is no measurement '{odd[0][:40]}'; there are: {', '.join(NAMES)}.")
    names = [name for name in NAMES if name in only or not only]
    results: list[FaultResult] = []
    for number, name in enumerate(names):
        tell = partial(_part, report, number, len(names), name)
        with tempfile.TemporaryDirectory(prefix="lucidrive-") as folder:
            results += _MEASURES[name](amounts, Path(folder), tell)
    return results


def _part(report: Report | None, number: int, count: int, name: str, fraction: float, text: str = "") -> None:
    if report is not None:
        report((number + fraction) / count, f"{name} {text}".strip())


def request_of(lines: Sequence[str], seeds: int, seconds: float, retries: int = 0) -> Request:
    """Clips of `seconds` s: every plan line under each seed from 0 to `seeds` - 1."""
    clips = tuple((of_line(line), seed) for seed in range(seeds) for line in lines)
    return Request(clips, seconds, SceneWorld().hashes, retries=retries)


def mixed() -> list[str]:
    """A plan line for each event, under weathers and times in turn."""
    weather, times = ("clear", "rain(2)", "fog(2)", "snow(2)"), ("day", "night", "dawn", "dusk")
    return [
        of_words({"event": event, "weather": weather[number % 4], "time": times[number // 2 % 4], "side": "left"}).line
        for number, event in enumerate(EVENTS)
    ]


def _make(request: Request, out: Path, workers: int, tell: Report) -> RunProgress:
    return make(request, out, workers=workers, on_progress=lambda run: tell(run.done / run.jobs, run.line()))


def _speed(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    load, workers = os.getloadavg()[0], cores()
    progress = _make(_several(amounts.speed, amounts.seconds), folder / "out", workers, tell)
    rate = progress.seconds / progress.wall
    return [
        FaultResult(
            f"{progress.takes} clips of {amounts.seconds:g} s, every event, {workers} workers (load {load:.1f} before)",
            f"{rate:.2f} s of clips made a second ({60 * rate / amounts.seconds:.0f} clips a minute), the workers' start included; {progress.yield_:.0%} accepted",
            f"at least {SPEED:g}",
            rate >= SPEED,
            {"rate": rate, "wall": progress.wall, "workers": workers, "load_before": load},
        )
    ]


def _labelled(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """Clips of 144x256 with boxes, depth and masks of every picture: `lucidrive clips --labels`."""
    load, workers = os.getloadavg()[0], cores()
    progress = _make(replace(_several(amounts.labelled, amounts.seconds), labels=True), folder / "out", workers, tell)
    rate = progress.seconds / progress.wall
    return [
        FaultResult(
            f"{progress.accepted} clips of {amounts.seconds:g} s with boxes, depth and masks, {workers} workers (load {load:.1f} before)",
            f"{rate:.2f} s of clips made a second, the workers' start included",
            f"at least {SPEED:g}",
            rate >= SPEED,
            {"rate": rate, "wall": progress.wall, "workers": workers, "load_before": load},
        )
    ]


def _search(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """Takes that search for a rare event: each drives many scenes, without a picture."""
    load, line = os.getloadavg()[0], of_words({"event": "cut_in", "side": "left"}).line
    request = replace(
        request_of([line], amounts.search, amounts.seconds), find=SearchSpec.of("collision", "random", TRIALS)
    )
    progress = _make(request, folder / "out", cores(), tell)
    rate = progress.steps_a_second * cores()
    return [
        FaultResult(
            f"{progress.trials} scenes tried without a picture by `--find collision`, {cores()} workers (load {load:.1f} before)",
            f"{rate:,.0f} scene steps a second, the dreaming of places included",
            f"at least {STEPS:,.0f}",
            rate >= STEPS,
            {"steps_a_second": rate, "trials": progress.trials, "load_before": load},
        )
    ]


def _several(clips: int, seconds: float) -> Request:
    lines = mixed()
    request = request_of(lines, -(-clips // len(lines)), seconds)
    return Request(request.clips[:clips], seconds, request.world, retries=0)


def _workers(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """Compares the time after the first batches: a worker's start does not count."""
    rates, load = [], os.getloadavg()[0]
    for count in (1, 2):
        marks: list[tuple[float, float]] = []
        make(
            _several(amounts.workers, amounts.seconds),
            folder / f"by-{count}",
            workers=count,
            on_progress=lambda run, marks=marks: marks.append((run.wall, run.seconds)),  # type: ignore[misc]
        )
        tell(count / 2, f"{count} workers")
        first, last = marks[count - 1], marks[-1]
        rates.append((last[1] - first[1]) / (last[0] - first[0]))
    ratio = rates[1] / rates[0]
    same = _sums(folder / "by-1") == _sums(folder / "by-2")
    return [
        FaultResult(
            f"two workers over one, {amounts.workers} clips (load {load:.1f} before)",
            f"{rates[1]:.2f} over {rates[0]:.2f} s of clips a second: {ratio:.2f} times; files {'the same' if same else 'DIFFER'}",
            f"at least {WORKERS:g} times, the same files",
            ratio >= WORKERS and same,
            {"one": rates[0], "two": rates[1], "ratio": ratio, "same": float(same), "load_before": load},
        )
    ]


def _resume(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """The command itself, killed by SIGKILL three times, against an undisturbed one."""

    def command(out: Path) -> list[str]:
        line = of_words({"event": "debris", "weather": "clear", "time": "day"}).line
        options = [
            line,
            "-n",
            str(amounts.resume),
            "--seconds",
            f"{amounts.short:g}",
            "--retries",
            "1",
            "--out",
            str(out),
        ]
        return [sys.executable, "-m", "ui.cli", "clips", *options]

    killed, whole, kills = folder / "cut", folder / "whole", 0
    for goal in (0.1, 0.3, 0.6):
        process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and _count(killed) < goal * amounts.resume:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        tell(goal / 2, f"killed after {_count(killed)} clips")
    for out in (killed, whole):
        result = subprocess.run(command(out), capture_output=True, text=True)
        if result.returncode:
            raise SessionError(f"The run could not be made ({(result.stderr.strip().splitlines() or ['?'])[-1]}).")
        tell(0.5 if out is killed else 1.0, "made to the end")
    one, other = _sums(killed), _sums(whole)
    differing = sum(one.get(name) != other.get(name) for name in {*one, *other})
    return [
        FaultResult(
            f"{amounts.resume} clips, killed by SIGKILL {kills} times and gone on with, against a run left alone",
            f"{differing} of {len(other)} files differ (videos, labels, dataset, report, by sha256)",
            "0",
            not differing and kills > 0,
            {"files": len(other), "differing": differing, "kills": kills},
        )
    ]


def _events(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """Every event from every side, each take under the next weather and time: whether the scene is accepted, and whether the judge
    then sees the event in the pictures.
    """
    conditions = [(weather, time) for time in TIMES for weather in WEATHER]
    every = list[tuple[Scenario, int]]()
    for number, event in enumerate(EVENTS):
        under = list(islice(cycle(conditions), number, number + amounts.each))
        sides = [{"side": side} for side in ("left", "right")] if event in SIDED else [{}]
        words = [{"event": event, "weather": weather, "time": hour} | side for side in sides for weather, hour in under]
        every += [(of_words(one), seed) for seed, one in enumerate(words)]
    request = Request(tuple(every), 6.0, SceneWorld().hashes, retries=0)
    _make(request, folder / "out", cores(), tell)
    with Store(folder / "out", request) as store:
        takes = [store.results(job)[0] for job in request.jobs]
    results = []
    for event in EVENTS:
        of = [one for one, job in zip(takes, request.jobs, strict=True) if job.scenario.words()["event"] == event]
        results += _yields(event, of)
    return results


def _yields(event: str, takes: Sequence[TakeResult]) -> list[FaultResult]:
    good = [one for one in takes if one.accepted]
    first = sum(one.trials == 1 for one in good) / len(takes)
    sightings = [one.judge["event"] for one in good if "event" in one.judge]
    rows = []
    for what, share, of, aim in (
        ("takes accepted by the scene, any weather and time", len(good), len(takes), ACCEPTED),
        ("the judge sees it in accepted clips within 4 s of its onset", sum(sightings), len(sightings), SEEN),
    ):
        low, high = wilson(share, of) if of else (0.0, 1.0)
        measured = f"{share / of:.0%} ({low:.0%} to {high:.0%}, 95% interval; {of})" if of else "nothing to look at"
        figures = {"share": share / of if of else math.nan, "low": low, "high": high, "of": float(of)}
        rows.append(
            FaultResult(f"{event}: {what}", measured, f"at least {aim:.0%}", bool(of) and share / of >= aim, figures)
        )
    rows[0] = replace(rows[0], measured=f"{rows[0].measured}; {first:.0%} by their very first scene")
    return rows


def wilson(good: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927): `good` of `count`, which is at least 1."""
    share, of = good / count, 1 + z * z / count
    middle = (share + z * z / (2 * count)) / of
    wide = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / of
    return max(0.0, middle - wide), min(1.0, middle + wide)


def _memory(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    progress = _make(_several(amounts.memory, amounts.short), folder / "out", 1, tell)
    first, last = max(progress.resident[:WARMUP]), max(progress.resident[-WARMUP:])
    growth = (last - first) / first
    return [
        FaultResult(
            f"a worker's memory over {progress.takes} clips",
            f"{first / machine.MIB:,.0f} MiB after {WARMUP} batches, {last / machine.MIB:,.0f} MiB at the end ({growth:+.1%})",
            f"grows by at most {FLAT:.0%}",
            growth <= FLAT,
            {"first": first, "last": last, "grown": growth},
        )
    ]


def _export(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    """Makes a few clips and copies them under other names; the time of making all is extrapolated from the few."""
    few = 16
    request = request_of(["follow"], amounts.export, amounts.seconds)
    first = Request(request.clips[:few], amounts.seconds, request.world, retries=0)
    progress = _make(first, folder / "few", cores(), tell)
    dreaming = progress.wall / progress.takes * amounts.export
    with Store(folder / "many", request) as store:
        products = sorted((folder / "few" / "clips").glob("*.json"))
        for number, job in enumerate(request.jobs):
            _copy(products[number % len(products)], folder / "many" / "clips" / f"{job.id}-0")
        for job in request.jobs:  # as if all had been accepted, so that all are exported
            store.adopt(job.take(0))
        began = time.perf_counter()
        deliver(store, ("lerobot",))
        seconds = time.perf_counter() - began
    share = seconds / dreaming
    return [
        FaultResult(
            f"delivering {amounts.export:,} clips of {amounts.seconds:g} s (LeRobotDataset, manifest, report, pictures)",
            f"{seconds:.1f} s, {share:.1%} of the {dreaming:,.0f} s of driving, drawing and encoding them",
            f"at most {EXPORT:.0%}",
            share <= EXPORT,
            {"export": seconds, "dreaming": dreaming, "share": share},
        )
    ]


def _labels(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    return labels.consistent(_several(amounts.labels, amounts.short), tell)


def _surround(amounts: ClipAmounts, folder: Path, tell: Report) -> list[FaultResult]:
    return labels.surround(_several(1, amounts.short), tell)


def _copy(source: Path, stem: Path) -> None:
    for ending in (".json", ".mp4"):
        shutil.copyfile(source.with_suffix(ending), stem.with_name(stem.name + ending))


def table(results: list[FaultResult]) -> list[tuple[str, str, str]]:
    """Rows of a table for people: what, measured, aimed at."""
    return [(one.what, one.measured if one.met else f"{one.measured} (missed)", one.aim) for one in results]


def _count(out: Path) -> int:
    return len(list(out.glob("clips/*.mp4"))) + len(list(out.glob("rejected/*.json")))


def _sums(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file() and path.name != LOCK
    }


_MEASURES: dict[str, Callable[[ClipAmounts, Path, Any], list[FaultResult]]] = {
    "speed": _speed,
    "labelled": _labelled,
    "workers": _workers,
    "resume": _resume,
    "events": _events,
    "memory": _memory,
    "export": _export,
    "labels": _labels,
    "surround": _surround,
    "search": _search,
}
