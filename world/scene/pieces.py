"""Streets and junctions as pieces of a map: each follows from its neighbourhood alone, so that a map which is the same in part keeps
the pieces of that part. Indices count from a piece's own first rows; `assemble` makes the map's tables of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.scene.arms import Arm, Corner, arms_at, centre_line, corners, fitted, mouth_point, mouths
from world.scene.geometry import offset, resampled, trimmed
from world.scene.graph import Junction, RoadGraph
from world.scene.hd_map import CONFLICT, SIGNAL, JunctionShape, Marking, StreetShape
from world.scene.lanes import Tables, connections, junction_signals, pack_lanes, street_lanes
from world.scene.markings import arrow, stop_line, street_markings, zebra
from world.scene.walks import Walks


@dataclass(frozen=True, eq=False)
class StreetPiece:
    """tables: its lanes as `connections` reads them; lanes LANE, points POINT; walks WALK, walk_points POINT, ends int64 [walks, 2]."""

    tables: Tables
    lanes: np.ndarray
    points: np.ndarray
    walks: np.ndarray
    walk_points: np.ndarray
    ends: np.ndarray
    shape: StreetShape
    markings: tuple[Marking, ...]


@dataclass(frozen=True, eq=False)
class JunctionPiece:
    """Its own lanes are those of its streets, in `lane_of` int32 [N, 2] (street, which of its lanes), then its connections.

    connections LANE, points POINT; leading int32 [M, 3]: own lane that leads in, its first successor, how many it has; successors,
    conflicts, crossed: by own lanes; signals, people_signals SIGNAL; crossings: `signal` counts people's signals.
    marked: stop lines and arrows of the lanes that lead in.
    """

    lane_of: np.ndarray
    connections: np.ndarray
    points: np.ndarray
    leading: np.ndarray
    successors: np.ndarray
    conflicts: np.ndarray
    signals: np.ndarray
    people_signals: np.ndarray
    crossings: np.ndarray
    crossed: np.ndarray
    walks: np.ndarray
    walk_points: np.ndarray
    ends: np.ndarray
    shape: JunctionShape
    marked: tuple[tuple[Marking, ...], ...]
    zebras: tuple[Marking, ...]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Of a graph. whole: centre lines between junctions, lines: between mouths; far: m from a junction to each arm's mouth."""

    graph: RoadGraph
    whole: tuple[np.ndarray, ...]
    ends: tuple[tuple[tuple[int, bool], ...], ...]
    arms: tuple[list[Arm], ...]
    far: tuple[list[float], ...]
    fitted: tuple[tuple[float, float], ...]
    lines: tuple[np.ndarray, ...]
    streets: tuple[StreetPiece, ...]
    junctions: tuple[JunctionPiece, ...]


def pieces_of(graph: RoadGraph, before: Pieces | None = None) -> Pieces:
    """All pieces of a graph; those of `before` whose neighbourhood is the same are kept."""
    same = _same_streets(graph, before)
    whole = [before.whole[k] if before and same[k] else centre_line(graph, s) for k, s in enumerate(graph.streets)]
    around: list[list[tuple[int, bool]]] = [[] for _ in graph.junctions]
    for k, street in enumerate(graph.streets):
        around[street.start].append((k, True))
        around[street.end].append((k, False))
    ends = tuple(map(tuple, around))
    arms: list[list[Arm]] = []
    far: list[list[float]] = []
    for k, own in enumerate(ends):
        if before and k < len(before.ends) and before.ends[k] == own and all(same[street] for street, _ in own):
            arms.append(before.arms[k])
            far.append(before.far[k])
        else:
            arms.append(arms_at(graph, whole, own))
            far.append(mouths(arms[-1]))
    mouth = {
        (arm.street, arm.at_start): out
        for at, own in zip(arms, far, strict=True)
        for arm, out in zip(at, own, strict=True)
    }
    cut, lines, streets = list[tuple[float, float]](), list[np.ndarray](), list[StreetPiece]()
    for k, line in enumerate(whole):
        both = fitted((mouth[k, True], mouth[k, False]), line)
        keep = before if before and same[k] and before.fitted[k] == both else None
        cut.append(both)
        lines.append(keep.lines[k] if keep else trimmed(line, *both))
        streets.append(keep.streets[k] if keep else _street(graph, k, lines))
    junctions = []
    for k, here in enumerate(graph.junctions):
        kept = (
            before
            and k < len(before.junctions)
            and before.graph.junctions[k] == here
            and before.arms[k] is arms[k]
            and all(before.streets[street] is streets[street] for street, _ in ends[k])
        )
        junctions.append(before.junctions[k] if before and kept else _junction(graph, k, arms[k], lines, streets))
    return Pieces(
        graph, tuple(whole), ends, tuple(arms), tuple(far), tuple(cut), tuple(lines), tuple(streets), tuple(junctions)
    )


