"""Trains one part, or all of them in order, from a dataset to weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from world.controls import NULL, Command, Event, TimeOfDay, Weather
from world.errors import DataError
from world.files import WorldConfig, read_config, write_config
from world.inputs import Inputs
from world.train.distributed import DistributedContext
from world.train.driver import train_driver
from world.train.dynamics import train_dynamics
from world.train.in_memory import InMemoryDataset
from world.train.loop import Report
from world.train.recipe import Recipe
from world.train.tokenizer import train_tokenizer

PARTS = ("tokenizer", "dynamics", "driver")
MINUTES = {"tokenizer": 12.0, "dynamics": 60.0, "driver": 8.0}


def train(
    part: str,
    data: Path,
    held_out: Path,
    out: Path,
    *,
    config: WorldConfig | None = None,
    minutes: float | None = None,
    compute: DistributedContext | None = None,
    seed: int = 0,
    report: Report | None = None,
    recipe: Recipe | None = None,
    begin: Path | None = None,
) -> None:
    """Trains `part` (one of PARTS, or "all") on the dataset `data` into the weights folder `out`.

    held_out: a dataset of other towns, for validation only; config: the shapes of a new world (default: embedded). An
    interrupted run resumes from its last checkpoint when called again; a finished part is trained on when given more
    minutes. begin: initial weights of the same shapes. Under `accelerate launch` every process calls this, with the
    same `out`. DataError for an unknown part, unsuitable data or another configuration in `out`; WeightsError where
    `begin` does not fit.
    """
    compute = (compute or DistributedContext()).join_processes()
    shapes = config
    if part not in (*PARTS, "all"):
        raise DataError(f"There is no part '{part}' to train; there are: {', '.join(PARTS)}, all.")
    for number, name in enumerate(PARTS):
        if part not in (name, "all"):
            continue
        if number and not (out / "config.json").exists():
            raise DataError(f"{out} has no tokenizer yet; run `lucidrive train tokenizer --out {out}` first.")
        config, history = shapes or WorldConfig(), {}
        if (out / "config.json").exists():
            config, raw = read_config(out)
            history = raw["trained"]
            if shapes and replace(shapes.dynamics, inputs=config.dynamics.inputs) != config.dynamics:
                raise DataError(f"{out} holds a world of another configuration; train into another folder.")
        size = (config.tokenizer.height, config.tokenizer.width)
        with compute.main_first():
            drives = InMemoryDataset.load(data, size, out / "cache", lambda text: report(0.0, text) if report else None)
            validation = InMemoryDataset.load(held_out, size, out / "cache")
        config = with_inputs(config, drives.dataset.inputs, out, fresh=not history)
        with_inputs(config, validation.dataset.inputs, out)
        if name == "driver" and not drives.labelled:
            if part == "all":
                continue
            raise DataError(
                f"{data} is not a car's drives with the town's labels, so there is no driver to train; tokenizer and "
                "dynamics are all that it gives."
            )
        budget = minutes or MINUTES[name]
        if name == "tokenizer":
            train_tokenizer(drives, validation, config, out, budget, compute, seed, report, recipe, begin)
        elif name == "dynamics":
            train_dynamics(drives, validation, out, budget, compute, seed, report, recipe, begin)
        else:
            train_driver(drives, validation, out, budget, compute, seed, report, begin)
        history = history | {
            name: {"minutes": budget, "frames": len(drives), "seed": seed},
            "vocabulary": vocabulary(drives),
        }
        if compute.main:
            write_config(out, config, history)
        compute.wait()


def with_inputs(config: WorldConfig, inputs: Inputs, out: Path, *, fresh: bool = False) -> WorldConfig:
    """The configuration for data with these inputs; fresh: nothing is trained yet, so it adopts them.

    DataError where a trained world has other inputs.
    """
    if config.dynamics.inputs == inputs:
        return config
    if not fresh:
        raise DataError(
            f"{out} is a world with the inputs {', '.join(config.dynamics.inputs.names)}, and the data has "
            f"{', '.join(inputs.names)}, or other bounds; train into another folder."
        )
    return replace(config, dynamics=replace(config.dynamics, inputs=inputs))


def vocabulary(drives: InMemoryDataset) -> list[str]:
    """The control words that occur in the data, in lower case and without levels: those that a dream can have learnt."""
    words = set()
    for column, kind in enumerate((Command, Weather, TimeOfDay, Event)):
        for value in drives.fields[:, column].unique().tolist():
            if value != NULL:
                words.add(kind(value).name.lower().rstrip("_123"))
    return sorted(words - {"none"})
