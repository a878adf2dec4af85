"""`lucidrive export clip` on the command line: clips become labelled datasets and scenarios; what cannot be is said before any work."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.factory.export.clips import stored_clips
from bridge.factory.run import make
from tests.bridge.factory.tiny_factory import sums, tiny_request
from ui.cli import app

RIGS = """
rate: 2
cameras:
  front: {width: 64, height: 40}
  fish: {model: fisheye, width: 32, height: 32}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One accepted clip."""
    out = tmp_path_factory.mktemp("runs") / "out"
    make(tiny_request(lines="follow", seeds=1), out, workers=0)
    assert len(list(stored_clips(out))) == 1
    return out


@pytest.fixture
def export() -> Iterator[Any]:
    before = dict(os.environ)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["export", "clip", *map(str, arguments)])

    yield call
    for name in set(os.environ) - set(before):  # the command line sets variables for the libraries
        del os.environ[name]


@pytest.mark.slow
def test_a_run_becomes_a_labelled_dataset(run: Path, export: Any, tmp_path: Path) -> None:
    rigs, before = tmp_path / "rigs.yaml", sums(run)
    rigs.write_text(RIGS)
    asked = (run, "--to", "webdataset", "--cameras", rigs, "--plain", "--json")
    done = export(*asked, "--workers", 0, "--out", tmp_path / "one")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    clips = list(stored_clips(run))
    frames = sum(-(-clip.fields["frames"] // 5) for clip in clips)  # a fifth of the rate
    assert (found["clips"], found["moments"], found["pictures"]) == (1, frames, 2 * frames)
    keys, speeds = set(), {}
    with tarfile.open(tmp_path / "one" / "webdataset" / "labels-000000.tar") as tar:
        for entry in tar:
            keys.add(entry.name.partition(".")[0])
            if entry.name.endswith(".json"):
                fields = json.loads(tar.extractfile(entry).read())  # type: ignore[union-attr]
                speeds[fields["drive"], fields["index"]] = fields["ego"]["speed"]
    assert len(keys) == 2 * frames
    for clip in clips:  # the same drives, moment by moment
        for index, row in enumerate(clip.fields["per_frame"][::5]):
            assert speeds[clip.stem, index] == pytest.approx(row["motion"]["speed"], abs=1e-5)
    assert "Drives: 1;" in (tmp_path / "one" / "README.md").read_text()
    assert export(*asked, "--workers", 0, "--out", tmp_path / "two").exit_code == 0
    assert sums(tmp_path / "one") == sums(tmp_path / "two")
    shared = (*asked, "--workers", 2, "--out", tmp_path / "three")  # by processes
    assert export(*shared).exit_code == 0
    assert sums(tmp_path / "one") == sums(tmp_path / "three")
    assert sums(run) == before


@pytest.mark.slow
def test_one_clip_becomes_a_scenario_without_a_picture(run: Path, export: Any, tmp_path: Path) -> None:
    pytest.importorskip("scenariogeneration", reason="scenariogeneration, which writes the format, is not installed")
    clip = next(iter(stored_clips(run)))
    done = export(clip.video, "--to", "openscenario", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["pictures"] == 0
    files = {path.name for path in (tmp_path / "out" / "openscenario").iterdir()}
    assert f"{clip.stem}.xosc" in files and any(name.endswith(".xodr") for name in files)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["RUN"], "Say in which format"),
        (["RUN", "--to", "rosbag"], "There is no format 'rosbag'; there are: coco, kitti"),
        (["RUN", "--to", "kitti"], "take --cameras stereo"),
        (["RUN", "--to", "webdataset", "--cameras", "periscope"], "There are no cameras 'periscope'"),
        (["RUN/clips", "--to", "webdataset"], "is no run of clips"),
        (["RUN/clips/none-0.mp4", "--to", "webdataset"], "none-0 is none of the accepted clips"),
        (["RUN", "--to", "webdataset", "--out", "RUN"], "holds something already"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    run: Path, export: Any, tmp_path: Path, arguments: list[str], said: str
) -> None:
    out = () if "--out" in arguments else ("--out", tmp_path / "out")
    done = export(*(one.replace("RUN", str(run)) for one in arguments), *out)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_version_is_refused(run: Path, export: Any, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, other)
    fields = json.loads((other / "run.json").read_text())
    fields["world"]["scene"] = "0" * 64
    (other / "run.json").write_text(json.dumps(fields))
    done = export(other, "--to", "webdataset", "--out", tmp_path / "out", "--plain")
    assert done.exit_code == 1 and "another version of lucidrive" in done.stderr
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".labelling-*"))


def test_clips_that_come_out_otherwise_are_refused(run: Path, export: Any, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, other)
    for beside in (other / "clips").glob("*.json"):
        fields = json.loads(beside.read_text())
        fields["facts"]["ahead"][3] += 1.0
        beside.write_text(json.dumps(fields))
    done = export(other, "--to", "webdataset", "--out", tmp_path / "out", "--plain")
    assert done.exit_code == 1 and "came out differently" in done.stderr
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".labelling-*"))
