"""Measures the seconds from a sentence to its plan."""

from __future__ import annotations

import statistics
import time
from typing import Any

CONTEXT = "weather=clear time=day speed=30"
ONE_STEP = (
    "turn left",
    "make it rain",
    "stop the car",
    "go faster",
    "下雪",
    "右轉",
    "let it be night",
    "a dog runs out",
)
THREE_STEPS = (
    "turn left, then make it rain and let it be night",
    "heavy snow, slow down, then turn right",
    "先左轉，然後下雨，再停車",
    "fog, a cyclist from the right, then stop",
)


def bench_brain(director: Any = None) -> dict[str, float]:
    """Median seconds and tokens from a sentence to its plan, for sentences of one step and of three; `load`: seconds to load the brain."""
    result = {}
    if director is None:
        from brain.director import Director

        began = time.perf_counter()
        director = Director.load()
        result["load"] = time.perf_counter() - began
    director.answer(ONE_STEP[0], CONTEXT)
    for name, sentences in (("one_step", ONE_STEP), ("three_steps", THREE_STEPS)):
        replies = [director.answer(text, CONTEXT) for text in sentences]
        result[name] = statistics.median(reply.seconds for reply in replies)
        result[f"{name}_tokens"] = statistics.mean(reply.tokens for reply in replies)
    return result
