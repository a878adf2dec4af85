"""Training the network that dreams streets: which arms a junction has, in networks that are known in part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from world.dynamics.prefix_lm import PrefixConfig
from world.dynamics.streets import LIKE
from world.scene.places import ENDING, FOLDER, load
from world.town.network import SPLITS
from world.town.plans import collect, networks, town_character
from world.train.compute import Compute
from world.train.loop import Report
from world.train.networks import Network, batch, network_of
from world.train.prefix_lm import Batch, collected, fit

WHAT = "Dreams which streets leave a junction, given the streets that are there, a character and what a plan asks for."
BATCH = 96
HELD = 480  # lessons of a validation


def train_streets(
    out: Path,
    minutes: float,
    *,
    count: int = 3000,
    held: int = 200,
    data: Path | None = None,
    config: PrefixConfig | None = None,
    size: int = BATCH,
    compute: Compute | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and gives it. A killed run goes on with the same call.

    count, held: networks of the train and the validation split, made where they are missing (extra `sim`) in folders of those names
    in `data` (default: out/networks). Raises DataError for folders of other splits and SimulatorError where SUMO is missing.
    """
    compute, data = (compute or Compute()).joined(), data or out / "networks"
    collected(data, (count, held), collect, "networks", compute, workers, report)
    own = known(data, "train") + [
        network_of(town_character(town), load(FOLDER / f"town-{town}{ENDING}")) for town in SPLITS["train"]
    ]
    validation = known(data, "validation")

    def checks() -> Iterator[Batch]:
        fixed = np.random.default_rng(0)
        return (batch(validation, size, fixed) for _ in range(max(1, HELD // size)))

    return fit(
        "streets", WHAT, out, minutes, config or LIKE, lambda random: batch(own, size, random), checks,
        {"networks": len(own)}, size, compute, seed, report,
    )  # fmt: skip


def known(folder: Path, split: str) -> list[Network]:
    """The networks of a split that `collect` made. DataError where there are none."""
    return [network_of(character, graph) for character, graph in networks(folder / split, split)]
