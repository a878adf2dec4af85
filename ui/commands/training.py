"""`lucidrive train`: one part, everything, ablations, and what a configuration would take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands import painter, perceive, streets, traffic
from ui.console import Report, print_json, print_table, progress, say

if TYPE_CHECKING:
    from world.train.distributed import DistributedContext


class Config(StrEnum):
    """The names of `world.presets.PRESETS`."""

    embedded = "embedded"
    small = "small"
    wide = "wide"
    rtx5090 = "rtx5090"


class Precision(StrEnum):
    """Numbers that a training computes in; auto: bf16 where the device is quicker with it."""

    auto = "auto"
    bf16 = "bf16"
    fp32 = "fp32"


Out = Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same data and the same start.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, ... Under `accelerate launch`: cpu, or cuda for a GPU each.")]
Shapes = Annotated[Config, typer.Option(help="The shapes of a new world; `train plan` shows what they take.")]
Mixed = Annotated[
    Precision,
    typer.Option(help="Autocast; auto: bf16 where the device is quicker with it (`accelerate`'s is not asked)."),
]
Checkpointing = Annotated[bool, typer.Option("--checkpointing", help="Less memory for about a third more computing.")]
Compiled = Annotated[
    bool, typer.Option("--compile", help="torch.compile the transformer blocks (needs a C++ compiler).")
]
Accumulate = Annotated[
    int, typer.Option(min=1, help="Take every batch in so many parts: the same steps in less memory.")
]
Data = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="A dataset that `lucidrive collect` made (or LeRobot v3).")
]
HeldOut = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="A dataset of other towns, for validation alone.")
]
Begin = Annotated[
    Path | None,
    typer.Option(
        exists=True, file_okay=False, help="Weights of the same shapes to go on with, instead of from nothing."
    ),
]
StepSeconds = Annotated[
    float | None,
    typer.Option(
        min=0.001, help="Count every step as that long: the same number of steps on any machine.", hidden=True
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    help="Train the world, each part within a budget of minutes; a killed run goes on when the command is repeated.",
    epilog="From nothing to weights: `lucidrive train all`. On several GPUs: "
    "`accelerate launch --num_processes 4 -m ui.cli train all --device cuda --mixed-precision bf16`.",
)


def _command(part: str, help: str) -> None:
    @app.command(
        part, help=help, epilog=f"Example: lucidrive train {part} --data data/train --held-out data/validation"
    )
    def command(
        data: Data = Path("data/train"),
        held_out: HeldOut = Path("data/validation"),
        out: Out = Path("runs/world"),
        config: Annotated[Config | None, typer.Option(help="The shapes of a new world; default: embedded.")] = None,
        minutes: Annotated[
            float | None, typer.Option(min=0.01, help="Budget; given more, a finished part is trained on.")
        ] = None,
        device: Device = "cpu",
        mixed_precision: Mixed = Precision.auto,
        checkpointing: Checkpointing = False,
        compile: Compiled = False,
        accumulate: Accumulate = 1,
        seed: Seed = 0,
        begin: Begin = None,
        step_seconds: StepSeconds = None,
    ) -> None:
        from world.presets import preset
        from world.train import train

        compute = _compute(device, mixed_precision, checkpointing, compile, accumulate, step_seconds)
        shapes = preset(config.value) if config else None
        with _talk(f"train {part}", compute) as report:
            train(
                part,
                data,
                held_out,
                out,
                config=shapes,
                minutes=minutes,
                compute=compute,
                seed=seed,
                report=report,
                begin=begin,
            )
        if compute.main:
            say(f"{part}: done, in {out}. Next: the next part, or `lucidrive train release`.")


_command("tokenizer", "Frames to latents and back. The first part.")
_command("dynamics", "The next latents under a control, by shortcut forcing. Needs the tokenizer.")
_command("driver", "Readouts and the driver, on the tokenizer's latents and the dynamics' dreams.")


@app.command(epilog="Example: lucidrive train judge --films data/films --held-out data/test-films --out runs/judge")
def judge(
    films: Annotated[
        list[Path],
        typer.Option(exists=True, file_okay=False, help="Films of `collect --films`; may be repeated."),
    ],
    held_out: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Films of test towns, by which it is measured.")
    ],
    lessons: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="The painter's lessons, to learn from as films of one picture."
        ),
    ] = None,
    out: Out = Path("runs/judge"),
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training.")] = 20.0,
    device: Device = "cpu",
    mixed_precision: Mixed = Precision.auto,
    seed: Seed = 0,
    begin: Begin = None,
    step_seconds: StepSeconds = None,
) -> None:
    """A judge of pictures: trained on the path tracer's pictures of training towns, it never sees a painted one."""
    from world.train.judge import train_judge

    compute = _compute(device, mixed_precision, False, False, 1, step_seconds)
    with _talk("train judge", compute) as report:
        if lessons is not None:
            from world.town.films import collect_stills

            stills = out / "stills"
            with compute.main_first():
                collect_stills(lessons, stills, 2, lambda done, of: report(0.0, f"lessons: {done} of {of} lots"))
            films = [*films, stills]
        train_judge(films, held_out, out, minutes=minutes, compute=compute, seed=seed, report=report, begin=begin)


