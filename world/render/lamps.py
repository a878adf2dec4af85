"""Light of street lamps and headlights on a point and in a wet road, and the shade under vehicles, from small tables."""

from __future__ import annotations

import numpy as np
from numba import njit

F = np.float32
PI = F(np.pi)
LAMP_REACH = F(28.0)  # m
BEAM_REACH = F(70.0)
BEAM_EDGE = F(0.766)  # cosine of the angle from straight ahead beyond which a headlight is dark
CELL, CELLS = F(4.0), 64  # m, and how many a side, of the grid that says whose shade may lie where
LIT = 8  # lamps that shine on the street, the nearest
SHADE = F(0.5)  # m beside a vehicle that are still darker


def nearest(lamps: np.ndarray, eye: np.ndarray, count: int = LIT) -> np.ndarray:
    """The `count` lamps float [L, 6] (x, y, z of the light, RGB) that are nearest to the eye, float32."""
    away = np.hypot(lamps[:, 0] - eye[0], lamps[:, 1] - eye[1])
    return np.ascontiguousarray(lamps[np.argsort(away, kind="stable")[:count]], np.float32)


@njit(cache=True, fastmath=True, error_model="numpy")
def lamplight(lamps, x, y, z, nx, ny, nz):
    """Irradiance RGB of spots that shine downwards, with intensity lamps[:, 3:6]; lamps float32 [L, 6]: x, y, z, RGB."""
    r, g, b = F(0.0), F(0.0), F(0.0)
    for k in range(len(lamps)):
        dx, dy, dz = lamps[k, 0] - x, lamps[k, 1] - y, lamps[k, 2] - z
        square = dx * dx + dy * dy + dz * dz
        if square > LAMP_REACH * LAMP_REACH or dz <= F(0.0):
            continue
        inverse = F(1.0) / np.sqrt(square + F(0.05))
        facing = max(F(0.0), (dx * nx + dy * ny + dz * nz) * inverse)
        rest = F(1.0) - square / (LAMP_REACH * LAMP_REACH)
        share = facing * inverse * inverse * _spot(dz * inverse) * rest
        r, g, b = r + share * lamps[k, 3], g + share * lamps[k, 4], b + share * lamps[k, 5]
    return r, g, b


@njit(cache=True, fastmath=True)
def _spot(down):
    """A street lamp's intensity in a direction, by the cosine of its angle to straight down."""
    return max(F(0.0), down - F(0.2))


@njit(cache=True, fastmath=True, error_model="numpy")
def beamlight(beams, x, y, z, nx, ny, nz):
    """Irradiance of low beams; beams float32 [B, 6]: x, y, z, cos and sin of the heading, intensity."""
    total = F(0.0)
    for k in range(len(beams)):
        dx, dy, dz = x - beams[k, 0], y - beams[k, 1], z - beams[k, 2]
        square = dx * dx + dy * dy + dz * dz
        if square > BEAM_REACH * BEAM_REACH or dx * beams[k, 3] + dy * beams[k, 4] <= F(0.0):
            continue
        inverse = F(1.0) / np.sqrt(square + F(0.05))
        facing = max(F(0.0), -(dx * nx + dy * ny + dz * nz) * inverse)
        across = (dy * beams[k, 3] - dx * beams[k, 4]) * inverse
        rest = F(1.0) - square / (BEAM_REACH * BEAM_REACH)
        total += facing * inverse * inverse * _low_beam(across, dz * inverse) * rest * beams[k, 5]
    return total


@njit(cache=True, fastmath=True)
def _low_beam(across, up):
    """A headlight's intensity in a direction, by its sines to the left of and above straight ahead.

    The pattern is 20 degrees wide, brightest 1.7 degrees below the horizon and cut off above it, with a kick to the right.
    """
    up += F(0.03) - F(0.02) * max(F(0.0), min(F(1.0), F(-4.0) * across))
    sharp = F(0.025) if up > F(0.0) else F(0.09)
    return np.exp(-(across * across) * F(8.0) - up * up / (sharp * sharp))


