"""Weather and time of day do to a picture what their words say, by degrees, and the same every time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from world.controls import DT, TRANSITION_SECONDS, TimeOfDay, Weather

pytest.importorskip("panda3d")

from world.town.mesh import TownSurface
from world.town.spray import Puff, puffs
from world.town.traffic import Other
from world.town.weather import Developer
from world.weather import Atmosphere, goal

SKY, GRASS, ROAD, WALL = slice(0, 40), slice(72, 90), slice(110, 144), slice(50, 70)  # rows of the picture


def street() -> np.ndarray:
    """A raw view of sky, a wall far away, grass, and the road: uint8 [288, 512, 4]."""
    raw = np.zeros((288, 512, 4), np.uint8)
    for rows, colour, surface in (
        (slice(80, 144), (170, 120, 90), TownSurface.WALL),
        (slice(144, 200), (96, 140, 70), TownSurface.GRASS),
        (slice(200, 288), (84, 86, 90), TownSurface.ROAD),
    ):
        raw[rows] = (*colour, surface)
    return raw


def picture(weather: Weather, time: TimeOfDay = TimeOfDay.DAY, seed: int = 0) -> np.ndarray:
    return Developer(seed).develop(street(), goal(weather, time)).astype(np.float32)


def levels(first: Weather) -> list[np.ndarray]:
    return [picture(Weather.CLEAR), *(picture(Weather(first + level)) for level in range(3))]


def rises(values: list[float], by: float) -> bool:
    return all(later - earlier > by for earlier, later in pairwise(values))


def test_every_weather_at_every_time_is_a_picture_of_its_own() -> None:
    small = [picture(weather, time).reshape(36, 4, 64, 4, 3).mean((1, 3)) for weather in Weather for time in TimeOfDay]
    apart = [np.abs(a - b).mean() for n, a in enumerate(small) for b in small[:n]]
    assert min(apart) > 2.0


def test_rain_darkens_road_and_sky_by_level() -> None:
    assert rises([-float(image[ROAD].mean()) for image in levels(Weather.RAIN_1)], by=1.0)
    assert rises([-float(image[SKY].mean()) for image in levels(Weather.RAIN_1)], by=1.0)


def test_snow_whitens_grass_at_once_and_the_road_by_level() -> None:
    grass = [float(image[GRASS].mean()) for image in levels(Weather.SNOW_1)]
    assert rises(grass, by=4.0)
    road = [float(image[ROAD].mean()) for image in levels(Weather.SNOW_1)]
    assert rises(road[1:], by=10.0)


def test_fog_takes_the_distance_and_leaves_what_is_near() -> None:
    fogged = levels(Weather.FOG_1)[1:]
    left = [float(np.abs(image[84:96] - image[60:70].mean((0, 1))).mean()) for image in fogged]  # about 15 m away
    assert rises([-value for value in left], by=5.0)
    clear, light = picture(Weather.CLEAR), picture(Weather.FOG_1)
    assert abs(float(light[-4:].mean() - clear[-4:].mean())) < 0.25 * abs(
        float(light[WALL].mean() - clear[WALL].mean())
    )


def test_the_day_goes_by() -> None:
    dawn, day, dusk, night = (picture(Weather.CLEAR, time) for time in TimeOfDay)
    assert day.mean() > dawn.mean() > dusk.mean() > night.mean()
    assert dusk[40:72, :, 0].mean() > 1.3 * dusk[40:72, :, 2].mean()  # an orange horizon
    lit, unlit = night[120:, 100:156].mean(), night[120:, :20].mean()  # our own headlights
    assert lit > 1.5 * unlit


def test_roofs_are_white_when_much_snow_lies() -> None:
    raw = street()
    raw[80:100, :, 3] = TownSurface.ROOF
    bright = [
        float(Developer(0).develop(raw, goal(weather, TimeOfDay.DAY))[41:49].mean())
        for weather in (Weather.SNOW_1, Weather.SNOW_2, Weather.SNOW_3)
    ]
    assert bright[1] > bright[0] + 30 and bright[2] > bright[0] + 30


def test_lamps_have_a_halo_at_night() -> None:
    raw = street()
    raw[40:48, 250:258, 3] = TownSurface.LAMP
    around = (slice(16, 19), slice(120, 136))
    plain, lit = (Developer(0).develop(view, goal(Weather.CLEAR, TimeOfDay.NIGHT)) for view in (street(), raw))
    assert lit[around].mean() > plain[around].mean() + 3
    day = Developer(0).develop(raw, goal(Weather.CLEAR, TimeOfDay.DAY))
    assert np.array_equal(day[around], picture(Weather.CLEAR)[around].astype(np.uint8))


def test_a_moving_vehicle_throws_up_spray_by_rain_and_speed() -> None:
    def mist(weather: Weather, speed: float) -> float:
        ahead = [Other("a", "car", 16.0, 0.0, 0.0, speed, False)]
        spray = puffs(ahead, 0.0, 0.0, 0.0)
        wet, plain = (Developer(0).develop(street(), goal(weather, TimeOfDay.DAY), s) for s in (spray, ()))
        return float((wet.astype(np.float32) - plain)[72:110, 108:148].mean())

    assert mist(Weather.CLEAR, 12.0) == 0.0 and mist(Weather.RAIN_3, 1.0) == 0.0
    assert rises([mist(Weather.RAIN_1, 5.0), mist(Weather.RAIN_1, 12.0), mist(Weather.RAIN_2, 12.0)], by=0.5)
    assert rises([mist(Weather.RAIN_2, 12.0), mist(Weather.RAIN_3, 12.0)], by=0.5)


def test_what_stands_before_spray_hides_it() -> None:
    raw = street()
    raw[100:250, 216:296] = (60, 60, 60, TownSurface.VEHICLE)
    spray = [Puff(20.0, 0.0, 0.5, 1.0, 1.0)]
    rain = goal(Weather.RAIN_3, TimeOfDay.DAY)
    plain = Developer(0).develop(raw, rain, [Puff(20.0, 0.0, 0.5, 1.0, 0.0)])
    assert np.array_equal(Developer(0).develop(raw, rain, spray)[60:124, 110:146], plain[60:124, 110:146])


@pytest.mark.parametrize("weather", [Weather.RAIN_3, Weather.SNOW_2])
def test_drops_and_flakes_follow_the_seed(weather: Weather) -> None:
    assert np.array_equal(picture(weather, seed=4), picture(weather, seed=4))
    assert not np.array_equal(picture(weather, seed=4), picture(weather, seed=5))


def test_a_change_takes_its_two_seconds() -> None:
    air = Atmosphere()
    air.set(Weather.CLEAR, TimeOfDay.DAY)
    seen = []
    for _ in range(round(TRANSITION_SECONDS / DT)):
        air.step(Weather.SNOW_3, TimeOfDay.NIGHT)
        seen.append((air.amounts["snow"], air.amounts["night"]))
    assert rises([0.0, *(snow for snow, _ in seen)], by=0.01)
    assert seen[-1] == pytest.approx((1.0, 1.0))
