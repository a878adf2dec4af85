"""`lucidrive evaluate world`: scores of scene worlds in the test towns, by exact facts of the scene, and of their
painter.

Pictures are rendered only where they are measured. `seed` determines everything but times.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from world.controls import Command, Event, Side
from world.dynamics.dreamt import DREAMT
from world.errors import DataError
from world.evaluate.dreamt_hour import AWAY, dreamt_again, dreamt_hour, dreamt_world
from world.evaluate.painter import Sources, fidelity
from world.evaluate.painter_judge import look, look_in_dreams
from world.evaluate.painter_speed import frames_a_second, gpu_difference
from world.evaluate.scene_drives import (
    MANOEUVRES,
    EventCase,
    event_case,
    first_cases,
    places,
    route,
    seconds_until_done,
    shares,
)
from world.evaluate.scene_pictures import hour, picture_milliseconds, seen_again
from world.evaluate.scene_rows import ROWS
from world.evaluate.scene_states import counterfactual, hashes, step_milliseconds
from world.evaluate.steadiness import DREAMS, SAMPLES, SECONDS, steadiness
from world.evaluate.sumo import is_installed, sumo_contacts
from world.telling import Report

Elsewhere = Callable[[int], dict[str, bool]]  # seed -> whether states are the same on other machines
Result = TypeVar("Result")
HEAD = ("what", "measured", "aimed at")


@dataclass(frozen=True, slots=True)
class SceneSizes:
    """cases: per manoeuvre; events: cases per event; routes: of a minute; forks; minutes: of one drive; sumo_minutes:
    per town.

    Of the painter, references: at most so many, None for all; dreams; seconds: moments of each dream; samples: paths
    per pixel; judge_cases: cases of each kind for the judge.
    """

    cases: int = 100
    events: int = 50
    routes: int = 200
    forks: int = 100
    minutes: float = 60.0
    sumo_minutes: float = 10.0
    references: int | None = None
    dreams: int = len(DREAMS)
    seconds: tuple[float, ...] = SECONDS
    samples: int = SAMPLES
    judge_cases: int = 20


QUICK = SceneSizes(10, 5, 10, 10, 2.0, 1.0, references=16, dreams=2, seconds=SECONDS[:2], samples=16, judge_cases=2)


@dataclass(frozen=True)
class Bench:
    """What every measurement needs. workers: None for this process alone; tell: progress of this measurement."""

    sizes: SceneSizes
    seed: int
    workers: Executor | None
    elsewhere: Elsewhere | None
    tell: Report
    sources: Sources

    def each(self, call: Callable[..., Result], rows: Sequence[tuple[Any, ...]], what: str) -> list[Result]:
        """The results of `call` for every row of arguments, in order, computed by all workers."""
        columns = tuple(zip(*rows, strict=True))
        results = map(call, *columns) if self.workers is None else self.workers.map(call, *columns)
        out = []
        for result in results:
            out.append(result)
            self.tell(len(out) / len(rows), f"{what}: {len(out)} of {len(rows)}")
        return out


def _names() -> list[str]:
    return [place.name for place in places()]


def _manoeuvres(bench: Bench) -> dict[str, Any]:
    """Shares of the first `cases` in which the place has room for the manoeuvre."""
    names, out = _names(), {}
    for name, command in MANOEUVRES.items():
        seconds = first_cases(partial(_cases, bench, command, name), bench.sizes.cases, bench.seed, names)
        in_time, late = shares(seconds)
        out[name] = {"share": in_time, "late": late, "cases": len(seconds)}
    return out


def _cases(bench: Bench, command: Command, name: str, jobs: Sequence[tuple[str, int]]) -> list[float | None]:
    return bench.each(seconds_until_done, [(place, command, seed) for place, seed in jobs], name)


def _events(bench: Bench) -> dict[str, Any]:
    names, out = _names(), {}
    for event in (one for one in Event if one != Event.NONE):
        rows = [
            (names[n % len(names)], event, Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, bench.seed + n)
            for n in range(bench.sizes.events)
        ]
        results: list[EventCase] = bench.each(event_case, rows, event.name.lower())
        good = sum(one.on_side and not math.isnan(one.seconds) for one in results)
        out[event.name.lower()] = {"share": good / max(1, len(results)), "cases": len(results)}
    return out


def _routes(bench: Bench) -> dict[str, Any]:
    names, seconds = _names(), 60.0
    rows = [(names[n % len(names)], seconds, bench.seed + n) for n in range(bench.sizes.routes)]
    results = bench.each(route, rows, "routes")
    minutes = sum(one.minutes for one in results)
    return {
        "routes": len(results),
        "without_contact": sum(one.clean for one in results) / len(results),
        "left_the_road": sum(one.strayed for one in results) / len(results),
        "mean_speed": sum(one.metres for one in results) / (len(results) * seconds),
        "contacts_a_vehicle_minute": sum(one.contacts for one in results) / max(minutes, 1e-9),
        "vehicle_minutes": minutes,
    }


def _sumo(bench: Bench) -> dict[str, float] | None:
    """Contacts of SUMO's traffic; None without the extra `sim`."""
    if not is_installed():
        return None
    rows = [(name, 60.0 * bench.sizes.sumo_minutes, bench.seed) for name in _names()]
    results = bench.each(sumo_contacts, rows, "SUMO's traffic")
    minutes = sum(minutes_of_drive for _, minutes_of_drive in results)
    return {
        "contacts_a_vehicle_minute": sum(count for count, _ in results) / max(minutes, 1e-9),
        "vehicle_minutes": minutes,
    }


