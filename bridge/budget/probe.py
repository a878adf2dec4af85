"""Run as a process of its own, `python -m bridge.budget.probe WORLD 1 3`: the real peaks of a drive's parts in RAM.

WORLD: a folder of weights, or "" for those that came along.

Prints one JSON object of bytes: resident after each stage, and the most within it. A process of its own, because memory
that was freed is not always given back, and the next part would seem to cost nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bridge import memory
from bridge.clips import Moment
from bridge.session import CLIP_SECONDS
from world.controls import FPS, Control
from world.dream import Dream, WorldModel, drive_all, step_all

TICKS = 13  # the cache is full, and a frame more
SENTENCE = "turn left at the next junction, then make it rain"
CLEAR, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
Peaks = dict[str, tuple[int, int]]


@contextmanager
def stage(peaks: Peaks, name: str) -> Iterator[None]:
    """Notes what is resident at its end, and the most that was within."""
    CLEAR.write_text(RESET_PEAK)
    yield
    peaks[name] = (memory.resident(), memory.high_water())


def probe(world: Path | None, numbers: list[int]) -> Peaks:
    """Stages in this order: libraries, world, brain, then for each of `numbers` so many dreams in a batch."""
    peaks: Peaks = {}
    with stage(peaks, "libraries"):
        pass
    with stage(peaks, "world"):
        model = WorldModel.load(world)
    with stage(peaks, "brain"):
        from brain.director import Director

        director = Director.load()
        director.answer(SENTENCE)
    dreams: list[Dream] = []
    kept: list[list[Moment]] = []
    for number in numbers:
        with stage(peaks, f"{number} dreams"):
            for seed in range(len(dreams), number):
                dreams.append(Dream(model, seed))
                frame = dreams[-1].start(scene=model.scenes[seed % len(model.scenes)] if model.scenes else None)
                minute = [replace(frame, image=frame.image.copy()) for _ in range(CLIP_SECONDS * FPS)]
                kept.append([Moment(one, False, ()) for one in minute])  # as a session has after a minute
            for _ in range(TICKS):
                actions = drive_all(dreams, [0] * number, [8.0] * number)
                step_all(dreams, [Control(steer=action.steer, accel=action.accel) for action in actions])
            director.answer(SENTENCE)
    return peaks


if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    print(json.dumps(probe(Path(folder) if folder else None, list(map(int, numbers)))))