def _same_streets(graph: RoadGraph, before: Pieces | None) -> list[bool]:
    """Which streets are what they were, between junctions that are where they were."""
    if before is None:
        return [False] * len(graph.streets)
    old = before.graph

    def lies(k: int) -> bool:
        return k < len(old.junctions) and _at(old.junctions[k]) == _at(graph.junctions[k])

    return [
        k < len(old.streets) and old.streets[k] == street and lies(street.start) and lies(street.end)
        for k, street in enumerate(graph.streets)
    ]


def _at(junction: Junction) -> tuple[float, float]:
    return junction.x, junction.y


def _street(graph: RoadGraph, index: int, lines: list[np.ndarray]) -> StreetPiece:
    street, tables = graph.streets[index], Tables()
    street_lanes(index, street, lines[index], tables)
    walks = Walks(graph, lines, tables)
    walks.add_street(index)
    centre, width = resampled(lines[index], 4.0), street.lane_width
    borders = [offset(centre, k * width) for k in range(street.backward, -street.forward - 1, -1)]
    shape = StreetShape(index, centre, borders[0], borders[-1], street.pavement, tuple(borders))
    marked = tuple(street_markings(graph, index, lines[index]))
    return StreetPiece(tables, *pack_lanes(tables.lanes, tables.shapes), *walks.packed(), shape, marked)


def _junction(
    graph: RoadGraph, junction: int, arms: list[Arm], lines: list[np.ndarray], streets: list[StreetPiece]
) -> JunctionPiece:
    tables, lane_of = Tables(), list[tuple[int, int]]()
    for street in sorted({arm.street for arm in arms}):
        base, own = len(tables.lanes), streets[street].tables
        tables.lanes += [dict(row) for row in own.lanes]
        tables.shapes += own.shapes
        lane_of += [(street, k) for k in range(len(own.lanes))]
        for way in (True, False):
            tables.of[street, way] = [base + lane for lane in own.of[street, way]]
    count = len(lane_of)
    junction_signals(graph, junction, arms, lines, tables)
    cars = len(tables.signals)
    connections(graph, junction, arms, tables)
    between = corners(arms, lines)
    walks = Walks(graph, lines, tables)
    walks.add_junction(junction, arms, between)
    crossings, crossed = walks.packed_crossings()
    crossings["signal"] = np.where(crossings["signal"] >= 0, crossings["signal"] - cars, -1)
    leading = [lane for arm in arms for lane in tables.of[arm.street, not arm.at_start]]
    return JunctionPiece(
        np.array(lane_of, np.int32).reshape(-1, 2),
        *pack_lanes(tables.lanes[count:], tables.shapes[count:]),
        np.array([(k, tables.lanes[k]["first_out"], tables.lanes[k]["outs"]) for k in leading], np.int32).reshape(
            -1, 3
        ),
        np.array(tables.successors, np.int32),
        np.array(tables.conflicts, CONFLICT),
        np.array(tables.signals[:cars], SIGNAL),
        np.array(tables.signals[cars:], SIGNAL),
        crossings,
        crossed,
        *walks.packed(),
        _shape(junction, arms, between, lines),
        tuple(_lane_markings(tables, lane) if len(arms) > 2 else () for lane in leading),
        tuple(bar for _, _, right, left, *_ in walks.crossings for bar in zebra(right, left, 3.5)),
    )


def _shape(junction: int, arms: list[Arm], between: list[Corner], lines: list[np.ndarray]) -> JunctionShape:
    outline: list[np.ndarray] = []
    for arm, corner in zip(arms, between, strict=True):
        outline += [mouth_point(lines[arm.street], arm, -arm.right)[None], corner.kerb]
    pavements = tuple(
        np.concatenate([corner.kerb, corner.outer[::-1]])
        for k, corner in enumerate(between)
        if arms[k].pavement > 0 or arms[(k + 1) % len(arms)].pavement > 0
    )
    ring = np.concatenate(outline) if outline else np.zeros((0, 2))
    return JunctionShape(junction, ring, tuple(corner.kerb for corner in between), pavements)


def _lane_markings(tables: Tables, lane: int) -> tuple[Marking, ...]:
    """The stop line at a lane's end, and arrows where lanes lie side by side."""
    values, line = tables.lanes[lane], tables.shapes[lane]
    out = [stop_line(line, values["width"] - 0.3)]
    if values["left"] >= 0 or values["right"] >= 0:
        outs = tables.successors[int(values["first_out"]) : int(values["first_out"] + values["outs"])]
        out += arrow(line, {int(tables.lanes[one]["turn"]) for one in outs})
    return tuple(out)
