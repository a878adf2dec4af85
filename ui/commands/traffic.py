"""Learnt traffic: `lucidrive train traffic` and `lucidrive evaluate traffic`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ui.console import print_json, print_table, progress, say

Seed = Annotated[int, typer.Option(help="The same seed gives the same drives and the same start.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that drive.")]


def train(
    out: Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")] = Path(
        "runs/traffic"
    ),
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training; drives are not counted.")] = 240.0,
    drives: Annotated[int, typer.Option(min=1, help="Drives by our rules, in training towns.")] = 240,
    seconds: Annotated[float, typer.Option(min=5.0, help="How long each of them is.")] = 90.0,
    sumo: Annotated[
        int, typer.Option(min=0, help="SUMO's drives in each training town (extra `sim`); 0: without SUMO.")
    ] = 2,
    sumo_seconds: Annotated[float, typer.Option(min=5.0, help="How long each of those is.")] = 400.0,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of its own drives, in which things befall it.")] = 4,
    own_drives: Annotated[int, typer.Option(min=1, help="Of its own drives a round.")] = 40,
    held: Annotated[int, typer.Option(min=1, help="Drives in validation towns, to measure the loss on.")] = 9,
    batch: Annotated[int, typer.Option(min=4, help="Decisions a step.")] = 768,
    begin: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Weights to go on from; people then learn from their own drives alone."
        ),
    ] = None,
    workers: Workers = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...: where the networks are trained.")] = "cpu",
    seed: Seed = 0,
) -> None:
    """Vehicles and people, by imitation of rules and of SUMO's drivers, then on drives of their own."""
    from world.train.distributed import DistributedContext
    from world.train.traffic import TrafficRecipe, train_traffic

    recipe = TrafficRecipe(drives, seconds, sumo, sumo_seconds, rounds, own_drives, held, batch)
    if begin is not None:
        recipe = replace(recipe, shares=(0.4, 0.0), begin=begin)
    with progress("train traffic") as report:
        folder = train_traffic(
            out, minutes, recipe=recipe, compute=DistributedContext(device), seed=seed, workers=workers, report=report
        )
    say(f"The traffic is in {folder}; `lucidrive evaluate traffic --weights {folder}` measures it beside the rules.")


def evaluate(
    weights: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="A folder that `train traffic` made; default: the one that came along."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="validation while settings are chosen; test once.")] = "validation",
    drives: Annotated[int, typer.Option(min=1, help="Drives a seed.")] = 10,
    seconds: Annotated[float, typer.Option(min=10.0, help="How long each of them is.")] = 120.0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    befalls: Annotated[int, typer.Option(min=0, help="Drives for each thing that befalls vehicles.")] = 6,
    events: Annotated[int, typer.Option(min=0, help="Cases of each event.")] = 20,
    forks: Annotated[int, typer.Option(min=0, help="Pasts that fork into two futures.")] = 20,
    moments: Annotated[int, typer.Option(min=0, help="Moments whose futures are compared with SUMO's.")] = 60,
    dreamt: Annotated[int, typer.Option(min=0, help="Drives of a minute in dreamt streets.")] = 20,
    workers: Workers = 2,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """Learnt traffic with its guard and without, beside the rules, and beside SUMO where it is installed."""
    from world.dynamics.traffic import FOLDER
    from world.evaluate.traffic import TrafficSizes, evaluate_traffic
    from world.evaluate.traffic_rows import HEAD, table

    sizes = TrafficSizes(drives, seconds, seeds, befalls, events, forks, moments, dreamt)
    with progress("evaluate traffic") as report:
        result = evaluate_traffic(weights or FOLDER, split, sizes, seed, workers, report)
    if as_json:
        print_json(result)
    else:
        print_table(f"Traffic, in towns of the {split} split", table(result), HEAD)
