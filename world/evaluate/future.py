"""How well dreams predict the true future of any dataset, without judge or labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from world.errors import DataError
from world.model import WorldModel
from world.telling import Report
from world.train.dynamics import horizons
from world.train.in_memory import InMemoryDataset, encode_all
from world.train.tokenizer import reconstruction


def evaluate_future(
    weights: Path,
    data: Path,
    cache: Path,
    *,
    steps: int = 2,
    seed: int = 0,
    clips: int = 48,
    device: str = "cpu",
    report: Report | None = None,
) -> dict[str, Any]:
    """PSNR (dB) of the tokenizer and of dreams with the true actions, beside repeating the last frame, on a held-out
    dataset.

    steps: K; clips: number of dreams. The same seed, weights, data and machine give the same numbers. WeightsError and
    DataError where weights or data are unsuitable.
    """
    note = report or (lambda fraction, text: None)
    model = WorldModel.load(weights, device)
    drives = InMemoryDataset.load(data, model.size, cache, lambda text: note(0.1, text))
    inputs = model.dynamics.config.inputs
    if drives.dataset.inputs != inputs:
        raise DataError(
            f"{weights} was trained on {', '.join(inputs.names)} and {data} has "
            f"{', '.join(drives.dataset.inputs.names)}, or other bounds; take data of the same kind."
        )
    latents = encode_all(drives, model.tokenizer, device, cache, model.hashes, lambda text: note(0.2, text))
    note(0.3, "dreams against the true future")
    return {
        "weights": weights.name,
        "steps": steps,
        "frames": len(drives),
        "tokenizer_psnr": reconstruction(model.tokenizer, drives, device),
        "dream_psnr": horizons(
            model.tokenizer, model.dynamics, drives, latents, device, clips=clips, steps=steps, seed=seed
        ),
    }
