"""The light of a moment: sun, sky, exposure, and how strongly every lamp shines, from the amounts of weather and time.

On its scale of radiance a clear sky at noon is about 3 and a street at night about 0.02; `exposure` brings either to
about 0.3 before the tone curve. Each condition is one row of a table; quantities that span decades are blended by their
logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Groups of lights: a material's `emission` names one, `Light.emission` has a value for each.
EMISSION_GROUPS = (
    "window",
    "shop",
    "lamp",
    "head",
    "tail",
    "brake",
    "left",
    "right",
    "beacon",
    "red",
    "amber",
    "green",
)
# How bright each is on the picture (radiance times exposure) by day and by night.
BY_DAY = (0.02, 0.30, 0.05, 0.9, 0.22, 2.6, 3.0, 3.0, 4.0, 3.0, 3.2, 2.6)
BY_NIGHT = (0.9, 1.5, 5.0, 7.0, 1.4, 4.2, 4.0, 4.0, 6.0, 3.4, 3.6, 3.0)

STEPS = 64  # amounts are rounded to this many steps, so that a sky is computed once for each
SUN_ABOVE_AIR = 62.0  # irradiance on a plane that faces the sun
RAYLEIGH = (0.041, 0.095, 0.228)  # vertical optical depths at 680, 550 and 440 nm
OZONE = (0.018, 0.030, 0.004)


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a moment, for shading and air. Colours are linear RGB; angles in radians.

    sun_direction points to the sun; sun: irradiance on a plane that faces it. Sky: elevation of the sun for its colours,
    mie (vertical optical depth of haze), clouds (cover, 0 to 1), overcast (share of a closed cloud deck) with its
    zenith radiance `deck`, daylight (scale of the clear sky), twilight (radiance
    added at dawn and dusk), afterglow (the warm band low above a low sun), night (share).
    emission: a value per EMISSION_GROUPS, by which a material's tint is multiplied to radiance. lamp and beam: luminous
    intensity of a street lamp and of a headlight, by which irradiances of lights of intensity one are multiplied.
    extinction in 1/m at the ground, falling off with haze_height (m).
    """

    sun_direction: tuple[float, float, float]
    sun: tuple[float, float, float]
    elevation: float
    azimuth: float
    mie: float
    clouds: float
    overcast: float
    deck: tuple[float, float, float]
    daylight: float
    twilight: tuple[float, float, float]
    afterglow: tuple[float, float, float]
    night: float
    ground: tuple[float, float, float]
    exposure: float
    emission: tuple[float, ...]
    lamps_on: bool
    headlights_on: bool
    lamp: tuple[float, float, float]
    beam: tuple[float, float, float]
    extinction: float
    haze_height: float
    bloom: float

    def group(self, name: str) -> float:
        """The value of one emission group; zero for "". Raises ValueError for an unknown name."""
        if name and name not in EMISSION_GROUPS:
            raise ValueError(f"no group of lights is called {name!r}")
        return self.emission[EMISSION_GROUPS.index(name)] if name else 0.0


def light(amounts: np.ndarray, azimuth: float = 0.9, elevation: float = 0.62) -> Light:
    """The light for amounts float64 [6] (rain, snow, fog, night, dawn, dusk), where the sun of the day stands at `azimuth` and
    `elevation`. Amounts are rounded to 1/64, so small changes return the same object.
    """
    steps = np.rint(np.clip(np.asarray(amounts, np.float64), 0.0, 1.0) * STEPS)
    return _light(tuple(int(step) for step in steps), round(float(azimuth), 3), round(float(elevation), 3))


def sun_position(seed: int) -> tuple[float, float]:
    """Azimuth and elevation (rad) of the day's sun at a place, drawn by its seed."""
    azimuth, height = np.random.default_rng(seed).random(2)
    return float(azimuth) * 2.0 * math.pi, 0.35 + 0.60 * float(height)


def air_mass(sine: float) -> float:
    """Relative to the zenith, for the sine of an elevation (Kasten and Young 1989)."""
    degrees = math.degrees(math.asin(min(1.0, max(0.0, sine))))
    return 1.0 / (max(0.0, sine) + 0.50572 * (degrees + 6.07995) ** -1.6364)


