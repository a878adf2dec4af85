"""From a road graph to its HD map. Deterministic; a street's and a junction's geometry depend on their neighbourhood alone."""

from __future__ import annotations

import numpy as np

from world.errors import DataError
from world.scene.arms import Arm, Corner, all_mouths, arms_of, centre_line, corners, mouth_point, trim
from world.scene.geometry import offset, resampled
from world.scene.graph import RoadGraph, leads_on
from world.scene.hd_map import HDMap, JunctionShape, Marking, StreetShape
from world.scene.lanes import Tables, connections, junction_signals, packed, street_lanes
from world.scene.markings import arrow, stop_line, street_markings, zebra
from world.scene.walks import Walks

CELL = 12.0  # m of the spatial index


def build(graph: RoadGraph) -> HDMap:
    """The map of a graph. Raises DataError for a graph without a street to drive on."""
    _check(graph)
    whole = [centre_line(graph, street) for street in graph.streets]
    arms = arms_of(graph, whole)
    lines = trim(whole, all_mouths(graph, whole, arms))
    tables = Tables()
    street_lanes(graph, lines, tables)
    walks = Walks(graph, lines, tables)
    walks.add_streets()
    shapes, between = [], [corners(here, lines) for here in arms]
    for junction, here in enumerate(arms):
        junction_signals(graph, junction, here, lines, tables)
        connections(graph, junction, here, tables)
    for junction, here in enumerate(arms):
        walks.add_junction(junction, here, between[junction])
        shapes.append(_shape(junction, here, between[junction], lines))
    lanes, points, successors, conflicts, signals, point_lane = packed(tables)
    people = walks.packed()
    grid, first, count, items = _index(points)
    bounds = (float(points["x"].min()), float(points["y"].min()), float(points["x"].max()), float(points["y"].max()))
    return HDMap(
        graph=graph,
        lanes=lanes,
        points=points,
        successors=successors,
        conflicts=conflicts,
        signals=signals,
        crossings=people[3],
        crossed=people[4],
        walks=people[0],
        walk_points=people[1],
        walk_links=people[2],
        grid=grid,
        cell_first=first,
        cell_count=count,
        cell_items=items,
        point_lane=point_lane,
        streets=tuple(_street(graph, index, line) for index, line in enumerate(lines)),
        junctions=tuple(shapes),
        markings=tuple(_markings(graph, lines, arms, tables, walks)),
        bounds=bounds,
    )


def _check(graph: RoadGraph) -> None:
    if not graph.streets:
        raise DataError("This map has no street for cars; take one that has.")
    places = [(one.x, one.y) for one in graph.junctions] + [p for street in graph.streets for p in street.bends]
    if not np.isfinite(places).all():
        raise DataError("A junction or bend of this map lies nowhere (its x or y is no number); mend the map.")
    for index, street in enumerate(graph.streets):
        if not (0 <= street.start < len(graph.junctions) and 0 <= street.end < len(graph.junctions)):
            raise DataError(f"Street {index} of this map begins or ends at no junction; mend the map.")
        a, b = graph.junctions[street.start], graph.junctions[street.end]
        if street.start == street.end or np.hypot(a.x - b.x, a.y - b.y) < 1.0:
            raise DataError(f"Street {index} of this map is no longer than a metre; mend the map.")
        if not (0 <= street.forward <= 4 and 0 <= street.backward <= 4 and street.forward + street.backward):
            raise DataError(f"Street {index} of this map has no lane, or more than four one way; mend the map.")
    if not all(leading := leads_on(graph)):
        raise DataError(f"Street {leading.index(False)} of this map is one-way and leads nowhere; mend the map.")


def _street(graph: RoadGraph, index: int, line: np.ndarray) -> StreetShape:
    street, line = graph.streets[index], resampled(line, 4.0)
    width = street.lane_width
    borders = [offset(line, k * width) for k in range(street.backward, -street.forward - 1, -1)]
    return StreetShape(index, line, borders[0], borders[-1], street.pavement, tuple(borders))


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


def _markings(
    graph: RoadGraph, lines: list[np.ndarray], arms: list[list[Arm]], tables: Tables, walks: Walks
) -> list[Marking]:
    out: list[Marking] = []
    for index, line in enumerate(lines):
        out += street_markings(graph, index, line)
    for lane, values in enumerate(tables.lanes):
        if values["junction"] >= 0 or len(arms[int(values["end_junction"])]) < 3:
            continue
        out.append(stop_line(tables.shapes[lane], values["width"] - 0.3))
        outs = tables.successors[int(values["first_out"]) : int(values["first_out"] + values["outs"])]
        if values["left"] >= 0 or values["right"] >= 0:
            out += arrow(tables.shapes[lane], {int(tables.lanes[one]["turn"]) for one in outs})
    for _, _, right, left, *_ in walks.crossings:
        out += zebra(right, left, 3.5)
    return out


def _index(points: np.ndarray) -> tuple[tuple[float, float, float], np.ndarray, np.ndarray, np.ndarray]:
    """Which points lie in which cell of a grid."""
    low_x, low_y = float(points["x"].min()), float(points["y"].min())
    column = ((points["x"] - low_x) // CELL).astype(np.int64)
    row = ((points["y"] - low_y) // CELL).astype(np.int64)
    columns, rows = int(column.max()) + 1, int(row.max()) + 1
    cell = row * columns + column
    order = np.argsort(cell, kind="stable").astype(np.int32)
    count = np.bincount(cell, minlength=rows * columns).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    return (low_x, low_y, CELL), first.reshape(rows, columns), count.reshape(rows, columns), order
