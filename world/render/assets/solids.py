"""Solids by code: boxes, tubes, capsules, discs and lofted hulls, collected into a template whose colours and lamps follow from roles.

Local axes: x forward, y left, z up, origin at the middle of the foot. Triangles counter-clockwise seen from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np

from world.render.assets.boxes import box_sides
from world.render.library import material
from world.render.mesh import Mesh


class Role(IntEnum):
    """Decides a triangle's tint (and a lamp's material) when the template is placed. FIXED keeps its own."""

    FIXED = 0
    PAINT = 1
    SECOND = 2
    COAT = 3
    TROUSERS = 4
    HAIR = 5
    SKIN = 6
    SHOES = 7
    TAIL = 8  # lamps from here on
    LEFT = 9
    RIGHT = 10
    HEAD = 11
    BEACON_A = 12
    BEACON_B = 13


@dataclass(frozen=True, eq=False)
class Template:
    """A mesh about its own origin, and each triangle's Role, int32 [T]."""

    mesh: Mesh
    role: np.ndarray


Colour = tuple[float, float, float]
WHITE: Colour = (1.0, 1.0, 1.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product; for few vectors many times as fast as numpy's."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def flat_normals(triangles: np.ndarray) -> np.ndarray:
    """One normal for all three corners. triangles [T, 3, 3] -> [T, 3, 3]."""
    face = _cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return np.repeat(_unit(face)[:, None], 3, axis=1)


def smooth_normals(triangles: np.ndarray, crease: float = 40.0) -> np.ndarray:
    """Normals averaged over the faces that share a corner and meet at less than `crease` degrees, weighted by area. [T, 3, 3]."""
    face = _cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    unit = _unit(face)
    _, corner = np.unique(np.round(triangles.reshape(-1, 3) * 2000).astype(np.int64), axis=0, return_inverse=True)
    corner = corner.reshape(-1)
    order = np.argsort(corner, kind="stable")
    limit = np.cos(np.radians(crease))
    result = np.empty((len(corner), 3))
    edges = np.flatnonzero(np.diff(corner[order], prepend=-1, append=corner.max() + 1))
    for first, last in pairwise(edges):
        rows = order[first:last]
        faces = rows // 3
        near = unit[faces] @ unit[faces].T > limit
        result[rows] = near @ face[faces]
    length = np.linalg.norm(result, axis=1, keepdims=True)
    result = np.where(length > 1e-12, result / np.maximum(length, 1e-12), np.repeat(unit, 3, axis=0))
    return result.reshape(-1, 3, 3)


def split(quads: np.ndarray) -> np.ndarray:
    """Quads [N, 4, 3] as triangles [2 N, 3, 3]."""
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3)


def grid_quads(points: np.ndarray, closed: bool = False) -> np.ndarray:
    """The cells of a grid of points [S, K, 3] as quads: (s, k), (s, k + 1), (s + 1, k + 1), (s + 1, k)."""
    if closed:
        points = np.concatenate([points, points[:, :1]], axis=1)
    return np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2).reshape(-1, 4, 3)


