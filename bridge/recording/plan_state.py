"""A timeline as plain values for JSON, and back: every step on its way, with all that has been seen of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar

from brain.plan import Plan, Step, parse_line, print_line
from bridge.progress import JunctionWatch, Progress
from bridge.timeline import Timeline, _Entry, _Lasting

Watcher = TypeVar("Watcher", JunctionWatch, Progress)
STATUSES = ("pending", "running", "done", "timed_out", "cancelled")
OWN = ("step", "target", "begun", "nearest")  # of a Progress: what it is made with, and what is only shown


def timeline_plain(timeline: Timeline) -> dict[str, Any]:
    """For JSON."""
    entries = [_plain(entry, timeline._entries) for entry in timeline._entries]
    own = {name: vars(value) if isinstance(value, _Lasting) else value for name, value in _own(timeline).items()}
    return own | {"entries": entries}


def timeline_from(values: Mapping[str, Any]) -> Timeline:
    """PlanError, KeyError, TypeError, ValueError or IndexError for what is none."""
    timeline = Timeline()
    for name, value in _own(timeline).items():
        if isinstance(value, _Lasting):
            vars(value).update({part: _number(values[name][part]) for part in vars(value)})
        elif name != "entries":
            setattr(timeline, f"_{name}", type(value)(values[name]))
    for told in values["entries"]:
        timeline._entries.append(_entry(told, timeline._entries))
        timeline._steps += 1
        timeline._entries[-1].number = timeline._steps
    timeline.state()  # whether all of it is something that there is
    return timeline


def _own(timeline: Timeline) -> dict[str, Any]:
    """What is saved of a timeline; its steps are counted anew."""
    return {name.removeprefix("_"): value for name, value in vars(timeline).items() if name != "_steps"}


def _plain(entry: _Entry, entries: list[_Entry]) -> dict[str, Any]:
    own = {name: value for name, value in vars(entry).items() if name not in ("step", "number")}
    return (
        {"line": print_line(Plan((entry.step,)))}
        | own
        | {
            "after": next((place for place, one in enumerate(entries) if one is entry.after), None),
            "progress": entry.progress and _seen(entry.progress) | {"target": entry.progress.target},
            "watch": entry.watch and _seen(entry.watch),
        }
    )


def _entry(told: Mapping[str, Any], before: list[_Entry]) -> _Entry:
    plan = parse_line(told["line"])
    if not isinstance(plan, Plan) or told["status"] not in STATUSES:
        raise ValueError("no step")
    (step,) = plan.steps
    after = None if told["after"] is None else before[int(told["after"])]
    entry = _Entry(step, int(told["plan"]), after, told["status"], str(told["reason"])[:200])
    entry.waited, entry.ended = int(told["waited"]), int(told["ended"])
    if told["progress"] is not None:
        entry.progress = _see(Progress(step, _number(told["progress"]["target"])), told["progress"])
    if told["watch"] is not None:
        entry.watch = _see(JunctionWatch(), told["watch"])
    return entry


def _seen(watcher: JunctionWatch | Progress) -> dict[str, Any]:
    own = {name: value for name, value in vars(watcher).items() if name not in OWN}
    return {name: list(value) if isinstance(value, deque) else value for name, value in own.items()}


def _see(watcher: Watcher, told: Mapping[str, Any]) -> Watcher:
    for name, value in vars(watcher).items():
        if isinstance(value, deque):
            value.extend(_number(one) for one in told[name])
        elif not isinstance(value, Step) and name not in OWN:
            setattr(watcher, name, type(value)(told[name]))
    return watcher


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value
