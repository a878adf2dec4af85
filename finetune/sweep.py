"""Hyperparameter sweep: short runs of equal steps on the same cases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from brain.files import base_folder
from finetune.batches import Batches, Example, example
from finetune.corpus import corpus
from finetune.train import VALIDATION_SEED, FinetuneConfig, completion_loss, lora_model, mean_loss

STEPS = 48
WARMUP = 10  # steps
VALIDATION_CASES = 96
RANKS, RATES, TARGET_SETS = (16, 32, 64), (5e-4, 1e-3, 2e-3, 4e-3), ("all-linear", "attention", "mlp")


@dataclass(frozen=True, slots=True)
class Trial:
    """loss, exact: on validation templates, teacher-forced; seconds: CPU time per step."""

    config: FinetuneConfig
    parameters: int
    loss: float
    exact: float
    seconds: float


def settings(config: FinetuneConfig) -> list[FinetuneConfig]:
    """`config` and, one at a time, every other rank, rate and set of targets."""
    others = [replace(config, rank=rank) for rank in RANKS]
    others += [replace(config, rate=rate) for rate in RATES]
    others += [replace(config, targets=targets) for targets in TARGET_SETS]
    return list(dict.fromkeys([config, *others]))


def sweep(config: FinetuneConfig, steps: int = STEPS, base: str | Path | None = None) -> Iterator[Trial]:
    """Yields a trial for each of `settings`, each from a fresh adapter."""
    from transformers import AutoTokenizer

    folder = base_folder(base)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = corpus(config.cases, seed=config.seed)
    batches = Batches([example(tokenizer, case) for case in cases], config.batch, config.seed)
    unseen = [example(tokenizer, case) for case in corpus(VALIDATION_CASES, "validation", VALIDATION_SEED)]
    for one in settings(config):
        yield trial(lora_model(folder, one), one, batches, unseen, steps)


def trial(model: Any, config: FinetuneConfig, batches: Batches, unseen: list[Example], steps: int) -> Trial:
    """Trains for `steps`: the rate rises over WARMUP steps and falls linearly to zero."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=0.0, betas=(0.9, 0.98))
    began = time.process_time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = config.rate * min(1.0, (step + 1) / WARMUP) * (1 - step / steps)
        completion_loss(model, batches.batch(step))[0].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    seconds = (time.process_time() - began) / steps
    loss, exact = mean_loss(model, unseen, config.batch, batches.shared)
    return Trial(config, sum(parameter.numel() for parameter in parameters), loss, exact, seconds)
