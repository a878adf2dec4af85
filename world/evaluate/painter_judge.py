"""What the judge sees in painted dreams, beside what it sees in plainly shaded ones and what it is worth on the path tracer's films."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from world.dynamics.traffic import load_traffic
from world.evaluate.painter import NO_PAINTER, Sources
from world.render.renderer import renderer
from world.scene_world import USUAL

NO_JUDGE = "no judge; train one with `lucidrive train judge` and give --judge DIR"
GROUPS = ("weathers", "hours", "events", "manoeuvres")
AIMS = {"weathers": "90%", "hours": "100%", "events": "85%", "manoeuvres": "85%"}
WHAT = {
    "weathers": "the judge names {} 3 s after it was asked for",
    "hours": "the judge names {} 3 s after it was asked for",
    "events": "the judge sees {} within 4 s of its onset",
    "manoeuvres": "the judge sees {}",
}
OWN = {
    "weathers": "weather",
    "hours": "time",
    "events": "event",
    "manoeuvres": "manoeuvre",
}  # as its own accuracy calls them
MOTION_AIMS = {"yaw_rate": 0.95, "speed": 0.9}
Row = tuple[str, str, str]


def look(seed: int, sources: Sources, cases: int, tell: Callable[[float, str], None]) -> dict[str, Any]:
    """Everything of world.evaluate.judge for `painted` and for `plain` pictures of the same drives; `missing` says why there is nothing."""
    if sources.painter is None or sources.judge is None:
        return {"missing": NO_PAINTER if sources.painter is None else NO_JUDGE}
    from world.evaluate.judge import JudgeSizes, drawing, judged

    def within(begin: float, what: str, fraction: float, text: str) -> None:
        tell(begin + 0.5 * fraction, f"the judge, {what} pictures: {text}")

    sizes, out = JudgeSizes(*[cases] * 5), dict[str, Any]()
    for begin, what, painter in ((0.0, "painted", sources.painter), (0.5, "plain", None)):
        draw = drawing(renderer(painter))
        out[what] = judged(sources.judge, draw, sources.films, sizes, seed, partial(within, begin, what))
    return out


def look_in_dreams(seed: int, sources: Sources, cases: int) -> dict[str, Any]:
    """Which events the judge sees in dreamt streets amid the traffic that dreams have, painted; `missing` says why there is nothing."""
    if sources.painter is None or sources.judge is None:
        return {"missing": NO_PAINTER if sources.painter is None else NO_JUDGE}
    from world.evaluate.judge import TestSetting, drawing, events
    from world.evaluate.scene_driver import DREAMT

    traffic = None if USUAL.folder is None else load_traffic(USUAL.folder)
    return events(sources.judge, drawing(renderer(sources.painter)), cases, seed, TestSetting(DREAMT, traffic))


def dreamt_judge_rows(found: dict[str, Any]) -> list[Row]:
    """A row for each event, their mean, and how often one is seen where there is none."""
    what = f"{WHAT['events']} in dreamt streets"
    if "missing" in found:
        return [(what.format("an event"), f"not measured: {found['missing']}", AIMS["events"])]
    rows = [
        (what.format(name), f"{100 * one['share']:.0f}% (came within 8 s {100 * one['came']:.0f}%)", AIMS["events"])
        for name, one in found.items()
        if isinstance(one, dict)
    ]
    rows.append(("events seen in dreamt streets, mean", f"{100 * found['mean']:.0f}%", "92%"))
    return [*rows, ("events seen in dreamt streets where there is none", f"{100 * found['false_alarms']:.0f}%", "")]


def judge_rows(found: dict[str, Any]) -> list[Row]:
    """A row for each class, with plain shading's figure and the judge's own accuracy beside it."""
    if "missing" in found:
        return [("what the judge sees in dreams", f"not measured: {found['missing']}", "")]
    painted, plain, own = found["painted"], found["plain"], found["painted"].get("own", {})
    rows = []
    for group in GROUPS:
        for name, one in painted[group].items():
            if isinstance(one, dict):
                shown = f"{100 * one['share']:.0f}% (plain {100 * plain[group][name]['share']:.0f}%"
                worth = own.get(OWN[group], {}).get(name)
                shown += ")" if worth is None else f"; on traced films {100 * worth:.0f}%)"
                rows.append((WHAT[group].format(name), shown, AIMS[group]))
    events = painted["events"]
    rows.append(
        ("events seen, mean", f"{100 * events['mean']:.0f}% (plain {100 * plain['events']['mean']:.0f}%)", "92%")
    )
    alarms = f"{100 * events['false_alarms']:.0f}% (plain {100 * plain['events']['false_alarms']:.0f}%)"
    rows.append(("events seen where there is none", alarms, ""))
    for name, aim in MOTION_AIMS.items():
        shown = f"{painted['motion'][name]:.3f} (plain {plain['motion'][name]:.3f}"
        worth = own.get(f"{name}_correlation")
        shown += ")" if worth is None else f"; on traced films {worth:.3f})"
        rows.append((f"judged against true: {name.replace('_', ' ')}", shown, str(aim)))
    if "frechet" in painted:
        ratio = f"{painted['frechet']['ratio']:.2f} (plain {plain['frechet']['ratio']:.2f})"
        rows.append(("Fréchet distance to traced pictures over that among them", ratio, "at most 1.5"))
    return rows
