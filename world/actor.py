"""Paints an event's actor into a carried picture, in the box where it is said to be. The dynamics take it from there.

An actor that comes into view is in no picture before, and which patches its box touches says too little to dynamics that
saw two thousand of them come. So a network of its own, which sees an enlarged crop around the box with the box blanked, says
what is inside: it learns from every frame in which an actor is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import Event
from world.latent.dynamics import FIELD_EVENT, FIELDS
from world.layout import BOX, LOOK, known

AROUND = 2.0  # the crop's sides over the box's
SMALLEST = 8.0  # pixels a side of a crop, at least
SEEN = 1.0  # pixels a side of a box, at least: smaller ones are left alone
# The fields of a control that say what an actor looks like, by their place among FIELDS, and how many values each has.
TOLD = {list(FIELDS).index(name): FIELDS[name] for name in ("weather", "time", "event", "side")}


@dataclass(frozen=True, slots=True)
class ActorConfig:
    size: int = 32  # pixels a side of a crop
    channels: int = 32


class Actor(nn.Module):
    """Pictures are float [B, 3, H, W] in [-1, 1]."""

    def __init__(self, config: ActorConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.fields = nn.ModuleList(nn.Embedding(count + 1, 4 * c) for count in TOLD.values())
        self.numbers = nn.Linear(4 + 4 + 2 * 3, 4 * c)
        self.told = nn.Sequential(nn.SiLU(), nn.Linear(4 * c, 8 * c), nn.SiLU())
        self.enter = nn.Conv2d(6, c, 3, padding=1)
        self.down = nn.ModuleList([_halve(c, 2 * c), _halve(2 * c, 4 * c), _halve(4 * c, 4 * c)])
        self.films = nn.ModuleList(nn.Linear(8 * c, 2 * width) for width in (2 * c, 4 * c, 4 * c))
        self.deep = nn.Conv2d(4 * c, 4 * c, 3, padding=1)
        self.up = nn.ModuleList(
            [
                nn.Conv2d(8 * c, 4 * c, 3, padding=1),
                nn.Conv2d(6 * c, 2 * c, 3, padding=1),
                nn.Conv2d(3 * c, c, 3, padding=1),
            ]
        )
        self.ups = nn.ModuleList(nn.Linear(8 * c, width) for width in (4 * c, 2 * c, c))
        self.paint = nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, picture: Tensor, layout_BL: Tensor, before_BL: Tensor, fields_B6: Tensor) -> Tensor:
        """The picture with the actors of `layout_BL` in it; rows that tell of none stay as they are.

        before_BL: the layout of the frame before, for which way the actor goes; fields_B6: int64 as in `Condition`.
        """
        box = layout_BL[:, BOX].nan_to_num(0.0)
        height, width = picture.shape[-2:]
        rows = (seen(box, height, width) & (fields_B6[:, FIELD_EVENT] > Event.NONE)).nonzero()[:, 0]
        if not len(rows):
            return picture
        painted, cover = self._painted(picture[rows], layout_BL[rows], before_BL[rows], fields_B6[rows])
        out = picture.clone()
        out[rows] = torch.lerp(picture[rows], painted.to(picture.dtype), cover[:, None].to(picture.dtype))
        return out

    def _painted(self, picture: Tensor, layout: Tensor, before: Tensor, fields: Tensor) -> tuple[Tensor, Tensor]:
        """The crops' paintings laid out over the picture [B, 3, H, W], and how much of every pixel a box covers [B, H, W]."""
        size, (height, width), box = self.config.size, picture.shape[-2:], layout[:, BOX]
        middle, sides = (box[:, 2:] + box[:, :2]) / 2, box[:, 2:] - box[:, :2]
        least = SMALLEST / torch.tensor([width, height], device=box.device)
        half = torch.maximum(AROUND * sides, least) / 2
        steps = (torch.arange(size, device=box.device) + 0.5) / size * 2 - 1  # within the crop
        x, y = middle[:, :1] + steps * half[:, :1], middle[:, 1:] + steps * half[:, 1:]
        grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1) * 2 - 1
        crop = F.grid_sample(picture.float(), grid, padding_mode="border", align_corners=False)
        inside_x = (x > box[:, :1]) & (x < box[:, 2:3])
        inside_y = (y > box[:, 1:2]) & (y < box[:, 3:])
        blank = (inside_x[:, None, :] & inside_y[:, :, None])[:, None].float()
        made = self._crop(crop, blank, layout, before, fields)
        columns, rows = (((torch.arange(n, device=box.device) + 0.5) / n) for n in (width, height))
        back_x = (columns - middle[:, :1]) / half[:, :1]
        back_y = (rows - middle[:, 1:]) / half[:, 1:]
        back = torch.stack(torch.broadcast_tensors(back_x[:, None, :], back_y[:, :, None]), dim=-1)
        painted = F.grid_sample(made, back, padding_mode="border", align_corners=False)
        return painted, covered(box, height, width)

    def _crop(self, crop: Tensor, blank: Tensor, layout: Tensor, before: Tensor, fields: Tensor) -> Tensor:
        box, old = layout[:, BOX], before[:, BOX].nan_to_num(0.0)
        moved = torch.where((old.abs().sum(1, keepdim=True) > 0), (box - old).clamp(-0.1, 0.1) * 20, 0.0)
        total = self.numbers(torch.cat([box * 4 - 2, moved, known(layout[:, LOOK])], dim=1))
        for table, column in zip(self.fields, TOLD, strict=True):
            total = total + table(fields[:, column] + 1)
        told = self.told(total)
        size = crop.shape[-1]
        steps = torch.linspace(-1, 1, size, device=crop.device)
        place = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).expand(len(crop), 2, size, size)
        x = F.silu(self.enter(torch.cat([crop * (1 - blank), blank, place], dim=1)))
        kept = []
        for down, film in zip(self.down, self.films, strict=True):
            kept.append(x)
            gain, shift = film(told)[..., None, None].chunk(2, dim=1)
            x = F.silu(down(x) * (1 + gain) + shift)
        x = x + F.silu(self.deep(x))
        for up, shift, old_x in zip(self.up, self.ups, reversed(kept), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.silu(up(torch.cat([x, old_x], dim=1)) + shift(told)[..., None, None])
        return self.paint(x).float().tanh()


def seen(box_B4: Tensor, height: int, width: int) -> Tensor:
    """bool [B]: the box is large enough to be painted."""
    sides = box_B4[:, 2:] - box_B4[:, :2]
    return (sides[:, 0] * width >= SEEN) & (sides[:, 1] * height >= SEEN)


def covered(box_B4: Tensor, height: int, width: int) -> Tensor:
    """How much of every pixel the box covers, [B, H, W]."""

    def share(low: Tensor, high: Tensor, parts: int) -> Tensor:
        edge = torch.arange(parts, device=low.device)
        return (torch.minimum(high[:, None] * parts, edge + 1) - torch.maximum(low[:, None] * parts, edge)).clamp(0, 1)

    left, top, right, bottom = box_B4.unbind(1)
    return share(top, bottom, height)[:, :, None] * share(left, right, width)[:, None, :]


def look(picture: Tensor, box_B4: Tensor) -> Tensor:
    """How much brighter the box is than what is around it, in red, green and blue, [B, 3]: the logarithm of their ratio."""
    height, width = picture.shape[-2:]
    middle, half = (box_B4[:, 2:] + box_B4[:, :2]) / 2, (box_B4[:, 2:] - box_B4[:, :2]) / 2 * AROUND
    inside = covered(box_B4, height, width)
    around = covered(torch.cat([middle - half, middle + half], dim=1).clamp(0, 1), height, width) - inside
    light = (picture.float() + 1) / 2

    def mean(weight: Tensor) -> Tensor:
        return (light * weight[:, None]).sum((2, 3)) / weight.sum((1, 2)).clamp_min(1e-3)[:, None]

    return ((mean(inside) + 0.03) / (mean(around) + 0.03)).log().clamp(-2, 2)


def _halve(given: int, made: int) -> nn.Conv2d:
    return nn.Conv2d(given, made, 4, stride=2, padding=1)
