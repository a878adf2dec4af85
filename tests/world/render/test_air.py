"""Air: fog, particles, bloom, tone curve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.world.render.street import street
from world.controls import TimeOfDay, Weather
from world.render.air import develop
from world.render.camera import Rig, View, view
from world.render.gbuffer import GBuffer
from world.render.light import light
from world.render.shading import shade
from world.weather import AMOUNTS, goal

CLEAR = np.zeros(6)


@pytest.fixture(scope="module")
def seen() -> View:
    return view(Rig(96, 54), 0.0, -1.8, 0.0)


@pytest.fixture(scope="module")
def gbuffer(seen: View) -> GBuffer:
    return street(seen, light(CLEAR))


def picture(gbuffer: GBuffer, seen: View, weather: int, time: int, seconds: float = 3.0) -> np.ndarray:
    wanted = goal(weather, time)
    amounts = np.array([wanted[name] for name in AMOUNTS])
    now = light(amounts)
    return develop(shade(gbuffer, seen, now, amounts), gbuffer, seen, now, amounts, seconds)


@pytest.mark.parametrize("time", list(TimeOfDay))
def test_every_weather_looks_different(seen: View, gbuffer: GBuffer, time: TimeOfDay) -> None:
    pictures = [picture(gbuffer, seen, weather, time) for weather in Weather]
    for image in pictures:
        assert image.shape == (54, 96, 3) and image.dtype == np.uint8
        assert 12 < image.mean() < 215
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.abs(one.astype(int) - other).mean() > 2


def test_it_repeats_and_rain_falls(seen: View, gbuffer: GBuffer) -> None:
    first = picture(gbuffer, seen, Weather.RAIN_3, TimeOfDay.DAY, 3.0)
    np.testing.assert_array_equal(first, picture(gbuffer, seen, Weather.RAIN_3, TimeOfDay.DAY, 3.0))
    assert (first != picture(gbuffer, seen, Weather.RAIN_3, TimeOfDay.DAY, 3.1)).any()
    still = picture(gbuffer, seen, Weather.FOG_3, TimeOfDay.DAY, 3.0)
    np.testing.assert_array_equal(still, picture(gbuffer, seen, Weather.FOG_3, TimeOfDay.DAY, 3.1))


def test_drops_hang_in_the_world_and_behind_what_is_near(seen: View, gbuffer: GBuffer) -> None:
    snow = np.array([0, 1.0, 0, 0, 0, 0])
    now = light(snow)
    grey = np.full((54, 96, 3), 0.3, np.float32)
    wall = replace(gbuffer, inverse_depth=np.full((54, 96), 2.0, np.float32), coverage=np.ones((54, 96), np.float32))
    near = develop(grey, wall, seen, now, snow, 1.0)
    bare = develop(grey, wall, seen, now, np.zeros(6), 1.0)
    np.testing.assert_array_equal(near, bare)
    # Where the lattice repeats, the same flakes are seen.
    moved = replace(seen, eye=seen.eye + np.array([24.0, -48.0, 0.0]))
    far = replace(gbuffer, inverse_depth=np.zeros((54, 96), np.float32), coverage=np.zeros((54, 96), np.float32))
    here = develop(grey, far, seen, now, snow, 1.0)
    assert np.abs(here.astype(int) - develop(grey, far, moved, now, snow, 1.0)).max() <= 1
    assert (here != develop(grey, far, seen, now, np.zeros(6), 1.0)).any()


def test_fog_hides_what_is_far(seen: View, gbuffer: GBuffer) -> None:
    fog = np.array([0, 0, 1.0, 0, 0, 0])
    now = light(fog)
    stripes = np.where(np.arange(96) % 8 < 4, 0.2, 2.0).astype(np.float32)[None, :, None] * np.ones(
        (54, 1, 3), np.float32
    )
    contrasts = []
    for distance in (2, 20, 100):
        flat = replace(
            gbuffer, inverse_depth=np.full((54, 96), 1 / distance, np.float32), coverage=np.ones((54, 96), np.float32)
        )
        image = develop(stripes, flat, seen, now, fog, 0.0).astype(float)
        contrasts.append(image[20:30, 46:48].mean() - image[20:30, 49:51].mean())
    assert contrasts[0] > 2 * contrasts[1] > 8 * contrasts[2] >= 0


def test_lights_bloom(seen: View, gbuffer: GBuffer) -> None:
    night = np.array([0, 0, 0, 1.0, 0, 0])
    now = light(night)
    near = replace(gbuffer, inverse_depth=np.ones((54, 96), np.float32), coverage=np.ones((54, 96), np.float32))
    dark = np.zeros((54, 96, 3), np.float32)
    lamp = dark.copy()
    lamp[27, 48] = 10.0
    glow = develop(lamp, near, seen, now, night, 0.0).astype(int) - develop(dark, near, seen, now, night, 0.0)
    assert glow[27, 50].min() > 0 and glow[27, 50].min() >= glow[27, 60].min() and glow[27, 48].min() > 100


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8, 8), (100, 57), (512, 288)])
def test_sizes(size: tuple[int, int]) -> None:
    width, height = size
    seen = view(Rig(width, height), 0.0, 0.0, 0.0)
    image = picture(street(seen, light(CLEAR)), seen, Weather.SNOW_2, TimeOfDay.DUSK)
    assert image.shape == (height, width, 3)
