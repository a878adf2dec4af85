"""Trains the tiny world for a few steps that count the same on any machine: `python -m tests.world.train.train_shared DATA OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tiny_world import TINY
from world.files import write_config
from world.train import driver, dynamics, rollout_buffer, tokenizer, train
from world.train.distributed import DistributedContext

PLAIN = DistributedContext(mixed_precision="fp32", step_seconds=3.6)
MINUTES = 0.6  # of each part: ten of those steps, shared by its phases
SMALL = {
    tokenizer: {"BATCH": 8, "PCA_PATCHES": 4800},
    dynamics: {"PAIRS": 16, "CLIPS": 4, "VALIDATION_CLIPS": 2},
    rollout_buffer: {"DREAMS": 8, "LENGTHS": (4, 8)},
    driver: {"BATCH": 32},
}


def train_shared(data: Path, out: Path, compute: DistributedContext) -> None:
    """All parts of a world in `out`, in small batches."""
    compute = compute.join_processes()
    if compute.main:
        out.mkdir(parents=True)
        write_config(out, TINY, {})
    print(f"{compute.processes} processes, this is number {compute.rank}")
    compute.wait()
    with pytest.MonkeyPatch.context() as patch:
        for module, values in SMALL.items():
            for name, value in values.items():
                patch.setattr(module, name, value)
        train("all", data, data, out, minutes=MINUTES, compute=compute)


if __name__ == "__main__":
    train_shared(Path(sys.argv[1]), Path(sys.argv[2]), PLAIN)
