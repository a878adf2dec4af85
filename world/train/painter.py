"""Training the painter on lessons of the path tracer (world/town/teacher.py).

The G-buffer of every lesson is made once by the code that draws in play, and kept as float16 beside the weights in the making.
The loss is in linear light, where the tracer's noise has no bias: squared error over (what is painted + DIM) squared.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from world.errors import DataError
from world.files import save_part, seeded
from world.render.air import develop
from world.render.painter import CHANNELS, DARK, Painter, PainterConfig, conditions, features, paint
from world.render.renderer import Renderer, Shot
from world.town.teacher import Lesson, read
from world.train.compute import Compute
from world.train.loop import Report, Schedule, TrainingLoop

BATCH, CROP = 6, (144, 256)
DIM = 0.03  # exposed radiance below which an error counts as if it were that bright
BRIGHT = 6.0  # exposed radiance above which all is white
SHOWN = 6  # lessons of a sample picture


@dataclass(frozen=True, eq=False)
class Pages:
    """Lessons with their features, on disk. files: float16 [C + 3, H, W], features and what was traced; told [N, CONDITIONS]."""

    files: tuple[Path, ...]
    told: np.ndarray
    lessons: tuple[Path, ...]

    @classmethod
    def load(cls, lessons: Path, cache: Path, report: Report | None = None) -> Pages:
        """Made where they are not in `cache` yet, by two processes. DataError for a folder without lessons."""
        paths = sorted(lessons.glob("[0-9]*.npz"))
        if not paths:
            raise DataError(f"{lessons} holds no lessons; make some with `lucidrive collect --teacher`.")
        cache = cache / hashlib.sha256(str(lessons.resolve()).encode()).hexdigest()[:12]
        cache.mkdir(parents=True, exist_ok=True)
        todo = [path for path in paths if not _file(cache, path).exists()]
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
            for done, _ in enumerate(pool.map(_page, todo, [cache] * len(todo), chunksize=4)):
                if report and done % 20 == 0:
                    report(0.0, f"G-buffers: {done} of {len(todo)}")
        told = [json.loads(_file(cache, path).with_suffix(".json").read_text()) for path in paths]
        return cls(tuple(_file(cache, path) for path in paths), np.array(told, np.float32), tuple(paths))

    def __len__(self) -> int:
        return len(self.files)

    def crop(self, number: int, random: np.random.Generator | None) -> Tensor:
        """A page, or CROP of it, float32 [C + 3, h, w]; flipped half of the time. Without `random` its middle, as it is."""
        page = np.load(self.files[number], mmap_mode="r")
        top, left = (
            (size - crop) // 2 if random is None else int(random.integers(size - crop + 1))
            for size, crop in zip(page.shape[1:], CROP, strict=True)
        )
        return torch.from_numpy(page[:, top : top + CROP[0], left : left + CROP[1]].astype(np.float32))

    def batch(self, numbers: np.ndarray, random: np.random.Generator | None, device: str) -> tuple[Tensor, ...]:
        """features [B, C, h, w], conditions [B, K], traced exposed radiance [B, 3, h, w]."""
        whole = torch.stack([self.crop(int(number), random) for number in numbers])
        told = torch.from_numpy(self.told[numbers])
        if random is not None and random.random() < 0.5:
            whole, told = whole.flip(3), told.clone()
            whole[:, CHANNELS.index("right")] *= -1
            told[:, 0] *= -1
        seen = whole[:, :-3].contiguous(memory_format=torch.channels_last)
        return seen.to(device), told.to(device), whole[:, -3:].to(device)


def _file(cache: Path, lesson: Path) -> Path:
    return cache / f"{lesson.stem}.npy"


def _one_thread() -> None:
    import numba

    numba.set_num_threads(1)


def _page(path: Path, cache: Path) -> None:
    lesson = read(path)
    shot = drawn(lesson)
    seen = features(shot.gbuffer, shot.view, shot.light, lesson.state.amounts[0], shot.radiance)
    traced = sum(np.asarray(layer, np.float32) for layer in lesson.layers.values()).transpose(2, 0, 1)
    page = np.concatenate([seen, np.minimum(traced, 60.0)]).astype(np.float16)
    told = conditions(shot.view, shot.light, lesson.state.amounts[0]).tolist()
    _file(cache, path).with_suffix(".json").write_text(json.dumps(told))
    aside = cache / f".{path.stem}-{os.getpid()}.npy"
    np.save(aside, page)
    aside.replace(_file(cache, path))


def drawn(lesson: Lesson) -> Shot:
    """The lesson's scene as it is drawn in play."""
    return Renderer().shot(lesson.state, lesson.rig)


