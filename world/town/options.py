"""What a drive through a town consists of, and the distributions from which the seed draws what is left open."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TypeVar

from world.controls import Event, TimeOfDay, Weather

CHANGES = (5.0, 14.0), (2.0, 5.0)  # s between changes of weather or time, in ordinary and in fickle drives
FICKLE = 0.4  # of the drives
WEATHERS = {weather: 3.5 if weather == Weather.CLEAR else 0.7 for weather in Weather}  # how often each is drawn
TIMES = {TimeOfDay.DAY: 5.0, TimeOfDay.NIGHT: 2.2, TimeOfDay.DAWN: 1.4, TimeOfDay.DUSK: 1.4}
THROUGH = 0.5  # share of drives along the main roads, faster and with fewer turns
TARGETS = ((8, 25), (20, 50), (45, 60))  # km/h: target speeds are drawn from these
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What a drive consists of. None: drawn by the seed, and changing during the drive."""

    weather: Weather | None = None
    time: TimeOfDay | None = None
    event: Event | None = None
    events: float = 1.0  # rate; 0: none
    changes: bool = True  # whether weather and time change during the drive
    turns: str = ""  # directions (l, r, s) at the first junctions
    lane: str | None = None  # where to start
    greens: float = 0.0  # share of red lights that turn green for our car


def draw(rng: random.Random, weights: dict[T, float], besides: T | None = None) -> T:
    """One of the keys by weight, other than `besides`."""
    keys = [key for key in weights if key != besides]
    return rng.choices(keys, [weights[key] for key in keys])[0]


def draw_target(rng: random.Random, through: bool) -> float:
    """A target speed in m/s; through: for a drive along the main roads."""
    low, high = rng.choices(TARGETS, (0.06, 0.1, 0.84) if through else (0.1, 0.4, 0.5))[0]
    return rng.uniform(low, high) / 3.6
