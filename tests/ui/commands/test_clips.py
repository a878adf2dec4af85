"""`lucidrive clips` on the command line: what is made, what is said, what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge.factory import orders
from tests.bridge.factory.tiny_factory import sums
from tests.fakes import FakeDirector
from ui.cli import app

pytestmark = pytest.mark.slow

QUICK = ("--seconds", "1.5", "--retries", "0", "--workers", "0")


@pytest.fixture
def clips() -> Iterator[Any]:
    before = dict(os.environ)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["clips", *arguments])

    yield run
    for name in set(os.environ) - set(before):  # the command line sets variables for the libraries
        del os.environ[name]


def test_a_plan_line_becomes_a_dataset(clips: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = clips("follow", "-n", "3", "--out", str(out), *QUICK)
    assert result.exit_code == 0, result.output
    assert "3 of 3" in result.stdout
    assert {path.name for path in out.iterdir()} >= {
        "clips",
        "rejected",
        "dataset",
        "README.md",
        "report.json",
        "sheet.png",
    }
    again = clips("follow", "-n", "3", "--out", str(out), *QUICK, "--json")
    told = json.loads(again.stdout)
    assert told["made"]["takes"] == 0
    assert told["all"]["accepted"] == 3
    refused = clips("left", "--out", str(out), *QUICK)
    assert refused.exit_code == 1
    assert "another run" in refused.stderr
    resumed = clips("--resume", "--out", str(out), "--workers", "0", "--json")
    assert json.loads(resumed.stdout)["all"]["jobs"] == 3


def test_a_sentence_is_read_by_the_brain(clips: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_load_brain", FakeDirector)
    monkeypatch.setattr(FakeDirector, "answer", lambda self, text, context="": _answer(text))
    said = "rain, and a kid runs out"
    result = clips(said, "-n", "1", "--out", str(tmp_path / "out"), *QUICK, "--json")
    assert list(json.loads(result.stdout)["scenarios"]) == ["rain(2);ped_cross(right)"]
    kept = [json.loads(path.read_bytes()) for path in (tmp_path / "out").glob("*/*.json")]
    assert [one["text"] for one in kept] == [said]
    refused = clips("turn", "-n", "1", "--out", str(tmp_path / "other"), *QUICK)
    assert refused.exit_code == 1
    assert "Which way" in refused.stderr
    assert not (tmp_path / "other").exists()


def _answer(text: str) -> Any:
    thought = FakeDirector().think(text, None)
    while True:
        try:
            next(thought)
        except StopIteration as done:
            return done.value


def test_a_dry_run_says_what_it_would_cost_and_makes_nothing(clips: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("events: [animal, debris]\nsides: [left, right]\ntimes: [day, night]\nseeds: 5\nseconds: 2\n")
    out = tmp_path / "out"
    result = clips(str(path), "--dry-run", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "event x time" in result.stdout
    told = json.loads(clips(str(path), "--dry-run", "--json", "--out", str(out)).stdout)
    assert told["cost"]["clips"] == 30
    assert told["coverage"]["event x time"] == {
        "animal x day": 10, "animal x night": 10, "debris x day": 5, "debris x night": 5,
    }  # fmt: skip
    capped = json.loads(clips(str(path), "--dry-run", "--json", "--cap", "7", "--out", str(out)).stdout)
    assert capped["cost"]["clips"] == 7
    assert not out.exists()


def test_a_counterfactual_set(clips: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = clips(
        "follow",
        "-n",
        "1",
        "--out",
        str(out),
        *QUICK,
        "--fork-at",
        "0.5",
        "--branches",
        "faster;left&rain(2)",
        "--json",
    )
    assert result.exit_code == 0, result.output
    told = json.loads(next(out.glob("*/*.set.json")).read_text())
    assert told["branches"] == ["faster", "left;rain(2)"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say what the clips are to show"),
        (["rain(9)"], "one level"),
        (["no.yaml"], "cannot be read"),
        (["follow", "--seconds", "99"], "lasts 1.5 to 60"),
        (["follow", "--scene", "moon"], "Not understood: 'moon'"),
        (["follow", "--size", "8x8"], "no picture size '8x8'; there are: 144x256"),
        (["follow", "--format", "gif"], "no format 'gif'"),
        (["follow", "--branches", "stop;left"], "needs both"),
        (["follow", "--cluster", "slurm", *QUICK], "no cluster 'slurm'; there is: ray"),
        (["--resume"], "no run in"),
    ],
)
def test_what_cannot_be_is_one_sentence(clips: Any, tmp_path: Path, arguments: list[str], said: str) -> None:
    result = clips(*arguments, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


CLIPS = 12


def command(out: Path) -> list[str]:
    """The real one, with two processes."""
    where = ["--scene", "town-21", "--workers", "2", "--out", str(out)]
    return [sys.executable, "-m", "ui.cli", "clips", "follow", "-n", str(CLIPS), "--seconds", "1.5", *where]


def clips_in(out: Path) -> int:
    """Clips with film and labels."""
    return sum(film.with_suffix(".json").exists() for film in out.glob("*/*.mp4"))


def test_the_same_command_again_goes_on_after_ctrl_c_and_after_a_kill(tmp_path: Path) -> None:
    """Stopped twice, each time once it has made some more of its clips."""
    out, alone = tmp_path / "out", tmp_path / "alone"
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in a shell's background is born deaf to Ctrl-C
    for how in (signal.SIGINT, signal.SIGKILL):
        before = clips_in(out)
        run = subprocess.Popen(command(out), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=heed)
        while clips_in(out) <= before:
            assert run.poll() is None, run.communicate()
            time.sleep(0.02)
        run.send_signal(how)
        _, errors = run.communicate()
        if how == signal.SIGINT:
            assert run.returncode == 130
            assert "the same command goes on from where it was" in errors
        assert before < clips_in(out) < CLIPS
    for folder in (out, alone):
        subprocess.run(command(folder), check=True, capture_output=True)
        assert clips_in(folder) == CLIPS
    assert sums(out) == sums(alone)
