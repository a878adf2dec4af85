"""What the driver is told as one flat vector: an observation for agents that learn to drive without pictures."""

from __future__ import annotations

import numpy as np
from numba import njit

from world.controls import DT
from world.dynamics.observe import CROSSER, CROSSERS, OWN, USER, USERS, observe
from world.dynamics.tables import tables
from world.dynamics.traffic import see
from world.scene.objects import AGENT
from world.scene.state import AGENTS, SceneState

VECTOR = OWN + USERS * USER + CROSSERS * CROSSER


def vector(state: SceneState, command: int, target: float, row: int = 0) -> np.ndarray:
    """float32 [VECTOR] of one drive: own car and way, road users, those who cross; all zero off the map. target in m/s."""
    own = np.zeros(OWN, np.float32)
    users, crossers = np.zeros((USERS, USER), np.float32), np.zeros((CROSSERS, CROSSER), np.float32)
    if state.ego["lane"][row] >= 0:
        seen = np.empty(AGENTS + 1, AGENT)
        seen[:AGENTS] = state.agents[row]
        egos = state.ego[row : row + 1]
        see(egos, seen)
        there, seconds = tables(state.places[row].map), DT * float(state.clock[row])
        _observe(there, seen, egos, max(0, command), float(target), state.seed[row], seconds, own, users, crossers)
    return np.concatenate([own, users.ravel(), crossers.ravel()])


@njit(cache=True)
def _observe(t, seen, egos, command, target, seed, seconds, own, users, crossers):
    observe(t, seen, egos, command, target, seed, seconds, own, users, crossers)
