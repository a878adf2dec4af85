"""The HD map: lanes, connections through junctions, signals, crossings and pavements, computed from a road graph.

Flat numpy tables, so that compiled loops can read them. All lengths in m; `s` counts from a lane's beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from world.scene.graph import RoadGraph

NO_TURN, STRAIGHT, LEFT, RIGHT, AROUND = range(5)  # LANE.turn
PAVEMENT, CORNER, CROSSING_WALK = range(3)  # WALK.kind

# A driving lane of a street, or (junction >= 0) a connection through a junction.
LANE = np.dtype(
    [
        ("street", "<i4"),  # -1 for connections
        ("junction", "<i4"),  # -1 for street lanes
        ("forward", "<i4"),  # 1: runs from the street's start to its end, 0: the other way
        ("number", "<i4"),  # 0 is the rightmost lane of its direction
        ("first", "<i4"),  # its points in HDMap.points
        ("count", "<i4"),
        ("length", "<f8"),
        ("width", "<f8"),
        ("limit", "<f8"),  # m/s
        ("left", "<i4"),  # neighbouring lane of the same direction, -1: none
        ("right", "<i4"),
        ("opposite", "<i4"),  # street lanes: the leftmost lane of the other direction, -1: none
        ("turn", "<i4"),
        ("source", "<i4"),  # connections: the lane they come from, the lane they lead to
        ("target", "<i4"),
        ("signal", "<i4"),  # connections: index into HDMap.signals; -1: none
        ("first_out", "<i4"),  # street lanes: their connections in HDMap.successors
        ("outs", "<i4"),
        ("first_conflict", "<i4"),  # connections: rows of HDMap.conflicts
        ("conflicts", "<i4"),
        ("end_junction", "<i4"),  # street lanes: the junction at their end
    ]
)

# A lane's centre line, one point about every 2 m and at both ends. `heading` at the point, `s` from the lane's beginning.
POINT = np.dtype([("x", "<f8"), ("y", "<f8"), ("heading", "<f8"), ("s", "<f8")])

# Two connections of a junction that cross, merge or part: where, on each, and who yields.
CONFLICT = np.dtype(
    [
        ("other", "<i4"),  # the other connection's lane index
        ("begin", "<f8"),  # m along the own connection where boxes could touch
        ("end", "<f8"),
        ("other_begin", "<f8"),
        ("other_end", "<f8"),
        ("yields", "<i4"),  # 1: the own connection gives way
    ]
)

# One signal head group: fixed time. Green in [green, amber), amber in [amber, red), red else; seconds modulo `cycle`.
SIGNAL = np.dtype(
    [
        ("junction", "<i4"),
        ("x", "<f8"),  # where its post stands, and the heading of the traffic that it faces
        ("y", "<f8"),
        ("heading", "<f8"),
        ("green", "<f8"),
        ("amber", "<f8"),
        ("red", "<f8"),
        ("cycle", "<f8"),
    ]
)

# A crossing for people over a street, from kerb to kerb.
CROSSING = np.dtype(
    [
        ("street", "<i4"),
        ("junction", "<i4"),
        ("x0", "<f8"),
        ("y0", "<f8"),
        ("x1", "<f8"),
        ("y1", "<f8"),
        ("width", "<f8"),
        ("signal", "<i4"),  # index into HDMap.signals of the *people's* signal; -1: unsignalled (cars yield)
        ("walk", "<i4"),  # index into HDMap.walks
        ("first_lane", "<i4"),  # rows of HDMap.crossed: which lanes and connections it lies over
        ("lanes", "<i4"),
    ]
)
CROSSED = np.dtype([("lane", "<i4"), ("s", "<f8")])  # where the crossing's centre line meets the lane

# A path for people, walked in either direction.
WALK = np.dtype(
    [
        ("kind", "<i4"),
        ("street", "<i4"),
        ("crossing", "<i4"),  # index into HDMap.crossings; -1: none
        ("first", "<i4"),  # its points in HDMap.walk_points
        ("count", "<i4"),
        ("length", "<f8"),
        ("width", "<f8"),
        (
            "first_link",
            "<i4",
        ),  # rows of HDMap.walk_links that meet it at its end, then (`links_begin`) at its beginning
        ("links_end", "<i4"),
        ("links_begin", "<i4"),
    ]
)
WALK_LINK = np.dtype([("walk", "<i4"), ("reverse", "<i4")])  # the next walk, and whether it is then walked backwards


@dataclass(frozen=True, slots=True)
class Marking:
    """Paint on the road. kind: edge, lane (dashed), centre (double yellow), stop, zebra (a polygon for each bar), arrow_straight/left/right/...

    points float64 [N, 2]: a polyline of `width` m, or for zebra bars and arrows the outline of a polygon (width 0).
    """

    kind: str
    points: np.ndarray
    width: float


@dataclass(frozen=True, slots=True)
class StreetShape:
    """A street between the mouths of its junctions. `left`, `right`: kerb lines (seen from its start), `centre` the line between the directions, float64 [N, 2], equally many points."""

    street: int
    centre: np.ndarray
    left: np.ndarray
    right: np.ndarray
    pavement: float
    lane_borders: tuple[np.ndarray, ...]  # from left to right, the kerb lines among them, [N, 2] each


@dataclass(frozen=True, slots=True)
class JunctionShape:
    """`outline`: the driving area, counter-clockwise, float64 [N, 2]. `kerbs`: rounded polylines from one arm's kerb to the next arm's, the driving area on their left. `pavements`: polygons of the corners' pavements."""

    junction: int
    outline: np.ndarray
    kerbs: tuple[np.ndarray, ...]
    pavements: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class HDMap:
    """The whole map. Tables are read-only numpy structured arrays (see the dtypes above)."""

    graph: RoadGraph
    lanes: np.ndarray  # LANE: street lanes first, then connections
    points: np.ndarray  # POINT
    successors: np.ndarray  # int32, connections of street lanes
    conflicts: np.ndarray  # CONFLICT
    signals: np.ndarray  # SIGNAL, cars' and people's
    crossings: np.ndarray  # CROSSING
    crossed: np.ndarray  # CROSSED
    walks: np.ndarray  # WALK
    walk_points: np.ndarray  # POINT
    walk_links: np.ndarray  # WALK_LINK
    grid: tuple[float, float, float]  # spatial index: lowest x, lowest y, cell size in m
    cell_first: np.ndarray  # int32 [rows, columns]: rows of `cell_items`
    cell_count: np.ndarray  # int32 [rows, columns]
    cell_items: np.ndarray  # int32: indices into `points` in each cell, sorted; the lane of a point is `point_lane`
    point_lane: np.ndarray  # int32 [points]
    streets: tuple[StreetShape, ...]  # by number; of a part of a graph only its own
    junctions: tuple[JunctionShape, ...]
    markings: tuple[Marking, ...]
    bounds: tuple[float, float, float, float]  # west, south, east, north
    pieces: Any  # world.scene.pieces.Pieces that it was assembled from; a later map reuses unchanged ones