def _counterfactual(bench: Bench) -> dict[str, float]:
    forks = bench.sizes.forks
    return counterfactual(bench.seed, forks, lambda count: bench.tell(count / forks, f"forks: {count} of {forks}"))


def _hashes(bench: Bench) -> dict[str, bool]:
    same = hashes(bench.seed, bench.workers)
    return same if bench.elsewhere is None else same | bench.elsewhere(bench.seed)


def _endurance(bench: Bench) -> dict[str, float]:
    bench.tell(0.0, f"{bench.sizes.minutes:g} minutes on the road")
    return hour(bench.seed, 60 * bench.sizes.minutes) | {"minutes": bench.sizes.minutes}


def _dreamt_hour(bench: Bench) -> dict[str, float]:
    world = dreamt_world(f"{DREAMT}:{bench.seed}", bench.sources.painter)
    return dreamt_hour(world, bench.seed, 60 * bench.sizes.minutes, bench.tell)


def _dreamt_again(bench: Bench) -> dict[str, float]:
    away = AWAY if bench.sizes.minutes > 5 else AWAY[:1]
    return dreamt_again(dreamt_world(f"{DREAMT}:{bench.seed}", bench.sources.painter), bench.seed, away)


def _fidelity(bench: Bench) -> dict[str, Any]:
    here = replace(bench, workers=None)  # one picture keeps all cores busy
    return fidelity(bench.sources.references, bench.sources.painter, here.each, bench.sizes.references)


def _steadiness(bench: Bench) -> dict[str, Any]:
    size, here = bench.sizes, replace(bench, workers=None)
    return steadiness(bench.seed, bench.sources.painter, here.each, size.dreams, size.seconds, size.samples)


def _judge(bench: Bench) -> dict[str, Any]:
    return look(bench.seed, bench.sources, bench.sizes.judge_cases, bench.tell)


MEASUREMENTS: dict[str, tuple[float, Callable[[Bench], Any]]] = {  # share of the time, about
    "manoeuvres": (0.1, _manoeuvres),
    "events": (0.1, _events),
    "routes": (0.3, _routes),
    "sumo": (0.1, _sumo),
    "counterfactual": (0.05, _counterfactual),
    "hashes": (0.05, _hashes),
    "milliseconds": (0.02, lambda bench: step_milliseconds(bench.seed)),
    "picture_milliseconds": (0.03, lambda bench: picture_milliseconds(bench.seed)),
    "seen_again": (0.03, lambda bench: seen_again(bench.seed)),
    "endurance": (0.22, _endurance),
    "dreamt_hour": (0.4, _dreamt_hour),
    "dreamt_again": (0.05, _dreamt_again),
    "painter": (0.05, _fidelity),
    "steadiness": (0.5, _steadiness),
    "frames_a_second": (0.02, lambda bench: frames_a_second(bench.seed, bench.sources.painter)),
    "judge": (0.3, _judge),
    "dreamt_judge": (0.2, lambda bench: look_in_dreams(bench.seed, bench.sources, bench.sizes.judge_cases)),
    "gpu_difference": (0.01, lambda bench: gpu_difference(bench.seed, bench.sources.painter)),
}


def evaluate_scene(
    sizes: SceneSizes = SceneSizes(),
    seed: int = 0,
    only: Sequence[str] = (),
    workers: int | None = None,
    elsewhere: Elsewhere | None = None,
    report: Report | None = None,
    sources: Sources | None = None,
) -> dict[str, Any]:
    """Every measurement, or `only` some, by name.

    workers: processes that drive (default: one per core, at most two; 0: this one). sources: inputs for the painter's
    measurements. DataError for an unknown name.
    """
    if unknown := sorted(set(only) - set(MEASUREMENTS)):
        raise DataError(f"There is no measurement '{unknown[0]}'; there are: {', '.join(MEASUREMENTS)}.")
    measurements = {name: MEASUREMENTS[name] for name in MEASUREMENTS if not only or name in only}
    whole, share_before, result = sum(share for share, _ in measurements.values()), 0.0, dict[str, Any]()
    with _pool(min(2, os.cpu_count() or 1) if workers is None else workers) as pool:
        for name, (share, measure) in measurements.items():
            tell = partial(_within, report, share_before / whole, share / whole)
            result[name] = measure(Bench(sizes, seed, pool, elsewhere, tell, sources or Sources()))
            share_before += share
    return result


def _within(report: Report | None, begin: float, share: float, fraction: float, text: str) -> None:
    if report is not None:
        report(begin + share * fraction, text)


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    if workers == 0:
        yield None
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield pool


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The result as rows for the terminal."""
    return [row for name, value in result.items() if value is not None for row in ROWS[name](value)]