def loss_in_light(painted: Tensor, traced: Tensor, coverage: Tensor) -> Tensor:
    """Mean over what is not sky of the squared relative error; all exposed radiance [B, 3, H, W], coverage [B, H, W]."""
    error = (painted.clamp_max(BRIGHT) - traced.clamp_max(BRIGHT)) / (painted.detach().clamp_max(BRIGHT) + DIM)
    weight = coverage[:, None]
    return (weight * error.square()).sum() / (3 * weight.sum() + 1)


def train_painter(
    lessons: Path,
    held_out: Path,
    out: Path,
    minutes: float,
    *,
    name: str = "embedded",
    compute: Compute | None = None,
    seed: int = 0,
    report: Report | None = None,
) -> None:
    """Trains a painter into `out`. `held_out`: lessons of other towns. A killed run goes on with the same call."""
    compute = (compute or Compute()).joined()
    device = compute.device
    with compute.main_first():
        pages, held = Pages.load(lessons, out / "cache", report), Pages.load(held_out, out / "cache", report)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        painter = Painter(PainterConfig.of(name)).to(device, memory_format=torch.channels_last)
    random, generator = np.random.default_rng(seed), seeded(seed, "cpu")
    schedule = Schedule(minutes, rate=2e-3, warmup=60, fall=0.4, ema=0.99, weight_decay=1e-3, validate_minutes=4.0)
    loop = TrainingLoop("painter", out, painter, schedule, compute)
    if loop.step:
        random = np.random.default_rng([seed, loop.step])
    loop.reseed(generator)
    covered = CHANNELS.index("coverage")

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        numbers = random.integers(0, len(pages), BATCH)
        for rows in compute.shares(BATCH):
            seen, told, traced = pages.batch(numbers[rows.numpy()], random, device)
            with compute.autocast():
                painted = painter(seen, told)
            yield {"loss": loss_in_light(painted, traced, seen[:, covered])}

    def validate() -> dict[str, float]:
        losses, plain = [], []
        with torch.inference_mode(), compute.autocast():
            for number in range(0, len(held), max(1, len(held) // 48)):
                seen, told, traced = held.batch(np.array([number]), None, device)
                losses.append(float(loss_in_light(painter(seen, told), traced, seen[:, covered])))
                before = DARK * torch.expm1(seen[:, :3])
                plain.append(float(loss_in_light(before, traced, seen[:, covered])))
        save_samples(out / "samples" / f"painter-{loop.step:06d}.png", painter, held)
        return {"loss": float(np.mean(losses)), "plain": float(np.mean(plain))}

    loop.run(loss_of, validate, report)
    painter.load_state_dict(loop.ema)
    if compute.main:
        save_part(out, "painter", painter.state_dict())


def save_samples(path: Path, painter: Painter, held: Pages) -> None:
    """A PNG of held-out lessons: plain shading, painted, traced."""
    rows = []
    for number in np.linspace(0, len(held) - 1, SHOWN).astype(int):
        lesson = read(held.lessons[number])
        if lesson.rig.height != CROP[0]:
            continue
        shot = drawn(lesson)
        amounts, seconds = lesson.state.amounts[0], 0.1 * float(lesson.state.clock[0])
        seen = features(shot.gbuffer, shot.view, shot.light, amounts, shot.radiance)
        painted = paint(painter, seen, conditions(shot.view, shot.light, amounts), shot.light.exposure)
        traced = sum(np.asarray(layer, np.float32) for layer in lesson.layers.values()) / np.float32(
            shot.light.exposure
        )
        rows.append(
            np.concatenate(
                [
                    develop(radiance, shot.gbuffer, shot.view, shot.light, amounts, seconds)
                    for radiance in (shot.radiance, painted, np.ascontiguousarray(traced, np.float32))
                ],
                1,
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)
