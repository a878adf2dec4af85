"""Trains the judge (`world.judge`): what real frames show, on real frames alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from world.controls import Event, Side, TimeOfDay, Weather
from world.errors import DataError
from world.files import seeded
from world.judge import CLASSES, PART, SCALES, Judge, JudgeConfig, as_input, card, save
from world.train.compute import Compute
from world.train.driver import Labels
from world.train.drives import Drives
from world.train.loop import Report, Schedule, TrainingLoop

BATCH = 32
MINUTES = 15.0
VISIBLE = 40  # pixels of an event's actor at 144x256 from which on it can be seen at half that size
UNKNOWN = -100  # the class of a frame of which nothing can be said (cross_entropy leaves it out)
NUMBER_WEIGHT = 4.0
# Dreams are a little softer and darker or brighter than the town; it should not matter.
BRIGHTNESS, CONTRAST, BLUR, GRAIN = 0.06, 0.08, 0.5, 0.01
ACROSS, DOWN = 6, 3  # pixels by which a film is shifted at most


class Truth:
    """What is true of every frame. Classes int64 [T] with UNKNOWN where nothing can be said; flags [T, 3] with NaN likewise."""

    def __init__(self, drives: Drives) -> None:
        column, labels = drives.column, Labels(drives)
        event, pixels = column("control.event"), column("event.visible_pixels")
        hidden, seen = (event == Event.NONE) | (pixels == 0), pixels >= VISIBLE
        self.classes = {
            "weather": torch.where(labels.settled, labels.weather, UNKNOWN),
            "time": torch.where(labels.settled, labels.time, UNKNOWN),
            "event": torch.where(hidden, int(Event.NONE), torch.where(seen, event, UNKNOWN)),
        }
        side = column("control.side")
        sided = ~hidden & seen & (side != Side.NONE)
        flags = [
            torch.where(sided, (side == Side.LEFT).float(), torch.nan),
            (column("label.off_road") > 0).float(),
            (column("label.junction_distance") <= 0).float(),
        ]
        self.flags = torch.stack(flags, dim=1)
        self.values = column("observation.state").float() / torch.tensor(list(SCALES.values()))

    def weights(self, usable: Tensor) -> Tensor:
        """How often a frame is drawn: rare weathers, times and events more, so that all are learnt."""
        total = torch.zeros(len(usable), dtype=torch.float64)
        for classes in self.classes.values():
            known = usable & (classes != UNKNOWN)
            counts = torch.bincount(classes[known], minlength=11).clamp_min(1)
            rarity = (counts.max() / counts.double()).sqrt()
            total += torch.where(known, rarity[classes.clamp_min(0)], 1.0)
        return total * usable


def train_judge(
    data: Path,
    held_out: Path,
    out: Path,
    *,
    config: JudgeConfig | None = None,
    minutes: float = MINUTES,
    compute: Compute | None = None,
    seed: int = 0,
    report: Report | None = None,
    begin: Path | None = None,
) -> None:
    """Trains on the dataset `data` into the folder `out`; `held_out` is a dataset of other towns, for validation alone.

    `begin`: the folder of a judge of the same shape to go on with, whose minutes count as its own.
    A killed run goes on from its last checkpoint when the same command is given again.
    """
    compute = (compute or Compute()).joined()
    config = config or JudgeConfig()
    device, size = compute.device, (config.height, config.width)
    with compute.main_first():
        drives = Drives.load(data, size, out / "cache", lambda text: report(0.0, text) if report else None)
        held = Drives.load(held_out, size, out / "cache")
    for given in (drives, held):
        if not given.driving or "event.visible_pixels" not in given.dataset.names:
            raise DataError(
                f"{given.dataset.root} does not say what its frames show; the judge learns from `collect`'s."
            )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        judge = Judge(config)
    before = 0.0
    if begin is not None:
        judge.load_state_dict(Judge.load(begin).state_dict())
        before = float(card(begin)["trained"]["minutes"])
    judge = judge.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    truth, generator = Truth(drives), seeded(seed, "cpu")
    loop = TrainingLoop(PART, out, judge, Schedule(minutes=minutes, rate=1.5e-3, fall=0.3, weight_decay=0.05), compute)
    loop.reseed(generator)
    pool = truth.weights(drives.age >= config.window - 1)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(pool, BATCH, True, generator=generator)
        images = augmented(as_input(drives.images, (index[:, None] - torch.tensor(config.ages)).numpy()), generator)
        for own in compute.shares(BATCH):
            with compute.autocast():
                answers = judge(images[own].to(device))
            yield losses(answers, truth, index[own])

    def validate() -> dict[str, float]:
        return summary(accuracy(judge, held, every=8))

    loop.run(loss_of, validate, report)
    if not compute.main:
        return
    judge.load_state_dict(loop.ema)
    judge.eval()
    said = accuracy(judge, held)
    save(
        judge,
        out,
        {"minutes": before + minutes, "frames": len(drives), "steps": loop.step, "seed": seed, "held_out": said},
    )


def losses(answers: dict[str, Tensor], truth: Truth, index: Tensor) -> dict[str, Tensor]:
    """Named losses, of which `loss` is their sum."""
    device = answers["values"].device
    parts = {}
    for name in CLASSES:
        target = truth.classes[name][index].to(device)
        known = (target != UNKNOWN).sum().clamp_min(1)
        parts[name] = F.cross_entropy(answers[name].float(), target, ignore_index=UNKNOWN, reduction="sum") / known
    flags = truth.flags[index].to(device)
    each = F.binary_cross_entropy_with_logits(answers["flags"].float(), flags.nan_to_num(), reduction="none")
    known = ~flags.isnan()
    parts["flags"] = ((each * known).sum(0) / known.sum(0).clamp_min(1)).sum()
    values = answers["values"].float()
    parts["values"] = NUMBER_WEIGHT * F.smooth_l1_loss(values, truth.values[index].to(device), beta=0.1)
    return parts | {"loss": torch.stack(list(parts.values())).sum()}


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """The films [B, A, 3, H, W] a little shifted, softer, darker or brighter, flatter or starker, and grainy; one way a film."""
    batch, (height, width) = len(images), images.shape[-2:]
    down, across = (
        torch.randint(-most, most + 1, (batch, 1), generator=generator) + torch.arange(size)
        for most, size in ((DOWN, height), (ACROSS, width))
    )
    films = torch.arange(batch)[:, None, None]
    rows, columns = down.clamp(0, height - 1)[:, :, None], across.clamp(0, width - 1)[:, None, :]
    images = images.permute(0, 3, 4, 1, 2)[films, rows, columns].permute(0, 3, 4, 1, 2)

    def draw() -> Tensor:
        return torch.rand(batch, 1, 1, 1, 1, generator=generator)

    soft = (draw() < 0.5).flatten()
    blurred = F.avg_pool2d(images[soft].flatten(0, 1), 3, 1, 1, count_include_pad=False)
    images[soft] = images[soft].lerp(blurred.view(images[soft].shape), BLUR * draw()[soft])
    images = images * (1 + CONTRAST * (2 * draw() - 1)) + BRIGHTNESS * (2 * draw() - 1)
    grain = torch.randn(images[:, :, :1].shape, generator=generator)
    return images + GRAIN * draw() * grain


def accuracy(judge: Judge, drives: Drives, every: int = 1) -> dict[str, Any]:
    """How right the judge is about real frames: shares of the frames of each class that it names, correlations, errors.

    `off_road` and `junction` give the share of frames found that are, and of frames taken for it that are not.
    """
    truth = Truth(drives)
    index = (drives.age >= judge.config.window - 1).nonzero()[::every, 0].numpy()
    if not len(index):
        raise DataError(f"{drives.dataset.root} has no drive of {judge.config.window} frames; collect longer ones.")
    sight = judge.watch(drives.images, index)
    result: dict[str, Any] = {"frames": len(index)}
    for name, kind in (("weather", Weather), ("time", TimeOfDay), ("event", Event)):
        true = truth.classes[name].numpy()[index]
        right = getattr(sight, name) == true
        result[name] = {
            value.name.lower(): float(right[true == value].mean()) for value in kind if (true == value).any()
        }
    for number, name in enumerate(("side", "off_road", "junction")):
        flag = truth.flags.numpy()[index, number]
        says = sight.side == Side.LEFT if name == "side" else getattr(sight, name)
        if name == "side":
            known = ~np.isnan(flag)
            result[name] = float((says[known] == flag[known]).mean()) if known.any() else float("nan")
        else:
            result[name] = {"found": _share(says[flag > 0]), "false": _share(says[flag == 0])}
    state = drives.motions[torch.from_numpy(index), 2:].numpy()
    for number, name in enumerate(SCALES):
        pair = getattr(sight, name), state[:, number]
        result[f"{name}_correlation"] = correlation(*pair)
        result[f"{name}_error"] = float(np.abs(pair[0] - pair[1]).mean())
    return result


def summary(said: dict[str, Any]) -> dict[str, float]:
    """The same in a few numbers: the mean over the classes of each."""
    result = {name: float(np.mean(list(said[name].values()))) for name in CLASSES}
    return result | {name: said[name] for name in ("side", "speed_correlation", "yaw_rate_correlation")}


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's; 0 where one of the two never changes, for then it says nothing of the other."""
    if first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
