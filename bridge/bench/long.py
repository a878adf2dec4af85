"""Measures whether one long dream grows or gets slower."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from bridge.bench.dream import one_by_one, open_dreams, seconds
from bridge.loop import percentile
from world import machine
from world.dream import AnyWorld

WARMUP, WINDOW = 500, 1000  # frames


def long_run(
    model: AnyWorld, frames: int, quality: int = 2, report: Callable[[float, str], None] | None = None
) -> dict[str, Any]:
    """Growth of the resident bytes after WARMUP frames; the p99 of a frame's milliseconds over the first WINDOW frames after
    them and over the last; and the ratio of the second to the first.
    """
    dream, times, before = open_dreams(model, 1, quality), array("d"), 0
    for number in range(frames):
        if number == min(WARMUP, frames - 1):
            before = machine.resident()
        times.append(seconds(lambda: one_by_one(dream)))
        if report is not None and number % 100 == 0:
            report(number / frames, f"{number:,} frames")
    after, rest = machine.resident(), times[min(WARMUP, frames - 1) :]
    first, last = (1000 * percentile(sorted(part), 0.99) for part in (rest[:WINDOW], rest[-WINDOW:]))
    return {
        "frames": frames,
        "quality": quality,
        "rss_growth": after - before,
        "p99_first_ms": first,
        "p99_last_ms": last,
        "p99_ratio": last / first,
    }


def table(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Rows of a table for people. result: of `long_run`."""
    return [
        ("frames of one dream", f"{result['frames']:,}"),
        (f"memory grown after {WARMUP} frames", f"{result['rss_growth'] / machine.MIB:.1f} MiB"),
        (
            f"p99 of {WINDOW:,} frames, the first; the last",
            f"{result['p99_first_ms']:.0f} ms; {result['p99_last_ms']:.0f} ms",
        ),
        ("the last over the first", f"{result['p99_ratio']:.2f}"),
    ]
