"""Measured memory: what a fingerprint remembers, and predictions against a real process."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.budget import measure
from bridge.budget.measure import Fingerprint, Peaks, recall, remember, stages
from bridge.budget.plan import budget
from bridge.budget.setup import SETUPS, setup
from bridge.budget.sizes import GIB, MIB, BudgetError
from tests.tiny_world import write_tiny_world
from world.presets import preset

EMBEDDED = SETUPS["embedded"]
STAGES = {
    "libraries": (300, 300),
    "world": (350, 360),
    "brain": (800, 1500),
    "1 dreams": (830, 850),
    "3 dreams": (870, 910),
}
PEAKS = Peaks(libraries=300, world=50, brain=450, loading=700, dream=20, tick=20, more_tick=10)


@pytest.fixture
def empty_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "lucidrive" / "memory"


def test_peaks_are_reckoned_from_one_dream_and_from_three() -> None:
    assert Peaks.of(STAGES) == PEAKS
    assert PEAKS.most(1) == 1500  # the brain's load
    assert PEAKS.most(100) == 800 + 100 * 30 + 20


def test_what_was_measured_is_used_instead_of_the_estimate(empty_store: Path) -> None:
    assert recall(EMBEDDED) is None
    scaled = Peaks(*(MIB * value for value in (300, 50, 450, 700, 20, 20, 10)))
    path = remember(EMBEDDED, scaled)
    assert list(empty_store.iterdir()) == [path]
    assert recall(replace(EMBEDDED, sessions=7)) == scaled
    for dreams in (1, 8, 40):
        plan = budget(replace(EMBEDDED, sessions=dreams), 4 * GIB)
        *items, margin = plan.items
        assert {item.source for item in items} == {"measured"}
        assert sum(item.size for item in items) == scaled.most(dreams)
        assert margin.source == "estimated"


def test_other_libraries_or_shapes_are_another_measurement(empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(EMBEDDED, PEAKS)
    assert recall(replace(EMBEDDED, context=512)) is None
    assert recall(replace(EMBEDDED, quant="fp32")) is None
    assert recall(setup("rtx5090")) is None
    monkeypatch.setattr(measure, "_version", lambda package: "another")
    assert recall(EMBEDDED) is None


@pytest.mark.parametrize("text", ["", "{}", '{"fingerprint": 1, "peaks": {}}', "\x00"])
def test_a_damaged_measurement_is_a_sentence(empty_store: Path, text: str) -> None:
    remember(EMBEDDED, PEAKS).write_text(text)
    with pytest.raises(BudgetError, match="measure anew"):
        recall(EMBEDDED)
    assert Fingerprint.of(EMBEDDED).key in str(next(empty_store.iterdir()))


def test_only_what_runs_here_is_measured(empty_store: Path) -> None:
    for other in (setup("rtx5090"), replace(EMBEDDED, world="wide"), replace(EMBEDDED, quant="fp32")):
        with pytest.raises(BudgetError, match="can be measured"):
            measure.measure(other)
    with pytest.raises(BudgetError, match="could not be measured"):
        measure.measure(EMBEDDED, empty_store / "nowhere")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_predicted_peaks_are_those_of_a_real_drive(empty_store: Path, tmp_path: Path) -> None:
    world = write_tiny_world(tmp_path / "world", config=preset("embedded"))
    os.environ.pop("XDG_CACHE_HOME")  # the brain's own cache
    peaks = Peaks.of(stages(world, (1, 3)))
    for dreams, foretold, real in measure.compare(peaks, world=world):
        print(f"{dreams} dreams: foretold {foretold / MIB:,.0f} MiB, measured {real / MIB:,.0f} MiB")
        assert foretold == pytest.approx(real, rel=0.1)
