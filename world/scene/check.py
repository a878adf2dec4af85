"""Validates a state from a file before compiled loops use it: they index tables without bounds checks."""

from __future__ import annotations

import numpy as np

from world.controls import Event, Side
from world.scene.objects import PEOPLE, Kind
from world.scene.state import SceneState

FARTHEST = 1e5  # m from a map's bounds
MOST = 1e9  # of any other number


def check(state: SceneState) -> None:
    """Raises ValueError naming the field where a number is not finite, out of bounds, or an invalid index."""
    for name in ("ego", "agents", "event"):
        array = getattr(state, name)
        for field in array.dtype.names or ():
            values = array[field]
            if not (np.isfinite(values) & (np.abs(values.astype(np.float64)) <= 2**31)).all():
                raise ValueError(f"{name}.{field}")
            if values.dtype.kind == "f" and (np.abs(values) > MOST).any():
                raise ValueError(f"{name}.{field}")
    for name in ("amounts", "density", "reckless"):
        values = getattr(state, name)
        if not ((values >= 0.0) & (values <= 10.0)).all():
            raise ValueError(name)
    if (state.clock < 0).any() or (state.clock > MOST).any():
        raise ValueError("clock")
    for row, place in enumerate(state.places):
        ego, agents, event = state.ego[row : row + 1], state.agents[row], state.event[row : row + 1]
        lanes, walks = len(place.map.lanes), len(place.map.walks)
        walking = np.isin(agents["kind"], [int(kind) for kind in PEOPLE])
        tables = np.where(walking, walks, lanes)
        west, south, east, north = place.map.bounds
        for name, group in (("ego", ego), ("agents", agents)):
            here = group if name == "ego" else group[group["kind"] != 0]
            _within(f"{name}.x", here["x"], west - FARTHEST, east + FARTHEST)
            _within(f"{name}.y", here["y"], south - FARTHEST, north + FARTHEST)
        for name in ("lane", "next", "goal"):
            _within(f"ego.{name}", ego[name], -1, lanes - 1)
            _within(f"agents.{name}", agents[name], -1, tables - 1)
        _among("agents.kind", agents["kind"], Kind)
        _among("agents.role", agents["role"], Event)
        _among("event.event", event["event"], Event)
        _among("event.side", event["side"], Side)
        _within("event.level", event["level"], 0, 3)
        _within("event.stage", event["stage"], 0, 3)


def _within(name: str, values: np.ndarray, low: float, high: float | np.ndarray) -> None:
    if not ((values >= low) & (values <= high)).all():
        raise ValueError(name)


def _among(name: str, values: np.ndarray, kind: type[Kind] | type[Event] | type[Side]) -> None:
    if not np.isin(values, [int(one) for one in kind]).all():
        raise ValueError(name)
