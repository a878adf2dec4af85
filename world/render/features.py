"""The painter's input: features of a G-buffer and of plain shading, and the conditions of the moment."""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor
from torch.nn import functional

from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.light import Light
from world.render.materials import Surface

F = np.float32
CHANNELS = (
    *(f"plain {c}" for c in "rgb"), *(f"albedo {c}" for c in "rgb"), "right", "down", "forward", "facing", "height", "nearness",
    "coverage", "sun", "open", "rough", "water", "snow", "emission", "mirror", "mirrored", "lamps", "beams", "coarse", "fine",
    "glass", "clearcoat", "foliage", "metal", "light",
)  # fmt: skip
GROUPS = {  # of channels, for the ablation
    "albedo": ("albedo r", "albedo g", "albedo b"), "normal": ("right", "down", "forward", "facing"), "height": ("height",),
    "nearness": ("nearness",), "sun": ("sun",), "open": ("open",), "rough": ("rough",), "water and snow": ("water", "snow"),
    "emission": ("emission",), "mirror": ("mirror", "mirrored"), "lamps and beams": ("lamps", "beams"), "noise": ("coarse", "fine"),
    "classes": ("glass", "clearcoat", "foliage", "metal", "light"),
}  # fmt: skip
_CLASSES = np.array([Surface.GLASS, Surface.CLEARCOAT, Surface.FOLIAGE, Surface.METAL, Surface.LIGHT], np.uint8)
CONDITIONS = 18
DARK = 0.02  # exposed radiance around which the network's scale turns from linear to logarithmic


def reduced(features: Tensor, scale: int) -> Tensor:
    """Means of features [B, C, H, W] over scale x scale pixels, as in `features`. Plain shading is averaged as light, not as its logarithm."""
    if scale == 1:
        return features
    both = torch.cat([torch.expm1(features[:, :3].float()), features[:, 3:].float()], 1)
    mean = functional.avg_pool2d(both, scale, ceil_mode=True, count_include_pad=False)
    return torch.cat([torch.log1p(mean[:, :3]), mean[:, 3:]], 1)


def plain_of(features: Tensor) -> Tensor:
    """The exposed plain shading [B, 3, H, W] in the features."""
    return DARK * torch.expm1(features[:, :3].float())


def features(
    gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray, scale: int = 1
) -> np.ndarray:
    """The painter's input, float32 [H / scale, W / scale, C] in the order of CHANNELS: means over scale x scale pixels.

    plain: plain shading's radiance [H, W, 3].
    """
    g = gbuffer
    height, width = g.coverage.shape
    out = np.empty((-(-height // scale), -(-width // scale), len(CHANNELS)), F)
    exposed = F(light.exposure / DARK)
    numbers = np.array(
        [exposed, amounts[0], amounts[1], light.lamp[1] * exposed, light.beam[1] * exposed, view.focal, view.eye[2]], F
    )
    _features(
        out, scale, numbers, view.axes.astype(F), plain, g.albedo, g.normal, g.inverse_depth, g.coverage, g.surface, g.roughness,
        g.wet, g.snow, g.emission, g.sun, g.occlusion, g.mirror, g.lamps, g.beams, g.noise, _CLASSES,
    )  # fmt: skip
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _features(
    out, scale, numbers, axes, plain, albedo, normal, near, coverage, surface, rough, wet, snow, emission, sun, occlusion, mirror,
    lamps, beams, noise, classes,
):  # fmt: skip
    height, width = coverage.shape
    exposed, rain, snows, lamp, beam, focal, eye = numbers
    one, zero = F(1.0), F(0.0)
    for block in prange(out.shape[0]):
        for across in range(out.shape[1]):
            to = out[block, across]
            to[:] = zero
            count = zero
            for row in range(block * scale, min(height, block * scale + scale)):
                for col in range(across * scale, min(width, across * scale + scale)):
                    count += one
                    for k in range(3):
                        to[k] += max(zero, plain[row, col, k]) * exposed
                        to[3 + k] += np.sqrt(min(one, max(zero, albedo[row, col, k])))
                    nx, ny, nz = normal[row, col, 0], normal[row, col, 1], normal[row, col, 2]
                    u = (F(col) + F(0.5) - F(0.5) * F(width)) / focal
                    v = (F(row) + F(0.5) - F(0.5) * F(height)) / focal
                    right = axes[0, 0] * nx + axes[0, 1] * ny + axes[0, 2] * nz
                    down = axes[1, 0] * nx + axes[1, 1] * ny + axes[1, 2] * nz
                    ahead = axes[2, 0] * nx + axes[2, 1] * ny + axes[2, 2] * nz
                    to[6] += right
                    to[7] += down
                    to[8] += ahead
                    to[9] -= (right * u + down * v + ahead) / np.sqrt(u * u + v * v + one)
                    inverse = near[row, col]
                    rise = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
                    above = eye + rise / max(inverse, F(1e-3))
                    to[10] += np.log(one + max(zero, above)) * coverage[row, col]
                    to[11] += np.log(one + F(20.0) * inverse)
                    to[12] += coverage[row, col]
                    to[13] += sun[row, col]
                    to[14] += occlusion[row, col]
                    to[15] += rough[row, col]
                    to[16] += wet[row, col] * rain
                    to[17] += snow[row, col] * snows
                    glow = max(emission[row, col, 0], max(emission[row, col, 1], emission[row, col, 2]))
                    to[18] += np.log(one + glow * exposed)
                    to[19] += np.log(one + mirror[row, col, 1] * exposed)
                    to[20] += mirror[row, col, 3]
                    to[21] += np.log(one + lamps[row, col, 1] * lamp)
                    to[22] += np.log(one + beams[row, col, 1] * beam)
                    to[23] += noise[row, col, 0]
                    to[24] += noise[row, col, 1]
                    for k in range(5):
                        to[25 + k] += one if surface[row, col] == classes[k] else zero
            for k in range(to.shape[0]):
                to[k] /= count
            for k in range(3):
                to[k] = np.log(one + to[k])


def conditions(view: View, light: Light, amounts: np.ndarray) -> np.ndarray:
    """The painter's conditions, float32 [CONDITIONS]: the sun in the camera's axes, colours of sun and sky, amounts."""
    sun = view.axes @ np.asarray(light.sun_direction)
    tones = [math.log1p(value * light.exposure / DARK) / 4 for value in (*light.sun, *light.deck)]
    rest = [light.overcast, light.clouds, math.log(light.exposure) / 3]
    return np.array([*sun, *tones, *rest, *amounts], F)
