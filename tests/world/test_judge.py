"""The judge's network: what it is told apart by, films and drives of any size, and weights that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from world.controls import Event
from world.errors import WeightsError
from world.judge import (
    AGES,
    CLASSES,
    DOWN,
    FIRST_EVENTS,
    KINDS,
    MATCHES,
    SIDEWAYS,
    Judge,
    JudgeConfig,
    JudgeOutput,
    matches,
    save,
)

SMALL = JudgeConfig(height=36, width=64, channels=(8, 8, 16, 16), hidden=32, features=16)


@pytest.fixture(scope="module")
def judge() -> Judge:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Judge(SMALL).eval()


def test_a_shifted_picture_matches_best_at_its_shift() -> None:
    picture = torch.rand(1, 1, 36, 68, generator=torch.Generator().manual_seed(0))
    picture = picture.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(-1, 3, -1, -1)
    moved = torch.stack([picture[..., 4:132], picture[..., 4:132], picture[..., :128]], dim=1)
    costs = matches(
        moved
    )  # nothing moves between the first two; the last is four pixels to the right, two of half size
    assert costs.shape == (1, (len(AGES) - 1) * MATCHES, 9, 16)
    first, second = costs[0, :, 4, 8].split(MATCHES)
    assert first[: len(SIDEWAYS)].argmin() == SIDEWAYS.index(0)
    assert second[: len(SIDEWAYS)].argmin() == SIDEWAYS.index(2)
    assert len(second[len(SIDEWAYS) :]) == len(DOWN)


def test_films_of_any_size_are_watched_and_a_drive_is_all_of_its_films(judge: Judge) -> None:
    drive = np.random.default_rng(0).integers(0, 255, (5, 72, 128, 3), np.uint8)
    sight = judge.follow(list(drive))
    assert len(sight) == 5 - len(AGES) + 1
    last = judge.watch(drive[None, -len(AGES) :])
    assert np.allclose(last.features, sight.features[-1:], atol=1e-5)
    for name, classes in CLASSES.items():
        assert getattr(sight, name).shape == (3, classes)
        assert np.allclose(getattr(sight, name).sum(1), 1, atol=1e-5)
    assert (sight.speed >= 0).all()
    assert len(judge.watch([])) == 0


def test_a_kind_of_weather_is_all_of_its_levels() -> None:
    weather = np.array([[0.3, 0.0, 0.0, 0.0, 0.25, 0.25, 0.2, 0.0, 0.0, 0.0], [1.0] + 9 * [0.0]])
    rest = {name: np.zeros((2, size)) for name, size in CLASSES.items() if name != "weather"}
    sight = JudgeOutput(weather=weather, **rest, speed=np.zeros(2), yaw_rate=np.zeros(2), features=np.zeros((2, 1)))
    assert sight.kind().tolist() == [KINDS[4], KINDS[0]]


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


def test_a_judge_from_before_an_event_was_added_never_sees_it(tmp_path: Path) -> None:
    older = Judge(replace(SMALL, events=4)).eval()
    save(older, tmp_path, {})
    sight = Judge.load(tmp_path).watch(np.zeros((2, len(AGES), 36, 64, 3), np.uint8))
    assert sight.event.shape == (2, 4) and np.allclose(sight.event.sum(1), 1, atol=1e-5)
    assert not sight.shows(Event.ROAD_WORK).any()


def test_a_card_that_says_no_number_of_events_is_of_the_first_eleven(tmp_path: Path) -> None:
    save(Judge(replace(SMALL, events=FIRST_EVENTS)), tmp_path, {})
    raw = json.loads((tmp_path / "config.json").read_text())
    assert raw["config"].pop("events") == FIRST_EVENTS == int(Event.ROAD_WORK) + 1
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert Judge.load(tmp_path).config.events == FIRST_EVENTS


def test_the_shipped_shape_fits_in_four_megabytes() -> None:
    assert 2 * sum(value.numel() for value in Judge(JudgeConfig()).state_dict().values()) <= 4e6
