"""`lucidrive/Dream-v0` keeps Gymnasium's contract, goes on to the bit, and says in a sentence what it cannot do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import bridge.envs
from bridge.errors import SessionError
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from world.controls import Command, TimeOfDay, Weather
from world.dream_env import OFF_ROAD_COST, DreamEnv
from world.dream_script import CRUISE
from world.envs import DREAM_ID
from world.errors import DataError, LucidriveError, WeightsError
from world.scene_dream import SceneDream

pytestmark = pytest.mark.slow

ACTION = np.array([0.2, 0.1], np.float32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_world(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def env(world: Path) -> Iterator[DreamEnv]:
    director = bridge.envs.BrainScriptWriter(lambda: cast(Any, FakeDirector()))
    made = gymnasium.make(DREAM_ID, world=world, seconds=3.0, render_mode="rgb_array", director=director)
    assert isinstance(made.unwrapped, DreamEnv)
    yield made.unwrapped
    made.close()


def drive(env: DreamEnv, frames: int) -> list[tuple[Any, ...]]:
    return [env.step(ACTION) for _ in range(frames)]


def same(a: list[tuple[Any, ...]], b: list[tuple[Any, ...]]) -> bool:
    return all(np.array_equal(one[0], two[0]) and one[1:] == two[1:] for one, two in zip(a, b, strict=True))


def test_gymnasium_finds_nothing_wrong(env: DreamEnv) -> None:
    check_env(env)


@pytest.mark.parametrize("module", ["world", "bridge"])
def test_gymnasium_finds_it_by_its_full_name(module: str, world: Path) -> None:
    code = (
        f"import gymnasium; print(gymnasium.make('{module}.envs:{DREAM_ID}', world={str(world)!r}).unwrapped.director)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("BrainScriptWriter" in told.stdout) == (module == "bridge")


def test_the_same_seed_gives_the_same_drive(env: DreamEnv) -> None:
    runs = []
    for seed in (3, 3, 4):
        env.reset(seed=seed)
        runs.append(drive(env, 4))
    assert same(runs[0], runs[1])
    assert not np.array_equal(runs[0][3][0], runs[2][3][0])


def test_info_is_what_the_dream_says_of_itself_and_reward_comes_of_it(env: DreamEnv) -> None:
    env.reset(seed=1)
    image, reward, terminated, truncated, info = env.step(ACTION)
    shown = env.render()
    assert shown is not None and np.array_equal(shown, image)
    off = info["readout.off_road"]
    assert reward == pytest.approx(max(0.0, info["readout.speed"]) * 0.1 * (1 - off) - OFF_ROAD_COST * off)
    assert not terminated and not truncated
    assert (info["control.steer"], info["control.accel"]) == pytest.approx((0.2, 0.1))
    assert -1 <= info["driver.steer"] <= 1 and -1 <= info["driver.accel"] <= 1
    assert info["target_speed"] == pytest.approx(CRUISE)
    assert all(isinstance(value, float | int | str) for value in info.values())
    assert [step[3] for step in drive(env, 29)] == [False] * 28 + [True]  # 3 s are over


def test_options_are_obeyed(env: DreamEnv) -> None:
    options = {"scene": "street", "weather": "rain_2", "time": TimeOfDay.NIGHT, "command": "left", "speed": 3.0}
    first = env.reset(seed=1, options=options)[1]
    info = env.step(ACTION)[4]
    assert (info["control.weather"], info["control.time"]) == (Weather.RAIN_2, TimeOfDay.NIGHT)
    assert info["control.command"] == Command.LEFT
    assert first["motion.speed"] == pytest.approx(3.0)
    start = env.reset(seed=1, options={"scene": None, "event": "ped_cross", "side": "left", "level": 3})[0]
    assert not np.array_equal(start, env.reset(seed=1)[0])


def test_a_prompt_becomes_controls_in_time(env: DreamEnv) -> None:
    info = env.reset(seed=1, options={"prompt": "turn left in the rain"})[1]
    assert info["plan"] == "left;rain(2)"
    controls = [step[4]["control.weather"] for step in drive(env, 2)]
    assert controls == [Weather.RAIN_2] * 2
    env.reset(seed=1, options={"prompt": "night@+1"})  # a line of the plan language needs no brain
    times = [step[4]["control.time"] for step in drive(env, 14)]
    assert times[:9] == [TimeOfDay.DAY] * 9 and times[-1] == TimeOfDay.NIGHT
    with pytest.raises(SessionError):
        env.reset(seed=1, options={"prompt": "fly"})


@pytest.mark.parametrize("options", [{}, {"scene": None}, {"prompt": "left;night@+1;rain(2)@next"}])
def test_a_state_goes_on_to_the_bit(env: DreamEnv, world: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    env.reset(seed=5, options=options)
    drive(env, 6)
    np.savez(tmp_path / "state.npz", **env.get_state())
    ahead = [*drive(env, 12), env.reset()]
    with np.load(tmp_path / "state.npz") as file:
        state = dict(file)
    other = DreamEnv(world, seconds=3.0, director=env.director)
    for one in (env, other):
        one.set_state(state)
        assert same(ahead[:12], drive(one, 12))
        again = one.reset()  # the next episode too
        assert np.array_equal(again[0], ahead[12][0]) and again[1] == ahead[12][1]


def test_a_state_is_a_fork(env: DreamEnv) -> None:
    env.reset(seed=2)
    drive(env, 3)
    state = env.get_state()
    kept = {name: array.copy() for name, array in state.items()}
    fast = [env.step(np.array([0.0, 1.0]))[4]["motion.speed"] for _ in range(10)]
    env.set_state(state)
    slow = [env.step(np.array([0.0, -1.0]))[4]["motion.speed"] for _ in range(10)]
    assert fast[-1] - slow[-1] > 2
    assert all(array.tobytes() == state[name].tobytes() for name, array in kept.items())  # NaN included


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_several_are_each_as_if_alone(env: DreamEnv, world: Path, mode: str) -> None:
    many = gymnasium.make_vec(
        DREAM_ID, num_envs=3, vectorization_mode=mode, world=world, seconds=0.4, director=env.director
    )
    starts, _ = many.reset(seed=7, options={"prompt": "rain(1)"})
    actions = np.stack([ACTION, -ACTION, 0 * ACTION])
    alone = [DreamEnv(world, seconds=0.4, director=env.director) for _ in range(3)]
    for number, one in enumerate(alone):
        assert np.array_equal(starts[number], one.reset(seed=7 + number, options={"prompt": "rain(1)"})[0])
    for frame in range(1, 8):
        images, rewards, terminated, truncated, infos = many.step(actions)
        for number, one in enumerate(alone):
            image, reward, _, over, info = (
                (one.reset()[0], 0.0, False, False, {}) if frame == 5 else one.step(actions[number])
            )
            assert np.abs(images[number].astype(int) - image).max() <= 1
            assert (truncated[number], terminated[number]) == (over, False)
            assert rewards[number] == pytest.approx(reward, abs=1e-3)
            for name in info.keys() & {"control.weather", "motion.speed"}:
                assert infos[name][number] == info[name]
    many.close()


def vectors(world: Path, mode: str, autoreset: AutoresetMode) -> Any:
    """Two dreams of 0.4 s."""
    how: dict[str, Any] = {"autoreset_mode": autoreset}
    how = {"vector_kwargs": how} if mode == "sync" else how
    return gymnasium.make_vec(DREAM_ID, num_envs=2, vectorization_mode=mode, world=world, seconds=0.4, **how)


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_episodes_that_begin_anew_with_the_same_step(world: Path, mode: str) -> None:
    many = vectors(world, mode, AutoresetMode.SAME_STEP)
    alone = [DreamEnv(world, seconds=0.4) for _ in range(2)]
    many.reset(seed=7)
    for number, one in enumerate(alone):
        one.reset(seed=7 + number)
    actions = np.stack([ACTION, -ACTION])
    for frame in range(1, 7):
        images, rewards, _, truncated, infos = many.step(actions)
        for number, one in enumerate(alone):
            image, reward, _, over, info = one.step(actions[number])
            assert truncated[number] == over == (frame == 4)
            assert rewards[number] == pytest.approx(reward, abs=1e-3)
            if over:
                assert np.abs(infos["final_obs"][number].astype(int) - image).max() <= 1
                assert infos["final_info"]["motion.speed"][number] == pytest.approx(info["motion.speed"], abs=1e-4)
                image = one.reset()[0]
            assert np.abs(images[number].astype(int) - image).max() <= 1
    many.close()


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_episodes_that_are_begun_anew_by_hand(world: Path, mode: str) -> None:
    many = vectors(world, mode, AutoresetMode.DISABLED)
    many.reset(seed=7)
    actions = np.stack([ACTION, -ACTION])
    assert [many.step(actions)[3].all() for _ in range(4)] == [False, False, False, True]
    many.reset(options={"reset_mask": np.array([True, False])})
    if mode == "vector_entry_point":
        with pytest.raises(DataError, match="episodes 1 are over"):
            many.step(actions)
    many.reset(options={"reset_mask": np.array([False, True])})
    assert not many.step(actions)[3].any()
    many.close()


def test_processes_that_are_forked_after_torch_has_computed(world: Path) -> None:
    code = (
        "import gymnasium, torch; torch.ones(999, 999) @ torch.ones(999, 999)\n"
        f"many = gymnasium.make_vec('world.envs:{DREAM_ID}', 2, 'async', vector_kwargs={{'context': 'fork'}}, world={str(world)!r})\n"
        "many.reset(seed=1); print(many.step(many.action_space.sample())[0].shape); many.close()"
    )
    settings = os.environ | {"OMP_NUM_THREADS": "2"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=settings)
    assert told.returncode == 0 and "(2, 72, 128, 3)" in told.stdout, told.stderr


def test_processes_that_are_forked_after_scenes_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr("world.dream_env.IMPORTED_IN", -1)
    monkeypatch.setattr("numba.threading_layer", lambda: "omp")
    try:
        with pytest.raises(DataError, match="let processes be spawned"):
            DreamEnv(quality=1).reset()
    finally:
        torch.set_num_threads(threads)


def test_several_in_processes_of_their_own(world: Path) -> None:
    many = gymnasium.make_vec(
        DREAM_ID, num_envs=2, vectorization_mode="async", vector_kwargs={"context": "spawn"}, world=world
    )
    try:
        images, _ = many.reset(seed=7)
        assert images.shape == (2, 72, 128, 3)
        images, rewards, *_ = many.step(np.stack([ACTION, ACTION]))
        assert not np.array_equal(images[0], images[1])
        assert np.isfinite(rewards).all()
    finally:
        many.close()


def test_there_are_as_many_others_as_asked() -> None:
    made = DreamEnv(seconds=3.0, observation="vector", traffic="rules")
    found = []
    for density in (0.0, 0.5, 1.5):
        made.reset(seed=4, options={"scene": "town-21", "density": density})
        assert isinstance(made.dream, SceneDream)
        found.append(np.count_nonzero(made.dream.state_now.agents["kind"]))
    assert found[0] == 0 < found[1] < found[2]
    for odd in (-1.0, 2.5, "many"):
        with pytest.raises(DataError, match="density of traffic is 0 to 2"):
            made.reset(options={"scene": "town-21", "density": odd})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"wether": "rain_1"}, "no option 'wether'; there are: place, scene, prompt, weather"),
        ({"scene": "moon"}, "no start scene 'moon'; there are: street"),
        ({"weather": "hail"}, "no weather 'hail'; there are: clear"),
        ({"time": 9}, "no time '9'"),
        ({"command": [1]}, "no command"),
        ({"event": "animal", "level": 7}, "level 1, 2 or 3"),
        ({"density": 0.5}, "latent world"),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(env: DreamEnv, options: dict[str, Any], said: str) -> None:
    env.reset(seed=1)
    with pytest.raises(LucidriveError, match=said):
        env.reset(seed=1, options=options)
    env.step(ACTION)  # the episode before goes on


def test_misuse_is_refused_in_a_sentence(env: DreamEnv, world: Path, tmp_path: Path) -> None:
    fresh = DreamEnv(world)
    for early in (lambda: fresh.step(ACTION), fresh.get_state):
        with pytest.raises(DataError, match="Reset Dream-v0"):
            early()
    with pytest.raises(DataError, match="reads no sentences"):
        fresh.reset(options={"prompt": "left"})
    env.reset(seed=1)
    for action in ([0.0], [0.0, float("nan")], [0.0, 0.0, 0.0]):
        with pytest.raises(DataError, match="two finite numbers"):
            env.step(np.array(action))
    with pytest.raises(DataError, match="rgb_array"):
        DreamEnv(world, render_mode="human")
    with pytest.raises(WeightsError, match="no world weights"):
        DreamEnv(tmp_path)
    state = env.get_state()
    other = DreamEnv(write_tiny_world(tmp_path / "other", seed=5))
    with pytest.raises(WeightsError, match="other weights"):
        other.set_state(state)
    for broken in ({}, state | {"words": state["words"][:-9]}, {k: v for k, v in state.items() if k != "dream.cache"}):
        with pytest.raises(DataError, match="no state"):
            env.set_state(broken)
    env.step(ACTION)


def test_a_latent_world_has_no_vectors(world: Path) -> None:
    with pytest.raises(DataError, match="knows its pictures alone"):
        DreamEnv(world, observation="vector")
