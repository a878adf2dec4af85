"""How much of each weather and light there is now: every amount moves towards what was asked for in TRANSITION_SECONDS, so
that a change is seen to come. The town paints by it, and a dream is told of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from world.controls import DT, TRANSITION_SECONDS, TimeOfDay, Weather

AMOUNTS = ("rain", "snow", "fog", "night", "dawn", "dusk")


def goal(weather: int, time: int) -> dict[str, float]:
    """The amounts that a Weather and a TimeOfDay ask for; NULL asks for none."""
    want = dict.fromkeys(AMOUNTS, 0.0)
    for name, first in (("rain", Weather.RAIN_1), ("snow", Weather.SNOW_1), ("fog", Weather.FOG_1)):
        if first <= weather <= first + 2:
            want[name] = (weather - first + 1) / 3
    for name, its in (("night", TimeOfDay.NIGHT), ("dawn", TimeOfDay.DAWN), ("dusk", TimeOfDay.DUSK)):
        want[name] = float(time == its)
    return want


@dataclass
class Atmosphere:
    """How much of each is seen now (0..1)."""

    amounts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(AMOUNTS, 0.0))

    def set(self, weather: int, time: int) -> None:
        """Jump to the goal (at the start of an episode)."""
        self.amounts = goal(weather, time)

    def step(self, weather: int, time: int) -> None:
        """One frame's move towards the goal."""
        for name, want in goal(weather, time).items():
            have = self.amounts[name]
            self.amounts[name] = have + max(-DT / TRANSITION_SECONDS, min(DT / TRANSITION_SECONDS, want - have))
