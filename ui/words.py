"""Plan steps and states in a person's words, for the chips and the picture."""

from __future__ import annotations

from brain.plan import Plan, Refusal, Step, parse_line
from world.controls import TimeOfDay, Weather
from world.events import event_rows

NAMES = {
    "follow": "follow the road",
    "left": "turn left",
    "right": "turn right",
    "straight": "straight on",
    "lane_left": "one lane left",
    "lane_right": "one lane right",
    "stop": "stop",
    "go": "go",
    "faster": "faster",
    "slower": "slower",
    "speed": "a speed",
    "clear": "clear sky",
    "rain": "rain",
    "snow": "snow",
    "fog": "fog",
    "dawn": "dawn",
    "day": "day",
    "dusk": "dusk",
    "night": "night",
    **{row.event: row.words for row in event_rows()},
}
LEVELS = {1: "light", 2: "", 3: "heavy"}
EVENT_LEVELS = {1: "mild", 3: "sudden"}


def step_words(step: Step) -> str:
    """A step in words: `ped_cross(right,3)@+5` is "person crosses from the right, sudden, in 5 s"."""
    parts = [_act(step.name, step.args)]
    if step.when.kind == "delay":
        parts.append(f"in {step.when.seconds:g} s")
    elif step.when.kind == "junction":
        parts.append("at the junction")
    if step.duration is not None:
        parts.append(f"for {step.duration:g} s")
    return ", ".join(parts)


def line_words(line: str) -> str:
    """A line in words: "turn left, then medium rain"; a refusal or a question by what it does."""
    utterance = parse_line(line)
    if not isinstance(utterance, Plan):
        return "nothing that I can dream" if isinstance(utterance, Refusal) else "I have yet to say more"
    parts = [("then " if step.when.kind == "next" else "") + step_words(step) for step in utterance.steps]
    return ", ".join(parts)


def _act(name: str, args: tuple[int | str, ...]) -> str:
    if name == "speed":
        return f"{args[0]} km/h"
    if name in ("rain", "snow", "fog"):
        return f"{LEVELS.get(int(args[0]) if args else 2, '')} {name}".strip()
    words = NAMES.get(name, name.replace("_", " "))
    for argument in args:
        if argument in ("left", "right"):
            words += f" from the {argument}"
        elif isinstance(argument, int) and argument in EVENT_LEVELS:
            words += f", {EVENT_LEVELS[argument]}"
    return words


def weather_words(weather: int) -> str:
    """`Weather` in words; empty for an unknown one."""
    if weather not in set(Weather):
        return ""
    name, _, level = Weather(weather).name.lower().partition("_")
    return f"{LEVELS.get(int(level), '')} {name}".strip() if level else name


def weather_name(weather: int) -> str:
    """The plan language's word without a level: clear, rain, snow, fog."""
    return Weather(weather).name.lower().partition("_")[0] if weather in set(Weather) else ""


def time_words(time: int) -> str:
    """`TimeOfDay` in words; empty for an unknown one."""
    return TimeOfDay(time).name.lower() if time in set(TimeOfDay) else ""
