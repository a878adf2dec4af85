"""The driver of scene worlds: vectors in (`observe`), steer and accel out; trained by imitation of the rules in `expert`.

A simple base (pure pursuit of the reference path, cruise control) plus a learnt residual. Off the map our car stops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numba import njit

from world.dynamics import expert
from world.dynamics.observe import CROSSER, CROSSERS, OWN, USER, USERS, observe
from world.dynamics.policy import Policy, load_policy, residual
from world.dynamics.situation import situation
from world.dynamics.vector import VECTOR, vector
from world.scene.state import SceneState

By = Literal["learnt", "expert"]
DRIVER: By = "learnt"  # default
Driver = Callable[[SceneState, int, float, int], tuple[float, float]]  # state, command, target, row -> steer, accel


def drive(state: SceneState, command: int, target: float, row: int = 0, by: By = DRIVER) -> tuple[float, float]:
    """(steer, accel) in [-1, 1] for one drive; target speed in m/s. WeightsError where the learnt driver's weights are missing."""
    if by == "expert":
        return expert.drive(state, command, target, row)
    return act(load_policy(), state, command, target, row)


def watch(
    state: SceneState, command: int, target: float, row: int = 0, by: By = DRIVER
) -> tuple[np.ndarray, float, float]:
    """`vector` and `drive` of one moment from one observation: float32 [VECTOR], steer, accel. WeightsError likewise."""
    if by == "expert":
        return vector(state, command, target, row), *expert.drive(state, command, target, row)
    return _watch(load_policy(), state, command, target, row)


def act(policy: Policy, state: SceneState, command: int, target: float, row: int = 0) -> tuple[float, float]:
    """(steer, accel) of a policy in one drive."""
    return _watch(policy, state, command, target, row)[1:]


def _watch(policy: Policy, state: SceneState, command: int, target: float, row: int) -> tuple[np.ndarray, float, float]:
    inputs = np.zeros(VECTOR, np.float32)
    if state.ego["lane"][row] < 0:
        return inputs, 0.0, -0.5
    return inputs, *_act(policy, *situation(state, command, target, row), inputs)


@njit(cache=True)
def _act(policy, t, everyone, egos, command, target, seed, seconds, inputs):
    """(steer, accel); fills inputs float32 [VECTOR], initially zeros."""
    first, out = OWN + USERS * USER, np.empty(2, np.float32)
    own = inputs[:OWN]
    users, crossers = inputs[OWN:first].reshape((USERS, USER)), inputs[first:].reshape((CROSSERS, CROSSER))
    count, crossing, steer, accel = observe(t, everyone, egos, command, target, seed, seconds, own, users, crossers)
    residual(policy, own, users, count, crossers, crossing, out)
    return min(1.0, max(-1.0, steer + out[0])), min(1.0, max(-1.0, accel + out[1]))
