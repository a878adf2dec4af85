"""Reading pictures: adapts a person's pictures to the network's input."""

from __future__ import annotations

import numpy as np
import torch

from world.data.video import fit
from world.errors import DataError
from world.perceive.coding import Estimate, reading
from world.perceive.network import SIZE, Perceiver

LEAST_SIDE = 32  # pixels
LAST = 5  # frames of a film that are read


def check(frames: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] or a film [T, H, W, 3] as a film. DataError where it is neither, or too small."""
    frames = np.asarray(frames)
    film = frames[None] if frames.ndim == 3 else frames
    if film.ndim != 4 or film.shape[-1] != 3 or film.dtype != np.uint8 or not len(film):
        raise DataError(
            f"A scene begins in a picture [H, W, 3] or a film [T, H, W, 3] of whole numbers from 0 to 255 (uint8), "
            f"not in {frames.dtype} {list(frames.shape)}."
        )
    height, width = film.shape[1:3]
    if min(height, width) < LEAST_SIDE:
        raise DataError(
            f"A picture of {width} x {height} pixels shows too little to begin in; take one of at least {LEAST_SIDE} a side."
        )
    return film


def read(perceiver: Perceiver, frames: np.ndarray) -> Estimate:
    """The network's estimate of a picture or the end of a film, cropped to 16:9. DataError as in `check`."""
    film = check(frames)[-LAST:]
    fitted = np.stack([fit(frame, SIZE) for frame in film])
    device = next(perceiver.parameters()).device
    with torch.inference_mode():
        pictures = torch.from_numpy(fitted).to(device).permute(0, 3, 1, 2).float() / 255
        return reading(perceiver(pictures.contiguous(memory_format=torch.channels_last)))
