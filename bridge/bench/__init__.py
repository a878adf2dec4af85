"""Measures lucidrive on this machine: the dream and how its cost grows, the live loop as a page sees it, the brain.

page.py watches `lucidrive ui` from outside; dream.py and brain.py measure within this process; picture.py draws it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge import memory
from bridge.bench.brain import bench_brain
from bridge.bench.page import bench_loop
from bridge.doctor import look_at_machine

Report = Callable[[float, str], None]
Rows = list[tuple[str, str]]


def run(
    world: Path | None = None, *, steps: int = 2, seconds: float = 20.0, report: Report | None = None
) -> dict[str, Any]:
    """All measurements, as plain values for JSON. The loop comes first, while this process is still small."""
    note = report or (lambda fraction, text: None)
    machine = asdict(look_at_machine()) | {"load_average": os.getloadavg()[0]}
    note(0.05, "the page in a process of its own")
    loop = bench_loop(world, steps, seconds)
    note(0.4, "the dream")
    import torch

    from bridge.bench import dream
    from world.files import EMBEDDED, read_config
    from world.model import WorldModel

    model = WorldModel.load(world)
    by_steps = {str(k): dream.bench_dream(model, k) for k in dream.KS}
    parts = dream.bench_parts(model)
    note(0.55, "a dream's cost by cache length, resolution and number of sessions")
    cache = dream.bench_cache(model)
    sizes = dream.bench_sizes(read_config(world or EMBEDDED)[0], steps)
    sessions = dream.bench_sessions(model, steps)
    peak = memory.peak()
    note(0.8, "the brain's latency")
    brain = bench_brain()
    note(1.0, "done")
    return {
        "machine": machine,
        "threads": torch.get_num_threads(),
        "steps": steps,
        "dream_fps_by_steps": by_steps,
        "parts_ms": parts,
        "dynamics_ms_by_cache": cache,
        "frame_ms_by_size": sizes,
        "tick_ms_by_sessions": sessions,
        "loop": asdict(loop),
        "brain_seconds": brain,
        "peak_rss_dreams": peak,
        "peak_rss_bench": memory.peak(),
    }


def table(result: dict[str, Any]) -> Rows:
    """The result as rows of text, for people."""
    machine, loop, brain = result["machine"], result["loop"], result["brain_seconds"]
    rows = [
        ("machine", f"{machine['cores']} cores, {machine['cpu']}, torch {machine['torch']}"),
        ("threads; load when it began", f"{result['threads']}; {machine['load_average']:.1f}"),
    ]
    rows += [(f"dream alone, K={k}", f"{fps:.1f} frames/s") for k, fps in result["dream_fps_by_steps"].items()]
    rows += [(f"one {name}", f"{ms:.1f} ms") for name, ms in result["parts_ms"].items()]
    rows += [
        (f"one dynamics, {length} frames in the cache", f"{ms:.1f} ms")
        for length, ms in result["dynamics_ms_by_cache"].items()
    ]
    rows += [(f"a frame of {size}, untrained", f"{ms:.0f} ms") for size, ms in result["frame_ms_by_size"].items()]
    for number, ms in result["tick_ms_by_sessions"].items():
        text = f"{ms['batched']:.0f} ms as one batch, {ms['alone']:.0f} ms one after another"
        rows.append((f"a tick of {number} dreams" if number != "1" else "a tick of one dream", text))
    rows.append(("first picture after the start", f"{loop['first_frame']:.1f} s"))
    for name, words in (("idle", "idle"), ("thinking", "while the brain reads")):
        if (seen := loop[name]) is None:
            rows.append((f"page, {words}", "too few pictures came"))
            continue
        text = f"{seen['fps_median']:.1f} frames/s, gap p50 {seen['gap_p50']:.0f} ms, p99 {seen['gap_p99']:.0f} ms"
        rows.append((f"page, K={result['steps']}, {words}", text))
    rows += [(f"brain, {name.replace('_', ' ')}", f"{brain[name]:.2f} s") for name in ("one_step", "three_steps")]
    rows.append(("memory of the page's process, at most", f"{loop['peak_rss'] / memory.MIB:,.0f} MiB"))
    return rows
