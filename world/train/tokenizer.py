"""Trains the tokenizer (from its PCA start), then the anchor."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.files import WorldConfig, save_part, seeded
from world.tokenizer import Tokenizer
from world.train.drives import Drives
from world.train.loop import Report, Schedule, TrainingLoop, precision
from world.train.samples import SAMPLES, save_sheet

BATCH = 32
LATENT_NOISE, IMAGE_NOISE = 0.05, 0.05
PCA_FRAMES = 3000
ANCHOR_SHARE = 0.4  # of the minutes
ANCHOR_BATCH = 24


def psnr(mse: Tensor) -> Tensor:
    """PSNR in dB of a mean squared error over images in [-1, 1]."""
    return 10 * torch.log10(4 / mse)


def train_tokenizer(
    drives: Drives,
    held_out: Drives,
    config: WorldConfig,
    out: Path,
    minutes: float,
    device: str = "cpu",
    seed: int = 0,
    report: Report | None = None,
) -> Tokenizer:
    """Loss: MSE + 0.1 L1 + 0.1 L1 of the image gradients, with noise on the latents. Writes tokenizer and anchor."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = Tokenizer(config.tokenizer)
    generator = seeded(seed, "cpu")
    sample = torch.randperm(len(drives), generator=generator)[:PCA_FRAMES]
    tokenizer.init_pca(drives.batch(sample.sort().values))
    tokenizer.to(device)
    loop = TrainingLoop("tokenizer", out, tokenizer, Schedule((1 - ANCHOR_SHARE) * minutes, rate=1e-3, fall=0.3))

    def loss_of(step: int) -> dict[str, Tensor]:
        index = torch.randint(len(drives), (BATCH,), generator=generator)
        image = drives.batch(index, device)
        with precision(device):
            latents = tokenizer.encode(image)
            noise = torch.randn(latents.shape, generator=generator).to(device)
            decoded = tokenizer.decode(latents + LATENT_NOISE * noise)
        mse, l1 = F.mse_loss(decoded, image), F.l1_loss(decoded, image)
        edges = sum(F.l1_loss(decoded.diff(dim=axis), image.diff(dim=axis)) for axis in (-1, -2))
        return {"loss": mse + 0.1 * l1 + 0.1 * edges, "psnr": psnr(mse)}

    def validate() -> dict[str, float]:
        with torch.inference_mode():
            true = held_out.batch(torch.linspace(0, len(held_out) - 1, SAMPLES).long(), device)
            shown = tokenizer.decode(tokenizer.encode(true))
        save_sheet(out / "samples" / f"tokenizer-{loop.step:06d}.png", [true, shown])
        return {"psnr": reconstruction(tokenizer, held_out, device)}

    loop.run(loss_of, validate, report)
    tokenizer.load_state_dict(loop.ema)
    tokenizer.eval().requires_grad_(False)
    with torch.inference_mode():
        tokenizer.set_latent_scale(tokenizer.encode(drives.batch(sample[:1000], device)))
    save_part(out, "tokenizer", tokenizer.state_dict())
    train_anchor(drives, held_out, config, out, ANCHOR_SHARE * minutes, device, seed, report)
    return tokenizer


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
    device: str = "cpu",
    seed: int = 0,
    report: Report | None = None,
) -> nn.Module:
    """Loss: 3 MSE + L1 between the carried picture and the next one. Half of the pictures are noised: dreams are, a little."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        anchor = config.build()["anchor"].to(device)
    generator = seeded(seed, "cpu")
    turning = (drives.motions[:, -1].abs() > 0.1) & drives.driving
    frames = ((drives.age > 1) & drives.moving).double() * (1.0 + turning)
    loop = TrainingLoop("anchor", out, anchor, Schedule(minutes, rate=2e-3, fall=0.4, ema=0.99))

    def carried(data: Drives, index: Tensor, noise: float = 0.0) -> Tensor:
        """The squared errors [B, 3, H, W] of carried pictures."""
        pictures = data.batch(torch.cat([index - 1, index - 2]), device)
        if noise:
            pictures = pictures + noise * torch.randn(pictures.shape, generator=generator).to(device)
        return anchor(*pictures.chunk(2), data.motions[index].to(device)) - data.batch(index, device)

    def loss_of(step: int) -> dict[str, Tensor]:
        index = torch.multinomial(frames, ANCHOR_BATCH, True, generator=generator)
        with precision(device):
            error = carried(drives, index, IMAGE_NOISE * (step % 2))
        return {"loss": 3 * error.square().mean() + error.abs().mean()}

    def validate() -> dict[str, float]:
        usable = ((held_out.age > 1) & held_out.moving).nonzero()[:, 0]
        with torch.inference_mode():
            error = carried(held_out, usable[torch.linspace(0, len(usable) - 1, 256).long()])
        return {"psnr": float(psnr(error.square().mean((1, 2, 3))).mean())}

    loop.run(loss_of, validate, report)
    anchor.load_state_dict(loop.ema)
    save_part(out, "anchor", anchor.state_dict())
    return anchor.eval().requires_grad_(False)
