"""Checks that many drives in one process, in any order, are to the bit what they are alone, and close to it as a batch."""

from __future__ import annotations

import hashlib
import random
from functools import partial

import numpy as np

from bridge.bench.faults.result import FaultResult
from bridge.session import Session
from world.controls import Control, Weather
from world.dream import AnyWorld, open_dream, step_all
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

ORDERS = ("rain(2)", "left", "speed(20)", "night", "stop", "clear;day", "ped_cross(left)", "right;snow(1)")
BATCH, FRAMES = 4, 10  # dreams as one batch; frames
TOLERANCE = 2  # of 255: most that a pixel of a batched dream may differ from the same dream alone, in the first frame


class ScriptedDrive:
    """A session with a scripted person, who follows from its seed alone, and a hash of all its frames; of a scene, which is not drawn here,
    of all its states.
    """

    def __init__(self, model: AnyWorld, seed: int) -> None:
        self.session = Session(partial(open_dream, model, quality=0 if isinstance(model, SceneWorld) else 1), seed)
        self.person = random.Random(seed)
        self.print = hashlib.sha256()
        self.frames = 0

    def go_on(self) -> None:
        """Lets the person act, or not, makes a frame and hashes it."""
        if self.person.random() < 0.05:
            self.session.plan(self.person.choice(ORDERS))
        if self.person.random() < 0.05:
            keys = self.person.sample(["up", "down", "left", "right"], self.person.randrange(3))
            self.session.press(frozenset(keys))
        self.session.begin_tick()
        frame = self.session.tick()
        assert frame is not None
        self.print.update(frame.image.tobytes())
        if isinstance(self.session.dream, SceneDream):
            self.print.update(self.session.dream.state_now.hash().encode())
        self.print.update(repr((frame.control, frame.motion, self.session.snapshot().steps)).encode())
        self.frames += 1


def measure(model: AnyWorld, sessions: int, steps: int) -> list[FaultResult]:
    """`steps` frames of `sessions` drives, interleaved at random, against each alone; and a batch against single dreams."""
    together = [ScriptedDrive(model, seed) for seed in range(sessions)]
    chance = random.Random(0)
    for _ in range(steps):
        chance.choice(together).go_on()
    other = sum(_alone(model, seed, drive.frames) != drive.print.digest() for seed, drive in enumerate(together))
    unlike = len({drive.print.digest() for drive in together})
    first, mean = _batched(model)
    return [
        FaultResult(
            f"{sessions} sessions, {steps:,} interleaved steps",
            f"{other} of them other than alone; {unlike} unlike each other",
            "0 cross-talk",
            other == 0 and unlike == sessions,
            {"sessions": sessions, "steps": steps, "other": other, "unlike": unlike},
        ),
        FaultResult(
            f"{BATCH} dreams as one batch beside the same alone",
            f"the first frame differs by at most {first} of 255 a pixel; frame {FRAMES} by {mean:.2f} in the mean",
            f"at most {TOLERANCE} in the first",
            first <= TOLERANCE,
            {"first": first, "mean": mean},
        ),
    ]


def _alone(model: AnyWorld, seed: int, frames: int) -> bytes:
    alone = ScriptedDrive(model, seed)
    for _ in range(frames):
        alone.go_on()
    return alone.print.digest()


def _batched(model: AnyWorld) -> tuple[int, float]:
    """The largest difference of a pixel in the first frame, and the mean in the last, since rounding errors grow in a dream."""
    dreams = [open_dream(model, seed, 1) for seed in range(BATCH)]
    for dream in dreams:
        dream.start(scene=model.scenes[dream.seed % len(model.scenes)] if model.scenes else None)
    single = [dream.fork() for dream in dreams]
    controls = [Control(steer=0.02 * seed, accel=0.1, weather=Weather.CLEAR) for seed in range(BATCH)]
    first, last = 0, 0.0
    for number in range(FRAMES):
        frames = step_all(dreams, controls)
        pairs = [(frame.image, dream.step(to).image) for frame, dream, to in zip(frames, single, controls, strict=True)]
        apart = np.stack([np.abs(one.astype(int) - other) for one, other in pairs])
        first, last = (int(apart.max()) if number == 0 else first), float(apart.mean())
    return first, last
