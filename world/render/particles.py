"""Rain and snow as particles with positions in the world, not in the picture.

Space is a lattice of boxes of size CELL with the same drops in each, so position and time determine them. Each drop is drawn as a
soft segment of its motion during the exposure, hidden by nearer surfaces.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

from world.render.camera import View

F = np.float32
CELL = (24.0, 24.0, 8.0)  # m
RAIN_COUNT, SNOW_COUNT = 9000, 20000  # in a cell at full strength
RAIN_FALL = (0.6, 0.2, -7.5)  # m/s
SNOW_FALL = (0.5, 0.25, -1.1)


@lru_cache(maxsize=2)
def _seeds(count: int) -> np.ndarray:
    """float32 [count, 4]: a place in the cell and a phase."""
    return np.random.default_rng(4).random((count, 4)).astype(np.float32)


def splat(
    out: np.ndarray,
    inverse_depth: np.ndarray,
    view: View,
    rain: float,
    snow: float,
    seconds: float,
    velocity: np.ndarray,
) -> None:
    """Add the share of every pixel that particles cover to out float32 [H, W]. velocity [3]: of the camera, m/s."""
    for amount, count, fall, radius, exposed, sway in (
        (rain, RAIN_COUNT, RAIN_FALL, 0.0016, 0.030, 0.0),
        (snow, SNOW_COUNT, SNOW_FALL, 0.0062, 0.012, 0.25),
    ):
        if amount <= 0:
            continue
        cell, drop = np.array(CELL), np.array(fall)
        # Whole cells are taken away in float64, so that a town's width costs no precision.
        offset = np.mod(drop * seconds - view.eye, cell)
        turned = (view.axes @ (drop - velocity)) * exposed
        numbers = np.array([radius, sway, view.focal, seconds % (2 * np.pi), 1.0 if sway else 0.0], F)
        first = int(count * amount ** (1.2 if sway else 1.1))
        _splat(
            out,
            inverse_depth,
            _seeds(count)[:first],
            cell.astype(F),
            offset.astype(F),
            view.axes.astype(F),
            turned.astype(F),
            numbers,
            F(view.eye[2]),
        )


@njit(cache=True, fastmath=True)
def _splat(out, inverse_depth, seeds, cell, offset, axes, motion, numbers, eye_z):
    height, width = out.shape
    radius, sway, focal, phase, round_ = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    half_w, half_h = F(0.5) * F(width), F(0.5) * F(height)
    slope_u, slope_v = half_w / focal * F(1.1), half_h / focal * F(1.3)
    for index in range(seeds.shape[0]):
        x = seeds[index, 0] * cell[0] + offset[0]
        y = seeds[index, 1] * cell[1] + offset[1]
        z = seeds[index, 2] * cell[2] + offset[2]
        if sway > F(0.0):
            turn = seeds[index, 3] * F(6.2832)
            x += sway * np.sin(turn + phase * F(2.0))
            y += sway * np.sin(turn * F(3.0) + phase * F(2.0))
        x -= np.floor(x / cell[0] + F(0.5)) * cell[0]
        y -= np.floor(y / cell[1] + F(0.5)) * cell[1]
        z -= np.floor(z / cell[2] + F(0.5)) * cell[2]
        depth = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        if depth < F(0.7) or z + eye_z < F(0.0):
            continue
        right = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
        down = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
        if abs(right) > depth * slope_u or abs(down) > depth * slope_v:
            continue
        z0, z1 = max(F(0.4), depth - F(0.5) * motion[2]), max(F(0.4), depth + F(0.5) * motion[2])
        u0, v0 = (right - F(0.5) * motion[0]) / z0 * focal, (down - F(0.5) * motion[1]) / z0 * focal
        u1, v1 = (right + F(0.5) * motion[0]) / z1 * focal, (down + F(0.5) * motion[1]) / z1 * focal
        steps = min(48, 2 + int(max(abs(u1 - u0), abs(v1 - v0))))
        size = F(2.0) * radius * focal / depth  # pixels across
        cover = min(F(1.0), size)
        if round_ > F(0.0):
            cover = cover * min(F(1.0), size) * F(1.5)
        else:
            # A streak keeps its light: the longer, the fainter.
            cover = cover * F(2.6) * max(F(0.25), min(F(1.0), F(10.0) / F(steps)))
        cover = (
            cover
            / F(steps)
            * (F(3.0) if round_ == F(0.0) else F(1.0))
            * (F(steps) / F(6.0) if round_ == F(0.0) else F(1.0))
        )
        near = F(1.0) / depth
        reach = int(min(F(3.0), size * F(0.5))) if round_ > F(0.0) else 0
        for step in range(steps):
            share = F(step) / F(steps - 1)
            u = u0 + (u1 - u0) * share + half_w - F(0.5)
            v = v0 + (v1 - v0) * share + half_h - F(0.5)
            i, j = int(np.floor(v)), int(np.floor(u))
            if i < reach or j < reach or i + 1 + reach >= height or j + 1 + reach >= width:
                continue
            if inverse_depth[i, j] > near:
                continue
            fv, fu = v - F(i), u - F(j)
            for a in range(-reach, reach + 2):
                for b in range(-reach, reach + 2):
                    if reach == 0:
                        weight = (fv if a == 1 else F(1.0) - fv) * (fu if b == 1 else F(1.0) - fu)
                    else:
                        away = np.sqrt((F(a) - fv) ** 2 + (F(b) - fu) ** 2)
                        weight = max(F(0.0), min(F(1.0), F(0.5) * size + F(0.5) - away)) * F(0.7)
                    out[i + a, j + b] += cover * weight
