"""From a road graph to its HD map. Deterministic; a street's and a junction's geometry depend on their neighbourhood alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world.errors import DataError
from world.scene.graph import RoadGraph, leads_on
from world.scene.hd_map import CONFLICT, CROSSED, CROSSING, LANE, POINT, SIGNAL, WALK, HDMap, Marking
from world.scene.pieces import JunctionPiece, Pieces, StreetPiece, pieces_of
from world.scene.walks import links, within

CELL = 12.0  # m of the spatial index


def build(graph: RoadGraph, before: Pieces | None = None, near: np.ndarray | None = None) -> HDMap:
    """The map of a graph. before: pieces of an earlier version, reused where nothing has changed (the result is the same).
    near bool [J]: restricts the map to these junctions and the streets at them, which keep their numbers.

    Raises DataError for a graph without a street to drive on.
    """
    _check(graph, before)
    pieces = pieces_of(graph, before, near)
    streets, junctions = list(pieces.streets.values()), list(pieces.junctions.values())
    lanes, lane_at, own = _lanes(pieces)
    every: tuple[StreetPiece | JunctionPiece, ...] = (*streets, *junctions)
    points = _joined([one.points for one in every], POINT)
    lanes["first"] = np.cumsum(lanes["count"]) - lanes["count"]
    walks, walk_links, crossings = _walks(pieces)
    crossed = _joined([one.crossed for one in junctions], CROSSED)
    crossed["lane"] = own([one.crossed["lane"] for one in junctions])
    grid, first, count, items = _index(points)
    bounds = (float(points["x"].min()), float(points["y"].min()), float(points["x"].max()), float(points["y"].max()))
    conflicts = _joined([one.conflicts for one in junctions], CONFLICT)
    conflicts["other"] = own([one.conflicts["other"] for one in junctions])
    return HDMap(
        graph=graph,
        lanes=lanes,
        points=points,
        successors=own([one.successors for one in junctions]),
        conflicts=conflicts,
        signals=_joined([*(one.signals for one in junctions), *(one.people_signals for one in junctions)], SIGNAL),
        crossings=crossings,
        crossed=crossed,
        walks=walks,
        walk_points=_joined([one.walk_points for one in every], POINT),
        walk_links=walk_links,
        grid=grid,
        cell_first=first,
        cell_count=count,
        cell_items=items,
        point_lane=np.repeat(np.arange(len(lanes), dtype=np.int32), lanes["count"]),
        streets=tuple(one.shape for one in streets),
        junctions=tuple(one.shape for one in junctions),
        markings=_markings(pieces, lane_at),
        bounds=bounds,
        pieces=pieces,
    )


def _check(graph: RoadGraph, before: Pieces | None) -> None:
    """Checks junctions and streets that `before` does not have. DataError where one is invalid."""
    if not graph.streets:
        raise DataError("This map has no street for cars; take one that has.")
    old = (0, 0) if before is None else (len(before.graph.junctions), len(before.graph.streets))
    new = graph.streets[old[1] :]
    places = [(one.x, one.y) for one in graph.junctions[old[0] :]] + [p for street in new for p in street.bends]
    if not np.isfinite(places).all():
        raise DataError("A junction or bend of this map lies nowhere (its x or y is no number); mend the map.")
    for index, street in enumerate(new, old[1]):
        if not (0 <= street.start < len(graph.junctions) and 0 <= street.end < len(graph.junctions)):
            raise DataError(f"Street {index} of this map begins or ends at no junction; mend the map.")
        a, b = graph.junctions[street.start], graph.junctions[street.end]
        if street.start == street.end or np.hypot(a.x - b.x, a.y - b.y) < 1.0:
            raise DataError(f"Street {index} of this map is no longer than a metre; mend the map.")
        if not (0 <= street.forward <= 4 and 0 <= street.backward <= 4 and street.forward + street.backward):
            raise DataError(f"Street {index} of this map has no lane, or more than four one way; mend the map.")
    if not all(leading := leads_on(graph)):
        raise DataError(f"Street {leading.index(False)} of this map is one-way and leads nowhere; mend the map.")


class _Own:
    """Maps lane indices of junctions to those of the map. Takes an index array of each junction, gives int32 of all, concatenated."""

    def __init__(self, pieces: Pieces, street_first: np.ndarray, connection_first: np.ndarray) -> None:
        junctions = list(pieces.junctions.values())
        numbers = np.array(list(pieces.streets), np.int64)
        street_lanes = np.array([len(one.lane_of) for one in junctions], np.int64)
        new = np.array([len(one.connections) for one in junctions], np.int64)
        self.base = np.cumsum(street_lanes + new) - street_lanes - new
        self.lane = np.zeros(int((street_lanes + new).sum()), np.int32)
        street, number = np.concatenate([one.lane_of for one in junctions]).T
        self.lane[np.repeat(self.base, street_lanes) + within(street_lanes)] = (
            street_first[np.searchsorted(numbers, street)] + number
        )
        self.lane[np.repeat(self.base + street_lanes, new) + within(new)] = np.repeat(connection_first, new) + within(
            new
        )

    def __call__(self, indices: Sequence[np.ndarray]) -> np.ndarray:
        counts = np.array([len(one) for one in indices])
        lanes: np.ndarray = self.lane[np.repeat(self.base, counts) + np.concatenate(indices).astype(np.int64)]
        return lanes


def _lanes(pieces: Pieces) -> tuple[np.ndarray, list[np.ndarray], _Own]:
    """LANE (`first` left 0); the lanes that lead into each junction; the mapping from junctions' lane indices."""
    streets, junctions = list(pieces.streets.values()), list(pieces.junctions.values())
    street_first, many = _first([one.lanes for one in streets])
    connection_first, new = _first([one.connections for one in junctions], int(many.sum()))
    own = _Own(pieces, street_first, connection_first)
    lanes = _joined([*(one.lanes for one in streets), *(one.connections for one in junctions)], LANE)
    begin = np.repeat(street_first, many)
    street_lanes, joins = lanes[: len(begin)], lanes[len(begin) :]
    for name in ("left", "right", "opposite"):
        street_lanes[name] = np.where(street_lanes[name] >= 0, street_lanes[name] + begin, -1)
    for name in ("source", "target"):
        joins[name] = own([one.connections[name] for one in junctions])
    signal_first, _ = _first([one.signals for one in junctions])
    joins["signal"] = np.where(joins["signal"] >= 0, joins["signal"] + np.repeat(signal_first, new), -1)
    conflict_first, _ = _first([one.conflicts for one in junctions])
    joins["first_conflict"] += np.repeat(conflict_first, new).astype(np.int32)
    leading, counts = own([one.leading[:, 0] for one in junctions]), [len(one.leading) for one in junctions]
    out_first, _ = _first([one.successors for one in junctions])
    _, first_out, outs = np.concatenate([one.leading for one in junctions]).T
    lanes["first_out"][leading], lanes["outs"][leading] = first_out + np.repeat(out_first, counts), outs
    return lanes, np.split(leading, np.cumsum(counts)[:-1]), own


