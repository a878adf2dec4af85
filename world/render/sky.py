"""The sky: a map of its radiance per light, its irradiance by normal, and look-ups for kernels.

Clear sky: single scattering in a plane-parallel exponential atmosphere, which has a closed form, plus an even share for light that
scattered more than once. Clouds are one periodic fbm texture on a plane overhead; the closed deck is the CIE overcast sky.
Rows of a map run over the square root of the direction's z, so that most of them lie near the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit

from world.render.light import OZONE, RAYLEIGH, SUN_ABOVE_AIR, Light

F = np.float32
ROWS, COLUMNS = 64, 256
CLOUD_SIZE = 512
NIGHT_ZENITH = (0.0055, 0.0070, 0.0125)
NIGHT_GLOW = (0.034, 0.024, 0.0185)  # of the city, at the horizon


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky dome. float32; row 0 is the horizon and the last the zenith, column 0 looks east, counter-clockwise.

    radiance [ROWS, COLUMNS, 3]; blurred [16, 64, 3]: the same for rough mirrors and for the colour of air; harmonics [9, 3]: irradiance by
    normal in real spherical harmonics, the ground's bounce included; ground [3]: radiance of the ground below.
    """

    radiance: np.ndarray
    blurred: np.ndarray
    harmonics: np.ndarray
    ground: np.ndarray


@lru_cache(maxsize=48)
def sky(light: Light) -> Sky:
    """The sky of a light; computed once for each."""
    f = np.float32
    radiance = _radiance(
        _cloud_texture(),
        np.array(
            [light.elevation, light.azimuth, light.mie, light.clouds, light.overcast, light.daylight, light.night], f
        ),
        np.array([light.sun, light.deck, light.twilight, light.afterglow], f),
    )
    projection, horizontal = _projections()
    up = horizontal @ radiance.reshape(-1, 3)  # irradiance of a horizontal plane
    ground = np.asarray(light.ground) * (up + np.asarray(light.sun) * light.sun_direction[2] * 0.75) / math.pi
    harmonics = (projection @ radiance.reshape(-1, 3)) + _GROUND[:, None] * ground
    return Sky(radiance, _blurred(radiance), harmonics.astype(f), ground.astype(f))


# Real spherical harmonics in the order 1, x, y, z, xy, yz, 3z2-1, xz, x2-y2.
_NORM = np.array([0.282095, 0.488603, 0.488603, 0.488603, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
_BAND = np.array(
    [math.pi] + [2 * math.pi / 3] * 3 + [math.pi / 4] * 5
)  # the clamped cosine's (Ramamoorthi, Hanrahan 2001)
# A lower hemisphere of radiance one: integrals of the basis over it.
_GROUND = _BAND * _NORM**2 * np.array([2 * math.pi, 0, 0, -math.pi, 0, 0, 0, 0, 0])


@lru_cache(maxsize=1)
def _projections() -> tuple[np.ndarray, np.ndarray]:
    """Projections of a map: to harmonics of irradiance float32 [9, ROWS * COLUMNS], and to a horizontal plane's [ROWS * COLUMNS]."""
    root = np.arange(ROWS) / (ROWS - 1)
    z = root**2
    ends = np.ones(ROWS)
    ends[[0, -1]] = 0.5
    band = 2 * root / (ROWS - 1) * ends
    weight = np.repeat((band / band.sum())[:, None] * (2 * math.pi / COLUMNS), COLUMNS, 1)
    azimuth = np.arange(COLUMNS) / COLUMNS * 2 * math.pi
    flat = np.sqrt(1 - z**2)[:, None]
    x, y, z = flat * np.cos(azimuth), flat * np.sin(azimuth), np.repeat(z[:, None], COLUMNS, 1)
    basis = np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]) * weight
    basis = basis.reshape(9, -1).astype(np.float32)
    return basis * (_BAND * _NORM**2).astype(np.float32)[:, None], basis[3]


@lru_cache(maxsize=1)
def _cloud_texture() -> np.ndarray:
    """Periodic fbm, float32 [CLOUD_SIZE, CLOUD_SIZE], zero mean and unit deviation."""
    frequency = np.fft.fftfreq(CLOUD_SIZE) * CLOUD_SIZE
    radius = np.hypot(frequency[:, None], frequency[None, :])
    radius[0, 0] = 1.0
    amplitude = np.where(radius < 2, 0.0, radius**-1.65)
    noise = np.random.default_rng(77).standard_normal((CLOUD_SIZE, CLOUD_SIZE))
    field = np.fft.ifft2(np.fft.fft2(noise) * amplitude).real
    return ((field - field.mean()) / field.std()).astype(np.float32)


