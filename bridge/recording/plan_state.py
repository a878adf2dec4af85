"""A timeline as plain values for JSON, and back: every step with its progress."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar

from brain.plan import Plan, Step, parse_line, print_line
from bridge.progress import JunctionWatch, Progress
from bridge.timeline import Timeline, _Entry, _Lasting

W = TypeVar("W", JunctionWatch, Progress)
STATUSES = ("pending", "running", "done", "timed_out", "cancelled")
OWN = ("step", "target", "first_speed", "nearest")  # of a Progress: arguments, and what is for display alone


def timeline_plain(timeline: Timeline) -> dict[str, Any]:
    """The timeline for JSON; `timeline_from` reads it back."""
    entries = [_plain(entry, timeline._entries) for entry in timeline._entries]
    own = {name: vars(value) if isinstance(value, _Lasting) else value for name, value in _own(timeline).items()}
    return own | {"entries": entries}


def timeline_from(values: Mapping[str, Any]) -> Timeline:
    """A timeline from `timeline_plain`. PlanError, KeyError, TypeError, ValueError or IndexError for anything else."""
    timeline = Timeline()
    for name, value in _own(timeline).items():
        if isinstance(value, _Lasting):
            vars(value).update({part: _number(values[name][part]) for part in vars(value)})
        elif name != "entries":
            setattr(timeline, f"_{name}", type(value)(values[name]))
    for fields in values["entries"]:
        timeline._entries.append(_entry(fields, timeline._entries))
        timeline._steps += 1
        timeline._entries[-1].number = timeline._steps
    timeline.state()  # raises where a value is none that there is
    return timeline


def _own(timeline: Timeline) -> dict[str, Any]:
    """The saved fields of a timeline; its steps are counted anew."""
    return {name.removeprefix("_"): value for name, value in vars(timeline).items() if name != "_steps"}


def _plain(entry: _Entry, entries: list[_Entry]) -> dict[str, Any]:
    own = {name: value for name, value in vars(entry).items() if name not in ("step", "number")}
    return (
        {"line": print_line(Plan((entry.step,)))}
        | own
        | {
            "after": next((place for place, one in enumerate(entries) if one is entry.after), None),
            "progress": entry.progress and _dump(entry.progress) | {"target": entry.progress.target},
            "watch": entry.watch and _dump(entry.watch),
        }
    )


def _entry(fields: Mapping[str, Any], before: list[_Entry]) -> _Entry:
    plan = parse_line(fields["line"])
    if not isinstance(plan, Plan) or fields["status"] not in STATUSES:
        raise ValueError("no step")
    (step,) = plan.steps
    after = None if fields["after"] is None else before[int(fields["after"])]
    entry = _Entry(step, int(fields["plan"]), after, fields["status"], str(fields["reason"])[:200])
    entry.waited, entry.ended = int(fields["waited"]), int(fields["ended"])
    if fields["progress"] is not None:
        entry.progress = _restore(Progress(step, _number(fields["progress"]["target"])), fields["progress"])
    if fields["watch"] is not None:
        entry.watch = _restore(JunctionWatch(), fields["watch"])
    return entry


def _dump(watcher: JunctionWatch | Progress) -> dict[str, Any]:
    own = {name: value for name, value in vars(watcher).items() if name not in OWN}
    return {name: list(value) if isinstance(value, deque) else value for name, value in own.items()}


def _restore(watcher: W, fields: Mapping[str, Any]) -> W:
    for name, value in vars(watcher).items():
        if isinstance(value, deque):
            value.extend(_number(one) for one in fields[name])
        elif not isinstance(value, Step) and name not in OWN:
            setattr(watcher, name, type(value)(fields[name]))
    return watcher


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value
