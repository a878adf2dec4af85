"""A scene between two steps, for pictures only: poses are interpolated, all else stays."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from world.scene.state import SceneState

MOST = 6.0  # m between two steps; a road user that moved further has just appeared


def between(before: SceneState, after: SceneState, share: float) -> SceneState:
    """The scene at `share` (0 to 1) of the way from one state to the next, of the same drives."""
    ego, agents = after.ego.copy(), after.agents.copy()
    _mix(ego, before.ego, np.ones(len(ego), bool), share, ("x", "y"))
    same = (before.agents["id"] == agents["id"]) & (before.agents["kind"] == agents["kind"]) & (agents["kind"] != 0)
    same &= np.hypot(agents["x"] - before.agents["x"], agents["y"] - before.agents["y"]) < MOST
    _mix(agents, before.agents, same, share, ("x", "y", "phase"))
    amounts = before.amounts + share * (after.amounts - before.amounts)
    return replace(after, ego=ego, agents=agents, amounts=amounts)


def _mix(out: np.ndarray, before: np.ndarray, where: np.ndarray, share: float, names: tuple[str, ...]) -> None:
    """Interpolates records in place: numbers linearly, headings along the shorter arc."""
    for name in names:
        out[name] = np.where(where, before[name] + share * (out[name] - before[name]), out[name])
    turned = (out["heading"] - before["heading"] + math.pi) % (2 * math.pi) - math.pi
    out["heading"] = np.where(where, before["heading"] + share * turned, out["heading"])
