"""Training from a dataset to weights, on a tiny model and a few made-up drives: it runs, resumes, and ships."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.tiny_world import TINY, write_tiny_world
from tests.world.data.drives import FRAMES, made_up_dataset
from world.controls import Control
from world.dream import open_dream
from world.errors import DataError
from world.files import load_part, read_config, write_config
from world.latent.tokenizer import Tokenizer
from world.model import WorldModel
from world.train import train
from world.train.distributed import DistributedContext
from world.train.dynamics import HORIZONS
from world.train.in_memory import InMemoryDataset
from world.train.release import release
from world.train.samples import SAMPLES


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_dataset(tmp_path_factory.mktemp("drives"))


def progress(path: Path) -> tuple[int, float]:
    """Steps and seconds so far, by the log."""
    with path.open() as file:
        last = list(csv.DictReader(file))[-1]
    return int(last["step"]), float(last["seconds"])


@pytest.mark.slow
def test_a_tokenizer_that_is_gone_on_with_keeps_its_latents(dataset: Path, tmp_path: Path) -> None:
    begin, out = write_tiny_world(tmp_path / "begin"), tmp_path / "run"
    out.mkdir()
    write_config(out, TINY, {})
    few = DistributedContext(mixed_precision="fp32", step_seconds=0.1)
    train("tokenizer", dataset, dataset, out, minutes=0.01, compute=few, begin=begin)  # 6 steps
    before, after = (
        load_part(folder, "tokenizer", Tokenizer(TINY.tokenizer), read_config(folder)[1]) for folder in (begin, out)
    )
    assert isinstance(before, Tokenizer)
    assert isinstance(after, Tokenizer)
    picture, latents = torch.rand(2, 3, 72, 128), torch.randn(2, TINY.tokenizer.tokens, TINY.tokenizer.channels)
    with torch.no_grad():
        assert torch.equal(before.encode(picture), after.encode(picture))
        assert not torch.equal(before.decode(latents), after.decode(latents))


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
    with Image.open(sorted((out / "samples").glob("dynamics-pool-*.png"))[-1]) as sheet:
        assert sheet.size == (TINY.tokenizer.width * len(HORIZONS), TINY.tokenizer.height * 2 * SAMPLES)
    assert list((out / "samples").glob("tokenizer-*.png"))

    release(out, dataset, tmp_path / "weights")
    model = WorldModel.load(tmp_path / "weights")
    assert {"clear", "day", "follow"} <= model.vocabulary
    assert model.scenes
    dream = open_dream(model)
    dream.start(scene=model.scenes[0])
    assert dream.step(Control()).image.shape == (72, 128, 3)
    assert (tmp_path / "weights/curves.png").stat().st_size > 1000


def test_the_control_of_a_frame_is_the_one_that_led_to_it(dataset: Path, tmp_path: Path) -> None:
    drives = InMemoryDataset.load(dataset, (72, 128), tmp_path)
    action = torch.from_numpy(drives.dataset.column("action").copy())
    assert torch.equal(drives.motions[5, :2], action[4])
    assert drives.age[FRAMES - 1] == FRAMES - 1
    assert drives.age[FRAMES] == 0
    assert drives.remaining[FRAMES - 1] == 0


def test_parts_in_the_wrong_order_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train tokenizer"):
        train("dynamics", dataset, dataset, tmp_path / "new", minutes=0.01)
    with pytest.raises(DataError, match="no part 'wheels'"):
        train("wheels", dataset, dataset, tmp_path / "new")
