"""Is what was asked for in the clip? A matter of fact: the scene that was driven through says it, and the plan's own steps.

Conditions: the scene has the commanded weather (time) in most frames from 3 s after it was asked for. Events: within 8 s the
role is played, in sight, and on the side asked for. Manoeuvres: the step came to its end (yaw come round, lane reached,
junction passed, standing). And our car touches nobody and stays on the road.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from brain.conditions import condition_line
from brain.plan import SIDES, Plan, Step, print_line
from bridge.factory.labels import Label
from bridge.factory.scenario import Scenario, bare
from bridge.progress import TURNED
from bridge.recording.clip import Clip
from bridge.timeline import StepState
from world.controls import FPS, Event, Side
from world.scene.objects import Kind

CONDITION_SECONDS, EVENT_SECONDS = (
    3.0,
    8.0,
)  # a condition is there in full after the one, an event in sight within the other
MOST = 0.5  # a condition is there where most of the frames that are looked at have it
SHORT = FPS // 2  # frames: a condition that was in force for less is not looked for
BENT = math.radians(30)  # more than a road bends: a turn that the clip ends in is one
NOT_BEGUN = "it did not begin within the clip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked for. at: s into the clip when it was there first, None where it was not; score: in [0, 1],
    how much of it there was; seen: what was there, in words.
    """

    kind: str
    asked: str
    found: bool
    score: float
    at: float | None
    seen: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """reasons: why it is rejected; none where it is accepted."""

    findings: tuple[Finding, ...]
    reasons: tuple[str, ...] = field(default_factory=tuple)

    @property
    def accepted(self) -> bool:
        return not self.reasons


def check(clip: Clip, labels: Sequence[Label], scenario: Scenario) -> tuple[Finding, ...]:
    """A finding for everything that the clip is to show, and for a clean drive. `labels`: of its frames."""
    found = [*_conditions(clip, labels, "weather"), *_conditions(clip, labels, "time")]
    runs = _Runs(clip)
    for step in scenario.plan.steps:
        if step.group == "event":
            found.append(_event(step, runs.of(step), labels))
        elif step.group in ("drive", "speed") and step.name != "follow":
            found.append(_drive(step, runs.of(step)))
        elif step.group in ("weather", "time") and runs.of(step) is None:
            found.append(Finding(step.group, bare(step), False, 0.0, None, NOT_BEGUN))
    return (*found, _contact(labels), _road(labels))


def reasons(findings: Sequence[Finding]) -> list[str]:
    """One phrase for each thing that is not there."""
    return [f"{one.asked}: {one.seen}" for one in findings if not one.found]


def _conditions(clip: Clip, labels: Sequence[Label], name: str) -> list[Finding]:
    """Every weather (time) that was commanded, and what the scene has once it must be there in full."""
    told = np.array([getattr(moment.frame.control, name) for moment in clip.moments])
    true = np.array([getattr(one.facts, name) for one in labels])
    begins = [0, *(np.flatnonzero(np.diff(told)) + 1).tolist(), len(told)]
    found = []
    for begin, end in pairwise(begins):
        if end - begin < SHORT or told[begin] < 0:
            continue
        settled = begin + round(CONDITION_SECONDS * FPS) if begin else begin
        there = true[min(settled, end - SHORT) : end]
        asked, share = int(told[begin]), float((there == told[begin]).mean())
        first = np.flatnonzero(true[begin:end] == asked)
        instead = Counter(there.tolist()).most_common(1)[0][0]
        good = share > MOST
        seen = f"there in {share:.0%} of frames" if good else f"it is {condition_line(name, instead)}"
        found.append(
            Finding(
                name, condition_line(name, asked), good, share, (begin + int(first[0])) / FPS if good else None, seen
            )
        )
    return found


