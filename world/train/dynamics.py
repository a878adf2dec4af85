"""Trains the dynamics, and the blend of its pictures with carried ones, in three phases: independent pairs for the
world's motion, a pool of its own dreams against drift, and clips for memory.

Shortcut forcing (Frans et al. 2024, arXiv 2410.12557; Dreamer 4, arXiv 2509.24527, section 3.2): at the smallest
step size the target is the clean frame; at larger ones it is where two half steps of the model itself arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from world.anchor import Anchor, AnchorConfig, carry
from world.blend import Blend
from world.controls import NULL
from world.dream import CONTEXT_NOISE
from world.dynamics import SMALLEST, Condition, Dynamics, sample
from world.errors import DataError
from world.files import WorldConfig, save_part, seeded
from world.rollout import Parts, Past, rollout
from world.train.compute import Compute, precision
from world.train.critic import Critic
from world.train.drives import ENCODING, Drives, Latents, cache_key, encode_all, trained_parts
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.recipe import Recipe
from world.train.samples import SAMPLES, save_sheet
from world.train.tokenizer import psnr

PAIRS = 128  # frames a step in the first phase
POOL, POOL_FRAMES = 64, (4, 12)  # dreams that go on from step to step in the second phase; their mean length grows
CLIPS, CLIP_FRAMES = 8, 16  # of true clips in the third phase
OWN_CLIPS, OWN_FRAMES = 16, 8  # of the model's own dreams in the third phase
CRITIC, CRITIC_WARMUP = 0.01, 60  # the weight of the critic's doubt in the blend's loss, and the steps it grows in
BOOTSTRAP_FROM, BOOTSTRAP_SHARE = 0.35, 0.25
DROP_PAST, DROP_FIELD, DROP_ACTION, DROP_MOTION = 0.04, 0.1, 0.3, 0.05
SHARES = {"pairs": 0.4, "pool": 0.5, "clips": 0.1}  # of the minutes
HORIZONS = (1, 5, 10, 20)
VALIDATION_CLIPS = 16


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
    """Needs the tokenizer and the anchor in `out`; writes the dynamics and the blend beside them."""
    recipe = recipe or Recipe()
    device = compute.device
    config, modules, hashes = trained_parts(out, ENCODING, device)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        trained = nn.ModuleDict({"dynamics": Dynamics(config.dynamics), "blend": Blend()}).to(device)
    compute.prepare(trained)
    parts = Parts.of(modules | dict(trained.items()))
    if not recipe.anchor:
        parts = replace(parts, anchor=still_anchor(config).to(device))

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
        loop = TrainingLoop(f"dynamics-{name}", out, trained, schedule, compute)
        trainer.loop = loop
        loop.reseed(trainer.generator)
        loop.run(loss_of, validate(loop, time), report)
        trained.load_state_dict(loop.ema)
    if compute.main:
        for name, part in trained.items():
            save_part(out, name, part.state_dict())


def still_anchor(config: WorldConfig) -> Anchor:
    """One that knows no motion and has learnt nothing: it leaves the picture where it is."""
    size, inputs = config.tokenizer, config.dynamics.inputs
    return Anchor(AnchorConfig(size.height, size.width, len(inputs), False))


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
        self._past: Past | None = None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.critic = Critic().to(self.device)
        self.criticism = torch.optim.AdamW(self.critic.parameters(), lr=2e-3, betas=(0.5, 0.95))
        self._judged = 0  # steps of this critic
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
        past = self._restart()
        motions, fields = self.drives.motions[self._at].to(self.device), self.drives.fields[self._at].to(self.device)
        clean = self.latents.clean[self._at].to(self.device).float()
        own = self.compute.own(POOL)  # the other processes dream the others; here those stand still, and are not used
        carried, dreamt, picture = (past.pictures[1].clone() for _ in range(3))
        encoded, drawn = past.latents[1].clone(), past.latents[1].clone()
        one = torch.ones(POOL, device=self.device)
        with torch.no_grad(), self.compute.autocast():
            carried[own] = carry(p.anchor, (past.pictures[0][own], past.pictures[1][own]), motions[own])
            encoded[own] = p.tokenizer.encode(carried[own])
            given = self.noised(Condition(encoded, past.latents[1], past.latents[0], one, motions, fields))
            noise = torch.randn(clean.shape, generator=self.generator).to(self.device)
            drawn[own] = sample(p.dynamics, noise[own], given[own], 1)
            dreamt[own] = p.tokenizer.decode(drawn[own]).clamp(-1, 1)
            picture[own] = p.blend(carried[own], dreamt[own])
        index = torch.multinomial(self.frames, PAIRS - POOL, True, generator=self.generator)
        true = self.noised(self.latents.condition(self.drives, index, self.device))
        both = self.dropped(Condition.joined(given, true))
        clean = torch.cat([clean, self.latents.clean[index].to(self.device).float()])
        wanted = self.drives.batch(self._at, self.device)
        self.criticise(wanted[own], picture[own])
        parts = own.tensor_split(self.compute.accumulate)
        for rows, losses in zip(parts, self.forcing(clean, both, bootstrap=self.shortcut), strict=True):
            blend = self.blending(carried[rows], dreamt[rows], wanted[rows])
            yield losses | {"loss": losses["loss"] + blend, "blend": blend}
        self._past, self._at = past.then(picture, drawn), self._at + 1

    def blending(self, carried: Tensor, dreamt: Tensor, wanted: Tensor) -> Tensor:
        """How far blended pictures are from the true ones, and how little they look like true ones to the critic."""
        picture = self.parts.blend(carried, dreamt)
        missing = picture - wanted
        self.critic.requires_grad_(False)
        doubt = -self.critic(picture).mean()
        self.critic.requires_grad_(True)
        heard = CRITIC * min(1.0, self._judged / CRITIC_WARMUP)
        return 3 * missing.square().mean() + missing.abs().mean() + heard * doubt

    def criticise(self, true: Tensor, dreamt: Tensor) -> None:
        """One step of the critic."""
        self.criticism.zero_grad()
        self.critic.loss(true, dreamt).backward()
        self.compute.average([p.grad for p in self.critic.parameters() if p.grad is not None])
        self.criticism.step()
        self._judged += 1

    def _restart(self) -> Past:
        """Begins the dreams of the pool that are at their end, and now and then another, at true frames."""
        fresh = torch.multinomial(self.frames * self.starts[OWN_FRAMES], POOL, True, generator=self.generator)
        true = self.latents.past(self.drives, fresh, self.device)
        if self._past is None:
            self._at = fresh
            return true
        progress = self.loop.progress if self.loop else 0.0
        frames = POOL_FRAMES[0] + progress * (POOL_FRAMES[1] - POOL_FRAMES[0])
        ended = (torch.rand(POOL, generator=self.generator) < 1 / frames) | (self._at >= len(self.drives))
        ended |= self.drives.age[self._at.clamp_max(len(self.drives) - 1)] == 0  # the episode was over
        self._at = torch.where(ended, fresh, self._at)
        return self._past.where(ended.to(self.device), true)

    def clips(self, step: int) -> Iterator[dict[str, Tensor]]:
        if step % 2:
            index = self.clip_index(CLIPS, CLIP_FRAMES)
            given = self.noised(self.latents.condition(self.drives, index.flatten(), self.device))
        else:
            index = self.clip_index(OWN_CLIPS, OWN_FRAMES)
            motions, fields = self.drives.motions[index].to(self.device), self.drives.fields[index].to(self.device)
            past = self.latents.past(self.drives, index[:, 0], self.device)
            with self.compute.autocast():
                noise = self.context_noise
                dreamt = rollout(self.parts, past, motions, fields, self.generator, context_noise=noise)
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
            out = rollout(
                parts, past, motions, fields, seeded(seed, "cpu"), steps=steps, time=time, context_noise=context_noise
            )
        return [out.pictures[frame - 1] for frame in HORIZONS]

    own = dreamt(motions)
    if sheet is not None:
        clips_shown = torch.linspace(0, clips - 1, SAMPLES).long().tolist()
        save_sheet(sheet, [torch.stack([row[clip] for row in rows]) for clip in clips_shown for rows in (truth, own)])
    return {
        "dream": scored(own),
        "shuffled": scored(dreamt(motions.roll(1, 0))),
        "repeat": scored([last] * len(HORIZONS)),
    }
