"""Directions of streets, as any kind of map has them, paired and joined to a road graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from world.scene.arms import DEAD_END
from world.scene.graph import Junction, Point, RoadGraph, Street

APART = 18.0  # m: two directions that are ever further apart are two one-way streets
TOLERANCE = 0.05  # m that a bend may be off when it is left out
NEAR_END = 2.0  # m from a junction within which a bend says nothing
REACH = 4.0  # m of a street's end that say where it points
PULL = 3e-3  # what a junction's distance from the ends of its streets counts beside that from where they point


@dataclass(frozen=True, slots=True)
class Edge:
    """One direction of a street. `line`: the left border of its lanes, float64 [N, 2], from junction to junction."""

    id: str
    start: str
    end: str
    line: np.ndarray
    lanes: int
    width: float
    pavement: float
    limit: float


def joined(
    edges: Sequence[Edge], nodes: Mapping[str, Junction], crossed: Collection[tuple[str, str]], look: str = "mixed"
) -> RoadGraph:
    """The largest connected part; without streets where there is none.

    nodes: junctions by name; crossed: (node, edge) wherever a crossing for people lies over an edge. KeyError where an edge names no junction.
    """
    pairs = _largest(_pair(list(edges)))
    number: dict[str, int] = {}
    for one, _ in pairs:
        for node in (one.start, one.end):
            number.setdefault(node, len(number))
    streets = tuple(_street(one, other, number, crossed) for one, other in pairs)
    return RoadGraph(tuple(nodes[name] for name in number), streets, look)


def meeting(lines: Sequence[tuple[str, str, np.ndarray]]) -> dict[str, tuple[float, float]]:
    """Positions of junctions from the parts of streets between their mouths: the least-squares intersection of the streets' directions.
    A dead end lies DEAD_END m beyond its mouth.

    lines: (name of the junction before it, of that after it, float64 [N, 2] with N of 2 or more).
    """
    normal: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, 2)))
    right: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
    beyond: dict[str, set[str]] = defaultdict(set)
    for start, end, _ in lines:
        beyond[start].add(end)
        beyond[end].add(start)
    for start, end, points in lines:
        for node, line in ((start, points), (end, points[::-1])):
            inner = line[int(np.argmax(np.hypot(*(line - line[0]).T) > REACH)) or -1]
            ahead = (line[0] - inner) / max(1e-9, float(np.hypot(*(line[0] - inner))))
            out = line[0] + (DEAD_END if len(beyond[node]) == 1 else 0.0) * ahead
            across = np.array([-ahead[1], ahead[0]])
            weight = np.outer(across, across) + PULL * np.eye(2)
            normal[node], right[node] = normal[node] + weight, right[node] + weight @ out
    places = {node: np.linalg.solve(normal[node], right[node]) for node in normal}
    return {node: (float(x), float(y)) for node, (x, y) in places.items()}


def reaching(line: np.ndarray, start: Sequence[float], end: Sequence[float]) -> np.ndarray:
    """A line between mouths with the junctions themselves before and after it."""
    return np.concatenate([[start], line, [end]])


def _shares(line: np.ndarray) -> np.ndarray:
    """The share of a polyline's length at each point, 0 to 1."""
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return s / max(float(s[-1]), 1e-9)


def _at(line: np.ndarray, shares: np.ndarray) -> np.ndarray:
    own = _shares(line)
    return np.stack([np.interp(shares, own, line[:, axis]) for axis in range(2)], axis=1)


def _distance(one: Edge, other: Edge) -> float:
    """The greatest distance between two opposite directions, in m."""
    shares = np.linspace(0, 1, 21)
    return float(np.linalg.norm(_at(one.line, shares) - _at(other.line[::-1], shares), axis=1).max())


def _pair(edges: list[Edge]) -> list[tuple[Edge, Edge | None]]:
    """Each edge once, with the opposite direction of the same street where there is one. The nearest pairs match first."""
    by_ends = defaultdict(list)
    for k, edge in enumerate(edges):
        by_ends[edge.start, edge.end].append(k)
    candidates = sorted(
        (_distance(edges[i], edges[k]), i, k)
        for (start, end), here in by_ends.items()
        if start < end
        for i in here
        for k in by_ends.get((end, start), ())
    )
    partner: dict[int, int] = {}
    for apart, i, k in candidates:
        if apart <= APART and i not in partner and k not in partner:
            partner[i], partner[k] = k, i
    return [
        (edge, edges[partner[k]] if k in partner else None)
        for k, edge in enumerate(edges)
        if k not in partner or k < partner[k]
    ]


def _largest(pairs: list[tuple[Edge, Edge | None]]) -> list[tuple[Edge, Edge | None]]:
    """The streets of the largest connected component."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    for one, _ in pairs:
        root[find(one.start)] = find(one.end)
    parts = defaultdict(list)
    for pair in pairs:
        parts[find(pair[0].start)].append(pair)
    return max(parts.values(), key=len, default=[])


def _simple(line: np.ndarray) -> np.ndarray:
    """Without the points that are within TOLERANCE of the line without them (Douglas and Peucker 1973)."""
    if len(line) < 3:
        return line
    chord = line[-1] - line[0]
    length = max(float(np.linalg.norm(chord)), 1e-9)
    off = np.abs((line[1:-1] - line[0]) @ np.array([-chord[1], chord[0]])) / length
    k = int(off.argmax()) + 1
    if off[k - 1] <= TOLERANCE:
        return line[[0, -1]]
    return np.concatenate([_simple(line[: k + 1])[:-1], _simple(line[k:])])


def _bends(one: Edge, other: Edge | None) -> tuple[Point, ...]:
    """The centre line without its ends. Two shapes that differ are averaged, at the bends of either."""
    line = one.line
    if other is not None:
        back = other.line[::-1]
        shares = np.unique(np.concatenate([_shares(line), _shares(back)]).round(6))
        line = 0.5 * (_at(line, shares) + _at(back, shares)) if _distance(one, other) > TOLERANCE else line
    inner = _simple(line)[1:-1]
    far = [min(np.linalg.norm(p - line[0]), np.linalg.norm(p - line[-1])) > NEAR_END for p in inner]
    return tuple((float(x), float(y)) for (x, y), keep in zip(inner, far, strict=True) if keep)


def _street(one: Edge, other: Edge | None, number: Mapping[str, int], crossed: Collection[tuple[str, str]]) -> Street:
    both = [one] if other is None else [one, other]
    start, end = ({(node, edge.id) for edge in both} for node in (one.start, one.end))
    return Street(
        number[one.start],
        number[one.end],
        _bends(one, other),
        one.lanes,
        0 if other is None else other.lanes,
        sum(edge.width * edge.lanes for edge in both) / sum(edge.lanes for edge in both),
        max(edge.pavement for edge in both),
        max(edge.limit for edge in both),
        any(at in crossed for at in start),
        any(at in crossed for at in end),
    )
