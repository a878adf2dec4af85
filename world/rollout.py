"""Dreams many true clips at once, given the controls that were really driven: for training on them and for measuring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from world.anchor import Anchor
from world.dream import CONTEXT_NOISE
from world.dynamics import Cache, Condition, Dynamics, sample
from world.tokenizer import Tokenizer


@dataclass(frozen=True)
class Rollout:
    """latents [B, T, N, C] as dreamt; given: the condition of every frame, clip by clip [B * T, ...]."""

    latents: Tensor
    given: Condition


def carry(tokenizer: Tokenizer, anchor: Anchor | None, last: Tensor, motions_B4: Tensor) -> Tensor:
    """The latents of a frame [B, N, C], carried along as a dream does it: by way of the picture they decode to.

    Without an anchor, which is where no car is driven, they stay. So does a frame whose motion is not known.
    """
    if anchor is None:
        return last
    picture = tokenizer.decode(last).clamp(-1, 1)
    return tokenizer.encode(anchor(picture, *motions_B4[:, 2:].nan_to_num().unbind(1)))


@torch.no_grad()
def rollout(
    tokenizer: Tokenizer,
    anchor: Anchor | None,
    dynamics: Dynamics,
    past: tuple[Tensor, Tensor],
    motions_BT4: Tensor,
    fields_BT6: Tensor,
    generator: torch.Generator,
    *,
    steps: int = 2,
    time: bool = True,
    context_noise: float = CONTEXT_NOISE,
) -> Rollout:
    """Dreams T frames from `past` (the latents of the two frames before, newest last, each [B, N, C])."""
    before, last = past
    batch, frames = motions_BT4.shape[:2]
    cache = Cache(dynamics.config, batch, last.device) if time else None
    one = torch.ones(batch, device=last.device)

    def noise() -> Tensor:
        return torch.randn(last.shape, generator=generator).to(last.device)

    latents, conditions = [], []
    for frame in range(frames):
        motions = motions_BT4[:, frame]
        carried = carry(tokenizer, anchor, last, motions)
        carried, seen, earlier = (part + context_noise * noise() for part in (carried, last, before))
        given = Condition(carried, seen, earlier, one, motions, fields_BT6[:, frame])
        drawn = sample(dynamics, noise(), given, steps, cache)
        if cache is not None:
            dynamics(drawn, one, one / 8, given, cache=cache)
            cache.commit()
        latents.append(drawn)
        conditions.append(given)
        before, last = last, drawn
    return Rollout(torch.stack(latents, dim=1), Condition.stack(conditions))
