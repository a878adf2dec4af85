"""Training the network that dreams streets: which arms a junction has, in networks that are known in part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from world.dynamics.prefix_lm import PrefixConfig
from world.dynamics.streets import LIKE
from world.errors import DataError
from world.scene.character import Character
from world.scene.places import ENDING, FOLDER, load, load_place
from world.town.network import SPLITS
from world.town.plans import collect, networks, town_character
from world.train.distributed import DistributedContext
from world.train.loop import Report
from world.train.networks import LessonGraph, batch, network_of
from world.train.prefix_lm import Batch, collected, fit

WHAT = "Dreams which streets leave a junction, given the streets that are there, a character and what a plan asks for."
BATCH = 96
MAPPED = 0.1  # of lessons, where there are maps
HELD = 480  # lessons of a validation


def train_streets(
    out: Path,
    minutes: float,
    *,
    count: int = 3000,
    held: int = 200,
    data: Path | None = None,
    maps: Sequence[Path] = (),
    begin: Path | None = None,
    config: PrefixConfig | None = None,
    size: int = BATCH,
    compute: DistributedContext | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Trains into `out` and gives it. A killed run goes on with the same call.

    count, held: networks of the train and the validation split, made where they are missing (extra `sim`) in folders of those names
    in `data` (default: out/networks). maps: files of real streets (OpenStreetMap's or SUMO's) from which MAPPED of all lessons come, whatever
    their character. begin: a folder of weights to go on from.
    Raises DataError for folders of other splits and maps without junctions, SimulatorError where SUMO is missing, WeightsError for `begin`.
    """
    compute, data = (compute or DistributedContext()).joined(), data or out / "networks"
    collected(data, (count, held), collect, "networks", compute, workers, report)
    own = known(data, "train") + [
        network_of(town_character(town), load(FOLDER / f"town-{town}{ENDING}")) for town in SPLITS["train"]
    ]
    learnt_from: dict[str, object] = {"networks": len(own)}
    if maps:
        learnt_from["maps"] = ", ".join(path.name for path in maps)
        own += [mapped(path) for path in maps] * max(1, round(MAPPED / (1 - MAPPED) * len(own) / len(maps)))
    validation = known(data, "validation")

    def checks() -> Iterator[Batch]:
        fixed = np.random.default_rng(0)
        return (batch(validation, size, fixed) for _ in range(max(1, HELD // size)))

    return fit(
        "streets", WHAT, out, minutes, config or LIKE, lambda random: batch(own, size, random), checks,
        learnt_from, size, compute, seed, report, begin,
    )  # fmt: skip


def mapped(path: Path) -> LessonGraph:
    """A map of real streets as lessons. DataError where none of its junctions has others around it."""
    network = network_of(Character(), load_place(str(path)).map.graph)
    if not len(network.inner):
        raise DataError(f"{path} has no junction with others around it; take a larger part of the map.")
    return network


def known(folder: Path, split: str) -> list[LessonGraph]:
    """The networks of a split that `collect` made. DataError where there are none."""
    return [network_of(character, graph) for character, graph in networks(folder / split, split)]
