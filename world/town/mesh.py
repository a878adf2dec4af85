"""Flat-shaded meshes: polygons collected as numpy rows, shaded once by their normal, handed to Panda3D.

The alpha of every vertex colour is its surface class (`TownSurface`), so one render gives picture and masks: the
software renderer writes alpha to the frame buffer unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import IntEnum

import numpy as np
from panda3d.core import Geom, GeomNode, GeomTriangles, GeomVertexData, GeomVertexFormat, LPoint2d, Triangulator

SUN = np.array([0.45, 0.3, 0.84]) / np.linalg.norm([0.45, 0.3, 0.84])
Colour = tuple[int, int, int]


class TownSurface(IntEnum):
    """What a pixel shows: the value of the alpha channel. SKY where nothing was drawn."""

    SKY = 0
    GRASS = 1
    ROAD = 2
    MARKING = 3
    PAVEMENT = 4
    ROAD_LAMPLIT = 5
    PAVEMENT_LAMPLIT = 6
    WALL = 10
    FOLIAGE = 11
    WINDOW = 12  # lit at night
    WINDOW_DARK = 13
    LAMP = 14
    LIGHT = 15  # shines by day and night: signals, brake lights
    HEADLIGHT = 16
    TAIL = 17
    ROOF = 18
    VEHICLE = 20
    PERSON = 21
    EVENT_VEHICLE = 22
    EVENT_PERSON = 23
    EVENT_ANIMAL = 24
    EVENT_PROP = 25  # what lies or stands on the road: debris, cones, boards


GROUND = (
    TownSurface.GRASS,
    TownSurface.ROAD,
    TownSurface.MARKING,
    TownSurface.PAVEMENT,
    TownSurface.ROAD_LAMPLIT,
    TownSurface.PAVEMENT_LAMPLIT,
)


class MeshBuilder:
    """A growing list of flat polygons."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._colours: list[tuple[int, int, int, int]] = []
        self._counts: list[int] = []

    def __len__(self) -> int:
        return len(self._counts)

    def polygon(self, points: Sequence[Sequence[float]], colour: Colour, surface: int, shade: bool = True) -> None:
        """Adds a convex polygon [N, 3], counter-clockwise seen from its front."""
        p = np.asarray(points, dtype=np.float64)
        light = 1.0
        if shade:
            normal = np.cross(p[1] - p[0], p[2] - p[0])
            length = float(np.linalg.norm(normal))
            if length < 1e-9:
                return
            light = 0.70 + 0.30 * float(normal @ SUN) / length
        r, g, b = (max(0, min(255, round(c * light))) for c in colour)
        self._points.append(p)
        self._colours.append((r, g, b, int(surface)))
        self._counts.append(len(p))

    def flat(self, shape: np.ndarray, colour: Colour, surface: int) -> None:
        """Adds a ground polygon [N, 2] at z = 0; it may be concave, of either winding."""
        tri = Triangulator()
        for x, y in shape:
            tri.addPolygonVertex(tri.addVertex(LPoint2d(float(x), float(y))))
        tri.triangulate()
        for i in range(tri.getNumTriangles()):
            corner = [shape[tri.getTriangleV0(i)], shape[tri.getTriangleV1(i)], shape[tri.getTriangleV2(i)]]
            (ax, ay), (bx, by), (cx, cy) = corner
            if (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0:
                corner.reverse()
            self.polygon([(x, y, 0.0) for x, y in corner], colour, surface, shade=False)

    def box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        colour: Colour,
        surface: int,
        inset: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        bottom: bool = False,
        top: Colour | None = None,
    ) -> None:
        """Adds an upright box; `inset` (front x, back x, left y, right y) narrows its top, for roofs and windscreens."""
        x0, y0, z0 = low
        x1, y1, z1 = high
        f, b, le, r = inset
        lo = [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)]
        hi = [(x0 + b, y0 + r, z1), (x1 - f, y0 + r, z1), (x1 - f, y1 - le, z1), (x0 + b, y1 - le, z1)]
        for i in range(4):
            j = (i + 1) % 4
            self.polygon([lo[i], lo[j], hi[j], hi[i]], colour, surface)
        self.polygon(hi, top or colour, surface)
        if bottom:
            self.polygon(lo[::-1], colour, surface)

    def add(self, other: MeshBuilder, x: float, y: float, heading: float, z: float = 0.0) -> None:
        """Adds another mesh, rotated by `heading` (its baked shading stays) and moved."""
        c, s = math.cos(heading), math.sin(heading)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        self._points.extend(p @ turn + (x, y, z) for p in other._points)
        self._colours.extend(other._colours)
        self._counts.extend(other._counts)

    def node(self, name: str) -> GeomNode:
        """The Panda3D node of all polygons."""
        counts = np.asarray(self._counts)
        points = np.concatenate(self._points) if len(counts) else np.zeros((0, 3))
        rows = np.zeros(len(points), dtype=[("p", "<f4", 3), ("c", "u1", 4)])
        rows["p"] = points
        if len(counts):
            rows["c"] = np.repeat(np.asarray(self._colours, dtype=np.uint8), counts, axis=0)
        indices = list(_fans(counts))
        data = GeomVertexData(name, GeomVertexFormat.getV3c4(), Geom.UHStatic)
        data.uncleanSetNumRows(len(rows))
        data.modifyArrayHandle(0).copyDataFrom(rows.tobytes())
        triangles = GeomTriangles(Geom.UHStatic)
        triangles.setIndexType(Geom.NTUint32)
        array = triangles.modifyVertices()
        array.uncleanSetNumRows(len(indices))
        array.modifyHandle().copyDataFrom(np.asarray(indices, dtype="<u4").tobytes())
        geom = Geom(data)
        geom.addPrimitive(triangles)
        node = GeomNode(name)
        node.addGeom(geom)
        return node