def _blurred(radiance: np.ndarray) -> np.ndarray:
    small = radiance.reshape(16, ROWS // 16, 64, COLUMNS // 64, 3).mean((1, 3))
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / 3.5) ** 2)
    kernel /= kernel.sum()
    around = sum(weight * np.roll(small, shift, 1) for weight, shift in zip(kernel, range(-9, 10), strict=True))
    padded = np.pad(around, ((2, 2), (0, 0), (0, 0)), "edge")
    return np.ascontiguousarray(
        sum(weight * padded[i : i + 16] for i, weight in enumerate((0.1, 0.22, 0.36, 0.22, 0.1))), np.float32
    )


@njit(cache=True)
def _cloud(texture: np.ndarray, x: float, y: float) -> float:
    x, y = x % CLOUD_SIZE, y % CLOUD_SIZE
    i, j = int(y), int(x)
    fy, fx = y - i, x - j
    k, m = (i + 1) % CLOUD_SIZE, (j + 1) % CLOUD_SIZE
    i, j = i % CLOUD_SIZE, j % CLOUD_SIZE
    above = texture[i, j] * (1 - fx) + texture[i, m] * fx
    return above * (1 - fy) + (texture[k, j] * (1 - fx) + texture[k, m] * fx) * fy


@njit(cache=True)
def _step(low: float, high: float, value: float) -> float:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return share * share * (3.0 - 2.0 * share)


