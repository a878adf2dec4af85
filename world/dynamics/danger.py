"""Time to collision of our car, with constant velocities."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.kinematics import EGO_LENGTH, EGO_WIDTH
from world.scene.facts import CENTRE
from world.scene.query import overlap
from world.scene.state import SceneState

HORIZON, STRIDE = 5.0, 0.1  # s ahead, and between tests
REACH = 150.0  # m


@njit(cache=True)
def _first(agents, x, y, heading, speed, length, width, horizon, stride):
    """s until the first contact with an agent's box at constant velocity; inf for none."""
    best = np.inf
    vx, vy = speed * math.cos(heading), speed * math.sin(heading)
    for n in range(len(agents)):
        a = agents[n]
        if a.kind == 0 or abs(a.x - x) > REACH or abs(a.y - y) > REACH:
            continue
        wx, wy = a.speed * math.cos(a.heading), a.speed * math.sin(a.heading)
        at = 0.0
        while at <= horizon and at < best:
            if overlap(
                x + vx * at, y + vy * at, heading, length, width,
                a.x + wx * at, a.y + wy * at, a.heading, a.length, a.width,
            ):  # fmt: skip
                best = at
                break
            at += stride
    return best


def time_to_collision(state: SceneState, row: int = 0) -> float:
    """s until our car touches a road user at constant velocities; 0 in contact, infinite beyond HORIZON."""
    ego = state.ego[row]
    heading = float(ego["heading"])
    x, y = float(ego["x"]) + CENTRE * math.cos(heading), float(ego["y"]) + CENTRE * math.sin(heading)
    agents = state.agents[row]
    return float(_first(agents, x, y, heading, float(ego["speed"]), EGO_LENGTH, EGO_WIDTH, HORIZON, STRIDE))
