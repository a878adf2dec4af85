"""Did the picture hold together? Flicker, flatness and drift, each beside what real clips of the town have of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from world.controls import FPS
from world.judge import Sight

RIGHT = 0.99  # of real clips, the share that each limit lets pass


@dataclass(frozen=True, slots=True)
class Quality:
    """flicker: the most that the mean brightness (0 to 255) jumps from frame to frame; contrast: the brightness's standard
    deviation over a picture, the lowest second's mean; drift: how far the last second's judge features lie from those of
    real frames, in standard deviations (root mean square), NaN where nothing was measured of this judge.
    """

    flicker: float
    contrast: float
    drift: float


def measure(images: np.ndarray, sight: Sight, real: Mapping[str, Any] | None) -> Quality:
    """Of a clip's pictures uint8 [T, H, W, 3]; `real`: as in real.json."""
    grey = images.mean(3, dtype=np.float32)
    brightness, contrast = grey.mean((1, 2)), grey.std((1, 2))
    jumps = np.abs(np.diff(brightness)) if len(images) > 1 else np.zeros(1)
    seconds = [contrast[first : first + FPS].mean() for first in range(0, max(1, len(contrast) - FPS + 1))]
    drift = float("nan")
    if real is not None:
        middle, spread = np.array(real["features"]["mean"]), np.array(real["features"]["std"])
        drift = float(np.sqrt(np.mean(((sight.features[-FPS:].mean(0) - middle) / spread) ** 2)))
    return Quality(float(jumps.max()), float(min(seconds)), drift)


def faults(quality: Quality, real: Mapping[str, Any] | None) -> list[str]:
    """What of it is worse than in nearly every real clip; nothing where no limits were measured."""
    if real is None:
        return []
    limits, found = real["limits"], []
    if quality.flicker > limits["flicker"]:
        found.append(
            f"the picture flickers (brightness jumps by {quality.flicker:.1f}, in real clips by {limits['flicker']:.1f} at most)"
        )
    if quality.contrast < limits["contrast"]:
        found.append(
            f"the picture goes flat (contrast {quality.contrast:.1f}, in real clips at least {limits['contrast']:.1f})"
        )
    if quality.drift > limits["drift"]:
        found.append(
            f"the picture drifts from any road ({quality.drift:.2f}, in real clips {limits['drift']:.2f} at most)"
        )
    return found
