"""Sky, street lamps and headlights as Mitsuba emitters."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from world.render.camera import View
from world.render.draw import Surroundings
from world.render.lamps import nearest
from world.render.light import Light
from world.render.sky import look_up, sky
from world.town.bsdf import bitmap, rgb

_SKY_SIZE = (128, 256)


def environment(mi: Any, light: Light, weight: float) -> dict[str, Any]:
    """The sky of plain shading, and below the horizon the ground's radiance."""
    above = sky(light)
    out = np.empty((*_SKY_SIZE, 3), np.float32)
    _fill_sky(out, above.radiance, np.asarray(above.ground, np.float32))
    return {
        "type": "envmap",
        "sampling_weight": weight,
        "bitmap": mi.Bitmap(out),
        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
    }


@njit(cache=True)
def _fill_sky(out, radiance, ground):
    rows, columns = out.shape[0], out.shape[1]
    for row in range(rows):
        polar = (row + 0.5) / rows * math.pi
        z = math.cos(polar)
        for column in range(columns):
            turn = (column + 0.5) / columns * 2 * math.pi
            if z < -0.01:
                out[row, column] = ground
                continue
            x, y = math.sin(polar) * math.sin(turn), math.sin(polar) * math.cos(turn)
            r, g, b = look_up(radiance, np.float32(x), np.float32(y), np.float32(max(z, 0.0)))
            out[row, column, 0], out[row, column, 1], out[row, column, 2] = r, g, b


def sun(light: Light) -> dict[str, Any]:
    """Parallel light of the sun's irradiance."""
    return {
        "type": "directional",
        "sampling_weight": 0.7,
        "direction": [-value for value in light.sun_direction],
        "irradiance": rgb(light.sun),
    }


def spots(
    mi: Any, light: Light, around: Surroundings, view: View, origin: np.ndarray
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Street lamps and headlights by name: the layer that each belongs to, and its Mitsuba dictionary."""
    lights: dict[str, tuple[str, dict[str, Any]]] = {}
    if light.lamps_on and max(light.lamp) * light.exposure > 1.0:
        for number, lamp in enumerate(nearest(np.asarray(around.lamps), view.eye)):
            at = lamp[:3] - origin
            lights[f"lamp{number}"] = (
                "lamps",
                _spot(mi, at, at - (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), 80.0, lamp_pattern(), light.lamp * lamp[3:6]),
            )
    if light.headlights_on and max(light.beam) * light.exposure > 10.0:
        for number, beam in enumerate(np.asarray(around.beams)):
            at, ahead = beam[:3] - origin, np.array([beam[3], beam[4], 0.0])
            lights[f"beam{number}"] = (
                "beams",
                _spot(mi, at, at + ahead, (0.0, 0.0, 1.0), 40.0, beam_pattern(), np.asarray(light.beam) * beam[5]),
            )
    return lights


def _spot(
    mi: Any, at: np.ndarray, towards: np.ndarray, up: Any, cutoff: float, pattern: np.ndarray, intensity: Any
) -> dict[str, Any]:
    return {
        "type": "spot",
        "sampling_weight": 1.0,
        "to_world": mi.ScalarTransform4f().look_at(origin=at.tolist(), target=towards.tolist(), up=list(up)),
        "cutoff_angle": cutoff,
        "beam_width": cutoff - 0.1,
        "texture": bitmap(mi, pattern),
        "intensity": rgb(intensity),
    }


@lru_cache(maxsize=1)
def lamp_pattern(size: int = 128, cutoff: float = 80.0) -> np.ndarray:
    """The lamp of world.render.lamps over the tangents of a spot's square, float32 [size, size, 3]."""
    across = ((np.arange(size) + 0.5) / size * 2 - 1) * math.tan(math.radians(cutoff))
    cosine = 1 / np.sqrt(1 + across[:, None] ** 2 + across[None] ** 2)
    return np.repeat(np.maximum(0, cosine - 0.2)[..., None], 3, 2).astype(np.float32)


@lru_cache(maxsize=1)
def beam_pattern(size: int = 256, cutoff: float = 40.0) -> np.ndarray:
    """The low beam over the tangents of a spot's square, float32 [size, size, 3]."""
    across = ((np.arange(size) + 0.5) / size * 2 - 1) * math.tan(math.radians(cutoff))
    left, up = np.meshgrid(across, across)  # as the axes of Mitsuba's spots run
    inverse = 1 / np.sqrt(1 + left**2 + up**2)
    left, up = left * inverse, up * inverse
    up = up + 0.03 - 0.02 * np.clip(-4 * left, 0, 1)
    lobe = np.exp(-(left**2) * 8 - (up / np.where(up > 0, 0.025, 0.09)) ** 2)
    return np.repeat(lobe[..., None], 3, 2).astype(np.float32)
