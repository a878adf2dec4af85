"""The way that the car takes: where it will be REACH m on, seen from its rear axle. A navigator tells it to the driver,
who steers along it.

In recorded drives it is the way that was driven then; in a dream it is laid out where a command asks for one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from world.controls import FPS, Command
from world.kinematics import MAX_WHEEL_ANGLE, WHEELBASE
from world.layout import REACH

Point = tuple[float, float]  # m ahead of the rear axle, m to the left

SOON = 6 * FPS  # frames within which the last of the REACH is driven: a way along which one stands is none
LANE, CROSSING = 3.2, 14.0  # m: the width of a lane; of a junction
BEFORE_TURN = 2.0  # m that the rear axle goes on into a junction before the wheel is turned
RADIUS = {Command.LEFT: 10.5, Command.RIGHT: 10.0}  # m, of the turns that the town's expert drives
SHIFT = {Command.LANE_LEFT: LANE, Command.LANE_RIGHT: -LANE}  # m to the left
SHIFT_SECONDS, SHIFT_LEAST = 2.2, 12.0  # of a lane change, as the town drives them; m
AFTERWARDS = 40.0  # m that a way goes on straight, for the pursuer to come to it
SIDEWAYS = 2.5  # m/s2 that a bend is driven with


def driven(pose: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The ways [T, 8] that drives took; NaN where they stood soon, or ended.

    pose [T, 3]: x, y (m) and heading (rad) of the rear axle; left [T]: frames until the drive ends.
    """
    steps = np.hypot(*np.diff(pose[:, :2].astype(np.float64), axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    index, out = np.arange(len(pose)), np.full((len(pose), 2 * len(REACH)), np.nan, np.float32)
    cos, sin = np.cos(pose[:, 2]), np.sin(pose[:, 2])
    for number, reach in enumerate(REACH):
        at = np.searchsorted(length, length + reach)
        known = at - index <= np.minimum(left, SOON)
        at = np.minimum(at, len(pose) - 1)
        share = (length + reach - length[at - 1]) / np.maximum(length[at] - length[at - 1], 1e-6)
        dx, dy = (pose[at - 1, :2] + share[:, None] * (pose[at, :2] - pose[at - 1, :2]) - pose[:, :2]).T
        ways = np.stack([dx * cos + dy * sin, dy * cos - dx * sin], axis=1)
        out[:, 2 * number : 2 * number + 2] = np.where(known[:, None], ways, np.nan)
    return np.where(np.isnan(out).any(1, keepdims=True), np.float32(np.nan), out)


def laid(command: int, entry: float, speed: float) -> list[Point]:
    """The way that a command asks for, a point every metre. entry: m to the junction; speed: m/s, for a lane change."""
    points = [(0.0, 0.0)]

    def straight(metres: float, heading: float = 0.0) -> None:
        for _ in range(math.ceil(metres)):
            x, y = points[-1]
            points.append((x + math.cos(heading), y + math.sin(heading)))

    if command in SHIFT:
        length = max(SHIFT_LEAST, SHIFT_SECONDS * speed)
        for step in range(1, math.ceil(length) + 1):
            part = min(1.0, step / length)
            points.append((float(step), SHIFT[Command(command)] * part * part * (3 - 2 * part)))
        straight(AFTERWARDS)
    elif command in RADIUS:
        straight(entry + BEFORE_TURN)
        radius, side, (x, y) = RADIUS[Command(command)], 1 if command == Command.LEFT else -1, points[-1]
        arc = round(radius * math.pi / 2)
        for step in range(1, arc + 1):
            turn = step / arc * math.pi / 2
            points.append((x + radius * math.sin(turn), y + side * radius * (1 - math.cos(turn))))
        straight(AFTERWARDS, side * math.pi / 2)
    else:
        straight(entry + CROSSING + AFTERWARDS)
    return points


def ahead(points: Sequence[Point], pose: tuple[float, float, float]) -> list[float] | None:
    """The way's 8 numbers as seen from the pose (x, y, heading); None where it ends too soon."""
    x, y, heading = pose
    nearest = min(range(len(points)), key=lambda at: math.dist(points[at], (x, y)))
    if nearest + REACH[-1] >= len(points):
        return None
    cos, sin, out = math.cos(heading), math.sin(heading), []
    for reach in REACH:
        dx, dy = points[nearest + int(reach)][0] - x, points[nearest + int(reach)][1] - y
        out += [dx * cos + dy * sin, dy * cos - dx * sin]
    return out


def pursued(way_B8: Tensor, speed_B: Tensor) -> tuple[Tensor, Tensor]:
    """The steer [B] in [-1, 1] along the way (0 where none is known), and the speed [B] in m/s at which its bends are driven.

    Pure pursuit (Coulter 1992, CMU-RI-TR-92-01) of a point 4 to 8 m on.
    """
    points = way_B8.unflatten(1, (-1, 2))
    bend = 2 * points[..., 1] / points.square().sum(2).clamp_min(1.0)  # [B, REACH], 1/m
    far = ((speed_B - REACH[0]) / (REACH[1] - REACH[0])).clamp(0, 1)
    steer = (torch.lerp(bend[:, 0], bend[:, 1], far) * WHEELBASE).atan() / MAX_WHEEL_ANGLE
    most = (SIDEWAYS / bend[:, :3].abs().amax(1).clamp_min(1e-3)).sqrt()
    return steer.nan_to_num(0.0).clamp(-1, 1), most.nan_to_num(torch.inf)
