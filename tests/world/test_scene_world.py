"""Scene worlds behind the door: started, stepped, forked, saved, as latent ones are."""

from __future__ import annotations

import numpy as np
import pytest

from world.controls import Control, Weather
from world.dream import load_world, open_dream, restore, step_all
from world.errors import DataError
from world.render.camera import Pose
from world.scene.state import SceneState
from world.scene_dream import SceneDream
from world.scene_world import RULES, SIZES, SceneWorld


@pytest.fixture(scope="module")
def model() -> SceneWorld:
    world = load_world("scene")  # type: ignore[arg-type]
    assert isinstance(world, SceneWorld)
    return world


def begun(model: SceneWorld, seed: int = 3) -> SceneDream:
    dream = open_dream(model, seed, 1)
    assert isinstance(dream, SceneDream)
    dream.start()
    return dream


@pytest.mark.slow
def test_frames_count_and_have_the_dials_size(model: SceneWorld) -> None:
    dream = begun(model)
    frame = dream.step(Control(accel=0.2))
    assert (frame.index, frame.image.shape, frame.image.dtype) == (1, (*SIZES[1], 3), np.uint8)
    assert frame.readout.speed == frame.motion.speed
    dream.quality = 2
    assert dream.step(Control()).image.shape[:2] == SIZES[2]


@pytest.mark.slow
def test_a_fork_goes_its_own_way_and_leaves_the_first_alone(model: SceneWorld) -> None:
    dream = begun(model)
    other = dream.fork()
    dream.step(Control(accel=1.0))
    other.step(Control(accel=-1.0))
    assert dream.state_now.ego["speed"][0] > other.state_now.ego["speed"][0]


@pytest.mark.slow
def test_a_saved_drive_goes_on_to_the_last_bit(model: SceneWorld) -> None:
    dream = begun(model)
    dream.step(Control(steer=0.1, weather=Weather.SNOW_2))
    twin = restore(model, *dream.state())
    control = Control(accel=0.3, weather=Weather.SNOW_2)
    assert np.array_equal(twin.step(control).image, dream.step(control).image)
    assert isinstance(twin, SceneDream)
    assert twin.state_now.hash() == dream.state_now.hash()
    dream.fits(twin)


@pytest.mark.slow
def test_a_drive_by_rules_goes_on_by_rules_where_a_model_moves_the_others(model: SceneWorld) -> None:
    old = begun(load_world("plain", others=RULES))  # type: ignore[arg-type,call-arg]
    assert model.traffic is not None and old.traffic is None
    back = restore(model, *old.state())
    mixed = [back, begun(model)]
    for _ in range(12):
        frame, _ = step_all(mixed, [Control(accel=0.3)] * 2)
        assert old.step(Control(accel=0.3)).index == frame.index
    assert back.state_now.hash() == old.state_now.hash() != mixed[1].state_now.hash()
    assert "traffic" in mixed[1].state()[1]["weights"] and "traffic" not in back.state()[1]["weights"]


def test_pictures_change_nothing(model: SceneWorld) -> None:
    drawn, undrawn = begun(model), begun(model)
    drawn.smooth = True
    for _ in range(3):
        frames = step_all([drawn, undrawn], [Control(accel=0.5)] * 2)
    assert drawn.state_now.hash() == undrawn.state_now.hash()
    assert frames[1].between is None


@pytest.mark.slow
def test_looking_around_changes_nothing(model: SceneWorld) -> None:
    looked, other = begun(model), begun(model)
    before, ego = looked.state_now.hash(), looked.state_now.ego[0]
    for away in (0.0, 40.0, 300.0):
        seen = looked.seen_from(Pose(float(ego["x"]) + away, float(ego["y"]), 30.0, 1.0, -0.7))
        assert seen.shape == (*SIZES[1], 3)
    with pytest.raises(DataError, match="within 600 m of our car"):
        looked.seen_from(Pose(float(ego["x"]) + 601.0, float(ego["y"]), 30.0, 1.0, -0.7))
    assert looked.surround().shape == (2, 3, *SIZES[1], 3)
    assert looked.state_now.hash() == before
    control = Control(accel=0.5)
    assert np.array_equal(looked.step(control).image, other.step(control).image)
    assert looked.state_now.hash() == other.state_now.hash()


@pytest.mark.slow
def test_after_an_error_every_dream_is_as_it_was(model: SceneWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = begun(model), begun(model, 4)
    before = [dream.state_now.hash() for dream in (first, second)]

    def fails(after: SceneState, control: Control) -> None:
        raise DataError("no picture")

    monkeypatch.setattr(second, "went", fails)
    with pytest.raises(DataError, match="no picture"):
        step_all([first, second], [Control(accel=0.5)] * 2)
    assert [dream.state_now.hash() for dream in (first, second)] == before
    assert first.index == second.index == 0


def test_what_does_not_fit_is_a_sentence(model: SceneWorld) -> None:
    with pytest.raises(DataError, match="0, 1, 2, 4, 8, 16 on the dial, not 3"):
        open_dream(model, 0, 3)
    with pytest.raises(DataError, match="start scene"):
        model.scene("nowhere")
    with pytest.raises(DataError, match="Start the dream"):
        open_dream(model).step(Control())
    with pytest.raises(DataError, match="8 x 8 pixels"):
        open_dream(model).start(frames=np.zeros((1, 8, 8, 3), np.uint8))
