"""The surroundings of a place: the ground, and a ring of far blocks and trees."""

from __future__ import annotations

import math

import numpy as np

from world.render.assets.faces import Faces
from world.render.mesh import Mesh

Bounds = tuple[float, float, float, float]
BELOW, AROUND, CELL = -0.06, 420.0, 60.0  # m: under the road, beyond the map, of a quad
RING = (150.0, 190.0)  # m beyond the map's edge: trees, then blocks


def ground_mesh(bounds: Bounds) -> Mesh:
    """Grass under everything. bounds: west, south, east, north, m."""
    west, south, east, north = bounds
    xs = np.arange(west - AROUND, east + AROUND + CELL, CELL)
    ys = np.arange(south - AROUND, north + AROUND + CELL, CELL)
    x, y = (axis.ravel() for axis in np.meshgrid(xs[:-1], ys[:-1]))
    corner = np.stack([x, y, np.full_like(x, BELOW)], 1)
    quads = corner[:, None] + CELL * np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    faces = Faces()
    faces.quads(quads, "grass", uv=quads[..., :2] / 16.0)
    return faces.parts().mesh


def skyline_mesh(bounds: Bounds) -> Mesh:
    """Blocks and trees on a ring round the bounds; deterministic."""
    west, south, east, north = bounds
    middle, half = ((west + east) / 2, (south + north) / 2), ((east - west) / 2, (north - south) / 2)
    random, faces = np.random.default_rng(round(1000 * (abs(west) + abs(north)))), Faces()
    count = 150
    for k in range(count):
        angle = 2 * math.pi * (k + random.uniform(-0.3, 0.3)) / count
        out = RING[1] + random.uniform(0, 60)
        x = middle[0] + (half[0] + out) * math.cos(angle)
        y = middle[1] + (half[1] + out) * math.sin(angle)
        width, height = random.uniform(12, 30), random.uniform(9, 30)
        tone = random.uniform(0.55, 0.85)
        _billboard(faces, x, y, angle, width, height, "skyline", (tone, tone * 0.95, tone * 0.88))
    for k in range(90):
        angle = 2 * math.pi * k / 90
        x = middle[0] + (half[0] + RING[0]) * math.cos(angle)
        y = middle[1] + (half[1] + RING[0]) * math.sin(angle)
        wide = 2 * math.pi * (max(half) + RING[0]) / 90 * 1.3
        _billboard(faces, x, y, angle, wide, random.uniform(7, 11), "treeline", (1.0, 1.0, 1.0))
    return faces.parts().mesh


def _billboard(
    faces: Faces,
    x: float,
    y: float,
    angle: float,
    width: float,
    height: float,
    name: str,
    tint: tuple[float, float, float],
) -> None:
    """Upright, facing the middle of the map."""
    side = np.array([-math.sin(angle), math.cos(angle), 0.0]) * width / 2
    foot = np.array([x, y, BELOW])
    up = np.array([0.0, 0.0, height])
    faces.quads([[foot + side, foot - side, foot - side + up, foot + side + up]], name, tint)
