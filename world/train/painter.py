"""Trains the painter on path-traced lessons (world/town/teacher.py) or on pictures with scenes
(world/train/pictures.py).

Every lesson's G-buffer is rendered once by the code of play and cached as float16. The loss is in linear light, where
the tracer's noise is unbiased: the squared error, weighted by how much of it the tone curve would show.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from world.errors import DataError, WeightsError
from world.processes import each
from world.render.features import CHANNELS, conditions, features, plain_of
from world.render.painter import Painter, PainterConfig, channels_last, grown, repaint
from world.render.renderer import Shot, developed, plain_renderer
from world.town.teacher import Lesson, files_in, of_these_assets, read, town_by_town
from world.train.distributed import DistributedContext
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.pictures import Capture, captures, holds_captures, stamp

BATCH, CROP = 6, (144, 256)
DIM = 0.01  # exposed radiance; darker pixels count as if they were that bright
BRIGHT = 6.0  # exposed radiance above which all is white
LEAST = 0.1  # weight of the relative error, which counts everywhere
ROUND = 7  # pixels, side of the square whose mean target is a pixel's brightness
RENDER = Path(__file__).parents[1] / "render"
SAMPLE_ROWS = 6  # lessons in a sample picture
FEW = 8  # lessons too few for further processes
Source = Path | Capture  # of a lesson


@dataclass(frozen=True, eq=False)
class Pages:
    """Lessons with their features, on disk. files: float16 [H, W, C + 3], features and target radiance (negative:
    unknown).

    conditions: float32 [N, CONDITIONS].
    """

    files: tuple[Path, ...]
    conditions: np.ndarray
    lessons: tuple[Source, ...]

    @classmethod
    def load(cls, lessons: Path, cache: Path, report: Report | None = None) -> Pages:
        """Renders the features that are not in `cache` yet.

        DataError where the folder has no lessons, lessons of other assets, or invalid captures.
        """
        paths = lessons_in(lessons)
        drawing = b"".join(path.read_bytes() for path in sorted(RENDER.glob("**/*.py")))
        version = stamp(lessons) if holds_captures(lessons) else b""
        cache = cache / hashlib.sha256(str(lessons.resolve()).encode() + drawing + version).hexdigest()[:12]
        cache.mkdir(parents=True, exist_ok=True)
        todo = [path for path in paths if not _file(cache, path).exists()]
        files = town_by_town(one for one in todo if isinstance(one, Path))
        todo = [*files, *(one for one in todo if not isinstance(one, Path))]
        if len(todo) <= FEW:
            for source in todo:
                _page(source, cache)
        else:
            for number, _ in enumerate(each(_page, [(source, cache) for source in todo], 2, cache)):
                if report and number % 20 == 0:
                    report(0.0, f"G-buffers: {number} of {len(todo)}")
        conditions = [json.loads(_file(cache, path).with_suffix(".json").read_text()) for path in paths]
        return cls(tuple(_file(cache, path) for path in paths), np.array(conditions, np.float32), tuple(paths))

    def __len__(self) -> int:
        return len(self.files)

    def crop(self, number: int, random: np.random.Generator | None) -> Tensor:
        """A random CROP of a page, float32 [h, w, C + 3]; the centre without `random`."""
        page = np.load(self.files[number], mmap_mode="r")
        size = np.minimum(page.shape[:2], CROP)
        room = np.array(page.shape[:2]) - size
        top, left = room // 2 if random is None else random.integers(room + 1)
        return torch.from_numpy(page[top : top + size[0], left : left + size[1]].copy()).float()

    def batch(self, numbers: np.ndarray, random: np.random.Generator | None, device: str) -> tuple[Tensor, ...]:
        """Features [B, C, h, w], conditions [B, K] and target exposed radiance [B, 3, h, w]; mirrored half of the time."""
        whole = torch.stack([self.crop(int(number), random) for number in numbers])
        conditions = torch.from_numpy(self.conditions[numbers])
        if random is not None and random.random() < 0.5:
            whole, conditions = whole.flip(2), conditions.clone()
            whole[..., CHANNELS.index("right")] *= -1
            conditions[:, 0] *= -1
        whole = whole.permute(0, 3, 1, 2)
        return whole[:, :-3].to(device), conditions.to(device), whole[:, -3:].to(device)


def lessons_in(folder: Path) -> Sequence[Source]:
    """The files of a folder's lessons, or its captures. DataError where there are none, or they are of other assets."""
    if holds_captures(folder):
        return captures(folder)
    paths = files_in(folder)
    try:
        current = of_these_assets(json.loads((folder / "lessons.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} holds no lessons ({error}); make some with `lucidrive collect --teacher`."
        ) from error
    if not current:
        raise DataError(
            f"{folder} holds lessons of other assets; make lessons anew with `lucidrive collect --teacher`."
        )
    return paths


def lesson_of(source: Source) -> Lesson:
    """The lesson of a source. DataError where its file is damaged."""
    return source.lesson(plain_renderer()) if isinstance(source, Capture) else read(source)


def _file(cache: Path, lesson: Source) -> Path:
    return cache / f"{lesson.stem}.npy"


def _page(source: Source, cache: Path) -> None:
    lesson = lesson_of(source)
    shot, amounts = render_lesson(lesson), lesson.state.amounts[0]
    inputs = features(shot.gbuffer, shot.view, shot.light, amounts, shot.plain)
    page = np.concatenate([inputs, np.minimum(lesson.exposed_radiance, 60.0)], 2).astype(np.float16)
    row = conditions(shot.view, shot.light, amounts).tolist()
    _file(cache, source).with_suffix(".json").write_text(json.dumps(row))
    aside = cache / f".{source.stem}-{os.getpid()}.npy"
    np.save(aside, page)
    aside.replace(_file(cache, source))


def render_lesson(lesson: Lesson) -> Shot:
    """The lesson's scene, rendered as in play."""
    return plain_renderer().shot(lesson.state, lesson.rig)


def loss_in_light(prediction: Tensor, target: Tensor, coverage: Tensor) -> Tensor:
    """Mean squared error as visible on the screen; exposed radiance [B, 3, H, W], coverage [B, H, W].

    Negative targets are unknown and do not count. The weight follows the brighter of the prediction and of the target
    around it: otherwise one firefly in the dark would outweigh a hundred lessons.
    """
    prediction, target = prediction.clamp_max(BRIGHT), target.clamp_max(BRIGHT)
    around = functional.avg_pool2d(target.clamp_min(0.0), ROUND, 1, ROUND // 2, count_include_pad=False)
    at = torch.maximum(prediction.detach(), around).clamp_min(DIM)
    error = (prediction - target) * torch.maximum(slope(at), LEAST / (at + DIM))
    weight = (coverage * (target[:, 0] >= 0))[:, None]
    return (weight * error.square()).sum() / (3 * weight.sum() + 1)


def slope(radiance: Tensor) -> Tensor:
    """Derivative of the tone curve (world.render.air) at an exposed radiance, in units of white."""
    x = 0.6 * radiance
    over, under = x * (2.51 * x + 0.03), x * (2.43 * x + 0.59) + 0.14
    steep = ((5.02 * x + 0.03) * under - over * (4.86 * x + 0.59)) / under**2
    return 0.6 * steep * (over / under) ** (1 / 2.2 - 1) / 2.2


def train_painter(
    lessons: Path,
    held_out: Path,
    out: Path,
    minutes: float,
    *,
    config: PainterConfig | None = None,
    compute: DistributedContext | None = None,
    seed: int = 0,
    report: Report | None = None,
    cache: Path | None = None,
    begin: Path | None = None,
    sky: bool = False,
) -> None:
    """Trains a painter into `out`. held_out: lessons of other towns; cache: where features are kept (default: in
    `out`).

    Both folders may hold captures instead (world.train.pictures). begin: the folder of an initial painter, which is
    enlarged to `config` if that is given; sky: it paints the sky too. An interrupted run resumes with the same call.
    DataError for a folder without lessons, WeightsError where `begin` has no painter or one larger than `config`.
    """
    if holds_captures(lessons) and lessons.resolve() == held_out.resolve():
        raise DataError(f"{lessons} cannot be learnt from and held out at once; give two folders.")
    first = None if begin is None else Painter.load(begin, dtype=torch.float32)
    config = config or (PainterConfig() if first is None else first.config)
    if sky:
        config = replace(config, sky=True)
    compute = (compute or DistributedContext()).join_processes()
    device = compute.device
    with compute.main_first():
        pages, held = (Pages.load(folder, cache or out / "cache", report) for folder in (lessons, held_out))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        painter = Painter(config) if first is None else _grow_to(first, config)
    painter = channels_last(painter.to(device))
    random = np.random.default_rng(seed)
    schedule = Schedule(minutes, rate=2e-3, warmup=60, fall=0.4, ema=0.99, weight_decay=1e-3, validate_minutes=4.0)
    loop = TrainingLoop("painter", out, painter, schedule, compute)
    if loop.step:
        random = np.random.default_rng([seed, loop.step])

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        numbers = random.integers(0, len(pages), BATCH)
        for rows in compute.shares(BATCH):
            inputs, conditions_BK, target = pages.batch(numbers[rows.numpy()], random, device)
            with compute.autocast():
                radiance = painter(inputs, conditions_BK)
            yield {"loss": loss_in_light(radiance, target, painter.painted(inputs))}

    def validate() -> dict[str, float]:
        losses, plain = [], []
        with torch.inference_mode(), compute.autocast():
            for number in range(0, len(held), max(1, len(held) // 48)):
                inputs, conditions_BK, target = held.batch(np.array([number]), None, device)
                losses.append(float(loss_in_light(painter(inputs, conditions_BK), target, painter.painted(inputs))))
                plain.append(float(loss_in_light(plain_of(inputs), target, painter.painted(inputs))))
        save_samples(out / "samples" / f"painter-{loop.step:06d}.png", painter, held)
        return {"loss": float(np.mean(losses)), "plain": float(np.mean(plain))}

    loop.run(loss_of, validate, report)
    painter.load_state_dict(loop.ema)
    if compute.main:
        record = {"minutes": round(loop.seconds / 60, 1), "steps": loop.step, "lessons": len(pages)}
        painter.save(out, record | ({} if first is None else {"begin": first.sha256}))


def _grow_to(first: Painter, config: PainterConfig) -> Painter:
    """`first` in the shape of `config`. WeightsError where it is larger."""
    try:
        return grown(first, config)
    except ValueError as error:
        raise WeightsError(f"{error}; leave out --config, or begin from nothing.") from error


def save_samples(path: Path, painter: Painter, held: Pages) -> None:
    """A PNG of held-out lessons: plain shading, painted, target."""
    rows = []
    lessons = [lesson_of(held.lessons[number]) for number in np.linspace(0, len(held) - 1, SAMPLE_ROWS).astype(int)]
    for lesson in (one for one in lessons if one.rig.width == lessons[0].rig.width):
        shot = render_lesson(lesson)
        light = repaint(painter, shot.gbuffer, shot.view, shot.light, lesson.state.amounts[0], shot.plain)
        target = lesson.exposed_radiance / np.float32(shot.light.exposure)
        three = (shot.plain, light, np.where(target < 0, shot.plain, target))
        rows.append(np.concatenate([developed(radiance, shot, lesson.state) for radiance in three], 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)
