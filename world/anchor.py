"""Carries the previous picture along, so that the dynamics only has to dream what is new.

Between two frames the camera turns by yaw_rate * dt and moves forward by speed * dt. For a pixel at depth Z that is a
homography; turning does not depend on Z at all. A small convolutional network sees the last two pictures and says Z
for every pixel (as a factor on a learnt prior), and how pixels move besides: other cars do. It is trained by how well
the carried picture matches the next one (the photometric loss of self-supervised depth, Zhou et al. 2017,
arXiv 1704.07813, with the pose known).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import DT

CAMERA_HEIGHT = 1.5  # m
FOCAL = 0.5  # focal length in image widths: a horizontal field of view of 90 degrees
CORRIDOR = 9.0  # m from the camera to the walls of the street, where the prior begins
LEVER = 2.0  # m from the point the car turns about to the camera, likewise
CELL = 4  # pixels a side of a cell of the network's grid
DRIFT = 0.1  # half picture sizes that a pixel's own motion is measured in


@dataclass(frozen=True, slots=True)
class AnchorConfig:
    height: int = 72
    width: int = 128
    inputs: int = 4
    driving: bool = True  # whether the inputs end with a car's speed and yaw rate, so that its motion is known
    channels: int = 48


class Widening(nn.Module):
    """A residual block with a dilated convolution; it begins as the identity."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.add = nn.Conv2d(channels, channels, 1)
        _zero(self.add)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.add(F.silu(self.look(x)))


class Anchor(nn.Module):
    """Images are float [B, 3, H, W]; the camera is level, its horizon in the middle row."""

    rays: Tensor
    to_grid: Tensor

    def __init__(self, config: AnchorConfig) -> None:
        super().__init__()
        self.config = c = config
        focal = FOCAL * c.width
        rows = (torch.arange(c.height) + 0.5 - c.height / 2) / focal
        columns = (torch.arange(c.width) + 0.5 - c.width / 2) / focal
        down, right = torch.meshgrid(rows, columns, indexing="ij")
        self.register_buffer("rays", torch.stack([right, down], dim=-1), persistent=False)  # at depth 1
        self.register_buffer("to_grid", torch.tensor([2 * focal / c.width, 2 * focal / c.height]), persistent=False)
        prior = torch.maximum((down / CAMERA_HEIGHT).clamp_min(0), right.abs() / CORRIDOR)
        self.log_inverse_depth = nn.Parameter(prior.clamp(1 / 80, 1.0).log())
        self.lever = nn.Parameter(torch.tensor(LEVER))

        self.see = nn.Conv2d(2 * 3 * CELL**2, c.channels, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(1, c.channels, c.height // CELL, c.width // CELL))
        self.body = nn.Sequential(*(Widening(c.channels, dilation) for dilation in (1, 2, 4, 1, 2, 4)))
        self.depth = nn.Conv2d(c.channels, (CELL // 2) ** 2, 3, padding=1)
        self.drift = nn.Conv2d(c.channels, 2, 3, padding=1)
        self.told = nn.Linear(c.inputs, c.channels)
        for layer in (self.depth, self.drift, self.told):
            _zero(layer)

    def forward(self, image: Tensor, before: Tensor, motions_BM: Tensor) -> Tensor:
        """The previous `image` as it would look one frame on.

        `before`: the picture before it, or the same one where there is none. motions_BM: the inputs that lead on, of a
        car steer, accel, speed (m/s) and yaw rate (rad/s, left positive); what is not known (NaN) counts as 0.
        """
        return moved(image, self.flow(image, before, motions_BM))

    def flow(self, image: Tensor, before: Tensor, motions_BM: Tensor) -> Tensor:
        """Where every pixel of the next picture comes from, as `grid_sample` wants it: [B, H, W, 2].

        Depth has half the picture's resolution and a pixel's own motion a quarter of it: finer ones ripple.
        """
        motions_BM = motions_BM.nan_to_num()
        seen = torch.cat([F.pixel_unshuffle(image, CELL), F.pixel_unshuffle(before, CELL)], dim=1)
        seen = seen.contiguous(memory_format=torch.channels_last)
        features = self.body(F.silu(self.see(seen) + self.place + self.told(motions_BM)[..., None, None]))
        drift = DRIFT * _enlarged(self.drift(features), CELL).permute(0, 2, 3, 1)
        if not self.config.driving:
            return self.rays * self.to_grid + drift
        speed_B, yaw_rate_B = motions_BM[:, 2], motions_BM[:, 3]
        nearer = _enlarged(F.pixel_shuffle(self.depth(features), CELL // 2), 2)[:, 0]
        inverse_depth = (self.log_inverse_depth + nearer).clamp(-8, 1).exp()
        angle, forward = yaw_rate_B[:, None, None] * DT, speed_B[:, None, None] * DT
        right, down = self.rays.unbind(-1)
        # A point seen along (right, down, 1) from the new pose, in the old camera's axes, in units of its depth:
        cos, sin = angle.cos(), angle.sin()
        x = right * cos - sin - self.lever * angle * inverse_depth
        z = right * sin + cos + forward * inverse_depth
        grid = torch.stack([x / z, down / z], dim=-1) * self.to_grid
        return grid + drift


def moved(image: Tensor, grid: Tensor) -> Tensor:
    """The picture [B, 3, H, W] with every pixel taken from where `grid` says."""
    sharp, soft = (  # cubic interpolation alone rings after ten frames, linear alone blurs after five
        F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=False)
        for mode in ("bicubic", "bilinear")
    )
    return ((sharp + soft) / 2).clamp(-1, 1)


def carry(anchor: Anchor, pictures: tuple[Tensor, Tensor], motions_BM: Tensor) -> Tensor:
    """The newer of two pictures, carried along by the motion that led on from it."""
    return anchor(pictures[1], pictures[0], motions_BM)


def _enlarged(field: Tensor, times: int) -> Tensor:
    return F.interpolate(field.float(), scale_factor=float(times), mode="bilinear")


def _zero(layer: nn.Conv2d | nn.Linear) -> None:
    for value in layer.parameters():
        nn.init.zeros_(value)
