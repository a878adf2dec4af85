"""The judge looks last: does the *picture* show what the scene says is in it?

It is told neither scene nor plan (`world.judge`). What it says stands beside the labels and never decides about a clip: it is right
less often than the scene, which is always (its card says how often).
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
    """Whether the judge sees one thing. asked: its words; share: of the films looked at in which it is the likeliest."""

    kind: str
    asked: str
    seen: bool
    share: float

    def plain(self) -> dict[str, Any]:
        """For the sidecar."""
        return asdict(self) | {"share": round(self.share, 4)}


@cache
def judge() -> Judge | None:
    """The judge that came along; None where none did."""
    return Judge.load(JUDGE).eval() if (JUDGE / "config.json").exists() else None


def look(judge: Judge, clip: Clip, findings: Sequence[Finding]) -> tuple[Look, ...]:
    """What the judge sees of the events that the scene has and it has learnt (within 4 s of their onset, from their side), and of the weather (its
    kind: clear, rain, snow, fog) and time of day commanded last (in most of the films from 3 s after). A painted clip.
    """
    looks = []
    for one in findings:
        if one.kind == "event" and one.at is not None and one.found and _asked(one.asked)[0] < judge.classes["event"]:
            begin = max(round(one.at * FPS), max(AGES))
            end = min(len(clip.moments), begin + round(EVENT_SECONDS * FPS) + 1)
            if there := _seen(judge, clip, range(begin, end, GAP), partial(_event, one.asked)):
                looks.append(Look("event", one.asked, max(there), sum(there) / len(there)))
    for name, sees in (("weather", _weather), ("time", _time)):
        told = np.array([getattr(moment.frame.control, name) for moment in clip.moments])
        begin = int(np.flatnonzero(told != told[-1])[-1]) + 1 if (told != told[-1]).any() else 0
        first = max(max(AGES), begin + round(CONDITION_SECONDS * FPS) if begin else 0)
        words = [one.asked for one in findings if one.kind == name]
        if (
            words
            and told[-1] >= 0
            and (there := _seen(judge, clip, range(first, len(told), EACH), partial(sees, told[-1])))
        ):
            share = sum(there) / len(there)
            looks.append(Look(name, words[-1], share > MOST, share))
    return tuple(looks)


def seen(looks: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    """By kind, whether all of it was seen."""
    by: dict[str, bool] = {}
    for kind, there in looks:
        by[kind] = by.get(kind, True) and there
    return by


def _seen(judge: Judge, clip: Clip, frames: Iterable[int], sees: Callable[[JudgeOutput], np.ndarray]) -> list[bool]:
    """Of the films that end at each frame, whether the judge sees it there."""
    films = [np.stack([clip.moments[frame - age].frame.image for age in AGES]) for frame in frames]
    return sees(judge.watch(films)).tolist() if films else []


def _asked(asked: str) -> tuple[Event, Side]:
    [step] = of_line(asked).plan.steps
    side = next((str(one) for one in step.args if one in LEFT_RIGHT), "none")
    return Event[step.name.upper()], Side[side.upper()]


def _event(asked: str, sight: JudgeOutput) -> np.ndarray:
    return sight.shows(*_asked(asked))


def _weather(told: int, sight: JudgeOutput) -> np.ndarray:
    return np.asarray(sight.kind() == KINDS[told])


def _time(told: int, sight: JudgeOutput) -> np.ndarray:
    return np.asarray(sight.time.argmax(1) == told)
