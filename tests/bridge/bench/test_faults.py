"""`lucidrive bench faults` itself, a little of everything on a tiny world: what it counts is what happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.bench import faults
from bridge.bench.faults import crowd, nans, ooms
from bridge.bench.faults.result import FaultAmounts, FaultResult
from tests.brain.tiny_brain import tiny_director
from tests.conftest import serving
from tests.tiny_world import write_tiny_world
from tests.ui.fake_page import FakeDreamer
from ui.cli import app
from world.dream import load_world
from world.scene_world import SceneWorld

LITTLE = FaultAmounts(ooms=5, sessions=2, steps=12)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_world(tmp_path_factory.mktemp("world"))


@pytest.mark.slow
@pytest.mark.parametrize("latent", [False, True])
def test_nan_anywhere_is_named_and_never_shown(world: Path, tmp_path: Path, latent: bool) -> None:
    result = nans.measure(load_world(world if latent else None), tmp_path, tiny_director())
    assert result.met, result.measured
    assert result.numbers["tried"] > 30


def test_memory_that_runs_out_at_every_allocation_costs_no_frame() -> None:
    result = ooms.measure(SceneWorld(), 5)
    numbers = result.numbers
    assert (numbers["recovered"], numbers["row_recovered"]) == (numbers["points"], 5)
    assert numbers["points"] > 10


@pytest.mark.slow
def test_a_crowd_is_let_in_or_told_so_and_nobody_is_cut_off(tmp_path: Path) -> None:
    with serving(FakeDreamer(tmp_path, most=4)) as page:
        visitors = crowd.crowd(page, 50)
    numbers = crowd.result(visitors, 4).numbers
    assert (numbers["inside"], numbers["refused"], numbers["cut"], numbers["unsaid"]) == (4, 46, 0, 0)


@pytest.mark.slow
def test_the_command_prints_what_was_tried_and_says_by_its_code_whether_all_held(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "QUICK", LITTLE)
    run = CliRunner().invoke
    process = run(app, ["bench", "faults", "--quick", "--only", "crosstalk", "--world", str(world), "--json"])
    assert process.exit_code == 0
    alone, batched = json.loads(process.stdout)
    assert alone["met"] and alone["numbers"]["steps"] == 12 and batched["met"]
    missed = FaultResult("what", "2", "0", False)
    monkeypatch.setattr(faults, "run", lambda *_: [missed])
    process = run(app, ["bench", "faults"])
    assert process.exit_code == 1 and "(missed)" in process.stdout
    monkeypatch.undo()
    wrong = run(app, ["bench", "faults", "--only", "nothing", "--world", str(world)])
    assert wrong.exit_code == 1 and "there are: kills" in wrong.stderr
