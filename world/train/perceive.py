"""Trains the perception network: first on pictures rendered as in play, towards the end half on path-traced ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from world.errors import DataError
from world.perceive.coding import coded, loss_of
from world.perceive.network import PerceiveConfig, Perceiver, save
from world.perceive.sight import Sight
from world.train.degrade import degrade
from world.train.distributed import DistributedContext
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.perceive_pictures import Pictures, drawn_pictures, of_towns, traced_pictures

BATCH = 32
RATE = 2e-3
TRACED_SHARE = 0.5  # share of path-traced pictures at the end
HELD = 192  # pictures per validation


def train_perceive(
    lessons: Path | None,
    held_out: Path | None,
    out: Path,
    minutes: float,
    *,
    count: int = 12000,
    cache: Path | None = None,
    config: PerceiveConfig | None = None,
    batch: int = BATCH,
    compute: DistributedContext | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and returns it. An interrupted run resumes with the same call.

    lessons, held_out: path-traced, of training and of validation towns; None: only `count` rendered pictures. cache:
    where pictures are kept (default: out/cache). DataError for a folder without lessons or with those of other towns.
    """
    if count < 1:
        raise DataError("Ask for at least one drawn picture: nothing else shows a car beside its lane's middle.")
    for folder, split in ((lessons, "train"), (held_out, "validation")):
        if folder:
            of_towns(folder, split)
    compute = (compute or DistributedContext()).join_processes()
    device, cache = compute.device, cache or out / "cache"
    with compute.main_first():
        ours = drawn_pictures(count, "train", cache, seed, workers, report)
        real = traced_pictures(lessons, cache, workers, report) if lessons else None
        validation = (
            traced_pictures(held_out, cache, workers, report)
            if held_out
            else drawn_pictures(HELD, "validation", cache, seed, workers, report)
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        perceiver = Perceiver(config).to(device)
    schedule = Schedule(minutes, rate=RATE, warmup=100, fall=0.3, ema=0.995, weight_decay=0.02, validate_minutes=4.0)
    loop = TrainingLoop("perceive", out, perceiver, schedule, compute)
    random = np.random.default_rng([seed, loop.step])

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        share = TRACED_SHARE * loop.progress if real else 0.0
        rows = [_draw(real if real and random.random() < share else ours, random) for _ in range(batch)]
        seeds = random.integers(2**63, size=batch)
        for part in compute.shares(batch):
            pictures, sights = zip(*(rows[k] for k in part.tolist()), strict=True)
            images, labels = degrade(np.stack(pictures), sights, np.random.default_rng(seeds[part.numpy()]))
            with compute.autocast():
                output = perceiver(_laid_out(images, device))
            yield loss_of(output, coded(labels).to(device))

    def validate() -> dict[str, float]:
        rows_of_losses: list[dict[str, float]] = []
        rows = np.linspace(0, len(validation) - 1, min(HELD, len(validation))).astype(int)
        with torch.inference_mode(), compute.autocast():
            for first in range(0, len(rows), batch):
                pictures, sights = validation.batch(rows[first : first + batch])
                images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
                losses = loss_of(perceiver(_laid_out(images, device)), coded(sights).to(device))
                rows_of_losses.append({name: float(value) for name, value in losses.items()})
        return {name: float(np.mean([one[name] for one in rows_of_losses])) for name in rows_of_losses[0]}

    loop.run(losses_of, validate, report)
    perceiver.load_state_dict(loop.ema)
    if compute.main:
        counts = {"drawn": len(ours), "traced": len(real) if real else 0}
        save(out, perceiver, {"pictures": counts, "steps": loop.step, "seed": seed, "minutes": minutes})
    return out


def _draw(pictures: Pictures, random: np.random.Generator) -> tuple[np.ndarray, Sight]:
    images, sights = pictures.batch([int(random.integers(len(pictures)))])
    return images[0], sights[0]


def _laid_out(pictures: Tensor, device: str) -> Tensor:
    return pictures.to(device).contiguous(memory_format=torch.channels_last)
