"""Measures lucidrive on this machine: dreams and the parts of a picture, the live loop as a page sees it, the brain.

page.py watches `lucidrive ui` from outside; dream.py and brain.py measure in this process; picture.py draws the results. env.py,
long.py, clips.py and faults/ are separate measurements.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.bench.brain import bench_brain
from bridge.bench.page import bench_loop
from bridge.doctor import look_at_machine
from world.machine import MIB, peak
from world.telling import Report

Rows = list[tuple[str, str]]


def run(
    world: Path | None = None, *, quality: int = 2, seconds: float = 20.0, report: Report | None = None
) -> dict[str, Any]:
    """All measurements, as plain values for JSON; the loop first, while this process is still small. BenchError, WeightsError, DataError."""
    tell = report or (lambda fraction, text: None)
    machine = asdict(look_at_machine()) | {"load_average": os.getloadavg()[0]}
    tell(0.05, "the page in a process of its own")
    loop = bench_loop(world, quality, seconds)
    tell(0.4, "the dream")
    import torch

    from bridge.bench import dream
    from world.dream import load_world
    from world.scene_world import SceneWorld

    model = load_world(world)
    by_dial = {str(k): dream.bench_dial(model, k) for k in dream.DIAL}
    parts = dream.bench_scene(model) if isinstance(model, SceneWorld) else {}
    tell(0.6, "a tick by the number of dreams")
    sessions = dream.bench_sessions(model, quality)
    most = peak()
    tell(0.8, "the brain's latency")
    brain = bench_brain()
    tell(1.0, "done")
    return {
        "machine": machine,
        "threads": torch.get_num_threads(),
        "quality": quality,
        "scene": isinstance(model, SceneWorld),
        "dream_fps_by_dial": by_dial,
        "parts_ms": parts,
        "tick_ms_by_sessions": sessions,
        "loop": asdict(loop),
        "brain_seconds": brain,
        "peak_rss_dreams": most,
        "peak_rss_bench": peak(),
    }


def words(result: dict[str, Any], dial: str) -> str:
    """A value of the dial in words: a scene's picture size, a latent world's K."""
    from world.scene_world import SIZES

    return "{}x{}".format(*SIZES[int(dial)]) if result["scene"] else f"K={dial}"


def table(result: dict[str, Any]) -> Rows:
    """The result as rows of text, for people."""
    machine, loop, brain = result["machine"], result["loop"], result["brain_seconds"]
    rows = [
        ("machine", f"{machine['cores']} cores, {machine['cpu']}, torch {machine['torch']}"),
        ("threads; load when it began", f"{result['threads']}; {machine['load_average']:.1f}"),
    ]
    rows += [
        (f"dream alone, {words(result, k)}", f"{fps:.1f} frames/s") for k, fps in result["dream_fps_by_dial"].items()
    ]
    rows += [(f"one {name}", f"{ms:.2f} ms") for name, ms in result["parts_ms"].items()]
    for number, ms in result["tick_ms_by_sessions"].items():
        text = f"{ms['batched']:.0f} ms as one batch, {ms['alone']:.0f} ms one after another"
        rows.append((f"a tick of {number} dreams" if number != "1" else "a tick of one dream", text))
    rows.append(("first picture after the start", f"{loop['first_frame']:.1f} s"))
    for name, doing in (("idle", "idle"), ("thinking", "while the brain reads")):
        if (gaps := loop[name]) is None:
            rows.append((f"page, {doing}", "too few pictures came"))
            continue
        text = f"{gaps['fps_median']:.1f} frames/s, gap p50 {gaps['gap_p50']:.0f} ms, p99 {gaps['gap_p99']:.0f} ms"
        rows.append((f"page, {words(result, str(result['quality']))}, {doing}", text))
    rows += [(f"brain, {name.replace('_', ' ')}", f"{brain[name]:.2f} s") for name in ("one_step", "three_steps")]
    rows.append(("memory of the page's process, at most", f"{loop['peak_rss'] / MIB:,.0f} MiB"))
    return rows
