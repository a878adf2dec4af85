"""One dream for a long time: does it grow, does it get slower?"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from bridge.bench.dream import one_by_one, seconds, started
from bridge.loop import percentile
from world import machine
from world.dream import AnyWorld

SETTLED, WINDOW = 500, 1000  # frames


def long_run(
    model: AnyWorld, frames: int, quality: int = 2, report: Callable[[float, str], None] | None = None
) -> dict[str, Any]:
    """Growth of what is resident after SETTLED frames, bytes; the p99 of a frame's time over the first WINDOW frames after
    them and over the last, milliseconds; and the second over the first.
    """
    dream, times, before = started(model, 1, quality), array("d"), 0
    for number in range(frames):
        if number == min(SETTLED, frames - 1):
            before = machine.resident()
        times.append(seconds(lambda: one_by_one(dream)))
        if report is not None and number % 100 == 0:
            report(number / frames, f"{number:,} frames")
    after, kept = machine.resident(), times[min(SETTLED, frames - 1) :]
    first, last = (1000 * percentile(sorted(part), 0.99) for part in (kept[:WINDOW], kept[-WINDOW:]))
    return {
        "frames": frames,
        "quality": quality,
        "rss_growth": after - before,
        "p99_first_ms": first,
        "p99_last_ms": last,
        "p99_ratio": last / first,
    }


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The result as rows of text, for people."""
    return [
        ("frames of one dream", f"{found['frames']:,}"),
        (f"memory grown after {SETTLED} frames", f"{found['rss_growth'] / machine.MIB:.1f} MiB"),
        (
            f"p99 of {WINDOW:,} frames, the first; the last",
            f"{found['p99_first_ms']:.0f} ms; {found['p99_last_ms']:.0f} ms",
        ),
        ("the last over the first", f"{found['p99_ratio']:.2f}"),
    ]
