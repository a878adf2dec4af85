"""The result of a dream's step: the picture, its control and motion, and the readout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.controls import NULL, Control
from world.kinematics import Motion


@dataclass(frozen=True, slots=True)
class Readout:
    """Estimates made from the dreamt picture's latents alone; they never see the control.

    speed m/s; yaw_rate rad/s (left positive); junction_distance m (0 inside a junction, 60 = none near);
    lane_offset m (left of the lane's centre positive); collision, off_road, event_visible: probabilities;
    weather, time: the most likely values of `Weather` and `TimeOfDay`, with their probabilities.
    """

    speed: float
    yaw_rate: float
    junction_distance: float
    lane_offset: float
    collision: float
    off_road: float
    event_visible: float
    weather: int
    weather_confidence: float
    time: int
    time_confidence: float


_ = float("nan")
UNREAD = Readout(_, _, _, _, _, _, _, NULL, 0.0, NULL, 0.0)  # in worlds without readouts


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a dream.

    image: uint8 [H, W, 3]; index counts from 0 at the start frame; `control` led to this frame;
    `motion` is of the kinematic car under that control (commanded), `readout` of the picture (estimated).
    `between`: a picture halfway from the previous frame, to show more than ten a second; most worlds have none.
    """

    image: np.ndarray
    index: int
    control: Control
    motion: Motion
    readout: Readout
    between: np.ndarray | None = None
