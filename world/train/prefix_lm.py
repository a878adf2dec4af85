"""Trains a prefix language model: the same loop for streets and for roadsides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, load, save
from world.errors import DataError
from world.files import sha256
from world.train.distributed import DistributedContext
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.prefix_lm_card import write_prefix_lm_card

RATE = 1e-3
GENTLE = 0.5  # factor of the rate with initial weights
Batch = tuple[np.ndarray, ...]  # rows, there, conditions, tokens, next tokens (-100: none), as for PrefixLM


def prepare_data(
    data: Path,
    counts: tuple[int, int],
    collect: Callable[[Path, int, str, int, Callable[[int, int], None]], None],
    what: str,
    compute: DistributedContext,
    workers: int,
    report: Report | None,
) -> None:
    """Collects the training and the validation data that are missing, in folders of their names. counts: train,
    validation.

    DataError where a count is less than one, or a folder holds another split.
    """
    if min(counts) < 1:
        raise DataError("Ask for at least one network to learn from and one to measure by.")
    say = report or (lambda share, text: None)
    with compute.main_first():
        for split, number in zip(("train", "validation"), counts, strict=True):
            collect(data / split, number, split, workers, lambda count, total: say(0.0, f"{what}: {count} of {total}"))


def fit(
    name: str,
    what: str,
    out: Path,
    minutes: float,
    config: PrefixConfig,
    draw: Callable[[np.random.Generator], Batch],
    validation_batches: Callable[[], Iterable[Batch]],
    origin: dict[str, object],
    size: int,
    compute: DistributedContext,
    seed: int,
    report: Report | None,
    begin: Path | None = None,
) -> Path:
    """Trains into `out` and returns it, with weights and card; an interrupted run resumes.

    draw: a batch of `size` samples; validation_batches: those of a validation; what, origin: for the card; begin: a
    folder of initial weights. WeightsError where `begin` has none.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PrefixLM(config)
    if begin is not None:
        model.load_state_dict(load(begin, name, config).state_dict())
        origin = {**origin, "begun from": sha256(begin / f"{name}.safetensors")[:12]}
    model = model.to(compute.device)
    schedule = Schedule(
        minutes, rate=RATE if begin is None else GENTLE * RATE, warmup=100, fall=0.3, ema=0.998, validate_minutes=4.0
    )
    loop = TrainingLoop(name, out, model, schedule, compute)
    random = np.random.default_rng([seed, loop.step])

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        tensors = _tensors(draw(random))
        for part in compute.shares(size):
            with compute.autocast():
                loss = loss_of(model, [one[part].to(compute.device) for one in tensors])
            yield {"loss": loss}

    def validate() -> dict[str, float]:
        with torch.inference_mode(), compute.autocast():
            losses = [
                float(loss_of(model, [one.to(compute.device) for one in _tensors(batch)]))
                for batch in validation_batches()
            ]
        return {"loss": float(np.mean(losses))}

    loop.run(losses_of, validate, report)
    model.load_state_dict(loop.ema)
    if compute.main:
        record = {**origin, "steps": loop.step, "seed": seed, "minutes": minutes}
        save(out, name, model, {**record, "batch": size})
        write_prefix_lm_card(out, name, what, model, record)
    return out


def loss_of(model: PrefixLM, batch: list[Tensor]) -> Tensor:
    """Cross entropy per token, in nats."""
    rows, there, conditions, tokens, after = batch
    logits = model(rows, there, conditions, tokens)
    return functional.cross_entropy(logits.float().flatten(0, 1), after.flatten(), ignore_index=-100)


def _tensors(batch: Batch) -> list[Tensor]:
    return [torch.from_numpy(one) for one in batch]
