"""`lucidrive collect --teacher`: its options, its sentences, and a process that is killed in the middle."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ui.cli import app

pytest.importorskip("mitsuba", reason="lessons need the extra `sim`")

from world.town import films, teacher

pytestmark = pytest.mark.sim
WISH = ("collect", "--teacher", "--split", "test", "--samples", "4", "--workers", "1", "--device", "cpu")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_the_teacher_is_told_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    def teach(lessons: int, out: Path, **options: Any) -> Path:
        options.pop("progress")(3, 12)
        told.update(options, lessons=lessons, out=out)
        return out

    monkeypatch.setattr(teacher, "teach", teach)
    result = run(*WISH, "--frames", "12", "--seed", "5", "--out", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert told == {
        "lessons": 12, "out": tmp_path, "seed": 5, "split": "test", "workers": 1, "samples": 4, "device": "cpu",
    }  # fmt: skip
    assert "25%" in result.stderr and "3 of 12 frames" in result.stderr
    assert run("collect", "--teacher").exit_code == 0
    assert told == {
        "lessons": 12_000, "out": Path("data/teacher"), "seed": 0, "split": "train", "workers": 2,
        "samples": teacher.SAMPLES, "device": "auto",
    }  # fmt: skip


def test_films_are_made_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def collect_films(*arguments: Any) -> Path:
        *wish, progress, samples, moments = arguments
        progress(30, 60)
        told.append((*wish, samples, moments))
        return tmp_path

    monkeypatch.setattr(films, "collect_films", collect_films)
    wish = ("collect", "--films", "--frames", "60", "--split", "test", "--seed", "3", "--out", str(tmp_path))
    result = run(*wish)
    assert result.exit_code == 0 and "30 of 60" in result.stderr
    assert run("collect", "--films").exit_code == 0
    assert run("collect", "--films", "--plain").exit_code == 0
    given = (1_200, Path("data/films"), 0, "train", 2)
    assert told == [(60, tmp_path, 3, "test", 2, 12, 1), (*given, 12, 1), (*given, 0, 4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--teacher", "--town", __file__), "leave out --town or --teacher"),
        (("--films", "--town", __file__), "leave out --town, --teacher"),
        (("--films", "--teacher"), "leave out --town, --teacher"),
        (("--plain",), "add --films"),
        (("--samples", "8"), "add --teacher"),
        (("--device", "cpu"), "add --teacher"),
        (("--teacher", "--out", __file__), "cannot be used"),
    ],
)
def test_refusals_are_sentences(options: tuple[str, ...], said: str) -> None:
    result = run("collect", *options)
    assert result.exit_code == 1
    assert said in result.stderr and "Traceback" not in result.stderr
    assert result.stderr.strip().count("\n") == 0


@pytest.mark.parametrize(
    "options", [("--frames", "0"), ("--samples", "3"), ("--split", "moon"), ("--device", "abacus")]
)
def test_wrong_options_are_usage_errors(options: tuple[str, ...]) -> None:
    assert run("collect", "--teacher", *options).exit_code == 2


def test_without_mitsuba_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    result = run(*WISH, "--out", str(tmp_path / "set"))
    assert result.exit_code == 1 and "pip install 'lucidrive[sim]'" in result.stderr
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
def test_a_killed_teacher_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "set"
    command = [sys.executable, "-m", "ui.cli", *WISH, "--out", str(out)]
    process = subprocess.Popen([*command, "--frames", "50"], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        wait(lambda: teacher.path_of(out, 0).exists(), process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        finished = {path.name: path.stat().st_mtime_ns for path in out.glob("[0-9]*.npz")}
        (out / f".000049-{process.pid}.npz").write_bytes(b"half a lesson")
        again = subprocess.run([*command, "--frames", str(len(finished) + 1)], capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert f"{len(finished) + 1} lessons of the test towns" in again.stderr
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    assert finished.items() <= after.items() and len(after) >= len(finished) + 1
    assert not list(out.glob(".*.npz"))
    for path in out.glob("*.npz"):
        teacher.read(path)


@pytest.mark.slow
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    """No file can grow beyond 100 kB: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        result = run(*WISH, "--frames", "1", "--out", str(tmp_path / "set"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1 and "make room and run the same command again" in result.stderr
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["lessons.json"]


def wait(true: Any, process: subprocess.Popen[bytes], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
