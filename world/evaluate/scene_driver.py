"""`lucidrive evaluate driver`: the learnt driver of scene worlds beside the rules that it imitates, in test towns."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from world.controls import Command
from world.dynamics import expert
from world.dynamics.driver import Driver, act
from world.dynamics.policy import FOLDER, load_policy
from world.dynamics.start import start
from world.evaluate.scene_drives import CRUISE, TURNS, manoeuvre, on, places, route
from world.scene.places import towns

Note = Callable[[float, str], None]
HEAD = ("what", "learnt", "rules", "aim of the learnt")
COMMANDS = {
    "left": Command.LEFT,
    "right": Command.RIGHT,
    "straight": Command.STRAIGHT,
    "lane left": Command.LANE_LEFT,
    "lane right": Command.LANE_RIGHT,
    "stop": Command.STOP,
    "go": Command.FOLLOW,
}
assert set(TURNS) <= set(COMMANDS.values())


def evaluate_driver(
    weights: Path = FOLDER,
    routes: int = 200,
    cases: int = 100,
    seed: int = 0,
    workers: int = 2,
    report: Note | None = None,
) -> dict[str, Any]:
    """`routes` of a minute without events and as many full of them, `cases` of each command; for both drivers.

    Raises WeightsError where `weights` holds no driver.
    """
    note = report or (lambda share, text: None)
    drivers: dict[str, Driver] = {"learnt": partial(act, load_policy(weights)), "rules": expert.drive}
    result: dict[str, Any] = {}
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for number, (name, by) in enumerate(drivers.items()):
            tell = partial(_tell, note, number / len(drivers), 1 / len(drivers), name)
            found: dict[str, Any] = {"commands": {}}
            for index, (word, command) in enumerate(COMMANDS.items()):
                tell(0.05 * index, word)
                found["commands"][word] = _share(pool, command, cases, seed, by)
            for share, key, eventful in ((0.4, "calm", False), (0.7, "eventful", True)):
                tell(share, f"{key} routes")
                names = towns()["test"]
                jobs = [(names[n % len(names)], seed + n) for n in range(routes)]
                drive = partial(route_of, by=by, eventful=eventful)
                driven = list(pool.map(drive, jobs, chunksize=5))
                found[key] = {
                    "routes": routes,
                    "clean": sum(one.clean for one in driven) / max(1, routes),
                    "strayed": sum(one.strayed for one in driven) / max(1, routes),
                    "speed": sum(one.metres for one in driven) / (60.0 * max(1, routes)),
                }
            found["milliseconds"] = _milliseconds(by, seed)
            result[name] = found
    return result


def _tell(note: Note, first: float, all_of: float, name: str, share: float, what: str) -> None:
    note(first + all_of * share, f"{name}: {what}")


def route_of(job: tuple[str, int], by: Driver, eventful: bool) -> Any:
    """A minute of road, in another process."""
    return route(job[0], 60.0, job[1], by, eventful)


def case_of(job: tuple[str, int], command: Command, by: Driver) -> bool | None:
    """One case of a command, in another process."""
    return manoeuvre(job[0], command, job[1], by=by)


def _share(pool: ProcessPoolExecutor, command: Command, cases: int, seed: int, by: Driver) -> float:
    """Of the first `cases` cases that a place has somewhere for."""
    names = towns()["test"]
    tried: list[bool] = []
    for first in range(0, 4 * cases, max(1, cases)):
        jobs = [(names[n % len(names)], seed + n) for n in range(first, first + cases)]
        tried += [
            one for one in pool.map(partial(case_of, command=command, by=by), jobs, chunksize=5) if one is not None
        ]
        if len(tried) >= cases:
            break
    return float(np.mean(tried[:cases])) if tried else 0.0


def _milliseconds(by: Driver, seed: int) -> float:
    """The median time of a decision, amid ordinary traffic."""
    state, spent = start(places()[0], seed), []
    for _ in range(200):
        began = time.perf_counter()
        by(state, int(Command.FOLLOW), CRUISE, 0)
        spent.append(time.perf_counter() - began)
        state = on(state, by=by)
    return 1000 * float(np.median(spent))


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows of text."""

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
        rows.append(row(word, lambda one, word=word: f"{100 * one['commands'][word]:.0f}%", "98%"))  # type: ignore[misc]
    return [*rows, row("ms a decision", lambda one: f"{one['milliseconds']:.3f}", "0.15")]
