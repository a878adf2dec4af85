"""What road graphs are like in numbers: degrees, lengths, angles, lanes, bends, blocks; and what is wrong with the maps made from them."""

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

SEAM = 0.05  # m that lanes which lead into one another may be apart
EDGES: dict[str, np.ndarray] = {  # bins of each distribution
    "degree": np.arange(0.5, 7.0),
    "length": np.arange(20.0, 330.0, 10.0),
    "angle": np.radians(np.arange(0.0, 365.0, 10.0)),
    "lanes": np.arange(0.5, 5.0),
    "bend": np.array([-1, -0.12, -0.08, -0.05, -0.025, -0.01, 0.01, 0.025, 0.05, 0.08, 0.12, 1]),
    "block": np.geomspace(500.0, 3e5, 25),
}


def values_of(graph: RoadGraph, inner: np.ndarray) -> dict[str, list[float]]:
    """Every number of each distribution. inner: junctions that count; streets count where one of their ends does. Lengths in m, blocks in m2."""
    here = set(inner.tolist())
    lines = [centre_line(graph, street) for street in graph.streets]
    bearings: list[list[float]] = [[] for _ in graph.junctions]
    found: dict[str, list[float]] = {name: [] for name in EDGES}
    for street, line in zip(graph.streets, lines, strict=True):
        for end, way in ((street.start, line[1] - line[0]), (street.end, line[-2] - line[-1])):
            bearings[end].append(math.atan2(way[1], way[0]))
        if street.start in here or street.end in here:
            chord, middle = line[-1] - line[0], resampled(line, 2.0)
            aside = middle[len(middle) // 2] - 0.5 * (line[0] + line[-1])
            found["length"].append(float(lengths(line)[-1]))
            found["lanes"] += [float(street.forward), float(street.backward)]
            found["bend"].append(float(chord[0] * aside[1] - chord[1] * aside[0]) / max(float(chord @ chord), 1e-6))
    for k in here:
        own = sorted(bearings[k])
        found["degree"].append(float(len(own)))
        if len(own) > 1:
            found["angle"] += [(b - a) % math.tau for a, b in zip(own, own[1:] + own[:1], strict=True)]
    found["block"] = blocks(graph, lines)
    return found


def blocks(graph: RoadGraph, lines: Sequence[np.ndarray]) -> list[float]:
    """m2 of every face that streets enclose: each half of a street goes on to the next one clockwise at its end (de Berg et al. 2008)."""
    leaving: dict[int, list[tuple[float, int, bool]]] = {}
    for number, (street, line) in enumerate(zip(graph.streets, lines, strict=True)):
        for end, forward, way in ((street.start, True, line[1] - line[0]), (street.end, False, line[-2] - line[-1])):
            leaving.setdefault(end, []).append((math.atan2(way[1], way[0]), number, forward))
    after: dict[tuple[int, bool], tuple[int, bool]] = {}
    for halves in leaving.values():
        halves.sort()
        for k, (_, number, forward) in enumerate(halves):
            after[number, not forward] = halves[k - 1][1:]
    found, left = [], set(after)
    while left:
        first = half = next(iter(left))
        ring: list[np.ndarray] = []
        while half in left:
            left.remove(half)
            ring.append(lines[half[0]] if half[1] else lines[half[0]][::-1])
            half = after[half]
        assert half == first
        x, y = np.concatenate(ring).T
        area = 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        if area > 1.0:  # the outer face runs clockwise
            found.append(area)
    return found


@dataclass(frozen=True, slots=True)
class Faults:
    """Of one map: lanes that lead nowhere; seams where lanes that lead into one another lie apart; points of lanes that lie in two driving areas."""

    nowhere: int
    gaps: int
    overlaps: int

    @property
    def any(self) -> bool:
        return bool(self.nowhere or self.gaps or self.overlaps)


def faults(place: HDMap) -> Faults:
    """Counts what is wrong with a map; lanes that lead into one another are no fault up to SEAM m apart."""
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
