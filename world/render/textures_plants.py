"""Textures of plants: leaf cards with alpha, hedges, tree lines, bark."""

from __future__ import annotations

import numpy as np

from world.render.patterns import colour, encode, grid, noise, smooth


def leaves(base: tuple[float, float, float], seed: int, size: tuple[float, float], count: int) -> np.ndarray:
    """A ragged clump of leaves that fills a card. size: half length and half width of a leaf in texels."""
    side = 128
    random = np.random.default_rng(seed)
    alpha = np.zeros((side, side), np.float32)
    tone = np.ones((side, side), np.float32)
    # ever fewer leaves towards the rim, so that a clump has no outline
    radius = random.random(count) ** 0.55 * random.uniform(0.7, 1.0, count) * 0.5 * side
    around = random.random(count) * 2 * np.pi
    lumps = 0.9 + 0.1 * np.sin(around * 3 + seed)
    x, y = side / 2 + radius * lumps * np.cos(around), side / 2 + radius * lumps * np.sin(around)
    turn, grow = random.random(count) * np.pi, random.uniform(0.7, 1.25, count)
    shade = random.uniform(0.55, 1.35, count)
    reach = int(np.ceil(size[0] * 1.3))
    span = np.arange(-reach, reach + 1)
    for leaf in np.argsort(shade, kind="stable"):
        row, column = int(y[leaf]), int(x[leaf])
        if not (reach <= row < side - reach and reach <= column < side - reach):
            continue
        cos, sin = np.cos(turn[leaf]), np.sin(turn[leaf])
        along = (span[None] * cos + span[:, None] * sin) / (size[0] * grow[leaf])
        across = (span[:, None] * cos - span[None] * sin) / (size[1] * grow[leaf])
        inside = along**2 + np.abs(across) ** 1.5 < 1
        window = np.s_[row - reach : row + reach + 1, column - reach : column + reach + 1]
        alpha[window][inside] = 1
        tone[window][inside] = (shade[leaf] * (1 - 0.35 * np.exp(-((across / 0.18) ** 2))))[inside]
    v, _ = grid((side, side))
    tone *= 1.2 - 0.45 * v
    # texels without a leaf keep the mean leaf colour, so that minified cards get no dark rims
    tone = np.where(alpha > 0, tone, 0.85)
    return encode(colour(tone, base), alpha)


def hedge() -> np.ndarray:
    """2 m of clipped hedge, closed."""
    shape = (128, 128)
    tone = 1 + 0.42 * noise(shape, 0.35, 41, 8, 60) + 0.2 * noise(shape, 1.2, 42, 1, 10)
    return encode(colour(np.clip(tone, 0.25, 2), (0.05, 0.095, 0.024)))


def hedge_edge() -> np.ndarray:
    """2 m of a hedge's ragged upper edge: leaves below, air above."""
    shape = (64, 128)
    v, _ = grid(shape)
    twigs = noise(shape, 0.7, 43, 3, 50)
    tone = 1.1 + 0.4 * noise(shape, 0.35, 44, 8, 50)
    return encode(
        colour(np.clip(tone, 0.3, 2), (0.055, 0.105, 0.027)), (v * 2.2 - 0.9 + 0.28 * twigs > 0).astype(np.float32)
    )


def treeline() -> np.ndarray:
    """Crowns side by side against the sky, 48 m."""
    shape = (64, 256)
    v, u = grid(shape)
    crown = (
        0.34
        + 0.1 * np.sin(u * 2 * np.pi * 4)
        + 0.07 * np.sin(u * 2 * np.pi * 9 + 1)
        + 0.05 * np.sin(u * 2 * np.pi * 17 + 2)
    )
    ragged = 0.05 * noise(shape, 0.6, 51, 6, 60, (4, 1))
    tone = 1 + 0.25 * noise(shape, 0.7, 52, 4, 60, (4, 1)) - 0.35 * smooth(v, 0.4, 1.0)
    return encode(colour(np.clip(tone, 0.2, 2), (0.055, 0.085, 0.032)), (v + ragged > crown).astype(np.float32))


def bark() -> np.ndarray:
    """1 m of bark; its furrows run up."""
    shape = (64, 64)
    tone = 1 + 0.35 * noise(shape, 0.7, 33, 2, 30, (1, 0.2))
    return encode(colour(np.clip(tone, 0.3, 2), (0.10, 0.078, 0.056)))