def _event(step: Step, run: _Run | None, labels: Sequence[Label]) -> Finding:
    asked = bare(step)
    if run is None:
        return Finding("event", asked, False, 0.0, None, NOT_BEGUN)
    event, end = Event[step.name.upper()], min(len(labels), run.begin + round(EVENT_SECONDS * FPS))
    played = [frame for frame in range(run.begin, end) if labels[frame].event == event]
    if not played:
        return Finding("event", asked, False, 0.0, None, "nobody had room to play it")
    sighted = [frame for frame in played if labels[frame].facts.event_visible]
    if not sighted:
        seconds = (end - run.begin) / FPS
        return Finding("event", asked, False, 0.0, None, f"it was never in sight in {seconds:g} s")
    first = labels[sighted[0]]
    side = next((str(one) for one in step.args if one in SIDES), None)
    score, at = len(sighted) / len(played), sighted[0] / FPS
    if side is not None and Side(first.side) != Side[side.upper()]:
        return Finding("event", asked, False, 0.0, at, f"it came from the {Side(first.side).name.lower()}")
    seen = f"in sight for {len(sighted) / FPS:.1f} s, first {first.ahead:.0f} m ahead"
    return Finding("event", asked, True, score, at, seen)


def _drive(step: Step, run: _Run | None) -> Finding:
    asked = bare(step)
    if run is None:
        return Finding("manoeuvre", asked, False, 0.0, None, NOT_BEGUN)
    last, at = run.last, run.end / FPS
    if last.status == "done":
        return Finding("manoeuvre", asked, True, 1.0, at, last.reason)
    if step.name in ("left", "right") and last.share * TURNED >= BENT:
        seen = f"{math.degrees(last.share * TURNED):.0f} degrees turned at the end"
        return Finding("manoeuvre", asked, True, last.share, at, seen)
    seen = f"{last.share:.0%} done when the clip ends" if last.status == "running" else last.reason
    return Finding("manoeuvre", asked, False, last.share, None, seen)


def _contact(labels: Sequence[Label]) -> Finding:
    first = next((frame for frame, one in enumerate(labels) if one.facts.collision), None)
    if first is None:
        return Finding("contact", "no contact", True, 1.0, None, "our car touched nobody")
    what = Kind(labels[first].contact).name.lower().replace("_", " ")
    return Finding("contact", "no contact", False, 0.0, None, f"our car touched a {what} at {first / FPS:.1f} s")


def _road(labels: Sequence[Label]) -> Finding:
    off = [one.facts.off_road for one in labels]
    if not any(off):
        return Finding("road", "on the road", True, 1.0, None, "our car stayed on it")
    share = 1 - sum(off) / len(off)
    return Finding("road", "on the road", False, share, None, f"our car left it at {off.index(True) / FPS:.1f} s")


@dataclass(frozen=True, slots=True)
class _Run:
    """A step that began. begin, end: the frames at which it did, and at which it was over (or the clip); last: how it then stood."""

    begin: int
    end: int
    last: StepState


class _Runs:
    """When each step of a plan ran and how it ended, by the states that the timeline told."""

    def __init__(self, clip: Clip) -> None:
        runs: dict[int, _Run] = {}
        for frame, moment in enumerate(clip.moments):
            for state in moment.steps:
                before = runs.get(state.number)
                if before is None and state.status == "running":
                    runs[state.number] = _Run(frame, frame, state)
                elif before is not None and before.last.status == "running":
                    runs[state.number] = _Run(before.begin, frame, state)
        self._runs: dict[str, list[_Run]] = {}
        for _, run in sorted(runs.items()):
            self._runs.setdefault(run.last.line, []).append(run)
        self._asked: Counter[str] = Counter()

    def of(self, step: Step) -> _Run | None:
        """Of a plan that is gone through in its order: the n-th step of the same words is the n-th that ran."""
        line = print_line(Plan((step,)))
        runs, number = self._runs.get(line, []), self._asked[line]
        self._asked[line] += 1
        return runs[number] if number < len(runs) else None
