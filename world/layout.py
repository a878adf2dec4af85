"""What is where: the box of an event's actor in the picture, and the road ahead. A world that is told shows them there.

Told as numbers, NaN where not known: the box as shares of the picture's width and height (zeros: nobody is in sight),
how close the junction is, where it leads, the lanes of our direction beside ours, how bright the actor is (world/actor.py),
how much of each weather and light there is now (world/weather.py), and where the way leads (world/way.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from world.weather import AMOUNTS

REACH = 4.0, 8.0, 14.0, 22.0  # m along the way
LAYOUT = (
    "left",
    "top",
    "right",
    "bottom",
    "junction",
    "to_left",
    "straight_on",
    "to_right",
    "lanes_left",
    "lanes_right",
    "red",
    "green",
    "blue",
    *AMOUNTS,
    *(f"{axis}_{reach:g}" for reach in REACH for axis in ("ahead", "left")),  # m, of the rear axle
)
BOX, ROAD, LOOK, AIR, WAY = slice(0, 4), slice(4, 10), slice(10, 13), slice(13, 19), slice(19, 27)
JUNCTION, LANES = slice(4, 8), slice(8, 10)  # of the road
PARTS = BOX, JUNCTION, LANES, AIR  # what a world is shown; each of them is known or not
NEAR = 20.0  # m at which a junction's closeness is 1/e
ATTENTION = 5.0  # times that an error where an event's actor is counts as much as elsewhere
ARMS = (1, 2, 4)  # bits of `label.junction_arms`: left, straight on, right


def unknown(rows: int, device: torch.device | str | None = None) -> Tensor:
    """[rows, L] of NaN."""
    return torch.full((rows, len(LAYOUT)), torch.nan, device=device)


def known(part_BN: Tensor) -> Tensor:
    """A part of a layout for a layer to read, [B, 2 * N]: 0 where it is not known, then what is known."""
    return torch.cat([part_BN.nan_to_num(0.0), (~part_BN.isnan()).float()], dim=1)


def road(distance_B: Tensor, arms_B: Tensor, lanes_left_B: Tensor, lanes_right_B: Tensor) -> Tensor:
    """The road's part of a layout [B, 6]. distance: m to the next junction, 0 inside it; arms: bits of ARMS."""
    leads = [((arms_B & bit) > 0).float() for bit in ARMS]
    return torch.stack([(-distance_B / NEAR).exp(), *leads, lanes_left_B.float(), lanes_right_B.float()], dim=1)


def parts_of(box_B4: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Which patches the box touches, bool [B, rows * columns] (none where it is not known), and where its sides lie in every
    patch, [B, rows * columns, 4] in [0, 1] of the patch's width and height.

    Not how much of a patch it covers: someone far away covers little of one, and is there all the same.
    """
    left, top, right, bottom = box_B4.nan_to_num(0.0).unbind(1)

    def sides(low: Tensor, high: Tensor, parts: int) -> tuple[Tensor, Tensor]:
        """[B, parts] each."""
        number = torch.arange(parts, device=low.device)
        return (low[:, None] * parts - number).clamp(0, 1), (high[:, None] * parts - number).clamp(0, 1)

    (above, below), (west, east) = sides(top, bottom, rows), sides(left, right, columns)
    four = torch.broadcast_tensors(west[:, None], above[:, :, None], east[:, None], below[:, :, None])
    within = torch.stack(four, dim=-1).flatten(1, 2)
    touched = (within[..., 2] > within[..., 0]) & (within[..., 3] > within[..., 1])
    return touched, within


def attention(layout_BL: Tensor, rows: int, columns: int, elsewhere: float = 1.0) -> Tensor:
    """How much an error in every patch counts in training, [B, rows * columns]: `elsewhere`, and more where the actor is."""
    return elsewhere + (ATTENTION - 1) * parts_of(layout_BL[:, BOX], rows, columns)[0].float()
