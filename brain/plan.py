"""The plan language: one line of steps that the bridge plays as a schedule of controls. Parses, prints, validates.

    line = plan | "refuse(" reason ")" | "ask(" slot ")"
    plan = step *( ";" step )
    step = name [ "(" arg *( "," arg ) ")" ] [ "@" when ] [ "~" seconds ]

The canonical form has no spaces and writes no default out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from world.controls import SIDED_EVENTS, Event
from world.errors import LucidriveError

MAX_STEPS = 8
MIN_SECONDS, MAX_SECONDS = 0.5, 60.0
MAX_KMH = 60
ORDINARY = 2  # the level of an event when none is given

Reason = Literal["unsupported", "offtopic"]
Slot = Literal["direction", "side", "event", "speed"]
Kind = Literal["now", "delay", "next", "junction"]
Signature = Literal["none", "speed", "level", "side", "event"]

SIDES = ("left", "right")
REASONS: tuple[str, ...] = get_args(Reason)
SLOTS: tuple[str, ...] = get_args(Slot)


class PlanError(LucidriveError):
    """A line that is not of the plan language."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """What a step is and which arguments it takes."""

    group: Literal["drive", "speed", "weather", "time", "event"]
    signature: Signature = "none"


STEPS: dict[str, StepKind] = {
    **dict.fromkeys(
        ("follow", "left", "right", "straight", "lane_left", "lane_right", "stop", "go", "faster", "slower"),
        StepKind("drive"),
    ),
    "speed": StepKind("speed", "speed"),
    "clear": StepKind("weather"),
    **dict.fromkeys(("rain", "snow", "fog"), StepKind("weather", "level")),
    **dict.fromkeys(("dawn", "day", "dusk", "night"), StepKind("time")),
    **{
        event.name.lower(): StepKind("event", "side" if event in SIDED_EVENTS else "event")
        for event in Event
        if event != Event.NONE
    },
}
TURNS = ("left", "right", "straight")
LASTING = ("weather", "time", "event", "speed")  # groups that take "~seconds"


@dataclass(frozen=True, slots=True)
class When:
    """When a step begins: at once, after `seconds`, after the step before, or at the next junction."""

    kind: Kind = "now"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `args` are numbers and sides as written, e.g. ("right", 3); `duration` is the "~" in seconds."""

    name: str
    args: tuple[int | str, ...] = ()
    when: When = field(default_factory=When)
    duration: float | None = None

    @property
    def group(self) -> str:
        """drive, speed, weather, time or event."""
        return STEPS[self.name].group


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be driven: one to MAX_STEPS steps, in the order written."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a sentence that cannot be driven; `reason` is one of REASONS."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Question:
    """The answer to a sentence that leaves something open; `slot`, one of SLOTS, is what to ask for."""

    slot: Slot


Utterance = Plan | Refusal | Question

_STEP = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?(?:@([a-z]+|\+[0-9.]+))?(?:~([0-9.]+))?")


def parse_line(line: str) -> Utterance:
    """A line of the plan language, spaces allowed. PlanError where it is none."""
    text = re.sub(r"\s+", "", line)
    if not text:
        raise PlanError("The plan is empty; write at least one step, such as 'left'.")
    if closed := re.fullmatch(r"(refuse|ask)\(([a-z]*)\)", text):
        word, argument = closed.groups()
        if word == "refuse" and argument in REASONS:
            return Refusal(argument)  # type: ignore[arg-type]
        if word == "ask" and argument in SLOTS:
            return Question(argument)  # type: ignore[arg-type]
        raise PlanError(f"'{_short(text)}' is not known; use {', '.join(REASONS if word == 'refuse' else SLOTS)}.")
    parts = text.split(";")
    if len(parts) > MAX_STEPS:
        raise PlanError(f"The plan has {len(parts)} steps; at most {MAX_STEPS} are possible.")
    return Plan(tuple(_parse_step(part) for part in parts))


def print_line(utterance: Utterance) -> str:
    """The utterance as a canonical line."""
    match utterance:
        case Refusal(reason):
            return f"refuse({reason})"
        case Question(slot):
            return f"ask({slot})"
        case Plan(steps):
            return ";".join(_print_step(step) for step in steps)