@njit(cache=True, fastmath=True, error_model="numpy")
def glints(lamps, beams, x, y, z, dx, dy, dz, alpha):
    """Reflections of street lamps (RGB) and of others' low beams (one value) in a level film of water at (x, y, z), along the unit ray
    (dx, dy, dz): radiance for lights as in `lamplight` and `beamlight`. The first beam is our own and is left out.

    The microfacets of Walter et al. (2007) with GGX's distribution of width `alpha`, Smith's shadowing and Schlick's Fresnel term for water.
    """
    r, g, b, total = F(0.0), F(0.0), F(0.0), F(0.0)
    for k in range(len(lamps)):
        lx, ly, lz = lamps[k, 0] - x, lamps[k, 1] - y, lamps[k, 2] - z
        inverse = F(1.0) / np.sqrt(lx * lx + ly * ly + lz * lz + F(0.05))
        lx, ly, lz = lx * inverse, ly * inverse, lz * inverse
        if lz > F(0.2):
            share = _facets(dx, dy, dz, lx, ly, lz, alpha) * inverse * inverse * _spot(lz)
            r, g, b = r + share * lamps[k, 3], g + share * lamps[k, 4], b + share * lamps[k, 5]
    for k in range(1, len(beams)):
        lx, ly, lz = beams[k, 0] - x, beams[k, 1] - y, beams[k, 2] - z
        inverse = F(1.0) / np.sqrt(lx * lx + ly * ly + lz * lz + F(0.05))
        lx, ly, lz = lx * inverse, ly * inverse, lz * inverse
        if lz > F(0.0) and lx * beams[k, 3] + ly * beams[k, 4] < -BEAM_EDGE:
            towards = _low_beam(lx * beams[k, 4] - ly * beams[k, 3], -lz)
            total += _facets(dx, dy, dz, lx, ly, lz, alpha) * inverse * inverse * towards * beams[k, 5]
    return r, g, b, total


@njit(cache=True, fastmath=True, error_model="numpy")
def _facets(dx, dy, dz, lx, ly, lz, alpha):
    """Radiance along (dx, dy, dz) for an irradiance of one, on a plane that faces it, from (lx, ly, lz)."""
    one = F(1.0)
    hx, hy, hz = lx - dx, ly - dy, lz - dz
    norm = one / np.sqrt(hx * hx + hy * hy + hz * hz + F(1e-9))
    up, half = hz * norm, (lx * hx + ly * hy + lz * hz) * norm
    square = alpha * alpha
    lobe = up * up * (square - one) + one
    view_cos, light_cos = max(F(0.02), -dz), max(F(0.02), lz)
    open_ = F(2.0) / (one + np.sqrt(one + square * (one / (view_cos * view_cos) - one)))
    open_ *= F(2.0) / (one + np.sqrt(one + square * (one / (light_cos * light_cos) - one)))
    away = one - max(F(0.0), half)
    fresnel = F(0.048) + F(0.952) * away * away * away * away * away
    return square / (PI * lobe * lobe) * open_ * fresnel / (F(4.0) * view_cos)


def shaded_cells(boxes: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """The vehicles whose shade may reach each CELL round the eye: a bit each of the 64 nearest, uint64 [CELLS, CELLS].

    boxes float32 [B, 6] as for `under`, of which only those 64 count; row and column 0 hold what is farthest south and west.
    """
    out = np.zeros((CELLS, CELLS), np.uint64)
    south_west = np.floor(np.asarray(eye[:2]) / CELL) - CELLS // 2
    for k, (x, y, cos, sin, length, width) in enumerate(boxes[:64].astype(np.float64)):
        half = 0.5 * length + SHADE, 0.5 * width + SHADE
        across = abs(cos) * half[0] + abs(sin) * half[1]
        along = abs(sin) * half[0] + abs(cos) * half[1]
        low = np.clip(np.floor(np.array([x - across, y - along]) / CELL) - south_west, 0, CELLS).astype(int)
        high = np.clip(np.floor(np.array([x + across, y + along]) / CELL) - south_west + 1, 0, CELLS).astype(int)
        out[low[1] : high[1], low[0] : high[0]] |= np.uint64(1 << k)
    return out


@njit(cache=True, fastmath=True, error_model="numpy")
def under(boxes, cells, west, south, x, y, z):
    """Openness of the ground near vehicles; boxes float32 [B, 6]: x, y, cos and sin of the heading, length, width.

    cells: `shaded_cells` of them, whose first row and column begin at `south` and `west` (m).
    """
    open_ = F(1.0)
    i, j = int(np.floor((x - west) / CELL)), int(np.floor((y - south) / CELL))
    if i < 0 or j < 0 or i >= CELLS or j >= CELLS:
        return open_
    bits = cells[j, i]
    k = 0
    while bits != np.uint64(0):
        if bits & np.uint64(1):
            dx, dy = x - boxes[k, 0], y - boxes[k, 1]
            ahead = abs(dx * boxes[k, 2] + dy * boxes[k, 3]) - boxes[k, 4] * F(0.5)
            aside = abs(dy * boxes[k, 2] - dx * boxes[k, 3]) - boxes[k, 5] * F(0.5)
            away = max(ahead, aside)
            if away < SHADE:
                share = min(F(1.0), max(F(0.0), (away + F(0.45)) / F(0.95)))
                share = share * share * (F(3.0) - F(2.0) * share)
                share = F(0.18) + F(0.82) * share
                open_ *= share + (F(1.0) - share) * min(F(1.0), z * F(2.5))
        bits >>= np.uint64(1)
        k += 1
    return open_
