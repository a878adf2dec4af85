"""The judge: learns from made-up drives what they show, is shipped and refused like all weights, and sees what it should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from world.controls import Event, Side, TimeOfDay, Weather
from world.data import Episode, EpisodeWriter, assemble
from world.data.schema import COLUMNS
from world.errors import DataError, WeightsError
from world.judge import Judge, JudgeConfig, matches, save
from world.train.compute import Compute
from world.train.drives import Drives
from world.train.judge import UNKNOWN, VISIBLE, Truth, accuracy, summary, train_judge

FRAMES = 60
SMALL = JudgeConfig(height=36, width=64, channels=(8, 8, 16, 16), hidden=32, features=16)


def drive(seed: int) -> Episode:
    """Day or night, and in the second half a bright box to the left or right; the scene slides sideways as the car turns."""
    generator = np.random.default_rng(seed)
    night, left, rate = seed % 2, seed // 2 % 2, generator.uniform(-0.3, 0.3)
    values = {name: np.zeros((FRAMES, *column.shape)) for name, column in COLUMNS.items()}
    values["control.time"][:] = TimeOfDay.NIGHT if night else TimeOfDay.DAY
    values["observation.state"][:] = 6.0, rate
    scene = np.repeat(generator.integers(60, 200, (1, 128), np.uint8), 72, axis=0)
    images = np.zeros((FRAMES, 72, 128, 3), np.uint8)
    for frame in range(FRAMES):
        images[frame] = np.roll(scene, round(6.4 * rate * frame), axis=1)[..., None] // (4 if night else 1)
        if frame >= FRAMES // 2:
            images[frame, 40:60, slice(10, 34) if left else slice(94, 118)] = 250, 40, 40
    half = slice(FRAMES // 2, None)
    values["control.event"][half] = Event.ANIMAL
    values["control.side"][half] = Side.LEFT if left else Side.RIGHT
    values["control.level"][half] = 2
    values["event.visible_pixels"][half] = 4 * VISIBLE
    return Episode(images, values)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seen")
    with EpisodeWriter(root / "shard") as writer:
        for seed in range(4):
            writer.append(drive(seed))
    return assemble(root / "set", [root / "shard"])


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judge")
    train_judge(dataset, dataset, out, config=SMALL, minutes=1.0, compute=Compute(step_seconds=0.15))  # 400 steps
    return out


@pytest.mark.slow
def test_it_learns_what_the_frames_show(trained: Path, dataset: Path) -> None:
    said = accuracy(Judge.load(trained), Drives.load(dataset, (36, 64), trained / "cache"))
    assert said["time"] == {"day": 1.0, "night": 1.0}
    assert said["event"]["animal"] > 0.9
    assert said["event"]["none"] > 0.9
    assert said["side"] > 0.9
    assert set(summary(said)) >= {"weather", "time", "event"}
    trained_as = json.loads((trained / "config.json").read_text())["trained"]
    assert trained_as["held_out"]["time"] == said["time"]
    assert trained_as["frames"] == 4 * FRAMES


@pytest.mark.slow
def test_a_finished_training_goes_on_from_its_checkpoint(trained: Path, dataset: Path) -> None:
    before = json.loads((trained / "config.json").read_text())["trained"]["steps"]
    train_judge(dataset, dataset, trained, config=SMALL, minutes=1.02, compute=Compute(step_seconds=0.15))
    assert before < json.loads((trained / "config.json").read_text())["trained"]["steps"] <= before + 9


@pytest.mark.slow
def test_a_judge_can_be_gone_on_with_and_keeps_what_it_knows(trained: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "on"
    few = Compute(step_seconds=0.15)
    train_judge(dataset, dataset, out, config=SMALL, minutes=0.02, compute=few, begin=trained)  # 8 steps
    trained_as, before = (json.loads((folder / "config.json").read_text())["trained"] for folder in (out, trained))
    assert trained_as["minutes"] == pytest.approx(before["minutes"] + 0.02)
    assert trained_as["held_out"]["event"]["animal"] > 0.9


def test_nothing_is_learnt_of_what_can_hardly_be_seen(dataset: Path, tmp_path: Path) -> None:
    drives = Drives.load(dataset, (72, 128), tmp_path)
    pixels = drives.dataset.column("event.visible_pixels").copy()
    pixels[FRAMES // 2] = VISIBLE - 1
    pixels[FRAMES // 2 + 1] = 0

    class Changed:
        dataset, fields, age, motions = drives.dataset, drives.fields, drives.age, drives.motions

        def __len__(self) -> int:
            return len(drives)

        def column(self, name: str) -> torch.Tensor:
            return torch.from_numpy(pixels) if name == "event.visible_pixels" else drives.column(name)

    truth = Truth(Changed())  # type: ignore[arg-type]
    assert truth.classes["event"][FRAMES // 2] == UNKNOWN
    assert truth.classes["event"][FRAMES // 2 + 1] == Event.NONE
    assert truth.classes["event"][FRAMES // 2 + 2] == Event.ANIMAL
    assert truth.flags[:, 0].isnan().sum() == len(drives) - 4 * FRAMES // 2 + 2
    assert (truth.classes["weather"][drives.age > 0] == Weather.CLEAR).all()


def test_a_shifted_picture_matches_best_at_its_shift() -> None:
    picture = torch.rand(1, 1, 72, 136, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    moved = torch.stack([picture[..., 4:132], picture[..., 4:132], picture[..., 4:132], picture[..., 1:129]], dim=1)
    costs = matches(moved)  # the newest picture is the one before it, moved three pixels to the right
    assert costs.shape[2:] == (9, 16)
    assert costs[0, :17, 4, 8].argmin() == 8 + 3


def test_it_watches_films_of_any_size_from_their_first_frame() -> None:
    torch.manual_seed(0)
    judge = Judge(SMALL).eval()
    film = np.random.default_rng(0).integers(0, 255, (12, 144, 256, 3), np.uint8)
    sight = judge.watch(film)
    assert len(sight) == 12
    assert sight.features.shape == (12, 16)
    last = judge.watch(film, np.array([11]))
    assert np.allclose(last.features, sight[11:].features, atol=1e-5)
    assert (sight.speed >= 0).all()


def test_weights_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no judge"):
        Judge.load(tmp_path)
    save(Judge(SMALL), tmp_path, {})
    assert Judge.load(tmp_path).config == SMALL
    weights = tmp_path / "judge.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(WeightsError, match="damaged"):
        Judge.load(tmp_path)
    save(Judge(SMALL), tmp_path, {})
    config = json.loads((tmp_path / "config.json").read_text())
    config["config"]["features"] = 24
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another configuration"):
        Judge.load(tmp_path)


def test_drives_that_do_not_say_what_they_show_are_refused(tmp_path: Path) -> None:
    plain = drive(0)
    values = {name: plain.values[name] for name in ("action", "observation.state")}
    with EpisodeWriter(tmp_path / "shard") as writer:
        writer.append(Episode(plain.images, values))
    assemble(tmp_path / "set", [tmp_path / "shard"])
    with pytest.raises(DataError, match="does not say what its frames show"):
        train_judge(tmp_path / "set", tmp_path / "set", tmp_path / "out", config=SMALL, minutes=0.01)
