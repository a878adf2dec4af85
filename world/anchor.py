"""Carries the previous picture along by the known ego motion, so that the dynamics only has to dream the rest.

Between two frames the camera turns by yaw_rate * dt and moves forward by speed * dt. For a pixel at depth Z the
motion is a homography; turning does not depend on Z at all. Z itself is a *learnt prior*: one inverse depth a
pixel, fitted by how well the carried picture matches the next one (the photometric loss of self-supervised
depth, Zhou et al. 2017, arXiv 1704.07813, with the pose known).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import DT

CAMERA_HEIGHT = 1.5  # m
FOCAL = 0.5  # focal length in image widths: a horizontal field of view of 90 degrees
CORRIDOR = 9.0  # m from the camera to the walls of the street, where the prior begins
LEVER = 2.0  # m from the point the car turns about to the camera, likewise


class Anchor(nn.Module):
    """Images are float [B, 3, H, W]; the camera is level, its horizon in the middle row."""

    rays: Tensor
    to_grid: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        focal = FOCAL * width
        rows = (torch.arange(height) + 0.5 - height / 2) / focal
        columns = (torch.arange(width) + 0.5 - width / 2) / focal
        down, right = torch.meshgrid(rows, columns, indexing="ij")
        self.register_buffer("rays", torch.stack([right, down], dim=-1), persistent=False)  # at depth 1
        self.register_buffer("to_grid", torch.tensor([2 * focal / width, 2 * focal / height]), persistent=False)
        prior = torch.maximum((down / CAMERA_HEIGHT).clamp_min(0), right.abs() / CORRIDOR)
        self.inverse_depth = nn.Parameter(prior.clamp(1 / 80, 1.0))
        self.lever = nn.Parameter(torch.tensor(LEVER))

    def forward(self, image: Tensor, speed_B: Tensor, yaw_rate_B: Tensor) -> Tensor:
        """The previous `image` as it would look after one frame at speed (m/s) and yaw rate (rad/s, left positive)."""
        angle, forward = yaw_rate_B[:, None, None] * DT, speed_B[:, None, None] * DT
        right, down = self.rays.unbind(-1)
        inverse_depth = self.inverse_depth.clamp(0, 2)
        # A point seen along (right, down, 1) from the new pose, in the old camera's axes, in units of its depth:
        cos, sin = angle.cos(), angle.sin()
        x = right * cos - sin - self.lever * angle * inverse_depth
        z = right * sin + cos + forward * inverse_depth
        grid = torch.stack([x / z, down / z], dim=-1) * self.to_grid
        return F.grid_sample(image, grid, padding_mode="border", align_corners=False)
