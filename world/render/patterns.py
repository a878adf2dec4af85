"""Building blocks of textures: periodic noise, cracks, and the encoding of linear light as bytes."""

from __future__ import annotations

import numpy as np


def noise(
    shape: tuple[int, int],
    slope: float,
    seed: int,
    low: float = 1,
    high: float = 1e9,
    stretch: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """Periodic 1/f^slope noise with zero mean and unit deviation, float32. low, high: band in cycles a tile; stretch: lower is longer."""
    rows, columns = shape
    fy = np.fft.fftfreq(rows)[:, None] * rows * stretch[0]
    fx = np.fft.rfftfreq(columns)[None] * columns * stretch[1]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1.0
    amplitude = np.where((frequency >= low) & (frequency <= high), frequency**-slope, 0.0)
    amplitude[0, 0] = 0.0
    angle = np.random.default_rng(seed).random(amplitude.shape, np.float32) * np.float32(2 * np.pi)
    field = np.fft.irfft2(amplitude * np.exp(1j * angle), shape)
    return (field / max(float(field.std()), 1e-9)).astype(np.float32)


def smooth(value: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 below `start`, 1 above `end`, smoothly between."""
    share = np.clip((value - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def cracks(shape: tuple[int, int], seed: int, width: float, stretch: tuple[float, float] = (1, 1)) -> np.ndarray:
    """1 in fine lines that wander, 0 elsewhere; they come in patches."""
    line = np.abs(noise(shape, 1.1, seed, 2, 20, stretch))
    where = noise(shape, 1.3, seed + 1, 1, 5, stretch)
    return (1 - smooth(line, width * 0.3, width)) * smooth(where, 0.2, 0.7)


def colour(value: np.ndarray, rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> np.ndarray:
    """A grey field [H, W] in a colour, [H, W, 3]."""
    return value[..., None] * np.asarray(rgb, np.float32)


def grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Texel middles in [0, 1): v [H, 1] downwards, u [1, W]."""
    v = (np.arange(shape[0], dtype=np.float32)[:, None] + 0.5) / shape[0]
    u = (np.arange(shape[1], dtype=np.float32)[None] + 0.5) / shape[1]
    return v, u


def encode(linear: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """Linear RGB [H, W, 3] in [0, 1] and alpha [H, W] as sRGB bytes uint8 [H, W, 4]."""
    value = np.clip(linear, 0, 1).astype(np.float32)
    curve = np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 1e-6) ** (1 / 2.4) - 0.055)
    out = np.full((*value.shape[:2], 4), 255, np.uint8)
    out[..., :3] = (curve * 255 + 0.5).astype(np.uint8)
    if alpha is not None:
        out[..., 3] = (np.clip(alpha, 0, 1) * 255 + 0.5).astype(np.uint8)
    return out
