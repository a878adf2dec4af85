"""The painter: a small U-Net that knows from a path tracer how light falls. It begins as plain shading and learns the rest.

radiance = plain shading * exp(gain) + offset, both from zero, on what is not sky; everything exposed and linear, before air.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.light import Light
from world.render.materials import Surface

CHANNELS = (
    *(f"plain {c}" for c in "rgb"), *(f"albedo {c}" for c in "rgb"), "right", "down", "forward",
    "nearness", "sun", "open", "rough", "water", "snow", "coverage",
    *(f"emission {c}" for c in "rgb"), *(f"mirror {c}" for c in "rgb"), "mirrored", "lamps", "beams",
    "coarse", "fine", "glass", "clearcoat", "foliage", "metal", "light",
)  # fmt: skip
CLASSES = (Surface.GLASS, Surface.CLEARCOAT, Surface.FOLIAGE, Surface.METAL, Surface.LIGHT)
CONDITIONS = 15
DARK = 0.02  # exposed radiance around which the network's scale turns from linear to logarithmic
OFFSET = 0.25  # exposed radiance of an output of one


@dataclass(frozen=True, slots=True)
class PainterConfig:
    """stem: channels at full size; widths: at a half, a quarter and so on; head: before the output."""

    stem: int = 16
    widths: tuple[int, ...] = (48, 96, 128, 128)
    head: int = 24
    condition: int = 48

    @classmethod
    def of(cls, name: str) -> PainterConfig:
        """By name; KeyError for another."""
        return PAINTERS[name]


PAINTERS = {
    "small": PainterConfig(12, (32, 64, 96, 96), 16),
    "embedded": PainterConfig(),
    "rtx5090": PainterConfig(64, (192, 384, 768, 1024), 96, 256),
}


class Block(nn.Module):
    """Two convolutions on a residual path, scaled and shifted by the conditions between them."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        inner = self.first(functional.silu(x)) * (1 + scale) + shift
        return x + self.second(functional.silu(inner))


