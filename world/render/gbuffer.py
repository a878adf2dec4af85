"""The G-buffer: surface attributes of every pixel, before light. Means over the pixel's 2 x 2 samples where means make sense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class GBuffer:
    """float32 [H, W, ...] unless said otherwise; linear light; world axes (x east, y north, z up).

    albedo [3]; normal [3] (zero for sky); inverse_depth (1/m along the optical axis, 0 for sky); coverage: share of the samples
    that is not sky; surface uint8 (Surface of the sample nearest to the middle); roughness; wet: how much water stands there (0 dry,
    1 puddle), from world-anchored noise, the gutter and wheel tracks, before the amount of rain, and zero without any; snow: how readily snow lies
    (0 to 1), before its amount; emission [3]; sun: share of the sun that reaches it (shadow map), not times cosine; occlusion:
    ambient, 1 is open; mirror [4]: what the wet road's planar mirror shows,
    albedo-shaded RGB and coverage (zero when there is no rain); lamps [3]: irradiance of street lamps; beams [3]: of headlights; noise [2]: world-anchored, [0, 1];
    motion [2]: pixels to where the point was in the previous view, zero where none was given; instance int32: 0 nothing, 1 + prop index for what stands, -id - 1 for road users;
    sharp: inverse depth of `surface` and `instance` alone, where `inverse_depth` is a mean with what stands behind an outline.
    """

    albedo: np.ndarray
    normal: np.ndarray
    inverse_depth: np.ndarray
    coverage: np.ndarray
    surface: np.ndarray
    roughness: np.ndarray
    wet: np.ndarray
    snow: np.ndarray
    emission: np.ndarray
    sun: np.ndarray
    occlusion: np.ndarray
    mirror: np.ndarray
    lamps: np.ndarray
    beams: np.ndarray
    noise: np.ndarray
    motion: np.ndarray
    instance: np.ndarray
    sharp: np.ndarray
