"""Trains the readouts and the driver on one trunk: what is visible, and what the expert would do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import FPS, TRANSITION_SECONDS
from world.driver import Driver
from world.files import go_on, save_part, seeded
from world.readout import FLAGS, FRAMES, SCALES, ReadoutHeads
from world.train.distributed import DistributedContext
from world.train.dream_clips import dream_clips
from world.train.in_memory import DREAMING, InMemoryDataset, Latents, cache_key, encode_all, trained_parts
from world.train.loop import Report, Schedule, TrainingLoop

BATCH = 256  # half of it dreamt
LATENT_NOISE = 0.15  # imitates the error of dreamt latents
VISIBLE = 12  # pixels at 144x256 from which an event's actor counts as visible
SETTLED = int(TRANSITION_SECONDS * FPS)


class Observer(nn.Module):
    """Readouts and driver, trained together."""

    def __init__(self, readout: ReadoutHeads, driver: Driver) -> None:
        super().__init__()
        self.readout, self.driver = readout, driver


class Labels:
    """Targets of all frames. settled: whether weather and time have been constant long enough to be visible."""

    def __init__(self, drives: InMemoryDataset) -> None:
        column = drives.column
        values = [*column("observation.state").T, column("label.junction_distance"), column("label.lane_offset")]
        self.values = torch.stack(values, dim=1).float() / torch.tensor(list(SCALES.values()))
        flags = [column("label.collision") > 0, column("label.off_road") > 0, column("event.visible_pixels") >= VISIBLE]
        self.flags = torch.stack(flags, dim=1).float()
        self.weather, self.time = drives.fields[:, 1], drives.fields[:, 2]
        changed = (drives.fields[:, 1:3] != drives.fields.roll(1, 0)[:, 1:3]).any(1) & (drives.age > 1)
        since = torch.arange(len(drives)) - torch.where(changed, torch.arange(len(drives)), -SETTLED).cummax(0).values
        self.settled = since >= SETTLED
        self.expert = column("expert.action").float()
        self.target = column("expert.target_speed").float()
        self.command = column("control.command").clamp_min(0)


def train_driver(
    drives: InMemoryDataset,
    held_out: InMemoryDataset,
    out: Path,
    minutes: float,
    compute: DistributedContext,
    seed: int = 0,
    report: Report | None = None,
    begin: Path | None = None,
) -> None:
    """Trains on the tokenizer and dynamics in `out`; writes readout and driver beside them. begin: initial weights.

    Half of the data is dreamt by the dynamics, as nothing in a dream looks quite like the town.
    """
    device = compute.device
    config, modules, hashes = trained_parts(out, DREAMING, device)

    def note(text: str) -> None:
        if report:
            report(0.0, text)

    with compute.main_first():
        sets = [
            (
                data,
                encode_all(data, modules["tokenizer"], device, out / "cache", hashes, note),
                Labels(data),
            )
            for data in (drives, held_out)
        ]
        dream_latents, dream_frames = dream_clips(
            drives, sets[0][1], modules["dynamics"], device, out / "cache", cache_key(hashes, DREAMING), seed, note
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        observer = Observer(ReadoutHeads(config.readout), Driver(config.driver)).to(device)
    for name, part in observer.named_children():
        go_on(begin, name, part)
    compute.prepare(observer)
    generator = seeded(seed, "cpu")
    loop = TrainingLoop("driver", out, observer, Schedule(minutes=minutes, rate=1e-3, fall=0.3), compute)
    loop.reseed(generator)
    frame_weights = (drives.age >= FRAMES - 1).double() * torch.where(drives.motions[:, 2] < 0.5, 0.5, 1.0)
    events = sets[0][2].flags[:, 2] > 0
    frame_weights = (
        frame_weights * torch.where(events, 3.0, 1.0) * torch.where(drives.motions[:, 3].abs() > 0.1, 2.0, 1.0)
    )

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        data, latents, labels = sets[0]
        true = torch.multinomial(frame_weights, BATCH // 2, True, generator=generator)
        dream = dream_frames[torch.multinomial(frame_weights[dream_frames], BATCH // 2, True, generator=generator)]
        past = torch.cat([_past(latents.clean, true), _past(dream_latents, dream)])
        strength = LATENT_NOISE * torch.rand(len(past), 1, 1, 1, generator=generator)
        past = past + strength * torch.randn(past.shape, generator=generator)
        index = torch.cat([true, dream])
        settled, real = _weights(labels.settled[index]), _weights(torch.arange(BATCH) < len(true))
        for own in compute.shares(BATCH):
            rows = index[own], settled[own].to(device), real[own].to(device)
            with compute.autocast():
                losses = _losses(observer, past[own].to(device), data, labels, *rows)
            yield losses | {"loss": torch.stack(list(losses.values())).sum()}

    loop.run(loss_of, lambda: scores(observer, *sets[1], device), report)
    if not compute.main:
        return
    observer.load_state_dict(loop.ema)
    observer.eval()
    save_part(out, "readout", observer.readout.state_dict())
    save_part(out, "driver", observer.driver.state_dict())


def _weights(counts: Tensor) -> Tensor:
    """Weights of rows, 0 where `counts` (bool [B]) is False, with mean 1 over the whole batch, however it is shared."""
    return counts.float() / counts.float().mean().clamp_min(1 / len(counts))


def _past(latents: Tensor, index: Tensor) -> Tensor:
    """Latents [B, FRAMES, N, C], oldest first."""
    return latents[index[:, None] + torch.arange(1 - FRAMES, 1)].float()


def _losses(
    observer: Observer,
    past: Tensor,
    drives: InMemoryDataset,
    labels: Labels,
    index: Tensor,
    settled: Tensor,
    real: Tensor,
) -> dict[str, Tensor]:
    """Losses by name. `settled` and `real` weigh rows, 1 on average.

    A changing sky has no right answer; neither has a dreamt frame about events, as their actor may be missing.
    """
    device = past.device
    hidden = observer.readout.trunk(past)
    out = observer.readout(hidden)
    flags = F.binary_cross_entropy_with_logits(out["flags"], labels.flags[index].to(device), reduction="none")
    losses = {
        "values": F.smooth_l1_loss(out["values"], labels.values[index].to(device), beta=0.1) * 4,
        "flags": (flags[:, :2].mean() * 2 + (flags[:, 2] * real).mean()) / 3,
    }
    for name in ("weather", "time"):
        each = F.cross_entropy(out[name], getattr(labels, name)[index].to(device), reduction="none")
        losses[name] = (each * settled).mean()
    speed = drives.motions[index, 2].to(device)
    command, target = labels.command[index].to(device), labels.target[index].to(device)
    action = observer.driver(hidden, command, target, speed)
    miss = (action.float() - labels.expert[index].to(device)).abs()
    losses["steer"] = miss[:, 0].mean() * 4  # off the road too, to learn the expert's way back
    losses["accel"] = miss[:, 1].mean() * 2
    return losses


@torch.inference_mode()
def scores(
    observer: Observer, drives: InMemoryDataset, latents: Latents, labels: Labels, device: str
) -> dict[str, float]:
    """Errors on held-out frames: speed (m/s), yaw rate (rad/s), junction distance (m), accuracies, driver correlations."""
    index = torch.linspace(FRAMES, len(drives) - 1, 4000).long()
    index = index[(drives.age[index] >= FRAMES - 1) & labels.settled[index]]
    rows = []
    for part in index.split(500):
        past = _past(latents.clean, part).to(device)
        hidden = observer.readout.trunk(past)
        inputs = labels.command[part], labels.target[part], drives.motions[part, 2]
        action = observer.driver(hidden, *(value.to(device) for value in inputs))
        rows.append((observer.readout(hidden), action.cpu()))
    out = {name: torch.cat([row[0][name] for row in rows]).cpu() for name in rows[0][0]}
    action = torch.cat([row[1] for row in rows])
    miss = (out["values"] - labels.values[index]).abs().mean(0) * torch.tensor(list(SCALES.values()))
    result = {f"{name}_error": float(value) for name, value in zip(SCALES, miss, strict=True)}
    for name in ("weather", "time"):
        result[f"{name}_accuracy"] = float((out[name].argmax(1) == getattr(labels, name)[index]).float().mean())
    right = ((out["flags"] > 0).float() == labels.flags[index]).float().mean(0)
    result |= {f"{name}_accuracy": float(value) for name, value in zip(FLAGS, right, strict=True)}
    for number, name in enumerate(("steer", "accel")):
        pair = torch.stack([action[:, number], labels.expert[index][:, number]])
        result[f"{name}_correlation"] = float(torch.corrcoef(pair)[0, 1])
    return result
