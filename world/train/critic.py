"""A critic for dreamt pictures: they are to look like true ones, not like the mean of what might come.

A patch critic with the hinge loss (Lim and Ye 2017, arXiv 1705.02894) and spectral norms (Miyato et al. 2018,
arXiv 1802.05957). It sees one picture at a time, and is thrown away when the training is over.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

WIDTHS = (24, 48, 96)


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            layers += [spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            before = width
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(before, 1, 3, padding=1)))

    def forward(self, picture: Tensor) -> Tensor:
        """How true each patch of float [B, 3, H, W] looks: [B, 1, H / 8, W / 8]."""
        return self.layers(picture)

    def loss(self, true: Tensor, dreamt: Tensor) -> Tensor:
        """What the critic descends: true patches above 1, dreamt ones below -1."""
        return F.relu(1 - self(true)).mean() + F.relu(1 + self(dreamt)).mean()
