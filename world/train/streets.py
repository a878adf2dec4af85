"""Trains the street model: which arms a junction has, in partly known networks."""

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
from world.train.prefix_lm import Batch, fit, prepare_data

WHAT = "Dreams which streets leave a junction, given the streets that are there, a character and what a plan asks for."
BATCH = 96
MAP_SHARE = 0.1  # share of samples from maps, where there are any
HELD = 480  # samples per validation


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
    """Trains into `out` and returns it. An interrupted run resumes with the same call.

    count, held: numbers of networks of the train and the validation split, made where missing (extra `sim`) in folders
    of those names in `data` (default: out/networks). maps: files of real streets (OpenStreetMap's or SUMO's), of which
    MAP_SHARE of the samples come, whatever their character. begin: a folder of initial weights. DataError for folders
    of other splits and maps without junctions, SimulatorError without SUMO, WeightsError for `begin`.
    """
    compute, data = (compute or DistributedContext()).join_processes(), data or out / "networks"
    prepare_data(data, (count, held), collect, "networks", compute, workers, report)
    own = split_networks(data, "train") + [
        network_of(town_character(town), load(FOLDER / f"town-{town}{ENDING}")) for town in SPLITS["train"]
    ]
    origin: dict[str, object] = {"networks": len(own)}
    if maps:
        origin["maps"] = ", ".join(path.name for path in maps)
        own += [map_network(path) for path in maps] * max(1, round(MAP_SHARE / (1 - MAP_SHARE) * len(own) / len(maps)))
    validation = split_networks(data, "validation")

    def checks() -> Iterator[Batch]:
        rng = np.random.default_rng(0)
        return (batch(validation, size, rng) for _ in range(max(1, HELD // size)))

    return fit(
        "streets", WHAT, out, minutes, config or LIKE, lambda random: batch(own, size, random), checks,
        origin, size, compute, seed, report, begin,
    )  # fmt: skip


def map_network(path: Path) -> LessonGraph:
    """A map of real streets for lessons. DataError where none of its junctions has others around it."""
    network = network_of(Character(), load_place(str(path)).map.graph)
    if not len(network.inner):
        raise DataError(f"{path} has no junction with others around it; take a larger part of the map.")
    return network


def split_networks(folder: Path, split: str) -> list[LessonGraph]:
    """The networks of a split that `collect` made. DataError where there are none."""
    return [network_of(character, graph) for character, graph in networks(folder / split, split)]
