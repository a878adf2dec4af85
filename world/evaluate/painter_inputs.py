"""The value of each of the painter's inputs: the same short training without it, scored on the same held-out lessons."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from world.evaluate.pictures import psnr
from world.render.features import CHANNELS, GROUPS
from world.render.painter import PAINTERS, Painter, quick, repaint
from world.render.renderer import developed
from world.town.teacher import read
from world.train.distributed import DistributedContext
from world.train.loop import Report
from world.train.painter import render_lesson, train_painter

TIMES = 20  # of which the shortest counts


@dataclass(frozen=True, slots=True)
class Without:
    """A painter trained without a group of inputs ("" for none): dB on held-out lessons after the tone curve, channels
    of the group.
    """

    group: str
    psnr: float
    channels: int


def ablate_painter(
    lessons: Path,
    held_out: Path,
    out: Path,
    minutes: float,
    *,
    name: str = "small",
    compute: DistributedContext | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> list[Without]:
    """Trains for `minutes` with all inputs, and once without each of GROUPS; finished trainings are only scored."""
    rows = []
    for number, group in enumerate(("", *GROUPS)):

        def tell(fraction: float, text: str, number: int = number, group: str = group) -> None:
            if report is not None:
                report((number + fraction) / (1 + len(GROUPS)), f"without {group or 'nothing'}: {text}")

        folder = out / (group.replace(" ", "-") or "all")
        config = replace(PAINTERS[name], without=(group,) if group else ())
        train_painter(
            lessons,
            held_out,
            folder,
            minutes,
            config=config,
            compute=compute,
            seed=seed,
            report=tell,
            cache=out / "cache",
        )
        score = held_out_psnr(Painter.load(folder), held_out)
        rows.append(Without(group, score, len(GROUPS[group]) if group else 0))
    return rows


def held_out_psnr(painter: Painter, held_out: Path) -> float:
    """Mean PSNR (dB) of painted against traced pictures, with air and tone curve on both."""
    scores = []
    for path in sorted(held_out.glob("[0-9]*.npz")):
        lesson = read(path)
        shot = render_lesson(lesson)
        light = repaint(painter, shot.gbuffer, shot.view, shot.light, lesson.state.amounts[0], shot.plain)
        two = (light, lesson.exposed_radiance / np.float32(shot.light.exposure))
        scores.append(psnr(*(developed(one, shot, lesson.state) for one in two)))
    return float(np.mean(scores))


def channel_milliseconds(height: int = 144, width: int = 256, name: str = "embedded") -> float:
    """Cost in ms of one more G-buffer channel in the painter's first layer, from a timing with twice as many."""
    times = []
    for extra in (0, len(CHANNELS)):
        layer = torch.nn.Conv2d(len(CHANNELS) + extra, PAINTERS[name].stem, 3, padding=1).to(quick("cpu"))
        x = torch.zeros(1, len(CHANNELS) + extra, height, width, dtype=quick("cpu")).to(
            memory_format=torch.channels_last
        )
        best = float("inf")
        with torch.inference_mode():
            for _ in range(TIMES):
                began = time.perf_counter()
                layer(x)
                best = min(best, time.perf_counter() - began)
        times.append(best)
    return 1e3 * (times[1] - times[0]) / len(CHANNELS)


def table(rows_without: list[Without]) -> list[tuple[str, str, str]]:
    """The result as rows: the omitted group, its effect in dB, its channels."""
    whole = rows_without[0].psnr
    rows = [("nothing", f"{whole:.2f} dB", "")]
    return rows + [(one.group, f"{one.psnr - whole:+.2f} dB", str(one.channels)) for one in rows_without[1:]]
