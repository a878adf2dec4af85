"""Figures of road graphs: degrees, lengths, angles, lanes, bends, blocks; and faults of maps built from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.scene.areas import driving_areas
from world.scene.arms import centre_line
from world.scene.geometry import lengths, resampled
from world.scene.graph import RoadGraph
from world.scene.hd_map import HDMap

SEAM = 0.05  # m, allowed gap between successive lanes
EDGES: dict[str, np.ndarray] = {  # bins of each distribution
    "degree": np.arange(0.5, 7.0),
    "length": np.arange(20.0, 330.0, 10.0),
    "angle": np.radians(np.arange(0.0, 365.0, 10.0)),
    "lanes": np.arange(0.5, 5.0),
    "bend": np.array([-1, -0.12, -0.08, -0.05, -0.025, -0.01, 0.01, 0.025, 0.05, 0.08, 0.12, 1]),
    "block": np.geomspace(500.0, 3e5, 25),
}


def values_of(graph: RoadGraph, inner: np.ndarray) -> dict[str, list[float]]:
    """Every value of each distribution; lengths in m, blocks in m2.

    inner: junctions that count; streets count where one of their ends does.
    """
    here = set(inner.tolist())
    lines = [centre_line(graph, street) for street in graph.streets]
    bearings: list[list[float]] = [[] for _ in graph.junctions]
    values: dict[str, list[float]] = {name: [] for name in EDGES}
    for street, line in zip(graph.streets, lines, strict=True):
        for end, way in ((street.start, line[1] - line[0]), (street.end, line[-2] - line[-1])):
            bearings[end].append(math.atan2(way[1], way[0]))
        if street.start in here or street.end in here:
            chord, middle = line[-1] - line[0], resampled(line, 2.0)
            aside = middle[len(middle) // 2] - 0.5 * (line[0] + line[-1])
            values["length"].append(float(lengths(line)[-1]))
            values["lanes"] += [float(street.forward), float(street.backward)]
            values["bend"].append(float(chord[0] * aside[1] - chord[1] * aside[0]) / max(float(chord @ chord), 1e-6))
    for k in here:
        own = sorted(bearings[k])
        values["degree"].append(float(len(own)))
        if len(own) > 1:
            values["angle"] += [(b - a) % math.tau for a, b in zip(own, own[1:] + own[:1], strict=True)]
    values["block"] = blocks(graph, lines)
    return values


def blocks(graph: RoadGraph, lines: Sequence[np.ndarray]) -> list[float]:
    """m2 of every face that streets enclose: each half-edge leads to the next clockwise at its end (de Berg et al.
    2008).
    """
    leaving: dict[int, list[tuple[float, int, bool]]] = {}
    for number, (street, line) in enumerate(zip(graph.streets, lines, strict=True)):
        for end, forward, way in ((street.start, True, line[1] - line[0]), (street.end, False, line[-2] - line[-1])):
            leaving.setdefault(end, []).append((math.atan2(way[1], way[0]), number, forward))
    after: dict[tuple[int, bool], tuple[int, bool]] = {}
    for halves in leaving.values():
        halves.sort()
        for k, (_, number, forward) in enumerate(halves):
            after[number, not forward] = halves[k - 1][1:]
    areas, unvisited = [], set(after)
    while unvisited:
        first = half = next(iter(unvisited))
        ring: list[np.ndarray] = []
        while half in unvisited:
            unvisited.remove(half)
            ring.append(lines[half[0]] if half[1] else lines[half[0]][::-1])
            half = after[half]
        assert half == first
        x, y = np.concatenate(ring).T
        area = 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        if area > 1.0:  # the outer face runs clockwise
            areas.append(area)
    return areas


@dataclass(frozen=True, slots=True)
class Faults:
    """Of one map.

    nowhere: lanes that lead nowhere; gaps: between successive lanes; overlaps: points of lanes in two driving areas.
    """

    nowhere: int
    gaps: int
    overlaps: int

    @property
    def any(self) -> bool:
        """Whether the map has a fault."""
        return bool(self.nowhere or self.gaps or self.overlaps)


def faults(place: HDMap) -> Faults:
    """Counts the faults of a map; successive lanes may be SEAM m apart."""
    lanes = place.lanes
    streets, links = np.flatnonzero(lanes["junction"] < 0), np.flatnonzero(lanes["junction"] >= 0)
    first, last = lanes["first"], lanes["first"] + lanes["count"] - 1
    xy = np.stack([place.points["x"], place.points["y"]], 1)
    source, target = lanes["source"][links], lanes["target"][links]
    apart = np.hypot(*(xy[first[links]] - xy[last[source]]).T), np.hypot(*(xy[last[links]] - xy[first[target]]).T)
    own = np.concatenate([xy[first[k] + 1 : last[k]] for k in streets]) if len(streets) else np.zeros((0, 2))
    covered = driving_areas(place, own)
    return Faults(
        int((lanes["outs"][streets] == 0).sum()),
        int((apart[0] > SEAM).sum() + (apart[1] > SEAM).sum()),
        int((covered > 1).sum()),
    )
