"""The wheel and pedals under a person's keys."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bridge.errors import DataError
from bridge.timeline import TimelineState
from world.controls import Control
from world.driver import Action

STEER, STEER_ON, STEER_OFF = 0.7, 0.2, 0.35  # how far keys turn the wheel; change a frame, towards it and back
ACCEL, BRAKE, PEDAL = 0.8, 1.0, 0.35  # how far keys press the pedals; change a frame


@dataclass
class Pedals:
    """The wheel and pedals under a person's keys, towards which they move a little every frame. What no key controls (the wheel while only
    `up` is pressed) stays with the driver; without keys everything does.
    """

    steer: float = 0.0
    accel: float = 0.0

    def control(self, state: TimelineState, action: Action, keys: frozenset[str]) -> Control:
        """The next frame's control. state: of the timeline; action: the driver's. DataError where that is not finite."""
        if not (math.isfinite(action.steer) and math.isfinite(action.accel)):
            raise DataError("The driver lost its way (numbers that are not finite); reset the dream.")
        steer, accel = action.steer, action.accel
        if keys:
            turn = ("left" in keys) - ("right" in keys)
            steering = bool(keys & {"left", "right"}) or abs(self.steer) > STEER_OFF
            self.steer = _towards(self.steer, STEER * turn, STEER_ON if turn else STEER_OFF)
            steer = self.steer if steering else action.steer
            pedalling = bool(keys & {"up", "down"})
            target = -BRAKE if "down" in keys else ACCEL
            self.accel = _towards(self.accel, target, PEDAL) if pedalling else 0.0
            accel = self.accel if pedalling else action.accel
        else:
            self.steer = self.accel = 0.0
        return state.control(steer=_unit(steer), accel=_unit(accel))


def _towards(value: float, target: float, step: float) -> float:
    return min(value + step, target) if value < target else max(value - step, target)


def _unit(value: float) -> float:
    return max(-1.0, min(1.0, value))
