"""Measuring the brain: what it understands, what it endures, how soon it answers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from ui.console import Report, print_json, print_table, progress
from world.errors import DataError

HERE = ("latency", "start")  # parts that need the bridge: the dream beside the brain, a process of its own


def brain(
    adapter: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Another LoRA's folder; default: the one that came along."),
    ] = None,
    hand_written: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Own cases: text TAB context TAB plan. Default: those that came along."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="One part alone; may be repeated: brain, rules, int8, injections, fuzz, base, latency, start."
        ),
    ] = None,
    cases: Annotated[int, typer.Option(min=10, help="Held-out cases.")] = 400,
    fuzz: Annotated[int, typer.Option(min=10, help="Strange texts.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the strange texts.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
    write: Annotated[
        Path | None, typer.Option(help="Also write the tables of README and card there, as Markdown.")
    ] = None,
) -> None:
    """Plans against the right ones, on sentences the brain never saw, beside keyword rules and the base model."""
    from finetune.report import markdown, table

    if write is not None:
        from bridge.disk import check_place

        check_place(write)
    with progress("evaluate brain") as report:
        result = measure(adapter, hand_written, only or (), cases, fuzz, seed, report)
    if write is not None:
        write.write_text(markdown(result))
    if as_json:
        print_json(result)
    else:
        print_table("The brain, on sentences it never saw", table(result))


def measure(
    adapter: Path | None,
    hand_written: Path | None,
    only: Collection[str],
    cases: int,
    fuzz: int,
    seed: int,
    report: Report,
) -> dict[str, Any]:
    """The parts of `only`, all of them where it is empty."""
    from finetune.evaluate import HAND_WRITTEN, PARTS, evaluate_brain

    every = (*HERE, *PARTS)
    if wrong := [part for part in only if part not in every]:
        raise DataError(f"There is no part '{wrong[0]}'; there are: {', '.join(every)}.")
    parts = [part for part in every if not only or part in only]
    result: dict[str, Any] = {}
    if "start" in parts or "latency" in parts:
        from bridge.bench.answers import bench_answers, bench_start

        if "start" in parts:
            report(0.0, "start: a process of its own")
            result["start"] = bench_start(adapter)
        if "latency" in parts:
            report(0.0, "latency: alone, and while dreaming")
            result["latency"] = bench_answers(adapter)
    result |= evaluate_brain(
        adapter,
        only=[part for part in parts if part in PARTS],
        cases=cases,
        fuzz=fuzz,
        seed=seed,
        hand_written=hand_written or HAND_WRITTEN,
        report=report,
    )
    return result
