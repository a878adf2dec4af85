"""Training the painter: on lessons of a light that is known, so that what it must learn is known too."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from world.controls import Control, TimeOfDay
from world.dynamics.start import start
from world.errors import DataError
from world.render.camera import Rig
from world.render.painter import Painter, PainterConfig
from world.render.renderer import Renderer
from world.scene.places import load_place
from world.town.teacher import VERSION, Lesson, claim, fingerprint, read, write
from world.train.distributed import DistributedContext
from world.train.painter import BRIGHT, Pages, loss_in_light, slope, train_painter

pytestmark = pytest.mark.slow

RIG = Rig(width=64, height=32)
CONFIG = PainterConfig(4, (8, 16), 8, 8)


def _lessons(folder: Path, town: str, seeds: range) -> Path:
    """A world that is half as bright again as plain shading, with a red veil."""
    claim(folder, {"version": VERSION, "assets": fingerprint()})
    renderer = Renderer()
    for seed in seeds:
        state = start(load_place(town), seed, Control(time=int(TimeOfDay.DAY)))
        shot = renderer.shot(state, RIG)
        light = shot.plain * shot.light.exposure * 1.5 + np.float32([0.05, 0, 0])
        write(Lesson(state, RIG, {"sky": light.astype(np.float16)}), folder, seed)
    return folder


@pytest.fixture(scope="module")
def lessons(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lessons")
    return _lessons(folder / "train", "town-0", range(6)), _lessons(folder / "held", "town-18", range(2))


def _train(lessons, out: Path, steps: int) -> list[dict[str, str]]:
    compute = DistributedContext("cpu", step_seconds=0.01)
    train_painter(*lessons, out, steps * 0.01 / 60, config=CONFIG, compute=compute)
    return [row for row in csv.DictReader((out / "painter.csv").read_text().splitlines())]


@pytest.fixture(scope="module")
def trained(lessons, tmp_path_factory) -> tuple[Path, list[dict[str, str]]]:
    out = tmp_path_factory.mktemp("painter")
    return out, _train(lessons, out, 60)


def test_it_learns_a_light_that_plain_shading_lacks(trained) -> None:
    out, rows = trained
    last = [row for row in rows if row["validation_loss"]][-1]
    assert float(last["validation_loss"]) < 0.5 * float(last["validation_plain"])
    painter = Painter.load(out)
    assert painter.config == CONFIG
    assert json.loads((out / "config.json").read_text())["trained"]["lessons"] == 6


def test_samples_show_plain_painted_traced(trained) -> None:
    picture = np.asarray(Image.open(next((trained[0] / "samples").glob("*.png"))), np.float64)
    plain, painted, traced = np.split(picture, 3, axis=1)
    assert np.abs(painted - traced).mean() < 0.7 * np.abs(plain - traced).mean()


def test_a_killed_run_goes_on(lessons, tmp_path) -> None:
    _train(lessons, tmp_path, 20)
    rows = _train(lessons, tmp_path, 40)
    assert max(int(row["step"]) for row in rows) == 40


def test_pages_are_the_lessons(lessons, trained) -> None:
    pages = Pages.load(lessons[0], trained[0] / "cache")
    seen, told, traced = pages.batch(np.array([2]), None, "cpu")
    wanted = np.minimum(read(pages.lessons[2]).exposed_radiance, 60)
    assert seen.shape[2:] == (32, 64) and told.shape[0] == 1
    np.testing.assert_allclose(traced[0].permute(1, 2, 0), wanted, rtol=2e-3, atol=1e-3)


def test_mirrored_pages_mirror_pixels_normals_and_sun(lessons, trained) -> None:
    pages = Pages.load(lessons[0], trained[0] / "cache")
    straight = pages.batch(np.array([0]), None, "cpu")
    flipped = next(
        batch
        for seed in range(20)
        if not torch.equal((batch := pages.batch(np.array([0]), np.random.default_rng(seed), "cpu"))[2], straight[2])
    )
    assert torch.equal(flipped[2].flip(3), straight[2])
    right = 6
    assert torch.equal(flipped[0].flip(3)[:, right], -straight[0][:, right])
    assert torch.equal(flipped[0].flip(3)[:, right + 1], straight[0][:, right + 1])
    assert torch.equal(flipped[1][:, 0], -straight[1][:, 0]) and torch.equal(flipped[1][:, 1:], straight[1][:, 1:])


def test_noise_has_no_bias() -> None:
    """The best single value under the loss is the mean of noisy light, not of its picture."""
    generator = torch.Generator().manual_seed(0)
    noisy = torch.empty(1, 3, 100, 100).exponential_(1 / 0.2, generator=generator).clamp_max(BRIGHT)
    guess = torch.nn.Parameter(torch.tensor(0.5))
    optimizer = torch.optim.Adam([guess], lr=0.01)
    for _ in range(400):
        optimizer.zero_grad()
        loss_in_light(guess.expand_as(noisy), noisy, torch.ones(1, 100, 100)).backward()
        optimizer.step()
    assert abs(float(guess.detach()) - float(noisy.mean())) < 0.01


def test_slope_is_the_curves() -> None:
    from world.render.air import CURVE_END, CURVE_STEPS, _curve

    at = torch.tensor([0.02, 0.1, 0.5, 1.5])
    grid = (np.arange(CURVE_STEPS) / (CURVE_STEPS - 1)) ** 2 * CURVE_END
    rise = [np.interp([x * 1.02, x * 0.98], grid, _curve() / 255) for x in at.tolist()]
    np.testing.assert_allclose(
        slope(at), [(a - b) / (0.04 * x) for (a, b), x in zip(rise, at.tolist(), strict=True)], rtol=0.03
    )


def test_a_folder_without_lessons_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="holds no lessons"):
        train_painter(tmp_path, tmp_path, tmp_path / "out", 1.0)


def test_lessons_of_other_assets_are_refused(lessons, tmp_path) -> None:
    claim(tmp_path / "old", {"version": VERSION, "assets": "others"})
    (tmp_path / "old" / "000000.npz").write_bytes(b"")
    with pytest.raises(DataError, match="other assets"):
        train_painter(tmp_path / "old", lessons[1], tmp_path / "out", 1.0)
