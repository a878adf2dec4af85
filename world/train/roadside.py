"""Training the network that lines streets: what stands along a stretch, given its ground and what stands there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, save
from world.dynamics.roadside import LIKE
from world.errors import DataError
from world.train.compute import Compute
from world.train.dreamt_card import write_dreamt_card
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.roadside_lessons import Lessons, batch, collect, lessons_in
from world.train.streets import loss_of

WHAT = "Dreams what stands along a stretch of a street, given its ground and what stands there already."
BATCH, RATE = 48, 1e-3
HELD = 480  # stretches of a validation
FORGET = 0.25  # share of lessons that do not tell one of the conditions


def train_roadside(
    out: Path,
    minutes: float,
    *,
    count: int = 300,
    held: int = 20,
    data: Path | None = None,
    config: PrefixConfig | None = None,
    size: int = BATCH,
    compute: Compute | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and gives it. A killed run goes on with the same call.

    count, held: networks of the train and the validation split whose streets are lined, made where they are missing (extra `sim`) in
    folders of those names in `data` (default: out/roadsides). DataError for folders of other splits, SimulatorError without SUMO.
    """
    if count < 1 or held < 1:
        raise DataError("Ask for at least one network to learn from and one to measure by.")
    compute, data = (compute or Compute()).joined(), data or out / "roadsides"
    say = report or (lambda share, text: None)
    with compute.main_first():
        for split, number in (("train", count), ("validation", held)):
            collect(data / split, number, split, workers, lambda done, of: say(0.0, f"roadsides: {done} of {of}"))
    own, validation = lessons_in(data / "train"), lessons_in(data / "validation")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PrefixLM(config or LIKE).to(compute.device)
    schedule = Schedule(minutes, rate=RATE, warmup=100, fall=0.3, ema=0.998, validate_minutes=4.0)
    loop = TrainingLoop("roadside", out, model, schedule, compute)
    random = np.random.default_rng([seed, loop.step])

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        drawn = _tensors(own, random.integers(len(own), size=size))
        drawn[2] *= torch.from_numpy(random.random(drawn[2].shape) >= FORGET)
        for part in compute.shares(size):
            with compute.autocast():
                loss = loss_of(model, [one[part].to(compute.device) for one in drawn])
            yield {"loss": loss}

    def validate() -> dict[str, float]:
        rows = np.linspace(0, len(validation) - 1, min(HELD, len(validation))).astype(int)
        with torch.inference_mode(), compute.autocast():
            found = [
                float(loss_of(model, [one.to(compute.device) for one in _tensors(validation, rows[k : k + size])]))
                for k in range(0, len(rows), size)
            ]
        return {"loss": float(np.mean(found))}

    loop.run(losses_of, validate, report)
    model.load_state_dict(loop.ema)
    if compute.main:
        trained = {"stretches": len(own), "steps": loop.step, "seed": seed, "minutes": minutes}
        save(out, "roadside", model, {**trained, "batch": size})
        write_dreamt_card(out, "roadside", WHAT, model, trained)
    return out


def _tensors(lessons: Lessons, numbers: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(one) for one in batch(lessons, numbers)]
