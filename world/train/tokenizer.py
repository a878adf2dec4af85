"""Trains the tokenizer (from its PCA start), then the anchor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from world.anchor import Anchor, moved
from world.files import WorldConfig, go_on, save_part, seeded
from world.latent.tokenizer import Tokenizer
from world.train.compute import Compute
from world.train.drives import Drives
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.recipe import Recipe
from world.train.samples import SAMPLES, save_sheet

BATCH = 32
LATENT_NOISE, IMAGE_NOISE = 0.05, 0.05
PCA_PATCHES = 144_000
ANCHOR_SHARE = 0.4  # of the minutes
ANCHOR_BATCH, ANCHOR_FRAMES = 12, 4


def psnr(mse: Tensor) -> Tensor:
    """PSNR in dB of a mean squared error over images in [-1, 1]."""
    return 10 * torch.log10(4 / mse)


def train_tokenizer(
    drives: Drives,
    held_out: Drives,
    config: WorldConfig,
    out: Path,
    minutes: float,
    compute: Compute,
    seed: int = 0,
    report: Report | None = None,
    recipe: Recipe | None = None,
    begin: Path | None = None,
) -> None:
    """Loss: MSE + 0.1 L1 + 0.1 L1 of the image gradients, with noise on the latents. Writes tokenizer and anchor.

    `begin`: a folder of weights of the same shapes whose tokenizer is gone on with, but for its encoder: that stays, as does
    the anchor, for all other parts were trained on what they give.
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
    own = minutes * (1 - ANCHOR_SHARE * (begin is None))
    loop = TrainingLoop("tokenizer", out, tokenizer, Schedule(own, rate=1e-3, fall=0.3), compute)
    shape = (BATCH, config.tokenizer.tokens, config.tokenizer.channels)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.randint(len(drives), (BATCH,), generator=generator)
        noise = torch.randn(shape, generator=generator)
        for rows in compute.shares(BATCH):
            image = drives.batch(index[rows], device)
            with compute.autocast():
                latents = tokenizer.encode(image)
                decoded = tokenizer.decode(latents + LATENT_NOISE * noise[rows].to(device))
            mse, l1 = F.mse_loss(decoded, image), F.l1_loss(decoded, image)
            edges = sum(F.l1_loss(decoded.diff(dim=axis), image.diff(dim=axis)) for axis in (-1, -2))
            yield {"loss": mse + recipe.l1 * l1 + recipe.edges * edges, "psnr": psnr(mse)}

    def validate() -> dict[str, float]:
        with torch.inference_mode():
            true = held_out.batch(torch.linspace(0, len(held_out) - 1, SAMPLES).long(), device)
            shown = tokenizer.decode(tokenizer.encode(true))
        save_sheet(out / "samples" / f"tokenizer-{loop.step:06d}.png", [true, shown])
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
    if begin is None:
        train_anchor(drives, held_out, config, out, minutes - own, compute, seed, report)
    elif compute.main:
        anchor = config.build()["anchor"]
        go_on(begin, "anchor", anchor)
        save_part(out, "anchor", anchor.state_dict())


@torch.inference_mode()
def reconstruction(
    tokenizer: Tokenizer, drives: Drives, device: str, frames: int = 256, where: Tensor | None = None
) -> float:
    """Mean PSNR (dB) over `frames` frames spread evenly over the dataset, or over those `where` (bool [T]) holds."""
    index = torch.arange(len(drives)) if where is None else where.nonzero()[:, 0]
    index = index[torch.linspace(0, len(index) - 1, frames).long()]
    scores = []
    for part in index.split(64):
        image = drives.batch(part, device)
        decoded = tokenizer.decode(tokenizer.encode(image)).clamp(-1, 1)
        scores.append(psnr((decoded - image).square().mean((1, 2, 3))))
    return float(torch.cat(scores).mean())


def train_anchor(
    drives: Drives,
    held_out: Drives,
    config: WorldConfig,
    out: Path,
    minutes: float,
    compute: Compute,
    seed: int = 0,
    report: Report | None = None,
) -> None:
    """Loss: 3 MSE + L1 between carried pictures and the next ones, which are carried on in turn for ANCHOR_FRAMES frames, as
    a dream does it. Half of the pictures are noised, as dreams are.
    """
    device = compute.device
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        anchor = config.build()["anchor"]
    assert isinstance(anchor, Anchor)
    anchor.to(device)
    generator = seeded(seed, "cpu")

    def usable(data: Drives) -> Tensor:
        """bool [T]: frames with two before them and enough after them, in scenes that move."""
        return (data.age > 1) & data.moving & (data.left >= ANCHOR_FRAMES - 1)

    turning = (drives.motions[:, -1].abs() > 0.1) & drives.driving
    frames = usable(drives).double() * (1.0 + turning)
    loop = TrainingLoop("anchor", out, anchor, Schedule(minutes, rate=2e-3, fall=0.4, ema=0.99), compute)

    def errors(data: Drives, index: Tensor, noise: Tensor | float = 0.0) -> Tensor:
        """What the carried pictures lack to the frames from `index` on, [T, B, 3, H, W], but for what comes in at the edge.

        noise: [B, 6, H, W], on the two pictures before.
        """
        pictures = torch.cat([data.batch(index - 2, device), data.batch(index - 1, device)], dim=1) + noise
        before, last = pictures.chunk(2, dim=1)
        missing, known = [], torch.ones_like(last[:, :1])
        for frame in range(ANCHOR_FRAMES):
            grid = anchor.flow(last, before, data.motions[index + frame].to(device))
            known = F.grid_sample(known, grid.detach(), padding_mode="zeros", align_corners=False)
            before, last = last, moved(last, grid)
            missing.append(known * (last - data.batch(index + frame, device)))
        return torch.stack(missing)

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        index = torch.multinomial(frames, ANCHOR_BATCH, True, generator=generator)
        shape = (ANCHOR_BATCH, 6, config.tokenizer.height, config.tokenizer.width)
        noise = IMAGE_NOISE * (step % 2) * torch.randn(shape, generator=generator)
        for rows in compute.shares(ANCHOR_BATCH):
            with compute.autocast():
                missing = errors(drives, index[rows], noise[rows].to(device))
            yield {"loss": 3 * missing.square().mean() + missing.abs().mean()}

    def validate() -> dict[str, float]:
        first = usable(held_out).nonzero()[:, 0]
        with torch.inference_mode():
            missing = errors(held_out, first[torch.linspace(0, len(first) - 1, 256).long()])
        scores = psnr(missing.square().mean((2, 3, 4))).mean(1).tolist()
        return {"psnr": scores[0], f"psnr_{ANCHOR_FRAMES}": scores[-1]}

    loop.reseed(generator)
    loop.run(loss_of, validate, report)
    anchor.load_state_dict(loop.ema)
    if compute.main:
        save_part(out, "anchor", anchor.state_dict())
