"""Trains the dynamics in three phases: independent pairs for the world's motion, a pool of its own dreams against
drift, and clips for memory.

Shortcut forcing (Frans et al. 2024, arXiv 2410.12557; Dreamer 4, arXiv 2509.24527, section 3.2): at the smallest
step size the target is the clean frame; at larger ones it is where two half steps of the model itself arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from world.anchor import Anchor
from world.controls import NULL
from world.dream import CONTEXT_NOISE
from world.dynamics import SMALLEST, Condition, Dynamics, sample
from world.errors import DataError
from world.files import save_part, seeded
from world.rollout import carry, rollout
from world.tokenizer import Tokenizer
from world.train.compute import Compute, precision
from world.train.drives import ENCODING, Drives, Latents, cache_key, encode_all, trained_parts
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.recipe import Recipe
from world.train.samples import SAMPLES, save_sheet
from world.train.tokenizer import psnr

PAIRS = 128  # frames a step in the first phase
POOL, POOL_FRAMES = 64, (4, 10)  # dreams that go on from step to step in the second phase; their mean length grows
CLIPS, CLIP_FRAMES = 8, 16  # of true clips in the third phase
OWN_CLIPS, OWN_FRAMES = 16, 8  # of the model's own dreams in the third phase
BOOTSTRAP_FROM, BOOTSTRAP_SHARE = 0.35, 0.25
DROP_PAST, DROP_FIELD, DROP_ACTION, DROP_MOTION = 0.04, 0.1, 0.3, 0.05
SHARES = {"pairs": 0.4, "pool": 0.5, "clips": 0.1}  # of the minutes
HORIZONS = (1, 5, 10, 20)
VALIDATION_CLIPS = 16


@dataclass(frozen=True)
class Parts:
    tokenizer: Tokenizer
    anchor: Anchor | None
    dynamics: Dynamics


def train_dynamics(
    drives: Drives,
    held_out: Drives,
    out: Path,
    minutes: float,
    compute: Compute,
    seed: int = 0,
    report: Report | None = None,
    recipe: Recipe | None = None,
) -> None:
    """Needs the tokenizer and the anchor in `out`; writes the dynamics beside them."""
    recipe = recipe or Recipe()
    device = compute.device
    config, modules, hashes = trained_parts(out, ENCODING, device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        dynamics = Dynamics(config.dynamics).to(device)
    compute.prepare(dynamics)
    parts = Parts(modules["tokenizer"], modules.get("anchor") if recipe.anchor else None, dynamics)

    def note(text: str) -> None:
        if report:
            report(0.0, text)

    key = cache_key(hashes) + ("" if recipe.anchor else "-still")
    with compute.main_first():
        latents, held = (
            encode_all(data, parts.tokenizer, parts.anchor, device, out / "cache", key, note)
            for data in (drives, held_out)
        )
    trainer = DynamicsTrainer(parts, drives, latents, compute, seed, recipe)

    def validate(loop: TrainingLoop, time: bool) -> Callable[[], dict[str, float]]:
        def run() -> dict[str, float]:
            sheet = out / "samples" / f"{loop.name}-{loop.step:06d}.png"
            noise = recipe.context_noise
            scores = horizons(
                parts, held_out, held, device, clips=VALIDATION_CLIPS, time=time, sheet=sheet, context_noise=noise
            )
            return {f"{what}_{frames}": value for what, row in scores.items() for frames, value in row.items()}

        return run

    phases = {
        "pairs": (trainer.pairs, Schedule(minutes * SHARES["pairs"], rate=2e-3, ema=0.995), False),
        "pool": (trainer.pool, Schedule(minutes * SHARES["pool"], rate=1.5e-3, warmup=30, fall=0.1, ema=0.99), False),
        "clips": (trainer.clips, Schedule(minutes * SHARES["clips"], rate=3e-4, warmup=20, fall=0.2, ema=0.98), True),
    }
    for name, (loss_of, schedule, time) in phases.items():
        loop = TrainingLoop(f"dynamics-{name}", out, dynamics, schedule, compute)
        trainer.loop = loop
        loop.reseed(trainer.generator)
        loop.run(loss_of, validate(loop, time), report)
        dynamics.load_state_dict(loop.ema)
    if compute.main:
        save_part(out, "dynamics", dynamics.state_dict())


class DynamicsTrainer:
    """The losses of the three phases."""

    def __init__(
        self, parts: Parts, drives: Drives, latents: Latents, compute: Compute, seed: int, recipe: Recipe | None = None
    ) -> None:
        self.parts, self.drives, self.latents = parts, drives, latents
        self.context_noise = (recipe or Recipe()).context_noise
        self.compute, self.device = compute, compute.device
        self.generator = seeded(seed, "cpu")
        self.shortcut = parts.dynamics.config.shortcut
        self.loop: TrainingLoop | None = None
        self._at = torch.empty(0, dtype=torch.long)  # the pool: the frames it dreams next, and their dreamt past
        self._last = self._before = torch.empty(0)
        gain = parts.tokenizer.from_latents.weight.norm(dim=0) * parts.tokenizer.latent_std
        gain = gain if (recipe or Recipe()).visible else torch.ones_like(gain)
        self.weight_C = (gain / gain.mean()).to(self.device)  # a latent counts as much as it shows in the picture
        self.frames = ((drives.age >= 1) * weights(drives)).double()
        self.starts = {n: (drives.left >= n - 1) & (drives.age >= 2) for n in (CLIP_FRAMES, OWN_FRAMES)}

    def pairs(self, step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(self.frames, PAIRS, True, generator=self.generator)
        clean = self.latents.clean[index].to(self.device).float()
        given = self.noised(self.latents.condition(self.drives, index, self.device))
        progress = self.loop.progress if self.loop else 1.0
        return self.forcing(clean, self.dropped(given), bootstrap=self.shortcut and progress > BOOTSTRAP_FROM)

    def pool(self, step: int) -> Iterator[dict[str, Tensor]]:
        """Half true pairs, half the next frames of dreams that went a little astray: the model learns to mend its errors.

        The dreams are short at first. Long ones end in noise that tells nothing, and a model fed on that learns to read
        the noised frame instead of the past: measured, it falls apart within five frames.
        """
        p = self.parts
        self._restart()
        motions = self.drives.motions[self._at].to(self.device)
        clean = self.latents.clean[self._at].to(self.device).float()
        own = self.compute.own(POOL)  # the other processes dream the others; here those stand still, and are not used
        carried, drawn = self._last.clone(), self._last.clone()
        past = torch.ones(POOL, device=self.device)
        fields = self.drives.fields[self._at].to(self.device)
        with torch.no_grad(), self.compute.autocast():
            carried[own] = carry(p.tokenizer, p.anchor, self._last[own], motions[own])
            given = self.noised(Condition(carried, self._last, self._before, past, motions, fields))
            noise = torch.randn(clean.shape, generator=self.generator).to(self.device)
            drawn[own] = sample(p.dynamics, noise[own], given[own], 1)
        index = torch.multinomial(self.frames, PAIRS - POOL, True, generator=self.generator)
        true = self.noised(self.latents.condition(self.drives, index, self.device))
        both = Condition.joined(given, true)
        clean = torch.cat([clean, self.latents.clean[index].to(self.device).float()])
        losses = self.forcing(clean, self.dropped(both), bootstrap=self.shortcut)
        self._before, self._last, self._at = self._last, drawn, self._at + 1
        return losses

    def _restart(self) -> None:
        """Begins the dreams of the pool that are at their end, and now and then another, at true frames."""
        fresh = torch.multinomial(self.frames * self.starts[OWN_FRAMES], POOL, True, generator=self.generator)
        before, last = self.latents.past(fresh, self.device)
        if not len(self._at):
            self._at, self._before, self._last = fresh, before, last
            return
        progress = self.loop.progress if self.loop else 0.0
        frames = POOL_FRAMES[0] + progress * (POOL_FRAMES[1] - POOL_FRAMES[0])
        ended = (torch.rand(POOL, generator=self.generator) < 1 / frames) | (self._at >= len(self.drives))
        ended |= self.drives.age[self._at.clamp_max(len(self.drives) - 1)] == 0  # the episode was over
        rows = ended.to(self.device)[:, None, None]
        self._at = torch.where(ended, fresh, self._at)
        self._before, self._last = torch.where(rows, before, self._before), torch.where(rows, last, self._last)

    def clips(self, step: int) -> Iterator[dict[str, Tensor]]:
        if step % 2:
            index = self.clip_index(CLIPS, CLIP_FRAMES)
            given = self.noised(self.latents.condition(self.drives, index.flatten(), self.device))
        else:
            index = self.clip_index(OWN_CLIPS, OWN_FRAMES)
            motions, fields = self.drives.motions[index].to(self.device), self.drives.fields[index].to(self.device)
            past = self.latents.past(index[:, 0], self.device)
            p = self.parts
            with self.compute.autocast():
                dreamt = rollout(
                    p.tokenizer,
                    p.anchor,
                    p.dynamics,
                    past,
                    motions,
                    fields,
                    self.generator,
                    context_noise=self.context_noise,
                )
            given = dreamt.given
        clean = self.latents.clean[index.flatten()].to(self.device).float()
        return self.forcing(clean, given, bootstrap=self.shortcut, frames=index.shape[1])

    def forcing(
        self, clean: Tensor, given: Condition, *, bootstrap: bool, frames: int = 0
    ) -> Iterator[dict[str, Tensor]]:
        """The shortcut-forcing losses of a batch of frames (clips of `frames`, where given), share by share."""
        batch, model = len(clean), self.parts.dynamics
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
                    rows = own[(size[own] > SMALLEST).cpu()]
                    steps = self.two_half_steps(noised[rows], tau[rows], size[rows], given[rows])
                    target[(size[own] > SMALLEST).nonzero()[:, 0]] = steps
                predicted = model(noised[own], tau[own], size[own], given[own], frames=frames)
            error = ((predicted - target).square() * self.weight_C).mean((1, 2))
            weight = (1 - tau[own]).clamp_min(SMALLEST) ** -2 if model.config.velocity else 0.5 + 0.5 * tau[own]
            loss = (error * weight).mean()
            yield {"loss": loss, "plain": (error * smallest[own]).mean()}

    @torch.no_grad()
    def two_half_steps(self, noised: Tensor, tau: Tensor, size: Tensor, given: Condition) -> Tensor:
        """The x-prediction whose velocity is the mean of two half steps' velocities."""
        model, half = self.parts.dynamics, size / 2
        first = (model(noised, tau, half, given) - noised) / (1 - tau)[:, None, None]
        middle = noised + first * half[:, None, None]
        second = (model(middle, tau + half, half, given) - middle) / (1 - tau - half)[:, None, None]
        return noised + (first + second) / 2 * (1 - tau)[:, None, None]

    def clip_index(self, clips: int, frames: int) -> Tensor:
        """Frame numbers [clips, frames] of clips that lie within an episode."""
        first = torch.multinomial(self.frames * self.starts[frames], clips, True, generator=self.generator)
        return first[:, None] + torch.arange(frames)

    def noised(self, given: Condition) -> Condition:
        """The past a little noised, as it will be in a dream; sometimes more."""
        batch = len(given.has_past_B)
        strength = self.context_noise * (1 + 3 * torch.rand(batch, generator=self.generator) ** 3)[:, None, None]
        for name in ("anchor_BNC", "last_BNC", "before_BNC"):
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
        for name in ("anchor_BNC", "last_BNC", "before_BNC"):
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


