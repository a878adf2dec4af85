"""Measures the real peaks of a drive's parts: `python -m bridge.budget.probe WORLD BRAIN QUANT DEVICE BRAIN_DEVICE 1 3`.

WORLD: a folder of weights, BRAIN: one of a language model; "" for the installed ones.

Prints one JSON object of bytes: resident after each stage, and the peak within it. It is a process of its own because freed memory
is not always given back, and the next part would seem to cost nothing.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brain.files import ADAPTER
from bridge.budget.meters import CudaMeter, RamMeter, Stages, stage
from bridge.recording.clip import CLIP_SECONDS, Moment
from world.controls import FPS, Control
from world.dream import AnyDream, load_world, open_dream, step_all

TICKS = 13  # the cache is full, and a frame more
SENTENCE = "turn left at the next junction, then make it rain"


@dataclass(frozen=True, slots=True)
class ProbeLoad:
    """What is loaded, and where. A brain on another device than the world's is not measured."""

    world: Path | None = None
    brain: Path | None = None
    quant: Any = "int8"
    device: str = "cpu"
    brain_device: str = "cpu"


def probe(parts: ProbeLoad, numbers: list[int]) -> Stages:
    """The stages libraries, world, brain, then a batch of dreams for each of `numbers`. WeightsError, DataError."""
    stages: Stages = {}
    on_gpu = parts.device != "cpu"
    meter = CudaMeter() if on_gpu else RamMeter()
    with stage(stages, "libraries", meter):
        if on_gpu:
            import torch

            torch.ones(8, 8, device=parts.device) @ torch.ones(8, 8, device=parts.device)  # the context, and cuBLAS
    with stage(stages, "world", meter):
        model = load_world(parts.world, parts.device)
    director = None
    with stage(stages, "brain", meter):
        if parts.brain_device == parts.device:
            from brain.director import Director

            adapter = ADAPTER if parts.brain is None else None
            director = Director.load(adapter, base=parts.brain, quant=parts.quant, device=parts.brain_device)
            director.answer(SENTENCE)
    dreams: list[AnyDream] = []
    minutes: list[list[Moment]] = []
    for number in numbers:
        with stage(stages, f"{number} dreams", meter):
            for seed in range(len(dreams), number):
                dreams.append(open_dream(model, seed))
                frame = dreams[-1].start(scene=model.scenes[seed % len(model.scenes)] if model.scenes else None)
                minute = [replace(frame, image=frame.image.copy()) for _ in range(CLIP_SECONDS * FPS)]
                minutes.append([Moment(one, False, ()) for one in minute])  # as a session keeps after a minute
            for _ in range(TICKS):
                actions = [dream.drive(0, 8.0) for dream in dreams]
                step_all(dreams, [Control(steer=action.steer, accel=action.accel) for action in actions])
            if director is not None:
                director.answer(SENTENCE)
    return stages


if __name__ == "__main__":
    world, brain, quant, device, brain_device, *numbers = sys.argv[1:]
    parts = ProbeLoad(Path(world) if world else None, Path(brain) if brain else None, quant, device, brain_device)
    print(json.dumps(probe(parts, list(map(int, numbers)))))
