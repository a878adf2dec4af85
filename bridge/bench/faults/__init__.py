"""`lucidrive bench faults`: injects faults and counts whether what is promised for them holds.

damage.py   bytes flipped, cut off, appended            disk.py     a disk that refuses at every single operation
kills.py    SIGKILL at random moments and operations    crowd.py    more tabs than there is room for, all at once
nans.py     NaN in each part                            ooms.py     memory that runs out, at every allocation
crosstalk.py  many drives in one process                result.py   a line of the table, and how much is tried
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.bench.faults.result import FULL, QUICK, FaultAmounts, FaultResult
from bridge.errors import SessionError
from world.telling import Report

__all__ = ["FULL", "NAMES", "QUICK", "FaultAmounts", "FaultResult", "run", "table"]

NAMES = ("kills", "disk", "damage", "nans", "ooms", "crosstalk", "crowd", "peaks", "long")


def run(
    only: tuple[str, ...] = (), amounts: FaultAmounts = FULL, world: Path | None = None, report: Report | None = None
) -> list[FaultResult]:
    """The measurements `only`, or all of NAMES. SessionError for an unknown name."""
    if odd := [name for name in only if name not in NAMES]:
        raise SessionError(f"There is no measurement '{odd[0][:40]}'; there are: {', '.join(NAMES)}.")
    names = [name for name in NAMES if name in only or not only]
    results: list[FaultResult] = []
    for number, name in enumerate(names):
        if report is not None:
            report(number / len(names), name)
        with tempfile.TemporaryDirectory(prefix="lucidrive-") as folder:
            results += _measure(name, amounts, world, Path(folder))
    return results


def table(results: list[FaultResult]) -> list[tuple[str, str, str]]:
    """Rows of a table for people: what, measured, aimed at."""
    return [(one.what, one.measured if one.met else f"{one.measured} (missed)", one.aim) for one in results]


def _measure(name: str, amounts: FaultAmounts, world: Path | None, folder: Path) -> list[FaultResult]:
    from brain.director import Director
    from bridge.bench.faults import crosstalk, crowd, damage, disk, growth, kills, nans, ooms
    from bridge.bench.faults.moments import record_moments
    from world.dream import load_world
    from world.scene_world import SceneWorld

    if name == "crowd":  # processes of their own
        return [crowd.measure(amounts.clients, amounts.tabs, world)]
    if name == "peaks":
        return [growth.peaks(amounts.dreams, world)]
    model = load_world(world)
    calls: dict[str, Callable[[], Any]] = {
        "kills": lambda: kills.measure(*record_moments(model), folder, amounts.kills),
        "disk": lambda: [disk.measure(model, *record_moments(model), folder)],
        "damage": lambda: damage.measure(model, world, *record_moments(model), folder, amounts.damages),
        "nans": lambda: [nans.measure(model, folder, Director.load())],
        "ooms": lambda: [ooms.measure(SceneWorld(), amounts.ooms)],
        "crosstalk": lambda: crosstalk.measure(model, amounts.sessions, amounts.steps),
        "long": lambda: [growth.long(model, amounts.frames)],
    }
    results: list[FaultResult] = calls[name]()
    return results
