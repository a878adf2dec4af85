"""A buffer of the model's own rollouts that continue from step to step, on which it learns to keep a dream stable.

The dreams of a group begin together at true frames, get the true controls, and end together. Early on they are compared
with the true drive; later that says less, as other futures are possible, and a discriminator judges whether they look
real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from world.latent.dynamics import Cache, Dynamics
from world.latent.rollout import Past, advance
from world.latent.tokenizer import Tokenizer
from world.train.discriminator import Discriminator, hinge
from world.train.distributed import DistributedContext
from world.train.in_memory import InMemoryDataset, Latents
from world.train.recipe import Recipe

GROUPS = 4
DREAMS = 40  # per group
LENGTHS = (8, 64)  # largest length in frames at the start and at the end of the training
STEPS = (2, 2, 2, 1, 4)  # K is drawn from these
NEAR, LEAST = 12.0, 0.15  # decay of the truth's weight in frames, and its least value
DOUBT, WARMUP = 0.8, 100  # the discriminator's gradient over the truth's; steps until its full weight
BANDS = 6  # horizontal bands of a picture whose tones are compared
AHEAD = 20  # frames; dreams begin where something happens within them


@dataclass
class RolloutGroup:
    """A group of dreams. at: the frames that they dream next; age, length: frames so far, and in the end.

    pasts, pictures and caches: of each part of this process's rows; pictures are those of the last frames.
    """

    at: Tensor
    age: int
    length: int
    pasts: list[Past]
    pictures: list[Tensor]
    caches: list[Cache]


class RolloutBuffer:
    """Holds GROUPS groups of DREAMS dreams; each step takes the next group one frame on.

    The discriminator learns beside them.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        dynamics: Dynamics,
        drives: InMemoryDataset,
        latents: Latents,
        weights: Tensor,
        weight_C: Tensor,
        compute: DistributedContext,
        generator: torch.Generator,
        recipe: Recipe,
        seed: int = 0,
    ) -> None:
        """weights [T]: sampling weights of frames; weight_C: weights of the latents' errors."""
        self.tokenizer, self.dynamics, self.drives, self.latents = tokenizer, dynamics, drives, latents
        self.weight_C, self.context_noise = weight_C, recipe.context_noise
        self.doubt = DOUBT if recipe.critic else 0.0
        self.compute, self.device, self.generator = compute, compute.device, generator
        self.rows = compute.own(DREAMS).tensor_split(compute.accumulate)
        self.eventful = ahead(weights, AHEAD) * (drives.age >= 2)
        self.longest = int(drives.remaining[drives.age >= 2].max()) + 1
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.discriminator = Discriminator().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator_optimizer = torch.optim.AdamW(self.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.95))
        self.groups: list[RolloutGroup] = []
        self.steps = 0

    def step(self, progress: float) -> Iterator[dict[str, Tensor]]:
        """Yields the losses of each part of the next group, one frame on."""
        number = self.steps % GROUPS
        if len(self.groups) <= number:
            self.groups.append(self._begin(progress))
        group = self.groups[number]
        if group.age >= group.length:
            group = self.groups[number] = self._begin(progress)
        drives, near = self.drives, max(LEAST, float(torch.tensor(-group.age / NEAR).exp()))
        shape = (DREAMS, *self.latents.clean.shape[1:])
        noises = [torch.randn(shape, generator=self.generator) for _ in range(3)]
        steps = STEPS[int(torch.randint(len(STEPS), (), generator=self.generator))]
        pulls = torch.zeros(2)
        self.discriminator.renew()
        for part, rows in enumerate(self.rows):
            past, cache, at, before = group.pasts[part], group.caches[part], group.at[rows], group.pictures[part]
            motions, fields = drives.motions[at].to(self.device), drives.fields[at].to(self.device)
            clean, target = self.latents.clean[at].to(self.device).float(), drives.batch(at, self.device)
            start, on_last, on_before = (noise[rows].to(self.device) for noise in noises)
            with self.compute.autocast():
                latents = advance(
                    self.dynamics,
                    past,
                    motions,
                    fields,
                    (start, on_last, on_before),
                    steps,
                    cache,
                    context_noise=self.context_noise,
                    learning=True,
                )
                picture = self.tokenizer.decode(latents).clamp(-1, 1)
            error = ((latents - clean).square() * self.weight_C).mean()
            missing = picture - target
            truth = (3 * missing.square() + missing.abs()).mean()
            off = tones(picture) - tones(target)  # weather and light stay predictable
            doubt, pull = self._doubt(before, picture, fields)
            (pull_of_truth,) = torch.autograd.grad(truth, picture, retain_graph=True)
            pulls += torch.stack([pull_of_truth.norm().cpu(), pull.norm().cpu()]) / len(self.rows)
            discriminator_loss = self._discriminate(drives.batch(at - 1, self.device), target, before, picture, fields)
            yield {
                "loss": near * (error + truth) + off.abs().mean() + self._weight() * (picture * pull).sum(),
                "error": error,
                "truth": truth,
                "doubt": doubt,
                "critic": torch.tensor(discriminator_loss),
            }
            group.pasts[part], group.pictures[part] = past.then(latents.detach()), picture.detach()
        self._step_discriminator(pulls)
        group.at, group.age = group.at + 1, group.age + 1
        self.steps += 1

    def _begin(self, progress: float) -> RolloutGroup:
        most = min(self.longest, round(LENGTHS[0] + progress * (LENGTHS[1] - LENGTHS[0])))
        length = int(torch.randint(min(most, LENGTHS[0] // 2), most + 1, (), generator=self.generator))
        starts = self.eventful * (self.drives.remaining >= length - 1)
        at = torch.multinomial(starts, DREAMS, True, generator=self.generator)
        pasts = [self.latents.past(self.drives, at[rows], self.device) for rows in self.rows]
        pictures = [self.drives.batch(at[rows] - 1, self.device) for rows in self.rows]
        caches = [Cache(self.dynamics.config, len(rows), self.device) for rows in self.rows]
        return RolloutGroup(at, 0, length, pasts, pictures, caches)

    def _doubt(self, before: Tensor, picture: Tensor, fields: Tensor) -> tuple[Tensor, Tensor]:
        """How unreal the pictures look, and the gradient towards more realistic ones."""
        leaf = picture.detach().requires_grad_()
        with self.compute.autocast():
            doubt = -self.discriminator(before, leaf, fields).mean()
        (pull,) = torch.autograd.grad(doubt, leaf)
        return doubt.detach(), pull

    def _weight(self) -> float:
        """The discriminator's weight: its gradient stands in a fixed proportion to the truth's (as in VQGAN, arXiv
        2012.09841).
        """
        truth, own = self.discriminator.pulls.tolist()
        return self.doubt * min(1.0, int(self.discriminator.steps) / WARMUP) * truth / max(own, 1e-8)

    def _discriminate(
        self, true_before: Tensor, true: Tensor, before: Tensor, picture: Tensor, fields: Tensor
    ) -> float:
        """Adds to the discriminator's gradients; returns its loss on this part."""
        with self.compute.autocast():
            logits = self.discriminator(
                torch.cat([true_before, before]), torch.cat([true, picture.detach()]), fields.repeat(2, 1)
            )
        loss = hinge(*logits.chunk(2))
        (loss / len(self.rows)).backward()
        return float(loss.detach())

    def _step_discriminator(self, pulls: Tensor) -> None:
        """One optimiser step of the discriminator."""
        self.compute.average([p.grad for p in self.discriminator.parameters() if p.grad is not None])
        self.discriminator_optimizer.step()
        self.discriminator_optimizer.zero_grad()
        mean_pulls = self.discriminator.pulls.new_tensor(self.compute.mean_over_processes(*pulls.tolist()))
        self.discriminator.pulls.lerp_(mean_pulls, max(0.05, 1 / (int(self.discriminator.steps) + 1)))
        self.discriminator.steps += 1


def tones(picture: Tensor) -> Tensor:
    """Mean and deviation of each band of pictures [B, 3, H, W] in red, green and blue, [B, BANDS, 2, 3]."""
    bands = [band.flatten(2) for band in picture.tensor_split(BANDS, dim=2)]
    return torch.stack([torch.stack([band.mean(2), band.std(2)], dim=1) for band in bands], dim=1)


def ahead(weights: Tensor, frames: int) -> Tensor:
    """The mean weight of the `frames` frames from each on."""
    total = torch.cat([torch.zeros(1, dtype=torch.float64), weights.double().cumsum(0)])
    end = (torch.arange(len(weights)) + frames).clamp_max(len(weights))
    return (total[end] - total[:-1]) / frames
