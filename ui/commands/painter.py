"""The painter: `lucidrive train painter` and what its inputs are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.console import print_table, progress, say

Folder = Annotated[
    Path,
    typer.Option(
        exists=True,
        file_okay=False,
        help="Lessons of training towns, from `lucidrive collect --teacher`, or a folder of pictures with scenes (docs/real-look.md).",
    ),
]
HeldOut = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Lessons of validation towns, or pictures of other streets.")
]
Out = Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, ...; under `accelerate launch` cuda for a GPU each.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same start and the same batches.")]


def train(
    lessons: Folder = Path("data/teacher"),
    held_out: HeldOut = Path("data/teacher-validation"),
    out: Out = Path("runs/painter"),
    config: Annotated[
        str | None,
        typer.Option(
            help="How large the network is: small, embedded, wide or rtx5090; embedded by itself; one to --begin with grows to it."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training.")] = 40.0,
    device: Device = "cpu",
    seed: Seed = 0,
    begin: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A painter to go on with, instead of from nothing."),
    ] = None,
    sky: Annotated[bool, typer.Option("--sky", help="Learn the sky too, not only what stands under it.")] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Instead, a training of these minutes without each of the inputs.")
    ] = False,
) -> None:
    """The painter, on lessons of the path tracer: how light falls. Curves and sample pictures come into the folder."""
    from world.render.painter import painter_config
    from world.train.distributed import DistributedContext

    shape = None if config is None else painter_config(config)
    compute = DistributedContext(device).join_processes()
    if ablate:
        from world.evaluate.painter_inputs import ablate_painter, channel_milliseconds, table

        with progress("train painter --ablate") as report:
            results = ablate_painter(
                lessons,
                held_out,
                out,
                minutes,
                name=config or "embedded",
                compute=compute,
                seed=seed,
                report=report,
            )
        print_table("Painters that do without", table(results), ("without", "held-out PSNR", "channels"))
        say(f"A channel takes {channel_milliseconds():.3f} ms at 144x256.")
        return
    from world.train.painter import train_painter

    with progress("train painter") as report:
        train_painter(
            lessons,
            held_out,
            out,
            minutes,
            config=shape,
            compute=compute,
            seed=seed,
            report=report if compute.main else None,
            begin=begin,
            sky=sky,
        )
    if compute.main:
        say(f"The painter is in {out}; `lucidrive evaluate world --painter {out}` measures it beside plain shading.")
