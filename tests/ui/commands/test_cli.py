"""The command line with fakes in place of models: what is printed where, exit codes, sentences for errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bridge import doctor
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from ui.cli import app
from ui.commands import plan as plan_command
from world import machine
from world.errors import DataError, WeightsError
from world.train.distributed import DistributedContext


def run(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=text)


@pytest.fixture
def brain(monkeypatch: pytest.MonkeyPatch) -> FakeDirector:
    director = FakeDirector()
    monkeypatch.setattr(plan_command, "load_director", lambda *_: director)
    return director


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line sets variables for the libraries; tests leave none behind."""
    before = dict(os.environ)
    monkeypatch.delenv("LUCIDRIVE_TRACEBACK", raising=False)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.mark.parametrize(
    "command",
    ["", "ui", "dream", "clips", "plan", "collect", "train", "train tokenizer", "train all", "train release", "finetune",
     "train streets", "train roadside", "evaluate streets", "evaluate roadside", "evaluate", "evaluate world", "evaluate brain", "bench", "bench env", "bench faults", "doctor"],
)  # fmt: skip
def test_every_command_explains_itself(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "lucidrive" in result.stdout or "train" in result.stdout


def test_the_version_is_that_of_the_installed_package() -> None:
    assert run("--version").stdout == f"lucidrive {version('lucidrive')}\n"


def test_help_loads_no_model_library() -> None:
    code = (
        "import sys, ui.cli; heavy = {'torch', 'transformers', 'gradio', 'av', 'panda3d'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_plan_prints_the_line_alone_on_stdout(brain: FakeDirector) -> None:
    result = run("plan", "rain, then left")
    assert (result.exit_code, result.stdout) == (0, "rain(2);left\n")
    assert "turn left" in result.stderr


def test_plan_as_json(brain: FakeDirector) -> None:
    fields = json.loads(run("plan", "turn", "--json", "--context", "time=day").stdout)
    assert fields["line"] == "ask(direction)"
    assert fields["kind"] == "question"
    assert fields["context"] == "time=day"
    assert fields["sentence"].endswith("?")


def test_a_file_keeps_its_order_and_a_bad_row_its_place(
    brain: FakeDirector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = brain.answer

    def picky(text: str, context: object) -> Any:
        if not text:
            raise DataError("There is nothing to read; type something.")
        return answer(text, context)

    monkeypatch.setattr(brain, "answer", picky)
    file = tmp_path / "cases.tsv"
    file.write_bytes(b"left\ttime=day\tleft\r\n\nnight\nstop\t\n")
    result = run("plan", "--file", str(file))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["left", "refuse(offtopic)", "night", "stop"]
    assert "Row 2: There is nothing to read" in result.stderr


def test_a_file_may_come_from_stdin_and_give_json(brain: FakeDirector) -> None:
    rows = json.loads(run("plan", "--file", "-", "--json", text="left\nturn\n").stdout)
    assert [row["line"] for row in rows] == ["left", "ask(direction)"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_a_sentence(brain: FakeDirector, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "cases.tsv"
    if content is not None:
        file.write_bytes(content)
    result = run("plan", "--file", str(file))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_plan_wants_one_of_text_and_file(brain: FakeDirector) -> None:
    for arguments in ([], ["left", "--file", "x.tsv"]):
        result = run("plan", *arguments)
        assert result.exit_code == 1
        assert "Give one sentence" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WeightsError("The brain's adapter is missing; restore it."), 1, "The brain's adapter is missing; restore it."),
        (KeyboardInterrupt(), 130, "Stopped by Ctrl+C"),
        (FileNotFoundError(2, "No such file", "x.mp4"), 1, "x.mp4 cannot be used"),
        (ModuleNotFoundError("No module named 'libsumo'", name="libsumo"), 1, "The package 'libsumo' is not installed"),
        (MemoryError(), 1, "ran out of memory"),
    ],
)
def test_errors_are_one_sentence(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(plan_command, "load_director", fail)
    result = run("plan", "left")
    assert result.exit_code == code
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_dream_writes_a_video_and_its_json(tmp_path: Path) -> None:
    world = write_tiny_world(tmp_path / "world")
    files = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for file in files:
        result = run("dream", "--seconds", "1", "--seed", "3", "--world", str(world), "--out", str(file))
        assert result.exit_code == 0, result.stderr
        assert file.stat().st_size > 1000
    told = [json.loads(file.with_suffix(".json").read_text()) for file in files]
    assert told[0]["frames"] == len(told[0]["per_frame"]) == 10
    assert (told[0]["seed"], told[0]["scene"]) == (3, "street")
    assert told[0] == told[1]


def test_dream_says_what_is_wrong_with_scene_weights_and_name(tmp_path: Path) -> None:
    world = str(write_tiny_world(tmp_path / "world"))
    for arguments, said in (
        (["--world", world, "--scene", "moon"], "There is no start scene 'moon'; there are: street."),
        (["--world", str(tmp_path)], "There are no world weights"),
        (["--world", world, "--seconds", "0.1", "--out", str(tmp_path / "x.avi")], "ends in .mp4"),
        (["--world", world, "--quality", "3"], "K must be 1, 2, 4 or 8"),
    ):
        result = run("dream", *arguments)
        assert result.exit_code == 1
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_what_dreams_streets_is_missed_before_any_work(tmp_path: Path) -> None:
    for part in ("streets", "roadside"):
        result = run("evaluate", part, "--weights", str(tmp_path))
        assert result.exit_code == 1 and f"lucidrive train {part}" in result.stderr
    result = run("dream", "--place", "dreamt:7:lunar", "--out", str(tmp_path / "x.mp4"))
    assert result.exit_code == 1 and "'lunar' says nothing more" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--traffic", "chaos"], "say rules, model, or a folder"),
        (["--traffic", "."], "lucidrive train traffic"),
        (["--world", "{world}", "--reckless", "0.3"], "leave out --traffic"),
    ],
)
def test_dream_says_what_is_wrong_with_traffic(options: list[str], said: str, tmp_path: Path) -> None:
    world = str(write_tiny_world(tmp_path / "world"))
    options = [option.format(world=world) for option in options]
    result = run("dream", "--seconds", "0.2", "--out", str(tmp_path / "drive.mp4"), *options)
    assert result.exit_code != 0 and said in " ".join(result.stderr.split())
    assert not (tmp_path / "drive.mp4").exists()


def test_a_wrong_option_is_a_usage_error() -> None:
    assert run("dream", "--seconds", "-1").exit_code == 2
    assert run("collect", "--split", "no-such").exit_code == 2


def test_train_hands_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def train(part: str, data: Path, held_out: Path, out: Path, **options: Any) -> None:
        options.pop("report")(0.5, "step 10")
        given.update(options, part=part, data=data, held_out=held_out, out=out)

    monkeypatch.setattr("world.train.train", train)
    folders = ["--data", str(tmp_path), "--held-out", str(tmp_path), "--out", str(tmp_path / "out")]
    result = run("train", "dynamics", *folders, "--minutes", "3", "--seed", "5", "--accumulate", "2")
    assert result.exit_code == 0, result.stderr
    assert given == {
        "part": "dynamics", "data": tmp_path, "held_out": tmp_path, "out": tmp_path / "out",
        "minutes": 3.0, "seed": 5, "config": None, "compute": DistributedContext(accumulate=2), "begin": None,
    }  # fmt: skip
    assert "50%" in result.stderr


def test_evaluate_world_prints_json_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "world.evaluate.scene.evaluate_scene", lambda sizes, seed, only, **_: {"seed": seed, "only": only}
    )
    args = ("evaluate", "world", "--quick", "--only", "routes", "--seed", "4", "--json")
    assert json.loads(run(*args).stdout) == {"seed": 4, "only": ["routes"]}


