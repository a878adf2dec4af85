"""`lucidrive/Town-v0` keeps Gymnasium's contract, and says in a sentence what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import gymnasium
import numpy as np
import pytest

if missing := [name for name in ("sumo", "libsumo", "panda3d") if find_spec(name) is None]:
    pytest.skip(f"the town needs the extra `sim` ({', '.join(missing)} missing)", allow_module_level=True)

from gymnasium.utils.env_checker import check_env

from world.controls import Event, TimeOfDay, Weather
from world.data.schema import COLUMNS
from world.envs import TOWN_ID, TownEnv
from world.errors import SimulatorError

pytestmark = [pytest.mark.sim, pytest.mark.slow]


@pytest.fixture(scope="module")
def env() -> Iterator[TownEnv]:
    made = gymnasium.make(TOWN_ID, render_mode="rgb_array", town=20, seconds=4.0)
    assert isinstance(made.unwrapped, TownEnv)
    yield made.unwrapped
    made.close()


def drive(env: TownEnv, seed: int, frames: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [env.reset(seed=seed)]
    for _ in range(frames):
        rows.append(env.step(rows[-1][-1]["expert.action"]))
    return rows


def test_gymnasium_finds_nothing_wrong(env: TownEnv) -> None:
    check_env(env)


def test_gymnasium_finds_it_by_its_full_name() -> None:
    code = "import gymnasium; print(gymnasium.make('world.envs:lucidrive/Town-v0').spec.name)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "Town"


def test_the_same_seed_gives_the_same_drive_whatever_came_before(env: TownEnv) -> None:
    first, other, again = drive(env, 3, 30), drive(env, 4, 5), drive(env, 3, 30)
    assert not np.array_equal(first[5][0], other[5][0])
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one[0], two[0])
        assert one[1:-1] == two[1:-1]
        assert one[-1].keys() == two[-1].keys()
        assert all(np.array_equal(value, two[-1][name]) for name, value in one[-1].items())


def test_info_is_a_row_of_a_dataset_and_reward_is_progress(env: TownEnv) -> None:
    rows = drive(env, 5, 39)
    for _image, reward, terminated, truncated, info in rows[1:]:
        assert set(info) == set(COLUMNS) - {"action"}
        assert all(np.size(value) == COLUMNS[name].shape[0] for name, value in info.items())
        assert reward <= info["observation.state"][0] * 0.1 + 1e-6
        assert not terminated and not truncated
    assert sum(row[1] for row in rows[1:]) > 5
    assert np.array_equal(env.render(), rows[-1][0])
    assert env.step(np.zeros(2, np.float32))[3]  # 4 s are over


def test_options_are_obeyed(env: TownEnv) -> None:
    options = {"weather": "rain_2", "time": TimeOfDay.NIGHT, "event": "none", "changes": False}
    _, info = env.reset(seed=1, options=options)
    assert info["control.weather"] == Weather.RAIN_2 and info["control.time"] == TimeOfDay.NIGHT
    assert info["label.night"] == 1 and info["label.rain"] == pytest.approx(2 / 3)
    assert env.reset(seed=1, options={"event": int(Event.PED_CROSS)})[1]["control.event"] in (0, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"wether": "rain_1"}, "no option 'wether'; there are: town, weather"),
        ({"town": 99}, "no town 99; there are: train 0, 1"),
        ({"town": "Paris"}, "no town 'Paris'"),
        ({"weather": "hail"}, "no weather 'hail'; there are: clear"),
        ({"time": 9}, "no time '9'"),
        ({"event": "meteor"}, "no event 'meteor'; there are: none, ped_cross"),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(env: TownEnv, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        env.reset(seed=1, options=options)


def test_bad_actions_and_modes_are_refused(env: TownEnv) -> None:
    env.reset(seed=1)
    for action in ([0.0], [0.0, float("nan")], [0.0, 0.0, 0.0]):
        with pytest.raises(SimulatorError, match="two finite numbers"):
            env.step(np.array(action))
    with pytest.raises(SimulatorError, match="rgb_array"):
        TownEnv(render_mode="human")
    with pytest.raises(SimulatorError, match="Reset Town-v0"):
        TownEnv().step(np.zeros(2))


def test_two_in_one_process_do_not_mix(env: TownEnv) -> None:
    start, told = env.reset(seed=7)

    def same(image: np.ndarray, info: dict[str, Any]) -> bool:
        """A town that is built anew may draw surfaces at equal depth in another order: a few pixels far away."""
        return all(np.array_equal(value, told[name]) for name, value in info.items()) and (image != start).mean() < 1e-3

    second = TownEnv(town=20)
    assert same(*second.reset(seed=7))
    with pytest.raises(SimulatorError, match="process of its own"):
        env.step(np.zeros(2, np.float32))
    second.step(np.zeros(2, np.float32))
    assert same(*env.reset(seed=7))
    with pytest.raises(SimulatorError, match="process of its own"):
        second.step(np.zeros(2, np.float32))
    second.close()
    env.step(np.zeros(2, np.float32))


@pytest.mark.parametrize("route", ["left,right", ["straight"]])
def test_a_route_is_told_turn_by_turn(env: TownEnv, route: object) -> None:
    options = {"route": route, "events": 0, "weather": "clear", "changes": False}
    _, info = env.reset(seed=2, options=options)
    words = route.split(",") if isinstance(route, str) else list(route)  # type: ignore[call-overload]
    planned = [junction.direction for junction in env._town.route.junctions]
    assert planned[: len(words)] == [word[0] for word in words]
    assert info["control.event"] == 0


def test_a_drive_starts_on_the_lane_that_was_said(env: TownEnv) -> None:
    env.reset(seed=1)
    lane = env._town.route.lane()
    env.reset(seed=3, options={"route": f"{lane}:"})
    assert env._town.route.lane() == lane


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"route": "left,up"}, "no turn 'up'; there are: left, right, straight"),
        ({"route": "Broadway:left"}, "has no lane 'Broadway'; it has"),
        ({"route": ",".join(["straight"] * 40)}, "no way that goes"),
        ({"events": "many"}, "rate from 0"),
        ({"town": "none.net.xml"}, "no network file none.net.xml"),
    ],
)
def test_a_way_that_there_is_not_is_refused_in_a_sentence(env: TownEnv, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SimulatorError, match=said):
        env.reset(seed=1, options=options)


def test_two_drive_at_once_in_processes_of_their_own() -> None:
    both = gymnasium.make_vec(f"world.envs:{TOWN_ID}", num_envs=2, vectorization_mode="async", town=20)
    try:
        start, info = both.reset(seed=[3, 4], options={"events": 0})
        images, rewards, ended, _, later = both.step(info["expert.action"].astype(np.float32))
        assert images.shape == (2, 144, 256, 3) and np.isfinite(rewards).all() and not ended.any()
        assert not np.array_equal(start[0], start[1]) and not np.array_equal(images[0], start[0])
        assert later["observation.state"].shape == (2, 2)
    finally:
        both.close()
