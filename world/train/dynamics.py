"""Trains the dynamics in two phases: independent frames for the world's motion, then its own dreams beside true clips,
so that dreams stay stable.

Shortcut forcing (Frans et al. 2024, arXiv 2410.12557; Dreamer 4, arXiv 2509.24527, section 3.2): at the smallest step
size the target is the clean frame; at larger ones it is where two half steps of the model itself arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from world.controls import NULL
from world.errors import DataError
from world.files import go_on, save_part, seeded
from world.latent.dynamics import SMALLEST, Condition, Dynamics
from world.latent.rollout import CONTEXT_NOISE, rollout
from world.latent.tokenizer import Tokenizer
from world.train.distributed import DistributedContext, precision
from world.train.frame_weights import entering, frame_weights
from world.train.in_memory import InMemoryDataset, Latents, encode_all, trained_parts
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.recipe import Recipe
from world.train.rollout_buffer import RolloutBuffer
from world.train.samples import SAMPLES, save_sheet
from world.train.tokenizer import psnr

PAIRS = 128  # frames a step in the first phase
CLIPS, CLIP_FRAMES = 10, 4  # true clips beside the dreams in the second phase
BOOTSTRAP_FROM, BOOTSTRAP_SHARE = 0.35, 0.25
DROP_PAST, DROP_FIELD, DROP_ACTION, DROP_MOTION = 0.04, 0.1, 0.3, 0.05
SHARES = {
    "pairs": 0.35,
    "pool": 0.65,
}  # of the minutes; with initial weights, all go to the self-rollouts ("pool" on disk)
HORIZONS = (1, 5, 10, 20)
VALIDATION_CLIPS = 16


def train_dynamics(
    drives: InMemoryDataset,
    held_out: InMemoryDataset,
    out: Path,
    minutes: float,
    compute: DistributedContext,
    seed: int = 0,
    report: Report | None = None,
    recipe: Recipe | None = None,
    begin: Path | None = None,
) -> None:
    """Trains on the tokenizer in `out`; writes the dynamics beside it.

    begin: a folder of initial weights of the same shapes. DataError where no held-out episode is long enough;
    WeightsError where `begin` does not fit.
    """
    recipe = recipe or Recipe()
    device = compute.device
    config, modules, hashes = trained_parts(out, ("tokenizer",), device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        dynamics = Dynamics(config.dynamics).to(device)
    tokenizer = modules["tokenizer"]
    go_on(begin, "dynamics", dynamics)
    for part in (dynamics, tokenizer):
        compute.prepare(part)

    def note(text: str) -> None:
        if report:
            report(0.0, text)

    cache = out / "cache"
    with compute.main_first():
        latents, held_out_latents = (
            encode_all(data, tokenizer, device, cache, hashes, note) for data in (drives, held_out)
        )
    trainer = DynamicsTrainer(tokenizer, dynamics, drives, latents, compute, seed, recipe)

    def validate(loop: TrainingLoop, time: bool) -> Callable[[], dict[str, float]]:
        def run() -> dict[str, float]:
            sheet = out / "samples" / f"{loop.name}-{loop.step:06d}.png"
            noise = recipe.context_noise
            scores = horizons(
                tokenizer,
                dynamics,
                held_out,
                held_out_latents,
                device,
                clips=VALIDATION_CLIPS,
                time=time,
                sheet=sheet,
                context_noise=noise,
            )
            return {f"{what}_{frames}": value for what, row in scores.items() for frames, value in row.items()}

        return run

    shares = SHARES if begin is None else {"pool": 1.0}
    schedules = {
        "pairs": Schedule(minutes * shares.get("pairs", 0.0), rate=2e-3, ema=0.995),
        "pool": Schedule(minutes * shares["pool"], rate=5e-4, warmup=50, fall=0.3, ema=0.99),
    }
    for name in shares:
        loop = TrainingLoop(f"dynamics-{name}", out, dynamics, schedules[name], compute, trainer.beside(name))
        trainer.loop = loop
        loop.reseed(trainer.generator)
        loop.run(trainer.phases[name], validate(loop, time=name == "pool"), report)
        dynamics.load_state_dict(loop.ema)
    if compute.main:
        save_part(out, "dynamics", dynamics.state_dict())


class DynamicsTrainer:
    """The losses of the two phases."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        dynamics: Dynamics,
        drives: InMemoryDataset,
        latents: Latents,
        compute: DistributedContext,
        seed: int,
        recipe: Recipe | None = None,
    ) -> None:
        self.dynamics, self.drives, self.latents = dynamics, drives, latents
        recipe = recipe or Recipe()
        self.context_noise = recipe.context_noise
        self.compute, self.device = compute, compute.device
        self.generator = seeded(seed, "cpu")
        self.shortcut = dynamics.config.shortcut
        self.loop: TrainingLoop | None = None
        self.phases = {"pairs": self.pairs, "pool": self.rollouts}
        gain = tokenizer.from_latents.weight.norm(dim=0) * tokenizer.latent_std
        gain = gain if recipe.visible else torch.ones_like(gain)
        self.weight_C = (gain / gain.mean()).to(self.device)  # errors weigh as much as they show in the picture
        self.frames = ((drives.age >= 1) * frame_weights(drives)).double()
        self.starts = (drives.remaining >= CLIP_FRAMES - 1) & (drives.age >= 2)
        self.entering = entering(drives).double() * self.frames * self.starts
        self.entrances = CLIPS // 2 if self.entering.any() else 0
        self._buffer = RolloutBuffer(
            tokenizer, dynamics, drives, latents, self.frames, self.weight_C, compute, self.generator, recipe, seed
        )

    def beside(self, phase: str) -> nn.Module | None:
        """The module trained against the model in a phase."""
        return self._buffer.discriminator if phase == "pool" else None

    def pairs(self, step: int) -> Iterator[dict[str, Tensor]]:
        """Losses of the first phase: independent frames, each from its true past."""
        index = torch.multinomial(self.frames, PAIRS, True, generator=self.generator)
        clean = self.latents.clean[index].to(self.device).float()
        condition = self.condition(index)
        progress = self.loop.progress if self.loop else 1.0
        return self.forcing(clean, self.drop(condition), bootstrap=self.shortcut and progress > BOOTSTRAP_FROM)

    def rollouts(self, step: int) -> Iterator[dict[str, Tensor]]:
        """Losses of the second phase: the buffer's dreams one frame on, and true clips against forgetting."""
        first = torch.cat(
            [self.draw(self.frames * self.starts, CLIPS - self.entrances), self.draw(self.entering, self.entrances)]
        )
        index = (first[:, None] + torch.arange(CLIP_FRAMES)).flatten()
        condition = self.drop(self.condition(index))
        clean = self.latents.clean[index].to(self.device).float()
        clips = self.forcing(clean, condition, bootstrap=self.shortcut, frames=CLIP_FRAMES)
        for dream, true in zip(self._buffer.step(self.loop.progress if self.loop else 0.0), clips, strict=True):
            yield true | dream | {"loss": true["loss"] + dream["loss"]}

    def draw(self, weights: Tensor, count: int) -> Tensor:
        """`count` frame indices, drawn by their weights."""
        if not count:
            return torch.zeros(0, dtype=torch.long)
        return torch.multinomial(weights, count, True, generator=self.generator)

    def condition(self, index: Tensor) -> Condition:
        """The condition of true frames, with noise on the past."""
        return self.add_noise(self.latents.condition(self.drives, index, self.device))

    def forcing(
        self, clean: Tensor, condition: Condition, *, bootstrap: bool, frames: int = 0
    ) -> Iterator[dict[str, Tensor]]:
        """Yields the shortcut-forcing losses of a batch of frames (or of clips of `frames`), share by share."""
        batch, model = len(clean), self.dynamics
        size = torch.full((batch,), SMALLEST)
        if bootstrap:
            larger = torch.rand(batch, generator=self.generator) < BOOTSTRAP_SHARE
            size = torch.where(larger, 0.5 ** torch.randint(0, 3, (batch,), generator=self.generator), size)
        tau = (torch.rand(batch, generator=self.generator) / size).floor() * size  # on the grid of the step size
        start = torch.rand(batch, generator=self.generator) < 0.4  # every dreamt frame begins as pure noise
        tau = torch.where(start, 0.0, tau)
        if frames:  # a dream's past is clean, so some frames are too
            tau = torch.where((size == SMALLEST) & (torch.rand(batch, generator=self.generator) < 0.3), 1.0, tau)
        size, tau = size.to(self.device), tau.to(self.device)
        noise = torch.randn(clean.shape, generator=self.generator).to(self.device)
        noisy = torch.lerp(noise, clean, tau[:, None, None])
        smallest = (size == SMALLEST).float()
        smallest = smallest / smallest.mean()
        for own in self.compute.shares(batch, frames or 1):
            with self.compute.autocast():
                target = clean[own]
                if bootstrap:
                    larger = (size[own] > SMALLEST).cpu()
                    rows = own[larger]
                    if len(rows):
                        steps = self.two_half_steps(noisy[rows], tau[rows], size[rows], condition[rows])
                        target[larger.nonzero()[:, 0]] = steps
                prediction = model(noisy[own], tau[own], size[own], condition[own], frames=frames)
            error = ((prediction - target).square() * self.weight_C).mean((1, 2))
            weight = (1 - tau[own]).clamp_min(SMALLEST) ** -2 if model.config.velocity else 0.5 + 0.5 * tau[own]
            loss = (error * weight).mean()
            yield {"loss": loss, "plain": (error * smallest[own]).mean()}

    @torch.no_grad()
    def two_half_steps(self, noisy: Tensor, tau: Tensor, size: Tensor, condition: Condition) -> Tensor:
        """The x-prediction whose velocity is the mean of two half steps' velocities."""
        model, half = self.dynamics, size / 2
        first = (model(noisy, tau, half, condition) - noisy) / (1 - tau)[:, None, None]
        middle = noisy + first * half[:, None, None]
        second = (model(middle, tau + half, half, condition) - middle) / (1 - tau - half)[:, None, None]
        return noisy + (first + second) / 2 * (1 - tau)[:, None, None]

    def add_noise(self, condition: Condition) -> Condition:
        """Adds noise to the past, as much as in a dream or more, in place."""
        batch = len(condition.has_past_B)
        strength = self.context_noise * (1 + 3 * torch.rand(batch, generator=self.generator) ** 3)[:, None, None]
        for name in ("last_BNC", "before_BNC"):
            part = getattr(condition, name)
            noise = strength * torch.randn(part.shape, generator=self.generator)
            setattr(condition, name, part + noise.to(part.device))
        return condition

    def drop(self, condition: Condition) -> Condition:
        """Drops parts at random, in place, so that any subset of the controls may be given, or no past at all."""
        batch = len(condition.has_past_B)

        def chance(p: float) -> Tensor:
            return (torch.rand(batch, generator=self.generator) < p).to(self.device)

        no_past = chance(DROP_PAST)
        for name in ("last_BNC", "before_BNC"):
            getattr(condition, name)[no_past] = 0.0
        condition.has_past_B[no_past] = 0.0
        if self.drives.driving:
            condition.motions_B4[chance(DROP_ACTION), :2] = torch.nan
            condition.motions_B4[chance(DROP_MOTION), 2:] = torch.nan
        else:
            condition.motions_B4[chance(DROP_MOTION)] = torch.nan
        for column in range(condition.fields_B6.shape[1]):
            condition.fields_B6[chance(DROP_FIELD), column] = NULL
        return condition


