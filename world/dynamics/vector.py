"""The driver's inputs outside its loop: for its training, and as one flat vector for agents that learn without pictures."""

from __future__ import annotations

import numpy as np

from world.dynamics.observe import CROSSER, CROSSERS, OWN, USER, USERS, observe
from world.dynamics.situation import situation
from world.scene.state import SceneState

VECTOR = OWN + USERS * USER + CROSSERS * CROSSER


def observed(
    state: SceneState, command: int, target: float, row: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """float32 own [OWN], users [USERS, USER], crossers [CROSSERS, CROSSER], and int64 [2], the counts of both. Our car must be on a lane."""
    own = np.zeros(OWN, np.float32)
    users, crossers = np.zeros((USERS, USER), np.float32), np.zeros((CROSSERS, CROSSER), np.float32)
    counts = observe(*situation(state, command, target, row), own, users, crossers)
    return own, users, crossers, np.array(counts[:2], np.int64)


def vector(state: SceneState, command: int, target: float, row: int = 0) -> np.ndarray:
    """float32 [VECTOR] of one drive: own car and reference path, road users, crossing ones; all zero off the map. target in m/s."""
    if state.ego["lane"][row] < 0:
        return np.zeros(VECTOR, np.float32)
    own, users, crossers, _ = observed(state, command, target, row)
    return np.concatenate([own, users.ravel(), crossers.ravel()])
