"""Trains the judge (`world.judge`) on path-traced films (`world.town.films`) of training towns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from world.controls import SIDED_EVENTS, Command, Event, Side, TimeOfDay, Weather
from world.data.video import fit
from world.errors import DataError
from world.files import seeded
from world.judge import AGES, CLASSES, KINDS, MANOEUVRES, PART, SCALES, Judge, JudgeConfig, as_input, card, save
from world.metrics import correlation
from world.town.films import read_pictures
from world.town.moments import UNKNOWN, FilmLabels
from world.train.distributed import DistributedContext
from world.train.loop import Report, Schedule, TrainingLoop

BATCH = 32
MINUTES = 20.0
NUMBER_WEIGHT = 4.0
EMPTY = 0.1  # weight of a cell without an actor, relative to one with
LEAST = 12  # pixels of an actor from which a cell is its event's; cells with fewer have no label
FROZEN = 0.1  # share of films in training that repeat their last picture and have no motion labels
# Painted pictures are slightly softer, cleaner, darker or brighter than traced ones; that must not matter.
BRIGHTNESS, CONTRAST, TINGE, BLUR, GRAIN = 0.08, 0.10, 0.04, 0.6, 0.03
ACROSS, DOWN = 4, 3  # largest shift of a film in pixels
_MIRROR = {
    Command.LEFT: Command.RIGHT,
    Command.RIGHT: Command.LEFT,
    Command.LANE_LEFT: Command.LANE_RIGHT,
    Command.LANE_RIGHT: Command.LANE_LEFT,
}
MIRROR_OF = torch.tensor(
    [MANOEUVRES.index(_MIRROR.get(one, one)) for one in MANOEUVRES]
)  # index of the mirrored manoeuvre
NAMES: dict[str, Sequence[Any]] = {
    "weather": tuple(Weather),
    "time": tuple(TimeOfDay),
    "event": tuple(Event),
    "manoeuvre": MANOEUVRES,
}


@dataclass(frozen=True, eq=False)
class Films:
    """Films in memory. pictures: uint8 [N, A, H, W, 3]; classes: int64 [N] by name, UNKNOWN where unlabelled.

    values: float [N, 2] in SCALES, NaN where unlabelled; where: int64 [N, *CELLS], the event whose actor is in the
    cell, or UNKNOWN.
    """

    pictures: np.ndarray
    classes: dict[str, Tensor]
    values: Tensor
    where: Tensor

    @classmethod
    def load(cls, folders: Sequence[Path], report: Report | None = None, size: tuple[int, int] = (72, 128)) -> Films:
        """Films of several folders, scaled to `size`; those of one picture repeat it AGES times.

        DataError where a folder holds none, or a film is damaged.
        """
        pictures: list[np.ndarray] = []
        truths: list[FilmLabels] = []
        actors: list[np.ndarray] = []
        for folder in folders:
            paths = sorted(folder.glob("[0-9]*.npz"))
            if not paths:
                raise DataError(f"{folder} holds no films; make some with `lucidrive collect --films`.")
            for number, path in enumerate(paths):
                film = read_pictures(path)
                small = np.stack([fit(picture, size) for picture in film.pictures])
                pictures.append(small if len(small) == len(AGES) else small[-1:].repeat(len(AGES), 0))
                truths.append(film.truth)
                actors.append(film.actor)
                if report and number % 500 == 0:
                    report(0.0, f"{folder}: {number} of {len(paths)} films")
        classes = {name: torch.tensor([getattr(truth, name) for truth in truths]) for name in CLASSES}
        side = classes["side"]
        classes["side"] = torch.where(side > int(Side.NONE), side - int(Side.LEFT), UNKNOWN)
        values = torch.tensor([[getattr(truth, name) / scale for name, scale in SCALES.items()] for truth in truths])
        pixels = torch.from_numpy(np.stack(actors).astype(np.int64))
        event = classes["event"][:, None, None].expand(pixels.shape)
        where = torch.where(pixels >= LEAST, event, torch.where(pixels > 0, UNKNOWN, int(Event.NONE)))
        return cls(np.stack(pictures), classes, values, torch.where(event == UNKNOWN, UNKNOWN, where))

    def __len__(self) -> int:
        return len(self.pictures)

    def weights(self) -> Tensor:
        """Sampling weights float64 [N]: rare weathers, hours, events and manoeuvres count more."""
        total = torch.zeros(len(self), dtype=torch.float64)
        for name in NAMES:
            classes = self.classes[name]
            known = classes != UNKNOWN
            counts = torch.bincount(classes[known], minlength=CLASSES[name]).clamp_min(1)
            rarity = (counts.max() / counts.double()).sqrt()
            total += torch.where(known, rarity[classes.clamp_min(0)], 1.0)
        return total

    def batch(self, index: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Images [B, A, 3, H, W], classes (including `where`) and values of some films, augmented: half mirrored, some
        frozen.
        """
        images = as_input(self.pictures[index.numpy()])
        classes = {name: self.classes[name][index] for name in CLASSES} | {"where": self.where[index]}
        values = self.values[index].clone()
        flipped, frozen = torch.rand(2, len(index), generator=generator) < torch.tensor([[0.5], [FROZEN]])
        images[flipped] = images[flipped].flip(-1)
        classes["where"][flipped] = classes["where"][flipped].flip(-1)
        values[flipped, list(SCALES).index("yaw_rate")] *= -1
        for name, mirror_of in (("side", torch.tensor([1, 0])), ("manoeuvre", MIRROR_OF)):
            known = flipped & (classes[name] != UNKNOWN)
            classes[name] = torch.where(known, mirror_of[classes[name].clamp_min(0)], classes[name])
        images[frozen] = images[frozen][:, -1:]
        values[frozen] = torch.nan
        classes["manoeuvre"] = torch.where(frozen, UNKNOWN, classes["manoeuvre"])
        return augment(images, generator), classes, values


