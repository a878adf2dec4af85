"""Checks that a drive does not grow or get slower, and takes the predicted memory."""

from __future__ import annotations

from pathlib import Path

from bridge.bench.faults.result import FaultResult
from bridge.bench.long import WARMUP, WINDOW, long_run
from bridge.budget.measure import compare, measure
from bridge.budget.setup import TIERS
from world.dream import AnyWorld
from world.machine import MIB

GROWTH, SLOWER = 10 * MIB, 1.1
APART = 0.1  # share of the measured value


def long(model: AnyWorld, frames: int) -> FaultResult:
    """Measures one dream over `frames` frames."""
    result = long_run(model, frames)
    return FaultResult(
        f"{frames:,} steps of one dream",
        f"grown by {result['rss_growth'] / MIB:.1f} MiB after step {WARMUP}; p99 of the last {WINDOW:,} is "
        f"{result['p99_ratio']:.2f} x the first {WINDOW:,}'s",
        f"at most {GROWTH // MIB} MiB; at most {SLOWER} x",
        result["rss_growth"] <= GROWTH and result["p99_ratio"] <= SLOWER,
        result,
    )


def peaks(dreams: tuple[int, ...], world: Path | None) -> FaultResult:
    """Compares the peak RSS predicted from one dream and three with that of processes with other numbers of them. BudgetError."""
    rows = compare(measure(TIERS["embedded"].setup, world), dreams, world)
    wrong = {number: predicted / real - 1 for number, predicted, real in rows}
    text = ", ".join(f"{number}: {predicted / MIB:,.0f} / {real / MIB:,.0f} MiB" for number, predicted, real in rows)
    return FaultResult(
        "peak RSS, predicted / measured, by sessions",
        f"{text}; wrong by at most {max(map(abs, wrong.values())):.1%}",
        f"within {APART:.0%}",
        max(map(abs, wrong.values())) <= APART,
        {f"wrong_{number}": share for number, share in wrong.items()},
    )
