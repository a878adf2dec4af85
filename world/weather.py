"""Current amounts of weather and light. They approach the commanded ones over TRANSITION_SECONDS, so that changes are gradual; the town
draws by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from world.controls import DT, TRANSITION_SECONDS, TimeOfDay, Weather

AMOUNTS = ("rain", "snow", "fog", "night", "dawn", "dusk")


def goal(weather: int, time: int) -> dict[str, float]:
    """The amounts of a Weather and a TimeOfDay; NULL has none."""
    want = dict.fromkeys(AMOUNTS, 0.0)
    for name, first in (("rain", Weather.RAIN_1), ("snow", Weather.SNOW_1), ("fog", Weather.FOG_1)):
        if first <= weather <= first + 2:
            want[name] = (weather - first + 1) / 3
    for name, its in (("night", TimeOfDay.NIGHT), ("dawn", TimeOfDay.DAWN), ("dusk", TimeOfDay.DUSK)):
        want[name] = float(time == its)
    return want


@dataclass
class Atmosphere:
    """The current amounts (0 to 1)."""

    amounts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(AMOUNTS, 0.0))

    def set(self, weather: int, time: int) -> None:
        """Jumps to the goal (at the start of an episode)."""
        self.amounts = goal(weather, time)

    def step(self, weather: int, time: int) -> None:
        """Moves a frame's worth towards the goal."""
        for name, want in goal(weather, time).items():
            have = self.amounts[name]
            self.amounts[name] = have + max(-DT / TRANSITION_SECONDS, min(DT / TRANSITION_SECONDS, want - have))
