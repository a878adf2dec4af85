"""A pool of the model's own dreams that go on from step to step: there it learns to keep a dream alive.

The dreams of a group begin together at true frames, are given the controls that were really driven, and end together.
What they are compared with is the true drive at first; the longer they go on, the less it tells, for what comes into
view could have been something else. From then on it is a critic that says whether they look true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from world.anchor import carry
from world.latent.dynamics import Cache, Condition, sample
from world.latent.rollout import Parts, Past
from world.layout import LAYOUT, PARTS, attention
from world.train.compute import Compute
from world.train.critic import Critic, hinge
from world.train.drives import Drives, Latents
from world.train.recipe import Recipe

GROUPS = 4
DREAMS = 40  # of a group
LENGTHS = (8, 64)  # frames: dreams are no longer than the first when the training begins, than the second in its end
STEPS = (2, 2, 2, 1, 4)  # K, by chance
NEAR, LEAST = 12.0, 0.15  # frames after which the truth tells e times less; how much it tells in the end
DOUBT, WARMUP = 0.8, 100  # the critic's weight: its pull on a picture over the truth's; steps until it is heard in full
BANDS = 6  # of a picture, from top to bottom, whose tones are compared
TOLD = 0.9, 0.6, 0.6, 0.9  # how many dreams are told each of PARTS: the actor, the junction, lanes, weather
AHEAD = 20  # frames: a dream begins where something is to happen within them


@dataclass
class Group:
    """at: the frames they dream next; told: bool [DREAMS, L], what of the layout they are told; pasts and caches: of each part
    of this process's rows.
    """

    at: Tensor
    told: Tensor
    age: int
    length: int
    pasts: list[Past]
    caches: list[Cache]


class Pool:
    def __init__(
        self,
        parts: Parts,
        drives: Drives,
        latents: Latents,
        weights: Tensor,
        weight_C: Tensor,
        compute: Compute,
        generator: torch.Generator,
        recipe: Recipe,
        seed: int = 0,
    ) -> None:
        """`weights` [T]: how often a frame is to be learnt; weight_C: how much a latent's error counts."""
        self.parts, self.drives, self.latents = parts, drives, latents
        self.weight_C, self.context_noise = weight_C, recipe.context_noise
        self.doubt = DOUBT if recipe.critic else 0.0
        self.compute, self.device, self.generator = compute, compute.device, generator
        self.rows = compute.own(DREAMS).tensor_split(compute.accumulate)
        self.eventful = ahead(weights, AHEAD) * (drives.age >= 2)
        self.longest = int(drives.left[drives.age >= 2].max()) + 1
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.critic = Critic().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.criticism = torch.optim.AdamW(self.critic.parameters(), lr=1e-3, betas=(0.5, 0.95))
        self.groups: list[Group] = []
        self.steps = 0

    def step(self, progress: float) -> Iterator[dict[str, Tensor]]:
        """Losses of each part of the next group, one frame on."""
        number = self.steps % GROUPS
        if len(self.groups) <= number:
            self.groups.append(self._begin(progress))
        group = self.groups[number]
        if group.age >= group.length:
            group = self.groups[number] = self._begin(progress)
        p, drives, near = self.parts, self.drives, max(LEAST, float(torch.tensor(-group.age / NEAR).exp()))
        shape = (DREAMS, *self.latents.clean.shape[1:])
        grid = p.tokenizer.config.rows, p.tokenizer.config.columns
        start, *noises = (torch.randn(shape, generator=self.generator) for _ in range(4))
        steps = STEPS[int(torch.randint(len(STEPS), (), generator=self.generator))]
        pulls = torch.zeros(2)
        self.critic.renew()
        for part, rows in enumerate(self.rows):
            past, cache, at = group.pasts[part], group.caches[part], group.at[rows]
            motions, fields, layout = (
                part[at].to(self.device) for part in (drives.motions, drives.fields, drives.layout)
            )
            layout = layout.where(group.told[rows].to(self.device), torch.nan)
            clean, wanted = self.latents.clean[at].to(self.device).float(), drives.batch(at, self.device)
            with torch.no_grad(), self.compute.autocast():
                seen_as = layout, drives.layout[at - 1].to(self.device), fields
                carried = p.painted(carry(p.anchor, past.pictures, motions), seen_as)
                known = (p.tokenizer.encode(carried), past.latents[1], past.latents[0])
                anchor, last, before = (
                    latents + self.context_noise * noise[rows].to(self.device)
                    for latents, noise in zip(known, noises, strict=True)
                )
                one = torch.ones(len(rows), device=self.device)
                given = Condition(anchor, last, before, one, motions, fields, layout)
            with self.compute.autocast():
                drawn = sample(p.dynamics, start[rows].to(self.device), given, steps, cache, learning=True)
                dreamt = p.tokenizer.decode(drawn).clamp(-1, 1)
                picture = p.blend(carried, dreamt)
                # A blend that hears the critic adds a pattern that pleases it, to every frame again, until nothing else is left.
                fixed = {name: value.detach() for name, value in p.blend.named_parameters()}
                judged = functional_call(p.blend, fixed, (carried, dreamt))
            counts = attention(layout, *grid, near)  # an actor whose place is told is as sure late as it is early
            error = ((drawn - clean).square() * self.weight_C).mean(2).mul(counts).mean()
            missing = picture - wanted
            seen = F.interpolate(counts.unflatten(1, grid)[:, None], picture.shape[-2:])
            untrue = 3 * missing.square() + missing.abs()
            truth = untrue.mean()
            off = tones(judged) - tones(wanted)  # weather and light are as sure late as they are early
            doubt, pull = self._doubt(past.pictures[1], picture, fields)
            (pull_of_truth,) = torch.autograd.grad(truth, picture, retain_graph=True)
            pulls += torch.stack([pull_of_truth.norm().cpu(), pull.norm().cpu()]) / len(self.rows)
            criticism = self._criticise(drives.batch(at - 1, self.device), wanted, past.pictures[1], picture, fields)
            yield {
                "loss": error + (untrue * seen).mean() + off.abs().mean() + self._heard() * (judged * pull).sum(),
                "error": error,
                "truth": truth,
                "doubt": doubt,
                "critic": torch.tensor(criticism),
            }
            cache.commit()
            group.pasts[part] = past.then(picture.detach(), drawn.detach())
        self._learn(pulls)
        group.at, group.age = group.at + 1, group.age + 1
        self.steps += 1

    def _begin(self, progress: float) -> Group:
        most = min(self.longest, round(LENGTHS[0] + progress * (LENGTHS[1] - LENGTHS[0])))
        length = int(torch.randint(min(most, LENGTHS[0] // 2), most + 1, (), generator=self.generator))
        starts = self.eventful * (self.drives.left >= length - 1)
        at = torch.multinomial(starts, DREAMS, True, generator=self.generator)
        pasts = [self.latents.past(self.drives, at[rows], self.device) for rows in self.rows]
        config = self.parts.dynamics.config
        told = torch.zeros(DREAMS, len(LAYOUT), dtype=torch.bool)
        for part, chance in zip(PARTS, TOLD, strict=True):
            told[:, part] = torch.rand(DREAMS, 1, generator=self.generator) < chance
        return Group(at, told, 0, length, pasts, [Cache(config, len(rows), self.device) for rows in self.rows])

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
