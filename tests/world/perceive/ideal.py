"""What a network would put out that reads everything rightly."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from world.perceive.coding import coded
from world.perceive.network import CLASSES, Output
from world.perceive.sight import Sight

SURE = 12.0  # logit


def output_of(sights: Sequence[Sight]) -> Output:
    want = coded(sights)
    parts = [
        SURE * functional.one_hot(want.classes[:, k].clamp_min(0), number).float()
        for k, number in enumerate(CLASSES.values())
    ]
    heat = torch.where(want.heat == 1, SURE, -SURE)
    return Output(torch.cat([*parts, want.values.nan_to_num()], 1), torch.cat([heat, want.place.nan_to_num()], 1))
