"""Making weights: collect, train, finetune."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ui.console import progress, say


class Split(StrEnum):
    train = "train"
    validation = "validation"
    test = "test"


Out = Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same data and the same start.")]

app = typer.Typer(
    no_args_is_help=True,
    help="Train the world's parts, each within a budget of minutes; a killed run goes on when the command is repeated.",
    epilog="In order: `train tokenizer`, `train dynamics`, `train driver` (or `train all`), then `train release`.",
)
DATA = typer.Option(exists=True, file_okay=False, help="A dataset that `lucidrive collect` made (or LeRobot v3).")
HELD_OUT = typer.Option(exists=True, file_okay=False, help="A dataset of other towns, for validation alone.")
MINUTES = typer.Option(min=0.01, help="Budget of each part; given more, a finished part is trained on.")


def train_part(part: str, data: Path, held_out: Path, out: Path, minutes: float | None, device: str, seed: int) -> None:
    from world.train import train
    from world.train.compute import Compute

    with progress(f"train {part}") as report:
        train(part, data, held_out, out, minutes=minutes, compute=Compute(device), seed=seed, report=report)
    say(f"{part}: done, in {out}. Next: `lucidrive train release`, or the next part.")


def _command(part: str, help: str) -> None:
    @app.command(
        part, help=help, epilog=f"Example: lucidrive train {part} --data data/train --held-out data/validation"
    )
    def command(
        data: Annotated[Path, DATA] = Path("data/train"),
        held_out: Annotated[Path, HELD_OUT] = Path("data/validation"),
        out: Out = Path("runs/world"),
        minutes: Annotated[float | None, MINUTES] = None,
        device: Annotated[str, typer.Option(help="cpu, cuda, ...")] = "cpu",
        seed: Seed = 0,
    ) -> None:
        train_part(part, data, held_out, out, minutes, device, seed)


_command("tokenizer", "Frames to latents and back. The first part.")
_command("dynamics", "The next latents under a control, by shortcut diffusion. Needs the tokenizer.")
_command("driver", "Readouts and the driver, on the tokenizer's latents.")
_command("all", "All three parts, in order.")


@app.command(epilog="Example: lucidrive train release --trained runs/world --scenes-from data/validation")
def release(
    trained: Annotated[Path, typer.Option(exists=True, file_okay=False, help="What `train` wrote.")] = Path(
        "runs/world"
    ),
    scenes_from: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="A dataset to take start scenes from.")
    ] = Path("data/validation"),
    out: Out = Path("world/weights/embedded"),
) -> None:
    """Make trained parts into weights to ship: checked, with start scenes and a picture of the losses."""
    from world.train.release import release as make

    make(trained, scenes_from, out)
    say(f"Released to {out}. Try them: lucidrive dream --world {out}")


def collect(
    frames: Annotated[int, typer.Option(min=1, help="How many, at 10 a second.")] = 40_000,
    out: Out = Path("data/train"),
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the data do not depend on it.")] = 2,
    split: Annotated[Split, typer.Option(help="Every split has towns of its own.")] = Split.train,
) -> None:
    """Drive through lucidrive's own town and record a dataset (needs the extra `sim`)."""
    from world.census import census, rows
    from world.collect import collect as drive
    from world.data import DriveDataset

    with progress(f"collect {split}") as report:
        drive(
            frames,
            out,
            seed=seed,
            workers=workers,
            split=split.value,
            progress=lambda done, wanted: report(done / wanted, f"{done:,} of {wanted:,} frames"),
        )
    found = census(DriveDataset.open(out))
    for name, value in rows(found):
        say(f"{name}: {value}")
    say(f"Collected in {out}; what is in it: {out / 'README.md'}")


def finetune(
    out: Out = Path("runs/brain"),
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Own cases, jsonl: text, context, plan.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training.")] = 20.0,
    cases: Annotated[int, typer.Option(min=64, help="Synthesised cases.")] = 12_000,
    seed: Seed = 0,
    base: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Another base model's folder.")
    ] = None,
) -> None:
    """Train the brain's LoRA: sentences in English and Chinese to plans, added to your own cases if you give some."""
    from finetune.train import FinetuneConfig
    from finetune.train import finetune as train

    config = FinetuneConfig(cases=cases, minutes=minutes, seed=seed)
    with progress("finetune") as report:
        adapter = train(base, data, out, config=config, report=report)
    say(f"The adapter is in {adapter}. Measure it: lucidrive evaluate brain --adapter {adapter}")
