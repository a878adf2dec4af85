"""`lucidrive evaluate world`: what scene worlds are worth in the test towns, told by the scene itself, and what their painter is worth.

Nothing is drawn but where drawing is what is measured. Everything but times is decided by `seed`.
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
from world.evaluate.painter_rows import PAINTER_ROWS
from world.evaluate.painter_speed import frames_a_second, gpu_difference
from world.evaluate.scene_drives import (
    EVENT_SECONDS,
    LATEST,
    TURNS,
    EventCase,
    done_after,
    event_case,
    places,
    route,
    shares,
    tried,
)
from world.evaluate.scene_pictures import hour, picture_milliseconds, seen_again
from world.evaluate.scene_states import counterfactual, hashes, step_milliseconds
from world.evaluate.steadiness import DREAMS, SAMPLES, SECONDS, steadiness
from world.evaluate.sumo import installed, sumo_contacts
from world.telling import Report

Elsewhere = Callable[[int], dict[str, bool]]  # by seed, whether states are the same there
Given = TypeVar("Given")
HEAD = ("what", "measured", "aimed at")
MANOEUVRES = {"go": Command.FOLLOW} | {
    one.name.lower(): one for one in (*TURNS, Command.LANE_LEFT, Command.LANE_RIGHT, Command.STOP)
}
PICTURE_AIMS = {"144x256": 12, "288x512": 30}  # ms


@dataclass(frozen=True, slots=True)
class SceneSizes:
    """Of each manoeuvre, of each event, routes of a minute, forks; minutes of one drive; minutes of SUMO in each town.

    Of the painter: references at most (None: all), dreams, the seconds at which each is looked at, paths a pixel that are traced there; what the
    judge sees of each kind.
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
    judged: int = 20


QUICK = SceneSizes(10, 5, 10, 10, 2.0, 1.0, references=16, dreams=2, seconds=SECONDS[:2], samples=16, judged=2)


@dataclass(frozen=True)
class Bench:
    """What a measurement is made with. `each`: a function of every row of arguments, in order, on all workers."""

    sizes: SceneSizes
    seed: int
    workers: Executor | None
    elsewhere: Elsewhere | None
    tell: Report
    sources: Sources

    def each(self, call: Callable[..., Given], rows: Sequence[tuple[Any, ...]], what: str) -> list[Given]:
        columns = tuple(zip(*rows, strict=True))
        results = map(call, *columns) if self.workers is None else self.workers.map(call, *columns)
        found = []
        for result in results:
            found.append(result)
            self.tell(len(found) / len(rows), f"{what}: {len(found)} of {len(rows)}")
        return found


def _names() -> list[str]:
    return [place.name for place in places()]


def _manoeuvres(bench: Bench) -> dict[str, Any]:
    """Shares of the cases that could be tried: the first `cases` that have somewhere to do it."""
    names, out = _names(), {}
    for name, command in MANOEUVRES.items():
        done = tried(partial(_cases, bench, command, name), bench.sizes.cases, bench.seed, names)
        in_time, late = shares(done)
        out[name] = {"share": in_time, "late": late, "cases": len(done)}
    return out


def _cases(bench: Bench, command: Command, name: str, jobs: Sequence[tuple[str, int]]) -> list[float | None]:
    return bench.each(done_after, [(place, command, seed) for place, seed in jobs], name)


def _events(bench: Bench) -> dict[str, Any]:
    names, out = _names(), {}
    for event in (one for one in Event if one != Event.NONE):
        rows = [
            (names[n % len(names)], event, Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, bench.seed + n)
            for n in range(bench.sizes.events)
        ]
        seen: list[EventCase] = bench.each(event_case, rows, event.name.lower())
        good = sum(one.sided and not math.isnan(one.seconds) for one in seen)
        out[event.name.lower()] = {"share": good / max(1, len(seen)), "cases": len(seen)}
    return out


