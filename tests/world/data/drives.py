"""A dataset of a few made-up drives: a grey road under a sky, with a lane mark that moves as the car does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from world import kinematics
from world.controls import TimeOfDay, Weather
from world.data import Episode, EpisodeWriter, assemble
from world.data.schema import COLUMNS
from world.kinematics import Motion

FRAMES = 60


def made_up_drive(seed: int, frames: int = FRAMES) -> Episode:
    generator = np.random.default_rng(seed)
    motion, travelled = Motion(6.0), 0.0
    images = np.zeros((frames, 72, 128, 3), np.uint8)
    values = {name: np.zeros((frames, *column.shape)) for name, column in COLUMNS.items()}
    values["control.weather"][:] = Weather.CLEAR
    values["control.time"][:] = TimeOfDay.DAY
    for frame in range(frames):
        steer, accel = generator.uniform(-0.01, 0.01), generator.uniform(-0.1, 0.2)
        images[frame, :36], images[frame, 36:] = (130, 170, 220), (90, 90, 95)
        images[frame, 36 + int(travelled * 8) % 36 :: 36, 60:68] = 240
        values["action"][frame] = values["expert.action"][frame] = steer, accel
        values["expert.target_speed"][frame] = 8.0
        values["observation.state"][frame] = motion.speed, motion.yaw_rate
        motion = kinematics.step(motion, steer, accel)
        travelled += motion.speed * 0.1
    return Episode(images, values)


def made_up_dataset(root: Path, drives: int = 3) -> Path:
    """A dataset of so many drives of FRAMES frames, in `root`."""
    with EpisodeWriter(root / "shard") as writer:
        for seed in range(drives):
            writer.append(made_up_drive(seed))
    return assemble(root / "set", [root / "shard"])
