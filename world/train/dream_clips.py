"""Dreams of training clips under their true controls, on which the readouts and the driver are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from world.files import seeded
from world.latent.dynamics import Dynamics
from world.latent.rollout import rollout
from world.telling import Say
from world.train.distributed import precision
from world.train.in_memory import InMemoryDataset, Latents, fingerprint, save_array

CLIP, EVERY = 32, 40  # frames per dream, and least distance between the starts of two
MOST = 300  # dreams; spread over all drives
BATCH = 64


def dream_clips(
    drives: InMemoryDataset,
    latents: Latents,
    dynamics: Dynamics,
    device: str,
    cache: Path,
    key: str,
    seed: int = 0,
    note: Say | None = None,
) -> tuple[Tensor, Tensor]:
    """All latents float16 [T, N, C] with some frames dreamt, and the indices of the dreamt frames [M].

    A dream begins at true frames and lasts CLIP frames; the labels stay those of the true drive. Cached in `cache`
    under `key`, which identifies the weights.
    """
    first = ((drives.age >= 2) & (drives.age % EVERY == 2) & (drives.remaining >= CLIP - 1)).nonzero()[:, 0]
    first = first[torch.linspace(0, len(first) - 1, min(MOST, len(first))).long()]
    index = first[:, None] + torch.arange(CLIP)
    path = cache / f"dreams-{key}-{fingerprint(drives.dataset, f'{CLIP} {EVERY} {MOST} {seed}')}.npy"
    if not path.exists():
        generator, out = seeded(seed, "cpu"), []
        for number, clips in enumerate(index.split(BATCH)):
            past = latents.past(drives, clips[:, 0], device)
            motions, fields = drives.motions[clips].to(device), drives.fields[clips].to(device)
            with precision(device):
                dreams = rollout(dynamics, past, motions, fields, generator)
            out.append(dreams.cpu().half().numpy())
            if note:
                note(f"dreaming clips, {number * BATCH / len(first):.0%}")
        save_array(path, np.concatenate(out))
    frames = latents.clean.clone()
    frames[index.flatten()] = torch.from_numpy(np.load(path)).flatten(0, 1)
    return frames, index.flatten()