def _routes(bench: Bench) -> dict[str, Any]:
    names, seconds = _names(), 60.0
    rows = [(names[n % len(names)], seconds, bench.seed + n) for n in range(bench.sizes.routes)]
    driven = bench.each(route, rows, "routes")
    minutes = sum(one.minutes for one in driven)
    return {
        "routes": len(driven),
        "without_contact": sum(one.clean for one in driven) / len(driven),
        "left_the_road": sum(one.strayed for one in driven) / len(driven),
        "mean_speed": sum(one.metres for one in driven) / (len(driven) * seconds),
        "contacts_a_vehicle_minute": sum(one.contacts for one in driven) / max(minutes, 1e-9),
        "vehicle_minutes": minutes,
    }


def _sumo(bench: Bench) -> dict[str, float] | None:
    """None where the extra `sim` is not installed."""
    if not installed():
        return None
    rows = [(name, 60.0 * bench.sizes.sumo_minutes, bench.seed) for name in _names()]
    found = bench.each(sumo_contacts, rows, "SUMO's traffic")
    minutes = sum(spent for _, spent in found)
    return {
        "contacts_a_vehicle_minute": sum(count for count, _ in found) / max(minutes, 1e-9),
        "vehicle_minutes": minutes,
    }


def _counterfactual(bench: Bench) -> dict[str, float]:
    forks = bench.sizes.forks
    return counterfactual(bench.seed, forks, lambda done: bench.tell(done / forks, f"forks: {done} of {forks}"))


def _hashes(bench: Bench) -> dict[str, bool]:
    found = hashes(bench.seed, bench.workers)
    return found if bench.elsewhere is None else found | bench.elsewhere(bench.seed)


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
    return look(bench.seed, bench.sources, bench.sizes.judged, bench.tell)


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
    "dreamt_judge": (0.2, lambda bench: look_in_dreams(bench.seed, bench.sources, bench.sizes.judged)),
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
    """Every measurement, or `only` some, by name. `workers`: processes that drive (default: one a core, two at most; 0: this one).

    sources: what the painter is measured with. DataError for an unknown name.
    """
    if unknown := sorted(set(only) - set(MEASUREMENTS)):
        raise DataError(f"There is no measurement '{unknown[0]}'; there are: {', '.join(MEASUREMENTS)}.")
    chosen = {name: MEASUREMENTS[name] for name in MEASUREMENTS if not only or name in only}
    whole, done, result = sum(share for share, _ in chosen.values()), 0.0, dict[str, Any]()
    with _pool(min(2, os.cpu_count() or 1) if workers is None else workers) as pool:
        for name, (share, measure) in chosen.items():
            tell = partial(_within, report, done / whole, share / whole)
            result[name] = measure(Bench(sizes, seed, pool, elsewhere, tell, sources or Sources()))
            done += share
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
    """The result as rows of text, for people."""
    return [row for name, value in result.items() if value is not None for row in ROWS[name](value)]


def _manoeuvre_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for name, one in found.items():
        rows.append((f"{name} ({one['cases']} cases)", f"{100 * one['share']:.0f}%", "98%"))
        if MANOEUVRES[name] in TURNS:
            rows.append((f"{name} within {LATEST:.0f} s", f"{100 * one['late']:.0f}%", ""))
    return rows


def _event_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    within = f"within {EVENT_SECONDS:g} s, on its side"
    return [(f"{name} {within} ({one['cases']})", f"{100 * one['share']:.0f}%", "95%") for name, one in found.items()]


def _route_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (f"{found['routes']} routes of a minute without contact", f"{100 * found['without_contact']:.1f}%", "95%"),
        ("routes that left the road", f"{100 * found['left_the_road']:.1f}%", ""),
        ("mean speed", f"{found['mean_speed']:.1f} m/s", ""),
        ("contacts of others a vehicle-minute", _contacts(found), "at most 0.03"),
    ]


def _contacts(found: dict[str, Any]) -> str:
    return f"{found['contacts_a_vehicle_minute']:.4f} (in {found['vehicle_minutes']:,.0f})"


