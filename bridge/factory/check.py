"""Is what was asked for in the clip, by the judge who saw the pictures alone? And when?

Conditions: the judge must name the commanded weather (time) in most frames from 3 s after it was asked for. Events: in at least
as many frames of the 4 s from their beginning as false alarms hardly ever reach in real clips (`Trust.frames_needed`), from the
side asked for in most of them. Manoeuvres: the car's own motion and what the judge sees must agree, as in
`world.evaluate.manoeuvres`, but for a turn, which counts once it is more than a bend.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from brain.plan import SIDES, Plan, Step, print_line
from bridge.clips import Clip
from bridge.factory.measures import Trust
from bridge.factory.scenario import Scenario, bare
from bridge.progress import SPEED_TOLERANCE
from bridge.timeline import weather_line
from world.controls import DT, FPS, Event, Side, TimeOfDay
from world.evaluate.control import CONDITION_SECONDS, EVENT_SECONDS
from world.evaluate.films import Film
from world.evaluate.manoeuvres import BENT, changed_lane, crossed, stopped, went
from world.judge import Sight

MOST = 0.5  # a condition is there where most of the frames that are looked at show it
SHORT = FPS // 2  # frames: a condition that was in force for less is not looked for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked for. at: s into the clip when the judge first saw it, None where it did not; score: in [0, 1],
    1 being as sure as the check can be; seen: what was there instead, or how well it was seen.
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


def check(clip: Clip, scenario: Scenario, sight: Sight, trust: Trust) -> tuple[Finding, ...]:
    """A finding for everything that the clip's labels claim: its conditions, events and manoeuvres. `sight`: of its frames."""
    found = [*_conditions(clip, sight, "weather"), *_conditions(clip, sight, "time")]
    spans = _Spans(clip)
    for step in scenario.plan.steps:
        if step.group == "event":
            found.append(_event(step, spans.of(step), sight, trust))
        elif step.group in ("drive", "speed") and step.name != "follow":
            found.append(_drive(step, spans.of(step), clip, sight, trust))
        elif step.group in ("weather", "time") and spans.of(step) is None:
            found.append(Finding(step.group, bare(step), False, 0.0, None, "it did not begin within the clip"))
    return tuple(found)


def reasons(findings: tuple[Finding, ...]) -> list[str]:
    """One phrase for each thing that is not there."""
    return [f"{one.asked}: {one.seen}" for one in findings if not one.found]


def _conditions(clip: Clip, sight: Sight, name: str) -> list[Finding]:
    """Every weather (time) that was commanded, with what the judge names once it must be seen in full."""
    told = np.array([getattr(moment.frame.control, name) for moment in clip.moments])
    begins = [0, *(np.flatnonzero(np.diff(told)) + 1).tolist(), len(told)]
    found = []
    for begin, end in pairwise(begins):
        if end - begin < SHORT or told[begin] < 0:
            continue
        settled = begin + round(CONDITION_SECONDS * FPS) if begin > 1 or _changes(clip, name) else begin
        named = getattr(sight, name)[min(settled, max(begin, end - SHORT)) : end]
        asked, share = int(told[begin]), float((named == told[begin]).mean())
        first = np.flatnonzero(getattr(sight, name)[begin:end] == asked)
        instead = Counter(named.tolist()).most_common(1)[0][0]
        seen = f"named in {share:.0%} of frames" if share > MOST else f"the judge sees {_word(name, instead)}"
        at = (begin + int(first[0])) / FPS if len(first) and share > MOST else None
        found.append(Finding(name, _word(name, asked), share > MOST, share, at, seen))
    return found


def _changes(clip: Clip, name: str) -> bool:
    """Whether the first frame's condition is not that of the second: asked for at once, in a scene of another one."""
    first, *rest = clip.moments[:2]
    return bool(rest) and getattr(first.frame.control, name) != getattr(rest[0].frame.control, name)


def _word(name: str, value: int) -> str:
    return weather_line(value) if name == "weather" else TimeOfDay(value).name.lower()


def _event(step: Step, span: tuple[int, int] | None, sight: Sight, trust: Trust) -> Finding:
    asked = bare(step)
    if span is None:
        return Finding("event", asked, False, 0.0, None, "it did not begin within the clip")
    begin = span[0]
    end = min(len(sight), begin + round(EVENT_SECONDS * FPS))
    event, side = Event[step.name.upper()], next((one for one in step.args if one in SIDES), None)
    hits = sight.event[begin:end] == event
    needed = trust.frames_needed(step.name, end - begin)
    count = int(hits.sum())
    score = min(1.0, count / (2 * needed))
    if count < needed:
        return Finding(
            "event", asked, False, score, None, f"seen in {count} of {end - begin} frames, {needed} are needed"
        )
    at = (begin + int(np.flatnonzero(hits)[0])) / FPS
    if side is not None:
        right = float((sight.side[begin:end][hits] == Side[str(side).upper()]).mean())
        if right <= MOST:
            other = SIDES[1 - SIDES.index(str(side))]
            return Finding(
                "event", asked, False, score * right, at, f"it comes from the {other} in {1 - right:.0%} of frames"
            )
    return Finding("event", asked, True, score, at, f"seen in {count} of {end - begin} frames")


