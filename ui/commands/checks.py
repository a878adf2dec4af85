"""Measuring: evaluate, bench, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ui.commands import perceive, streets, traffic
from ui.commands.brain import brain
from ui.commands.watch import Traffic
from ui.console import print_json, print_table, progress
from world.errors import SimulatorError

AsJson = Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same numbers on the same machine.")]

evaluate = typer.Typer(
    no_args_is_help=True,
    help="Measure worlds, weights and the brain, every figure beside its aim or baseline.",
    epilog="Example: lucidrive evaluate world --json > world.json",
)


@evaluate.command(
    epilog="Examples: lucidrive evaluate world --only routes --only sumo --json; lucidrive evaluate world --references DIR"
)
def world(
    quick: Annotated[bool, typer.Option("--quick", help="A tenth as much of everything, and rougher.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="One measurement alone; may be repeated.")] = None,
    painter: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A painter's folder; default: the one that came along."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Path-traced lessons of test towns, made by `lucidrive collect --teacher --split test`.",
        ),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A judge's folder; default: the one that came along."),
    ] = None,
    films: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Path-traced films of test towns, to measure the judge by."),
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Scene worlds in the test towns, told by the scene itself: manoeuvres, events, driver, traffic, futures, hashes, speed, painter."""
    from bridge.bench.states import same_elsewhere
    from world.evaluate.painter import Sources
    from world.evaluate.scene import HEAD, QUICK, SceneSizes, evaluate_scene, table

    sources = Sources.of(painter, references, judge, films)
    with progress("evaluate world") as report:
        sizes = QUICK if quick else SceneSizes()
        result = evaluate_scene(
            sizes, seed, tuple(only or ()), elsewhere=same_elsewhere, report=report, sources=sources
        )
    if as_json:
        print_json(result)
    else:
        print_table("Scene worlds, in towns of the test split", table(result), HEAD)


