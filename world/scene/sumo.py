"""A road graph from a SUMO network file (.net.xml). Read as plain XML: no SUMO needed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from world.errors import DataError
from world.scene.graph import Junction, RoadGraph
from world.scene.pairing import Edge, joined

MOST_LANES = 4


def graph_of(path: Path, look: str = "mixed") -> RoadGraph:
    """The streets for cars of a network file, the largest connected part.

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
    """The graph of a parsed file. DataError where it has no street for cars; ValueError, KeyError or IndexError where it is incomplete.

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
    edges = [street for edge in root.iter("edge") if (street := _edge(edge, nodes)) is not None]
    graph = joined(edges, nodes, _crossed(root), look)
    if not graph.streets:
        raise DataError(f"{path} has no street for cars; take a larger part of the map.")
    return graph


def _mirror(root: ET.Element) -> None:
    """Swaps east and west, so that traffic on the left moves to the right."""
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


def _edge(edge: ET.Element, nodes: dict[str, Junction]) -> Edge | None:
    """The edge of a street for cars, else None."""
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
    return Edge(
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
    """A polyline [N, 2] moved `left` m to its left."""
    tangents = np.gradient(line, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    return line + left * np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)


def _crossed(root: ET.Element) -> set[tuple[str, str]]:
    """(junction, edge) wherever a crossing for people lies over an edge."""
    return {
        (re.sub(r"_c\d+$", "", edge.get("id", "")[1:]), name)
        for edge in root.iter("edge")
        if edge.get("function") == "crossing"
        for name in edge.get("crossingEdges", "").split()
    }
