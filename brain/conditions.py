"""The weather and the time of day that a plan sets at once, as fields of a Control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from brain.plan import Plan, PlanError, Step, Utterance, parse_line
from world.controls import TimeOfDay, Weather

if TYPE_CHECKING:
    from world.places import ReadConditions


def weather_of(step: Step) -> int:
    """The `Weather` of a weather step."""
    return int(Weather[f"{step.name}_{step.args[0]}".upper() if step.args else step.name.upper()])


def condition_line(name: str, value: int) -> str:
    """A field of a Control as a step of the plan language: weather as `rain(2)` or `clear`, time as `dusk`."""
    kind = Weather if name == "weather" else TimeOfDay
    word, _, level = kind(value).name.lower().partition("_")
    return f"{word}({level})" if level else word


def at_once(plan: Plan) -> dict[str, int]:
    """Weather and time of the plan's steps without a delay, as fields of a Control; empty where it has none."""
    fields = {}
    for step in plan.steps:
        if step.when.kind == "now" and step.group == "weather":
            fields["weather"] = weather_of(step)
        elif step.when.kind == "now" and step.group == "time":
            fields["time"] = int(TimeOfDay[step.name.upper()])
    return fields


def conditions(utterance: Utterance) -> Mapping[str, int] | None:
    """Weather and time of an utterance, as fields of a Control. None where it is no plan, or plans anything else, or the same kind twice."""
    if not isinstance(utterance, Plan):
        return None
    fields = at_once(utterance)
    alone = len(fields) == len(utterance.steps) and all(step.duration is None for step in utterance.steps)
    return fields if alone else None


def reader(answer: Callable[[str], Utterance]) -> ReadConditions:
    """Reads a phrase: a plan line such as `dusk` as it is, a sentence by `answer`, which asks the brain."""

    def read(phrase: str) -> Mapping[str, int] | None:
        try:
            return conditions(parse_line(phrase))
        except PlanError:
            return conditions(answer(phrase))

    return read
