"""Trains the tokenizer, starting from PCA."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from world.files import WorldConfig, go_on, save_part, seeded
from world.latent.tokenizer import Tokenizer
from world.train.distributed import DistributedContext
from world.train.in_memory import InMemoryDataset
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.recipe import Recipe
from world.train.samples import SAMPLES, save_sheet

BATCH = 32
LATENT_NOISE = 0.05
PCA_PATCHES = 144_000


def psnr(mse: Tensor) -> Tensor:
    """PSNR in dB of a mean squared error over images in [-1, 1]."""
    return 10 * torch.log10(4 / mse)


def train_tokenizer(
    drives: InMemoryDataset,
    held_out: InMemoryDataset,
    config: WorldConfig,
    out: Path,
    minutes: float,
    compute: DistributedContext,
    seed: int = 0,
    report: Report | None = None,
    recipe: Recipe | None = None,
    begin: Path | None = None,
) -> None:
    """Trains the tokenizer into `out`. Loss: MSE + 0.1 L1 + 0.1 L1 of the image gradients, with noise on the latents.

    begin: a folder of weights of the same shapes to start from; its encoder stays fixed, as all other parts depend on
    it. WeightsError where it does not fit.
    """
    recipe = recipe or Recipe()
    device = compute.device
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = Tokenizer(config.tokenizer)
    generator = seeded(seed, "cpu")
    sample = torch.randperm(len(drives), generator=generator)[: PCA_PATCHES // config.tokenizer.tokens]
    if recipe.pca and begin is None:
        tokenizer.init_pca(drives.batch(sample.sort().values))
    go_on(begin, "tokenizer", tokenizer)
    if begin is not None:
        tokenizer.keep_encoder()
    tokenizer.to(device)
    compute.prepare(tokenizer)
    loop = TrainingLoop("tokenizer", out, tokenizer, Schedule(minutes, rate=1e-3, fall=0.3), compute)
    shape = (BATCH, config.tokenizer.tokens, config.tokenizer.channels)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.randint(len(drives), (BATCH,), generator=generator)
        noise = torch.randn(shape, generator=generator)
        for rows in compute.shares(BATCH):
            image = drives.batch(index[rows], device)
            with compute.autocast():
                latents = tokenizer.encode(image)
                reconstruction = tokenizer.decode(latents + LATENT_NOISE * noise[rows].to(device))
            mse, l1 = F.mse_loss(reconstruction, image), F.l1_loss(reconstruction, image)
            edges = sum(F.l1_loss(reconstruction.diff(dim=axis), image.diff(dim=axis)) for axis in (-1, -2))
            yield {"loss": mse + recipe.l1 * l1 + recipe.edges * edges, "psnr": psnr(mse)}

    def validate() -> dict[str, float]:
        with torch.inference_mode():
            true = held_out.batch(torch.linspace(0, len(held_out) - 1, SAMPLES).long(), device)
            output = tokenizer.decode(tokenizer.encode(true))
        save_sheet(out / "samples" / f"tokenizer-{loop.step:06d}.png", [true, output])
        return {"psnr": reconstruction(tokenizer, held_out, device)}

    loop.reseed(generator)
    loop.run(loss_of, validate, report)
    tokenizer.load_state_dict(loop.ema)
    tokenizer.eval().requires_grad_(False)
    if begin is None:
        with torch.inference_mode():
            tokenizer.set_latent_scale(tokenizer.encode(drives.batch(sample[:1000], device)))
    if compute.main:
        save_part(out, "tokenizer", tokenizer.state_dict())


@torch.inference_mode()
def reconstruction(
    tokenizer: Tokenizer, drives: InMemoryDataset, device: str, frames: int = 256, where: Tensor | None = None
) -> float:
    """Mean PSNR (dB) over `frames` frames spread evenly over the dataset, or over those in the mask `where` (bool [T])."""
    index = torch.arange(len(drives)) if where is None else where.nonzero()[:, 0]
    index = index[torch.linspace(0, len(index) - 1, frames).long()]
    scores = []
    for part in index.split(64):
        image = drives.batch(part, device)
        output = tokenizer.decode(tokenizer.encode(image)).clamp(-1, 1)
        scores.append(psnr((output - image).square().mean((1, 2, 3))))
    return float(torch.cat(scores).mean())
