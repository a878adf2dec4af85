"""Sixteen drives in one process, in any order: each is, to the last bit, what it would be alone. LUCIDRIVE_STEPS: frames."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridge.bench.faults import crosstalk
from tests.tiny_world import write_tiny_world
from world.dream import load_world
from world.model import WorldModel

SESSIONS, STEPS = 16, int(os.environ.get("LUCIDRIVE_STEPS", "160"))


@pytest.mark.slow
@pytest.mark.parametrize("latent", [False, True])
def test_no_drive_hears_of_another(tmp_path: Path, latent: bool) -> None:
    model = load_world(write_tiny_world(tmp_path) if latent else None)
    alone, batched = crosstalk.measure(model, SESSIONS, STEPS)
    assert alone.met, alone.measured
    assert alone.numbers == {"sessions": SESSIONS, "steps": STEPS, "other": 0, "unlike": SESSIONS}
    assert batched.met, batched.measured


def test_a_drive_that_hears_of_another_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path))
    go_on = crosstalk.ScriptedDrive.go_on

    def leaking(drive: crosstalk.ScriptedDrive) -> None:
        go_on(drive)
        model.dynamics.residual.bias.data += 1e-3  # whoever steps, changes the world for all

    monkeypatch.setattr(crosstalk.ScriptedDrive, "go_on", leaking)
    alone, _ = crosstalk.measure(model, 3, 12)
    assert not alone.met and alone.numbers["other"] >= 2