def _drive(step: Step, span: tuple[int, int] | None, clip: Clip, sight: Sight, trust: Trust) -> Finding:
    asked = bare(step)
    if span is None:
        return Finding("manoeuvre", asked, False, 0.0, None, "it did not begin within the clip")
    begin = span[0]
    film = _film(clip, sight, begin)
    if step.name in ("left", "right"):
        return _turn(asked, film, begin, 1 if step.name == "left" else -1)
    if step.name in ("faster", "slower", "speed"):
        return _speed(asked, step, film, begin, span[1] - begin, trust)
    done: dict[str, Callable[[Film], bool]] = {
        "straight": crossed,
        "lane_left": lambda film: changed_lane(film, 1),
        "lane_right": lambda film: changed_lane(film, -1),
        "stop": stopped,
        "go": went,
    }
    good = done[step.name](film)
    at = (begin + _first(done[step.name], film)) / FPS if good else None
    return Finding(
        "manoeuvre", asked, good, float(good), at, "motion and judge agree" if good else _NOT_SEEN[step.name]
    )


_NOT_SEEN = {
    "straight": "no junction was seen to be passed straight on",
    "lane_left": "no lane change to the left, by motion and judge",
    "lane_right": "no lane change to the right, by motion and judge",
    "stop": "motion and judge never both stand",
    "go": "motion and judge never both move",
}


def _turn(asked: str, film: Film, begin: int, side: int) -> Finding:
    """It has turned by more than a road bends, by the motion and by the judge."""
    own, judged = (side * np.cumsum(rate) * DT for rate in (film.yaw_rate, film.sight.yaw_rate))
    both = np.minimum(own, judged)
    most = float(both.max())
    seen = f"turned {math.degrees(own.max()):.0f} degrees, {math.degrees(judged.max()):.0f} by the judge"
    good = most >= BENT
    at = (begin + int(np.flatnonzero(both >= BENT)[0])) / FPS if good else None
    return Finding("manoeuvre", asked, good, max(0.0, min(1.0, most / math.radians(90))), at, seen)


def _speed(asked: str, step: Step, film: Film, begin: int, frames: int, trust: Trust) -> Finding:
    """At its end the judge sees the speed that the car has, within twice the error that it makes of real frames."""
    end = max(1, min(len(film), frames))
    last = slice(max(0, end - FPS), end)
    own, judged = float(np.median(film.speed[last])), float(np.median(film.sight.speed[last]))
    allowed = 2 * trust.speed_error + SPEED_TOLERANCE
    good = abs(own - judged) <= allowed
    if good and step.name == "speed":
        good = abs(judged - float(step.args[0]) / 3.6) <= allowed
    elif good:
        good = (own - film.speed[0]) * (1 if step.name == "faster" else -1) > 0
    seen = f"{own * 3.6:.0f} km/h, {judged * 3.6:.0f} by the judge"
    score = max(0.0, 1 - abs(own - judged) / (2 * allowed))
    return Finding("manoeuvre", asked, good, score, (begin + end - 1) / FPS if good else None, seen)


def _film(clip: Clip, sight: Sight, begin: int) -> Film:
    frames = [moment.frame for moment in clip.moments[begin:]]
    images = np.stack([frame.image for frame in frames])
    speed, yaw_rate = (np.array([getattr(frame.motion, name) for frame in frames]) for name in ("speed", "yaw_rate"))
    return Film(images, speed, yaw_rate, sight[begin:])


def _first(done: Callable[[Film], bool], film: Film) -> int:
    """The first frame by whose end it is done; it stays done for the search's purpose."""
    for end in range(1, len(film), 2):
        part = Film(film.images[:end], film.speed[:end], film.yaw_rate[:end], film.sight[:end])
        if done(part):
            return end - 1
    return len(film) - 1


class _Spans:
    """When each step of a plan ran, by the states that the timeline told: frames [begin, end)."""

    def __init__(self, clip: Clip) -> None:
        self._runs: dict[str, list[tuple[int, int]]] = {}
        self._asked: Counter[str] = Counter()
        for frame, moment in enumerate(clip.moments):
            for line in {state.line for state in moment.steps if state.status == "running"}:
                runs = self._runs.setdefault(line, [])
                if runs and runs[-1][1] == frame:
                    runs[-1] = (runs[-1][0], frame + 1)
                else:
                    runs.append((frame, frame + 1))

    def of(self, step: Step) -> tuple[int, int] | None:
        """Of a plan that is gone through in its order: the n-th step of the same words ran the n-th time."""
        line = print_line(Plan((step,)))
        runs, number = self._runs.get(line, []), self._asked[line]
        self._asked[line] += 1
        return runs[number] if number < len(runs) else None