class Painter(nn.Module):
    """Features [B, C, H, W] and conditions [B, CONDITIONS] to exposed radiance [B, 3, H, W]. H and W: multiples of 2^widths."""

    def __init__(self, config: PainterConfig) -> None:
        super().__init__()
        self.config = c = config
        self.conditions = nn.Sequential(
            nn.Linear(CONDITIONS, c.condition), nn.SiLU(), nn.Linear(c.condition, c.condition), nn.SiLU()
        )
        self.enter = nn.Conv2d(len(CHANNELS), c.stem, 3, padding=1)
        sizes = (4 * c.stem, *c.widths)
        self.down = nn.ModuleList(
            nn.Conv2d(sizes[k], sizes[k + 1], *((1,) if k == 0 else (2, 2))) for k in range(len(c.widths))
        )
        self.inward = nn.ModuleList(Block(width, c.condition) for width in c.widths)
        self.up = nn.ModuleList(nn.Conv2d(c.widths[k + 1], c.widths[k], 1) for k in range(len(c.widths) - 1))
        self.outward = nn.ModuleList(Block(width, c.condition) for width in c.widths[:-1])
        self.leave = nn.Conv2d(c.widths[0], 4 * c.stem, 1)
        self.head = nn.Conv2d(2 * c.stem, c.head, 3, padding=1)
        self.last = nn.Conv2d(c.head, 6, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        condition = self.conditions(conditions)
        fine = functional.silu(self.enter(features))
        x = functional.pixel_unshuffle(fine, 2)
        kept: list[Tensor] = []
        for down, block in zip(self.down, self.inward, strict=True):
            x = block(down(x), condition)
            kept.append(x)
        for k in reversed(range(len(self.up))):
            x = kept[k] + functional.interpolate(self.up[k](x), scale_factor=2, mode="nearest")
            x = self.outward[k](x, condition)
        whole = torch.cat([functional.pixel_shuffle(self.leave(x), 2), fine], 1)
        out = self.last(functional.silu(self.head(whole))).float()
        return lit(plain_of(features), out, features[:, CHANNELS.index("coverage")].float())


def lit(plain: Tensor, out: Tensor, coverage: Tensor) -> Tensor:
    """Exposed radiance [B, 3, H, W] of plain shading under a network's output [B, 6, H, W]; coverage [B, H, W]."""
    gain, offset = out[:, :3].clamp(-3, 3), OFFSET * out[:, 3:]
    painted = (plain * torch.exp(gain) + offset).clamp_min(0.0)
    return torch.lerp(plain, painted, coverage[:, None])


def plain_of(features: Tensor) -> Tensor:
    """The exposed plain shading [B, 3, H, W] that is among the features."""
    return DARK * torch.expm1(features[:, :3].float())


def features(gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, radiance: np.ndarray) -> np.ndarray:
    """What the painter sees of every pixel, float32 [C, H, W] in the order of CHANNELS. radiance: plain shading's [H, W, 3]."""
    exposure = np.float32(light.exposure)
    height, width = gbuffer.coverage.shape
    out = np.empty((len(CHANNELS), height, width), np.float32)

    def scaled(values: np.ndarray) -> np.ndarray:
        return np.log1p(np.maximum(values, 0.0) * (exposure / DARK)).transpose(2, 0, 1)

    out[0:3] = scaled(radiance)
    out[3:6] = np.sqrt(np.clip(gbuffer.albedo, 0, 1)).transpose(2, 0, 1)
    out[6:9] = (gbuffer.normal @ view.axes.T.astype(np.float32)).transpose(2, 0, 1)
    out[9] = np.log1p(20.0 * gbuffer.inverse_depth)
    out[10], out[11], out[12] = gbuffer.sun, gbuffer.occlusion, gbuffer.roughness
    out[13], out[14] = gbuffer.wet * np.float32(amounts[0]), gbuffer.snow * np.float32(amounts[1])
    out[15] = gbuffer.coverage
    out[16:19] = scaled(gbuffer.emission)
    out[19:22], out[22] = scaled(gbuffer.mirror[..., :3]), gbuffer.mirror[..., 3]
    out[23] = np.log1p(gbuffer.lamps[..., 1] * np.float32(light.lamp[1] * exposure / DARK))
    out[24] = np.log1p(gbuffer.beams[..., 1] * np.float32(light.beam[1] * exposure / DARK))
    out[25:27] = gbuffer.noise.transpose(2, 0, 1)
    for k, kind in enumerate(CLASSES):
        out[27 + k] = gbuffer.surface == int(kind)
    return out


def conditions(view: View, light: Light, amounts: np.ndarray) -> np.ndarray:
    """What the painter is told of the moment, float32 [CONDITIONS]: the sun in the camera's axes, lights, amounts."""
    exposure = light.exposure
    sun = np.asarray(view.axes) @ np.asarray(light.sun_direction)
    tones = [math.log1p(value * exposure / DARK) / 4 for value in (*light.sun, *light.deck)]
    return np.array(
        [*sun, *tones, light.overcast, *amounts[:5], math.log(exposure) / 3, light.night][:CONDITIONS], np.float32
    )


def padded(height: int, width: int, config: PainterConfig) -> tuple[int, int]:
    """The size that a picture is filled up to, so that it halves as often as the network does."""
    step = 2 ** len(config.widths)
    return -(-height // step) * step, -(-width // step) * step


@torch.inference_mode()
def paint(painter: Painter, seen: np.ndarray, told: Sequence[float] | np.ndarray, exposure: float) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of one picture from `features` and `conditions`."""
    height, width = seen.shape[1:]
    tall, wide = padded(height, width, painter.config)
    x = torch.from_numpy(seen)[None].contiguous(memory_format=torch.channels_last)
    x = functional.pad(x, (0, wide - width, 0, tall - height), mode="replicate")
    device = "cuda" if next(painter.parameters()).is_cuda else "cpu"
    with torch.autocast(device, torch.bfloat16):
        out = painter(x.to(device), torch.as_tensor(told, dtype=torch.float32, device=device)[None])
    return (out[0, :, :height, :width] / exposure).permute(1, 2, 0).contiguous().cpu().numpy()
