"""Lays the dreamt picture over the carried one: what is known stays sharp, what is new is dreamt.

The tokenizer costs every picture some detail, and a dream goes through it again with every frame. What was carried
along rightly need not pay that: a few convolutions see both pictures and say, pixel by pixel, which one to keep. They add
nothing of their own: that would be carried along too, added again, and burn edges out.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 32


class Blend(nn.Module):
    """At half resolution; begins with equal parts of both."""

    def __init__(self) -> None:
        super().__init__()
        self.compare = nn.Sequential(
            nn.Conv2d(3 * 12, CHANNELS, 3, padding=1), nn.SiLU(), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.SiLU()
        )
        self.decide = nn.Conv2d(CHANNELS, 4, 3, padding=1)
        for value in self.decide.parameters():
            nn.init.zeros_(value)

    def forward(self, carried: Tensor, dreamt: Tensor) -> Tensor:
        """Both float [B, 3, H, W] in [-1, 1]; so is the result."""
        half = F.pixel_unshuffle(torch.cat([carried, dreamt, carried - dreamt], dim=1), 2)
        decided = self.decide(self.compare(half.contiguous(memory_format=torch.channels_last))).float()
        return torch.lerp(dreamt, carried, F.pixel_shuffle(decided, 2).sigmoid())
