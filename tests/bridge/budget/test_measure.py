"""Measured memory: what a fingerprint remembers, and predictions against a real process."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bridge.budget import measure
from bridge.budget.measure import Fingerprint, Peaks, recall, remember, stages
from bridge.budget.meters import CudaMeter, Stages, stage
from bridge.budget.plan import budget
from bridge.budget.setup import TIERS, setup
from bridge.budget.sizes import GIB, MIB, BudgetError
from tests.tiny_world import write_tiny_world
from world.presets import preset

EMBEDDED = TIERS["embedded"].setup
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


@pytest.mark.slow
def test_only_what_runs_here_is_measured(empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for other, message in (
        (replace(EMBEDDED, quant="fp32"), "only the embedded"),
        (replace(EMBEDDED, world="wide"), "--weights"),
        (setup("rtx5090"), "--weights"),
    ):
        with pytest.raises(BudgetError, match=message):
            measure.measure(other)
    monkeypatch.setattr(measure.torch.cuda, "is_available", lambda: False)
    with pytest.raises(BudgetError, match="no CUDA device"):
        measure.measure(setup("rtx5090"), empty_store, empty_store)
    with pytest.raises(BudgetError, match="could not be measured"):
        measure.measure(EMBEDDED, empty_store / "nowhere")


def test_a_gpu_is_measured_by_the_device_and_by_the_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the device gave, another's share from before is none of ours; a peak that was given back counts."""
    free, reserved, peak = 900, 40, 75
    calls: list[str] = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: reserved)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: peak)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: calls.append("reset"))
    stages: Stages = {}
    meter = CudaMeter()
    with stage(stages, "world", meter):
        free = 800
    assert stages == {"world": (100, 100 + 75 - 40)} and calls == ["reset"]


def test_what_was_measured_on_a_gpu_leaves_the_pictures_in_ram(empty_store: Path) -> None:
    gpu = setup("rtx5090")
    estimated = budget(gpu, 32 * GIB)
    remember(gpu, Peaks(*(MIB * value for value in (500, 2000, 6000, 100, 90, 20, 10))))
    plan = budget(gpu, 32 * GIB)
    assert {item.source for item in plan.items[:-1]} == {"measured"} and plan.host == estimated.host
    assert plan.items[0].part == "CUDA context" and plan.items[0].size == 500 * MIB


@pytest.mark.gpu
def test_a_gpu_takes_what_was_measured_of_it(empty_store: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    here = replace(EMBEDDED, device="cuda", brain_device="cuda", quant="nf4", kv="bf16")
    peaks = measure.measure(here)
    for dreams, foretold, real in measure.compare(peaks, setup=here):
        print(f"{dreams} dreams: foretold {foretold / MIB:,.0f} MiB, measured {real / MIB:,.0f} MiB")
        assert foretold == pytest.approx(real, rel=0.1)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_predicted_peaks_are_those_of_a_real_drive(empty_store: Path, tmp_path: Path) -> None:
    world = write_tiny_world(tmp_path / "world", config=preset("embedded"))
    os.environ.pop("XDG_CACHE_HOME")  # the brain's own cache
    peaks = Peaks.of(stages(world, (1, 3)))
    for dreams, foretold, real in measure.compare(peaks, world=world):
        print(f"{dreams} dreams: foretold {foretold / MIB:,.0f} MiB, measured {real / MIB:,.0f} MiB")
        assert foretold == pytest.approx(real, rel=0.1)
