"""The light of a moment and its sky."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from world.render.light import EMISSION_GROUPS, light, sun_position
from world.render.sky import irradiance, look_up, sky


def amounts(**wanted: float) -> np.ndarray:
    return np.array([wanted.get(name, 0.0) for name in ("rain", "snow", "fog", "night", "dawn", "dusk")])


def test_the_same_amounts_give_the_same_objects() -> None:
    assert light(amounts(rain=0.5)) is light(amounts(rain=0.501))
    assert sky(light(amounts(rain=0.5))) is sky(light(amounts(rain=0.5)))
    assert light(amounts(rain=0.5)) != light(amounts(rain=0.6))


def test_exposures_of_the_conditions() -> None:
    assert light(amounts(), elevation=1.0).exposure == pytest.approx(0.135)
    assert light(amounts(), elevation=0.3).exposure == pytest.approx(0.2)
    for condition, exposure in (("dawn", 0.36), ("dusk", 0.62), ("night", 5.0)):
        assert light(amounts(**{condition: 1.0})).exposure == pytest.approx(exposure)


def test_lamps_go_on_when_it_is_dark() -> None:
    assert not light(amounts()).lamps_on and not light(amounts()).headlights_on
    for condition in ("dusk", "night"):
        assert light(amounts(**{condition: 1.0})).lamps_on
        assert light(amounts(**{condition: 1.0})).headlights_on


@pytest.mark.parametrize("group", ["brake", "left", "right", "beacon", "red", "amber", "green"])
def test_signals_can_be_seen_in_every_weather(group: str) -> None:
    for weather, time in itertools.product(("", "rain", "snow", "fog"), ("", "night", "dawn", "dusk")):
        now = light(amounts(**{name: 1.0 for name in (weather, time) if name}))
        assert now.group(group) * now.exposure > 2


def test_groups_have_names() -> None:
    assert len(light(amounts()).emission) == len(EMISSION_GROUPS)
    assert light(amounts()).group("") == 0
    with pytest.raises(ValueError, match="candle"):
        light(amounts()).group("candle")


@pytest.mark.slow
def test_changes_are_smooth() -> None:
    for condition in ("rain", "snow", "fog", "night", "dawn", "dusk"):
        means = []
        for share in np.linspace(0, 1, 65):
            now = light(amounts(**{condition: share}))
            means.append(float(sky(now).radiance.mean() * now.exposure))
        steps = np.abs(np.diff(np.log(means)))
        assert steps.max() < 0.25, condition


def test_irradiance_of_an_even_sky() -> None:
    grey = sky(light(amounts(fog=1.0)))
    numerical = grey.radiance.mean((1,))[:, 1]
    root = np.linspace(0, 1, 64)
    expected = np.trapezoid(numerical * root**2 * 2 * root, root) * 2 * math.pi
    assert irradiance(grey.harmonics, 0.0, 0.0, 1.0, 1) == pytest.approx(expected, rel=0.05)
    below = irradiance(grey.harmonics, 0.0, 0.0, -1.0, 1)
    assert below == pytest.approx(math.pi * float(grey.ground[1]), rel=0.3)


def test_the_sky_is_brightest_towards_the_sun() -> None:
    day = light(amounts(dusk=1.0))
    above = sky(day)
    f = np.float32
    to = [f(value) for value in (math.cos(day.azimuth) * 0.995, math.sin(day.azimuth) * 0.995, 0.1)]
    toward = look_up(above.blurred, to[0], to[1], to[2])
    away = look_up(above.blurred, -to[0], -to[1], to[2])
    assert toward[0] > 1.5 * away[0]
    assert toward[0] / toward[2] > away[0] / away[2]


def test_every_place_has_its_sun() -> None:
    suns = [sun_position(seed) for seed in range(20)]
    assert suns == [sun_position(seed) for seed in range(20)] and len(set(suns)) == 20
    for azimuth, height in suns:
        now = light(amounts(), azimuth, height)
        np.testing.assert_allclose(np.linalg.norm(now.sun_direction), 1, atol=1e-9)
        assert now.sun_direction[2] > 0.3
