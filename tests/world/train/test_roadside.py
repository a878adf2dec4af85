"""Training what dreams roadsides: lessons kept as files, streets lined otherwise than by the rules, and a run that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.world.dynamics.test_dreamt_roadside import TINY, corner
from world.dynamics.prefix_lm import load
from world.dynamics.roadside import USES, load_roadside
from world.errors import DataError
from world.scene import roadside
from world.scene.objects import Kind
from world.scene.roadside_tokens import decode_stretch, encode_stretch, token_order
from world.scene.stretches import standings, stretches
from world.train import roadside_lessons
from world.train.distributed import DistributedContext
from world.train.roadside import train_roadside
from world.train.roadside_lessons import collect, lessons_in, lessons_of
from world.train.uses import line_street


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One network's lessons of the two splits that training takes."""
    folder, made = (
        tmp_path_factory.mktemp("roadsides"),
        lessons_of(corner(), roadside.line(corner()), np.random.default_rng(0)),
    )
    for split in ("train", "validation"):
        (folder / split).mkdir()
        about = {"version": roadside_lessons.VERSION, "split": split}
        (folder / split / roadside_lessons.ABOUT).write_text(json.dumps(about))
        np.savez(
            folder / split / "000000.npz",
            rows=made.rows,
            there=made.there,
            conditions=made.conditions,
            tokens=made.tokens,
        )
    return folder


def test_a_run_that_was_stopped_goes_on(lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roadside_lessons, "SPLITS", {"train": (), "validation": ()})
    compute = DistributedContext(step_seconds=1.0, mixed_precision="fp32")
    for minutes in (0.05, 0.1):
        train_roadside(tmp_path, minutes, count=1, held=1, data=lessons, config=TINY, size=4, compute=compute)
        load.cache_clear()
    assert all(value.isfinite().all() for value in load_roadside(tmp_path).state_dict().values())
    trained = json.loads((tmp_path / "config.json").read_text())["trained"]
    assert trained["steps"] == 6 and trained["stretches"] == len(lessons_in(lessons / "train"))
    assert f"| stretches | {trained['stretches']} |" in (tmp_path / "README.md").read_text()


def test_lessons_of_other_splits_and_damaged_ones_are_refused(lessons: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="another split"):
        collect(lessons / "train", 1, "validation")
    with pytest.raises(DataError, match="no split"):
        collect(tmp_path, 1, "all")
    with pytest.raises(DataError, match="holds no roadsides"):
        lessons_in(tmp_path)
    (tmp_path / "000000.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="is damaged"):
        lessons_in(tmp_path)


def test_streets_are_lined_otherwise() -> None:
    every = stretches(corner())
    result, random = standings(every, roadside.line(corner())), np.random.default_rng(0)
    kinds = {}
    for use in USES:
        lined = [line_street(use, stretch, own, random) for stretch, own in zip(every, result, strict=True)]
        for own in lined:
            back = decode_stretch(encode_stretch(own))
            ordered = sorted(own, key=token_order)
            assert all(abs(a.s - b.s) < 0.5 and a.kind == b.kind for a, b in zip(ordered, back, strict=False)) and len(
                back
            ) >= min(len(own), 30)
        kinds[use] = [one.kind for stretch, own in zip(every, lined, strict=True) if not stretch.corner for one in own]
    assert kinds["housing"].count(Kind.HOUSE) > 2 * kinds["park"].count(Kind.HOUSE)
    assert kinds["park"].count(Kind.HEDGE) and kinds["car park"].count(Kind.CAR) > 10
    assert kinds["square"].count(Kind.BENCH) > kinds["housing"].count(Kind.BENCH)
    school = kinds["school"]
    assert school.count(Kind.FENCE) and school.count(Kind.BOLLARD) and school.count(Kind.HOUSE)
    assert kinds["building site"].count(Kind.FENCE) and kinds["shops"].count(Kind.HOUSE)