def edges(picture: Tensor) -> Tensor:
    """The mean difference between neighbouring pixels."""
    return sum((picture.diff(dim=axis).abs().mean() for axis in (-1, -2)), torch.zeros(()))


@torch.no_grad()
def horizons(
    tokenizer: Tokenizer,
    dynamics: Dynamics,
    drives: InMemoryDataset,
    latents: Latents,
    device: str,
    *,
    clips: int = 48,
    steps: int = 2,
    time: bool = True,
    seed: int = 0,
    sheet: Path | None = None,
    context_noise: float = CONTEXT_NOISE,
) -> dict[str, dict[int, float]]:
    """PSNR (dB) of dreams against the true future in moving scenes at HORIZONS, with true controls.

    Rows: `dream`; `shuffled` (another clip's motion); `repeat` (the last frame); and `detail`, the difference of
    neighbouring pixels in dreams over that in the truth: below 1 is blurred. sheet: path of a PNG with some clips, true
    frames above dreamt ones. DataError where no held-out episode is long enough.
    """
    frames = max(HORIZONS)
    usable = (drives.age >= 2) & (drives.remaining >= frames - 1) & drives.moving
    starts = usable.nonzero()[:, 0]
    if not len(starts):
        raise DataError(f"No held-out episode has {frames + 2} frames in which something moves; hold out longer ones.")
    first = starts[torch.linspace(0, len(starts) - 1, clips).long()]
    index = first[:, None] + torch.arange(frames)
    motions, fields = drives.motions[index].to(device), drives.fields[index].to(device)
    past = latents.past(drives, first, device)
    truth = [drives.batch(index[:, frame - 1], device) for frame in HORIZONS]
    last = drives.batch(first - 1, device)

    def score(pictures: list[Tensor]) -> dict[int, float]:
        return {
            frame: float(psnr((picture - true).square().mean((1, 2, 3))).mean())
            for frame, picture, true in zip(HORIZONS, pictures, truth, strict=True)
        }

    def dream(motions: Tensor) -> list[Tensor]:
        with precision(device):
            latents_BTNC = rollout(
                dynamics,
                past,
                motions,
                fields,
                seeded(seed, "cpu"),
                steps=steps,
                time=time,
                context_noise=context_noise,
            )
            return [tokenizer.decode(latents_BTNC[:, frame - 1]).clamp(-1, 1) for frame in HORIZONS]

    own = dream(motions)
    if sheet is not None:
        sheet_clips = torch.linspace(0, clips - 1, SAMPLES).long().tolist()
        save_sheet(sheet, [torch.stack([row[clip] for row in rows]) for clip in sheet_clips for rows in (truth, own)])
    return {
        "dream": score(own),
        "shuffled": score(dream(motions.roll(1, 0))),
        "repeat": score([last] * len(HORIZONS)),
        "detail": {
            frame: float(edges(picture) / edges(true))
            for frame, picture, true in zip(HORIZONS, own, truth, strict=True)
        },
    }
