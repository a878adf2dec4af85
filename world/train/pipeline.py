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
    """Runs all unfinished stages; returns every stage with the time it took.

    Without `data`, `frames` frames are collected in the town (extra `sim`); without `held_out`, a twentieth as many in
    other towns. `minutes` of training are divided among the parts; the weights end up in `out`/weights. Finished stages
    go on when given more minutes or frames. begin: initial weights of the same shapes. Under `accelerate launch` every
    process calls this. MissingPackageError without the extra `train`, DataError and WeightsError as in the stages.
    """
    check_release()
    compute = (compute or DistributedContext()).join_processes()
    stages = read_stages(out)
    compute.wait()  # before anyone writes to it
    changed = False

    def run(
        name: str, amount: float, work: Callable[[Report], object], *, alone: bool = False, anew: bool = False
    ) -> None:
        """Runs a stage. alone: in the main process, while the others wait; anew: even if finished."""
        nonlocal changed
        if stages.get(name, PipelineStage()).is_done(amount) and not anew:
            return
        if compute.main or not alone:
            with progress(name) as report, stage(out, name, amount, write=compute.main):
                work(report)
        changed = True
        compute.wait()

    def collect_split(split: str, count: int) -> Path:
        root = out / "data" / split
        run(f"data, {split}", count, lambda report: _collect(root, split, count, workers, report), alone=True)
        return root

    training_data = data or collect_split("train", frames)
    held_out = held_out or collect_split("validation", max(LEAST_HELD_OUT, round(HELD_OUT_SHARE * frames)))
    changed = False
    has_labels = labelled(DriveDataset.open(training_data))  # the driver needs labels
    for part, usual in MINUTES.items():
        if part == "driver" and not has_labels:
            continue
        amount = minutes * usual / TOTAL

        def work(report: Report, part: str = part, amount: float = amount) -> None:
            train(
                part,
                training_data,
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
    run("release", 0, lambda report: release(out, held_out, out / "weights", training_data), alone=True, anew=changed)
    return read_stages(out)


def _collect(root: Path, split: str, frames: int, workers: int, report: Report) -> None:
    from world.collect import collect  # needs the extra `sim`

    collect(
        frames,
        root,
        seed=SEEDS[split],
        workers=workers,
        split=split,
        progress=lambda count, total: report(count / total, f"{count:,} of {total:,} frames"),
    )