@njit(cache=True)
def _radiance(texture: np.ndarray, numbers: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """numbers [7]: elevation, azimuth, mie, clouds, overcast, daylight, night; colours [4, 3]: sun, deck, twilight,
    afterglow."""
    elevation, azimuth, mie, cover, overcast, daylight, night = numbers
    out = np.zeros((ROWS, COLUMNS, 3), np.float32)
    sun_z, sun_flat = math.sin(elevation), math.cos(elevation)
    degrees = math.degrees(elevation)
    sun_mass = 1.0 / (sun_z + 0.50572 * (degrees + 6.07995) ** -1.6364)
    for row in range(ROWS):
        z = (row / (ROWS - 1)) ** 2
        flat = math.sqrt(1 - z * z)
        mass = 1.0 / (z + 0.50572 * (math.degrees(math.asin(z)) + 6.07995) ** -1.6364)
        reach = 1.0 / (z + 0.12)  # where the ray meets the clouds' plane
        base = np.zeros(3)
        even = np.zeros(3)
        for channel in range(3):
            haze = mie * (0.8 + 0.225 * channel)
            depth = RAYLEIGH[channel] + haze + OZONE[channel]
            gap = mass - sun_mass
            if abs(gap) < 1e-3:
                gap = 1e-3
            base[channel] = (
                SUN_ABOVE_AIR
                * mass
                * (math.exp(-depth * sun_mass) - math.exp(-depth * (sun_mass + gap)))
                / gap
                / (4 * math.pi)
            )
            even[channel] = (
                SUN_ABOVE_AIR
                * 0.075
                * (1 - math.exp(-depth * mass * 0.9))
                * math.exp(-0.12 * depth * sun_mass)
                * sun_z**0.4
            )
        for column in range(COLUMNS):
            angle = column / COLUMNS * 2 * math.pi
            x, y = flat * math.cos(angle), flat * math.sin(angle)
            mu = flat * sun_flat * math.cos(angle - azimuth) + z * sun_z
            rayleigh = 0.75 * (1 + mu * mu)
            forward = (1 - 0.62) / (1.38 - 1.24 * mu * 1.0) ** 1.5 * 0.9  # a softened Henyey-Greenstein lobe
            puff = _cloud(texture, x * reach * 55 + 37.0, y * reach * 55 + 11.0)
            mask = _step(1.3 - 2.6 * cover, 2.2 - 2.2 * cover, puff) * min(1.0, z * 9)
            thick = _step(1.6 - 2.4 * cover, 3.4 - 2.4 * cover, puff)
            bright = 0.35 + 0.65 * mu * mu + 2.5 * max(mu, 0.0) ** 24
            ahead = 0.5 + 0.5 * math.cos(angle - azimuth)
            warm = math.exp(-z * 5.5) * (0.12 + 0.88 * ahead**3)
            ripple = 1 + 0.15 * _cloud(texture, x * reach * 34, y * reach * 34) * min(1.0, z * 5)
            for channel in range(3):
                haze = mie * (0.8 + 0.225 * channel)
                scatter = RAYLEIGH[channel] * rayleigh + haze * forward
                clear = base[channel] * scatter + even[channel]
                lit = colours[0, channel] * 0.085 * bright * (1 - overcast) + even[channel] * 1.6 + 0.35
                lit += colours[3, channel] * (0.10 + 0.55 * ahead * ahead)
                white = lit * (1 - 0.55 * thick) + 0.35 * thick
                clear = (clear * (1 - 0.92 * mask) + white * 0.92 * mask) * daylight
                clear += colours[2, channel] * (0.35 + 0.65 * z) * (1 - 0.35 * flat * math.cos(angle - azimuth))
                clear += colours[3, channel] * warm * (1 - 0.4 * mask)
                dark = NIGHT_ZENITH[channel] * (1 - 0.5 * z) + NIGHT_GLOW[channel] * math.exp(-z * 5)
                clear += night * dark * (1 + 0.35 * _step(0.0, 1.5, puff))
                deck = colours[1, channel] * (1 + 2 * z) / 3 * min(1.5, max(0.6, ripple))
                out[row, column, channel] = clear * (1 - overcast) + deck * overcast
    return out


@njit(cache=True, fastmath=True)
def look_up(table, x, y, z):
    """Radiance of a map towards a unit direction (x, y, z); below the horizon as at the horizon."""
    rows, columns = table.shape[0], table.shape[1]
    v = F(math.sqrt(max(z, F(0.0)))) * F(rows - 1)
    u = F(math.atan2(y, x)) * F(columns / (2 * math.pi)) + F(columns)
    i, j = min(int(v), rows - 2), int(u)
    fv, fu = v - F(i), u - F(j)
    j, k = j % columns, (j + 1) % columns
    one = F(1.0)
    a, b = (one - fv) * (one - fu), (one - fv) * fu
    c, d = fv * (one - fu), fv * fu
    return (
        table[i, j, 0] * a + table[i, k, 0] * b + table[i + 1, j, 0] * c + table[i + 1, k, 0] * d,
        table[i, j, 1] * a + table[i, k, 1] * b + table[i + 1, j, 1] * c + table[i + 1, k, 1] * d,
        table[i, j, 2] * a + table[i, k, 2] * b + table[i + 1, j, 2] * c + table[i + 1, k, 2] * d,
    )


@njit(cache=True, fastmath=True)
def irradiance(h, x, y, z, c):
    """Irradiance of one colour channel on a surface with the unit normal (x, y, z), from harmonics [9, 3]."""
    return max(
        F(0.0),
        h[0, c]
        + h[1, c] * x
        + h[2, c] * y
        + h[3, c] * z
        + h[4, c] * x * y
        + h[5, c] * y * z
        + h[6, c] * (F(3.0) * z * z - F(1.0))
        + h[7, c] * x * z
        + h[8, c] * (x * x - y * y),
    )


@njit(cache=True, fastmath=True)
def sun_disc(mu):
    """The sun and its aureole, in shares of its irradiance, by the cosine of the angle to it."""
    if mu < F(0.9):
        return F(0.0)
    rim = min(F(1.0), max(F(0.0), (mu - F(0.99990)) / F(0.00007)))
    return F(0.022) * np.exp((mu - F(1.0)) * F(60.0)) + F(0.11) * np.exp((mu - F(1.0)) * F(900.0)) + F(30.0) * rim * rim


@njit(cache=True, fastmath=True)
def starlight(x, y, z, night):
    """Radiance of the few stars that are visible from a town; at most one in a cell of a third of a degree."""
    if z < F(0.12):
        return F(0.0)
    across, up = np.arctan2(y, x) * F(170.0), z * F(170.0)
    i, j = int(np.floor(across)), int(np.floor(up))
    h = (np.uint32(i) * np.uint32(0x9E3779B1)) ^ (np.uint32(j) * np.uint32(0x85EBCA77))
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = (h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    chance = F(np.uint32(h ^ (h >> np.uint32(15))) >> np.uint32(8)) * F(1.0 / 16777216.0)
    if chance > F(0.006):
        return F(0.0)
    off = (across - F(i) - F(0.5)) ** 2 + (up - F(j) - F(0.5)) ** 2
    return (
        night * max(F(0.0), F(1.0) - F(4.0) * off) * (F(0.02) + F(16.0) * chance) * min(F(1.0), (z - F(0.12)) * F(4.0))
    )
