"""The wet road's planar mirror: the scene drawn once more at z -> -z, at half the picture's size, shaded by albedo alone."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from world.render.camera import View
from world.render.raster import Projection
from world.render.surfaces import albedo

F = np.float32


def mirrored(view: View) -> Projection:
    """The view mirrored at the road; half size, one sample a pixel."""
    flip = np.array([1.0, 1.0, -1.0])
    return Projection(
        view.axes * flip, view.eye * flip, view.focal / 2, view.width // 2, view.height // 2, mirrored=True
    )


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def shade_mirror(out, ids, floats, ints, table, textures, texels, linear, emission, ambient):
    """Fills out float32 [h, w, 4] with albedo times `ambient` plus emission, and coverage."""
    height, width = ids.shape
    for row in prange(height):
        for col in range(width):
            n = ids[row, col]
            o = out[row, col]
            o[:] = F(0.0)
            if n < 0:
                continue
            f, i = floats[n], ints[n]
            dx, dy = F(col - i[0]), F(row - i[2])
            e0 = f[2] + f[0] * dx + f[1] * dy
            e1 = f[5] + f[3] * dx + f[4] * dy
            e2 = f[8] + f[6] * dx + f[7] * dy
            w = F(1.0) / (e0 + e1 + e2)
            r, g, b = F(1.0), F(1.0), F(1.0)
            texture = table[i[4], 0]
            if texture >= 0:
                u = (e0 * f[12] + e1 * f[14] + e2 * f[16]) * w
                v = (e0 * f[13] + e1 * f[15] + e2 * f[17]) * w
                sum_x, sum_y = f[0] + f[3] + f[6], f[1] + f[4] + f[7]
                ux = (f[0] * f[12] + f[3] * f[14] + f[6] * f[16] - u * sum_x) * w
                vx = (f[0] * f[13] + f[3] * f[15] + f[6] * f[17] - v * sum_x) * w
                uy = (f[1] * f[12] + f[4] * f[14] + f[7] * f[16] - u * sum_y) * w
                vy = (f[1] * f[13] + f[4] * f[15] + f[7] * f[17] - v * sum_y) * w
                r, g, b = albedo(texels, linear, textures, texture, u, v, ux, vx, uy, vy)
            group = table[i[4], 2]
            shine = ambient + (emission[group] if group >= 0 else F(0.0))
            o[0], o[1], o[2], o[3] = r * f[27] * shine, g * f[28] * shine, b * f[29] * shine, F(1.0)


@njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def spread_mirror(out, small, wet):
    """Fills out float32 [H, W, 4] from half size where the road is wet (wet > 0), by bilinear interpolation."""
    height, width = wet.shape
    h, w = small.shape[0], small.shape[1]
    for row in prange(height):
        for col in range(width):
            if wet[row, col] <= F(0.0):
                out[row, col] = F(0.0)
                continue
            x = min(F(w - 1), max(F(0.0), (F(col) + F(0.5)) * F(0.5) - F(0.5)))
            y = min(F(h - 1), max(F(0.0), (F(row) + F(0.5)) * F(0.5) - F(0.5)))
            i, j = min(int(x), w - 2), min(int(y), h - 2)
            fx, fy = x - F(i), y - F(j)
            for k in range(4):
                a = small[j, i, k] + (small[j, i + 1, k] - small[j, i, k]) * fx
                b = small[j + 1, i, k] + (small[j + 1, i + 1, k] - small[j + 1, i, k]) * fx
                out[row, col, k] = a + (b - a) * fy
