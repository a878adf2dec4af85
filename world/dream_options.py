"""Options of an episode of `lucidrive/Dream-v0`, by names or values of world.controls."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from world.controls import Command, Event, Side, TimeOfDay, Weather
from world.errors import DataError

WORDS: dict[str, type[IntEnum]] = {
    "weather": Weather,
    "time": TimeOfDay,
    "command": Command,
    "event": Event,
    "side": Side,
}
OPTIONS = ("place", "scene", "prompt", *WORDS, "level", "speed", "density")


def control_fields(options: dict[str, Any]) -> dict[str, int]:
    """The fields of a Control among options, by name or value. DataError for an unknown one."""
    fields = {name: _named(name, kind, options[name]) for name, kind in WORDS.items() if options.get(name) is not None}
    if fields.get("event", Event.NONE) != Event.NONE:
        level = options.get("level", 2)
        if level not in (1, 2, 3):
            raise DataError(f"An event has level 1, 2 or 3, not {level!r}.")
        fields["level"] = int(level)
    return fields


def density_of(value: Any) -> float:
    """A density of traffic. DataError unless it is 0 to 2."""
    if not isinstance(value, (int, float)) or not 0.0 <= value <= 2.0:
        raise DataError(f"The density of traffic is 0 to 2, not {value!r}.")
    return float(value)


def _named(option: str, kind: type[IntEnum], value: Any) -> int:
    members = {member.name.lower(): member for member in kind}
    try:
        return int(members[value.lower()] if isinstance(value, str) else kind(value))
    except (KeyError, ValueError) as error:
        raise DataError(f"Dream-v0 has no {option} '{value}'; there are: {', '.join(members)}.") from error
