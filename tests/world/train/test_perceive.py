"""Training the network that reads pictures: its pictures, what is done to them, and that a killed run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.errors import DataError
from world.perceive.network import SIZE, PerceiveConfig, load
from world.perceive.sight import SeenUser, Sight, targets
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.places import load_place, towns
from world.scene.state import to_bytes
from world.train import perceive, perceive_pictures
from world.train.degrade import _part, degrade
from world.train.distributed import DistributedContext
from world.train.perceive import train_perceive
from world.train.perceive_pictures import MOMENTS, drawn_pictures, moments, of_towns, traced_pictures

TINY = PerceiveConfig((8, 8, 16, 16), (0, 1, 1, 1), 8)
SIGHT = Sight(2, 1, 1, -0.4, 0.05, 23.0, 3, 2, -0.06, 0.8, 1.3, (SeenUser(0, 12.0, 1.0, 3.0, 0.45, 0.5, 0.2, 0.2),))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures a drive."""
    monkeypatch.setattr(perceive_pictures, "MOMENTS", 2)
    monkeypatch.setattr(perceive, "HELD", 2)


def a_lesson(folder: Path) -> tuple[np.ndarray, Sight]:
    """A lesson whose tracer saw plain shading; its picture and what is true of it."""
    state, rig = start(load_place(towns()["train"][0]), 3, Control(weather=Weather.RAIN_3, time=TimeOfDay.DUSK)), Rig()
    shot = Renderer().shot(state, rig)
    whole = shot.radiance * np.float32(shot.light.exposure)
    layers = {"layer.sky": (0.75 * whole).astype(np.float16), "layer.lamps": (0.25 * whole).astype(np.float16)}
    parts = {f"state.{name}": np.frombuffer(part, np.uint8) for name, part in to_bytes(state).items()}
    about = json.dumps({"place": state.places[0].name, "rig": asdict(rig), "number": 0})
    np.savez(folder / "000000.npz", about=np.array(about), **layers, **parts)
    (folder / "lessons.json").write_text(json.dumps({"split": "train"}))
    return shot.picture, targets(state, rig, shot.gbuffer.instance)


def test_lessons_become_pictures_with_what_is_true_of_them(tmp_path: Path) -> None:
    (tmp_path / "lessons").mkdir()
    picture, sight = a_lesson(tmp_path / "lessons")
    for _ in range(2):  # made, then found
        pictures = traced_pictures(tmp_path / "lessons", tmp_path / "cache", 1)
        (image,), (told,) = pictures.batch([0])
        assert np.abs(image.astype(int) - picture).mean() < 0.5
        assert (told.weather, told.time, len(told.users)) == (sight.weather, sight.time, len(sight.users))
        assert told.left == pytest.approx(sight.left, abs=1e-5)
    with pytest.raises(DataError, match="holds no lessons"):
        traced_pictures(tmp_path, tmp_path / "cache", 1)


def test_lessons_of_other_towns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say"):
        of_towns(tmp_path, "test")
    (tmp_path / "lessons.json").write_text('{"split": "train"}')
    of_towns(tmp_path, "train")
    with pytest.raises(DataError, match="of train towns; give some of test"):
        of_towns(tmp_path, "test")
    with pytest.raises(DataError, match="validation"):
        train_perceive(None, tmp_path, tmp_path / "out", 1.0, count=1)


@pytest.mark.slow
def test_drawn_pictures_are_the_same_again_and_of_cars_off_the_middle(few: None, cache: Path, tmp_path: Path) -> None:
    first, again = drawn_pictures(4, "validation", cache, 1, 1), drawn_pictures(4, "validation", tmp_path, 1, 1)
    assert len(first) == len(again) == 4
    for number in range(4):
        (one,), (sight,) = first.batch([number])
        (other,), (same,) = again.batch([number])
        assert one.shape == (*SIZE, 3) and np.array_equal(one, other) and sight == same
    assert len(drawn_pictures(4, "validation", tmp_path, 1, 1)) == 4
    with pytest.raises(DataError, match="no split"):
        drawn_pictures(4, "all", tmp_path)


def test_moments_are_askew_and_their_drive_is_not() -> None:
    result = [(state, rig) for state, rig in moments(0, "validation", 0)]
    assert len(result) == MOMENTS
    lefts = np.array([targets(state, rig).left for state, rig in result])
    assert lefts.std() > 0.3
    assert len({tuple(state.amounts[0]) for state, _ in result}) > 3
    assert len({rig.fov for _, rig in result}) == MOMENTS


def test_degraded_pictures_are_pictures_and_seeded() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3), dtype=np.uint8)
    one, sights = degrade(pictures, [SIGHT] * 6, np.random.default_rng(1))
    other, same = degrade(pictures, [SIGHT] * 6, np.random.default_rng(1))
    assert one.shape == (6, 3, *SIZE) and one.dtype == torch.float32
    assert one.min() >= 0 and one.max() <= 1 and torch.equal(one, other) and sights == same
    assert not torch.equal(one, degrade(pictures, [SIGHT] * 6, np.random.default_rng(2))[0])


def test_what_is_told_of_a_part_is_where_it_is_seen() -> None:
    """A white square stays where its road user is said to be."""
    pictures = np.zeros((24, *SIZE, 3), np.uint8)
    user = SIGHT.users[0]
    column, row = round(user.x * SIZE[1]), round(user.y * SIZE[0])
    pictures[:, row - 8 : row + 8, column - 8 : column + 8] = 255
    seen, sights = part_of(pictures)
    for picture, sight in zip(seen, sights, strict=True):
        rows, columns = np.nonzero(picture[0].numpy() > 0.5)
        assert columns.mean() + 0.5 == pytest.approx(sight.users[0].x * SIZE[1], abs=1.5)
        assert rows.mean() + 0.5 == pytest.approx(sight.users[0].y * SIZE[0], abs=1.5)
    assert len({sight.focal for sight in sights}) > 12


def part_of(pictures: np.ndarray) -> tuple[torch.Tensor, list[Sight]]:
    seen = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return _part(seen, [SIGHT] * len(seen), np.random.default_rng(0))


def train(out: Path, cache: Path, minutes: float, lessons: Path | None = None) -> dict[str, torch.Tensor]:
    compute = DistributedContext(step_seconds=1.0, mixed_precision="fp32")
    train_perceive(lessons, None, out, minutes, count=4, cache=cache, config=TINY, batch=4, compute=compute, workers=1)
    load.cache_clear()
    return dict(load(out).state_dict())


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(few: None, cache: Path, tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", cache, 0.1)
    train(tmp_path / "parts", cache, 0.05)
    parts = train(tmp_path / "parts", cache, 0.1)
    log = (tmp_path / "parts" / "perceive.csv").read_text()
    assert "validation_loss" in log.splitlines()[0]
    assert json.loads((tmp_path / "parts" / "config.json").read_text())["trained"]["steps"] == 6
    assert whole.keys() == parts.keys() and all(value.isfinite().all() for value in parts.values())


@pytest.mark.slow
def test_it_trains_on_lessons_too(few: None, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "lessons").mkdir()
    a_lesson(tmp_path / "lessons")
    train(tmp_path / "out", cache, 0.05, tmp_path / "lessons")
    trained = json.loads((tmp_path / "out" / "config.json").read_text())["trained"]
    assert trained["pictures"] == {"drawn": 4, "traced": 1}


def test_nothing_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one drawn"):
        train_perceive(None, None, tmp_path, 1.0, count=0)
