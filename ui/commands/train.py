"""Making data and the brain's weights: collect, finetune. For the world's weights see `training`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.console import progress, say
from world.errors import DataError

if TYPE_CHECKING:
    from finetune.train import FinetuneConfig


class Split(StrEnum):
    """Sets of towns that data come from; no town is in two of them."""

    train = "train"
    validation = "validation"
    test = "test"


class TracerDevice(StrEnum):
    """Where the path tracer runs; auto: on the GPU where there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class TrafficSide(StrEnum):
    """The side of the road that traffic keeps to; auto: as the map says."""

    auto = "auto"
    left = "left"
    right = "right"


Out = Annotated[Path, typer.Option(help="The folder to write to; a killed run goes on from there.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same data and the same start.")]


def collect(
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="How many, at 10 a second: 40,000; 12,000 with --teacher; 1,200 with --films."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write to, by itself data/train, data/teacher or data/films; a killed run goes on from there."
        ),
    ] = None,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the data do not depend on it.")] = 2,
    split: Annotated[Split, typer.Option(help="Every split has towns of its own.")] = Split.train,
    town: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A town of your own, from `lucidrive town`.")
    ] = None,
    teacher: Annotated[
        bool, typer.Option("--teacher", help="Lessons for the painter: moments of scenes, path-traced by Mitsuba.")
    ] = False,
    films: Annotated[
        bool, typer.Option("--films", help="Films for the judge: three path-traced pictures of a drive each.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="With --films: plainly shaded, 4 moments of each drive; no path tracer needed."),
    ] = False,
    samples: Annotated[
        int | None, typer.Option(min=4, help="With --teacher: paths a pixel, 8 by itself; noise falls with their root.")
    ] = None,
    device: Annotated[
        TracerDevice | None, typer.Option(help="With --teacher: where to trace; auto: the GPU where there is one.")
    ] = None,
) -> None:
    """Drive through lucidrive's own town and record a dataset; or trace lessons for the painter, or films for the judge (extra `sim`)."""
    if films:
        if town is not None or teacher or samples is not None or device is not None:
            raise DataError("Films are traced as they are; leave out --town, --teacher, --samples and --device.")
        _film(frames or 1_200, out or Path("data/films"), seed, workers, split, plain)
        return
    if plain:
        raise DataError("--plain is of films; add --films, or leave it out.")
    if teacher:
        if town is not None:
            raise DataError("The teacher drives through the scene's own towns; leave out --town or --teacher.")
        _teach(
            frames or 12_000, out or Path("data/teacher"), seed, workers, split, samples, device or TracerDevice.auto
        )
        return
    if samples is not None or device is not None:
        raise DataError("--samples and --device are the path tracer's; leave them out, or add --teacher.")
    from world.collect import collect as drive
    from world.data import DriveDataset
    from world.dataset_statistics import rows, statistics_of

    out = out or Path("data/train")
    with progress(f"collect {split}") as report:
        drive(
            frames or 40_000,
            out,
            seed=seed,
            workers=workers,
            split=split.value,
            progress=lambda done, total: report(done / total, f"{done:,} of {total:,} frames"),
            town=town,
        )
    statistics = statistics_of(DriveDataset.open(out))
    for name, value in rows(statistics):
        say(f"{name}: {value}")
    say(f"Collected in {out}; what is in it: {out / 'README.md'}")


def _teach(
    frames: int, out: Path, seed: int, workers: int, split: Split, samples: int | None, device: TracerDevice
) -> None:
    from world.town.teacher import SAMPLES, teach

    with progress(f"teacher, {split}") as report:
        teach(
            frames,
            out,
            seed=seed,
            split=split.value,
            workers=workers,
            progress=lambda done, total: report(done / total, f"{done:,} of {total:,} frames"),
            samples=samples or SAMPLES,
            device=device.value,
        )
    say(f"{frames:,} lessons of the {split} towns are in {out}.")


def _film(count: int, out: Path, seed: int, workers: int, split: Split, plain: bool) -> None:
    from world.town.films import PLAIN_MOMENTS, SAMPLES, collect_films

    with progress(f"films, {split}") as report:
        collect_films(
            count,
            out,
            seed,
            split.value,
            workers,
            lambda done, total: report(done / total, f"{done:,} of {total:,}"),
            0 if plain else SAMPLES,
            PLAIN_MOMENTS if plain else 1,
        )
    say(f"{count:,} films of the {split} towns are in {out}.")


