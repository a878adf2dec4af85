"""How right the judge is about real frames, and what follows for how often it must see a thing before a clip has it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.errors import WeightsError
from world.evaluate.control import NOTICED
from world.judge import WEIGHTS, card

BY_CHANCE = 0.05  # of windows without an actor, the share that may pass as one with it
REAL = Path(__file__).with_name("real.json")  # measured by `lucidrive bench clips --only judge`


@dataclass(frozen=True, slots=True)
class Trust:
    """What the judge's card says of held-out real frames. weather, time, event: word -> share of its frames named so;
    false_alarm: share of frames without an event in which it names one; speed_error in m/s.
    """

    weather: dict[str, float]
    time: dict[str, float]
    event: dict[str, float]
    false_alarm: float
    side: float
    speed_error: float
    yaw_rate_error: float
    needed: Mapping[str, int] = field(
        default_factory=dict
    )  # frames of a window of 4 s, by event, where it was measured

    @classmethod
    def of(cls, folder: Path | None = None) -> Trust:
        """Of the judge in `folder` (default: the repository's); WeightsError where its card does not say."""
        folder = folder or WEIGHTS
        try:
            held = card(folder)["trained"]["held_out"]
            event = {name: float(value) for name, value in held["event"].items()}
            weather, time = ({key: float(value) for key, value in held[name].items()} for name in ("weather", "time"))
            side, speed, rate = (float(held[name]) for name in ("side", "speed_error", "yaw_rate_error"))
            measured = (real(card(folder)["files"]) or {"checks": {"event": {}}})["checks"]["event"]
            needed = {name: int(one["needed"]) for name, one in measured.items()}
            return cls(weather, time, event, 1 - event["none"], side, speed, rate, needed)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"The judge in {folder} does not say how right it is about real frames ({error}); train it again."
            ) from error

    def frames_needed(self, event: str, window: int) -> int:
        """Of `window` frames, in how many an event must be named to count as seen.

        So many as false alarms alone reach in at most BY_CHANCE of real windows of 4 s. Where that was not measured of this
        judge: as they would reach, were they independent of each other and all of this one event.
        """
        return self.needed.get(event) or max(NOTICED, tail(window, self.false_alarm, BY_CHANCE))


def tail(count: int, rate: float, chance: float) -> int:
    """The smallest k such that k or more of `count` tries succeed with a probability of at most `chance`."""
    below = 0.0
    for k in range(count + 1):
        if 1 - below <= chance:
            return k
        below += math.comb(count, k) * rate**k * (1 - rate) ** (count - k)
    return count + 1


def real(judge: dict[str, str]) -> dict[str, Any] | None:
    """What was measured of this judge and these checks on real clips of the town; None where that was of another judge."""
    found: dict[str, Any] = json.loads(REAL.read_text()) if REAL.exists() else {}
    return found if found.get("judge") == judge else None
