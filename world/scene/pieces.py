"""Streets and junctions as pieces of a map: each follows from its neighbourhood alone, so that a map which is the same in part keeps
the pieces of that part. Indices count from a piece's own first rows; `assemble` makes the map's tables of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from world.scene.arms import Arm, Corner, Lines, arms_at, centre_line, corners, fitted, mouth_point, mouths
from world.scene.geometry import offset, resampled, trimmed
from world.scene.graph import Junction, RoadGraph
from world.scene.hd_map import CONFLICT, SIGNAL, JunctionShape, Marking, StreetShape
from world.scene.lanes import LaneBuilder, connections, junction_signals, pack_lanes, street_lanes
from world.scene.markings import arrow, stop_line, street_markings, zebra
from world.scene.walks import Walks


@dataclass(frozen=True, eq=False)
class StreetPiece:
    """tables: its lanes as `connections` reads them; lanes LANE, points POINT; walks WALK, walk_points POINT, ends int64 [walks, 2]."""

    tables: LaneBuilder
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
    """Of a graph, or of the part round some junctions; by number, in order. whole: centre lines between junctions, lines: between
    mouths; far: m from a junction to each arm's mouth."""

    graph: RoadGraph
    whole: dict[int, np.ndarray]
    ends: dict[int, tuple[tuple[int, bool], ...]]
    arms: dict[int, list[Arm]]
    far: dict[int, list[float]]
    fitted: dict[int, tuple[float, float]]
    lines: dict[int, np.ndarray]
    streets: dict[int, StreetPiece]
    junctions: dict[int, JunctionPiece]


def pieces_of(graph: RoadGraph, before: Pieces | None = None, near: np.ndarray | None = None) -> Pieces:
    """The pieces of a graph; those of `before` whose neighbourhood is the same are kept. near bool [J]: only these junctions and the
    streets that lead to them, each as in the whole."""
    there, beside, streets, around = _parts(graph, near)
    whole = {
        k: before.whole[k] if before and _is_same(graph, before, k) else centre_line(graph, graph.streets[k])
        for k in around
    }
    same = {k for k in around if before and before.whole.get(k) is whole[k]}
    ends = _ends(graph, beside, around)
    arms, far = dict[int, list[Arm]](), dict[int, list[float]]()
    for k, own in ends.items():
        if before and before.ends.get(k) == own and all(street in same for street, _ in own):
            arms[k], far[k] = before.arms[k], before.far[k]
        else:
            arms[k] = arms_at(graph, whole, own)
            far[k] = mouths(arms[k])
    mouth = {(arm.street, arm.at_start): out for k, own in arms.items() for arm, out in zip(own, far[k], strict=True)}
    cut, lines, street_pieces = dict[int, tuple[float, float]](), dict[int, np.ndarray](), dict[int, StreetPiece]()
    for k in streets:
        both = cut[k] = fitted((mouth[k, True], mouth[k, False]), whole[k])
        if before and k in same and before.fitted.get(k) == both:
            lines[k], street_pieces[k] = before.lines[k], before.streets[k]
        else:
            lines[k] = trimmed(whole[k], *both)
            street_pieces[k] = _street(graph, k, lines)
    junctions = dict[int, JunctionPiece]()
    for k in there:
        unchanged = (
            before
            and k in before.junctions
            and before.graph.junctions[k] == graph.junctions[k]
            and before.arms[k] is arms[k]
            and all(before.streets.get(street) is street_pieces[street] for street, _ in ends[k])
        )
        junctions[k] = (
            before.junctions[k] if before and unchanged else _junction(graph, k, arms[k], lines, street_pieces)
        )
    return Pieces(graph, whole, ends, arms, far, cut, lines, street_pieces, junctions)


def _parts(graph: RoadGraph, near: np.ndarray | None) -> tuple[list[int], list[int], list[int], list[int]]:
    """Numbers of the junctions in `near`; of these and their neighbours; of the streets at the former; of the streets at the latter."""
    if near is None:
        every, streets = list(range(len(graph.junctions))), list(range(len(graph.streets)))
        return every, every, streets, streets
    ends = np.array([(street.start, street.end) for street in graph.streets], np.int64).reshape(-1, 2)
    own = near[ends].any(1)
    beside = near.copy()
    beside[ends[own]] = True
    around = beside[ends].any(1)
    parts = [np.flatnonzero(one).tolist() for one in (near, beside, own, around)]
    return parts[0], parts[1], parts[2], parts[3]


def _ends(graph: RoadGraph, junctions: list[int], streets: list[int]) -> dict[int, tuple[tuple[int, bool], ...]]:
    """Which streets meet at each junction, and whether with their starts."""
    meeting: dict[int, list[tuple[int, bool]]] = {k: [] for k in junctions}
    for k in streets:
        for end, at_start in ((graph.streets[k].start, True), (graph.streets[k].end, False)):
            if end in meeting:
                meeting[end].append((k, at_start))
    return {k: tuple(own) for k, own in meeting.items()}


def _is_same(graph: RoadGraph, before: Pieces, k: int) -> bool:
    """Whether a street is what it was, between junctions that are where they were."""
    street, old = graph.streets[k], before.graph
    return (
        k in before.whole
        and old.streets[k] == street
        and all(_at(old.junctions[end]) == _at(graph.junctions[end]) for end in (street.start, street.end))
    )


def _at(junction: Junction) -> tuple[float, float]:
    return junction.x, junction.y


def _street(graph: RoadGraph, index: int, lines: Lines) -> StreetPiece:
    street, tables = graph.streets[index], LaneBuilder()
    street_lanes(index, street, lines[index], tables)
    walks = Walks(graph, lines, tables)
    walks.add_street(index)
    centre, width = resampled(lines[index], 4.0), street.lane_width
    borders = [offset(centre, k * width) for k in range(street.backward, -street.forward - 1, -1)]
    shape = StreetShape(index, centre, borders[0], borders[-1], street.pavement, tuple(borders))
    marked = tuple(street_markings(graph, index, lines[index]))
    return StreetPiece(tables, *pack_lanes(tables.lanes, tables.shapes), *walks.packed(), shape, marked)


def _junction(
    graph: RoadGraph,
    junction: int,
    arms: list[Arm],
    lines: Lines,
    streets: Mapping[int, StreetPiece],
) -> JunctionPiece:
    tables, lane_of = LaneBuilder(), list[tuple[int, int]]()
    for street in sorted({arm.street for arm in arms}):
        base, own = len(tables.lanes), streets[street].tables
        tables.lanes += [dict(row) for row in own.lanes]
        tables.shapes += own.shapes
        lane_of += [(street, k) for k in range(len(own.lanes))]
        for forward in (True, False):
            tables.of[street, forward] = [base + lane for lane in own.of[street, forward]]
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


def _shape(junction: int, arms: list[Arm], between: list[Corner], lines: Lines) -> JunctionShape:
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


def _lane_markings(tables: LaneBuilder, lane: int) -> tuple[Marking, ...]:
    """The stop line at a lane's end, and arrows where lanes lie side by side."""
    values, line = tables.lanes[lane], tables.shapes[lane]
    out = [stop_line(line, values["width"] - 0.3)]
    if values["left"] >= 0 or values["right"] >= 0:
        outs = tables.successors[int(values["first_out"]) : int(values["first_out"] + values["outs"])]
        out += arrow(line, {int(tables.lanes[one]["turn"]) for one in outs})
    return tuple(out)
