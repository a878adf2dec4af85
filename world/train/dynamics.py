"""Trains the dynamics in two phases: independent pairs for the world's motion, then a pool of its own dreams, that they stay alive, beside true clips.

Shortcut forcing (Frans et al. 2024, arXiv 2410.12557; Dreamer 4, arXiv 2509.24527, section 3.2): at the smallest
step size the target is the clean frame; at larger ones it is where two half steps of the model itself arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from world.controls import NULL, Event
from world.errors import DataError
from world.files import go_on, save_part, seeded
from world.latent.dynamics import FIELD_EVENT, SMALLEST, Condition, Dynamics
from world.latent.rollout import CONTEXT_NOISE, rollout
from world.latent.tokenizer import Tokenizer
from world.train.distributed import DistributedContext, precision
from world.train.in_memory import InMemoryDataset, Latents, encode_all, trained_parts
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.pool import RolloutBuffer
from world.train.recipe import Recipe
from world.train.samples import SAMPLES, save_sheet
from world.train.tokenizer import psnr

PAIRS = 128  # frames a step in the first phase
CLIPS, CLIP_FRAMES = 10, 4  # true clips beside the dreams in the second phase
BOOTSTRAP_FROM, BOOTSTRAP_SHARE = 0.35, 0.25
DROP_PAST, DROP_FIELD, DROP_ACTION, DROP_MOTION = 0.04, 0.1, 0.3, 0.05
SHARES = {"pairs": 0.35, "pool": 0.65}  # of the minutes; weights that are gone on with spend all of them in the pool
ONSET = 15  # frames after an event's trigger in which it has to come into view
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
    """Needs the tokenizer in `out`; writes the dynamics beside it.

    `begin`: a folder of weights of the same shapes, whose dynamics is gone on with.
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
        latents, held = (encode_all(data, tokenizer, device, cache, hashes, note) for data in (drives, held_out))
    trainer = DynamicsTrainer(tokenizer, dynamics, drives, latents, compute, seed, recipe)

    def validate(loop: TrainingLoop, time: bool) -> Callable[[], dict[str, float]]:
        def run() -> dict[str, float]:
            sheet = out / "samples" / f"{loop.name}-{loop.step:06d}.png"
            noise = recipe.context_noise
            scores = horizons(
                tokenizer,
                dynamics,
                held_out,
                held,
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
        loop.run(getattr(trainer, name), validate(loop, time=name == "pool"), report)
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
        gain = tokenizer.from_latents.weight.norm(dim=0) * tokenizer.latent_std
        gain = gain if recipe.visible else torch.ones_like(gain)
        self.weight_C = (gain / gain.mean()).to(self.device)  # a latent counts as much as it shows in the picture
        self.frames = ((drives.age >= 1) * weights(drives)).double()
        self.starts = (drives.left >= CLIP_FRAMES - 1) & (drives.age >= 2)
        self.entering = entering(drives).double() * self.frames * self.starts
        self.entrances = CLIPS // 2 if self.entering.any() else 0
        self._pool = RolloutBuffer(
            tokenizer, dynamics, drives, latents, self.frames, self.weight_C, compute, self.generator, recipe, seed
        )

    def beside(self, phase: str) -> nn.Module | None:
        """What is trained against the model in a phase."""
        return self._pool.critic if phase == "pool" else None

    def pairs(self, step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(self.frames, PAIRS, True, generator=self.generator)
        clean = self.latents.clean[index].to(self.device).float()
        given = self.given(index)
        progress = self.loop.progress if self.loop else 1.0
        return self.forcing(clean, self.dropped(given), bootstrap=self.shortcut and progress > BOOTSTRAP_FROM)

    def pool(self, step: int) -> Iterator[dict[str, Tensor]]:
        """Dreams one frame on, and true clips: what the model knows of the world must not be lost over its own dreams."""
        first = torch.cat(
            [self.drawn(self.frames * self.starts, CLIPS - self.entrances), self.drawn(self.entering, self.entrances)]
        )
        index = (first[:, None] + torch.arange(CLIP_FRAMES)).flatten()
        given = self.dropped(self.given(index))
        clean = self.latents.clean[index].to(self.device).float()
        clips = self.forcing(clean, given, bootstrap=self.shortcut, frames=CLIP_FRAMES)
        for dreamt, true in zip(self._pool.step(self.loop.progress if self.loop else 0.0), clips, strict=True):
            yield true | dreamt | {"loss": true["loss"] + dreamt["loss"]}

    def drawn(self, weights: Tensor, count: int) -> Tensor:
        """`count` frames by their weights."""
        if not count:
            return torch.zeros(0, dtype=torch.long)
        return torch.multinomial(weights, count, True, generator=self.generator)

    def given(self, index: Tensor) -> Condition:
        """What leads to true frames, a little noised."""
        return self.noised(self.latents.condition(self.drives, index, self.device))

    def forcing(
        self, clean: Tensor, given: Condition, *, bootstrap: bool, frames: int = 0
    ) -> Iterator[dict[str, Tensor]]:
        """The shortcut-forcing losses of a batch of frames (clips of `frames`, where given), share by share."""
        batch, model = len(clean), self.dynamics
        size = torch.full((batch,), SMALLEST)
        if bootstrap:
            larger = torch.rand(batch, generator=self.generator) < BOOTSTRAP_SHARE
            size = torch.where(larger, 0.5 ** torch.randint(0, 3, (batch,), generator=self.generator), size)
        tau = (torch.rand(batch, generator=self.generator) / size).floor() * size  # on the grid of the step size
        start = torch.rand(batch, generator=self.generator) < 0.4  # every dreamt frame begins at pure noise
        tau = torch.where(start, 0.0, tau)
        if frames:  # a dream's past is clean: some frames serve as such
            tau = torch.where((size == SMALLEST) & (torch.rand(batch, generator=self.generator) < 0.3), 1.0, tau)
        size, tau = size.to(self.device), tau.to(self.device)
        noise = torch.randn(clean.shape, generator=self.generator).to(self.device)
        noised = torch.lerp(noise, clean, tau[:, None, None])
        smallest = (size == SMALLEST).float()
        smallest = smallest / smallest.mean()
        for own in self.compute.shares(batch, frames or 1):
            with self.compute.autocast():
                target = clean[own]
                if bootstrap:
                    larger = (size[own] > SMALLEST).cpu()
                    rows = own[larger]
                    if len(rows):
                        steps = self.two_half_steps(noised[rows], tau[rows], size[rows], given[rows])
                        target[larger.nonzero()[:, 0]] = steps
                predicted = model(noised[own], tau[own], size[own], given[own], frames=frames)
            error = ((predicted - target).square() * self.weight_C).mean((1, 2))
            weight = (1 - tau[own]).clamp_min(SMALLEST) ** -2 if model.config.velocity else 0.5 + 0.5 * tau[own]
            loss = (error * weight).mean()
            yield {"loss": loss, "plain": (error * smallest[own]).mean()}

    @torch.no_grad()
    def two_half_steps(self, noised: Tensor, tau: Tensor, size: Tensor, given: Condition) -> Tensor:
        """The x-prediction whose velocity is the mean of two half steps' velocities."""
        model, half = self.dynamics, size / 2
        first = (model(noised, tau, half, given) - noised) / (1 - tau)[:, None, None]
        middle = noised + first * half[:, None, None]
        second = (model(middle, tau + half, half, given) - middle) / (1 - tau - half)[:, None, None]
        return noised + (first + second) / 2 * (1 - tau)[:, None, None]

    def noised(self, given: Condition) -> Condition:
        """The past a little noised, as it will be in a dream; sometimes more."""
        batch = len(given.has_past_B)
        strength = self.context_noise * (1 + 3 * torch.rand(batch, generator=self.generator) ** 3)[:, None, None]
        for name in ("last_BNC", "before_BNC"):
            part = getattr(given, name)
            noise = strength * torch.randn(part.shape, generator=self.generator)
            setattr(given, name, part + noise.to(part.device))
        return given

    def dropped(self, given: Condition) -> Condition:
        """Some of everything left out, so that any subset of the controls may be given, or no past at all."""
        batch = len(given.has_past_B)

        def chance(p: float) -> Tensor:
            return (torch.rand(batch, generator=self.generator) < p).to(self.device)

        nothing = chance(DROP_PAST)
        for name in ("last_BNC", "before_BNC"):
            getattr(given, name)[nothing] = 0.0
        given.has_past_B[nothing] = 0.0
        if self.drives.driving:
            given.motions_B4[chance(DROP_ACTION), :2] = torch.nan
            given.motions_B4[chance(DROP_MOTION), 2:] = torch.nan
        else:
            given.motions_B4[chance(DROP_MOTION)] = torch.nan
        for column in range(given.fields_B6.shape[1]):
            given.fields_B6[chance(DROP_FIELD), column] = NULL
        return given


def weights(drives: InMemoryDataset) -> Tensor:
    """How often a frame is drawn: turning, events (rare ones and their beginnings above all) and changes of weather or time
    more, standing still less.
    """
    if not drives.driving:
        return torch.ones(len(drives))
    speed, yaw_rate = drives.motions[:, 2], drives.motions[:, 3].abs()
    weight = torch.where(speed < 0.5, 0.3, 1.0) + 2.0 * (yaw_rate > 0.08) + 1.0 * (yaw_rate > 0.3)
    fields = drives.fields
    changed = (fields[:, 1:3] != fields.roll(20, 0)[:, 1:3]).any(1) & (drives.age >= 20)
    event = fields[:, 3].clamp_min(0)
    counts = torch.bincount(event, minlength=len(Event)).float()
    rarity = (counts[1:].mean() / counts.clamp_min(1)).sqrt().clamp(0.5, 4.0)[event]
    begun = (event > 0) & (event != event.roll(ONSET)) & (drives.age >= ONSET)
    return weight + 4.0 * changed + (1.0 + begun) * 2.0 * rarity * (event > 0)


def entering(drives: InMemoryDataset) -> Tensor:
    """bool [T]: an event's actor is there and was not a frame before; only here must it be drawn out of nothing."""
    event = drives.fields[:, FIELD_EVENT]
    return (event > 0) & (event != event.roll(1)) & (drives.age >= 2)


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
    """PSNR (dB) of dreams against the true future in moving scenes at HORIZONS, true controls.

    Rows: `dream`; `shuffled` (the motion of another clip); `repeat` (the last frame again); and `detail`, no PSNR but how
    much pixels differ from their neighbours in the dreams, over how much they do in the truth: below 1 is blurred. `sheet`:
    a PNG of some of the dreams, each clip's true frames in a line and the dreamt ones below it.
    """
    frames = max(HORIZONS)
    usable = (drives.age >= 2) & (drives.left >= frames - 1) & drives.moving
    starts = usable.nonzero()[:, 0]
    if not len(starts):
        raise DataError(f"No held-out episode has {frames + 2} frames in which something moves; hold out longer ones.")
    first = starts[torch.linspace(0, len(starts) - 1, clips).long()]
    index = first[:, None] + torch.arange(frames)
    motions, fields = drives.motions[index].to(device), drives.fields[index].to(device)
    past = latents.past(drives, first, device)
    truth = [drives.batch(index[:, frame - 1], device) for frame in HORIZONS]
    last = drives.batch(first - 1, device)

    def scored(pictures: list[Tensor]) -> dict[int, float]:
        return {
            frame: float(psnr((picture - true).square().mean((1, 2, 3))).mean())
            for frame, picture, true in zip(HORIZONS, pictures, truth, strict=True)
        }

    def dreamt(motions: Tensor) -> list[Tensor]:
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

    own = dreamt(motions)
    if sheet is not None:
        clips_shown = torch.linspace(0, clips - 1, SAMPLES).long().tolist()
        save_sheet(sheet, [torch.stack([row[clip] for row in rows]) for clip in clips_shown for rows in (truth, own)])
    return {
        "dream": scored(own),
        "shuffled": scored(dreamt(motions.roll(1, 0))),
        "repeat": scored([last] * len(HORIZONS)),
        "detail": {
            frame: float(edges(made) / edges(true)) for frame, made, true in zip(HORIZONS, own, truth, strict=True)
        },
    }
