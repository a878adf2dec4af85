"""The networks that dream streets and what lines them: `lucidrive train streets|roadside` and `lucidrive evaluate streets|roadside`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ui.console import print_json, print_table, progress, say

Minutes = Annotated[float, typer.Option(min=0.01, help="Budget of training.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that make networks; the data do not depend on it.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, ...: where the network is trained.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same data and the same start.")]
Out = Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")]
Data = Annotated[Path | None, typer.Option(file_okay=False, help="Where networks are kept; default: inside --out.")]
Held = Annotated[int, typer.Option(min=1, help="Networks of the validation split.")]
Weights = Annotated[
    Path | None, typer.Option(exists=True, file_okay=False, help="Default: the network that came along.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")]
StepSeconds = Annotated[
    float | None,
    typer.Option(
        min=0.001, help="Count every step as that long: the same number of steps on any machine.", hidden=True
    ),
]


def train_streets(
    out: Out = Path("runs/streets"),
    minutes: Minutes = 60.0,
    networks: Annotated[int, typer.Option(min=1, help="Networks to learn from, made by netgenerate.")] = 3000,
    held: Held = 200,
    maps: Annotated[
        list[Path] | None,
        typer.Option(
            "--map",
            exists=True,
            dir_okay=False,
            help="A file of real streets to learn from besides: .osm, .osm.pbf, .net.xml.",
        ),
    ] = None,
    begin: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Weights to go on from.")] = None,
    data: Data = None,
    workers: Workers = 2,
    device: Device = "cpu",
    seed: Seed = 0,
    step_seconds: StepSeconds = None,
) -> None:
    """The network that dreams which streets come next: from networks that netgenerate makes (extra `sim`), and training towns."""
    from world.train.streets import train_streets

    train = partial(train_streets, maps=maps or (), begin=begin)
    _train("streets", train, out, minutes, networks, held, data, workers, device, seed, step_seconds)


def train_roadside(
    out: Out = Path("runs/roadside"),
    minutes: Minutes = 60.0,
    networks: Annotated[int, typer.Option(min=1, help="Networks whose streets are lined to learn from.")] = 300,
    held: Held = 20,
    data: Data = None,
    workers: Workers = 2,
    device: Device = "cpu",
    seed: Seed = 0,
    step_seconds: StepSeconds = None,
) -> None:
    """The network that dreams what lines streets: from what the rules put there, made richer (extra `sim`)."""
    from world.train.roadside import train_roadside as train

    _train("roadside", train, out, minutes, networks, held, data, workers, device, seed, step_seconds)


def _train(
    name: str,
    train: Callable[..., Path],
    out: Path,
    minutes: float,
    networks: int,
    held: int,
    data: Path | None,
    workers: int,
    device: str,
    seed: int,
    step_seconds: float | None,
) -> None:
    from world.train.distributed import DistributedContext

    compute = DistributedContext(device, step_seconds=step_seconds)
    with progress(f"train {name}") as report:
        folder = train(
            out,
            minutes,
            count=networks,
            held=held,
            data=data,
            compute=compute,
            seed=seed,
            workers=workers,
            report=report,
        )
    say(f"The network is in {folder}; `lucidrive evaluate {name} --weights {folder}` measures it.")


def evaluate_streets(
    weights: Weights = None,
    towns: Annotated[int, typer.Option(min=1, help="Dreamt towns, and networks of the test split beside them.")] = 100,
    junctions: Annotated[int, typer.Option(min=4, help="Of each town.")] = 60,
    wishes: Annotated[int, typer.Option(min=1, help="Things that a plan asks of a junction.")] = 200,
    data: Annotated[Path, typer.Option(file_okay=False, help="Where those networks are kept.")] = Path(
        "runs/streets-test"
    ),
    workers: Workers = 2,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Dreamt towns beside networks that nobody trained on: faults, degrees, lengths, angles, lanes, blocks, wishes, time."""
    from world.dynamics.streets import FOLDER
    from world.evaluate.streets import HEAD, evaluate_streets, table

    with progress("evaluate streets") as report:
        result = evaluate_streets(
            weights or FOLDER,
            data,
            towns=towns,
            junctions=junctions,
            wishes=wishes,
            seed=seed,
            workers=workers,
            report=report,
        )
    if as_json:
        print_json(result)
    else:
        print_table("Dreamt streets", table(result), HEAD)


def evaluate_roadside(
    weights: Weights = None,
    networks: Annotated[int, typer.Option(min=1, help="Networks of the test split whose streets are lined.")] = 10,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Dreamt roadsides beside the rules' along the same streets: overlaps, sight at corners, what stands where, time."""
    from world.dynamics.roadside import FOLDER
    from world.evaluate.roadside import HEAD, evaluate_roadside, table

    with progress("evaluate roadside") as report:
        result = evaluate_roadside(weights or FOLDER, networks=networks, seed=seed, report=report)
    if as_json:
        print_json(result)
    else:
        print_table("Dreamt roadsides", table(result), HEAD)
