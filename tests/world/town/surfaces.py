"""Single rectangles to look at."""

from __future__ import annotations

import numpy as np

from world.render.camera import View
from world.render.draw import Part
from world.render.gbuffer import GBuffer
from world.render.library import MATERIALS
from world.render.mesh import Mesh

NAMES = [material.name for material in MATERIALS]


def quad(material: str, corners: list[tuple[float, float, float]], tint: float = 1.0) -> Part:
    """A rectangle of four corners, counter-clockwise; uv runs from 0 to 1 along its sides."""
    place, uv = np.array(corners, np.float32), np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    rows = np.array([(0, 1, 2), (0, 2, 3)])
    normal = np.cross(place[1] - place[0], place[3] - place[0])
    normals = np.broadcast_to(normal / np.linalg.norm(normal), (2, 3, 3)).astype(np.float32)
    kind = np.full(2, NAMES.index(material), np.int32)
    mesh = Mesh(place[rows], normals, uv[rows], kind, np.full((2, 3), tint, np.float32))
    return Part(mesh, np.ones(1, np.int32))


def points(eye: View, g: GBuffer) -> np.ndarray:
    """Where in the world each pixel's middle is, float64 [H, W, 3]."""
    across = (np.arange(eye.width) + 0.5 - eye.width / 2) / eye.focal
    down = (np.arange(eye.height) + 0.5 - eye.height / 2) / eye.focal
    rays = eye.axes[2] + across[None, :, None] * eye.axes[0] + down[:, None, None] * eye.axes[1]
    return eye.eye + rays / np.maximum(g.inverse_depth, 1e-6)[..., None]
