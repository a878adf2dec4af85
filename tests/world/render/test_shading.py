"""Plain shading of a small street."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.world.render.street import street
from world.render.camera import Rig, View, view
from world.render.gbuffer import GBuffer
from world.render.light import Light, light
from world.render.materials import Surface
from world.render.shading import shade

CLEAR = np.zeros(6)
RAIN = np.array([1.0, 0, 0, 0, 0, 0])
SNOW = np.array([0, 1.0, 0, 0, 0, 0])
NIGHT = np.array([0, 0, 0, 1.0, 0, 0])


@pytest.fixture(scope="module")
def seen() -> View:
    return view(Rig(96, 54), 0.0, -1.8, 0.0)


@pytest.fixture(scope="module")
def clear(seen: View) -> tuple[GBuffer, Light]:
    day = light(CLEAR)
    return street(seen, day), day


def luminance(radiance: np.ndarray) -> np.ndarray:
    return radiance @ np.array([0.2126, 0.7152, 0.0722])


def test_shape_and_that_it_repeats(seen: View, clear: tuple[GBuffer, Light]) -> None:
    first = shade(clear[0], seen, clear[1], CLEAR)
    again = shade(clear[0], seen, clear[1], CLEAR)
    assert first.shape == (54, 96, 3) and first.dtype == np.float32
    assert np.isfinite(first).all() and first.min() >= 0
    np.testing.assert_array_equal(first, again)


def test_the_sun_throws_shadows(seen: View, clear: tuple[GBuffer, Light]) -> None:
    gbuffer, day = clear
    lit = luminance(shade(replace(gbuffer, sun=np.ones_like(gbuffer.sun)), seen, day, CLEAR))
    dark = luminance(shade(replace(gbuffer, sun=np.zeros_like(gbuffer.sun)), seen, day, CLEAR))
    road = gbuffer.surface == Surface.ASPHALT
    assert lit[road].mean() > 3 * dark[road].mean()
    np.testing.assert_array_equal(lit[gbuffer.coverage == 0], dark[gbuffer.coverage == 0])


def test_rain_darkens_the_road_and_mirrors_what_stands_on_it(seen: View) -> None:
    wet = light(RAIN)
    gbuffer = street(seen, wet, raining=True)
    bare = replace(gbuffer, mirror=np.zeros_like(gbuffer.mirror), wet=np.zeros_like(gbuffer.wet))
    road = (gbuffer.surface == Surface.ASPHALT) & (np.arange(54)[:, None] > 48)
    dry = luminance(shade(bare, seen, wet, CLEAR))
    assert luminance(shade(bare, seen, wet, RAIN))[road].mean() < 0.9 * dry[road].mean()
    red = np.zeros_like(gbuffer.mirror)
    red[..., 0], red[..., 3] = 50.0, 1.0
    puddles = replace(gbuffer, wet=np.ones_like(gbuffer.wet), mirror=red)
    shown = shade(puddles, seen, wet, RAIN)[gbuffer.surface == Surface.ASPHALT]
    assert (shown[:, 0] > shown[:, 1] + 1).mean() > 0.9
    np.testing.assert_array_equal(shade(puddles, seen, wet, CLEAR), shade(gbuffer, seen, wet, CLEAR))


def test_snow_whitens_what_looks_up(seen: View) -> None:
    white = light(SNOW)
    gbuffer = replace(street(seen, white), noise=np.full((54, 96, 2), 0.5, np.float32))
    with_snow, without = shade(gbuffer, seen, white, SNOW), shade(gbuffer, seen, white, CLEAR)
    ground = gbuffer.surface == Surface.GROUND
    wall = (gbuffer.surface == Surface.WALL) & (gbuffer.snow == 0)
    assert luminance(with_snow)[ground].mean() > 3 * luminance(without)[ground].mean()
    np.testing.assert_allclose(with_snow[wall], without[wall], rtol=1e-4)
    half = luminance(shade(gbuffer, seen, white, SNOW / 3))
    assert luminance(without)[ground].mean() < half[ground].mean() < luminance(with_snow)[ground].mean()


def test_lights_add_up(seen: View) -> None:
    night = light(NIGHT)
    gbuffer = street(seen, night)
    dark = replace(gbuffer, emission=np.zeros_like(gbuffer.emission))
    difference = shade(gbuffer, seen, night, NIGHT) - shade(dark, seen, night, NIGHT)
    np.testing.assert_allclose(difference, gbuffer.emission, rtol=1e-3, atol=1e-4)
    unlit = replace(gbuffer, lamps=np.zeros_like(gbuffer.lamps), beams=np.zeros_like(gbuffer.beams))
    road = gbuffer.surface == Surface.ASPHALT
    assert (
        luminance(shade(gbuffer, seen, night, NIGHT))[road].mean()
        > 2 * luminance(shade(unlit, seen, night, NIGHT))[road].mean()
    )


def test_half_covered_pixels_mix_with_the_sky(seen: View, clear: tuple[GBuffer, Light]) -> None:
    gbuffer, day = clear
    full = shade(replace(gbuffer, coverage=np.ones_like(gbuffer.coverage)), seen, day, CLEAR)
    none = shade(replace(gbuffer, coverage=np.zeros_like(gbuffer.coverage)), seen, day, CLEAR)
    half = shade(replace(gbuffer, coverage=np.full_like(gbuffer.coverage, 0.5)), seen, day, CLEAR)
    np.testing.assert_allclose(half, (full + none) / 2, rtol=1e-3, atol=1e-4)
