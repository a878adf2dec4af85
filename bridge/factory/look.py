"""Asks the judge, a network, whether the *pictures* of a clip show what the scene says is in them.

It sees neither scene nor plan (`world.judge`). Its answers stand beside the labels and never decide about a clip: the scene is
always right, the judge less often (its card says how often).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from brain.plan import SIDES as LEFT_RIGHT
from bridge.factory.check import CONDITION_SECONDS, MOST, Finding
from bridge.factory.scenario import of_line
from bridge.recording.clip import Clip
from world.controls import FPS, Event, Side
from world.judge import AGES, EVENT_SECONDS, GAP, JUDGE, KINDS, Judge, JudgeOutput

EACH = FPS  # frames from one look at weather and time to the next


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the judge sees one thing. asked: the thing in words; share: of the films looked at in which it is the likeliest."""

    kind: str
    asked: str
    seen: bool
    share: float

    def plain(self) -> dict[str, Any]:
        """For the sidecar."""
        return asdict(self) | {"share": round(self.share, 4)}


@cache
def judge() -> Judge | None:
    """The judge that was installed with lucidrive; None where there is none."""
    return Judge.load(JUDGE).eval() if (JUDGE / "config.json").exists() else None


def look(judge: Judge, clip: Clip, findings: Sequence[Finding]) -> tuple[Look, ...]:
    """What the judge sees in a painted clip: the events that the scene has and the judge knows (within 4 s of their onset, from their side), and
    the last commanded weather (its kind: clear, rain, snow, fog) and time of day (in most of the films from 3 s after the command).
    """
    looks = []
    for one in findings:
        if (
            one.kind == "event"
            and one.at is not None
            and one.found
            and _event_of(one.asked)[0] < judge.classes["event"]
        ):
            begin = max(round(one.at * FPS), max(AGES))
            end = min(len(clip.moments), begin + round(EVENT_SECONDS * FPS) + 1)
            if answers := _answers(judge, clip, range(begin, end, GAP), partial(_event, one.asked)):
                looks.append(Look("event", one.asked, max(answers), sum(answers) / len(answers)))
    for name, sees in (("weather", _weather), ("time", _time)):
        commanded = np.array([getattr(moment.frame.control, name) for moment in clip.moments])
        changes = np.flatnonzero(commanded != commanded[-1])
        begin = int(changes[-1]) + 1 if len(changes) else 0
        first = max(max(AGES), begin + round(CONDITION_SECONDS * FPS) if begin else 0)
        words = [one.asked for one in findings if one.kind == name]
        if not words or commanded[-1] < 0:
            continue
        if answers := _answers(judge, clip, range(first, len(commanded), EACH), partial(sees, commanded[-1])):
            share = sum(answers) / len(answers)
            looks.append(Look(name, words[-1], share > MOST, share))
    return tuple(looks)


def all_seen(looks: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    """By kind, whether the judge saw all of it. looks: kind, and whether it was seen."""
    result: dict[str, bool] = {}
    for kind, seen in looks:
        result[kind] = result.get(kind, True) and seen
    return result


def _answers(judge: Judge, clip: Clip, frames: Iterable[int], sees: Callable[[JudgeOutput], np.ndarray]) -> list[bool]:
    """Whether the judge sees it in the film that ends at each frame."""
    films = [np.stack([clip.moments[frame - age].frame.image for age in AGES]) for frame in frames]
    return sees(judge.watch(films)).tolist() if films else []


def _event_of(line: str) -> tuple[Event, Side]:
    [step] = of_line(line).plan.steps
    side = next((str(one) for one in step.args if one in LEFT_RIGHT), "none")
    return Event[step.name.upper()], Side[side.upper()]


def _event(line: str, output: JudgeOutput) -> np.ndarray:
    return output.shows(*_event_of(line))


def _weather(value: int, output: JudgeOutput) -> np.ndarray:
    return np.asarray(output.kind() == KINDS[value])


def _time(value: int, output: JudgeOutput) -> np.ndarray:
    return np.asarray(output.time.argmax(1) == value)
