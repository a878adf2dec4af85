"""`lucidrive evaluate driver`: the learnt driver of scene worlds beside the rules that it imitates, in test towns or
dreamt places.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import Command, Event, Side
from world.dynamics import expert
from world.dynamics.driver import Driver, act
from world.dynamics.policy import FOLDER, load_policy
from world.dynamics.start import start
from world.dynamics.traffic import Traffic
from world.errors import DataError
from world.evaluate.scene_drives import (
    CRUISE,
    LATEST,
    TURNS,
    RouteResult,
    event_case,
    first_cases,
    on,
    route,
    seconds_until_done,
    shares,
)
from world.places import find_place
from world.scene.places import towns
from world.telling import Report

COMMANDS = {
    "left": Command.LEFT,
    "right": Command.RIGHT,
    "straight": Command.STRAIGHT,
    "lane left": Command.LANE_LEFT,
    "lane right": Command.LANE_RIGHT,
    "stop": Command.STOP,
    "go": Command.FOLLOW,
}
EVENTS = {event.name.lower().replace("_", " "): event for event in Event if event > Event.NONE}
DREAMT = tuple(f"dreamt:{seed}" for seed in range(1000, 1020))  # few, since each process grows its own
assert set(TURNS) <= set(COMMANDS.values())


def evaluate_driver(
    weights: Path = FOLDER,
    routes: int = 200,
    cases: int = 100,
    seed: int = 0,
    workers: int = 2,
    place: str = "",
    events: int = 20,
    seconds: float = 60.0,
    traffic: Traffic | None = None,
    only: Sequence[str] = (),
    report: Report | None = None,
) -> dict[str, Any]:
    """Scores both drivers on `routes` of `seconds` without events and as many full of them, `cases` of each command and
    `events` of each event.

    place: "dreamt" for several dreamt places, which grow during the drive, or one by name; empty: the test towns.
    traffic: None for rules. only: "learnt" or "rules"; empty: both. Raises WeightsError where `weights` has no driver
    or streets cannot be dreamt, DataError for an unknown place or driver.
    """
    note = report or (lambda share, text: None)
    drivers: dict[str, Driver] = {"learnt": partial(act, load_policy(weights)), "rules": expert.drive}
    if unknown := set(only) - set(drivers):
        raise DataError(f"There is no driver '{min(unknown)}'; there are: {', '.join(drivers)}.")
    drivers = {name: by for name, by in drivers.items() if not only or name in only}
    names = names_of(place)
    find_place(names[0])
    result: dict[str, Any] = {}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for number, (name, by) in enumerate(drivers.items()):
            tell = partial(_tell, note, number / len(drivers), 1 / len(drivers), name)
            out: dict[str, Any] = {"commands": {}, "late": {}, "events": {}}
            for index, (word, command) in enumerate(COMMANDS.items()):
                tell(0.05 * index, word)
                case = partial(case_of, command=command, by=by, traffic=traffic)
                measure = partial(pool.map, case, chunksize=5)
                seconds_of_cases = first_cases(measure, cases, seed, names)
                out["commands"][word], out["late"][word] = shares(seconds_of_cases)
            for word, event in EVENTS.items() if events else ():
                tell(0.35, f"{word} within 8 s")
                out["events"][word] = _visible_share(
                    pool, names, events, seed, partial(event_visible, event=event, by=by, traffic=traffic)
                )
            for share, key, eventful in ((0.4, "calm", False), (0.7, "eventful", True)):
                tell(share, f"{key} routes")
                jobs = [(names[n % len(names)], seed + n) for n in range(routes)]
                drive = partial(route_of, seconds=seconds, by=by, eventful=eventful, traffic=traffic)
                results = list(pool.map(drive, jobs, chunksize=5))
                out[key] = {
                    "routes": routes,
                    "clean": sum(one.clean for one in results) / max(1, routes),
                    "strayed": sum(one.strayed for one in results) / max(1, routes),
                    "speed": sum(one.metres for one in results) / (seconds * max(1, routes)),
                }
            out["milliseconds"] = _milliseconds(names[0], by, seed)
            result[name] = out
    return result


def names_of(place: str) -> Sequence[str]:
    """The names of places for the argument `place` of `evaluate_driver`."""
    if not place:
        return towns()["test"]
    return DREAMT if place == "dreamt" else (place,)


def _tell(note: Report, first: float, all_of: float, name: str, share: float, what: str) -> None:
    note(first + all_of * share, f"{name}: {what}")


def route_of(job: tuple[str, int], seconds: float, by: Driver, eventful: bool, traffic: Traffic | None) -> RouteResult:
    """A route, for worker processes."""
    return route(job[0], seconds, job[1], by, eventful, traffic)


def case_of(job: tuple[str, int], command: Command, by: Driver, traffic: Traffic | None) -> float | None:
    """One case of a command, for worker processes."""
    return seconds_until_done(job[0], command, job[1], by=by, traffic=traffic)


def event_visible(job: tuple[str, Side, int, int], event: Event, by: Driver, traffic: Traffic | None) -> bool:
    """Whether one case of an event was visible on its side, for worker processes."""
    name, side, level, seed = job
    return event_case(name, event, side, level, seed, traffic, by).on_side


def _visible_share(
    pool: ProcessPoolExecutor,
    names: Sequence[str],
    cases: int,
    seed: int,
    case: Callable[[tuple[str, Side, int, int]], bool],
) -> float:
    """The share of cases in which the event was visible on its side within 8 s."""
    jobs = [(names[n % len(names)], Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, seed + n) for n in range(cases)]
    return float(np.mean(list(pool.map(case, jobs, chunksize=5))))


def _milliseconds(name: str, by: Driver, seed: int) -> float:
    """The median time of a decision, in ordinary traffic."""
    state, times = start(find_place(name), seed), []
    for _ in range(200):
        began = time.perf_counter()
        by(state, int(Command.FOLLOW), CRUISE, 0)
        times.append(time.perf_counter() - began)
        state = on(state, by=by)
    return 1000 * float(np.median(times))


def _percent(share: float) -> str:
    return "nowhere to" if math.isnan(share) else f"{100 * share:.0f}%"


def head(result: dict[str, Any]) -> tuple[str, ...]:
    """The column names of `table`."""
    return ("what", *result, "aim of the learnt")


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows for the terminal."""

    def row(what: str, cell: Callable[[dict[str, Any]], str], aim: str = "") -> tuple[str, ...]:
        return (what, *(cell(one) for one in result.values()), aim)

    number = next(iter(result.values()))["calm"]["routes"]
    rows = [
        row(f"{number} minutes of road without a collision", lambda one: f"{100 * one['calm']['clean']:.1f}%", "95%"),
        row(f"{number} minutes full of events", lambda one: f"{100 * one['eventful']['clean']:.1f}%"),
        row("left the road", lambda one: f"{100 * max(one[k]['strayed'] for k in ('calm', 'eventful')):.1f}%"),
        row("mean speed, m/s", lambda one: f"{one['calm']['speed']:.1f}"),
    ]
    for word in COMMANDS:
        rows.append(row(word, lambda one, word=word: _percent(one["commands"][word]), "98%"))  # type: ignore[misc]
        if COMMANDS[word] in TURNS:
            rows.append(row(f"{word} within {LATEST:.0f} s", lambda one, word=word: _percent(one["late"][word])))  # type: ignore[misc]
    for word in next(iter(result.values()))["events"]:
        rows.append(row(f"{word} within 8 s", lambda one, word=word: f"{100 * one['events'][word]:.0f}%"))  # type: ignore[misc]
    return [*rows, row("ms a decision", lambda one: f"{one['milliseconds']:.3f}", "0.15")]
