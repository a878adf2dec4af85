"""The town: labels, signs, lights, weather, and an expert that keeps to the road."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

if missing := [name for name in ("sumo", "libsumo", "panda3d") if find_spec(name) is None]:
    pytest.skip(f"the town needs the extra `sim` ({', '.join(missing)} missing)", allow_module_level=True)

import libsumo

from world.controls import DT, TimeOfDay, Weather
from world.data.schema import COLUMNS, Episode
from world.errors import SimulatorError
from world.town.camera import TownCamera
from world.town.evaluate import NoiselessPilot, measure
from world.town.options import Options
from world.town.pilots import PILOTS
from world.town.recorder import record
from world.town.town import LIGHTS, Town
from world.town.traffic import SumoTraffic

pytestmark = [pytest.mark.sim, pytest.mark.slow]
PLAIN = Options(weather=Weather.CLEAR, time=TimeOfDay.DAY, events=0, changes=False)


@pytest.fixture(scope="module")
def shared() -> Iterator[Town]:
    camera = TownCamera()
    town = Town(20, 1, camera)
    yield town
    town.close()
    camera.close()


@pytest.fixture
def town(shared: Town) -> Town:
    shared.restart(1)
    return shared


def follow(town: Town) -> bool:
    """One frame as the expert says; True at an event's onset."""
    onset = town.choose()
    town.step(town.advice.steer, town.advice.accel)
    return onset


def recorded(town: Town, seed: int, pilot: str = "keys") -> Episode:
    town.restart(seed)
    episode = record(town, seed, 45, pilot)
    assert episode is not None
    return episode


def test_a_drive_has_every_column_and_repeats_to_the_pixel(town: Town) -> None:
    first, again, other = (recorded(town, seed) for seed in (3, 3, 4))
    assert set(first.values) == set(COLUMNS)
    assert first.images.shape == (45, 144, 256, 3)
    for name, column in COLUMNS.items():
        values = first.values[name]
        assert values.dtype == column.dtype, name
        assert values.reshape(45, -1).shape[1:] == column.shape, name
        assert np.isfinite(values).all(), name
        assert np.array_equal(values, again.values[name]), name
    assert np.abs(first.values["action"]).max() <= 1
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("side", [1, -1])
def test_positive_steer_is_left_and_positive_accel_is_faster(town: Town, side: int) -> None:
    town.reset(2, PLAIN)
    while town.speed < 4:
        before = town.speed
        town.step(0.0, 1.0)
        assert town.speed > before
    x, y, heading, offset = town.x, town.y, town.heading, town.labels()["label.lane_offset"]
    for _ in range(5):
        town.step(0.4 * side, 0.0)
        assert town.motion.yaw_rate * side > 0
    assert math.remainder(town.heading - heading, math.tau) * side > 0.1
    assert (-(town.x - x) * math.sin(heading) + (town.y - y) * math.cos(heading)) * side > 0
    assert (town.labels()["label.lane_offset"] - offset) * side > 0
    speed = town.speed
    town.step(0.0, -1.0)
    assert town.speed < speed
    assert not town.collided


def test_the_traffic_light_label_is_sumos_state(town: Town) -> None:
    town.reset(5, PLAIN)
    seen = set()
    for _ in range(700):
        follow(town)
        label = town.labels()["label.traffic_light"]
        if label:
            junction = next(j for j in town.route.junctions if j.exit > town.fix.s + 2.6 and j.signal)
            assert junction.signal is not None
            state = libsumo.trafficlight.getRedYellowGreenState(junction.signal)[junction.link].lower()
            assert label == LIGHTS[{"u": "r", "o": "g"}.get(state, state)]
        seen.add(label)
    assert {0, LIGHTS["r"], LIGHTS["g"]} <= seen


def test_night_is_dark(town: Town) -> None:
    light = {}
    for time in (TimeOfDay.DAY, TimeOfDay.NIGHT):
        town.restart(1)
        town.reset(2, Options(weather=Weather.CLEAR, time=time, events=0, changes=False))
        light[time] = town.render()[0].mean()
    assert light[TimeOfDay.NIGHT] < 0.6 * light[TimeOfDay.DAY]


def test_rain_comes_gradually_and_is_seen(town: Town) -> None:
    town.reset(2, PLAIN)
    dry = town.render()[0].astype(float)
    town.weather = Weather.RAIN_3
    amounts = []
    for _ in range(25):
        town.step(0.0, -1.0)
        amounts.append(town.labels()["label.rain"])
    steps = np.diff([0.0, *amounts])
    assert steps.min() >= 0 and steps.max() < 0.06
    assert amounts[9] == pytest.approx(0.5) and amounts[-1] == pytest.approx(1.0)
    assert np.abs(town.render()[0] - dry).mean() > 8


def test_the_expert_keeps_to_the_road(town: Town) -> None:
    town.reset(11, PLAIN)
    metres, steers, strayed = 0.0, [], []
    for _ in range(300):
        follow(town)
        metres += town.speed * DT
        steers.append(town.advice.steer)
        strayed.append(town.off_road)
    assert not any(strayed) and not town.collided
    assert metres > 60
    assert max(np.abs(steers)) > 0.2


def test_figures_add_up(town: Town) -> None:
    tally = measure(town, lambda rng: NoiselessPilot(), 400, 0)
    figures = tally.figures()
    assert tally.frames == 400
    assert figures["km"] == pytest.approx(figures["mean_speed_kmh"] * figures["minutes"] / 60)
    assert figures["collisions"] == 0 and figures["off_road_share"] < 0.02
    assert tally.drives >= 1


def test_every_pilot_stays_within_the_pedals(town: Town) -> None:
    for name, pilot in PILOTS.items():
        tally = measure(town, pilot, 150, 3)
        assert tally.metres > 10, name


def test_a_second_simulation_is_refused_in_a_sentence(town: Town) -> None:
    with pytest.raises(SimulatorError, match="one simulation a process"):
        SumoTraffic(town.network, 2)
    town.reset(1, PLAIN)
    follow(town)  # the first is none the worse
