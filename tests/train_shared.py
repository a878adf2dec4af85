"""Trains the tiny world for a few steps that count the same on any machine: `python -m tests.train_shared DATA OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.tiny_world import TINY
from world.files import write_config
from world.train import train
from world.train.compute import Compute

MINUTES = 0.6


def train_shared(data: Path, out: Path, compute: Compute) -> None:
    """A tokenizer of 9 or so steps, and a dynamics of 10 in its three phases."""
    compute = compute.joined()
    if compute.main and not out.exists():
        out.mkdir(parents=True)
        write_config(out, TINY, {})
    compute.wait()
    for part in ("tokenizer", "dynamics", "driver"):
        train(part, data, data, out, minutes=MINUTES, compute=compute)


if __name__ == "__main__":
    train_shared(Path(sys.argv[1]), Path(sys.argv[2]), Compute(mixed_precision="fp32", step_seconds=3.6))
