"""Streets and junctions: road, kerbs, pavements, paint. The road lies at z = 0, pavements KERB above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world.render.library import material
from world.render.mesh import Mesh, join
from world.render.textures import TILE
from world.scene.geometry import along, lengths, offset
from world.scene.hd_map import JunctionShape, Marking, StreetShape

KERB, STONE, PAINT = 0.12, 0.22, 0.012  # m: height of pavements, width of kerb stones, height of paint over the road
DASH, GAP = 3.0, 4.5  # m of a lane line
BEND, PIECE = 0.02, 24.0  # m
WHITE, YELLOW = (0.85, 0.85, 0.83), (0.80, 0.55, 0.09)
Colour = tuple[float, float, float]


def street_mesh(shape: StreetShape) -> Mesh:
    """One street between its junctions' mouths; wheel tracks follow its lanes."""
    rows = _needed(shape.centre)
    s = lengths(shape.centre)[rows] / TILE["lane"][1]
    out = []
    for k in range(len(shape.lane_borders) - 1):
        left, right = shape.lane_borders[k][rows], shape.lane_borders[k + 1][rows]
        v = s + 0.381966 * k + 0.618034 * shape.street  # so that patches and manholes do not lie side by side
        out.append(
            _strip(
                left,
                right,
                0.0,
                0.0,
                "asphalt",
                (1, 1, 1),
                (np.full_like(s, 0.0), v),
                (np.full_like(s, 1.0), v),
            )
        )
    if shape.pavement > 0:
        for line, side in ((shape.left, 1.0), (shape.right, -1.0)):
            out += _pavement(line[rows], offset(line, side * shape.pavement)[rows], side)
    return join(out)


def _needed(line: np.ndarray) -> np.ndarray:
    """Rows of a line [N, 2] that approximate it within BEND in pieces of about PIECE m at most; with first and last."""
    s, rows = lengths(line), [0]
    for row in range(2, len(line)):
        first = rows[-1]
        chord = line[row] - line[first]
        between = line[first + 1 : row] - line[first]
        off = np.abs(between[:, 0] * chord[1] - between[:, 1] * chord[0]) / max(float(np.hypot(*chord)), 1e-9)
        if s[row] - s[first] > PIECE or (len(off) and off.max() > BEND):
            rows.append(row - 1)
    return np.array([*rows, len(line) - 1])


def junction_mesh(shape: JunctionShape) -> Mesh:
    """One junction with its corners."""
    out = [_fan(shape.outline, 0.0, "asphalt_junction", (1, 1, 1))]
    for polygon in shape.pavements:
        half = len(polygon) // 2
        out += _pavement(polygon[:half], polygon[half:][::-1], -1.0)
    return join(out)


def markings_mesh(markings: Sequence[Marking]) -> Mesh:
    """Paint, a little above the road."""
    out = []
    for one in markings:
        colour, name = (YELLOW, "paint_yellow") if one.kind == "centre" else (WHITE, "paint_white")
        if one.kind == "zebra":
            bar = _turned(one.points)
            flat = np.concatenate([bar, np.full((len(bar), 1), PAINT)], 1)[None]
            out.append(_quads(flat, flat[..., :2] / TILE["paint"], name, colour))
        elif one.width == 0:
            out.append(_fan(one.points, PAINT, name, colour))
        elif one.kind == "lane":
            whole = lengths(one.points)[-1]
            for begin in np.arange(0.5, whole - DASH, DASH + GAP):
                out.append(_line(along(one.points, np.array([begin, begin + DASH])), one.width, name, colour))
        else:
            out.append(_line(one.points, one.width, name, colour))
    return join(out)


def _pavement(kerb: np.ndarray, outer: np.ndarray, side: float) -> list[Mesh]:
    """Stone, slabs and the skirt behind, along a kerb line; side: 1 where the pavement lies to its left."""
    across = outer - kerb
    width = np.maximum(np.hypot(*across.T), 1e-6)[:, None]
    inner = kerb + across * np.minimum(STONE / width, 0.5)
    pairs = [
        (kerb, kerb, 0.0, KERB, "kerb"),
        (kerb, inner, KERB, KERB, "kerb"),
        (inner, outer, KERB, KERB, "slabs"),
        (outer, outer, KERB, -0.1, "kerb"),
    ]
    out = []
    for a, b, za, zb, name in pairs:
        if side > 0:
            out.append(_strip(b, a, zb, za, name, (1, 1, 1)))
        else:
            out.append(_strip(a, b, za, zb, name, (1, 1, 1)))
    return out


