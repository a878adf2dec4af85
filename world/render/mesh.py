"""Triangles with the attributes of the G-buffer, for the z-buffer and for a path tracer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Mesh:
    """T triangles, each with its own corners. Metres; z up; counter-clockwise seen from outside.

    position float32 [T, 3, 3], normal float32 [T, 3, 3] (unit), uv float32 [T, 3, 2] in repeats of the texture (1 is one
    tile), material int32 [T] (index into world.render.materials), tint float32 [T, 3]: linear RGB that the texture's albedo is multiplied by.
    """

    position: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    tint: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    @cached_property
    def sphere(self) -> tuple[float, float, float, float]:
        """A bounding sphere of a mesh that is not empty: x, y, z, radius."""
        low, high = self.position.min((0, 1)), self.position.max((0, 1))
        x, y, z = ((low + high) / 2).tolist()
        return x, y, z, float(np.linalg.norm(high - low)) / 2


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Concatenates meshes."""
    return Mesh(*(np.concatenate([getattr(mesh, field.name) for mesh in meshes]) for field in fields(Mesh)))


def empty() -> Mesh:
    """A mesh without triangles."""
    f = np.float32
    return Mesh(
        np.zeros((0, 3, 3), f),
        np.zeros((0, 3, 3), f),
        np.zeros((0, 3, 2), f),
        np.zeros(0, np.int32),
        np.zeros((0, 3), f),
    )


def placed(mesh: Mesh, x: float, y: float, z: float, heading: float, scale: Sequence[float] = (1.0, 1.0, 1.0)) -> Mesh:
    """The same mesh turned by `heading` about z (rad), scaled along its own axes, and moved."""
    cos, sin = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    size = np.asarray(scale, np.float32)
    normal = (mesh.normal / size) @ turn
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), np.float32(1e-9))
    position = (mesh.position * size) @ turn + np.array([x, y, z], np.float32)
    return Mesh(position, normal, mesh.uv, mesh.material, mesh.tint)
