"""Spray: the mist behind moving vehicles on a wet road, as soft puffs over the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.kinematics import WHEELBASE
from world.town.models import KINDS
from world.town.traffic import Other

HEIGHT, WIDTH = 144, 256
FOCAL, CAMERA_HEIGHT = WIDTH / 2, 1.5
NEAREST, FARTHEST = 3.0, 45.0  # m ahead of the camera
SLOWEST, FULL = 2.5, 13.0  # m/s from which there is spray, and full spray
BEHIND = (0.2, 1.2, 2.4)  # m from the rear to each puff; more with speed
REACH = 2.0  # radii of a puff; further out it is too faint


@dataclass(frozen=True, slots=True)
class Puff:
    """A ball of mist: m ahead of the camera, left and above the road, radius in m, density in [0, 1]."""

    ahead: float
    left: float
    up: float
    radius: float
    density: float


def puffs(others: list[Other], x: float, y: float, heading: float) -> list[Puff]:
    """The mist behind every moving vehicle in view, for our car's rear axle at (x, y)."""
    out = []
    c, s = math.cos(heading), math.sin(heading)
    for other in others:
        kind = KINDS.get(other.kind)
        if kind is None or kind.share == 0 or other.speed < SLOWEST or abs(other.x - x) + abs(other.y - y) > 75:
            continue
        pace = min(1.0, (other.speed - SLOWEST) / (FULL - SLOWEST))
        for number, behind in enumerate(BEHIND):
            back = kind.length + behind * (0.5 + pace)
            px = other.x - back * math.cos(other.heading) - x
            py = other.y - back * math.sin(other.heading) - y
            ahead, left = px * c + py * s - WHEELBASE, py * c - px * s
            if NEAREST < ahead < FARTHEST and abs(left) < ahead + 3.0:
                radius = kind.width * (0.55 + 0.22 * number)
                up = 0.2 + 0.12 * kind.height + 0.12 * number
                density = (0.4 + 0.6 * pace) * (1.0 - 0.25 * number) * min(1.0, ahead / 9.0)
                out.append(Puff(ahead, left, up, radius, density))
    return out


def mist(balls: Sequence[Puff], depth: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Share of mist per pixel, float32 [H, W]. depth (m) occludes it; grain [H, W] makes it uneven."""
    clarity = np.ones((HEIGHT, WIDTH), np.float32)
    for puff in balls:
        scale = FOCAL / puff.ahead
        column, row = WIDTH / 2 - puff.left * scale, HEIGHT / 2 + (CAMERA_HEIGHT - puff.up) * scale
        wide, high = puff.radius * scale, 0.6 * puff.radius * scale
        c0, c1 = max(0, int(column - REACH * wide)), min(WIDTH, int(column + REACH * wide) + 2)
        r0, r1 = max(0, int(row - REACH * high)), min(HEIGHT, int(row + REACH * high) + 2)
        if c0 >= c1 or r0 >= r1:
            continue
        across = np.exp(-(((np.arange(c0, c1, dtype=np.float32) + 0.5 - column) / wide) ** 2))
        along = np.exp(-(((np.arange(r0, r1, dtype=np.float32) + 0.5 - row) / high) ** 2))
        part = slice(r0, r1), slice(c0, c1)
        ball = puff.density * along[:, None] * across[None] * grain[part]
        hidden = np.clip((depth[part] - puff.ahead) / puff.radius + 2.0, 0.0, 1.0)  # of what lies in it, a part
        clarity[part] *= 1.0 - np.minimum(ball, 1.0) * hidden
    return 1.0 - clarity
