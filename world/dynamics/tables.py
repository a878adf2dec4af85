"""The map for compiled steps: HDMap's tables, and tables computed from them. Cached per map."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from world.scene.hd_map import HDMap

CROSSING_NEAR = 14.0  # m before a lane's end within which a crossing moves its stop line
LINE_TO_CROSSING = 0.8  # m


class Tables(NamedTuple):
    """Read-only arrays: those of HDMap by the same names, then computed ones."""

    lanes: np.ndarray
    points: np.ndarray
    successors: np.ndarray
    conflicts: np.ndarray
    signals: np.ndarray
    crossings: np.ndarray
    crossed: np.ndarray
    walks: np.ndarray
    walk_points: np.ndarray
    walk_links: np.ndarray
    grid: tuple[float, float, float]
    cell_first: np.ndarray
    cell_count: np.ndarray
    cell_items: np.ndarray
    point_lane: np.ndarray
    bounds: tuple[float, float, float, float]
    stop_line: np.ndarray  # float64 [lanes]: s of the stop line of street lanes
    other_yields: np.ndarray  # int32 [conflicts]: 1: the other connection gives way to the own one
    first_crossing: np.ndarray  # int32 [lanes]: rows of `lane_crossings`
    crossing_count: np.ndarray  # int32 [lanes]
    lane_crossings: np.ndarray  # int32 [N]: crossings over a lane
    lane_crossing_s: np.ndarray  # float64 [N]: where on the lane


_MADE: WeakKeyDictionary[HDMap, Tables] = WeakKeyDictionary()


def tables(place: HDMap) -> Tables:
    """The tables of a map, cached while the map lives."""
    if place not in _MADE:
        _MADE[place] = _make(place)
    return _MADE[place]


def _make(place: HDMap) -> Tables:
    lanes, conflicts, crossings = place.lanes, place.conflicts, place.crossings
    rows: list[list[tuple[int, float]]] = [[] for _ in lanes]
    for index, crossing in enumerate(crossings):
        for row in place.crossed[crossing["first_lane"] : crossing["first_lane"] + crossing["lanes"]]:
            rows[row["lane"]].append((index, float(row["s"])))
    stop_line = lanes["length"].astype(np.float64)
    for lane, over in enumerate(rows):
        over.sort(key=lambda one: one[1])
        for index, s in over:
            line = s - 0.5 * float(crossings[index]["width"]) - LINE_TO_CROSSING
            if lanes[lane]["junction"] < 0 and s > lanes[lane]["length"] - CROSSING_NEAR:
                stop_line[lane] = max(0.0, min(stop_line[lane], line))
    count = np.array([len(over) for over in rows], np.int32)
    other_yields = np.zeros(len(conflicts), np.int32)
    yields: dict[tuple[int, int], int] = {}
    for connection in np.flatnonzero(lanes["junction"] >= 0).tolist():
        first = int(lanes[connection]["first_conflict"])
        for k in range(first, first + int(lanes[connection]["conflicts"])):
            yields[connection, int(conflicts[k]["other"])] = k
    for (own, other), index in yields.items():
        if (other, own) in yields:
            other_yields[index] = conflicts[yields[other, own]]["yields"]
    return Tables(
        lanes=frozen(lanes),
        points=frozen(place.points),
        successors=frozen(place.successors),
        conflicts=frozen(conflicts),
        signals=frozen(place.signals),
        crossings=frozen(crossings),
        crossed=frozen(place.crossed),
        walks=frozen(place.walks),
        walk_points=frozen(place.walk_points),
        walk_links=frozen(place.walk_links),
        grid=(float(place.grid[0]), float(place.grid[1]), float(place.grid[2])),
        cell_first=frozen(place.cell_first),
        cell_count=frozen(place.cell_count),
        cell_items=frozen(place.cell_items),
        point_lane=frozen(place.point_lane),
        bounds=(float(place.bounds[0]), float(place.bounds[1]), float(place.bounds[2]), float(place.bounds[3])),
        stop_line=frozen(stop_line),
        other_yields=frozen(other_yields),
        first_crossing=frozen((np.cumsum(count) - count).astype(np.int32)),
        crossing_count=frozen(count),
        lane_crossings=frozen(np.array([index for over in rows for index, _ in over], np.int32)),
        lane_crossing_s=frozen(np.array([s for over in rows for _, s in over], np.float64)),
    )


def frozen(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view, so that the compiler sees one type."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