def sentence(utterance: Utterance) -> str:
    """What to say to a person whose sentence became no plan; empty for a plan."""
    match utterance:
        case Refusal("unsupported"):
            return "This dream cannot do that; try a turn, a lane change, a speed, the weather, the time of day or an event."
        case Refusal():
            return "That is not about the drive; say where to go or what should happen on the road."
        case Question("direction"):
            return "Which way: left, right or straight on?"
        case Question("side"):
            return "From which side: left or right?"
        case Question("event"):
            return "What should happen?"
        case Question():
            return "How fast, in km/h?"
    return ""


def check_step(step: Step) -> Step:
    """Returns the step. PlanError where it is not valid."""
    kind = STEPS.get(step.name)
    if kind is None:
        raise PlanError(f"'{_short(step.name)}' is not a step; there are: {', '.join(STEPS)}.")
    args = step.args
    match kind.signature:
        case "none":
            good = not args
        case "speed":
            good = len(args) == 1 and isinstance(args[0], int) and 0 <= args[0] <= MAX_KMH
        case "level":
            good = len(args) == 1 and args[0] in (1, 2, 3)
        case "side":
            good = 1 <= len(args) <= 2 and args[0] in SIDES and (len(args) == 1 or args[1] in (1, 2, 3))
        case "event":
            good = not args or (len(args) == 1 and args[0] in (1, 2, 3))
    if not good:
        raise PlanError(f"'{step.name}' takes {_takes(kind.signature)}.")
    if step.when.kind == "junction" and step.name in TURNS:
        raise PlanError(f"'{step.name}' happens at the next junction by itself; leave '@junction' out.")
    if (step.when.kind == "delay") != (step.when.seconds is not None):
        raise PlanError("A delay needs its seconds, and only a delay has them.")
    for seconds in (step.when.seconds, step.duration):
        if seconds is not None and not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise PlanError(f"Seconds go from {MIN_SECONDS:g} to {MAX_SECONDS:g}, not {seconds:g}.")
    if step.duration is not None and kind.group not in LASTING:
        raise PlanError(f"'{step.name}' cannot last '~' seconds; only weather, time, speed and events can.")
    return step


def _parse_step(text: str) -> Step:
    match = _STEP.fullmatch(text)
    if not match:
        raise PlanError(f"'{_short(text)}' is not a step of the form name(args)@when~seconds.")
    name, arguments, when, duration = match.groups()
    args = tuple(_argument(part) for part in arguments.split(",")) if arguments is not None else ()
    if STEPS.get(name, StepKind("drive")).signature == "side" and args[1:] == (ORDINARY,):
        args = args[:1]
    if STEPS.get(name, StepKind("drive")).signature == "event" and args == (ORDINARY,):
        args = ()
    return check_step(Step(name, args, _when(when), None if duration is None else _seconds(duration)))


def _when(text: str | None) -> When:
    if text is None:
        return When()
    if text.startswith("+"):
        return When("delay", _seconds(text[1:]))
    if text in ("next", "junction"):
        return When(text)  # type: ignore[arg-type]
    raise PlanError(f"'@{_short(text)}' is not a time; use @+seconds, @next or @junction.")


def _argument(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) else text


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", text):
        raise PlanError(f"'{_short(text)}' is not a number of seconds.")
    return float(text)


def _print_step(step: Step) -> str:
    text = step.name
    if step.args:
        text += f"({','.join(str(argument) for argument in step.args)})"
    match step.when:
        case When("delay", seconds):
            text += f"@+{seconds:g}"
        case When("next" | "junction" as kind):
            text += f"@{kind}"
    return text if step.duration is None else f"{text}~{step.duration:g}"


def _takes(signature: Signature) -> str:
    return {
        "none": "no arguments",
        "speed": f"one whole number of km/h from 0 to {MAX_KMH}",
        "level": "one level: 1, 2 or 3",
        "side": "a side, left or right, and perhaps a level: 1, 2 or 3",
        "event": "nothing, or a level: 1, 2 or 3",
    }[signature]


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
