"""Measures how soon a sentence becomes a plan: alone, while the dream runs at ten frames a second, and from a cold start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bridge.bench.brain import CONTEXT, ONE_STEP, THREE_STEPS
from bridge.errors import SessionError

PATIENCE = 60.0  # seconds for one sentence
START = """
import pathlib, sys
from brain.director import Director
print(Director.load(pathlib.Path(sys.argv[1])).answer("left").line, flush=True)
"""


def bench_answers(adapter: Path | None = None, world: Path | None = None) -> dict[str, Any]:
    """Median seconds from a sentence of one step, and of three, to its plan, and the gaps between frames meanwhile. SessionError after PATIENCE."""
    from brain.director import Director
    from brain.files import ADAPTER
    from bridge.loop import Loop, percentile
    from bridge.session import Session
    from world.dream import load_world, open_dream

    director = Director.load(adapter or ADAPTER)
    director.answer(ONE_STEP[0], CONTEXT)
    alone = [
        median([director.answer(text, CONTEXT).seconds for text in sentences]) for sentences in (ONE_STEP, THREE_STEPS)
    ]
    model = load_world(world)
    session = Session(partial(open_dream, model))
    loop = Loop(director)
    ticks: list[tuple[float, bool]] = []  # when, and whether a sentence was being read
    loop.add(session, lambda: ticks.append((time.perf_counter(), loop.thinking.busy)))
    loop.start()
    try:
        time.sleep(3.0)  # the first frames and the first sentence load and compile
        _latencies(session, ONE_STEP[:1])
        ticks.clear()
        dreaming = [median(_latencies(session, sentences)) for sentences in (ONE_STEP, THREE_STEPS)]
    finally:
        loop.stop()
    gaps = [later - now for (now, busy), (later, _) in pairwise(ticks) if busy]
    return {
        "seconds": {"alone": alone, "while dreaming": dreaming},
        "gap_p50_ms": 1000 * percentile(sorted(gaps), 0.5),
        "gap_p99_ms": 1000 * percentile(sorted(gaps), 0.99),
        "gap_max_ms": 1000 * max(gaps, default=float("nan")),
        "frames": len(gaps),
    }


def _latencies(session: Any, sentences: Sequence[str]) -> list[float]:
    """Seconds from each sentence to its plan, one after another, in a running drive. SessionError after PATIENCE."""
    seconds = []
    for text in sentences:
        began = time.perf_counter()
        session.say(text)
        while session.snapshot().thinking:
            if time.perf_counter() > began + PATIENCE:
                raise SessionError("The brain read no sentence while it was measured; try again on a quieter machine.")
            time.sleep(0.002)
        seconds.append(time.perf_counter() - began)
        time.sleep(0.5)
    return seconds


def bench_start(adapter: Path | None = None) -> dict[str, float]:
    """Seconds from the start of a process to its first plan with the merged weights cached: the second of two. SessionError where it fails."""
    from brain.files import ADAPTER

    command = [sys.executable, "-c", START, str(adapter or ADAPTER)]
    times = []
    for _ in range(2):
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            first = process.stdout.readline() if process.stdout else b""
            times.append(time.perf_counter() - began)
            _, errors = process.communicate()
        if not first:
            raise SessionError(
                f"The brain did not start ({errors.decode().strip()[-300:]}); mend that and measure again."
            )
    return {"seconds": times[1]}
