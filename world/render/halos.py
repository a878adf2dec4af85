"""Light of point lights scattered once towards the eye: halos in fog, glows in clear air.

The integral along a ray of a light of intensity I in air of extinction b, to the depth D: b I / (4 pi h) times the angle that the stretch
subtends at the light, with h the light's distance from the ray. (Sun et al., A practical analytic single scattering model, 2005, start
likewise; here all light is attenuated along the direct path from the lamp.)
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from world.render.camera import View

F = np.float32
DUST = 0.002  # 1/m: what scatters at night in clear air
SIZE = 0.14  # m: half a lamp's head; a ray comes no closer
LEAST = 0.004  # exposed radiance below which a halo ends
MOST = 10  # lights, the strongest
FAR = 400.0  # m to where a ray into the sky ends


def halos(
    exposed: np.ndarray, inverse_depth: np.ndarray, view: View, extinction: float, lights: np.ndarray, exposure: float
) -> None:
    """Adds scattered light to exposed radiance float32 [H, W, 3]. lights float32 [N, 7]: x, y, z, intensity as R, G, B, and 1 for lights that
    shine only downwards. inverse_depth [H, W]: 1/m along the optical axis; extinction in 1/m."""
    away = lights[:, :3] - view.eye
    distance = np.linalg.norm(away, axis=1)
    scattered = (extinction + DUST) / (4 * math.pi) * exposure * np.exp(-extinction * distance)
    colour = lights[:, 3:6] * scattered[:, None]
    reach = colour.max(1, initial=0.0) * math.pi / LEAST
    # The halo of a light far behind the eye is not in the picture.
    ahead = (reach > SIZE) & (away @ view.axes[2] > -reach)
    order = np.flatnonzero(ahead)[np.argsort(-reach[ahead] / np.maximum(1.0, distance[ahead]), kind="stable")][:MOST]
    if len(order):
        rows = np.concatenate([away, colour, reach[:, None] ** 2, lights[:, 6:]], 1)[order].astype(F)
        _scatter(exposed, inverse_depth, view.axes.astype(F), F(view.focal), rows)


@njit(cache=True, fastmath=True)
def _angle(x):
    """arctan, to 0.005."""
    size = abs(x)
    if size <= F(1.0):
        return x / (F(1.0) + F(0.28) * x * x)
    rest = F(1.5707964) - size / (size * size + F(0.28))
    return rest if x > F(0.0) else -rest


@njit(cache=True, parallel=True, fastmath=True)
def _scatter(exposed, inverse_depth, axes, focal, lights):
    height, width = inverse_depth.shape
    for row in prange(height):
        v = (F(row) + F(0.5) - F(0.5) * F(height)) / focal
        for col in range(width):
            u = (F(col) + F(0.5) - F(0.5) * F(width)) / focal
            dx = axes[2, 0] + u * axes[0, 0] + v * axes[1, 0]
            dy = axes[2, 1] + u * axes[0, 1] + v * axes[1, 1]
            dz = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / length, dy / length, dz / length
            near = inverse_depth[row, col]
            depth = length / near if near > F(0.0) else F(FAR)
            for k in range(lights.shape[0]):
                x, y, z = lights[k, 0], lights[k, 1], lights[k, 2]
                along = x * dx + y * dy + z * dz
                aside2 = x * x + y * y + z * z - along * along
                if aside2 > lights[k, 6]:
                    continue
                aside = np.sqrt(max(aside2, F(SIZE * SIZE)))
                share = (_angle((depth - along) / aside) + _angle(along / aside)) / aside
                if lights[k, 7] > F(0.0):
                    under = (z - min(along, depth) * dz) / aside
                    share *= F(0.2) + F(0.8) * min(F(1.0), max(F(0.0), F(0.4) + F(0.8) * under))
                for channel in range(3):
                    exposed[row, col, channel] += share * lights[k, 3 + channel]
