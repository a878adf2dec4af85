"""Sixteen drives in one process, in any order: each is, to the last bit, what it would be alone. LUCIDRIVE_STEPS: frames."""

from __future__ import annotations

import hashlib
import os
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.session import Session
from tests.tiny_world import write_tiny_world
from world.dream import Dream, WorldModel

SESSIONS, STEPS = 16, int(os.environ.get("LUCIDRIVE_STEPS", "160"))
ORDERS = ("rain(2)", "left", "speed(20)", "night", "stop", "clear;day", "ped_cross(left)", "right;snow(1)")


class Drive:
    """A session with a person whose doings follow from its seed alone, and a fingerprint of all that was shown."""

    def __init__(self, model: WorldModel, seed: int) -> None:
        self.session = Session(partial(Dream, model, steps=1), seed)
        self.person = random.Random(seed)
        self.print = hashlib.sha256()
        self.frames = 0

    def go_on(self) -> None:
        if self.person.random() < 0.05:
            self.session.do(self.person.choice(ORDERS))
        if self.person.random() < 0.05:
            keys = self.person.sample(["up", "down", "left", "right"], self.person.randrange(3))
            self.session.press(frozenset(keys))
        self.session.begin_tick()
        frame: Any = self.session.tick()
        self.print.update(frame.image.tobytes())
        self.print.update(repr((frame.control, frame.motion, self.session.snapshot().steps)).encode())
        self.frames += 1


@pytest.mark.slow
def test_no_drive_hears_of_another(tmp_path: Path) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path))
    together = [Drive(model, seed) for seed in range(SESSIONS)]
    chance = random.Random(0)
    for _ in range(STEPS):
        chance.choice(together).go_on()
    differing = 0
    for seed, drive in enumerate(together):
        alone = Drive(model, seed)
        for _ in range(drive.frames):
            alone.go_on()
        differing += alone.print.digest() != drive.print.digest()
    print(f"{SESSIONS} drives, {STEPS:,} interleaved frames, {differing} of them other than alone")
    assert differing == 0
    assert len({drive.print.digest() for drive in together}) == SESSIONS
