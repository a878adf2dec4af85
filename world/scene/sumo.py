"""A road graph from a SUMO network file (.net.xml). Read as plain XML: no SUMO needed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from world.errors import DataError
from world.scene.graph import Junction, Point, RoadGraph, Street

APART = 18.0  # m: two directions that are ever further apart are two one-way streets
TOLERANCE = 0.05  # m that a bend may be off when it is left out
NEAR_END = 2.0  # m from a junction within which a bend says nothing
MOST_LANES = 4


@dataclass(frozen=True, slots=True)
class _Edge:
    """One direction of a street. `line`: the left border of its lanes, float64 [N, 2], from junction to junction."""

    id: str
    start: str
    end: str
    line: np.ndarray
    lanes: int
    width: float
    pavement: float
    limit: float


def graph_of(path: Path, look: str = "mixed") -> RoadGraph:
    """The streets for cars of a network file, the largest part that hangs together.

    Raises DataError where the file cannot be read, is no SUMO network, or holds no street for cars.
    """
    try:
        root = ET.parse(path).getroot()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give the path of a SUMO .net.xml file.") from error
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged or no XML ({error}); make it again with netconvert.") from error
    if root.tag != "net":
        raise DataError(f"{path} is no SUMO network (it begins with <{root.tag}>); give a .net.xml file.")
    try:
        return graph_in(root, path, look)
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} is no complete SUMO network ({error}); make it again with netconvert.") from error


def graph_in(root: ET.Element, path: Path, look: str = "mixed") -> RoadGraph:
    """The same of a file that has been read. ValueError, KeyError or IndexError where it is not whole.

    Our traffic keeps right: a network whose traffic keeps left is mirrored.
    """
    if root.get("lefthand") in ("true", "1"):
        _mirror(root)
    nodes = {
        j.attrib["id"]: Junction(
            float(j.attrib["x"]), float(j.attrib["y"]), j.get("type", "").startswith("traffic_light")
        )
        for j in root.iter("junction")
        if j.get("type") != "internal"
    }
    edges = [found for edge in root.iter("edge") if (found := _edge(edge, nodes)) is not None]
    crossed = _crossed(root)
    kept = _largest(_pair(edges))
    if not kept:
        raise DataError(f"{path} has no street for cars; take a larger part of the map.")
    number: dict[str, int] = {}
    for one, _ in kept:
        for node in (one.start, one.end):
            number.setdefault(node, len(number))
    streets = tuple(_street(one, other, number, nodes, crossed) for one, other in kept)
    return RoadGraph(tuple(nodes[name] for name in number), streets, look)


def _mirror(root: ET.Element) -> None:
    """East and west changed over: what was on the left of the road is on its right then."""
    for element in root.iter():
        if (x := element.get("x")) is not None:
            element.set("x", repr(-float(x)))
        if shape := element.get("shape"):
            element.set("shape", " ".join(f"{-x!r},{y!r}" for x, y in _points(shape).tolist()))


def _points(text: str) -> np.ndarray:
    return np.array([[float(v) for v in p.split(",")[:2]] for p in text.split()], np.float64).reshape(-1, 2)


def _allows(lane: ET.Element, who: str) -> bool:
    allow, deny = lane.get("allow"), lane.get("disallow", "").split()
    if allow is not None:
        return who in allow.split() or allow == "all"
    return who not in deny and deny != ["all"]


def _edge(edge: ET.Element, nodes: dict[str, Junction]) -> _Edge | None:
    """None: not a street, or not for cars."""
    if edge.get("function", "normal") not in ("normal", "") or edge.get("from") == edge.get("to"):
        return None
    lanes = edge.findall("lane")
    cars = [lane for lane in lanes if _allows(lane, "passenger")]
    if not cars:
        return None
    walks = [lane for lane in lanes if _allows(lane, "pedestrian") and not _allows(lane, "passenger")]
    widths = [float(lane.get("width", "3.2")) for lane in cars]
    start, end = nodes[edge.attrib["from"]], nodes[edge.attrib["to"]]
    line = _points(edge.get("shape", "")) if edge.get("shape") else np.array([(start.x, start.y), (end.x, end.y)])
    if edge.get("spreadType") == "center" and len(line) > 1:
        line = _aside(line, 0.5 * sum(float(lane.get("width", "3.2")) for lane in lanes))
    return _Edge(
        edge.attrib["id"],
        edge.attrib["from"],
        edge.attrib["to"],
        np.concatenate([[(start.x, start.y)], line[1:-1], [(end.x, end.y)]]),
        min(MOST_LANES, len(cars)),
        sum(widths) / len(widths),
        max((float(lane.get("width", "2.0")) for lane in walks), default=0.0),
        max(float(lane.get("speed", "13.9")) for lane in cars),
    )


def _aside(line: np.ndarray, left: float) -> np.ndarray:
    """A polyline [N, 2] moved to its left by so many m."""
    ways = np.gradient(line, axis=0)
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
    return line + left * np.stack([-ways[:, 1], ways[:, 0]], axis=1)


def _crossed(root: ET.Element) -> set[tuple[str, str]]:
    """(junction, edge) wherever a crossing for people lies over an edge."""
    return {
        (re.sub(r"_c\d+$", "", edge.get("id", "")[1:]), name)
        for edge in root.iter("edge")
        if edge.get("function") == "crossing"
        for name in edge.get("crossingEdges", "").split()
    }


def _shares(line: np.ndarray) -> np.ndarray:
    """How far along the whole each point of a polyline is, 0 to 1."""
    gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return gone / max(float(gone[-1]), 1e-9)


def _at(line: np.ndarray, shares: np.ndarray) -> np.ndarray:
    own = _shares(line)
    return np.stack([np.interp(shares, own, line[:, axis]) for axis in range(2)], axis=1)


def _distance(one: _Edge, other: _Edge) -> float:
    """The most that two opposite directions are apart, in m."""
    shares = np.linspace(0, 1, 21)
    return float(np.linalg.norm(_at(one.line, shares) - _at(other.line[::-1], shares), axis=1).max())


def _pair(edges: list[_Edge]) -> list[tuple[_Edge, _Edge | None]]:
    """Each edge once, with the opposite direction of the same street where there is one: the nearest first."""
    by_ends = defaultdict(list)
    for k, edge in enumerate(edges):
        by_ends[edge.start, edge.end].append(k)
    found = sorted(
        (_distance(edges[i], edges[k]), i, k)
        for (start, end), here in by_ends.items()
        if start < end
        for i in here
        for k in by_ends.get((end, start), ())
    )
    partner: dict[int, int] = {}
    for apart, i, k in found:
        if apart <= APART and i not in partner and k not in partner:
            partner[i], partner[k] = k, i
    return [
        (edge, edges[partner[k]] if k in partner else None)
        for k, edge in enumerate(edges)
        if k not in partner or k < partner[k]
    ]


def _largest(pairs: list[tuple[_Edge, _Edge | None]]) -> list[tuple[_Edge, _Edge | None]]:
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
    way = line[-1] - line[0]
    length = max(float(np.linalg.norm(way)), 1e-9)
    off = np.abs((line[1:-1] - line[0]) @ np.array([-way[1], way[0]])) / length
    k = int(off.argmax()) + 1
    if off[k - 1] <= TOLERANCE:
        return line[[0, -1]]
    return np.concatenate([_simple(line[: k + 1])[:-1], _simple(line[k:])])


def _bends(one: _Edge, other: _Edge | None) -> tuple[Point, ...]:
    """The centre line without its ends. Two shapes that differ are averaged, at the bends of either."""
    line = one.line
    if other is not None:
        back = other.line[::-1]
        shares = np.unique(np.concatenate([_shares(line), _shares(back)]).round(6))
        line = 0.5 * (_at(line, shares) + _at(back, shares)) if _distance(one, other) > TOLERANCE else line
    inner = _simple(line)[1:-1]
    far = [min(np.linalg.norm(p - line[0]), np.linalg.norm(p - line[-1])) > NEAR_END for p in inner]
    return tuple((float(x), float(y)) for (x, y), keep in zip(inner, far, strict=True) if keep)


def _street(
    one: _Edge, other: _Edge | None, number: dict[str, int], nodes: dict[str, Junction], crossed: set[tuple[str, str]]
) -> Street:
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
        bool(start & crossed),
        bool(end & crossed),
    )
