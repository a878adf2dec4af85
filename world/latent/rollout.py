"""The transition of a latent world from frame to frame, for dreaming and for training on dreams."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from world.latent.dynamics import Cache, Condition, Dynamics, sample

CONTEXT_NOISE = 0.05  # on the past, in training and dreaming alike
Noise = tuple[Tensor, Tensor, Tensor]  # unit noise [B, N, C]: to sample from, on the last frame, on the one before it


@dataclass(frozen=True)
class Past:
    """The latents of the last two frames of B dreams, [B, N, C] each."""

    before: Tensor
    last: Tensor

    def then(self, latents_BNC: Tensor) -> Past:
        """The past one frame later."""
        return Past(self.last, latents_BNC)


def advance(
    dynamics: Dynamics,
    past: Past,
    motions_BM: Tensor,
    fields_B6: Tensor,
    noise: Noise,
    steps: int,
    cache: Cache | None = None,
    *,
    context_noise: float = CONTEXT_NOISE,
    learning: bool = False,
) -> Tensor:
    """The next frame's latents [B, N, C], also committed to the cache; the past is slightly noised."""
    start, on_last, on_before = noise
    one = torch.ones(len(start), device=start.device)
    last, before = past.last + context_noise * on_last, past.before + context_noise * on_before
    latents = sample(
        dynamics, start, Condition(last, before, one, motions_BM, fields_B6), steps, cache, learning=learning
    )
    if cache is not None:
        cache.commit()
    return latents


@torch.no_grad()
def rollout(
    dynamics: Dynamics,
    past: Past,
    motions_BTM: Tensor,
    fields_BT6: Tensor,
    generator: torch.Generator,
    *,
    steps: int = 2,
    time: bool = True,
    context_noise: float = CONTEXT_NOISE,
) -> Tensor:
    """Dreams T frames from `past` under recorded controls: latents [B, T, N, C].

    time: whether to remember more than the last two frames.
    """
    batch, frames = motions_BTM.shape[:2]
    device = motions_BTM.device
    cache = Cache(dynamics.config, batch, device) if time else None

    def noise() -> Tensor:
        return torch.randn(past.last.shape, generator=generator).to(device)

    latents = []
    for frame in range(frames):
        motions, fields, three = motions_BTM[:, frame], fields_BT6[:, frame], (noise(), noise(), noise())
        next_latents = advance(dynamics, past, motions, fields, three, steps, cache, context_noise=context_noise)
        past = past.then(next_latents)
        latents.append(next_latents)
    return torch.stack(latents, dim=1)
