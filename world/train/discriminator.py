"""A discriminator for dreamt pictures, so that they look real and not like the mean of possible futures.

A patch discriminator with the hinge loss (Lim and Ye 2017, arXiv 1705.02894), spectral norms (Miyato et al. 2018, arXiv
1802.05957) and a projection of the control (Miyato and Koyama 2018, arXiv 1802.05637): rain has to look like rain. It
is discarded after training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from world.latent.dynamics import FIELDS

WIDTHS = (32, 64, 96, 128)


class Discriminator(nn.Module):
    """Judges two consecutive pictures, so that flicker and creeping look wrong too.

    steps: taken so far; pulls: gradient norms of the truth and of the discriminator at a picture, averaged over steps.
    """

    steps: Tensor
    pulls: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 6
        for width in WIDTHS:
            layers += [spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            before = width
        self.layers = nn.Sequential(*layers[:-2])
        self.fine = spectral_norm(nn.Conv2d(WIDTHS[-2], 1, 3, padding=1))
        self.deeper = nn.Sequential(*layers[-2:])
        self.coarse = spectral_norm(nn.Conv2d(WIDTHS[-1], 1, 3, padding=1))
        self.told = nn.ModuleDict(  # this name is in checkpoints
            {name: spectral_norm(nn.Embedding(size + 1, WIDTHS[-1])) for name, size in FIELDS.items()}
        )

        self.eval()  # the norms stay those of the last `renew`
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("pulls", torch.zeros(2))

    def forward(self, before: Tensor, picture: Tensor, fields_B6: Tensor) -> Tensor:
        """Logits [B, P] of fine and coarse patches of `picture` (float [B, 3, H, W]); `before`: the previous picture."""
        both = torch.cat([picture, picture - before], dim=1).contiguous(memory_format=torch.channels_last)
        near = self.layers(both)
        far = self.deeper(near)
        projection = torch.stack([self.told[name](fields_B6[:, column] + 1) for column, name in enumerate(FIELDS)]).sum(
            0
        )
        agreement = torch.einsum("bdhw,bd->bhw", far, projection.to(far.dtype)) / WIDTHS[-1] ** 0.5
        return torch.cat(
            [self.fine(near).flatten(1), self.coarse(far).flatten(1) + agreement.flatten(1)], dim=1
        ).float()

    def renew(self) -> None:
        """Updates the spectral norms; call once per step, however many parts its batch has."""
        for layer in self.modules():
            if is_parametrized(layer, "weight"):
                layer.train()
                _ = layer.weight
        self.eval()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss: real patches above 1, dreamt ones below -1."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
