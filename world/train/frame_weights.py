"""How often the frames of a dataset are sampled in training."""

from __future__ import annotations

import torch
from torch import Tensor

from world.controls import Event
from world.latent.dynamics import FIELD_EVENT
from world.train.in_memory import InMemoryDataset

ONSET = 15  # frames after an event's trigger within which it comes into view


def frame_weights(drives: InMemoryDataset) -> Tensor:
    """Sampling weight of every frame [T].

    Turns, events (rare ones and onsets most) and changes of weather or time count more, standing still less.
    """
    if not drives.driving:
        return torch.ones(len(drives))
    speed, yaw_rate = drives.motions[:, 2], drives.motions[:, 3].abs()
    weight = torch.where(speed < 0.5, 0.3, 1.0) + 2.0 * (yaw_rate > 0.08) + 1.0 * (yaw_rate > 0.3)
    fields = drives.fields
    conditions_changed = (fields[:, 1:3] != fields.roll(20, 0)[:, 1:3]).any(1) & (drives.age >= 20)
    event = fields[:, 3].clamp_min(0)
    counts = torch.bincount(event, minlength=len(Event)).float()
    rarity = (counts[1:].mean() / counts.clamp_min(1)).sqrt().clamp(0.5, 4.0)[event]
    onset = (event > 0) & (event != event.roll(ONSET)) & (drives.age >= ONSET)
    return weight + 4.0 * conditions_changed + (1.0 + onset) * 2.0 * rarity * (event > 0)


def entering(drives: InMemoryDataset) -> Tensor:
    """bool [T]: an event's actor is present and was not a frame earlier, so it must appear from nothing."""
    event = drives.fields[:, FIELD_EVENT]
    return (event > 0) & (event != event.roll(1)) & (drives.age >= 2)
