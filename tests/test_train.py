"""Training from a dataset to weights, on a tiny model and a few made-up drives: it runs, resumes, and ships."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_world import TINY
from world import kinematics
from world.controls import Control, TimeOfDay, Weather
from world.data import Episode, EpisodeWriter, assemble
from world.data.schema import COLUMNS
from world.dream import Dream, WorldModel
from world.errors import DataError
from world.files import write_config
from world.kinematics import Motion
from world.train import train
from world.train.drives import Drives
from world.train.dynamics import HORIZONS
from world.train.release import release
from world.train.samples import SAMPLES

FRAMES = 60


def made_up_drive(seed: int) -> Episode:
    """A grey road under a sky, with a lane mark that moves as the car does."""
    generator = np.random.default_rng(seed)
    motion, travelled = Motion(6.0), 0.0
    images = np.zeros((FRAMES, 72, 128, 3), np.uint8)
    values = {name: np.zeros((FRAMES, *column.shape)) for name, column in COLUMNS.items()}
    values["control.weather"][:] = Weather.CLEAR
    values["control.time"][:] = TimeOfDay.DAY
    for frame in range(FRAMES):
        steer, accel = generator.uniform(-0.01, 0.01), generator.uniform(-0.1, 0.2)
        images[frame, :36], images[frame, 36:] = (130, 170, 220), (90, 90, 95)
        images[frame, 36 + int(travelled * 8) % 36 :: 36, 60:68] = 240
        values["action"][frame] = values["expert.action"][frame] = steer, accel
        values["expert.target_speed"][frame] = 8.0
        values["observation.state"][frame] = motion.speed, motion.yaw_rate
        motion = kinematics.step(motion, steer, accel)
        travelled += motion.speed * 0.1
    return Episode(images, values)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drives")
    with EpisodeWriter(root / "shard") as writer:
        for seed in range(3):
            writer.append(made_up_drive(seed))
    return assemble(root / "set", [root / "shard"])


def progress(path: Path) -> tuple[int, float]:
    """Steps and seconds so far, by the log."""
    with path.open() as file:
        last = list(csv.DictReader(file))[-1]
    return int(last["step"]), float(last["seconds"])


@pytest.mark.slow
def test_from_a_dataset_to_weights_that_dream(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    write_config(out, TINY, {})
    said: list[str] = []
    for part in ("tokenizer", "dynamics", "driver"):
        train(part, dataset, dataset, out, minutes=0.03, report=lambda fraction, text: said.append(text))
    step, seconds = progress(out / "tokenizer.csv")
    train("tokenizer", dataset, dataset, out, minutes=seconds / 60 + 0.02)  # more minutes: goes on from the checkpoint
    assert progress(out / "tokenizer.csv")[0] > step
    assert any("psnr" in text for text in said)
    with Image.open(sorted((out / "samples").glob("dynamics-clips-*.png"))[-1]) as sheet:
        assert sheet.size == (TINY.tokenizer.width * len(HORIZONS), TINY.tokenizer.height * 2 * SAMPLES)
    assert list((out / "samples").glob("tokenizer-*.png"))

    release(out, dataset, tmp_path / "weights")
    model = WorldModel.load(tmp_path / "weights")
    assert {"clear", "day", "follow"} <= model.vocabulary
    assert model.scenes
    dream = Dream(model)
    dream.start(scene=model.scenes[0])
    assert dream.step(Control()).image.shape == (72, 128, 3)
    assert (tmp_path / "weights/curves.png").stat().st_size > 1000


def test_the_control_of_a_frame_is_the_one_that_led_to_it(dataset: Path, tmp_path: Path) -> None:
    drives = Drives.load(dataset, (72, 128), tmp_path)
    action = torch.from_numpy(drives.dataset.column("action").copy())
    assert torch.equal(drives.motions[5, :2], action[4])
    assert drives.age[FRAMES - 1] == FRAMES - 1
    assert drives.age[FRAMES] == 0
    assert drives.left[FRAMES - 1] == 0


def test_parts_in_the_wrong_order_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train tokenizer"):
        train("dynamics", dataset, dataset, tmp_path / "new", minutes=0.01)
    with pytest.raises(DataError, match="no part 'wheels'"):
        train("wheels", dataset, dataset, tmp_path / "new")
