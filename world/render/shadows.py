"""The sun's shadow map: depth towards the sun over a square round the car. Static meshes are kept, moving ones drawn every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from world.render.atlas import Library
from world.render.mesh import Mesh
from world.render.raster import Projection, Records

F = np.float32
SIZE, REACH = 1024, 160.0  # texels, m a side
AHEAD = 45.0  # m that the square's middle lies ahead of the car
REDRAWN = 12.0  # m of driving after which what stands is drawn again
EMPTY = -1e9
_ALL, _NONE = np.zeros(1, np.int32), np.zeros(0, np.int32)


class Shadows:
    """The map of one drive. `depth` float32 [SIZE, SIZE]; `matrix` float32 [3, 4] takes a point to column, row and depth."""

    def __init__(self) -> None:
        self.standing = np.full((SIZE, SIZE), EMPTY, F)
        self.depth = np.full((SIZE, SIZE), EMPTY, F)
        self.matrix = np.zeros((3, 4), F)
        self._records = Records()
        self._ids = np.zeros((1, 1), np.int32)
        self._key: tuple[object, ...] = ()
        self._standing: list[Mesh] = []

    def update(
        self,
        standing: Sequence[Mesh],
        moving: Sequence[Mesh],
        middle: np.ndarray,
        sun: tuple[float, float, float],
        library: Library,
    ) -> None:
        """Draws the map round `middle` [2 or 3]; `sun` points to the sun."""
        place = np.round(np.asarray(middle[:2], np.float64) / REDRAWN) * REDRAWN
        projection = _towards(place, sun)
        standing = _within(projection, standing)
        key = (*place.tolist(), *sun, frozenset(id(mesh) for mesh in standing))
        if key != self._key:
            self._key, self._standing = key, standing  # referenced, so that no other mesh gets their ids
            self._draw(standing, self.standing, library, EMPTY, projection)
            scale = np.array([projection.focal, projection.focal, -1.0])[:, None]
            rows = projection.axes * scale
            offset = -rows @ projection.eye + np.array([SIZE / 2, SIZE / 2, 0.0])
            self.matrix = np.concatenate([rows, offset[:, None]], 1).astype(F)
        self.depth[:] = self.standing
        if moving:
            self._draw(moving, self.depth, library, None, projection)

    def _draw(
        self, meshes: Sequence[Mesh], depth: np.ndarray, library: Library, clear: float | None, projection: Projection
    ) -> None:
        self._records.begin(sum(len(mesh) for mesh in meshes), len(meshes))
        for mesh in meshes:
            self._records.add(mesh, _ALL, _NONE, projection, library)
        self._records.draw(depth, self._ids, clear, library)


def _within(projection: Projection, meshes: Sequence[Mesh]) -> list[Mesh]:
    """The meshes that may throw a shadow on the map."""
    there = [mesh for mesh in meshes if len(mesh)]
    spheres = np.array([mesh.sphere for mesh in there]).reshape(-1, 4)
    aside = np.abs((spheres[:, :3] - projection.eye) @ projection.axes[:2].T).max(1, initial=0.0)
    near = aside <= REACH / 2 + spheres[:, 3]
    return [mesh for mesh, is_near in zip(there, near, strict=True) if is_near]


def _towards(place: np.ndarray, sun: tuple[float, float, float]) -> Projection:
    """A parallel projection along the sun's rays, its middle snapped to whole texels, so that shadows do not swim."""
    forward = -np.asarray(sun, np.float64) / np.linalg.norm(sun)
    side = np.array([1.0, 0, 0]) if abs(forward[0]) < 0.9 else np.array([0, 1.0, 0])
    right = np.cross(forward, side)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    scale = SIZE / REACH
    middle = axes @ np.array([*place, 0.0])
    middle[:2] = np.round(middle[:2] * scale) / scale
    return Projection(axes, axes.T @ middle, scale, SIZE, SIZE, parallel=True)


@njit(cache=True, fastmath=True, error_model="numpy")
def sunlit(depth, matrix, x, y, z, nx, ny, nz):
    """Share of the sun that reaches a point: four comparisons, weighted bilinearly; one outside the map."""
    x, y, z = x + nx * F(0.12), y + ny * F(0.12), z + nz * F(0.12)
    size = depth.shape[0]
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3] - F(0.5)
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3] - F(0.5)
    if not (u > F(1.0) and v > F(1.0) and u < F(size - 2) and v < F(size - 2)):
        return F(1.0)
    deep = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3] + F(0.12)
    i, j = int(u), int(v)
    fu, fv = u - F(i), v - F(j)
    a = F(1.0) if depth[j, i] <= deep else F(0.0)
    b = F(1.0) if depth[j, i + 1] <= deep else F(0.0)
    c = F(1.0) if depth[j + 1, i] <= deep else F(0.0)
    d = F(1.0) if depth[j + 1, i + 1] <= deep else F(0.0)
    a, c = a + (b - a) * fu, c + (d - c) * fu
    return a + (c - a) * fv
