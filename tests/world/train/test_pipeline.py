"""`train all` and `train ablate`: what is finished is skipped, what was cut off goes on, and what came of it is kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_world import TINY, write_tiny_world
from tests.world.data.drives import made_up_dataset
from tests.world.train.train_shared import SMALL
from world.controls import Control
from world.dream import open_dream
from world.errors import DataError
from world.files import write_config
from world.model import WorldModel
from world.train import pipeline
from world.train.ablate import ABLATIONS, Ablation, ablate
from world.train.card import BY_HAND, write_card
from world.train.distributed import DistributedContext
from world.train.dynamics import HORIZONS
from world.train.loop import Report
from world.train.pipeline import train_all
from world.train.release import quality
from world.train.stages import read_stages, stage


@contextmanager
def silence(name: str) -> Iterator[Report]:
    yield lambda fraction, text: None


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the stages' work, done by no one; a name in it beforehand, after a bang, is interrupted once."""
    names: list[str] = []

    def fake(name: str) -> Any:
        def work(*arguments: Any, **_: Any) -> None:
            called = f"{name} {arguments[0]}" if name == "train" else name
            if f"!{called}" in names:
                names.remove(f"!{called}")
                raise KeyboardInterrupt
            names.append(called)

        return work

    for name in ("train", "release", "_collect"):
        monkeypatch.setattr(pipeline, name, fake(name))
    monkeypatch.setattr(pipeline.DriveDataset, "open", lambda root: None)
    monkeypatch.setattr(pipeline, "labelled", lambda dataset: True)
    return names


def test_all_stages_in_order_and_none_twice(done: list[str], tmp_path: Path) -> None:
    stages = train_all(TINY, tmp_path, silence, minutes=10)
    work = ["_collect", "_collect", "train tokenizer", "train dynamics", "train driver", "release"]
    assert done == work
    assert list(stages) == ["data, train", "data, validation", "tokenizer", "dynamics", "driver", "release"]
    assert all(stage.finished for stage in stages.values())
    assert sum(stage.amount for name, stage in stages.items() if "data" not in name) == pytest.approx(10)
    train_all(TINY, tmp_path, silence, minutes=10)
    assert done == work
    train_all(TINY, tmp_path, silence, minutes=20)  # more minutes: trained on, and released again
    assert done == work + work[2:]


def test_an_interrupted_stage_goes_on(done: list[str], tmp_path: Path) -> None:
    done.append("!train dynamics")
    with pytest.raises(KeyboardInterrupt):
        train_all(TINY, tmp_path, silence, data=tmp_path, held_out=tmp_path)
    assert done == ["train tokenizer"]
    before = read_stages(tmp_path)
    assert before["tokenizer"].finished
    assert not before["dynamics"].finished
    after = train_all(TINY, tmp_path, silence, data=tmp_path, held_out=tmp_path)
    assert done == ["train tokenizer", "train dynamics", "train driver", "release"]
    assert after["dynamics"].seconds > before["dynamics"].seconds
    assert after["tokenizer"] == before["tokenizer"]


def test_a_damaged_record_of_stages_is_a_sentence(tmp_path: Path) -> None:
    with stage(tmp_path, "tokenizer", 1.0):
        pass
    (tmp_path / "stages.json").write_text('{"tokenizer": {"amou')
    with pytest.raises(DataError, match="is damaged"):
        read_stages(tmp_path)


def test_quality_is_over_the_minutes_of_all_phases(tmp_path: Path) -> None:
    header = "step,seconds,loss,validation_dream_5,validation_repeat_5\n"
    (tmp_path / "dynamics-pairs.csv").write_text(header + "20,60,0.5,,\n20,60,,21.5,19\n")
    (tmp_path / "dynamics-pool.csv").write_text(header + "5,30,,22.5,19\n")
    assert quality(tmp_path) == [
        {"minutes": 1.0, "dream_5": 21.5, "repeat_5": 19.0},
        {"minutes": 1.5, "dream_5": 22.5, "repeat_5": 19.0},
    ]


def test_a_card_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    weights = write_tiny_world(tmp_path / "weights")
    (weights / "README.md").write_text("# An old card\n\nIts faults.\n")
    write_card(tmp_path, weights)
    (tmp_path / "ablations.md").write_text("| name | change |\n")
    future = {name: dict.fromkeys(HORIZONS, 20.0) for name in ("dream", "repeat", "shuffled")}
    (tmp_path / "evaluation.json").write_text(json.dumps({"tokenizer_psnr": 30.0, "dream_psnr": future}))
    text = write_card(tmp_path, weights).read_text()
    assert text.startswith("# lucidrive, weights world")
    assert text.count(BY_HAND) == text.count("Its faults.") == 1
    assert "| tokenizer PSNR | 30.0 dB |" in text
    assert text.index("## Ablations") < text.index(BY_HAND) < text.index("# An old card")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_dataset(tmp_path_factory.mktemp("drives"))


@pytest.mark.slow
def test_from_a_dataset_to_weights_in_one_go(dataset: Path, tmp_path: Path, small_batches: None) -> None:
    write_config(tmp_path, TINY, {})
    compute = DistributedContext(step_seconds=30.0)
    train_all(TINY, tmp_path, silence, data=dataset, held_out=dataset, minutes=6, compute=compute)
    model = WorldModel.load(tmp_path / "weights")
    dream = open_dream(model)
    dream.start(scene=model.scenes[0])
    assert dream.step(Control()).image.shape == (72, 128, 3)
    assert "| dynamics |" in (tmp_path / "weights" / "README.md").read_text()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, values in SMALL.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


@pytest.mark.slow
def test_ablations_make_a_table_once(dataset: Path, tmp_path: Path, small_batches: None) -> None:
    compute, only = DistributedContext(step_seconds=10.0), ["velocity", "k-1"]
    said: list[str] = []

    def run() -> str:
        table = ablate(
            dataset,
            dataset,
            tmp_path,
            TINY,
            minutes=0.5,
            only=only,
            compute=compute,
            report=lambda _, t: said.append(t),
        )
        return table.read_text()

    text = run()
    with (tmp_path / "ablations.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"repeat", "base", *only}
    assert all(float(row["ms_a_frame"]) > 0 for name, row in rows.items() if name != "repeat")
    assert rows["k-1"]["tokenizer_psnr"] == rows["base"]["tokenizer_psnr"]  # the base's tokenizer
    assert all(f"| {name} |" in text for name in rows)
    before = len(said)
    assert run() == text
    assert len(said) == before  # nothing was done again
    with pytest.raises(DataError, match="no ablation 'wheels'"):
        ablate(dataset, dataset, tmp_path, TINY, only=["wheels"])


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda ablation: ablation.name)
def test_an_ablation_changes_one_thing(ablation: Ablation) -> None:
    base = replace(TINY, dynamics=replace(TINY.dynamics, context=6))
    config = ablation.apply_to(base)
    plain = replace(ablation, name="", change="", part="")
    changes = sum(
        getattr(plain, name) != getattr(Ablation("", ""), name)
        for name in ("recipe", "channels", "context", "velocity", "steps")
    )
    assert changes == (ablation.name != "base")
    assert (config != base) == bool(ablation.channels or ablation.context or ablation.velocity)
