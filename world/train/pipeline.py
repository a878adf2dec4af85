"""From nothing to weights in one command: collect, train every part, release. Resumable, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from world.data import DriveDataset
from world.files import WorldConfig
from world.train.distributed import DistributedContext
from world.train.in_memory import labelled
from world.train.loop import Report
from world.train.release import check_release, release
from world.train.run import MINUTES, train
from world.train.stages import PipelineStage, read_stages, stage

FRAMES, HELD_OUT_SHARE, LEAST_HELD_OUT = 150_000, 0.05, 4000
SEEDS = {"train": 1, "validation": 2}
TOTAL = sum(MINUTES.values())
Progress = Callable[[str], AbstractContextManager[Report]]  # a stage's name -> what it reports to


def train_all(
    config: WorldConfig,
    out: Path,
    progress: Progress,
    *,
    data: Path | None = None,
    held_out: Path | None = None,
    frames: int = FRAMES,
    minutes: float = TOTAL,
    compute: DistributedContext | None = None,
    seed: int = 0,
    workers: int = 2,
    begin: Path | None = None,
) -> dict[str, PipelineStage]:
    """Goes through all stages that are not finished; gives every stage with the time it took.

    Without `data`, `frames` frames are collected in the town (extra `sim`), and a twentieth as many in other towns where
    there is no `held_out`. `minutes` of training are shared among the parts; the weights end up in `out`/weights.
    Given more minutes or frames, what is finished is gone on with; with `begin`, weights of the same shapes are. Under
    `accelerate launch` every process calls this.
    """
    check_release()
    compute = (compute or DistributedContext()).joined()
    stages = read_stages(out)
    compute.wait()  # before anyone writes to it
    grown = False

    def run(
        name: str, amount: float, work: Callable[[Report], object], *, alone: bool = False, anew: bool = False
    ) -> None:
        """`alone`: by the main process, while the others wait. `anew`: even if finished."""
        nonlocal grown
        if stages.get(name, PipelineStage()).done(amount) and not anew:
            return
        if compute.main or not alone:
            with progress(name) as report, stage(out, name, amount, write=compute.main):
                work(report)
        grown = True
        compute.wait()

    def collected(split: str, count: int) -> Path:
        root = out / "data" / split
        run(f"data, {split}", count, lambda report: _collect(root, split, count, workers, report), alone=True)
        return root

    trained_on = data or collected("train", frames)
    held_out = held_out or collected("validation", max(LEAST_HELD_OUT, round(HELD_OUT_SHARE * frames)))
    grown = False
    observed = labelled(DriveDataset.open(trained_on))  # if not, there is nothing for a driver to learn
    for part, usual in MINUTES.items():
        if part == "driver" and not observed:
            continue
        amount = minutes * usual / TOTAL

        def work(report: Report, part: str = part, amount: float = amount) -> None:
            train(
                part,
                trained_on,
                held_out,
                out,
                config=config,
                minutes=amount,
                compute=compute,
                seed=seed,
                report=report,
                begin=begin,
            )

        run(part, amount, work)
    run("release", 0, lambda report: release(out, held_out, out / "weights", trained_on), alone=True, anew=grown)
    return read_stages(out)


def _collect(root: Path, split: str, frames: int, workers: int, report: Report) -> None:
    from world.collect import collect  # needs the extra `sim`

    collect(
        frames,
        root,
        seed=SEEDS[split],
        workers=workers,
        split=split,
        progress=lambda done, wanted: report(done / wanted, f"{done:,} of {wanted:,} frames"),
    )
