"""The vocabulary of control: a dream's input per frame. Imports nothing of ours.

Conventions used everywhere: ISO 8855 axes (x forward, y left), so a positive `steer` and a positive
yaw rate both turn left; speeds in m/s, angles in rad, time in seconds; ten frames a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

FPS = 10
DT = 1.0 / FPS
NULL = -1  # no value: any int of a Control may be NULL, its float fields NaN
TRANSITION_SECONDS = 2.0  # duration of a full change of weather or time


class Command(IntEnum):
    """Where to drive. Ids follow OpenDV-YouTube's command list where it has the word."""

    FOLLOW = 0
    STRAIGHT = 1
    LEFT = 2
    RIGHT = 3
    LANE_LEFT = 4
    LANE_RIGHT = 5
    STOP = 12


class Weather(IntEnum):
    """Weather with its level: 1 light, 2 ordinary, 3 heavy."""

    CLEAR = 0
    RAIN_1 = 1
    RAIN_2 = 2
    RAIN_3 = 3
    SNOW_1 = 4
    SNOW_2 = 5
    SNOW_3 = 6
    FOG_1 = 7
    FOG_2 = 8
    FOG_3 = 9


class TimeOfDay(IntEnum):
    """The time of day, which decides the sun's position and whether lamps are on."""

    DAWN = 0
    DAY = 1
    DUSK = 2
    NIGHT = 3


class Event(IntEnum):
    """An incident beside ordinary traffic. It has a `Side` and a level of difficulty."""

    NONE = 0
    PED_CROSS = 1
    CYCLIST = 2
    CUT_IN = 3
    ANIMAL = 4
    HARD_BRAKE = 5
    STALLED = 6
    DEBRIS = 7
    ONCOMING = 8
    EMERGENCY = 9
    ROAD_WORK = 10


class Side(IntEnum):
    """The side that an event comes from, for the driver."""

    NONE = 0
    LEFT = 1
    RIGHT = 2


SIDED_EVENTS = frozenset({Event.PED_CROSS, Event.CYCLIST, Event.CUT_IN, Event.ANIMAL})

NO_LEVEL = 0  # the level of "no event"; events have 1 mild, 2 ordinary, 3 sudden or close


@dataclass(frozen=True, slots=True)
class Control:
    """The input between a frame and the next.

    `steer` and `accel` are in [-1, 1] (positive: left, faster), NaN for none. The ints are
    values of the enums above, or NULL for none. `level` is 0 without an event, else 1 to 3.
    `action` is for worlds in which no car is driven: their own inputs, in their own units (empty: at rest).
    """

    steer: float = 0.0
    accel: float = 0.0
    command: int = Command.FOLLOW
    weather: int = Weather.CLEAR
    time: int = TimeOfDay.DAY
    event: int = Event.NONE
    side: int = Side.NONE
    level: int = NO_LEVEL
    action: tuple[float, ...] = ()

    def with_(self, **changes: Any) -> Control:
        """The same control with some fields changed."""
        return replace(self, **changes)
