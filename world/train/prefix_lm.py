"""Training a network that writes what comes next, given rows of what is there: the same loop for streets and for what lines them."""

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
from world.train.dreamt_card import write_dreamt_card
from world.train.loop import Report, Schedule, TrainingLoop

RATE = 1e-3
GENTLE = 0.5  # times the rate where a training goes on from weights
Batch = tuple[
    np.ndarray, ...
]  # rows, there, conditions, tokens, what comes after each (-100: nothing), as PrefixLM takes them


def collected(
    data: Path,
    counts: tuple[int, int],
    collect: Callable[[Path, int, str, int, Callable[[int, int], None]], None],
    what: str,
    compute: DistributedContext,
    workers: int,
    report: Report | None,
) -> None:
    """What is learnt from and measured by, made where it is missing, in folders of their names. counts: train, validation; DataError: none."""
    if min(counts) < 1:
        raise DataError("Ask for at least one network to learn from and one to measure by.")
    say = report or (lambda share, text: None)
    with compute.main_first():
        for split, number in zip(("train", "validation"), counts, strict=True):
            collect(data / split, number, split, workers, lambda done, of: say(0.0, f"{what}: {done} of {of}"))


def fit(
    name: str,
    what: str,
    out: Path,
    minutes: float,
    config: PrefixConfig,
    draw: Callable[[np.random.Generator], Batch],
    held: Callable[[], Iterable[Batch]],
    learnt_from: dict[str, object],
    size: int,
    compute: DistributedContext,
    seed: int,
    report: Report | None,
    begin: Path | None = None,
) -> Path:
    """Trains into `out`, where a killed run goes on, and gives it, with weights and card. draw: a batch of `size` lessons; held: those of a
    validation; what, learnt_from: for the card; begin: a folder of weights to go on from. WeightsError: it holds none."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PrefixLM(config)
    if begin is not None:
        model.load_state_dict(load(begin, name, config).state_dict())
        learnt_from = {**learnt_from, "begun from": sha256(begin / f"{name}.safetensors")[:12]}
    model = model.to(compute.device)
    schedule = Schedule(
        minutes, rate=RATE if begin is None else GENTLE * RATE, warmup=100, fall=0.3, ema=0.998, validate_minutes=4.0
    )
    loop = TrainingLoop(name, out, model, schedule, compute)
    random = np.random.default_rng([seed, loop.step])

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        drawn = _tensors(draw(random))
        for part in compute.shares(size):
            with compute.autocast():
                loss = loss_of(model, [one[part].to(compute.device) for one in drawn])
            yield {"loss": loss}

    def validate() -> dict[str, float]:
        with torch.inference_mode(), compute.autocast():
            found = [float(loss_of(model, [one.to(compute.device) for one in _tensors(drawn)])) for drawn in held()]
        return {"loss": float(np.mean(found))}

    loop.run(losses_of, validate, report)
    model.load_state_dict(loop.ema)
    if compute.main:
        trained = {**learnt_from, "steps": loop.step, "seed": seed, "minutes": minutes}
        save(out, name, model, {**trained, "batch": size})
        write_dreamt_card(out, name, what, model, trained)
    return out


def loss_of(model: PrefixLM, drawn: list[Tensor]) -> Tensor:
    """Cross entropy a token, in nats."""
    rows, there, conditions, tokens, after = drawn
    logits = model(rows, there, conditions, tokens)
    return functional.cross_entropy(logits.float().flatten(0, 1), after.flatten(), ignore_index=-100)


def _tensors(batch: Batch) -> list[Tensor]:
    return [torch.from_numpy(one) for one in batch]