def town(
    osm: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="A part of OpenStreetMap: .osm, .osm.gz, .osm.bz2 or .osm.pbf."),
    ],
    out: Annotated[Path, typer.Option(help="The network file to write.")] = Path("town.net.xml"),
    box: Annotated[
        str | None, typer.Option(help="Of a larger map, WEST,SOUTH,EAST,NORTH in degrees: 13.38,52.50,13.42,52.53.")
    ] = None,
    traffic: Annotated[
        TrafficSide, typer.Option(help="Which side it keeps to there; a map with traffic on the left is mirrored.")
    ] = TrafficSide.auto,
) -> None:
    """Make a town of a map: streets as they are; pavements, crossings and traffic lights guessed (extra `sim`)."""
    from world.town.osm import from_osm
    from world.town.osm_map import BoundingBox

    network = from_osm(osm, out, BoundingBox.of(box) if box else None, traffic.value)
    lanes = sum(len(names) for names in network.edge_lanes.values())
    say(
        f"{out}: {len(network.edge_lanes)} streets (each way counts), {lanes} lanes, {len(network.junctions)} junctions."
    )
    say(f"Drive there: lucidrive collect --town {out} --out data/own, or Town-v0 with the option town='{out}'.")


class Method(StrEnum):
    """How the brain's LoRA is trained: on the base as it is, or on the base in 4 bits."""

    lora = "lora"
    qlora = "qlora"


def finetune(
    out: Out = Path("runs/brain"),
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Own cases, jsonl: text, context, plan; corrections of the page."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Budget of training.")] = 20.0,
    cases: Annotated[int, typer.Option(min=64, help="Synthesised cases.")] = 60_000,
    seed: Seed = 0,
    base: Annotated[
        str | None, typer.Option(help="Another base model: its folder, or a name that is in Hugging Face's cache here.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="qlora: the base in 4 bits, for models that would not fit.")
    ] = Method.lora,
    rank: Annotated[int, typer.Option(min=1, help="Of the LoRA; alpha is twice as much.")] = 64,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate.")] = 2e-3,
    targets: Annotated[str, typer.Option(help="all-linear, attention or mlp.")] = "all-linear",
    patience: Annotated[int, typer.Option(min=1, help="Validations without a better one after which it ends.")] = 5,
    begin: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="An adapter to set out from, of the same rank and targets."),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Compare ranks, rates and targets in short runs instead.")
    ] = False,
) -> None:
    """Train the brain's LoRA: sentences in English and Chinese to plans, added to your own cases if you give some."""
    from finetune.train import TARGETS, FinetuneConfig
    from finetune.train import finetune as train

    if targets not in TARGETS:
        raise DataError(f"There are no targets '{targets}'; there are: {', '.join(TARGETS)}.")
    config = FinetuneConfig(
        cases=cases,
        minutes=minutes,
        seed=seed,
        method=method.value,
        rank=rank,
        rate=rate,
        targets=targets,
        patience=patience,
    )
    if sweep:
        _sweep(config, base)
        return
    with progress("finetune") as report:
        adapter = train(base, data, out, begin=begin, config=config, report=report)
    say(f"The adapter is in {adapter}. Measure it: lucidrive evaluate brain --adapter {adapter}")


def _sweep(config: FinetuneConfig, base: str | None) -> None:
    from finetune.sweep import STEPS
    from finetune.sweep import sweep as trials

    say(
        f"Each for {STEPS} steps of {config.batch} cases, from nothing; scored on validation templates, teacher-forced."
    )
    say(
        "| targets | rank | rate | parameters | loss | exact | seconds of computing a step |\n|---|---|---|---|---|---|---|"
    )
    for one in trials(config, base=base):
        settings = one.config
        say(
            f"| {settings.targets} | {settings.rank} | {settings.rate:g} | {one.parameters / 1e6:.1f} M | {one.loss:.3f} "
            f"| {one.exact:.0%} | {one.seconds:.2f} |"
        )
