"""Checks whether a clip shows what was asked for, by the facts of its scene and the states of its plan's steps.

Conditions: the scene has the commanded weather (time) in most frames from 3 s after the command. Events: within 8 s the
role is played, in sight, and on the commanded side. Manoeuvres: the step was completed (yaw turned, lane reached,
junction passed, standing). In every clip our car touches nobody and stays on the road.
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

CONDITION_SECONDS = 3.0  # after which a condition is there in full
EVENT_SECONDS = 8.0  # within which an event is in sight
MOST = 0.5  # share of the frames checked that must have a condition
SHORT = FPS // 2  # frames: a condition in force for less is not checked
BENT = math.radians(30)  # more than a road bends: counts as a turn where the clip ends in the middle of one
NOT_BEGUN = "it did not begin within the clip"


@dataclass(frozen=True, slots=True)
class Finding:
    """The check of one thing that was asked for. at: s into the clip at which it is there first, None where it never is;
    score in [0, 1]: how much of it there is; seen: what is there, in words.
    """

    kind: str
    asked: str
    found: bool
    score: float
    at: float | None
    seen: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clip's findings. reasons: why it is rejected; none where it is accepted."""

    findings: tuple[Finding, ...]
    reasons: tuple[str, ...] = field(default_factory=tuple)

    @property
    def accepted(self) -> bool:
        """Whether no reason speaks against the clip."""
        return not self.reasons


def check(clip: Clip, labels: Sequence[Label], scenario: Scenario) -> tuple[Finding, ...]:
    """A finding for everything that the clip is to show, and for contact and the road. `labels`: one a frame."""
    findings = [*_conditions(clip, labels, "weather"), *_conditions(clip, labels, "time")]
    runs = _Runs(clip)
    for step in scenario.plan.steps:
        if step.group == "event":
            findings.append(_event(step, runs.of(step), labels))
        elif step.group in ("drive", "speed") and step.name != "follow":
            findings.append(_drive(step, runs.of(step)))
        elif step.group in ("weather", "time") and runs.of(step) is None:
            findings.append(Finding(step.group, bare(step), False, 0.0, None, NOT_BEGUN))
    return (*findings, _contact(labels), _road(labels))


def reasons(findings: Sequence[Finding]) -> list[str]:
    """A phrase for each thing that is missing."""
    return [f"{one.asked}: {one.seen}" for one in findings if not one.found]


def _conditions(clip: Clip, labels: Sequence[Label], name: str) -> list[Finding]:
    """Compares every commanded weather (time) with the scene's, from when it must be there in full."""
    commanded = np.array([getattr(moment.frame.control, name) for moment in clip.moments])
    actual = np.array([getattr(one.facts, name) for one in labels])
    begins = [0, *(np.flatnonzero(np.diff(commanded)) + 1).tolist(), len(commanded)]
    findings = []
    for begin, end in pairwise(begins):
        if end - begin < SHORT or commanded[begin] < 0:
            continue
        full = begin + round(CONDITION_SECONDS * FPS) if begin else begin
        window = actual[min(full, end - SHORT) : end]
        value, share = int(commanded[begin]), float((window == commanded[begin]).mean())
        first = np.flatnonzero(actual[begin:end] == value)
        usual = Counter(window.tolist()).most_common(1)[0][0]
        good = share > MOST
        text = f"there in {share:.0%} of frames" if good else f"it is {condition_line(name, usual)}"
        at = (begin + int(first[0])) / FPS if good else None
        findings.append(Finding(name, condition_line(name, value), good, share, at, text))
    return findings


def _event(step: Step, run: _Run | None, labels: Sequence[Label]) -> Finding:
    line = bare(step)
    if run is None:
        return Finding("event", line, False, 0.0, None, NOT_BEGUN)
    event, end = Event[step.name.upper()], min(len(labels), run.begin + round(EVENT_SECONDS * FPS))
    active = [frame for frame in range(run.begin, end) if labels[frame].event == event]
    if not active:
        return Finding("event", line, False, 0.0, None, "nobody had room to play it")
    visible = [frame for frame in active if labels[frame].facts.event_visible]
    if not visible:
        seconds = (end - run.begin) / FPS
        return Finding("event", line, False, 0.0, None, f"it was never in sight in {seconds:g} s")
    first = labels[visible[0]]
    side = next((str(one) for one in step.args if one in SIDES), None)
    score, at = len(visible) / len(active), visible[0] / FPS
    if side is not None and Side(first.side) != Side[side.upper()]:
        return Finding("event", line, False, 0.0, at, f"it came from the {Side(first.side).name.lower()}")
    text = f"in sight for {len(visible) / FPS:.1f} s, first {first.ahead:.0f} m ahead"
    return Finding("event", line, True, score, at, text)


def _drive(step: Step, run: _Run | None) -> Finding:
    line = bare(step)
    if run is None:
        return Finding("manoeuvre", line, False, 0.0, None, NOT_BEGUN)
    last, at = run.last, run.end / FPS
    if last.status == "done":
        return Finding("manoeuvre", line, True, 1.0, at, last.reason)
    if step.name in ("left", "right") and last.share * TURNED >= BENT:
        text = f"{math.degrees(last.share * TURNED):.0f} degrees turned at the end"
        return Finding("manoeuvre", line, True, last.share, at, text)
    text = f"{last.share:.0%} done when the clip ends" if last.status == "running" else last.reason
    return Finding("manoeuvre", line, False, last.share, None, text)


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
    """A step that began. begin: its first frame; end: the frame at which it, or the clip, was over; last: its state then."""

    begin: int
    end: int
    last: StepState


class _Runs:
    """When each step of a plan ran and how it ended, from the timeline's states."""

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
        self._calls: Counter[str] = Counter()

    def of(self, step: Step) -> _Run | None:
        """The run of the next step with these words; call it in the plan's order. None where it never began."""
        line = print_line(Plan((step,)))
        runs, number = self._runs.get(line, []), self._calls[line]
        self._calls[line] += 1
        return runs[number] if number < len(runs) else None
