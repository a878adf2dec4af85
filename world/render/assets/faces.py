"""Collects flat faces with texture coordinates in metres, for static objects: houses, plants, furniture, streets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from world.render.assets.boxes import box_sides
from world.render.library import MATERIALS, material
from world.render.mesh import Mesh
from world.render.textures import TILE

FIXED, WALL, ROOF, ACCENT, TRIM = range(5)  # parts: what decides a face's tint when it is placed
Colour = tuple[float, float, float]
WHITE: Colour = (1.0, 1.0, 1.0)
_TRIANGLES = np.array([0, 1, 2, 0, 2, 3])
_FACE_UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)


@dataclass(frozen=True, eq=False)
class Parts:
    """A mesh about its own origin and the part of each triangle, int8 [T]."""

    mesh: Mesh
    part: np.ndarray

    def tinted(self, tints: dict[int, Colour]) -> Mesh:
        """The mesh with the tints of these parts multiplied."""
        table = np.ones((5, 3), np.float32)
        for part, tint in tints.items():
            table[part] = tint
        mesh = self.mesh
        return Mesh(mesh.position, mesh.normal, mesh.uv, mesh.material, mesh.tint * table[self.part])


@cache
def tile(name: str) -> np.ndarray:
    """Metres that one repeat of a material's texture covers, float64 [2]."""
    return np.array(TILE.get(MATERIALS[material(name)].texture, (1.0, 1.0)))


class Faces:
    """Collects faces. Axes: x forward, y left, z up; corners counter-clockwise seen from outside."""

    def __init__(self) -> None:
        self._position: list[np.ndarray] = []
        self._normal: list[np.ndarray] = []
        self._uv: list[np.ndarray] = []
        self._material: list[int] = []
        self._tint: list[Colour] = []
        self._part: list[int] = []

    def quads(
        self,
        corners: Sequence | np.ndarray,
        name: str,
        tint: Colour = WHITE,
        part: int = FIXED,
        uv: np.ndarray | None = None,
        normal: np.ndarray | None = None,
    ) -> None:
        """Adds quads [N, 4, 3]. uv [N, 4, 2] in repeats; if left out, u runs in metres along the first edge and v down the last.

        normal [N, 4, 3]; if left out, quads are flat.
        """
        quad = np.asarray(corners, float).reshape(-1, 4, 3)
        if len(quad) == 0:
            return
        if uv is None:
            across = np.linalg.norm(quad[:, 1] - quad[:, 0], axis=1)
            down = np.linalg.norm(quad[:, 3] - quad[:, 0], axis=1)
            size = tile(name)
            start = (quad[:, 0, 0] + quad[:, 0, 1]) * 0.37
            u = (start[:, None] + across[:, None] * [0, 1, 1, 0]) / size[0]
            v = -(quad[:, :1, 2] + down[:, None] * [0, 0, 1, 1]) / size[1]
            uv = np.stack([u, v], axis=-1)
        bent = None if normal is None else normal[:, _TRIANGLES]
        self._add(quad[:, _TRIANGLES], bent, np.asarray(uv)[:, _TRIANGLES], name, tint, part)

    def triangles(
        self,
        corners: np.ndarray,
        normal: np.ndarray,
        uv: np.ndarray,
        name: str,
        tint: Colour = WHITE,
        part: int = FIXED,
    ) -> None:
        """Adds triangles [T, 3, 3] with normals [T, 3, 3] and uv [T, 3, 2]."""
        if len(corners):
            self._add(corners, normal, uv, name, tint, part)

    def pictures(self, corners: Sequence | np.ndarray, name: str, tint: Colour = WHITE, part: int = FIXED) -> None:
        """Adds quads that the texture fills once each: lower left, lower right, upper right, upper left as seen."""
        quad = np.asarray(corners, float).reshape(-1, 4, 3)
        self.quads(quad, name, tint, part, uv=np.broadcast_to(_FACE_UV, (len(quad), 4, 2)))

    def box(
        self,
        low: tuple[float, float, float],
        high: tuple[float, float, float],
        name: str,
        tint: Colour = WHITE,
        part: int = FIXED,
        skip: str = "d",
    ) -> None:
        """Adds a box; `skip` names sides to leave out: f(ront) b(ack) l(eft) r(ight) t(op) d(own)."""
        self.quads(box_sides(low, high, skip), name, tint, part)

    def tube(
        self,
        line: Sequence[tuple[float, float, float]],
        radii: Sequence[float],
        name: str,
        tint: Colour = WHITE,
        sides: int = 6,
    ) -> None:
        """Adds a round rod along points [N, 3] with a radius for each; open at its ends."""
        points = np.asarray(line, float)
        along = np.gradient(points, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        helper = np.where(np.abs(along[:, 2:]) > 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]])
        across = np.cross(helper, along)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        other = np.cross(along, across)
        angle = np.arange(sides + 1) / sides * 2 * np.pi
        out = np.cos(angle)[:, None] * across[:, None] + np.sin(angle)[:, None] * other[:, None]
        rings = points[:, None] + np.asarray(radii, float)[:, None, None] * out
        step = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        size = tile(name)
        girth = 2 * np.pi * max(radii) / size[0]
        uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi) * girth, -step[:, None] / size[1]), axis=-1)

        def cells(grid: np.ndarray) -> np.ndarray:
            cut = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], axis=2)
            return cut.reshape(-1, 4, grid.shape[-1])

        self.quads(cells(rings), name, tint, uv=cells(uv), normal=cells(out))

    def _add(
        self, corners: np.ndarray, normal: np.ndarray | None, uv: np.ndarray, name: str, tint: Colour, part: int
    ) -> None:
        position = np.asarray(corners, np.float32).reshape(-1, 3, 3)
        self._position.append(position)
        # zero stands for flat: those are computed together in the end
        self._normal.append(
            np.zeros_like(position) if normal is None else np.asarray(normal, np.float32).reshape(-1, 3, 3)
        )
        self._uv.append(np.asarray(uv, np.float32).reshape(-1, 3, 2))
        self._material.append(material(name))
        self._tint.append(tint)
        self._part.append(part)

    def parts(self) -> Parts:
        """The collected faces, without those of no area."""
        counts = [len(piece) for piece in self._position]
        position = np.concatenate([np.zeros((0, 3, 3), np.float32), *self._position])
        edges = np.cross(position[:, 1] - position[:, 0], position[:, 2] - position[:, 0])
        area = np.linalg.norm(edges, axis=1, keepdims=True)
        keep = area[:, 0] > 1e-9
        normal = np.concatenate([np.zeros((0, 3, 3), np.float32), *self._normal])
        flat = ~normal[:, 0].any(axis=1)
        normal[flat] = (edges / np.maximum(area, 1e-9))[flat, None]
        mesh = Mesh(
            position[keep],
            normal[keep],
            np.concatenate([np.zeros((0, 3, 2), np.float32), *self._uv])[keep],
            np.repeat(np.array(self._material, np.int32), counts)[keep],
            np.repeat(np.array(self._tint, np.float32).reshape(-1, 3), counts, axis=0)[keep],
        )
        return Parts(mesh, np.repeat(np.array(self._part, np.int8), counts)[keep])

    def mesh(self) -> Mesh:
        """The collected faces as one mesh."""
        return self.parts().mesh