def _fans(counts: Iterable[int]) -> Iterable[int]:
    start = 0
    for n in counts:
        for k in range(1, n - 1):
            yield start
            yield start + k
            yield start + k + 1
        start += n


def offset_line(shape: np.ndarray, distance: float) -> np.ndarray:
    """A polyline [N, 2] offset `distance` m to its left (mitred)."""
    step = np.diff(shape, axis=0)
    length = np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1) / length
    at = np.concatenate([normal[:1], normal[:-1] + normal[1:], normal[-1:]])
    at /= np.maximum(np.linalg.norm(at, axis=1, keepdims=True), 0.3)
    if len(normal) > 1:
        at[1:-1] /= np.maximum((at[1:-1] * normal[:-1]).sum(axis=1, keepdims=True), 0.5)
    return np.asarray(shape + at * distance)


def cut_line(shape: np.ndarray, start: float, end: float) -> np.ndarray:
    """The part of a polyline between two arc lengths, [N, 2]."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(shape, axis=0), axis=1))])
    start, end = max(0.0, start), min(float(length[-1]), end)
    inside = (length > start + 1e-6) & (length < end - 1e-6)
    at = np.concatenate([[start], length[inside], [end]])
    return np.stack([np.interp(at, length, shape[:, 0]), np.interp(at, length, shape[:, 1])], axis=1)


def line_length(shape: np.ndarray) -> float:
    """Arc length of a polyline in m."""
    return float(np.linalg.norm(np.diff(shape, axis=0), axis=1).sum())


def strip(mesh: MeshBuilder, shape: np.ndarray, left: float, right: float, colour: Colour, surface: int) -> None:
    """Adds a ground ribbon along a polyline between two offsets (m, left positive, left > right)."""
    a, b = offset_line(shape, left), offset_line(shape, right)
    for i in range(len(shape) - 1):
        quad = [(*b[i], 0.0), (*b[i + 1], 0.0), (*a[i + 1], 0.0), (*a[i], 0.0)]
        mesh.polygon(quad, colour, surface, shade=False)
