"""What the judge recognises in painted dreams, beside plainly shaded ones and its accuracy on path-traced films."""

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
    """All measurements of world.evaluate.judge for `painted` and `plain` pictures of the same drives; `missing` gives
    the reason for no result.
    """
    if sources.painter is None or sources.judge is None:
        return {"missing": NO_PAINTER if sources.painter is None else NO_JUDGE}
    from world.evaluate.judge import JudgeSizes, drawing, judge_drives

    def within(begin: float, what: str, fraction: float, text: str) -> None:
        tell(begin + 0.5 * fraction, f"the judge, {what} pictures: {text}")

    sizes, out = JudgeSizes(*[cases] * 5), dict[str, Any]()
    for begin, what, painter in ((0.0, "painted", sources.painter), (0.5, "plain", None)):
        draw = drawing(renderer(painter))
        out[what] = judge_drives(sources.judge, draw, sources.films, sizes, seed, partial(within, begin, what))
    return out


def look_in_dreams(seed: int, sources: Sources, cases: int) -> dict[str, Any]:
    """The events that the judge recognises in painted dreamt streets with the default traffic; `missing` gives the
    reason for no result.
    """
    if sources.painter is None or sources.judge is None:
        return {"missing": NO_PAINTER if sources.painter is None else NO_JUDGE}
    from world.evaluate.judge import TestSetting, drawing, events
    from world.evaluate.scene_driver import DREAMT

    traffic = None if USUAL.folder is None else load_traffic(USUAL.folder)
    return events(sources.judge, drawing(renderer(sources.painter)), cases, seed, TestSetting(DREAMT, traffic))


def dreamt_judge_rows(result: dict[str, Any]) -> list[Row]:
    """A row per event, their mean, and the false alarms."""
    what = f"{WHAT['events']} in dreamt streets"
    if "missing" in result:
        return [(what.format("an event"), f"not measured: {result['missing']}", AIMS["events"])]
    rows = [
        (what.format(name), f"{100 * one['share']:.0f}% (came within 8 s {100 * one['came']:.0f}%)", AIMS["events"])
        for name, one in result.items()
        if isinstance(one, dict)
    ]
    rows.append(("events seen in dreamt streets, mean", f"{100 * result['mean']:.0f}%", "92%"))
    return [*rows, ("events seen in dreamt streets where there is none", f"{100 * result['false_alarms']:.0f}%", "")]


def judge_rows(result: dict[str, Any]) -> list[Row]:
    """A row per class, with plain shading's share and the judge's own accuracy."""
    if "missing" in result:
        return [("what the judge sees in dreams", f"not measured: {result['missing']}", "")]
    painted_result, plain, own = result["painted"], result["plain"], result["painted"].get("own", {})
    rows = []
    for group in GROUPS:
        for name, one in painted_result[group].items():
            if isinstance(one, dict):
                cell = f"{100 * one['share']:.0f}% (plain {100 * plain[group][name]['share']:.0f}%"
                worth = own.get(OWN[group], {}).get(name)
                cell += ")" if worth is None else f"; on traced films {100 * worth:.0f}%)"
                rows.append((WHAT[group].format(name), cell, AIMS[group]))
    events = painted_result["events"]
    rows.append(
        ("events seen, mean", f"{100 * events['mean']:.0f}% (plain {100 * plain['events']['mean']:.0f}%)", "92%")
    )
    alarms = f"{100 * events['false_alarms']:.0f}% (plain {100 * plain['events']['false_alarms']:.0f}%)"
    rows.append(("events seen where there is none", alarms, ""))
    for name, aim in MOTION_AIMS.items():
        cell = f"{painted_result['motion'][name]:.3f} (plain {plain['motion'][name]:.3f}"
        worth = own.get(f"{name}_correlation")
        cell += ")" if worth is None else f"; on traced films {worth:.3f})"
        rows.append((f"judged against true: {name.replace('_', ' ')}", cell, str(aim)))
    if "frechet" in painted_result:
        ratio = f"{painted_result['frechet']['ratio']:.2f} (plain {plain['frechet']['ratio']:.2f})"
        rows.append(("Fréchet distance to traced pictures over that among them", ratio, "at most 1.5"))
    return rows
