"""A place as map layers of RDS-HQ, the layout of NVIDIA's Cosmos-Drive-Dreams toolkit: shapes round a path, in world coordinates, m."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from world.labels.lines import band, beside, simpler
from world.labels.near import lane_of
from world.render.assets.signals import signal_mesh
from world.render.assets.signs import sign_mesh
from world.scene.objects import Kind
from world.scene.state import Place

REACH = 130.0  # m round the path: the toolkit draws what is within 122.5 m of a camera
POLYLINE, SURFACE, CUBOID, POLYLINES = "polyline3d", "surface", "cuboid3d", "polylines3d"
LAYERS = {
    "lanelines": POLYLINE,
    "lanes": POLYLINES,
    "road_boundaries": POLYLINE,
    "crosswalks": SURFACE,
    "wait_lines": POLYLINE,
    "road_markings": SURFACE,
    "poles": POLYLINE,
    "traffic_lights": CUBOID,
    "traffic_signs": CUBOID,
}
PAINT = {  # of a Marking's kind: colour and style
    "edge": ("WHITE", "SOLID_SINGLE"),
    "lane": ("WHITE", "LONG_DASHED_SINGLE"),
    "centre": ("YELLOW", "SOLID_SINGLE"),
}
POSTS = {Kind.LAMP: "STREET_LIGHT", Kind.SIGNAL: "TRAFFIC_LIGHT", Kind.SIGN: "TRAFFIC_SIGN", Kind.TREE: "TREE"}
TRUNK = 0.4  # of a tree's height
# m in front of the post's axis and above the ground from which a signal's head and a sign's face begin.
HEAD, FACE = (0.07, 1.5), (0.04, 1.5)
# A cuboid's corners in the order that the toolkit takes its length (0 to 3), width (0 to 1) and height (0 to 4) from.
CORNERS = np.array([(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0), (0, 1, 0)], bool)


@dataclass(frozen=True, eq=False)
class Shape:
    """A shape of a layer. lines: vertices, float64 [N, 3]: one line, a lane's left and right borders, or the 8 corners of a cuboid; about:
    attributes by name; number: the prop's, -1 for paint and lanes."""

    lines: tuple[np.ndarray, ...]
    about: dict[str, Any] = field(default_factory=dict)
    number: int = -1


def layers(place: Place, path: np.ndarray) -> dict[str, list[Shape]]:
    """The shapes of all LAYERS within REACH of the box round a path float64 [N, 2]."""
    low, high = path.min(0) - REACH, path.max(0) + REACH

    def near(line: np.ndarray) -> bool:
        return bool((line[:, :2].max(0) >= low).all() and (line[:, :2].min(0) <= high).all())

    out = {name: list[Shape]() for name in LAYERS}
    for layer, shape in (*_paint(place), *_roads(place), *_posts(place, low, high)):
        if any(near(line) for line in shape.lines):
            out[layer].append(shape)
    return out


def _flat(line: np.ndarray) -> np.ndarray:
    return np.column_stack([line, np.zeros(len(line))])


def _paint(place: Place) -> Iterator[tuple[str, Shape]]:
    for mark in place.map.markings:
        if mark.kind in PAINT:
            line = _flat(simpler(mark.points))
            colour, style = ([one] * len(line) for one in PAINT[mark.kind])
            yield "lanelines", Shape((line,), {"width": mark.width, "colors": colour, "styles": style})
        elif mark.kind == "stop":
            yield "wait_lines", Shape((_flat(mark.points),), {"type": "STOP"})
        elif mark.kind.startswith("arrow"):
            yield "road_markings", Shape((_flat(mark.points),), {"road_marking_class": mark.kind.upper()})


def _roads(place: Place) -> Iterator[tuple[str, Shape]]:
    for number in range(len(place.map.lanes)):
        lane = lane_of(place.map, number)
        borders = (beside(lane.line, side * lane.width / 2, lane.headings) for side in (1, -1))
        yield "lanes", Shape(tuple(_flat(simpler(line)) for line in borders))
    kerbs = [line for shape in place.map.streets for line in (shape.left, shape.right)]
    for line in (*kerbs, *(line for shape in place.map.junctions for line in shape.kerbs)):
        if len(line) > 1:
            yield "road_boundaries", Shape((_flat(simpler(line)),))
    for one in place.map.crossings:
        line = np.array([[one["x0"], one["y0"]], [one["x1"], one["y1"]]])
        yield "crosswalks", Shape((_flat(band(line, float(one["width"]))),), {"type": "PEDESTRIAN"})


def _posts(place: Place, low: np.ndarray, high: np.ndarray) -> Iterator[tuple[str, Shape]]:
    xy = np.stack([place.props["x"], place.props["y"]], 1)
    is_post = np.isin(place.props["kind"], [int(kind) for kind in POSTS])
    for index in np.flatnonzero(((xy >= low) & (xy <= high)).all(1) & is_post):
        prop, number = place.props[index], int(place.numbers[index])
        kind, foot = Kind(int(prop["kind"])), np.array([prop["x"], prop["y"], prop["z"]], np.float64)
        height = float(prop["height"]) * (TRUNK if kind is Kind.TREE else 1.0)
        yield "poles", Shape((np.stack([foot, foot + np.array([0, 0, height])]),), {"pole_type": POSTS[kind]}, number)
        if kind is Kind.SIGNAL and prop["signal"] >= 0:
            corners = _before(signal_mesh(0, 0).position, *HEAD, foot, float(prop["heading"]))
            yield "traffic_lights", Shape((corners,), {"feature_id": str(number)}, number)
        elif kind is Kind.SIGN:
            corners = _before(sign_mesh(int(prop["look"]), 0).position, *FACE, foot, float(prop["heading"]))
            yield "traffic_signs", Shape((corners,), {"feature_id": str(number)}, number)


def _before(position: np.ndarray, ahead: float, above: float, foot: np.ndarray, heading: float) -> np.ndarray:
    """The 8 corners, in the world, of the box round the part of a mesh [T, 3, 3] in front of its post; the mesh faces -x."""
    points = position.reshape(-1, 3)
    points = points[(points[:, 0] < -ahead) & (points[:, 2] > above)]
    own = np.where(CORNERS, points.max(0), points.min(0)).astype(np.float64)
    cos, sin = np.cos(heading), np.sin(heading)
    return np.asarray(own @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]]) + foot)


def labels(layer: str, shapes: list[Shape]) -> dict[str, Any]:
    """The JSON document of a layer."""
    form, out = LAYERS[layer], []
    for shape in shapes:
        lines = [{"vertices": line} for line in shape.lines]
        attributes = [
            _attribute(name, value) for name, value in {"label_name": layer.removesuffix("s"), **shape.about}.items()
        ]
        geometry = {form: {"polylines": lines} if form == POLYLINES else lines[0]}
        out.append({"labelData": {"shape3d": {"attributes": attributes, "unit": "METRIC", **geometry}}})
    return {"labels": out}


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"name": name, "enumsList": {"enumsList": value}}
    return {"name": name, "double" if isinstance(value, float) else "text": value}