def train_judge(
    films: Sequence[Path],
    held_out: Path,
    out: Path,
    *,
    config: JudgeConfig | None = None,
    minutes: float = MINUTES,
    compute: DistributedContext | None = None,
    seed: int = 0,
    report: Report | None = None,
    begin: Path | None = None,
) -> None:
    """Trains on folders of films into the folder `out`. held_out: films of test towns, only for scores.

    begin: the folder of a judge of the same shape to start from, whose minutes count too. An interrupted run resumes
    from its last checkpoint. DataError for films of the wrong towns, WeightsError where `begin` is damaged.
    """
    compute = (compute or DistributedContext()).join_processes()
    device, config = compute.device, config or JudgeConfig()
    for folder in films:
        if _origin(folder).get("split", "train") != "train":
            raise DataError(
                f"{folder} holds films of the {_origin(folder)['split']} split; the judge learns from training towns."
            )
    if _origin(held_out).get("split") == "train":
        raise DataError(f"{held_out} holds films of training towns; measure the judge on those of test towns.")
    size = (config.height, config.width)
    training, validation = Films.load(films, report, size), Films.load([held_out], report, size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        judge = Judge(config)
    before = 0.0
    if begin is not None:
        judge.load_state_dict(Judge.load(begin).state_dict())
        before = float(card(begin)["trained"]["minutes"])
    judge = judge.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator, film_weights = seeded(seed, "cpu"), training.weights()
    loop = TrainingLoop(PART, out, judge, Schedule(minutes=minutes, rate=1.5e-3, fall=0.3, weight_decay=0.05), compute)
    loop.reseed(generator)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(film_weights, BATCH, True, generator=generator)
        images, classes, values = training.batch(index, generator)
        for own in compute.shares(BATCH):
            with compute.autocast():
                answers = judge(images[own].to(device))
            yield losses(answers, {name: its[own].to(device) for name, its in classes.items()}, values[own].to(device))

    loop.run(loss_of, lambda: summary(accuracy(judge, validation)), report)
    if not compute.main:
        return
    judge.load_state_dict(loop.ema)
    judge.eval()
    record = {"films": len(training), "made": [_origin(folder) for folder in films], "steps": loop.step, "seed": seed}
    save(judge, out, {"minutes": before + minutes, **record, "held_out": accuracy(judge, validation)})


def _origin(folder: Path) -> dict[str, Any]:
    """How the films of a folder were made; {} where that is unknown."""
    path = folder / "lessons.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def losses(answers: dict[str, Tensor], classes: dict[str, Tensor], values: Tensor) -> dict[str, Tensor]:
    """Losses by name; `loss` is their sum."""
    parts = {}
    for name, target in classes.items():
        weight = torch.ones(answers[name].shape[1], device=target.device)
        if name == "where":
            weight[int(Event.NONE)] = EMPTY
        known = torch.where(target == UNKNOWN, 0.0, weight[target.clamp_min(0)]).sum().clamp_min(1)
        every = F.cross_entropy(answers[name].float(), target, weight, ignore_index=UNKNOWN, reduction="sum")
        parts[name] = every / known
    known = ~values.isnan()
    each = F.smooth_l1_loss(answers["values"].float(), values.nan_to_num(), beta=0.1, reduction="none")
    parts["values"] = NUMBER_WEIGHT * (each * known).sum() / known.sum().clamp_min(1)
    return parts | {"loss": torch.stack(list(parts.values())).sum()}


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Films [B, A, 3, H, W] randomly shifted, blurred, with other brightness, contrast, tint and grain, each film as a
    whole.
    """
    batch, (height, width) = len(images), images.shape[-2:]
    down, across = (
        torch.randint(-most, most + 1, (batch, 1), generator=generator) + torch.arange(size)
        for most, size in ((DOWN, height), (ACROSS, width))
    )
    films = torch.arange(batch)[:, None, None]
    rows, columns = down.clamp(0, height - 1)[:, :, None], across.clamp(0, width - 1)[:, None, :]
    images = images.permute(0, 3, 4, 1, 2)[films, rows, columns].permute(0, 3, 4, 1, 2)

    def draw(channels: int = 1) -> Tensor:
        return torch.rand(batch, 1, channels, 1, 1, generator=generator)

    soft = (draw() < 0.5).flatten()
    soft_images = F.avg_pool2d(images[soft].flatten(0, 1), 3, 1, 1, count_include_pad=False)
    images[soft] = images[soft].lerp(soft_images.view(images[soft].shape), BLUR * draw()[soft])
    images = images * (1 + CONTRAST * (2 * draw() - 1)) + BRIGHTNESS * (2 * draw() - 1) + TINGE * (2 * draw(3) - 1)
    grain = torch.randn(images.shape, generator=generator)
    return images + GRAIN * draw().square() * grain


def accuracy(judge: Judge, films: Films) -> dict[str, Any]:
    """The judge's scores: accuracy by class, correlations, and mean errors in m/s and rad/s.

    `kind`: of weather without its level; `side`: of sided events.
    """
    sight = judge.watch(films.pictures)
    truth = {name: classes.numpy() for name, classes in films.classes.items()}
    result: dict[str, Any] = {"films": len(films)}
    for name, kinds in NAMES.items():
        right = getattr(sight, name).argmax(1) == truth[name]
        result[name] = {
            one.name.lower(): float(right[truth[name] == value].mean())
            for value, one in enumerate(kinds)
            if (truth[name] == value).any()
        }
    known = truth["weather"] != UNKNOWN
    result["kind"] = _share(sight.kind()[known] == KINDS[truth["weather"][known]])
    sided = (truth["side"] != UNKNOWN) & np.isin(truth["event"], [int(event) for event in SIDED_EVENTS])
    result["side"] = _share(sight.side.argmax(1)[sided] == truth["side"][sided])
    for number, (name, scale) in enumerate(SCALES.items()):
        true = scale * films.values[:, number].numpy()
        known = ~np.isnan(true)
        pair = getattr(sight, name)[known], true[known]
        result[f"{name}_correlation"] = correlation(*pair)
        result[f"{name}_error"] = float(np.abs(pair[0] - pair[1]).mean()) if known.any() else math.nan
    return result


def summary(scores: dict[str, Any]) -> dict[str, float]:
    """The scores of `accuracy` in a few numbers: for each kind of label the mean over its classes."""
    result = {name: float(np.mean(list(scores[name].values()))) for name in NAMES}
    return result | {name: scores[name] for name in ("kind", "side", "speed_correlation", "yaw_rate_correlation")}


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else math.nan
