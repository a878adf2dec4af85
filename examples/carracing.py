"""A driver for CarRacing-v3 that sees what the world will see: pixels. For `lucidrive import gym --policy`."""

from __future__ import annotations

import numpy as np

CAR = 48  # the car's column
NEAR, FAR = slice(52, 66), slice(0, 84)  # the rows just ahead of it; all but the dashboard
SPEED_BAR = slice(84, 94), 13  # a white bar in the dashboard, antialiased
BAR_OF_SPEED = 13.0  # its brightness for a unit of speed
STRAIGHT, TURN = 36.0, 20.0  # speeds to keep


def drive(observation: np.ndarray) -> list[float]:
    """Steer towards the grey ahead, slower where it bends: steer, gas, brake. Lost, it turns until it sees grey."""
    picture = observation.astype(int)
    aim = _road(picture[NEAR])
    bend = abs(_road(picture[30:50], aim) - aim)
    if aim == CAR:  # most likely nothing was seen
        aim = _road(picture[FAR], CAR + 12)
    steer = float(np.clip((aim - CAR) / 16, -1, 1))
    speed = picture[SPEED_BAR].min(-1).sum() / BAR_OF_SPEED
    wanted = TURN if abs(steer) > 0.4 or bend > 12 else STRAIGHT
    return [steer, 0.3 if speed < wanted else 0.0, 0.4 if speed > 1.3 * wanted else 0.0]


def _road(rows: np.ndarray, unseen: float = CAR) -> float:
    """The mean column of what is grey; `unseen` where too little is."""
    red, green, blue = rows.transpose(2, 0, 1)
    columns = ((abs(red - green) < 12) & (abs(green - blue) < 12) & (green > 60)).nonzero()[1]
    return float(columns.mean()) if len(columns) > 30 else unseen
