"""A scenario: a plan line, composed of words of the vocabulary or as a person wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from brain.conditions import at_once, condition_line
from brain.plan import ORDINARY, SIDES, STEPS, Plan, Step, When, check_step, parse_line, print_line
from bridge.errors import LucidriveError

NONE = "none"
EVENTS = tuple(name for name, kind in STEPS.items() if kind.group == "event")
SIDED = tuple(name for name in EVENTS if STEPS[name].signature == "side")
TIMES = tuple(name for name, kind in STEPS.items() if kind.group == "time")
WEATHER = ("clear", *(f"{name}({level})" for name in ("rain", "snow", "fog") for level in (1, 2, 3)))
MANOEUVRES = ("left", "right", "straight", "lane_left", "lane_right", "stop", "go", "faster", "slower", "follow")
ONSET = 1.0  # s at which an event begins by default: the road is seen without it first
VARIED_ONSET, VARIED_STEP = (0.5, 3.0), 0.5  # s


class ScenarioError(LucidriveError):
    """A request that cannot be made into scenarios."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a clip is to show. line: in the plan language; text: the sentence that it comes from, or ""."""

    line: str
    text: str = ""

    @property
    def plan(self) -> Plan:
        """The parsed line. PlanError for a mistake in it, ScenarioError for a line without steps."""
        plan = parse_line(self.line)
        if not isinstance(plan, Plan):
            raise ScenarioError(f"'{self.line}' plans nothing; give steps, such as 'rain(2);left'.")
        return plan

    def step(self, group: str) -> Step | None:
        """The first step of a group (event, weather, time); for `drive`, the first manoeuvre or speed."""
        groups = ("drive", "speed") if group == "drive" else (group,)
        return next((step for step in self.plan.steps if step.group in groups), None)

    def words(self) -> dict[str, str]:
        """Its word for each axis of the coverage table; `none` where it says nothing."""
        event, weather, time, drive = (self.step(group) for group in ("event", "weather", "time", "drive"))
        side = next((one for one in event.args if one in SIDES), NONE) if event else NONE
        level = next((one for one in event.args if isinstance(one, int)), ORDINARY) if event else NONE
        return {
            "event": event.name if event else NONE,
            "side": str(side),
            "level": str(level),
            "weather": bare(weather) if weather else NONE,
            "time": time.name if time else NONE,
            "manoeuvre": bare(drive) if drive else NONE,
        }


def of_line(line: str, text: str = "") -> Scenario:
    """The scenario of a plan line, in its canonical form. PlanError for a mistake in it, ScenarioError for a line without steps."""
    scenario = Scenario(print_line(parse_line(line)), text)
    assert scenario.plan is not None
    return scenario


def of_words(values: Mapping[str, Any]) -> Scenario:
    """A scenario from event, side, level, weather, time, manoeuvre, speed (km/h) and `at` (s). ScenarioError for an unknown word."""
    if odd := sorted(set(values) - set(AXES)):
        raise ScenarioError(f"A scenario has no '{odd[0]}'; it may have {', '.join(AXES)}, or a `plan` or a `say`.")
    words = {name: check_word(name, value) for name, value in values.items()}
    steps = [parse_step(words[name]) for name in ("weather", "time") if words.get(name, NONE) != NONE]
    if words.get("speed") is not None:
        steps.append(Step("speed", (words["speed"],)))
    if words.get("manoeuvre", NONE) not in (NONE, "follow"):
        steps.append(Step(words["manoeuvre"]))
    event = words.get("event", NONE)
    if event != NONE:
        level = words.get("level") or ORDINARY
        side = (words.get("side") or "right",) if event in SIDED else ()
        args = (*side, *(() if level == ORDINARY else (level,)))
        at = words.get("at", ONSET)
        steps.append(Step(event, args, When("delay", at) if at else When()))
    if not steps:
        steps.append(Step("follow"))
    return Scenario(print_line(Plan(tuple(map(check_step, steps)))))


def with_conditions(scenario: Scenario, conditions: Mapping[str, int]) -> Scenario:
    """The scenario beginning under the conditions (fields of a Control) of its place. ScenarioError where it says others itself."""
    own, steps = at_once(scenario.plan), []
    for name, value in conditions.items():
        step = condition_line(name, value)
        if own.get(name, value) != value:
            raise ScenarioError(
                f"The place was described with {step}, and the clip is to be '{scenario.line}'; say the {name} once."
            )
        if name not in own:
            steps.append(step)
    return replace(scenario, line=";".join((*steps, scenario.line))) if steps else scenario


def check_word(axis: str, value: Any) -> Any:
    """The value in its canonical form. ScenarioError for an unknown one lists those there are."""
    if axis in ("level", "speed", "at"):
        return _number(axis, value)
    word = str(value).strip().lower().replace(" ", "")
    word = f"{word}({ORDINARY})" if axis == "weather" and word in ("rain", "snow", "fog") else word
    if word not in AXES[axis]:
        raise ScenarioError(f"There is no {axis} '{str(value)[:40]}'; there are: {', '.join(AXES[axis])}.")
    return word


def vary(scenario: Scenario, onset_share: float, level_share: float) -> Scenario:
    """Chooses by two numbers in [0, 1) what the line leaves open of its events: onset and level. What it says (`@+2`, a level) stays."""
    steps = []
    for step in scenario.plan.steps:
        if step.group == "event" and step.when.kind == "now":
            low, high = VARIED_ONSET
            onset = low + VARIED_STEP * int(onset_share * (1 + (high - low) / VARIED_STEP))
            step = replace(step, when=When("delay", onset))
        if step.group == "event" and not any(isinstance(one, int) for one in step.args):
            level = 1 + int(3 * level_share)
            step = replace(step, args=step.args if level == ORDINARY else (*step.args, level))
        steps.append(check_step(step))
    return replace(scenario, line=print_line(Plan(tuple(steps))))


def parse_step(text: str) -> Step:
    """The first step of a line that is a plan."""
    plan = parse_line(text)
    assert isinstance(plan, Plan)
    return plan.steps[0]


def _number(axis: str, value: Any) -> Any:
    low, high, whole = NUMBERS[axis]
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not good or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise ScenarioError(f"The {axis} is {kind} from {low:g} to {high:g}, not '{str(value)[:40]}'.")
    return int(value) if whole else float(value)


def bare(step: Step) -> str:
    """A step in the plan language, without its time and duration."""
    return print_line(Plan((Step(step.name, step.args),)))


NUMBERS = {"level": (1, 3, True), "speed": (0, 60, True), "at": (0.5, 60, False)}
AXES: dict[str, tuple[str, ...]] = {
    "event": (NONE, *EVENTS),
    "side": SIDES,
    "level": ("1", "2", "3"),
    "weather": (NONE, *WEATHER),
    "time": (NONE, *TIMES),
    "manoeuvre": (NONE, *MANOEUVRES),
    "speed": (),
    "at": (),
}
