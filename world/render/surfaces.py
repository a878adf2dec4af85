"""What a point of a surface is like, for kernels: texture look-ups and noise that is anchored in the world."""

from __future__ import annotations

import numpy as np
from numba import njit

from world.render.raster import level_of

F = np.float32


@njit(cache=True, fastmath=True, error_model="numpy")
def texel(texels, linear, textures, texture, level, u, v):
    """Linear RGB of a mip level by bilinear interpolation, repeated outside [0, 1]."""
    offset, across, down = level_of(textures, texture, level)
    x, y = u * F(across) - F(0.5), v * F(down) - F(0.5)
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    i, j = int(left) & (across - 1), int(top) & (down - 1)
    k, m = (i + 1) & (across - 1), (j + 1) & (down - 1)
    p, q = offset + j * across + i, offset + j * across + k
    s, t = offset + m * across + i, offset + m * across + k
    a, b = (F(1.0) - fx) * (F(1.0) - fy), fx * (F(1.0) - fy)
    c, d = (F(1.0) - fx) * fy, fx * fy
    return (
        linear[texels[p, 0]] * a + linear[texels[q, 0]] * b + linear[texels[s, 0]] * c + linear[texels[t, 0]] * d,
        linear[texels[p, 1]] * a + linear[texels[q, 1]] * b + linear[texels[s, 1]] * c + linear[texels[t, 1]] * d,
        linear[texels[p, 2]] * a + linear[texels[q, 2]] * b + linear[texels[s, 2]] * c + linear[texels[t, 2]] * d,
    )


@njit(cache=True, fastmath=True, error_model="numpy")
def albedo(texels, linear, textures, texture, u, v, ux, vx, uy, vy):
    """Filtered linear RGB; ux to vy: derivatives of uv over a pixel. Up to four looks along the longer axis, between two mip levels."""
    wide, high = F(textures[texture, 1]), F(textures[texture, 2])
    across = np.sqrt(ux * ux * wide * wide + vx * vx * high * high)
    along = np.sqrt(uy * uy * wide * wide + vy * vy * high * high)
    if along < across:
        along, across, uy, vy = across, along, ux, vx
    looks = min(4, max(1, int(np.ceil(along / max(across, F(1e-6))))))
    lod = max(F(0.0), F(np.log2(max(along / F(looks), F(1e-6)))))
    last = textures[texture, 3] - 1
    level = min(int(lod), last)
    between = min(F(1.0), max(F(0.0), lod - F(level))) if level < last else F(0.0)
    r, g, b = F(0.0), F(0.0), F(0.0)
    for k in range(looks):
        shift = (F(k) + F(0.5)) / F(looks) - F(0.5)
        s, t = u + uy * shift, v + vy * shift
        r0, g0, b0 = texel(texels, linear, textures, texture, level, s, t)
        if between > F(0.1):
            r1, g1, b1 = texel(texels, linear, textures, texture, level + 1, s, t)
            r0, g0, b0 = r0 + (r1 - r0) * between, g0 + (g1 - g0) * between, b0 + (b1 - b0) * between
        r, g, b = r + r0, g + g0, b + b0
    share = F(1.0) / F(looks)
    return r * share, g * share, b * share


@njit(cache=True, error_model="numpy")
def _corner(i, j, seed):
    h = (np.uint32(i) * np.uint32(0x9E3779B1)) ^ (np.uint32(j) * np.uint32(0x85EBCA77)) ^ np.uint32(seed)
    h = np.uint32(h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = np.uint32(h)
    h = np.uint32(h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    h = np.uint32(h)
    return F(np.uint32(h ^ (h >> np.uint32(15))) >> np.uint32(8)) * F(1.0 / 16777216.0)


@njit(cache=True, fastmath=True, error_model="numpy")
def noise(x, y, seed):
    """Value noise in [0, 1] with cells of one."""
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    fx, fy = fx * fx * (F(3.0) - F(2.0) * fx), fy * fy * (F(3.0) - F(2.0) * fy)
    i, j = int(left), int(top)
    a, b = _corner(i, j, seed), _corner(i + 1, j, seed)
    c, d = _corner(i, j + 1, seed), _corner(i + 1, j + 1, seed)
    a, c = a + (b - a) * fx, c + (d - c) * fx
    return a + (c - a) * fy