@lru_cache(maxsize=256)
def _light(steps: tuple[int, ...], azimuth: float, elevation: float) -> Light:
    rain, snow, fog, night, dawn, dusk = (step / STEPS for step in steps)
    total = max(1.0, night + dawn + dusk)
    night, dawn, dusk = night / total, dawn / total, dusk / total
    time = (1.0 - night - dawn - dusk, dawn, dusk, night)
    weather = max(1.0, rain + snow + fog)
    # The deck closes early: light rain already has a grey sky.
    closed = [_smooth(0.0, 0.45, amount) / weather for amount in (rain, snow, fog)]
    overcast = min(1.0, sum(closed))

    height = _mix(time, (elevation, math.radians(6.0), math.radians(2.5), math.radians(8.0)))
    turn = azimuth + _mix(time, (0.0, -0.9, 0.9, 0.9))
    toward = (math.cos(height) * math.cos(turn), math.cos(height) * math.sin(turn), math.sin(height))
    mie = _mix(time, (0.085, 0.13, 0.13, 0.12))
    mass = air_mass(toward[2])
    # The deck hides the sun well before it is closed.
    strength = SUN_ABOVE_AIR * _log_mix(time, (1.0, 1.1, 0.16, 0.0008)) * (1.0 - overcast) ** 2
    through = [math.exp(-mass * (RAYLEIGH[i] + OZONE[i] + mie * (0.8, 1.0, 1.25)[i])) for i in range(3)]
    daylight = _log_mix(time, (1.0, 0.85, 0.55, 0.003))

    clear = 0.135 * (0.20 / 0.135) ** min(1.0, max(0.0, (1.0 - height) / 0.7))
    exposures = ((clear, 0.21, 0.155, 0.20), (0.36, 0.45, 0.36, 0.42), (0.62, 0.80, 0.66, 0.72), (5.0, 5.0, 4.2, 5.0))
    deck = (
        _log_mix(time, (7.0, 2.6, 0.95, 0.030))
        * (1.0 - 0.45 * rain * (1.0 - night))
        * (1.0 - 0.15 * snow)
        * (1.0 - 0.12 * fog)
    )
    by_weather = (1.0 - overcast, *closed)
    exposure = math.exp(
        sum(
            time[i]
            * sum(
                by_weather[j] * math.log(exposures[i][j] * (1.0, 1.0 + 0.38 * rain * (1.0 - night), 1.0, 1.0)[j])
                for j in range(4)
            )
            for i in range(4)
        )
        / sum(by_weather)
    )
    tint = [_mix(time, row) for row in ((0.95, 1.01, 0.93, 1.12), (0.985, 0.97, 0.96, 0.96), (1.04, 1.03, 1.13, 0.92))]

    dark = min(1.0, night + 0.85 * dusk + 0.35 * dawn + (1.0 - night) * 0.3 * max(rain, 0.8 * fog, 0.6 * snow))
    shining = dark**2
    lit = _smooth(0.45, 0.85, dark)
    emission = tuple((a + (b - a) * shining) / exposure for a, b in zip(BY_DAY, BY_NIGHT, strict=True))
    ground = 0.12 + 0.45 * snow
    return Light(
        sun_direction=toward,
        # For a camera balanced for daylight.
        sun=(strength * through[0] * 0.90, strength * through[1], strength * through[2] * 1.17),
        elevation=height,
        azimuth=turn,
        mie=mie,
        clouds=_mix(time, (0.38, 0.42, 0.44, 0.5)),
        overcast=overcast,
        deck=(deck * tint[0], deck * tint[1], deck * tint[2]),
        daylight=daylight,
        twilight=(0.50 * dawn + 0.20 * dusk, 0.47 * dawn + 0.24 * dusk, 0.80 * dawn + 0.55 * dusk),
        afterglow=(1.5 * dawn + 1.6 * dusk, 0.72 * dawn + 0.68 * dusk, 0.34 * dawn + 0.16 * dusk),
        night=night,
        ground=(ground, ground, ground * 0.95),
        exposure=exposure,
        emission=emission,
        lamps_on=lit > 0.02,
        headlights_on=dark > 0.2,
        lamp=_coloured((1.0, 0.76, 0.50), 150.0 * lit / exposure),
        beam=_coloured((1.0, 0.96, 0.88), 1300.0 * _smooth(0.3, 0.9, dark) / exposure),
        extinction=math.exp(
            _mix(
                (1.0 - fog**0.55, fog**0.55),
                (math.log(_mix(time, (1 / 1300, 1 / 520, 1 / 900, 1 / 1500))), math.log(1 / 12)),
            )
        )
        + rain**1.7 / 110.0
        + snow**1.8 / 52.0,
        haze_height=60.0 - 32.0 * fog - 40.0 * dawn * (1.0 - overcast),
        bloom=min(0.17, 0.05 + 0.05 * max(rain, snow, 1.3 * fog) + 0.07 * night + 0.04 * (dawn + dusk)),
    )


def _smooth(low: float, high: float, value: float) -> float:
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return share * share * (3.0 - 2.0 * share)


def _mix(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _log_mix(weights: Sequence[float], values: Sequence[float]) -> float:
    return math.exp(_mix(weights, [math.log(value) for value in values]))


def _coloured(colour: tuple[float, float, float], value: float) -> tuple[float, float, float]:
    return colour[0] * value, colour[1] * value, colour[2] * value
