"""Dreams many true clips at once, given the controls that were really driven: for training on them and for measuring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from world.actor import Actor
from world.anchor import Anchor, carry
from world.blend import Blend
from world.dream import CONTEXT_NOISE
from world.latent.dynamics import Cache, Condition, Dynamics, sample
from world.latent.tokenizer import Tokenizer
from world.layout import unknown

DREAMING = ("tokenizer", "anchor", "blend", "dynamics")  # and an actor, where the world is told where actors are


@dataclass(frozen=True)
class Parts:
    """What dreams a frame."""

    tokenizer: Tokenizer
    anchor: Anchor
    blend: Blend
    dynamics: Dynamics
    actor: Actor | None = None

    @classmethod
    def of(cls, modules: dict[str, Any]) -> Parts:
        return cls(**{name: modules[name] for name in DREAMING}, actor=modules.get("actor"))

    def painted(self, pictures: Tensor, seen_as: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
        """The pictures with the actors in them; `seen_as`: the layouts [B, L] of now and of the frame before, and the fields."""
        return pictures if self.actor is None or seen_as is None else self.actor(pictures, *seen_as)


@dataclass(frozen=True)
class Past:
    """The last two frames of B dreams, newest last: pictures float [B, 3, H, W], latents [B, N, C]."""

    pictures: tuple[Tensor, Tensor]
    latents: tuple[Tensor, Tensor]

    def where(self, rows_B: Tensor, other: Past) -> Past:
        """`other` in some rows."""
        mask = rows_B[:, None, None]

        def pick(mine: tuple[Tensor, Tensor], its: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            shaped = mask[..., None] if mine[0].ndim == 4 else mask
            return torch.where(shaped, its[0], mine[0]), torch.where(shaped, its[1], mine[1])

        return Past(pick(self.pictures, other.pictures), pick(self.latents, other.latents))

    def then(self, picture: Tensor, latents: Tensor) -> Past:
        """One frame on."""
        return Past((self.pictures[1], picture), (self.latents[1], latents))


@dataclass(frozen=True)
class Rollout:
    """latents [B, T, N, C] and pictures, T of [B, 3, H, W], as dreamt; given: every frame's condition, clip by clip."""

    latents: Tensor
    pictures: list[Tensor]
    given: Condition


@torch.no_grad()
def rollout(
    parts: Parts,
    past: Past,
    motions_BT4: Tensor,
    fields_BT6: Tensor,
    generator: torch.Generator,
    *,
    steps: int = 2,
    time: bool = True,
    context_noise: float = CONTEXT_NOISE,
    layouts_BTL: Tensor | None = None,
) -> Rollout:
    """Dreams T frames on from `past`; without `layouts_BTL` nobody says what is where."""
    batch, frames = motions_BT4.shape[:2]
    device = motions_BT4.device
    cache = Cache(parts.dynamics.config, batch, device) if time else None
    one = torch.ones(batch, device=device)

    def noise() -> Tensor:
        return torch.randn(past.latents[1].shape, generator=generator).to(device)

    latents, pictures, conditions = [], [], []
    for frame in range(frames):
        motions = motions_BT4[:, frame]
        layout, seen_as = unknown(batch, device), None
        if layouts_BTL is not None:
            layout = layouts_BTL[:, frame]
            seen_as = layout, layouts_BTL[:, max(0, frame - 1)], fields_BT6[:, frame]
        carried = parts.painted(carry(parts.anchor, past.pictures, motions), seen_as)
        known = (parts.tokenizer.encode(carried), past.latents[1], past.latents[0])
        anchor, last, before = (part + context_noise * noise() for part in known)
        given = Condition(anchor, last, before, one, motions, fields_BT6[:, frame], layout)
        drawn = sample(parts.dynamics, noise(), given, steps, cache)
        if cache is not None:
            cache.commit()
        picture = parts.blend(carried, parts.tokenizer.decode(drawn).clamp(-1, 1))
        past = past.then(parts.painted(picture, seen_as), drawn)
        latents.append(drawn)
        pictures.append(past.pictures[1])
        conditions.append(given)
    return Rollout(torch.stack(latents, dim=1), pictures, Condition.stack(conditions))
