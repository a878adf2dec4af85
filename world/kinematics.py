"""The kinematic car: one step of a bicycle model. The town drives with it and the dream is conditioned on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numba.extending import register_jitable

from world.controls import DT

WHEELBASE = 2.7  # m
MAX_WHEEL_ANGLE = 0.6  # rad at |steer| = 1
MAX_ACCELERATION = 3.0  # m/s2 at accel = 1
MAX_BRAKING = 7.0  # m/s2 at accel = -1
MAX_SPEED = 18.0  # m/s, a little over the 60 km/h of the plan language
MAX_LATERAL_ACCELERATION = 4.0  # m/s2: the grip of the tyres
MAX_YAW_RATE = 0.9  # rad/s
EGO_LENGTH, EGO_WIDTH = 4.4, 1.8  # m
REAR_AXLE_TO_FRONT = 3.6  # m


@dataclass(frozen=True, slots=True)
class Motion:
    """Ego motion over one frame: speed (m/s, >= 0) at its end and the yaw rate (rad/s, left positive) during it."""

    speed: float = 0.0
    yaw_rate: float = 0.0


@register_jitable
def yaw_rate(steer: float, speed: float) -> float:
    """Yaw rate (rad/s) of a bicycle with `steer` in [-1, 1] at `speed` m/s, limited by the tyres' grip."""
    rate = speed / WHEELBASE * math.tan(max(-1.0, min(1.0, steer)) * MAX_WHEEL_ANGLE)
    limit = min(MAX_YAW_RATE, MAX_LATERAL_ACCELERATION / max(speed, 1e-6))
    return max(-limit, min(limit, rate))


def steer_for(rate: float, speed: float) -> float:
    """The inverse of `yaw_rate`: the steer in [-1, 1] for `rate` rad/s (0 at standstill)."""
    if speed < 0.1:
        return 0.0
    return max(-1.0, min(1.0, math.atan(rate * WHEELBASE / speed) / MAX_WHEEL_ANGLE))


@register_jitable
def advanced(speed: float, steer: float, accel: float, dt: float) -> tuple[float, float]:
    """Speed (m/s) and yaw rate (rad/s) after `dt` seconds under `steer` and `accel` in [-1, 1]."""
    accel = max(-1.0, min(1.0, accel))
    force = accel * (MAX_ACCELERATION if accel >= 0 else MAX_BRAKING)
    after = max(0.0, min(MAX_SPEED, speed + force * dt))
    return after, yaw_rate(steer, 0.5 * (speed + after))


def step(motion: Motion, steer: float, accel: float, dt: float = DT) -> Motion:
    """One step of `dt` seconds under `steer` and `accel` in [-1, 1]."""
    return Motion(*advanced(motion.speed, steer, accel, dt))
