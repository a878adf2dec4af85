"""A pool of the model's own dreams that go on from step to step: there it learns to keep a dream alive.

The dreams of a group begin together at true frames, are given the controls that were really driven, and end together.
What they are compared with is the true drive at first; the longer they go on, the less it tells, for what comes into
view could have been something else. From then on it is a critic that says whether they look true.
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
DREAMS = 40  # of a group
LENGTHS = (8, 64)  # frames: dreams are no longer than the first when the training begins, than the second in its end
STEPS = (2, 2, 2, 1, 4)  # K, by chance
NEAR, LEAST = 12.0, 0.15  # frames after which the truth tells e times less; how much it tells in the end
DOUBT, WARMUP = 0.8, 100  # the critic's weight: its pull on a picture over the truth's; steps until it is heard in full
BANDS = 6  # of a picture, from top to bottom, whose tones are compared
AHEAD = 20  # frames: a dream begins where something is to happen within them


@dataclass
class RolloutGroup:
    """at: the frames they dream next; pasts and caches: of each part of this process's rows; shown: the pictures of their last
    frames, likewise.
    """

    at: Tensor
    age: int
    length: int
    pasts: list[Past]
    shown: list[Tensor]
    caches: list[Cache]


class RolloutBuffer:
    """Holds GROUPS groups of DREAMS dreams: a step takes the next group a frame on. The critic learns beside them."""

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
        """`weights` [T]: how often a frame is to be learnt; weight_C: how much a latent's error counts."""
        self.tokenizer, self.dynamics, self.drives, self.latents = tokenizer, dynamics, drives, latents
        self.weight_C, self.context_noise = weight_C, recipe.context_noise
        self.doubt = DOUBT if recipe.critic else 0.0
        self.compute, self.device, self.generator = compute, compute.device, generator
        self.rows = compute.own(DREAMS).tensor_split(compute.accumulate)
        self.eventful = ahead(weights, AHEAD) * (drives.age >= 2)
        self.longest = int(drives.left[drives.age >= 2].max()) + 1
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.critic = Discriminator().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.criticism = torch.optim.AdamW(self.critic.parameters(), lr=1e-3, betas=(0.5, 0.95))
        self.groups: list[RolloutGroup] = []
        self.steps = 0

    def step(self, progress: float) -> Iterator[dict[str, Tensor]]:
        """Losses of each part of the next group, one frame on."""
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
        self.critic.renew()
        for part, rows in enumerate(self.rows):
            past, cache, at, shown = group.pasts[part], group.caches[part], group.at[rows], group.shown[part]
            motions, fields = drives.motions[at].to(self.device), drives.fields[at].to(self.device)
            clean, wanted = self.latents.clean[at].to(self.device).float(), drives.batch(at, self.device)
            start, on_last, on_before = (noise[rows].to(self.device) for noise in noises)
            with self.compute.autocast():
                drawn = advance(
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
                picture = self.tokenizer.decode(drawn).clamp(-1, 1)
            error = ((drawn - clean).square() * self.weight_C).mean()
            missing = picture - wanted
            truth = (3 * missing.square() + missing.abs()).mean()
            off = tones(picture) - tones(wanted)  # weather and light are as sure late as they are early
            doubt, pull = self._doubt(shown, picture, fields)
            (pull_of_truth,) = torch.autograd.grad(truth, picture, retain_graph=True)
            pulls += torch.stack([pull_of_truth.norm().cpu(), pull.norm().cpu()]) / len(self.rows)
            criticism = self._criticise(drives.batch(at - 1, self.device), wanted, shown, picture, fields)
            yield {
                "loss": near * (error + truth) + off.abs().mean() + self._heard() * (picture * pull).sum(),
                "error": error,
                "truth": truth,
                "doubt": doubt,
                "critic": torch.tensor(criticism),
            }
            group.pasts[part], group.shown[part] = past.then(drawn.detach()), picture.detach()
        self._learn(pulls)
        group.at, group.age = group.at + 1, group.age + 1
        self.steps += 1

    def _begin(self, progress: float) -> RolloutGroup:
        most = min(self.longest, round(LENGTHS[0] + progress * (LENGTHS[1] - LENGTHS[0])))
        length = int(torch.randint(min(most, LENGTHS[0] // 2), most + 1, (), generator=self.generator))
        starts = self.eventful * (self.drives.left >= length - 1)
        at = torch.multinomial(starts, DREAMS, True, generator=self.generator)
        pasts = [self.latents.past(self.drives, at[rows], self.device) for rows in self.rows]
        shown = [self.drives.batch(at[rows] - 1, self.device) for rows in self.rows]
        caches = [Cache(self.dynamics.config, len(rows), self.device) for rows in self.rows]
        return RolloutGroup(at, 0, length, pasts, shown, caches)

    def _doubt(self, before: Tensor, picture: Tensor, fields: Tensor) -> tuple[Tensor, Tensor]:
        """How untrue the pictures look, and which way they would look truer (the gradient)."""
        leaf = picture.detach().requires_grad_()
        with self.compute.autocast():
            doubt = -self.critic(before, leaf, fields).mean()
        (pull,) = torch.autograd.grad(doubt, leaf)
        return doubt.detach(), pull

    def _heard(self) -> float:
        """The critic's weight: its pull stands in a fixed proportion to the truth's (as in VQGAN, arXiv 2012.09841)."""
        truth, critic = self.critic.pulls.tolist()
        return self.doubt * min(1.0, int(self.critic.steps) / WARMUP) * truth / max(critic, 1e-8)

    def _criticise(self, true_before: Tensor, true: Tensor, before: Tensor, picture: Tensor, fields: Tensor) -> float:
        """Adds to the critic's gradients; gives its loss on this part."""
        with self.compute.autocast():
            said = self.critic(
                torch.cat([true_before, before]), torch.cat([true, picture.detach()]), fields.repeat(2, 1)
            )
        loss = hinge(*said.chunk(2))
        (loss / len(self.rows)).backward()
        return float(loss.detach())

    def _learn(self, pulls: Tensor) -> None:
        """One step of the critic."""
        self.compute.average([p.grad for p in self.critic.parameters() if p.grad is not None])
        self.criticism.step()
        self.criticism.zero_grad()
        agreed = self.critic.pulls.new_tensor(self.compute.agreed(*pulls.tolist()))
        self.critic.pulls.lerp_(agreed, max(0.05, 1 / (int(self.critic.steps) + 1)))
        self.critic.steps += 1


def tones(picture: Tensor) -> Tensor:
    """How bright each band of pictures [B, 3, H, W] is in red, green and blue, and how much that varies, [B, BANDS, 2, 3]."""
    bands = [band.flatten(2) for band in picture.tensor_split(BANDS, dim=2)]
    return torch.stack([torch.stack([band.mean(2), band.std(2)], dim=1) for band in bands], dim=1)


def ahead(weights: Tensor, frames: int) -> Tensor:
    """The mean weight of the `frames` frames from each on."""
    total = torch.cat([torch.zeros(1, dtype=torch.float64), weights.double().cumsum(0)])
    end = (torch.arange(len(weights)) + frames).clamp_max(len(weights))
    return (total[end] - total[:-1]) / frames
