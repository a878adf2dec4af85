"""The network and its coding: what is coded is read again, weights come back, what is no picture is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.world.perceive.ideal import output_of
from world.errors import DataError, WeightsError
from world.perceive.coding import coded, loss_of, reading
from world.perceive.network import SIZE, Output, PerceiveConfig, Perceiver, load, save
from world.perceive.read import read
from world.perceive.sight import SeenUser, Sight
from world.scene.facts import NO_JUNCTION

TINY = PerceiveConfig((8, 8, 16, 16), (0, 1, 1, 1), 8)
STREET = Sight(
    2, 1, 1, -0.4, 0.05, 23.0, 3, 2, -0.06, 0.8, 1.3,
    (SeenUser(0, 12.0, 2.0, 3.0, 0.36, 0.5, 0.2, 0.2), SeenUser(5, 20.0, -4.0, -1.5, 0.66, 0.5, 0.03, 0.15)),
)  # fmt: skip
JUNCTION = Sight(0, 0, 0, 0.0, 0.0, 0.0, 0, 1, 0.0, 0.7, 1.5)
NONE_AHEAD = Sight(1, 0, 0, 0.9, -0.1, NO_JUNCTION, 9, 3, 0.02, 0.5, 2.2)


@pytest.fixture(autouse=True)
def forget() -> None:
    load.cache_clear()


@pytest.mark.parametrize("sight", [STREET, JUNCTION, NONE_AHEAD])
def test_what_is_coded_is_read_again(sight: Sight) -> None:
    found = reading(output_of([sight])).sight
    for name in ("lanes", "opposite", "lane", "weather", "time"):
        assert getattr(found, name) == getattr(sight, name)
    for name in ("left", "heading", "junction", "pitch", "focal", "up"):
        assert getattr(found, name) == pytest.approx(getattr(sight, name), abs=1e-3)
    assert [user.kind for user in found.users] == [user.kind for user in sight.users]
    for one, other in zip(found.users, sight.users, strict=True):
        for name in ("ahead", "heading", "x", "y", "width", "height"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-3)
        assert one.left == pytest.approx((0.5 - other.x) / sight.focal * other.ahead, abs=0.05)


def test_a_film_is_read_by_all_its_frames_and_users_by_the_last() -> None:
    found = reading(output_of([JUNCTION, STREET, STREET])).sight
    assert (found.lanes, len(found.users)) == (2, 2)
    assert not reading(output_of([STREET, JUNCTION])).sight.users


def test_the_right_output_costs_least() -> None:
    sights = [STREET, JUNCTION, NONE_AHEAD]
    want, right = coded(sights), output_of(sights)
    least = loss_of(right, want)
    assert float(least["loss"]) < 0.01
    for part in ("road", "grid"):
        worse = right._replace(**{part: getattr(right, part) + torch.randn(getattr(right, part).shape)})
        assert loss_of(worse, want)["loss"] > least["loss"] + 0.1
    swapped = loss_of(output_of(sights[::-1]), want)
    assert all(swapped[name] > least[name] for name in least)


def test_the_network_gives_what_the_coding_takes() -> None:
    perceiver = Perceiver(TINY)
    output = perceiver(torch.rand(2, 3, *SIZE))
    right = output_of([STREET, JUNCTION])
    assert [part.shape for part in output] == [part.shape for part in right]
    loss_of(output, coded([STREET, JUNCTION]))["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in perceiver.parameters())
    assert sum(p.numel() for p in Perceiver().parameters()) * 2 <= 3e6  # bytes in float16


def test_weights_come_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    perceiver = Perceiver(TINY).eval()
    save(tmp_path, perceiver, {})
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    one, other = read(perceiver, picture), read(load(tmp_path), picture)
    assert other.sight.left == pytest.approx(one.sight.left, abs=0.01)
    (tmp_path / "perceive.safetensors").write_bytes(b"nothing")
    load.cache_clear()
    with pytest.raises(WeightsError, match="damaged"):
        load(tmp_path)


def test_without_weights_it_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="lucidrive train perceive"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"format": 1, "config": {"depth": 3}}')
    with pytest.raises(WeightsError, match="depth"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        (np.zeros((10, 10, 3), np.uint8), "10 x 10"),
        (np.zeros((2, 288, 20, 3), np.uint8), "20 x 288"),
        (np.zeros((144, 256), np.uint8), r"\[144, 256\]"),
        (np.zeros((144, 256, 4), np.uint8), r"\[144, 256, 4\]"),
        (np.zeros((144, 256, 3), np.float32), "float32"),
        (np.zeros((0, 144, 256, 3), np.uint8), r"\[0, 144"),
    ],
)
def test_what_is_no_picture_is_refused(frames: np.ndarray, what: str) -> None:
    with pytest.raises(DataError, match=what):
        read(Perceiver(TINY), frames)


def test_any_size_of_picture_is_read() -> None:
    perceiver = Perceiver(TINY).eval()
    for shape in ((32, 32, 3), (500, 300, 3), (3, 288, 512, 3)):
        found = read(perceiver, np.full(shape, 90, np.uint8))
        assert math.isfinite(found.sight.left) and all(part.sum() == pytest.approx(1) for part in found.odds.values())


def test_outputs_are_float32_whatever_computes_them() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output: Output = Perceiver(TINY)(torch.rand(1, 3, *SIZE))
    assert output.road.dtype == output.grid.dtype == torch.float32
