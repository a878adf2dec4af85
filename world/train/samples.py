"""Sample pictures of a training: the model's output for held-out frames, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from world.latent.tokenizer import to_uint8

SAMPLES = 4  # frames, or clips, in a picture


def save_sheet(path: Path, rows: Sequence[Tensor]) -> None:
    """Writes a PNG with one line per row; a row is float [N, 3, H, W] in [-1, 1]."""
    lines = [torch.cat(list(row.detach().cpu().float()), dim=-1) for row in rows]
    picture = to_uint8(torch.cat(lines, dim=-2)[None])[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.numpy()).save(path)
