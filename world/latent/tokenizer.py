"""Frame <-> latents. One token per macro-patch; a PCA path without training, refined by transformers.

encode: pixels -> patches -> whitened principal components + a transformer's residual -> latents [N, C]
decode: latents -> principal components + a transformer's residual -> patches -> half-resolution convolutions
The residuals start at zero, so training begins at the quality of PCA and only improves on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.latent.blocks import TransformerBlock


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """Shapes of a `Tokenizer`. ValueError where a picture is not a whole number of patches."""

    height: int = 72  # pixels
    width: int = 128
    patch_height: int = 12
    patch_width: int = 16
    channels: int = 32  # latents a token
    dim: int = 256
    heads: int = 4
    encoder_depth: int = 2
    decoder_depth: int = 4
    conv_channels: int = 48

    def __post_init__(self) -> None:
        if self.height % self.patch_height or self.width % self.patch_width:
            raise ValueError(
                f"{self.height}x{self.width} is not a whole number of {self.patch_height}x{self.patch_width} patches"
            )

    @property
    def rows(self) -> int:
        """Patches from top to bottom."""
        return self.height // self.patch_height

    @property
    def columns(self) -> int:
        """Patches from left to right."""
        return self.width // self.patch_width

    @property
    def tokens(self) -> int:
        """Patches of a picture."""
        return self.rows * self.columns

    @property
    def patch_size(self) -> int:
        """Values of a patch."""
        return 3 * self.patch_height * self.patch_width


class Tokenizer(nn.Module):
    """Images are float [B, 3, height, width] in [-1, 1]; latents are [B, N, C] with about unit variance."""

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.to_latents = nn.Linear(c.patch_size, c.channels)
        self.from_latents = nn.Linear(c.channels, c.patch_size)

        self.encoder_in = nn.Linear(c.patch_size, c.dim)
        self.encoder_position = nn.Parameter(torch.randn(c.tokens, c.dim) * 0.02)
        self.encoder = nn.ModuleList(TransformerBlock(c.dim, c.heads) for _ in range(c.encoder_depth))
        self.encoder_out = nn.Linear(c.dim, c.channels)

        self.decoder_in = nn.Linear(c.channels, c.dim)
        self.decoder_position = nn.Parameter(torch.randn(c.tokens, c.dim) * 0.02)
        self.decoder = nn.ModuleList(TransformerBlock(c.dim, c.heads) for _ in range(c.decoder_depth))
        self.decoder_out = nn.Linear(c.dim, c.patch_size)

        last = nn.Conv2d(c.conv_channels, 12, 3, padding=1)
        self.smooth = nn.Sequential(
            nn.Conv2d(12, c.conv_channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(c.conv_channels, c.conv_channels, 3, padding=1),
            nn.SiLU(),
            last,
        )
        for layer in (self.encoder_out, self.decoder_out, last):
            for value in layer.parameters():
                nn.init.zeros_(value)
        self.register_buffer("latent_mean", torch.zeros(c.channels))
        self.register_buffer("latent_std", torch.ones(c.channels))

    def encode(self, image: Tensor) -> Tensor:
        """Images [B, 3, height, width] -> latents [B, N, C]"""
        patches = self.patchify(image)
        x = self.encoder_in(patches)
        x = x + self.encoder_position.to(x.dtype)
        for block in self.encoder:
            x = block(x)
        latents = self.to_latents(patches) + self.encoder_out(x)
        return (latents.float() - self.latent_mean) / self.latent_std

    def decode(self, latents_BNC: Tensor) -> Tensor:
        """Latents [B, N, C] -> images [B, 3, height, width], not clamped"""
        latents = latents_BNC * self.latent_std + self.latent_mean
        x = self.decoder_in(latents)
        x = x + self.decoder_position.to(x.dtype)
        for block in self.decoder:
            x = block(x)
        image = self.unpatchify(self.from_latents(latents) + self.decoder_out(x))
        half = F.pixel_unshuffle(image, 2).contiguous(memory_format=torch.channels_last)
        return (image + F.pixel_shuffle(self.smooth(half), 2)).float()

    def keep_encoder(self) -> None:
        """Freezes the encoder."""
        for part in (self.to_latents, self.encoder_in, self.encoder, self.encoder_out):
            part.requires_grad_(False)
        self.encoder_position.requires_grad_(False)

    def patchify(self, image: Tensor) -> Tensor:
        """[B, 3, height, width] -> [B, N, patch size]"""
        c = self.config
        x = image.reshape(-1, 3, c.rows, c.patch_height, c.columns, c.patch_width)
        return x.permute(0, 2, 4, 1, 3, 5).reshape(-1, c.tokens, c.patch_size)

    def unpatchify(self, patches_BNP: Tensor) -> Tensor:
        """[B, N, patch size] -> [B, 3, height, width]"""
        c = self.config
        x = patches_BNP.reshape(-1, c.rows, c.columns, 3, c.patch_height, c.patch_width)
        return x.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, c.height, c.width)

    @torch.no_grad()
    def init_pca(self, image: Tensor) -> None:
        """Sets the linear paths to the whitened principal components of the patches of `image` [B, 3, H, W]."""
        patches = self.patchify(image).reshape(-1, self.config.patch_size).double()
        mean = patches.mean(0)
        variance, basis = torch.linalg.eigh(torch.cov((patches - mean).T))
        top = torch.arange(self.config.channels)
        basis, std = basis.flip(1)[:, top], variance.flip(0)[top].clamp_min(1e-9).sqrt()
        self.to_latents.weight.copy_((basis / std).T)
        self.to_latents.bias.copy_(-(mean @ basis) / std)
        self.from_latents.weight.copy_(basis * std)
        self.from_latents.bias.copy_(mean)

    @torch.no_grad()
    def set_latent_scale(self, latents_BNC: Tensor) -> None:
        """Re-whitens the latents, whose scale training moves: unit variance per channel, as the flow needs."""
        flat = latents_BNC.reshape(-1, self.config.channels) * self.latent_std + self.latent_mean
        self.latent_mean.copy_(flat.mean(0))
        self.latent_std.copy_(flat.std(0))


def to_float(images: Tensor) -> Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in [-1, 1]"""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(image: Tensor) -> Tensor:
    """float [B, 3, H, W] in [-1, 1] -> uint8 [B, H, W, 3]"""
    return ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