def weights(drives: Drives) -> Tensor:
    """How often a frame is drawn: turning, events and changes of weather or time more, standing still less."""
    if not drives.driving:
        return torch.ones(len(drives))
    speed, yaw_rate = drives.motions[:, 2], drives.motions[:, 3].abs()
    weight = torch.where(speed < 0.5, 0.3, 1.0) + 2.0 * (yaw_rate > 0.08) + 1.0 * (yaw_rate > 0.3)
    fields = drives.fields
    changed = (fields[:, 1:3] != fields.roll(20, 0)[:, 1:3]).any(1) & (drives.age >= 20)
    return weight + 2.0 * changed + 2.0 * (fields[:, 3] > 0)


@torch.no_grad()
def horizons(
    parts: Parts,
    drives: Drives,
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

    Rows: `dream`; `shuffled` (the motion of another clip); `repeat` (the last frame again). `sheet`: a PNG of some of the
    dreams, each clip's true frames in a line and the dreamt ones below it.
    """
    frames = max(HORIZONS)
    usable = (drives.age >= 2) & (drives.left >= frames - 1) & drives.moving
    starts = usable.nonzero()[:, 0]
    if not len(starts):
        raise DataError(f"No held-out episode has {frames + 2} frames in which something moves; hold out longer ones.")
    first = starts[torch.linspace(0, len(starts) - 1, clips).long()]
    index = first[:, None] + torch.arange(frames)
    motions, fields = drives.motions[index].to(device), drives.fields[index].to(device)
    past = latents.past(first, device)
    truth = [drives.batch(index[:, frame - 1], device) for frame in HORIZONS]
    last = drives.batch(first - 1, device)

    def scored(pictures: list[Tensor]) -> dict[int, float]:
        return {
            frame: float(psnr((picture - true).square().mean((1, 2, 3))).mean())
            for frame, picture, true in zip(HORIZONS, pictures, truth, strict=True)
        }

    def dreamt(motions: Tensor) -> list[Tensor]:
        with precision(device):
            out = rollout(
                parts.tokenizer,
                parts.anchor,
                parts.dynamics,
                past,
                motions,
                fields,
                seeded(seed, "cpu"),
                steps=steps,
                time=time,
                context_noise=context_noise,
            )
            return [parts.tokenizer.decode(out.latents[:, frame - 1]).clamp(-1, 1) for frame in HORIZONS]

    own = dreamt(motions)
    if sheet is not None:
        clips_shown = torch.linspace(0, clips - 1, SAMPLES).long().tolist()
        save_sheet(sheet, [torch.stack([row[clip] for row in rows]) for clip in clips_shown for rows in (truth, own)])
    return {
        "dream": scored(own),
        "shuffled": scored(dreamt(motions.roll(1, 0))),
        "repeat": scored([last] * len(HORIZONS)),
    }
