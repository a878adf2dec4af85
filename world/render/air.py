"""From radiance to a picture: fog and haze, rain and snow in the air, bloom, exposure, tone curve."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit, prange

from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.halos import halos
from world.render.light import Light
from world.render.particles import splat
from world.render.sky import look_up, sky

F = np.float32
CURVE_STEPS = 4096
CURVE_END = 16.0  # exposed radiance that is white for certain
BLOOM_CLAMP = 12.0
BLOOM_SHARES = (0.45, 0.33, 0.22)  # of the Gaussians with sigma 1.2, 4 and 12 pixels at 256 pixels' width


def develop(
    radiance: np.ndarray,
    gbuffer: GBuffer,
    view: View,
    light: Light,
    amounts: np.ndarray,
    seconds: float,
    velocity: np.ndarray | None = None,
    lights: np.ndarray | None = None,
) -> np.ndarray:
    """The picture uint8 [H, W, 3] of radiance float32 [H, W, 3] at world time `seconds`.

    amounts float64 [6] (world.weather.AMOUNTS); velocity [3]: the camera's, m/s, which slants streaks of rain; still if None; lights
    float32 [N, 7]: those that have a halo (world.render.halos).
    """
    height, width = gbuffer.inverse_depth.shape
    rain, snow = float(amounts[0]), float(amounts[1])
    drops = np.zeros((height, width), np.float32)
    if rain > 0 or snow > 0:
        splat(drops, gbuffer.inverse_depth, view, rain, snow, seconds, np.zeros(3) if velocity is None else velocity)
    exposed = through_air(radiance, gbuffer, view, light, amounts, drops)
    if lights is not None:
        halos(exposed, gbuffer.inverse_depth, view, light.extinction, lights, light.exposure)
    scale, fine, middle, wide = bloom(exposed)
    out = np.empty((height, width, 3), np.uint8)
    _print(out, exposed, fine, middle, wide, scale, F(light.bloom), _curve())
    return out


def through_air(
    radiance: np.ndarray, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, drops: np.ndarray
) -> np.ndarray:
    """Exposed radiance float32 [H, W, 3] with fog and haze, and with rain or flakes where there are drops [H, W]."""
    rain, snow = float(amounts[0]), float(amounts[1])
    above = sky(light)
    exposed = np.empty_like(radiance)
    # The air scatters city light at night.
    glow = np.array([0.012, 0.0098, 0.0092]) * light.night * (1.0 + 0.7 * light.overcast)
    grey = F(max(snow, rain, 1e-9))
    drop = (np.array([0.9, 0.93, 1.0]) * snow + np.array([0.50, 0.52, 0.55]) * rain) / grey * (1 - 0.55 * light.night)
    numbers = np.array(
        [
            view.focal,
            light.extinction,
            light.haze_height,
            view.eye[2],
            light.exposure,
            0.95 if snow > rain else 0.55 + 0.25 * rain,
        ],
        F,
    )
    _expose(
        exposed,
        radiance,
        gbuffer.inverse_depth,
        gbuffer.coverage,
        drops,
        view.axes.astype(F),
        above.blurred,
        numbers,
        glow.astype(F),
        drop.astype(F),
    )
    return exposed


def bloom(exposed: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """The factor by which the first blurred picture is reduced (the others: four times that), and three blurred pictures of exposed [H, W, 3]."""
    width = exposed.shape[1]
    scale = max(1, round(width / 256))
    small = _reduced(exposed, scale)
    fine = _gauss(small, 1.2 * width / 256 / scale)
    smaller = _reduced(small, 4)
    middle = _gauss(smaller, 1.0)
    return scale, fine, middle, _gauss(middle, 2.8)


@lru_cache(maxsize=1)
def _curve() -> np.ndarray:
    """The tone curve (ACES, fitted by Narkowicz 2016, at 0.6 stops' gain) with gamma 2.2, float32 over the square root."""
    x = (np.arange(CURVE_STEPS) / (CURVE_STEPS - 1)) ** 2 * CURVE_END * 0.6
    display = np.clip((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return (display ** (1 / 2.2) * 255).astype(np.float32)


def _gauss(image: np.ndarray, sigma: float) -> np.ndarray:
    reach = math.ceil(2.5 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    across, out = np.empty_like(image), np.empty_like(image)
    _blur_rows(image, across, kernel)
    _blur_columns(across, out, kernel)
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _blur_rows(image, out, kernel):
    height, width = image.shape[0], image.shape[1]
    reach = kernel.shape[0] // 2
    for row in prange(height):
        for col in range(width):
            a, b, c = F(0.0), F(0.0), F(0.0)
            for k in range(-reach, reach + 1):
                x = min(width - 1, max(0, col + k))
                weight = kernel[k + reach]
                a += weight * image[row, x, 0]
                b += weight * image[row, x, 1]
                c += weight * image[row, x, 2]
            out[row, col, 0], out[row, col, 1], out[row, col, 2] = a, b, c


@njit(cache=True, parallel=True, fastmath=True)
def _blur_columns(image, out, kernel):
    height, width = image.shape[0], image.shape[1]
    reach = kernel.shape[0] // 2
    for row in prange(height):
        out[row] = F(0.0)
        for k in range(-reach, reach + 1):
            y = min(height - 1, max(0, row + k))
            weight = kernel[k + reach]
            for col in range(width):
                for channel in range(3):
                    out[row, col, channel] += weight * image[y, col, channel]


def _reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """Means over factor x factor pixels; fewer in the last row and column."""
    height, width = image.shape[:2]
    out = np.empty((-(-height // factor), -(-width // factor), 3), np.float32)
    _reduce(image, out, factor)
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _reduce(image, out, factor):
    height, width = image.shape[0], image.shape[1]
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            a, b, c, count = F(0.0), F(0.0), F(0.0), F(0.0)
            for y in range(row * factor, min(height, row * factor + factor)):
                for x in range(col * factor, min(width, col * factor + factor)):
                    a += min(image[y, x, 0], F(BLOOM_CLAMP))
                    b += min(image[y, x, 1], F(BLOOM_CLAMP))
                    c += min(image[y, x, 2], F(BLOOM_CLAMP))
                    count += F(1.0)
            out[row, col, 0], out[row, col, 1], out[row, col, 2] = a / count, b / count, c / count


@njit(cache=True, fastmath=True)
def _through(distance, slope, extinction, haze_height, eye):
    """Transmittance of an exponential haze along a ray that climbs by `slope` a metre."""
    density = extinction * np.exp(-eye / haze_height)
    climb = distance * slope / haze_height
    climb = min(F(30.0), max(F(-30.0), climb))
    depth = distance * density
    if abs(climb) > F(1e-3):
        depth = depth * (F(1.0) - np.exp(-climb)) / climb
    return np.exp(-min(depth, extinction * distance * F(1.3)))


@njit(cache=True, parallel=True, fastmath=True)
def _expose(out, radiance, inverse_depth, coverage, drops, axes, blurred, numbers, glow, drop):
    height, width = inverse_depth.shape
    focal, extinction, haze_height, eye, exposure, veil = numbers
    one = F(1.0)
    for row in prange(height):
        for col in range(width):
            u = (F(col) + F(0.5) - F(0.5) * F(width)) / focal
            v = (F(row) + F(0.5) - F(0.5) * F(height)) / focal
            dx = axes[2, 0] + u * axes[0, 0] + v * axes[1, 0]
            dy = axes[2, 1] + u * axes[0, 1] + v * axes[1, 1]
            dz = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            slope = dz / length
            cover, near = coverage[row, col], inverse_depth[row, col]
            clear = F(0.0)
            if cover > F(0.001) and near > F(0.0):
                clear = cover * _through(length / near, slope, extinction, haze_height, eye)
            if cover < F(0.999):
                clear += (one - cover) * _through(F(3000.0), max(slope, F(0.0)), extinction, haze_height, eye)
            ar, ag, ab = look_up(blurred, dx / length, dy / length, max(F(0.012), F(0.3) * slope))
            hide = min(F(0.85), drops[row, col])
            for channel in range(3):
                scattered = (ar if channel == 0 else (ag if channel == 1 else ab)) + glow[channel]
                value = (radiance[row, col, channel] * clear + scattered * (one - clear)) * exposure
                lit = F(0.7) * min(value, F(1.5)) + F(0.5) * drop[channel]
                out[row, col, channel] = value + hide * veil * (lit - value)


@njit(cache=True, fastmath=True)
def _at(image, y, x, channel):
    """Bilinear, held at the borders."""
    height, width = image.shape[0], image.shape[1]
    y, x = min(F(height - 1), max(F(0.0), y)), min(F(width - 1), max(F(0.0), x))
    i, j = min(int(y), max(0, height - 2)), min(int(x), max(0, width - 2))
    k, m = min(i + 1, height - 1), min(j + 1, width - 1)
    fy, fx = y - F(i), x - F(j)
    above = image[i, j, channel] * (F(1.0) - fx) + image[i, m, channel] * fx
    return above * (F(1.0) - fy) + (image[k, j, channel] * (F(1.0) - fx) + image[k, m, channel] * fx) * fy


@njit(cache=True, parallel=True, fastmath=True)
def _print(out, exposed, fine, middle, wide, scale, share, curve):
    height, width = exposed.shape[0], exposed.shape[1]
    step, step4 = F(1.0) / F(scale), F(1.0) / F(4 * scale)
    for row in prange(height):
        y1, y4 = (F(row) + F(0.5)) * step - F(0.5), (F(row) + F(0.5)) * step4 - F(0.5)
        off_y = (F(row) + F(0.5)) / F(height) * F(2.0) - F(1.0)
        for col in range(width):
            x1, x4 = (F(col) + F(0.5)) * step - F(0.5), (F(col) + F(0.5)) * step4 - F(0.5)
            off_x = (F(col) + F(0.5)) / F(width) * F(2.0) - F(1.0)
            lens = F(1.0) - F(0.08) * (off_x * off_x + off_y * off_y)
            for channel in range(3):
                spread = F(0.45) * (fine[row, col, channel] if scale == 1 else _at(fine, y1, x1, channel))
                spread += F(0.33) * _at(middle, y4, x4, channel) + F(0.22) * _at(wide, y4, x4, channel)
                value = max(F(0.0), (exposed[row, col, channel] * (F(1.0) - share) + spread * share) * lens)
                place = np.sqrt(min(value, F(CURVE_END)) * F(1.0 / CURVE_END)) * F(CURVE_STEPS - 1)
                index = min(int(place), CURVE_STEPS - 2)
                display = curve[index] + (curve[index + 1] - curve[index]) * (place - F(index))
                out[row, col, channel] = np.uint8(display + F(0.5))
