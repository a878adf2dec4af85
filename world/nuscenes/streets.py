"""Builds a road graph from nuScenes' lanes: adjacent lanes form a direction of a street, and streets meet at junctions.

The format knows lanes and their successors, but no streets. Lanes connected by connectors, by an intersection's
polygon, or by adjacent ends belong to one junction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from world.labels.lines import beside, length, simpler
from world.nuscenes.lanes import Lanes, MapLane, side_by_side
from world.scene.areas import covers
from world.scene.graph import SPEED_LIMIT, Junction, RoadGraph, without_traps
from world.scene.pairing import Edge, joined, meeting, reaching

SHORT = 6.0  # m; a shorter lane is part of a junction
ENDS = 8.0  # m along the street between ends of adjacent lanes that form one end of a street
SIGNAL_REACH, CROSSING_REACH = 12.0, 25.0  # m from a street's mouth to the stop lines of its lights, to its crossing
MOST_LANES, WIDEST = 4, 5.0  # per direction; m of a pavement
EVERY = 0.25  # m between samples across a pavement


def streets_of(map_: Lanes, look: str = "mixed") -> RoadGraph:
    """The largest connected part of a map, without parked cars. DataError where nothing is connected."""
    nodes = _UnionFind()
    lanes = [lane for lane in map_.lanes.values() if not lane.connector and length(lane.line) >= SHORT]
    streets = {lane.token for lane in lanes}
    for lane in map_.lanes.values():
        for after in lane.after:
            nodes.join((lane.token, "end"), (after, "start"))
        if lane.token not in streets:
            nodes.join((lane.token, "start"), (lane.token, "end"))
    _by_intersections(map_, streets, nodes)
    along, against = side_by_side(lanes)
    _by_ends(lanes, along, against, nodes)
    edges = _edges(lanes, along, nodes, map_.walkways)
    places = meeting([(edge.start, edge.end, edge.line) for edge in edges])
    mouths = [(node, edge.id, edge.line[at]) for edge in edges for node, at in ((edge.start, 0), (edge.end, -1))]
    signals = _signal_junctions(edges, map_.lights)
    junctions = {name: Junction(x, y, name in signals) for name, (x, y) in places.items()}
    whole = [replace(edge, line=reaching(edge.line, places[edge.start], places[edge.end])) for edge in edges]
    return replace(
        without_traps(joined(whole, junctions, _crossing_mouths(mouths, map_.crossings), look)), parked=False
    )


class _UnionFind:
    """Union-find."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def of(self, one: Hashable) -> Hashable:
        """The representative of its set."""
        while self._above.setdefault(one, one) != one:
            self._above[one] = self._above[self._above[one]]
            one = self._above[one]
        return one

    def join(self, one: Hashable, other: Hashable) -> None:
        self._above[self.of(one)] = self.of(other)


def _by_intersections(map_: Lanes, streets: set[str], nodes: _UnionFind) -> None:
    """Joins the connectors through one intersection to one junction."""
    connectors = [lane for lane in map_.lanes.values() if lane.token not in streets]
    middles = np.array([lane.middle[:2] for lane in connectors]).reshape(-1, 2)
    for number, area in enumerate(map_.intersections):
        for k in np.flatnonzero(covers([area], middles)):
            nodes.join((connectors[k].token, "start"), ("intersection", number))


def _by_ends(lanes: Sequence[MapLane], along: np.ndarray, against: np.ndarray, nodes: _UnionFind) -> None:
    """Joins adjacent lanes that begin or end together at one junction."""
    for pairs, ends in ((along, (("start", "start"), ("end", "end"))), (against, (("start", "end"), ("end", "start")))):
        for i, k in np.argwhere(pairs):
            for one, other in ends:
                a, b = (lanes[n].line[0 if at == "start" else -1] for n, at in ((i, one), (k, other)))
                if abs(float((b - a) @ lanes[i].middle[2:])) < ENDS and np.hypot(*(b - a)) < 2 * ENDS:
                    nodes.join((lanes[i].token, one), (lanes[k].token, other))


def _edges(
    lanes: Sequence[MapLane], along: np.ndarray, nodes: _UnionFind, walkways: Sequence[np.ndarray]
) -> list[Edge]:
    """Groups adjacent lanes between the same junctions into one direction of a street."""
    names: dict[Hashable, str] = {}
    groups: dict[Hashable, list[int]] = defaultdict(list)
    beside_each = _UnionFind()
    ends = [
        [names.setdefault(nodes.of((lane.token, at)), str(len(names))) for at in ("start", "end")] for lane in lanes
    ]
    for i, k in np.argwhere(along):
        if ends[i] == ends[k]:
            beside_each.join(int(i), int(k))
    for number, (start, end) in enumerate(ends):
        if start != end:
            groups[beside_each.of(number)].append(number)
    edges = []
    for members in groups.values():
        own = _from_right([lanes[number] for number in members])[-MOST_LANES:]
        line = simpler(beside(own[-1].line, own[-1].width / 2), 0.02)
        kerb = beside(own[0].line, -own[0].width / 2)
        width = sum(lane.width for lane in own) / len(own)
        start, end = ends[members[0]]
        walk = _pavement(kerb, walkways)
        edges.append(Edge(own[0].token, start, end, line, len(own), width, walk, SPEED_LIMIT))
    return edges


def _from_right(lanes: Sequence[MapLane]) -> list[MapLane]:
    """Sorts from the rightmost lane to the leftmost."""
    x, y, dir_x, dir_y = lanes[0].middle
    return sorted(lanes, key=lambda lane: float(dir_x * (lane.middle[1] - y) - dir_y * (lane.middle[0] - x)))


def _pavement(kerb: np.ndarray, walkways: Sequence[np.ndarray]) -> float:
    """Width in m of the walkway right of a kerb line [N, 2], the median of five samples; 0 for none."""
    shares = np.linspace(0, len(kerb) - 1, 7)[1:-1]
    at = np.stack([np.interp(shares, np.arange(len(kerb)), kerb[:, axis]) for axis in (0, 1)], 1)
    out = beside(kerb, -1.0) - kerb
    away = np.stack([np.interp(shares, np.arange(len(kerb)), out[:, axis]) for axis in (0, 1)], 1)
    far = np.arange(EVERY / 2, WIDEST + EVERY, EVERY)
    points = at[:, None] + far[None, :, None] * away[:, None]
    near = [area for area in walkways if (np.abs(area - kerb.mean(0)).min(0) < length(kerb) + WIDEST).all()]
    walkable = covers(near, points.reshape(-1, 2)).reshape(points.shape[:2]) > 0
    return float(min(WIDEST, np.median(EVERY * walkable.sum(1))))


def _signal_junctions(edges: Sequence[Edge], lights: np.ndarray) -> set[str]:
    """The junctions with traffic lights."""
    return {edge.end for edge in edges if len(lights) and np.hypot(*(lights - edge.line[-1]).T).min() < SIGNAL_REACH}


def _crossing_mouths(
    mouths: Sequence[tuple[str, str, np.ndarray]], crossings: Sequence[np.ndarray]
) -> set[tuple[str, str]]:
    """(junction, edge) of the mouth nearest to each crossing."""
    out = set()
    places = np.array([place for _, _, place in mouths]).reshape(-1, 2)
    for area in crossings:
        away = np.hypot(*(places - area.mean(0)).T)
        if len(away) and away.min() < CROSSING_REACH:
            out.add(mouths[int(away.argmin())][:2])
    return out