def _walks(pieces: Pieces) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(walks, links, crossings) as the map's tables."""
    streets, junctions = list(pieces.streets.values()), list(pieces.junctions.values())
    every: tuple[StreetPiece | JunctionPiece, ...] = (*streets, *junctions)
    walks = _joined([one.walks for one in every], WALK)
    walks["first"] = np.cumsum(walks["count"]) - walks["count"]
    pavements = sum(len(one.walks) for one in streets)
    walk_first, many = _first([one.walks for one in junctions], pavements)
    crossing_first, own = _first([one.crossings for one in junctions])
    beyond = walks["crossing"][pavements:]
    walks["crossing"][pavements:] = np.where(beyond >= 0, beyond + np.repeat(crossing_first, many), -1)
    crossings = _joined([one.crossings for one in junctions], CROSSING)
    crossings["walk"] += np.repeat(walk_first, own).astype(np.int32)
    cars = sum(len(one.signals) for one in junctions)
    signal_first, _ = _first([one.people_signals for one in junctions], cars)
    crossings["signal"] = np.where(crossings["signal"] >= 0, crossings["signal"] + np.repeat(signal_first, own), -1)
    crossed_first, _ = _first([one.crossed for one in junctions])
    crossings["first_lane"] += np.repeat(crossed_first, own).astype(np.int32)
    walk_links, walks["links_end"], walks["links_begin"] = links(np.concatenate([one.ends for one in every]))
    both = walks["links_end"] + walks["links_begin"]
    walks["first_link"] = np.cumsum(both) - both
    return walks, walk_links, crossings


def _markings(pieces: Pieces, leading: list[np.ndarray]) -> tuple[Marking, ...]:
    """Markings of all streets, of all lanes in their order, of all crossings."""
    out = [marking for one in pieces.streets.values() for marking in one.markings]
    at = {
        lane: marked
        for lanes, one in zip(leading, pieces.junctions.values(), strict=True)
        for lane, marked in zip(lanes.tolist(), one.marked, strict=True)
    }
    out += [marking for lane in sorted(at) for marking in at[lane]]
    return (*out, *(bar for one in pieces.junctions.values() for bar in one.zebras))


def _first(parts: Sequence[np.ndarray], begin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """First row of each part in the concatenation, and its number of rows."""
    counts = np.array([len(one) for one in parts], np.int64)
    return begin + np.cumsum(counts) - counts, counts


def _joined(parts: Sequence[np.ndarray], kind: np.dtype) -> np.ndarray:
    """All rows, copied. np.concatenate is slower: it compares the fields of every part."""
    out, at = np.empty(sum(len(part) for part in parts), kind), 0
    for part in parts:
        out[at : at + len(part)] = part
        at += len(part)
    return out


def _index(points: np.ndarray) -> tuple[tuple[float, float, float], np.ndarray, np.ndarray, np.ndarray]:
    """A grid over points: (lowest x, lowest y, cell size), first and count [rows, columns], point indices by cell."""
    low_x, low_y = float(points["x"].min()), float(points["y"].min())
    column = ((points["x"] - low_x) // CELL).astype(np.int64)
    row = ((points["y"] - low_y) // CELL).astype(np.int64)
    columns, rows = int(column.max()) + 1, int(row.max()) + 1
    cell = row * columns + column
    order = np.argsort(cell, kind="stable").astype(np.int32)
    count = np.bincount(cell, minlength=rows * columns).astype(np.int32)
    first = (np.cumsum(count) - count).astype(np.int32)
    return (low_x, low_y, CELL), first.reshape(rows, columns), count.reshape(rows, columns), order