class Solid:
    """Collects pieces. Colours are linear RGB; a piece with a role other than FIXED takes its colour from the road user."""

    def __init__(self) -> None:
        self._pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray, int, int, Colour]] = []

    def triangles(
        self,
        corners: np.ndarray,
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        crease: float = 0.0,
        normals: np.ndarray | None = None,
        uv: np.ndarray | None = None,
    ) -> None:
        """Adds triangles [T, 3, 3] of a material; those without area are left out."""
        corners = np.asarray(corners, float)
        if normals is None:
            normals = smooth_normals(corners, crease) if crease > 0 else flat_normals(corners)
        if uv is None:
            uv = corners[..., :2] + corners[..., 2:]
        area = np.linalg.norm(_cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        keep = area > 1e-9
        self._pieces.append((corners[keep], normals[keep], uv[keep], material(name), int(role), tint))

    def quads(
        self, quads: np.ndarray | list, name: str, tint: Colour = WHITE, role: Role = Role.FIXED, crease: float = 0.0
    ) -> None:
        """Adds quads [N, 4, 3]."""
        self.triangles(split(np.asarray(quads, float).reshape(-1, 4, 3)), name, tint, role, crease)

    def face(self, quad: np.ndarray, name: str, tint: Colour = WHITE, role: Role = Role.FIXED) -> None:
        """Adds one quad whose texture fills it once: corners lower left, lower right, upper right, upper left as seen."""
        uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)[[[0, 1, 2], [0, 2, 3]]]
        self.triangles(split(np.asarray(quad, float).reshape(1, 4, 3)), name, tint, role, uv=uv)

    def box(
        self,
        low: tuple[float, float, float],
        high: tuple[float, float, float],
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        skip: str = "",
    ) -> None:
        """Adds a box; `skip` names sides to leave out: f(ront) b(ack) l(eft) r(ight) t(op) d(own)."""
        self.quads(np.array(box_sides(low, high, skip)), name, tint, role)

    def tube(
        self,
        points: np.ndarray | list[tuple[float, float, float]],
        radii: float | list[float],
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        sides: int = 8,
        caps: bool = False,
    ) -> None:
        """Adds a tube along points [N, 3] with a radius for each; smooth all round."""
        line = np.asarray(points, float)
        radius = np.broadcast_to(np.asarray(radii, float), len(line))
        step = np.gradient(line, axis=0)
        if np.allclose(line[0], line[-1]):  # a ring: no seam
            step[0] = step[-1] = line[1] - line[-2]
        along = _unit(step)
        helper = np.where(np.abs(along[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
        across = _unit(_cross(along, helper))
        other = _cross(along, across)
        angle = np.arange(sides + 1) / sides * 2 * np.pi
        rings = line[:, None] + radius[:, None, None] * (
            np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * other[:, None]
        )
        corners = split(grid_quads(rings))
        out = rings - line[:, None]
        slope = np.gradient(radius) / np.maximum(np.linalg.norm(np.gradient(line, axis=0), axis=1), 1e-9)
        normal = _unit(_unit(out) - (slope[:, None] * along)[:, None])
        self.triangles(corners, name, tint, role, normals=split(grid_quads(normal)))
        if caps:
            for ring, flip in ((rings[0], True), (rings[-1], False)):
                middle = np.broadcast_to(ring[:-1].mean(0), (sides, 3))
                fan = np.stack([middle, ring[:-1], ring[1:]], axis=1)
                self.triangles(fan[:, ::-1] if flip else fan, name, tint, role)

    def capsule(
        self,
        start: np.ndarray | tuple[float, float, float],
        end: np.ndarray | tuple[float, float, float],
        radius: float,
        end_radius: float,
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        sides: int = 7,
        rounds: int = 2,
    ) -> None:
        """Adds a limb with round ends; `rounds` rings make each end."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        direction = (b - a) / max(float(np.linalg.norm(b - a)), 1e-6)
        turn = np.arange(rounds + 1) / rounds * np.pi / 2
        along = [a - direction * radius * np.cos(t) for t in turn] + [
            b + direction * end_radius * np.sin(t) for t in turn
        ]
        widths = [radius * max(np.sin(t), 0.03) for t in turn] + [end_radius * max(np.cos(t), 0.03) for t in turn]
        line, radii = np.array(along), np.array(widths)
        helper = np.array([1.0, 0, 0]) if abs(direction[2]) > 0.9 else np.array([0, 0, 1.0])
        across = _unit(_cross(direction, helper))
        other = _cross(direction, across)
        angle = np.arange(sides + 1) / sides * 2 * np.pi
        around = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * other
        rings = line[:, None] + radii[:, None, None] * around
        lift = np.concatenate([-np.cos(turn), np.sin(turn)])
        normal = _unit(
            around[None] * np.sqrt(np.maximum(1 - lift**2, 0))[:, None, None] + lift[:, None, None] * direction
        )
        self.triangles(split(grid_quads(rings)), name, tint, role, normals=split(grid_quads(normal)))

    def disc(
        self,
        centre: tuple[float, float, float],
        radius: float,
        facing: tuple[float, float, float],
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        sides: int = 12,
        turn: float = 0.0,
    ) -> None:
        """Adds a flat regular polygon that faces along `facing`; its first corner is `turn` rad from the right as seen."""
        normal = _unit(np.asarray(facing, float))
        up = np.array([0, 0, 1.0]) if abs(normal[2]) < 0.9 else np.array([1.0, 0, 0])
        right = _unit(_cross(up, normal))
        up = _cross(normal, right)
        angle = turn + np.arange(sides) / sides * 2 * np.pi
        rim = np.asarray(centre) + radius * (np.cos(angle)[:, None] * right + np.sin(angle)[:, None] * up)
        fan = np.stack([np.broadcast_to(rim[0], (sides - 2, 3)), rim[1:-1], rim[2:]], axis=1)
        flat = 0.5 + 0.5 * np.stack([np.cos(angle), -np.sin(angle)], axis=1)
        uv = np.stack([np.broadcast_to(flat[0], (sides - 2, 2)), flat[1:-1], flat[2:]], axis=1)
        self.triangles(fan, name, tint, role, uv=uv)

    def template(self) -> Template:
        """The collected pieces as one mesh of float32."""
        counts = [len(piece[0]) for piece in self._pieces]
        f = np.float32
        mesh = Mesh(
            np.concatenate([piece[0] for piece in self._pieces]).astype(f),
            np.concatenate([piece[1] for piece in self._pieces]).astype(f),
            np.concatenate([piece[2] for piece in self._pieces]).astype(f),
            np.repeat([piece[3] for piece in self._pieces], counts).astype(np.int32),
            np.repeat(np.array([piece[5] for piece in self._pieces], f), counts, axis=0),
        )
        return Template(mesh, np.repeat([piece[4] for piece in self._pieces], counts).astype(np.int32))
