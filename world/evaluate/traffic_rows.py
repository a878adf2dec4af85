"""The table of `lucidrive evaluate traffic`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from world.evaluate.traffic_counts import BINS
from world.evaluate.traffic_speed import TIMING_AGENTS

WHO = ("learnt", "without guard", "rules")
HEAD = ("what", *WHO, "SUMO", "aim")
INJECTIONS = {  # obstacle and its s ahead, by name
    "person, 2 s ahead": ("person", 2.0),
    "debris, 3.5 s": ("debris", 3.5),
    "oncoming in the lane": ("oncoming", 3.0),
}
AIMS = {
    "contacts a vehicle-minute": "1.5 times SUMO's",
    "contacts with people": "1.5 times SUMO's",
    "red": "0.1%",
    "off": "0.4%",
    "stuck": "1%",
    "speeds": ".005",
    "accelerations": ".08",
    "gaps": ".002",
    "person, 2 s ahead": "3%",
    "debris, 3.5 s": "2%",
    "oncoming in the lane": "8%",
}


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows for the terminal."""

    def row(what: str, cell: Callable[[dict[str, Any]], str], name: str = "") -> tuple[str, ...]:
        cells = []
        for who in (*WHO, "sumo"):
            try:
                cells.append(cell(result[who]))
            except KeyError:
                cells.append("")
        return (what, *cells, AIMS.get(name or what, ""))

    rows = [row("vehicle-minutes", lambda one: f"{one['minutes']:.0f}"), row("m/s", lambda one: f"{one['speed']:.2f}")]
    for name in ("contacts a vehicle-minute", "contacts with people"):
        rows.append(row(name, partial(_rate, name=name, percent=False)))
    for name in ("red", "off", "stuck"):
        rows.append(row(name, partial(_rate, name=name, percent=True)))
    for name in ("contacts a vehicle-minute", "contacts with people", "red", "off", "stuck"):
        rate = partial(_rate, name=name, percent="contacts" not in name)
        rows.append(row(f"{name} in dreamt streets", lambda one, rate=rate: rate(one["dreamt"]), name))  # type: ignore[misc]
    for name in BINS:
        rows.append(row(f"divergence of {name}", lambda one, name=name: f"{one['divergence'][name]:.4f}", name))  # type: ignore[misc]
        on = f"divergence of {name} on from SUMO's moments"
        rows.append(row(on, lambda one, name=name: f"{one['windows']['divergence'][name]:.4f}", name))  # type: ignore[misc]
    for name in INJECTIONS:
        rows.append(row(name, lambda one, name=name: f"{100 * one['befalls'][name]['contacts']:.0f}%"))  # type: ignore[misc]
    for name in next(iter(result[who]["events"] for who in WHO if who in result), {}):
        rows.append(row(f"{name} within 8 s", lambda one, name=name: f"{100 * one['events'][name]:.0f}%"))  # type: ignore[misc]
    rows.append(row("futures part within 1 s", lambda one: f"{100 * one['futures']['apart']:.0f}%"))
    rows.append(row("minADE at 3 s, m", lambda one: f"{one['ade']:.2f}"))
    for n in TIMING_AGENTS:
        rows.append(row(f"ms a tick, {n} road users", lambda one, n=n: f"{one['milliseconds'][n]:.2f}"))  # type: ignore[misc]
    return [*rows, row("decisions that the guard changed", lambda one: f"{100 * one['changed']:.2f}%")]


def _rate(one: dict[str, Any], name: str, percent: bool) -> str:
    rate, (low, high) = one[name]["rate"], one[name]["interval"]
    if percent:
        return f"{100 * rate:.2f}% ({100 * low:.2f} to {100 * high:.2f})"
    return f"{rate:.3f} ({low:.3f} to {high:.3f})"
