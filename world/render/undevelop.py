"""From a picture back to light: an approximate inverse of `develop` in world/render/air.py."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from world.render.air import BLOOM_CLAMP, CURVE_END, CURVE_STEPS, _at, _curve, bloom, through_air
from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.light import Light

F = np.float32
CLEAR = 0.3  # least transmission of fog and haze for light behind them to be recovered
ROUNDS = 4  # of subtracting the bloom; each leaves at most a fifth of the error before
UNKNOWN = -1.0  # in place of light that cannot be recovered


def undevelop(picture: np.ndarray, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray) -> np.ndarray:
    """Exposed linear radiance before air float32 [H, W, 3] of a picture uint8 [H, W, 3]; UNKNOWN behind too much fog.

    Inverts tone curve, lens, bloom and fog. Rain and flakes in the air remain as noise. White becomes the least light that is white.
    """
    roots = np.arange(CURVE_STEPS, dtype=F) / F(CURVE_STEPS - 1)
    table = _curve()
    rising = np.concatenate([[True], np.diff(table) > 0])
    value = (np.interp(picture, table[rising], roots[rising]) ** 2 * CURVE_END).astype(F) / lens(*picture.shape[:2])
    share = F(light.bloom)
    exposed = value
    for _ in range(ROUNDS):
        exposed = np.maximum(0, (value - share * _spread_of(exposed)) / (1 - share))
    none = np.zeros(picture.shape[:2], F)
    black, white = np.zeros_like(exposed), np.full_like(exposed, 1 / light.exposure)
    haze = through_air(black, gbuffer, view, light, amounts, none)
    clear = (through_air(white, gbuffer, view, light, amounts, none) - haze).mean(2, keepdims=True)
    before = np.maximum(0, exposed - haze) / np.maximum(clear, F(1e-3))
    return np.where(clear >= CLEAR, before, F(UNKNOWN))


def lens(height: int, width: int) -> np.ndarray:
    """Transmission of the lens, falling towards the corners, float32 [H, W, 1]."""
    y, x = (((np.arange(size) + 0.5) / size * 2 - 1) ** 2 for size in (height, width))
    return (1 - 0.08 * (y[:, None] + x))[..., None].astype(F)


def _spread_of(exposed: np.ndarray) -> np.ndarray:
    scale, fine, middle, wide = bloom(np.minimum(exposed, F(BLOOM_CLAMP)))
    out = np.empty_like(exposed)
    _spread(out, fine, middle, wide, scale)
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _spread(out, fine, middle, wide, scale):
    """The sum of bloom in every pixel."""
    step, step4 = F(1.0) / F(scale), F(1.0) / F(4 * scale)
    for row in prange(out.shape[0]):
        y1, y4 = (F(row) + F(0.5)) * step - F(0.5), (F(row) + F(0.5)) * step4 - F(0.5)
        for col in range(out.shape[1]):
            x1, x4 = (F(col) + F(0.5)) * step - F(0.5), (F(col) + F(0.5)) * step4 - F(0.5)
            for channel in range(3):
                spread = F(0.45) * _at(fine, y1, x1, channel)
                spread += F(0.33) * _at(middle, y4, x4, channel) + F(0.22) * _at(wide, y4, x4, channel)
                out[row, col, channel] = spread