@evaluate.command(epilog="Example: lucidrive evaluate future --weights runs/racing --data data/racing-held")
def future(
    weights: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A folder of world weights.")],
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A dataset that was held out.")],
    steps: Annotated[int, typer.Option(help="K, sampling steps a frame: 1, 2, 4 or 8.")] = 2,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """The dream against the true future, on data of your own."""
    from world.evaluate.future import evaluate_future
    from world.train.card import future_table

    with progress("evaluate future") as report:
        result = evaluate_future(weights, data, weights / "cache", steps=steps, seed=seed, device=device, report=report)
    if as_json:
        print_json(result)
    else:
        print_table("The dream, on data it never saw", future_table(result))


@evaluate.command(epilog="Example: lucidrive evaluate driver --json > driver.json")
def driver(
    weights: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A driver's folder; default: the one that came along."),
    ] = None,
    routes: Annotated[int, typer.Option(min=1, help="Minutes of road, and as many full of events.")] = 200,
    cases: Annotated[int, typer.Option(min=1, help="Of each command.")] = 100,
    events: Annotated[int, typer.Option(min=0, help="Of each event; 0: none.")] = 20,
    place: Annotated[
        str, typer.Option(help="dreamt: twenty dreamt places that grow; or one by name; default: the test towns.")
    ] = "",
    traffic: Traffic = "rules",
    only: Annotated[list[str] | None, typer.Option(help="learnt or rules; default: both.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that drive.")] = 2,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """The learnt driver of scene worlds beside the rules that it imitates, in test towns or in dreamt places."""
    from world.dynamics.policy import FOLDER
    from world.dynamics.traffic import load_traffic
    from world.evaluate.scene_driver import evaluate_driver, head, table
    from world.scene_world import Others

    folder = Others.of(traffic).folder
    others = load_traffic(folder) if folder else None
    with progress("evaluate driver") as report:
        result = evaluate_driver(
            weights or FOLDER,
            routes,
            cases,
            seed,
            workers,
            place,
            events,
            traffic=others,
            only=only or (),
            report=report,
        )
    if as_json:
        print_json(result)
    else:
        print_table(f"Our car's driver, in {place or 'test towns'}", table(result), head(result))


evaluate.command(epilog="Example: lucidrive evaluate brain --only brain --only rules --json")(brain)
evaluate.command("traffic", epilog="Example: lucidrive evaluate traffic --weights runs/traffic/traffic --json")(
    traffic.evaluate
)
evaluate.command("perceive", epilog="Example: lucidrive evaluate perceive --weights runs/perceive --json")(
    perceive.evaluate
)
evaluate.command("streets", epilog="Example: lucidrive evaluate streets --weights runs/streets --json")(
    streets.evaluate_streets
)
evaluate.command("roadside", epilog="Example: lucidrive evaluate roadside --weights runs/roadside --json")(
    streets.evaluate_roadside
)


@evaluate.command(epilog="Examples: lucidrive evaluate town --routes 200 --json; lucidrive evaluate town --minutes 10")
def town(
    minutes: Annotated[float, typer.Option(min=0.1, help="Driven in each test town, by each of two styles.")] = 3.0,
    routes: Annotated[
        int, typer.Option(min=0, help="Instead: so many test routes of 400 m, and why those that failed did.")
    ] = 0,
    events: Annotated[bool, typer.Option("--events", help="With `--routes`: events as in the data, not none.")] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """The town's expert, whom the driver imitates: collisions, off-road, speed; or routes completed (extra `sim`)."""
    try:
        from world.town.evaluate import evaluate_town, table
        from world.town.routes import evaluate_routes, routes_table
    except ModuleNotFoundError as error:
        raise SimulatorError(f"The town needs {error.name}: run `pip install 'lucidrive[sim]'`.") from error

    result: dict[str, Any]
    with progress("evaluate town") as report:
        if routes:
            result, rows = evaluate_routes(routes, seed, events, report=report), routes_table
        else:
            result, rows = evaluate_town(minutes, seed, report=report), table
    if as_json:
        print_json(result)
    else:
        print_table("The town's expert, in test towns", rows(result))


bench = typer.Typer(invoke_without_command=True, epilog="Example: lucidrive bench --json > bench.json")


@bench.callback()
def speed(
    context: typer.Context,
    quality: Annotated[
        int, typer.Option("--quality", "--steps", help="The dial of the loop's measurement: picture size, or K.")
    ] = 2,
    seconds: Annotated[float, typer.Option(min=2, help="How long each part of the loop's measurement lasts.")] = 20.0,
    world: Annotated[
        Path | None, typer.Option(help="A folder of a latent world's weights; default: scene worlds.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw how the cost grows to this .png, too.")] = None,
    long: Annotated[
        int, typer.Option(min=0, help="Measure this alone: one dream of so many frames, does it grow or get slower?")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure this machine: frames a second, how a dream's cost grows, the brain's latency, the first frame."""
    if context.invoked_subcommand is not None:
        return
    from bridge.bench import run, table
    from bridge.bench.picture import check, draw

    if long:
        from bridge.bench.long import long_run
        from bridge.bench.long import table as rows
        from world.dream import load_world

        with progress("bench") as report:
            results = long_run(load_world(world), long, quality, report)
        if as_json:
            print_json(results)
        else:
            print_table("One long dream", rows(results))
        return
    if picture is not None:
        check(picture)
    with progress("bench") as report:
        result = run(world, quality=quality, seconds=seconds, report=report)
    if picture is not None:
        draw(result, picture)
    if as_json:
        print_json(result)
    else:
        print_table("This machine", table(result))


@bench.command(name="env", epilog="Example: lucidrive bench env --json > env.json")
def environments(
    number: Annotated[int, typer.Option(min=1, help="Environments that are stepped as one.")] = 16,
    steps: Annotated[int, typer.Option(min=10, help="Steps of each that are measured.")] = 2000,
    traffic: Annotated[list[str] | None, typer.Option(help="rules or model; default: one after the other.")] = None,
    scene: Annotated[
        str | None, typer.Option(help="A place for all, as town-21, which does not grow; default: dreamt places.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure Dream-v0 without pictures: steps a second, agents that are there, the longest step."""
    from bridge.bench.env import BY, bench_traffic, table

    with progress("bench env") as report:
        results = {}
        for done, by in enumerate(chosen := traffic or BY):
            report(done / len(chosen), f"traffic by {by}")
            results[by] = bench_traffic(by, number, steps, scene=scene)
    if as_json:
        print_json(results)
    else:
        print_table("Environments without pictures", table(results))


@bench.command(name="ui", epilog="Example: lucidrive bench ui --minutes 30 --json > ui.json")
def page(
    minutes: Annotated[float, typer.Option(min=0.2, help="How long the drive is whose growth is measured.")] = 5.0,
    quality: Annotated[int, typer.Option("--quality", "--steps", help="The dial: picture size, or K.")] = 2,
    world: Annotated[
        Path | None, typer.Option(help="A folder of a latent world's weights; default: scene worlds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The page in a real browser: pictures a second, key to picture, load, growth, four tabs. Exit code 1 where an aim is missed."""
    from dataclasses import asdict

    from ui.bench import met, run, table

    with progress("bench ui") as report:
        results = run(world, quality, minutes, report)
    if as_json:
        print_json(asdict(results) | {"met": met(results)})
    else:
        print_table("The page in a browser", table(results), ("what", "measured", "aimed at"))
    if not met(results):
        raise typer.Exit(1)


@bench.command(epilog="Example: lucidrive bench faults --only kills --only disk --json > faults.json")
def faults(
    only: Annotated[
        list[str] | None,
        typer.Option(help="kills, disk, damage, nans, ooms, crosstalk, crowd, peaks or long; may be repeated."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth as much of everything, in minutes.")] = False,
    world: Annotated[
        Path | None, typer.Option(help="A folder of a latent world's weights; default: scene worlds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is promised for when things go wrong, tried on purpose and counted. Exit code 1 where one is missed. An hour or two."""
    from dataclasses import asdict

    from bridge.bench.faults import FULL, QUICK, run, table

    with progress("bench faults") as report:
        results = run(tuple(only or ()), QUICK if quick else FULL, world, report)
    if as_json:
        print_json([asdict(one) for one in results])
    else:
        print_table("When things go wrong", table(results), ("what", "measured", "aimed at"))
    if not all(one.met for one in results):
        raise typer.Exit(1)


@bench.command("clips", epilog="Example: lucidrive bench clips --only resume --only export --json > clips.json")
def the_clips(
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="speed, labelled, workers, resume, events, memory, export, labels, surround or search; may be repeated. Default: all."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer clips of everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is promised of `lucidrive clips`, measured. Exit code 1 where it is missed. An hour or so; wants a quiet machine."""
    from dataclasses import asdict

    from bridge.bench.clips import FULL, QUICK, run, table

    with progress("bench clips") as report:
        results = run(tuple(only or ()), QUICK if quick else FULL, report)
    if as_json:
        print_json([asdict(one) for one in results])
    else:
        print_table("The clip factory", table(results), ("what", "measured", "aimed at"))
    if not all(one.met for one in results):
        raise typer.Exit(1)


def doctor(as_json: AsJson = False) -> None:
    """Say what this machine has, what will run on it, and how to get what is missing."""
    from dataclasses import asdict

    from bridge.doctor import examine, render

    report = examine()
    if as_json:
        print_json(asdict(report))
    else:
        Console().print(render(report))