def _line(points: np.ndarray, width: float, name: str, colour: Colour) -> Mesh:
    return _strip(offset(points, width / 2), offset(points, -width / 2), PAINT, PAINT, name, colour)


def _strip(
    left: np.ndarray,
    right: np.ndarray,
    z_left: float,
    z_right: float,
    name: str,
    colour: Colour,
    uv_left: tuple[np.ndarray, np.ndarray] | None = None,
    uv_right: tuple[np.ndarray, np.ndarray] | None = None,
) -> Mesh:
    """Quads between two lines of equally many points; its front is to the left of the way from right to left and up."""
    a = np.concatenate([left, np.full((len(left), 1), z_left)], 1)
    b = np.concatenate([right, np.full((len(right), 1), z_right)], 1)
    if uv_left is None or uv_right is None:
        tile = np.array(TILE[{"asphalt": "lane", "paint_white": "paint", "paint_yellow": "paint"}.get(name, name)])
        if z_left != z_right:  # upright: along the line, and its height
            s = lengths(left)
            ua, ub = np.stack([s, a[:, 2]], 1) / tile, np.stack([s, b[:, 2]], 1) / tile
        else:
            ua, ub = left / tile, right / tile
    else:
        ua, ub = np.stack(uv_left, 1), np.stack(uv_right, 1)
    quads = np.stack([b[:-1], b[1:], a[1:], a[:-1]], 1)
    uv = np.stack([ub[:-1], ub[1:], ua[1:], ua[:-1]], 1)
    return _quads(quads, uv, name, colour)


def _quads(quads: np.ndarray, uv: np.ndarray, name: str, colour: Colour) -> Mesh:
    """Quads [N, 4, 3], counter-clockwise from their front, as triangles with flat normals."""
    position = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.float32)
    coordinates = np.concatenate([uv[:, [0, 1, 2]], uv[:, [0, 2, 3]]]).astype(np.float32)
    normal = np.cross(position[:, 1] - position[:, 0], position[:, 2] - position[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    normals = np.repeat(normal[:, None], 3, 1).astype(np.float32)
    return _mesh(position, normals, coordinates, name, colour)


def _mesh(position: np.ndarray, normal: np.ndarray, uv: np.ndarray, name: str, colour: Colour) -> Mesh:
    """Triangles of one material and colour; those without area are left out."""
    edges = np.cross(position[:, 1] - position[:, 0], position[:, 2] - position[:, 0])
    keep = np.linalg.norm(edges, axis=1) > 1e-6
    count = int(keep.sum())
    tint = np.broadcast_to(np.asarray(colour, np.float32), (count, 3)).copy()
    return Mesh(position[keep], normal[keep], uv[keep], np.full(count, material(name), np.int32), tint)


def _fan(outline: np.ndarray, z: float, name: str, colour: Colour) -> Mesh:
    """A polygon, counter-clockwise or not, lying flat."""
    outline = _turned(outline)
    flat = outline[_triangles(outline)]
    tile = np.array(TILE["asphalt" if name.startswith("asphalt") else "paint"])
    position = np.concatenate([flat, np.full((len(flat), 3, 1), z)], 2).astype(np.float32)
    normal = np.broadcast_to(np.asarray((0, 0, 1), np.float32), (len(flat), 3, 3))
    return _mesh(position, normal, (flat / tile).astype(np.float32), name, colour)


def _triangles(outline: np.ndarray) -> np.ndarray:
    """Corners of the triangles that a simple counter-clockwise polygon [N, 2] is cut into ear by ear, int [N - 2, 3]."""
    left, out = list(range(len(outline))), []
    while len(left) > 3:
        corners = outline[left]
        before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
        turns = _side(before, corners, after)
        best, widest = 0, -np.inf
        for k in np.argsort(-turns, kind="stable"):
            a, b, c = before[k], corners[k], after[k]
            within = (_side(a, b, corners) > 0) & (_side(b, c, corners) > 0) & (_side(c, a, corners) > 0)
            if turns[k] >= 0 and not within.any():
                edges = [float(np.hypot(*(p - q))) for p, q in ((a, b), (b, c), (c, a))]
                shape = float(turns[k]) / max(max(edges) ** 2, 1e-12)  # slim ears are left for the end
                if shape > widest:
                    best, widest = int(k), shape
                if shape > 0.3:
                    break
        out.append((left[best - 1], left[best], left[(best + 1) % len(left)]))
        del left[best]
    return np.array([*out, left])


def _side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the area of the triangle abc, negative where it turns right."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def _turned(outline: np.ndarray) -> np.ndarray:
    """The polygon [N, 2] in counter-clockwise order."""
    x, y = outline.T
    return outline if float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) >= 0 else outline[::-1]
