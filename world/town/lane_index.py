"""Finds the driving lane nearest to a pose."""

from __future__ import annotations

import numpy as np

from world.town.network import RoadNetwork


class LaneIndex:
    """The segments of all driving lanes, for finding the nearest."""

    def __init__(self, network: RoadNetwork) -> None:
        starts, ends, names, at = [], [], [], []
        for lane in network.lanes.values():
            length = 0.0
            for a, b in zip(lane.shape[:-1], lane.shape[1:], strict=True):
                starts.append(a)
                ends.append(b)
                names.append(lane.id)
                at.append(length)
                length += float(np.linalg.norm(b - a))
        self._a, self._b = np.array(starts), np.array(ends)
        self._names, self._at = names, np.array(at)
        d = self._b - self._a
        self._length = np.maximum(np.linalg.norm(d, axis=1), 1e-6)
        self._dir = d / self._length[:, None]
        self._heading = np.arctan2(d[:, 1], d[:, 0])
        self._plain = np.array([not network.lanes[name].internal for name in names])

    def nearest(
        self, x: float, y: float, heading: float, plain: bool = False
    ) -> tuple[str, float, float, float] | None:
        """Lane, arc length on it, signed offset and distance, among lanes within 75 degrees of the heading; None within
        25 m.

        plain: without lanes inside junctions.
        """
        r = np.array([x, y]) - self._a
        t = np.clip((r * self._dir).sum(axis=1), 0, self._length)
        gap = r - t[:, None] * self._dir
        distance = np.hypot(gap[:, 0], gap[:, 1])
        turn = np.abs((self._heading - heading + np.pi) % (2 * np.pi) - np.pi)
        distance = np.where(turn < 1.3, distance + 0.4 * turn, np.inf)
        if plain:
            distance = np.where(self._plain, distance, np.inf)
        k = int(np.argmin(distance))
        if not np.isfinite(distance[k]) or distance[k] > 25:
            return None
        side = self._dir[k, 0] * r[k, 1] - self._dir[k, 1] * r[k, 0]
        return self._names[k], float(self._at[k] + t[k]), float(side), float(np.hypot(*gap[k]))
