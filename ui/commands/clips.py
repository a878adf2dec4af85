"""`lucidrive clips`: a sentence, a plan line or a scenario matrix into a dataset of checked corner-case clips."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ui.console import print_json, print_table, say

if TYPE_CHECKING:
    from bridge.factory.orders import Order
    from bridge.factory.run import RunProgress as Made


def clips(
    what: Annotated[
        str, typer.Argument(help="A sentence, a plan line such as 'rain(2);left', or a YAML file with a matrix.")
    ] = "",
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Clips of a sentence or a plan line.")] = 10,
    seconds: Annotated[float | None, typer.Option(help="Length of each; default 8.")] = None,
    out: Annotated[Path, typer.Option(help="A folder of its own for this run.")] = Path("corner-cases"),
    seed: Annotated[int | None, typer.Option(min=0, help="Of the first clip; the others count on. Default 0.")] = None,
    cap: Annotated[int | None, typer.Option(min=1, help="The most clips that a matrix may make.")] = None,
    vary: Annotated[
        bool,
        typer.Option(
            "--vary", help="Let each seed choose what the wording leaves open: when an event begins, its level."
        ),
    ] = False,
    retries: Annotated[int | None, typer.Option(help="New seeds for a clip that was rejected; default 2.")] = None,
    scene: Annotated[
        str | None,
        typer.Option(
            "--scene",
            "--place",
            help="Where: 'a suburb at dusk', town:7, a map file, dreamt:7:dense; default: a dreamt place by each clip's seed.",
        ),
    ] = None,
    begin: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="Begin where a saved drive (.dream) was left."),
    ] = None,
    fork_at: Annotated[float | None, typer.Option(help="Seconds after which each clip forks into --branches.")] = None,
    branches: Annotated[
        str, typer.Option(help='What it forks into: "stop;left;faster"; & joins steps of one branch.')
    ] = "",
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="lerobot (default), mcap or webdataset; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes; default: one a core. 0: this process alone.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="ray: on Ray actors instead of processes (extra `scale`).")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Of a running Ray cluster; default: one on this machine.")] = None,
    traffic: Annotated[
        str | None, typer.Option(help="Who moves the others: rules (default), model, or a folder of trained weights.")
    ] = None,
    reckless: Annotated[
        float | None, typer.Option(help="Share of the other drivers who take no notice of signals, 0 to 1.")
    ] = None,
    find: Annotated[
        str | None, typer.Option(help="Look among scenes for collision, near-miss, or a time to collision: 'ttc<1.5'.")
    ] = None,
    by: Annotated[str, typer.Option(help="How --find searches: random, or cem (the cross-entropy method).")] = "random",
    trials: Annotated[int | None, typer.Option(help="Scenes that --find tries for a clip; default 48.")] = None,
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage", help="Only tell what the run in --out covers, by scenario, weather, time and place."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, whatever else is said.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be made, and what it would cost.")
    ] = False,
    size: Annotated[str | None, typer.Option(help="Of the pictures: 144x256 (default), 288x512 or 576x1024.")] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="With each clip the boxes, depth and masks of its pictures, as a WebDataset shard beside it.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """Make a dataset of corner-case clips, each checked against what was asked for and labelled."""
    from bridge.factory.deliver import check_formats
    from bridge.factory.orders import YAML, ClipSpec, Order

    if coverage:
        _coverage(Order.of(ClipSpec(), out, resume=True), as_json)
        return

    file = Path(what) if Path(what).suffix.lower() in YAML else None
    spec = ClipSpec(
        what=what, file=file, number=number, seconds=seconds, seed=seed, cap=cap, vary=vary, retries=retries, scene=scene, begin=begin,
        fork_at=fork_at, branches=branches, size=size, traffic=traffic, reckless=reckless, find=find, by=by, trials=trials, labels=labels,
    )  # fmt: skip
    chosen = check_formats(formats or [])
    order = Order.of(spec, out, resume)
    if dry_run:
        _dry_run(order, as_json)
        return
    _make(order, chosen, workers, cluster, address, as_json)


def _coverage(order: Order, as_json: bool) -> None:
    from bridge.factory.coverage import HEAD, rows

    cells = order.coverage_table()
    if as_json:
        print_json([cell.plain() for cell in cells])
        return
    print_table("What the run covers", rows(cells), HEAD)


def _dry_run(order: Order, as_json: bool) -> None:
    cost = order.cost()
    if as_json:
        print_json(cost)
        return
    axes = [(axis, counts) for axis, counts in cost["coverage"].items() if " x " not in axis]
    print_table("Clips by word", [(axis, _counts(counts)) for axis, counts in axes])
    pairs = [(axis, counts) for axis, counts in cost["coverage"].items() if " x " in axis]
    for axis, counts in pairs:
        print_table(axis, _grid(counts), ("", *_across(counts)))
    print_table("What it would cost", [(name, str(value)) for name, value in cost["cost"].items()])


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items())


def _across(counts: dict[str, int]) -> list[str]:
    return sorted({pair.partition(" x ")[2] for pair in counts})


def _grid(counts: dict[str, int]) -> Iterator[tuple[str, ...]]:
    for down in sorted({pair.partition(" x ")[0] for pair in counts}):
        yield (down, *(str(counts.get(f"{down} x {across}", "")) for across in _across(counts)))


def _make(
    order: Order, formats: tuple[str, ...], workers: int | None, cluster: str | None, address: str | None, as_json: bool
) -> None:
    from bridge.factory.export.report import rows

    with _bar() as note:
        run = order.make(workers, cluster, address, note)
    say("Writing the dataset ...")
    report = order.deliver(formats)
    if as_json:
        print_json({**report, "out": str(order.out), "made": _figures(run)})
        return
    print_table("Clips", rows(report), ("scenario", "clips", "takes accepted", "missing most"))
    say(
        f"{order.out}: {report['all']['accepted']} of {report['all']['jobs']} clips, all synthetic, none of them filmed; README.md says what their labels are worth."
    )


def _figures(run: Made) -> dict[str, Any]:
    speed = run.seconds / run.wall if run.wall else None
    scenes = {"trials": run.trials, "scene_steps": run.steps, "scene_steps_a_second_of_a_worker": run.steps_a_second}
    return scenes | {
        "takes": run.takes,
        "clip_seconds": run.seconds,
        "wall": run.wall,
        "clip_seconds_a_second": speed,
    }


@contextmanager
def _bar() -> Iterator[Any]:
    """Progress on stderr with yield, clips a minute and time left; without a terminal a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("clips", style="bold"),
        BarColumn(),
        TextColumn("{task.description}", style="dim"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("waking the workers", total=None)

        def note(run: Made) -> None:
            bar.update(task, total=run.jobs, completed=run.done, description=f"{run.line()}, {_left(run)} left")

        yield note


class _Lines:
    """A line every few seconds."""

    EVERY = 10.0

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, run: Made) -> None:
        if time.monotonic() - self._said >= self.EVERY or run.done == run.jobs:
            self._said = time.monotonic()
            say(f"clips {run.done / max(1, run.jobs):4.0%}  {run.line()}, {_left(run)} left")


def _left(run: Made) -> str:
    """By the jobs settled a second so far."""
    if not run.finished or run.done == run.jobs:
        return "0 s" if run.done == run.jobs else "?"
    seconds = (run.jobs - run.done) * run.wall / run.finished
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