def test_doctor_as_json() -> None:
    report = json.loads(run("doctor", "--json").stdout)
    assert report["machine"]["cores"] >= 1
    names = {check["name"] for check in report["checks"]}
    assert {"CPU", "memory", "scene world", "brain base model", "brain adapter", "chromium"} <= names


def test_doctor_as_a_table() -> None:
    result = run("doctor")
    assert result.exit_code == 0
    assert "What will run" in result.stdout


def test_doctor_names_what_an_ability_lacks() -> None:
    checks = tuple(
        doctor.Check(name, name != "extra sim", "") for name in ("core packages", "extra sim", "disk", "memory")
    )
    by_name = {ability.name.split(" (")[0]: ability for ability in doctor.abilities(checks)}
    assert by_name["collect drives"].lacks == ("extra sim",)
    assert by_name["train the world"].works


def test_doctor_sees_what_is_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_world().found
    assert "cannot be read as a place" in doctor.check_world(places=tmp_path).detail
    assert "holds no driver" in doctor.check_world(driver=tmp_path).detail
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert "NUMBA_CACHE_DIR" in doctor.check_world().detail
    assert doctor.check_adapter(tmp_path).detail == "missing: adapter_model.safetensors, adapter_config.json"
    assert not doctor.check_package("extra x", ("no-such-package-here",), "pip install x").found


def test_what_is_resident_is_known() -> None:
    assert machine.peak() >= 10 * machine.MIB
    assert 0 < machine.resident() <= machine.total()


def test_a_drive_without_room_for_the_brain_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = write_tiny_world(tmp_path / "world")
    monkeypatch.setattr(machine, "available", lambda: 200 * machine.MIB)
    monkeypatch.setattr(machine, "resident", lambda: 100 * machine.MIB)
    result = run("dream", "--prompt", "left", "--world", str(world), "--out", str(tmp_path / "x.mp4"))
    assert result.exit_code == 1
    assert "no room for the language model" in result.stderr
