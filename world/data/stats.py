"""Dataset statistics as LeRobot's trainers scale by them: per episode, and over all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from world.data.video import read_video

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
Summary = dict[str, list[Any]]


def summary(rows: np.ndarray) -> Summary:
    """Statistics of rows [T, n]: a list of n per figure, and the count of rows."""
    quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
    figures = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    figures |= dict(zip(QUANTILES, quantiles, strict=True))
    return {**{name: value.tolist() for name, value in figures.items()}, "count": [len(rows)]}


def shades(images: Iterable[np.ndarray]) -> np.ndarray:
    """Histogram of pictures uint8 [H, W, 3]: int64 [3, 256]."""
    counts = np.zeros((3, 256), np.int64)
    for image in images:
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].reshape(-1), minlength=256)
    return counts


def shades_of(video: Path, lengths: Sequence[int]) -> list[np.ndarray]:
    """The histogram of each episode in a video that holds episodes of these lengths."""
    images = read_video(video)
    return [shades(islice(images, length)) for length in lengths]


def picture_summary(counts: np.ndarray, frames: int) -> Summary:
    """Statistics of pictures with histogram `counts` [3, 256]: figures in [0, 1] of shape [3, 1, 1], and the count of
    frames.
    """
    values, share = np.arange(256) / 255, counts / counts.sum(1, keepdims=True)
    mean = share @ values
    there = counts > 0
    below = np.cumsum(share, axis=1)
    figures = {
        "min": values[there.argmax(1)],
        "max": values[255 - there[:, ::-1].argmax(1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(share @ values**2 - mean**2, 0)),
        **{name: values[(below >= quantile - 1e-12).argmax(1)] for name, quantile in QUANTILES.items()},
    }
    return {**{name: value.reshape(3, 1, 1).tolist() for name, value in figures.items()}, "count": [frames]}