@app.command("all", epilog="Example: lucidrive train all --config embedded --frames 150000 --out runs/embedded")
def everything(
    config: Shapes = Config.embedded,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A dataset; default: one is collected (extra `sim`)."),
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Other towns; default: collected likewise.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="To collect, where there is no --data.")] = 150_000,
    out: Out = Path("runs/embedded"),
    minutes: Annotated[float, typer.Option(min=0.05, help="Of training in all, shared among the parts.")] = 80.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that collect.")] = 2,
    device: Device = "cpu",
    mixed_precision: Mixed = Precision.auto,
    checkpointing: Checkpointing = False,
    compile: Compiled = False,
    accumulate: Accumulate = 1,
    seed: Seed = 0,
    begin: Begin = None,
    step_seconds: StepSeconds = None,
) -> None:
    """From nothing to weights: collect, train every part, release. What is finished is skipped."""
    from world.presets import preset
    from world.train.pipeline import train_all

    compute = _compute(device, mixed_precision, checkpointing, compile, accumulate, step_seconds)
    stages = train_all(
        preset(config.value),
        out,
        lambda name: _talk(name, compute),
        data=data,
        held_out=held_out,
        frames=frames,
        minutes=minutes,
        compute=compute,
        seed=seed,
        workers=workers,
        begin=begin,
    )
    if compute.main:
        print_table("How long it took", [(name, f"{stage.seconds / 60:.1f} min") for name, stage in stages.items()])
        say(f"Released to {out / 'weights'}. Try them: lucidrive ui --world {out / 'weights'}")


@app.command(epilog="Example: lucidrive train ablate --data data/train --minutes 3 --only velocity --only k-1")
def ablate(
    data: Data = Path("data/train"),
    held_out: HeldOut = Path("data/validation"),
    out: Out = Path("runs/ablations"),
    config: Shapes = Config.embedded,
    minutes: Annotated[float, typer.Option(min=0.01, help="Of training, each part that a change concerns.")] = 3.0,
    only: Annotated[list[str] | None, typer.Option(help="These alone, beside the base; may be repeated.")] = None,
    device: Device = "cpu",
    mixed_precision: Mixed = Precision.auto,
    seed: Seed = 0,
    step_seconds: StepSeconds = None,
) -> None:
    """One change of the recipe at a time, trained for the same minutes, measured alike: a table for the model card."""
    from world.presets import preset
    from world.train.ablate import ablate as run

    compute = _compute(device, mixed_precision, False, False, 1, step_seconds)
    with progress("ablate") as report:
        table = run(
            data,
            held_out,
            out,
            preset(config.value),
            minutes=minutes,
            only=only or (),
            compute=compute,
            seed=seed,
            report=report,
        )
    say(table.read_text())
    say(f"The table is in {table}; laid beside trained parts it becomes part of their model card.")


@app.command(epilog="Example: lucidrive train plan --config rtx5090")
def plan(
    config: Shapes = Config.embedded,
    steps: Annotated[int, typer.Option(min=1, help="K, sampling steps a frame.")] = 2,
    memory: Annotated[float, typer.Option(min=0.1, help="Of the device to train on, in GB.")] = 32.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """What a configuration takes in memory and computing, worked out without making it."""
    from dataclasses import asdict

    from world.presets import preset
    from world.train.plan import plan as make
    from world.train.plan import table

    shapes = preset(config.value)
    result = make(shapes, steps)
    if as_json:
        print_json({"config": config.value, "parameters": result.parameters} | asdict(result))
    else:
        print_table(f"The {config.value} world", table(shapes, result, memory))


@app.command(epilog="Example: lucidrive train release --trained runs/world --scenes-from data/validation")
def release(
    trained: Annotated[Path, typer.Option(exists=True, file_okay=False, help="What `train` wrote.")] = Path(
        "runs/world"
    ),
    scenes_from: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="A dataset to take start scenes from.")
    ] = Path("data/validation"),
    data: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The dataset trained on, for the model card.")
    ] = None,
    out: Out = Path("runs/weights"),
) -> None:
    """Make trained parts into weights to ship: checked, with start scenes, curves and a model card."""
    from world.train.release import release as make

    make(trained, scenes_from, out, data)
    say(f"Released to {out}. Try them: lucidrive dream --world {out}")


@app.command("scene-driver", epilog="Example: lucidrive train scene-driver --out runs/scene-driver --workers 2")
def scene_driver(
    out: Out = Path("runs/scene-driver"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that drive.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...: where the network is trained.")] = "cpu",
    seed: Seed = 0,
) -> None:
    """The driver of scene worlds, by imitation of the rules in training towns: about 20 minutes on two cores."""
    from world.train.scene_driver import train_scene_driver

    with progress("train scene-driver") as report:
        result = train_scene_driver(out, seed=seed, device=device, workers=workers, report=report)
    say(f"The driver is in {result}; `lucidrive evaluate driver --weights {result}` measures it beside the rules.")


app.command("painter", epilog="Example: lucidrive train painter --lessons data/teacher --out runs/painter")(
    painter.train
)
app.command("traffic", epilog="Example: lucidrive train traffic --minutes 240 --out runs/traffic")(traffic.train)
app.command("perceive", epilog="Example: lucidrive train perceive --lessons data/teacher --out runs/perceive")(
    perceive.train
)
app.command("streets", epilog="Example: lucidrive train streets --networks 3000 --minutes 60 --out runs/streets")(
    streets.train_streets
)
app.command("roadside", epilog="Example: lucidrive train roadside --networks 300 --minutes 60 --out runs/roadside")(
    streets.train_roadside
)


def _compute(
    device: str, precision: Precision, checkpointing: bool, compile: bool, accumulate: int, step_seconds: float | None
) -> DistributedContext:
    from world.train.distributed import DistributedContext

    return DistributedContext(
        device, precision.value, checkpointing, compile, accumulate, step_seconds
    ).join_processes()


@contextmanager
def _talk(what: str, compute: DistributedContext) -> Iterator[Report]:
    """Progress of the main process; the others are silent."""
    if compute.main:
        with progress(what) as report:
            yield report
    else:
        yield lambda fraction, text: None
