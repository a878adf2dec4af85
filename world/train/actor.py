"""Trains what paints events' actors (world/actor.py), on every frame in which one is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from world.actor import TOLD, Actor, covered, seen
from world.controls import NULL, Event
from world.files import WorldConfig, go_on, save_part, seeded
from world.latent.dynamics import FIELD_EVENT
from world.layout import BOX, LOOK
from world.train.compute import Compute
from world.train.drives import Drives
from world.train.loop import Report, Schedule, TrainingLoop

BATCH = 64
VALIDATED = 512  # frames
DROP_LOOK, DROP_BEFORE, DROP_FIELD = 0.2, 0.3, 0.1
SOFT, GRAIN = 0.7, 0.05  # a dream's picture is less sharp than a true one: how much of it is blurred at most; noise


def train_actor(
    drives: Drives,
    held_out: Drives,
    config: WorldConfig,
    out: Path,
    minutes: float,
    compute: Compute,
    seed: int = 0,
    report: Report | None = None,
    begin: Path | None = None,
) -> None:
    """Loss: 3 MSE + L1 within the actor's box, every actor alike however large. The picture around it is blurred a little.

    Of data that do not tell where actors are there is nothing to learn; the part is saved as it begins.
    """
    device = compute.device
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        actor = Actor(config.actor)
    go_on(begin, "actor", actor)
    actor.to(device)
    frames = there(drives).double() * rarity(drives)
    if not frames.any():
        if compute.main:
            save_part(out, "actor", actor.state_dict())
        return
    generator = seeded(seed, "cpu")
    loop = TrainingLoop("actor", out, actor, Schedule(minutes, rate=2e-3, fall=0.3, ema=0.995), compute)
    loop.reseed(generator)

    def error(data: Drives, index: Tensor, learning: bool) -> Tensor:
        """[B], within the boxes."""
        true = data.batch(index, device)
        given, layout, before, fields = true, data.layout[index], data.layout[index - 1], data.fields[index].clone()
        if learning:
            chance = torch.rand(4, len(index), generator=generator)
            noise = torch.randn(true.shape, generator=generator).to(device)
            soft = F.avg_pool2d(true, 3, 1, 1, count_include_pad=False)
            given = torch.lerp(true, soft, SOFT * chance[0].to(device)[:, None, None, None])
            given = given + GRAIN * chance[1].to(device)[:, None, None, None] * noise
            layout[:, LOOK] = layout[:, LOOK].where(chance[2][:, None] > DROP_LOOK, torch.nan)
            before = before.where(chance[3][:, None] > DROP_BEFORE, torch.nan)
            dropped = torch.rand(len(index), generator=generator) < DROP_FIELD
            for column in TOLD:
                if column != FIELD_EVENT:
                    fields[dropped, column] = NULL
        layout = layout.to(device)
        painted = actor(given, layout, before.to(device), fields.to(device))
        weight = covered(layout[:, BOX], *true.shape[-2:])
        missing = painted - true
        each = (3 * missing.square() + missing.abs()).mean(1) * weight
        return each.sum((1, 2)) / weight.sum((1, 2))

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(frames, BATCH, True, generator=generator)
        for own in compute.shares(BATCH):
            with compute.autocast():
                yield {"loss": error(drives, index[own], True).mean()}

    held = there(held_out).nonzero()[:, 0]
    held = held[torch.linspace(0, len(held) - 1, min(VALIDATED, len(held))).long()]

    @torch.inference_mode()
    def validate() -> dict[str, float]:
        return {"error": float(torch.cat([error(held_out, part, False) for part in held.split(BATCH)]).mean())}

    loop.run(loss_of, validate if len(held) else None, report)
    if compute.main:
        save_part(out, "actor", loop.ema)


def there(drives: Drives) -> Tensor:
    """bool [T]: an event's actor is seen, large enough to be painted."""
    box = drives.layout[:, BOX].nan_to_num(0.0)
    return seen(box, *drives.images.shape[1:3]) & (drives.fields[:, FIELD_EVENT] > Event.NONE) & (drives.age >= 1)


def rarity(drives: Drives) -> Tensor:
    """How often a frame is drawn: rare events more."""
    event = drives.fields[:, FIELD_EVENT].clamp_min(0)
    counts = torch.bincount(event[there(drives)], minlength=len(Event)).double()
    return (counts.max() / counts.clamp_min(1)).sqrt()[event]
