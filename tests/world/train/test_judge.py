"""Training of the judge on made-up films: it learns what they show, goes on where it was, and mirrors what it is told with the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.world.films import folder_of, made_up
from tests.world.test_judge import SMALL
from world.controls import Command, Event
from world.data.video import fit
from world.errors import DataError
from world.judge import AGES, CELLS, MANOEUVRES, Judge, as_input
from world.town.moments import UNKNOWN
from world.train import judge
from world.train.distributed import DistributedContext
from world.train.judge import MIRROR_OF, Films, accuracy, losses, summary, train_judge


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of([made_up(seed) for seed in range(64)], tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("judge")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "BATCH", 16)
        train_judge(
            [folder], folder, out, config=SMALL, minutes=1.0, compute=DistributedContext(step_seconds=0.1)
        )  # 600 steps
    return out


@pytest.mark.slow
def test_it_learns_what_films_show(trained: Path, folder: Path) -> None:
    said = accuracy(Judge.load(trained), Films.load([folder]))
    assert said["time"] == {"day": 1.0, "night": 1.0}
    assert said["event"]["animal"] > 0.9
    assert said["event"]["none"] > 0.9
    assert said["side"] > 0.9
    assert said["yaw_rate_correlation"] > 0.8
    assert set(summary(said)) >= {"weather", "time", "event", "manoeuvre"}
    trained_as = json.loads((trained / "config.json").read_text())["trained"]
    assert trained_as["held_out"]["time"] == said["time"]
    assert trained_as["films"] == 64


@pytest.mark.slow
def test_a_finished_training_goes_on_from_its_checkpoint(trained: Path, folder: Path) -> None:
    before = json.loads((trained / "config.json").read_text())["trained"]["steps"]
    train_judge([folder], folder, trained, config=SMALL, minutes=1.02, compute=DistributedContext(step_seconds=0.1))
    assert before < json.loads((trained / "config.json").read_text())["trained"]["steps"] <= before + 13


@pytest.mark.slow
def test_a_judge_can_be_gone_on_with_and_keeps_what_it_knows(trained: Path, folder: Path, tmp_path: Path) -> None:
    few = DistributedContext(step_seconds=0.2)
    train_judge([folder], folder, tmp_path, config=SMALL, minutes=0.02, compute=few, begin=trained)
    trained_as, before = (json.loads((one / "config.json").read_text())["trained"] for one in (tmp_path, trained))
    assert trained_as["minutes"] == pytest.approx(before["minutes"] + 0.02)
    assert trained_as["held_out"]["event"]["animal"] > 0.9


@pytest.mark.slow
def test_it_learns_where_an_actor_is(trained: Path, folder: Path) -> None:
    films, judge = Films.load([folder]), Judge.load(trained)
    shown = films.classes["event"] == int(Event.ANIMAL)
    with torch.inference_mode():
        where = judge(as_input(np.stack([[fit(one, (36, 64)) for one in film] for film in films.pictures])))["where"]
    likely = where[shown].softmax(1)[:, int(Event.ANIMAL)]
    there = films.where[shown] == Event.ANIMAL
    assert likely[there].mean() > 3 * likely[~there].mean()


@pytest.mark.slow
def test_what_is_told_is_mirrored_with_the_picture(folder: Path) -> None:
    films, index = Films.load([folder]), torch.full((200,), 6)  # an animal on the left
    images, classes, values = films.batch(index, torch.Generator().manual_seed(0))
    red = images[:, -1, 0] - images[:, -1, 2]
    on_left = red[..., :64].amax((1, 2)) > red[..., 64:].amax((1, 2))
    assert 60 < int(on_left.sum()) < 140
    assert ((classes["side"] == 0) == on_left).all()
    actor = classes["where"] == Event.ANIMAL
    assert ((actor[..., :8].sum((1, 2)) > 0) == on_left).all()
    assert (actor.sum((1, 2)) == actor[0].sum()).all()
    moving = ~values[:, 1].isnan()
    assert moving.any()
    assert not moving.all()  # some stand still, of which no motion is told
    sign = torch.where(on_left, 1.0, -1.0)
    assert torch.allclose(values[moving, 1], (sign * films.values[6, 1])[moving])
    was, mirrored = films.classes["manoeuvre"][6], MIRROR_OF[films.classes["manoeuvre"][6]]
    assert (classes["manoeuvre"][moving] == torch.where(on_left, was, mirrored)[moving]).all()
    assert (classes["manoeuvre"][~moving] == UNKNOWN).all()


def test_mirrored_twice_a_manoeuvre_is_itself() -> None:
    assert (MIRROR_OF[MIRROR_OF] == torch.arange(len(MANOEUVRES))).all()
    assert MANOEUVRES[MIRROR_OF[MANOEUVRES.index(Command.LEFT)]] == Command.RIGHT


def test_nothing_is_learnt_of_what_is_not_known(folder: Path) -> None:
    films = Films.load([folder])
    answers = Judge(SMALL)(torch.zeros(4, len(AGES), 3, 36, 64))
    unknown = {name: torch.full((4,), UNKNOWN) for name in films.classes} | {"where": torch.full((4, *CELLS), UNKNOWN)}
    assert float(losses(answers, unknown, torch.full((4, 2), torch.nan))["loss"].detach()) == 0.0


def test_a_film_of_one_picture_tells_no_motion(tmp_path: Path) -> None:
    whole = made_up(3)
    still = replace(whole, pictures=whole.pictures[-1:])
    films = Films.load([folder_of([whole, still], tmp_path)])
    assert films.pictures.shape[:2] == (2, len(AGES))
    assert (films.pictures[1] == whole.pictures[-1]).all()


def test_no_town_is_both_learnt_from_and_measured_on(folder: Path, tmp_path: Path) -> None:
    kinds = {split: folder_of([made_up(0)], tmp_path / split) for split in ("train", "test")}
    for split, its in kinds.items():
        (its / "lessons.json").write_text(json.dumps({"split": split}))
    with pytest.raises(DataError, match="holds films of the test split"):
        train_judge([kinds["train"], kinds["test"]], kinds["test"], tmp_path / "out", config=SMALL, minutes=0.01)
    with pytest.raises(DataError, match="holds films of training towns"):
        train_judge([kinds["train"]], kinds["train"], tmp_path / "out", config=SMALL, minutes=0.01)


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no films"):
        train_judge([tmp_path], tmp_path, tmp_path / "out", config=SMALL, minutes=0.01)
