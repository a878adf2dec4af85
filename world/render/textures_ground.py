"""Textures of the ground: asphalt, paint, paving, kerbs, grass. They hold the true albedo; tints are near one."""

from __future__ import annotations

import numpy as np

from world.render.patterns import colour, cracks, encode, grid, noise, smooth

_TAR = (1.0, 0.985, 0.96)


def lane() -> np.ndarray:
    """u across one lane, v 24 m along it: wheel tracks, oil, cracks, patches, a manhole."""
    shape = (512, 128)
    v, u = grid(shape)
    tracks = np.exp(-(((u - 0.27) / 0.085) ** 2)) + np.exp(-(((u - 0.73) / 0.085) ** 2))
    oil = np.exp(-(((u - 0.5) / 0.08) ** 2))
    fine = noise(shape, 0.0, 5, 25, 400, (1, 2.5))
    broad = noise(shape, 1.3, 6, 1, 60, (1, 6))
    tone = 0.085 * (1 + 0.13 * fine + 0.08 * broad)
    tone *= 1 + tracks * (0.15 + 0.06 * broad) - oil * (0.22 + 0.1 * noise(shape, 1.0, 7, 1, 20, (1, 8)))
    tone *= 1 - 0.5 * cracks(shape, 8, 0.06, (1, 5))
    random = np.random.default_rng(5)
    for _ in range(4):
        y, x = int(random.integers(0, 400)), int(random.integers(0, 90))
        high, wide = int(random.integers(30, 110)), int(random.integers(22, 70))
        patch = tone[y : y + high, x : x + wide]
        patch *= random.uniform(0.72, 1.18)
        patch[[0, -1]] *= 0.6
        patch[:, [0, -1]] *= 0.6
    far = np.hypot((v - 0.31) * 24, (u - 0.5) * 3.4)
    tone = np.where(far < 0.34, 0.055 + 0.02 * (np.sin(v * 1500) * np.sin(u * 210) > 0), tone)
    tone = np.where(np.abs(far - 0.37) < 0.04, 0.022, tone)
    return encode(colour(np.clip(tone, 0.012, 0.4), _TAR))


def asphalt() -> np.ndarray:
    """12 m both ways, no direction: for junctions."""
    shape = (512, 512)
    tone = 0.085 * (1 + 0.14 * noise(shape, 0.0, 1, 80, 250) + 0.09 * noise(shape, 1.4, 2, 1, 40))
    tone *= 1 - 0.5 * cracks(shape, 3, 0.05)
    random = np.random.default_rng(1)
    for _ in range(3):
        y, x = random.integers(0, 360, 2)
        high, wide = random.integers(45, 150, 2)
        patch = tone[y : y + high, x : x + wide]
        patch *= random.uniform(0.75, 1.2)
        patch[[0, -1]] *= 0.6
        patch[:, [0, -1]] *= 0.6
    return encode(colour(np.clip(tone, 0.012, 0.4), _TAR))


def paint() -> np.ndarray:
    """4 m of worn road paint, near white: the tint gives its colour."""
    shape = (256, 256)
    wear = smooth(noise(shape, 0.7, 13, 6, 110) + 0.5 * noise(shape, 1.3, 14, 1, 8), 0.9, 1.6)
    tone = (0.95 + 0.05 * noise(shape, 0.3, 15, 8, 100)) * (1 - 0.72 * wear)
    return encode(colour(np.clip(tone, 0.1, 1)))


def slabs() -> np.ndarray:
    """4 m of paving slabs of half a metre."""
    shape, count = (256, 256), 8
    size = shape[0] // count
    each = np.kron(np.random.default_rng(9).normal(size=(count, count)), np.ones((size, size)))
    tone = 0.30 * (1 + 0.10 * each + 0.07 * noise(shape, 0.3, 9, 15, 110) + 0.10 * noise(shape, 1.4, 10, 1, 12))
    seam = np.arange(shape[0]) % size < 1
    tone[seam] *= 0.6
    tone[:, seam] *= 0.6
    tone *= 1 - 0.35 * smooth(noise(shape, 1.2, 16, 2, 30), 1.4, 2.2)
    return encode(colour(np.clip(tone, 0.03, 0.7), (1.0, 0.96, 0.89)))


def kerb() -> np.ndarray:
    """Light stone in blocks of 1 m; also sills and cornices."""
    shape = (64, 128)
    tone = 0.40 * (1 + 0.10 * noise(shape, 0.5, 11, 2, 50))
    tone[:, :3] *= 0.55
    return encode(colour(np.clip(tone, 0.03, 0.8), (1.0, 0.98, 0.94)))


def grass() -> np.ndarray:
    """16 m of lawn with dry and bare spots."""
    shape = (512, 512)
    tone = 1 + 0.24 * noise(shape, 0.25, 29, 30, 250) + 0.2 * noise(shape, 1.2, 30, 1, 30)
    dry = smooth(noise(shape, 1.0, 32, 2, 60), 0.2, 1.8)[..., None]
    bare = smooth(noise(shape, 1.3, 31, 1, 14), 1.1, 2.2)[..., None] * 0.6
    green = np.array([0.075, 0.125, 0.03]) * (1 - 0.6 * dry) + np.array([0.16, 0.155, 0.06]) * 0.6 * dry
    return encode(np.clip(tone, 0.3, 2)[..., None] * (green * (1 - bare) + bare * np.array([0.13, 0.10, 0.065])))


def yard() -> np.ndarray:
    """8 m of trodden gravel and soil."""
    shape = (256, 256)
    tone = 0.17 * (1 + 0.16 * noise(shape, 0.2, 45, 20, 120) + 0.16 * noise(shape, 1.3, 46, 1, 20))
    weeds = smooth(noise(shape, 0.9, 47, 3, 60), 0.9, 1.9)[..., None] * 0.8
    return encode(
        colour(np.clip(tone, 0.03, 0.6), (1.0, 0.9, 0.76)) * (1 - weeds) + weeds * np.array([0.07, 0.11, 0.03])
    )
