"""Inputs of drivers' compiled loops for one drive."""

from __future__ import annotations

import numpy as np

from world.controls import DT
from world.dynamics.tables import Tables, tables
from world.dynamics.vehicles import everybody
from world.scene.state import SceneState

Situation = tuple[Tables, np.ndarray, np.ndarray, int, float, np.uint64, float]


def situation(state: SceneState, command: int, target: float, row: int = 0) -> Situation:
    """The place's tables, AGENT [AGENTS + 1] with our car as the last, our EGO [1], command, target speed in m/s, seed, seconds."""
    egos = state.ego[row : row + 1]
    everyone = everybody(egos, state.agents[row])
    there, seconds = tables(state.places[row].map), DT * float(state.clock[row])
    return there, everyone, egos, max(0, int(command)), float(target), state.seed[row], seconds
