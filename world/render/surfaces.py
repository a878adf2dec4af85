"""Surface properties at a point, for kernels: texture look-ups, world-anchored noise, wheel tracks, snow."""

from __future__ import annotations

import numpy as np
from numba import njit

from world.render.materials import Surface
from world.render.raster import level_of

F = np.float32
ASPHALT, PAINT, FOLIAGE = int(Surface.ASPHALT), int(Surface.PAINT), int(Surface.FOLIAGE)

_LATTICE = np.random.default_rng(5).integers(0, 256, 1 << 14, np.uint8)  # 128 x 128 values that repeat


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _spread(texel):
    """Red, green and blue of a texel's four bytes in lanes of 21 bits: sums of up to four looks with weights that add up to 2048 fit."""
    t = np.int64(texel)
    low, middle, high = t & np.int64(0xFF), t & np.int64(0xFF00), t & np.int64(0xFF0000)
    return low | (middle << np.int64(13)) | (high << np.int64(26))


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _look(texels, offset, across, down, u, v):
    """A bilinear look at bytes, in lanes, times 2048; repeated outside [0, 1]."""
    x, y = u * F(across) - F(0.5), v * F(down) - F(0.5)
    left, top = np.floor(x), np.floor(y)
    fx, fy = np.int64((x - left) * F(64.0) + F(0.5)), np.int64((y - top) * F(32.0) + F(0.5))
    i, j = int(left) & (across - 1), int(top) & (down - 1)
    k, m = (i + 1) & (across - 1), (j + 1) & (down - 1)
    gx, gy = np.int64(64) - fx, np.int64(32) - fy
    above = _spread(texels[offset + j * across + i]) * gx + _spread(texels[offset + j * across + k]) * fx
    below = _spread(texels[offset + m * across + i]) * gx + _spread(texels[offset + m * across + k]) * fx
    return above * gy + below * fy


@njit(cache=True, fastmath=True, error_model="numpy")
def _looks(texels, offset, columns, rows, u, v, du, dv, looks):
    """The mean byte of each colour over up to four looks, spread evenly over (du, dv)."""
    step = F(1.0) / F(looks)
    du, dv = du * step, dv * step
    shift = F(0.5) * F(looks - 1)
    s, t = u - du * shift, v - dv * shift
    total = np.int64(0)
    for k in range(looks):
        total += _look(texels, offset, columns, rows, s + du * F(k), t + dv * F(k))
    mask, scale = np.int64(0x1FFFFF), step * F(1.0 / 2048.0)
    return F(total & mask) * scale, F((total >> np.int64(21)) & mask) * scale, F((total >> np.int64(42)) & mask) * scale


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def _light(linear, byte):
    """Linear light of an sRGB byte with a fraction."""
    whole = min(int(byte), 254)
    return linear[whole] + (linear[whole + 1] - linear[whole]) * (byte - F(whole))


@njit(cache=True, fastmath=True, error_model="numpy")
def albedo(texels, linear, textures, texture, u, v, ux, vx, uy, vy):
    """Filtered linear RGB of packed texels uint32 [N]; ux to vy: derivatives of uv over a pixel.

    Up to four looks along the longer axis, half as many on the coarser of two mip levels; bytes are averaged, and decoded at the end.
    """
    wide, high = F(textures[texture, 1]), F(textures[texture, 2])
    across = (ux * ux * wide) * wide + (vx * vx * high) * high
    along = (uy * uy * wide) * wide + (vy * vy * high) * high
    if along < across:
        along, across, uy, vy = across, along, ux, vx
    looks = min(4, max(1, int(np.ceil(np.sqrt(along / max(across, F(1e-12)))))))
    lod = max(F(0.0), F(0.5) * np.log2(max(along / F(looks * looks), F(1e-12))))
    last = textures[texture, 3] - 1
    level = min(int(lod), last)
    between = min(F(1.0), max(F(0.0), (lod - F(level)) * F(1.6) - F(0.3))) if level < last else F(0.0)
    offset, columns, rows = level_of(textures, texture, level)
    r, g, b = F(0.0), F(0.0), F(0.0)
    if between < F(1.0):
        r, g, b = _looks(texels, offset, columns, rows, u, v, uy, vy, looks)
    if between > F(0.0):
        offset, columns, rows = offset + columns * rows, max(1, columns >> 1), max(1, rows >> 1)
        r1, g1, b1 = _looks(texels, offset, columns, rows, u, v, uy, vy, (looks + 1) >> 1)
        r, g, b = r + (r1 - r) * between, g + (g1 - g) * between, b + (b1 - b) * between
    return _light(linear, r), _light(linear, g), _light(linear, b)


@njit(cache=True, fastmath=True, error_model="numpy")
def noise(x, y, seed):
    """Value noise in [0, 1] with cells of one; it repeats after 128 cells."""
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    fx, fy = fx * fx * (F(3.0) - F(2.0) * fx), fy * fy * (F(3.0) - F(2.0) * fy)
    i, j = int(left) + seed * 29, int(top) + seed * 53
    k, i = (i + 1) & 127, i & 127
    m, j = ((j + 1) & 127) << 7, (j & 127) << 7
    a, b, c, d = F(_LATTICE[j + i]), F(_LATTICE[j + k]), F(_LATTICE[m + i]), F(_LATTICE[m + k])
    a, c = a + (b - a) * fx, c + (d - c) * fx
    return (a + (c - a) * fy) * F(1.0 / 255.0)


@njit(cache=True, fastmath=True, error_model="numpy")
def smooth(low, high, value):
    """From 0 at `low` to 1 at `high`, level at both."""
    share = min(F(1.0), max(F(0.0), (value - low) / (high - low)))
    return share * share * (F(3.0) - F(2.0) * share)


@njit(cache=True, fastmath=True, error_model="numpy")
def ruts(side):
    """Amounts of wheel track and of gutter at a position across a lane (u of its texture)."""
    side -= np.floor(side)
    off = (abs(side - F(0.5)) - F(0.235)) / F(0.09)
    edge = F(0.5) - abs(side - F(0.5))
    return np.exp(-off * off), np.exp(-edge * edge * F(180.0))


@njit(cache=True, fastmath=True, error_model="numpy")
def snow_lies(kind, up, lane, track):
    """How readily snow lies on a surface (0 to 1); up: the normal's z; lane: whether it is a lane, with `track` of wheels."""
    if kind == FOLIAGE:
        return F(0.3) + F(0.4) * smooth(F(-0.2), F(0.7), up)
    lies = F(0.9) * smooth(F(0.2), F(0.85), up)
    if lane:
        return lies * (F(0.83) - F(0.5) * track)
    return lies * F(0.72) if kind in (ASPHALT, PAINT) else lies  # wheels run everywhere
