"""Trains the roadside model: what stands along a stretch of street, given the ground and what stands there already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from world.dynamics.prefix_lm import PrefixConfig
from world.dynamics.roadside import LIKE
from world.train.distributed import DistributedContext
from world.train.loop import Report
from world.train.prefix_lm import Batch, fit, prepare_data
from world.train.roadside_lessons import batch, collect, lessons_in

WHAT = "Dreams what stands along a stretch of a street, given its ground and what stands there already."
BATCH = 48
HELD = 480  # stretches per validation
FORGET = 0.25  # probability of dropping each condition
ALIKE = 400  # a batch is drawn from so many lessons of similar length, for little padding


def train_roadside(
    out: Path,
    minutes: float,
    *,
    count: int = 300,
    held: int = 20,
    data: Path | None = None,
    config: PrefixConfig | None = None,
    size: int = BATCH,
    compute: DistributedContext | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and returns it. An interrupted run resumes with the same call.

    count, held: numbers of networks of the train and the validation split, made where missing (extra `sim`) in folders
    of those names in `data` (default: out/roadsides). DataError for folders of other splits, SimulatorError without
    SUMO.
    """
    compute, data = (compute or DistributedContext()).join_processes(), data or out / "roadsides"
    prepare_data(data, (count, held), collect, "roadsides", compute, workers, report)
    own, validation = lessons_in(data / "train"), lessons_in(data / "validation")
    by_length = np.argsort((own.tokens >= 0).sum(1), kind="stable")

    def draw(random: np.random.Generator) -> Batch:
        first = int(random.integers(-ALIKE, len(own)))
        rows, there, conditions, *tokens = batch(own, random.choice(by_length[max(0, first) : first + ALIKE + 1], size))
        return rows, there, conditions * (random.random(conditions.shape) >= FORGET), *tokens

    def checks() -> Iterator[Batch]:
        rows = np.linspace(0, len(validation) - 1, min(HELD, len(validation))).astype(int)
        return (batch(validation, rows[k : k + size]) for k in range(0, len(rows), size))

    return fit(
        "roadside",
        WHAT,
        out,
        minutes,
        config or LIKE,
        draw,
        checks,
        {"stretches": len(own)},
        size,
        compute,
        seed,
        report,
    )