def _fork_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    what = {
        "apart": "speeds part within 1 s",
        "same_past": "the past driven again is the same",
        "same_others": "nobody out of earshot does anything else",
    }
    forks = f"two futures ({found['cases']:.0f} forks)"
    return [(f"{forks}: {text}", f"{100 * found[name]:.0f}%", "100%") for name, text in what.items()]


def _hash_rows(found: dict[str, bool]) -> list[tuple[str, str, str]]:
    return [(f"state hashes equal: {name}", "yes" if same else "no", "yes") for name, same in found.items()]


def _step_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str]]:
    rows = [(f"a step with {one['agents']:.0f} agents", f"{one['step']:.2f} ms") for one in found.values()]
    return [(*rows[1], "1 ms"), (*rows[0], ""), ("the driver", f"{found['usual']['driver']:.2f} ms", "")]


def _picture_rows(found: dict[str, dict[str, float]]) -> list[tuple[str, str, str]]:
    rows = []
    for size, ms in found.items():
        rows.append((f"a picture of {size}, without air", f"{ms['plain']:.1f} ms", f"{PICTURE_AIMS[size]} ms"))
        rows.append((f"a picture of {size}", f"{ms['whole']:.1f} ms", ""))
    return rows


def _endurance_rows(found: dict[str, float]) -> list[tuple[str, str, str]]:
    what = f"{found['minutes']:g} minutes on the road, end over beginning"
    names = ("picture", "step", "detail", "memory")
    return [(f"{what}: {name}", f"{found[name]:.3f}", "within 5%") for name in names]


def _dreamt_rows(found: dict[str, float]) -> list[tuple[str, str, str]]:
    what = f"{found['minutes']:g} minutes, {found['metres'] / 1000:.1f} km in dreamt streets"
    rows = [
        (
            f"{what}, end over beginning: {text}",
            f"{found[name]:.3f} ({found[f'first_{name}_{unit}']:.3g} {unit.replace('mib', 'MiB')} at first)",
            aim,
        )
        for name, text, unit, aim in (
            ("picture", "picture and step", "ms", "within 5%"),
            ("step", "step", "ms", "within 5%"),
            ("memory", "memory", "mib", "within 5%"),
            ("growing", "growing it, a question", "ms", ""),
        )
    ]
    longest = max(found["longest_step_ms"], found["longest_picture_ms"])
    rows.append(
        (f"{what}: the longest step of one core, with a picture or without", f"{longest:.0f} ms", "at most 120 ms")
    )
    if "streets" in found:
        rows.append((f"{what}: places that come twice, of {found['junctions']:,.0f}", f"{found['repeated']:.0f}", "0"))
        held = f"{found['kib_a_street']:.1f} KiB ({found['streets']:,.0f} streets, {found['streets_on_the_map']:.0f} on the map)"
        rows.append((f"{what}: what a street takes", held, ""))
    return rows


def _again_rows(found: dict[str, float]) -> list[tuple[str, str, str]]:
    rows = []
    for name, decibels in found.items():
        how = "saved and loaded" if name == "loaded" else f"after {name.removesuffix('_s')} s elsewhere"
        rows.append((f"the same place seen again in dreamt streets, {how}", f"{decibels:.0f} dB", "40 dB"))
    return rows


ROWS: dict[str, Callable[[Any], list[tuple[str, str, str]]]] = {
    "manoeuvres": _manoeuvre_rows,
    "events": _event_rows,
    "routes": _route_rows,
    "sumo": lambda found: [("likewise SUMO's own traffic in the same towns", _contacts(found), "")],
    "counterfactual": _fork_rows,
    "hashes": _hash_rows,
    "milliseconds": _step_rows,
    "picture_milliseconds": _picture_rows,
    "seen_again": lambda decibels: [("the same place seen again", f"{decibels:.0f} dB", "40 dB")],
    "endurance": _endurance_rows,
    "dreamt_hour": _dreamt_rows,
    "dreamt_again": _again_rows,
    **PAINTER_ROWS,
}
