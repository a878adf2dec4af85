"""Lessons: decided by their numbers, whole or not there, refused where they do not belong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from world.controls import TimeOfDay, Weather
from world.errors import DataError, SimulatorError
from world.render.camera import Rig
from world.scene.places import towns
from world.scene.state import to_bytes
from world.weather import goal

pytest.importorskip("mitsuba", reason="lessons need the extra `sim`")

from world.town import teacher
from world.town.teacher import SPLITS, Lesson, claim, condition, make, moment, path_of, read, teach, tidy, write

pytestmark = [pytest.mark.sim, pytest.mark.slow]
REQUEST: dict[str, object] = {"version": 1, "assets": "ours", "seed": 0, "split": "test", "samples": 4}


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teacher, "SIZE", (24, 40))
        return make(0, "test", 0, samples=4)


@pytest.fixture
def file(lesson: Lesson, tmp_path: Path) -> Path:
    write(lesson, tmp_path, 0)
    return path_of(tmp_path, 0)


def whole(number: int, seed: int = 0, split: str = "test") -> tuple[dict[str, bytes], Rig]:
    state, rig = moment(seed, split, number)
    return to_bytes(state), rig


def test_a_number_is_a_moment() -> None:
    assert whole(3) == whole(3)
    assert (
        len(
            {whole(3)[0]["ego"], whole(4)[0]["ego"], whole(3, seed=1)[0]["ego"], whole(3, split="validation")[0]["ego"]}
        )
        == 4
    )


def test_a_number_is_a_file(lesson: Lesson, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "SIZE", (24, 40))
    again = tmp_path / "again"
    again.mkdir()
    write(make(0, "test", 0, samples=4), again, 0)
    assert path_of(again, 0).read_bytes() == file.read_bytes()


def test_a_lesson_is_read_as_it_was_made(lesson: Lesson, file: Path) -> None:
    result = read(file)
    assert result.state.hash() == lesson.state.hash() and result.rig == lesson.rig
    assert {name: layer.tobytes() for name, layer in result.layers.items()} == {
        name: layer.tobytes() for name, layer in lesson.layers.items()
    }
    for layer in result.layers.values():
        assert layer.dtype == np.float16 and np.isfinite(layer).all()


def test_splits_drive_through_their_own_towns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "MOST", 20)  # short drives do
    seen = {split: {moment(0, split, number)[0].places[0].name for number in range(6)} for split in SPLITS}
    for split, names in seen.items():
        assert len(names) > 1 and names <= set(towns()[split])


def test_held_out_lessons_go_round_weather_and_time() -> None:
    asked = [condition(number) for number in range(48)]
    kinds = Counter((min(int(one.weather) + 2, 11) // 3, int(one.time)) for one in asked)
    assert set(kinds.values()) == {3} and len(kinds) == 16
    assert {int(one.weather) for one in asked} == set(Weather)
    for number in (1, 14):
        state, _ = moment(0, "validation", number)
        assert state.amounts[0] == pytest.approx(
            list(goal(int(asked[number].weather), int(asked[number].time)).values())
        )


def test_lessons_for_training_are_of_all_kinds() -> None:
    drawn = [teacher._conditions(np.random.default_rng(number)) for number in range(400)]
    assert {int(one.weather) for one in drawn} == set(Weather)
    assert {int(one.time) for one in drawn} == set(TimeOfDay)


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "text", "other camera"])
def test_a_damaged_file_is_a_sentence(lesson: Lesson, file: Path, harm: str) -> None:
    whole = bytearray(file.read_bytes())
    if harm == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif harm == "changed":
        whole[len(whole) // 3] ^= 0xFF
        file.write_bytes(whole)
    elif harm == "other camera":
        write(replace(lesson, rig=Rig(width=64, height=36)), file.parent, 0)
    else:
        file.write_bytes(b"" if harm == "empty" else b"a lesson")
    with pytest.raises(DataError, match="no lesson, or damaged"):
        read(file)


def test_a_folder_belongs_to_its_assets_and_settings(tmp_path: Path) -> None:
    claim(tmp_path / "set", REQUEST)
    claim(tmp_path / "set", REQUEST)
    assert json.loads((tmp_path / "set" / "lessons.json").read_text()) == REQUEST
    for name, value in {"assets": "others'", "seed": 1, "samples": 16}.items():
        with pytest.raises(DataError, match=rf"other lessons \(other {name}\); choose another folder"):
            claim(tmp_path / "set", REQUEST | {name: value})
    (tmp_path / "set" / "lessons.json").write_text("{")
    with pytest.raises(DataError, match="cannot be used"):
        claim(tmp_path / "set", REQUEST)
    (tmp_path / "drives").mkdir()
    (tmp_path / "drives" / "collect.json").write_text("{}")
    with pytest.raises(DataError, match="holds a collection of drives"):
        claim(tmp_path / "drives", REQUEST)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be used"):
        claim(tmp_path / "file" / "set", REQUEST)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match="cannot be written"):
        claim(tmp_path, REQUEST)


def test_bad_wishes_are_refused_before_anything_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "set"
    with pytest.raises(DataError, match="no split 'moon'"):
        teach(1, out, split="moon")
    with pytest.raises(DataError, match="at least one frame"):
        teach(0, out)
    with pytest.raises(DataError, match="no device 'abacus'"):
        teach(1, out, device="abacus")
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(SimulatorError, match=r"needs Mitsuba.*pip install"):
        teach(1, out)
    assert not out.exists()


def test_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    half, begun, ready = (
        tmp_path / f".000001-{gone.pid}.npz",
        tmp_path / f".000002-{os.getpid()}.npz",
        path_of(tmp_path, 0),
    )
    for path in (half, begun, ready):
        path.write_bytes(b"")
    tidy(tmp_path)
    assert not half.exists() and begun.exists() and ready.exists()


def test_a_full_disk_leaves_nothing_behind(lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, **_: object) -> None:
        path.write_bytes(b"half a lesson")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        write(lesson, tmp_path, 0)
    assert not list(tmp_path.iterdir())


def test_teaching_goes_on_where_it_was(tmp_path: Path) -> None:
    out, seen = tmp_path / "set", []
    teach(1, out, split="test", workers=1, samples=4, device="cpu")
    first = path_of(out, 0).stat().st_mtime_ns
    teach(2, out, split="test", workers=1, samples=4, device="cpu", progress=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    assert path_of(out, 0).stat().st_mtime_ns == first
    assert sorted(path.name for path in out.iterdir()) == ["000000.npz", "000001.npz", "lessons.json"]
    state, rig = moment(0, "test", 1)
    assert read(path_of(out, 1)).state.hash() == state.hash() and read(path_of(out, 1)).rig == rig
    with pytest.raises(DataError, match="other samples"):
        teach(2, out, split="test", samples=8, device="cpu")
