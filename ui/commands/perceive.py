"""The network that reads pictures: `lucidrive train perceive` and `lucidrive evaluate perceive`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ui.console import print_json, print_table, progress, say

Lessons = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="Traced pictures, from `lucidrive collect --teacher`."),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that draw pictures.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same pictures and the same start.")]


def train(
    lessons: Lessons = None,
    held_out: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Traced pictures of validation towns.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")] = Path(
        "runs/perceive"
    ),
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training.")] = 30.0,
    drawn: Annotated[
        int, typer.Option(min=1, help="Pictures drawn as in play, to begin with; some 20 a second.")
    ] = 12000,
    workers: Workers = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...: where the network is trained.")] = "cpu",
    seed: Seed = 0,
) -> None:
    """The network that reads a scene from a picture: on drawn pictures of training towns, then on traced ones."""
    from world.train.distributed import DistributedContext
    from world.train.perceive import train_perceive

    with progress("train perceive") as report:
        path = train_perceive(
            lessons,
            held_out,
            out,
            minutes,
            count=drawn,
            compute=DistributedContext(device),
            seed=seed,
            workers=workers,
            report=report,
        )
    say(f"The network is in {path}; `lucidrive evaluate perceive --weights {path}` measures it.")


def evaluate(
    weights: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Default: the network that came along.")
    ] = None,
    lessons: Lessons = None,
    count: Annotated[int, typer.Option(min=1, help="Drawn pictures, where there are no lessons.")] = 480,
    cache: Annotated[Path, typer.Option(help="Where pictures are kept.")] = Path("runs/perceive-pictures"),
    workers: Workers = 2,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """What is read from pictures of test towns against what is true, beside the best guess without looking."""
    from world.evaluate.perceive import HEAD, evaluate_perceive, table
    from world.perceive.network import FOLDER

    with progress("evaluate perceive") as report:
        result = evaluate_perceive(
            weights or FOLDER, lessons, cache=cache, count=count, seed=seed, workers=workers, report=report
        )
    if as_json:
        print_json(result | {"figures": {name: asdict(figure) for name, figure in result["figures"].items()}})
    else:
        kind = "traced" if result["traced"] else "drawn"
        print_table(f"Read from {result['pictures']} {kind} pictures of test towns", table(result), HEAD)
