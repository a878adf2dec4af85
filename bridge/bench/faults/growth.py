"""Does a drive grow, does it get slower, and does it take the memory that was foretold?"""

from __future__ import annotations

from pathlib import Path

from bridge.bench.faults.result import FaultResult
from bridge.bench.long import SETTLED, WINDOW, long_run
from bridge.budget.measure import compare, measure
from bridge.budget.setup import TIERS
from world.dream import AnyWorld
from world.machine import MIB

GROWTH, SLOWER = 10 * MIB, 1.1
APART = 0.1  # of what is measured


def long(model: AnyWorld, frames: int) -> FaultResult:
    """One dream of so many frames."""
    found = long_run(model, frames)
    return FaultResult(
        f"{frames:,} steps of one dream",
        f"grown by {found['rss_growth'] / MIB:.1f} MiB after step {SETTLED}; p99 of the last {WINDOW:,} is "
        f"{found['p99_ratio']:.2f} x the first {WINDOW:,}'s",
        f"at most {GROWTH // MIB} MiB; at most {SLOWER} x",
        found["rss_growth"] <= GROWTH and found["p99_ratio"] <= SLOWER,
        found,
    )


def peaks(dreams: tuple[int, ...], world: Path | None) -> FaultResult:
    """Peak RSS as foretold from one dream and three, beside that of processes with other numbers of them."""
    beside = compare(measure(TIERS["embedded"].setup, world), dreams, world)
    wrong = {number: foretold / real - 1 for number, foretold, real in beside}
    shown = ", ".join(f"{number}: {said / MIB:,.0f} / {real / MIB:,.0f} MiB" for number, said, real in beside)
    return FaultResult(
        "peak RSS, foretold / measured, by sessions",
        f"{shown}; wrong by at most {max(map(abs, wrong.values())):.1%}",
        f"within {APART:.0%}",
        max(map(abs, wrong.values())) <= APART,
        {f"wrong_{number}": share for number, share in wrong.items()},
    )
