"""The contract of a dream: the same seed gives the same frames, forks part, saved dreams go on, memory stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_world import write_tiny_world
from world.controls import NULL, Command, Control, TimeOfDay
from world.dream import step_all
from world.errors import DataError, WeightsError
from world.frame import Frame
from world.latent.dream import LatentDream, drive_all
from world.model import WorldModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WorldModel:
    return WorldModel.load(write_tiny_world(tmp_path_factory.mktemp("tiny")))


def drive(dream: LatentDream, frames: int = 5, steer: float = 0.2) -> list[Frame]:
    return [dream.step(Control(steer=steer, accel=0.1)) for _ in range(frames)]


def same(a: list[Frame], b: list[Frame]) -> bool:
    return all(
        np.array_equal(one.image, two.image) and one.readout == two.readout for one, two in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("start", [{"scene": "street"}, {}, {"frames": np.full((1, 90, 200, 3), 99, np.uint8)}])
def test_the_same_seed_gives_the_same_frames_and_another_seed_others(model: WorldModel, start: dict) -> None:
    runs = []
    for seed in (3, 3, 4):
        dream = LatentDream(model, seed)
        runs.append([dream.start(Control(), **start), *drive(dream)])
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])
    assert runs[0][-1].index == 5
    assert runs[0][-1].image.shape == (72, 128, 3)


def test_the_same_dream_can_be_started_again(model: WorldModel) -> None:
    dream = LatentDream(model, 1)
    runs = [[dream.start(scene="street"), *drive(dream)] for _ in range(2)]
    assert same(*runs)


def test_forks_share_their_past_and_part_by_what_they_are_told(model: WorldModel) -> None:
    dream = LatentDream(model, 1)
    dream.start(scene="street")
    drive(dream)
    other, third = dream.fork(), dream.fork()
    ahead = drive(dream, 4)
    assert same(ahead, drive(other, 4))
    braked = third.step(Control(accel=-1.0))
    assert braked.motion.speed < ahead[0].motion.speed
    assert not np.array_equal(braked.image, ahead[0].image)


def test_a_saved_dream_goes_on_where_it_was(model: WorldModel, tmp_path: Path) -> None:
    dream = LatentDream(model, 1)
    dream.start(scene="street")
    drive(dream)
    dream.save(tmp_path / "dream.safetensors")
    loaded = LatentDream.load(model, tmp_path / "dream.safetensors")
    assert loaded.frame is not None
    assert dream.frame is not None
    assert loaded.frame.readout == dream.frame.readout
    assert same(drive(dream), drive(loaded))


def test_what_is_kept_does_not_grow(model: WorldModel) -> None:
    dream = LatentDream(model, 1)
    dream.start(scene="street")

    def kept() -> int:
        return sum(tensor.numel() for tensor in (dream.state_now.latents, dream.state_now.cache))

    drive(dream, 8)
    before = kept()
    drive(dream, 20)
    assert kept() == before


def test_any_part_of_a_control_may_be_left_out(model: WorldModel) -> None:
    dream = LatentDream(model, 1)
    nothing = Control(float("nan"), float("nan"), NULL, NULL, NULL, NULL, NULL, NULL)
    dream.start(nothing)
    frame = dream.step(nothing)
    assert frame.image.dtype == np.uint8


def test_conditions_reach_the_picture(model: WorldModel) -> None:
    pictures = []
    for time in (TimeOfDay.DAY, TimeOfDay.NIGHT):
        dream = LatentDream(model, 1)
        dream.start(scene="street")
        pictures.append(dream.step(Control(time=time)).image)
    assert not np.array_equal(*pictures)


def test_the_driver_gives_an_action_within_range(model: WorldModel) -> None:
    dream = LatentDream(model, 1)
    dream.start(scene="street")
    action = dream.drive(Command.LEFT, 8.0)
    assert -1 <= action.steer <= 1
    assert -1 <= action.accel <= 1


def test_the_model_says_what_it_knows(model: WorldModel) -> None:
    assert model.scenes == ("street",)
    assert model.vocabulary == {"clear", "day", "left"}
    assert set(model.hashes) >= {"tokenizer.safetensors", "dynamics.safetensors"}


def test_bad_starts_are_refused_in_a_sentence(model: WorldModel) -> None:
    dream = LatentDream(model)
    with pytest.raises(DataError, match="no start scene 'moon'; there are: street"):
        dream.start(scene="moon")
    with pytest.raises(DataError, match="uint8"):
        dream.start(frames=np.zeros((2, 72, 128, 3), np.float32))
    with pytest.raises(DataError, match="Start the dream"):
        dream.step(Control())
    with pytest.raises(DataError, match="K must be"):
        LatentDream(model, quality=3)


def test_damaged_weights_are_refused_before_use(tmp_path: Path) -> None:
    folder = write_tiny_world(tmp_path / "tiny")
    path = folder / "dynamics.safetensors"
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for bad in (bytes(flipped), good[:-10], good + b"x", b""):
        path.write_bytes(bad)
        with pytest.raises(WeightsError, match="checksum"):
            WorldModel.load(folder)
    path.unlink()
    with pytest.raises(WeightsError, match="missing"):
        WorldModel.load(folder)
    path.write_bytes(good)
    config = json.loads((folder / "config.json").read_text())
    config["parts"]["dynamics"]["colour"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="checksum"):
        WorldModel.load(folder)
    config["format"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another version"):
        WorldModel.load(folder)
    with pytest.raises(WeightsError, match="no world weights"):
        WorldModel.load(tmp_path / "nowhere")


def test_a_damaged_dream_is_refused(model: WorldModel, tmp_path: Path) -> None:
    path = tmp_path / "dream.safetensors"
    dream = LatentDream(model)
    dream.start(scene="street")
    dream.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a saved dream"):
        LatentDream.load(model, path)
    other = WorldModel.load(write_tiny_world(tmp_path / "other", seed=5))
    dream.save(path)
    with pytest.raises(WeightsError, match="other weights"):
        LatentDream.load(other, path)
    with pytest.raises(DataError, match="could not be saved"):
        dream.save(tmp_path / "no" / "such" / "folder")


def company(model: WorldModel) -> list[LatentDream]:
    """Dreams of different age, start and K; the last two are alike but for their seed."""
    dreams = [
        LatentDream(model, 1),
        LatentDream(model, 2, quality=4),
        LatentDream(model, 3),
        LatentDream(model, 4),
        LatentDream(model, 5),
    ]
    for dream in dreams[:3]:
        dream.start(scene="street")
    for dream in dreams[3:]:
        dream.start(Control(time=TimeOfDay.NIGHT))
    drive(dreams[0], 2)
    return dreams


@pytest.mark.slow
def test_many_dreams_step_as_each_would_alone(model: WorldModel) -> None:
    together, alone = company(model), company(model)
    controls = [Control(steer=0.1 * place, accel=0.1, command=place) for place in range(5)]
    for number in range(6):  # their caches of different lengths fill meanwhile
        frames = step_all(together, controls)
        actions = drive_all(together, [Command.LEFT] * 5, [4.0, 5.0, 6.0, 7.0, 8.0])
        for place, dream in enumerate(alone):
            frame = dream.step(controls[place])
            assert (frame.index, frame.control, frame.motion) == (
                frames[place].index,
                frames[place].control,
                frames[place].motion,
            )
            assert np.abs(frame.image.astype(int) - frames[place].image).max() <= 1
            np.testing.assert_allclose(
                dream.state_now.latents[-1], together[place].state_now.latents[-1], atol=1e-4 * (number + 1)
            )
            assert together[place].frame is frames[place]
            action = dream.drive(Command.LEFT, 4.0 + place)
            np.testing.assert_allclose(
                [action.steer, action.accel], [actions[place].steer, actions[place].accel], atol=1e-3
            )
    assert len({frame.image.tobytes() for frame in frames}) == 5


def test_a_batch_of_one_is_a_step(model: WorldModel) -> None:
    one, two = company(model)[0], company(model)[0]
    assert same(drive(one), [step_all([two], [Control(steer=0.2, accel=0.1)])[0] for _ in range(5)])
    assert step_all([], []) == [] and drive_all([], [], []) == []


def test_a_batch_leaves_no_dream_behind_when_one_falls_apart(model: WorldModel) -> None:
    dreams, alone = company(model), company(model)
    broken = dreams[3]
    good = broken.state_now
    broken._state = replace(good, latents=good.latents * float("nan"))
    controls = [Control()] * 5
    with pytest.raises(DataError, match="fell apart"):
        step_all(dreams, controls)
    broken._state = good
    for dream, other in zip(dreams, alone, strict=True):
        assert dream.index == other.index
        assert same([dream.step(Control())], [other.step(Control())])


def test_what_cannot_be_batched_is_refused(model: WorldModel) -> None:
    dream = LatentDream(model)
    with pytest.raises(DataError, match="Start the dream before"):
        step_all([dream], [Control()])
    with pytest.raises(DataError, match="Start the dreams"):
        drive_all([dream], [0], [8.0])
    dream.start()
    with pytest.raises(ValueError, match="two steps"):
        step_all([dream, dream], [Control()] * 2)


def test_what_a_batch_keeps_does_not_grow(model: WorldModel) -> None:
    dreams = company(model)

    def kept() -> int:
        states = [one.state_now for one in dreams]
        parts = [tensor for state in states for tensor in (state.latents, state.cache, state.hidden)]
        return sum(tensor.untyped_storage().nbytes() for tensor in parts)

    for _ in range(8):
        step_all(dreams, [Control()] * 5)
    before = kept()
    for _ in range(5):
        step_all(dreams, [Control()] * 5)
    assert kept() == before


def test_what_if_i_had_braked(model: WorldModel) -> None:
    dream, untouched = LatentDream(model, 1), LatentDream(model, 1)
    for one in (dream, untouched):
        one.start(scene="street")
    past = drive(dream, 4, steer=0.0)
    assert same(past, drive(untouched, 4, steer=0.0))  # forks of one past: their pictures so far are these
    other = dream.fork()
    assert dream.frame is not None and other.frame is dream.frame
    for second in range(10):
        ahead, braked = dream.step(Control(accel=0.1)), other.step(Control(accel=-1.0))
        assert same([ahead], [untouched.step(Control(accel=0.1))]), f"the fork was felt after {second + 1} frames"
    assert not np.array_equal(ahead.image, braked.image)
    assert ahead.motion.speed - braked.motion.speed > 2
    again = dream.fork()
    assert same(drive(dream), drive(again))
