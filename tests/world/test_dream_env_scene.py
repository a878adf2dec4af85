"""`lucidrive/Dream-v0` in scene worlds: vectors, batches, rewards, other road users, cameras with labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import bridge.envs
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from tests.world.test_dream_env import ACTION, drive, same
from world.controls import TimeOfDay, Weather
from world.dream_env import CONTACT_COST, DreamEnv
from world.dynamics.traffic_net import SIZES
from world.dynamics.vector import VECTOR
from world.envs import DREAM_ID
from world.errors import DataError, WeightsError
from world.labels.cameras import camera_set
from world.train.traffic_card import ship
from world.train.traffic_network import Net

pytestmark = pytest.mark.slow

RIG = """
rate: 2
cameras:
  front: {width: 64, height: 36}
  fish: {model: fisheye, width: 32, height: 32}
"""


@pytest.fixture(scope="module")
def places() -> Iterator[DreamEnv]:
    """Scene worlds, observed as vectors: no picture is drawn."""
    director = bridge.envs.BrainScriptWriter(lambda: cast(Any, FakeDirector()))
    made = DreamEnv(seconds=3.0, observation="vector", director=director)
    yield made
    made.close()


def test_gymnasium_finds_nothing_wrong_with_vectors(places: DreamEnv) -> None:
    check_env(places, skip_render_check=True)


def test_a_scene_is_what_is_driven_in_unless_weights_are_given(places: DreamEnv) -> None:
    seen, info = places.reset(seed=3, options={"scene": "town-21", "weather": "snow_2", "time": "night", "speed": 5.0})
    assert seen.shape == (VECTOR,) and seen.any()
    assert (info["readout.weather"], info["readout.time"]) == (Weather.SNOW_2, TimeOfDay.NIGHT)
    with pytest.raises(DataError, match="moon"):
        places.reset(options={"scene": "moon"})
    assert DreamEnv().observation_space.shape == (144, 256, 3)
    assert DreamEnv(quality=1).observation_space.shape == (108, 192, 3)


def test_pictures_and_vectors_are_of_the_same_drive(places: DreamEnv) -> None:
    drawn = DreamEnv(seconds=3.0, quality=1)
    for env in (places, drawn):
        env.reset(seed=4, options={"scene": "town-22", "event": "ped_cross", "side": "left", "level": 2})
    pairs = [(places.step(ACTION), drawn.step(ACTION)) for _ in range(4)]
    assert all(blind[1] == seen[1] and blind[4] == seen[4] for blind, seen in pairs)
    assert pairs[-1][1][0].shape == (108, 192, 3) and pairs[-1][1][0].std() > 5


def test_a_scene_goes_on_to_the_bit_in_a_batch_too(places: DreamEnv) -> None:
    places.reset(seed=5, options={"prompt": "rain(1)"})
    drive(places, 5)
    state = places.get_state()
    ahead = drive(places, 6)
    places.set_state(state)
    assert same(ahead, drive(places, 6))
    many = gymnasium.make_vec(
        DREAM_ID, num_envs=2, vectorization_mode="vector_entry_point", seconds=3.0, observation="vector"
    )
    starts, _ = many.reset(seed=7)
    vectors = [many.step(np.stack([ACTION, -ACTION]))[0] for _ in range(3)]
    for number in range(2):
        assert np.array_equal(starts[number], places.reset(seed=7 + number)[0])
        alone = [places.step((1 - 2 * number) * ACTION)[0] for _ in range(3)]
        assert all(np.array_equal(many_seen[number], one) for many_seen, one in zip(vectors, alone, strict=True))
    many.close()


def test_the_driver_of_a_scene_is_rewarded_for_its_way_and_contacts_cost(places: DreamEnv) -> None:
    info = places.reset(seed=1, options={"scene": "town-21"})[1]
    total = 0.0
    for _ in range(30):
        action = np.array([info["driver.steer"], info["driver.accel"]], np.float32)
        _, reward, _, _, info = places.step(action)
        total += reward
    assert total > 5
    places.reset(seed=2, options={"scene": "town-21", "speed": 12.0, "event": "stalled", "level": 3})
    rewards, touched = [], []
    for _ in range(200):
        _, reward, *_, info = places.step(np.array([0.0, 1.0], np.float32))
        rewards.append(reward)
        touched.append(info["readout.collision"])
        if touched[-1]:
            break
    assert touched[-1] == 1.0 and rewards[-1] < -CONTACT_COST / 2


def test_the_others_may_be_moved_by_a_network_and_take_no_notice_of_signals(places: DreamEnv, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ship({name: Net(size) for name, size in SIZES.items()}, tmp_path, {"recipe": {}})
    options: dict[str, Any] = {
        "seconds": 3.0,
        "observation": "vector",
        "traffic": str(tmp_path / "traffic"),
        "reckless": 1.0,
    }
    env = DreamEnv(**options)
    env.reset(seed=7)
    state, ahead = env.get_state(), drive(env, 6)
    env.set_state(state)
    assert same(ahead, drive(env, 6))
    places.reset(seed=7)
    assert not same(ahead, drive(places, 6))
    with pytest.raises(WeightsError, match="other weights"):
        places.set_state(state)
    with pytest.raises(WeightsError, match="other weights"):
        env.set_state(places.get_state())
    many = gymnasium.make_vec(DREAM_ID, num_envs=2, vectorization_mode="vector_entry_point", **options)
    many.reset(seed=6)
    vectors = [many.step(np.stack([ACTION, ACTION]))[0][1] for _ in range(6)]
    assert all(np.array_equal(together, alone[0]) for together, alone in zip(vectors, ahead, strict=True))
    many.close()
    world = write_tiny_world(tmp_path / "tiny")
    for wrong, said in (
        ({"traffic": "chaos"}, "say rules"),
        ({"reckless": 2.0}, "0 to 1"),
        ({"world": world, "reckless": 0.5}, "no road users"),
    ):
        with pytest.raises(DataError, match=said):
            DreamEnv(**wrong)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "rig.yaml"
    path.write_text(RIG)
    return path


def alike(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def test_several_cameras_see_with_labels_what_gymnasium_expects(rig: Path) -> None:
    made = DreamEnv(seconds=3.0, rig=rig, labels=True, render_mode="rgb_array", place="town-21", traffic="rules")
    check_env(made)
    seen = made.reset(seed=3)[0]
    names = ("front", "fish")
    assert set(seen) == {f"{name}{part}" for name in names for part in ("", ".depth", ".semantic", ".instance")}
    assert seen["front"].shape == (36, 64, 3) and seen["fish"].shape == (32, 32, 3)
    ahead = [made.step(ACTION)[0] for _ in range(3)]
    again = [made.reset(seed=3)[0], *(made.step(ACTION)[0] for _ in range(3))]
    assert alike(seen, again[0]) and all(map(alike, ahead, again[1:]))
    assert not alike(ahead[0], ahead[2]) and np.isinf(seen["front.depth"]).any()
    shown = made.render()
    assert shown is not None and np.array_equal(shown, again[-1]["front"])
    state = made.get_state()
    after = made.step(ACTION)[0]
    made.set_state(state)
    assert alike(made.step(ACTION)[0], after)


def test_cameras_of_several_dreams_that_are_stepped_as_one(rig: Path) -> None:
    options: dict[str, Any] = {"rig": camera_set(str(rig)), "seconds": 3.0, "place": "town-21", "traffic": "rules"}
    many = gymnasium.make_vec(DREAM_ID, num_envs=2, vectorization_mode="vector_entry_point", **options)
    starts, _ = many.reset(seed=7)
    assert starts["front"].shape == (2, 36, 64, 3) and set(starts) == {"front", "fish"}
    pictures = many.step(np.stack([ACTION, ACTION]))[0]
    alone = DreamEnv(**options)
    alone.reset(seed=8)
    assert alike({name: several[1] for name, several in pictures.items()}, alone.step(ACTION)[0])
    many.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rig": "periscope"}, "no cameras 'periscope'"),
        ({"rig": "front", "observation": "vector"}, "and no vectors"),
        ({"labels": True}, "Labels come with cameras"),
    ],
)
def test_cameras_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        DreamEnv(**options)
