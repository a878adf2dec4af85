"""The painter: a small U-Net, trained on path-traced pictures, that corrects plain shading.

radiance = plain shading * exp(gain) + offset, both initially zero, outside the sky (or everywhere); exposed and linear, before air.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import njit, prange
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from world.errors import DataError, WeightsError
from world.render.camera import View
from world.render.features import CHANNELS, CONDITIONS, GROUPS, conditions, features, plain_of, reduced
from world.render.gbuffer import GBuffer
from world.render.light import Light

F = np.float32
OFFSET = 0.25  # exposed radiance of an output of one
FORMAT = 1  # of config.json
WEIGHTS = "painter.safetensors"
PAINTER = Path(__file__).parents[1] / "weights" / "painter"
SHIPPED = PAINTER if (PAINTER / WEIGHTS).exists() else None  # the default painter; None where the weights are missing


@dataclass(frozen=True, slots=True)
class PainterConfig:
    """stem: channels at working size; widths: channels at a half, a quarter and so on; head: channels before the output; without: GROUPS
    left out of the input; sky: whether it paints the sky too; scale: pixels per side of the squares that have a gain and an offset each,
    interpolated between."""

    stem: int = 24
    widths: tuple[int, ...] = (64, 128, 192, 256)
    head: int = 32
    condition: int = 64
    without: tuple[str, ...] = ()
    sky: bool = False
    scale: int = 2


PAINTERS = {
    "small": PainterConfig(12, (32, 64, 96, 96), 16, 48),
    "embedded": PainterConfig(),
    "wide": PainterConfig(40, (96, 192, 320, 448), 48, 96),
    "rtx5090": PainterConfig(64, (192, 384, 768, 1536), 96, 256, scale=1),
}


def painter_config(name: str) -> PainterConfig:
    """The configuration of a name. DataError, which lists all names, for an unknown one."""
    if name not in PAINTERS:
        raise DataError(f"There is no painter '{name}'; there are: {', '.join(PAINTERS)}.")
    return PAINTERS[name]


class FilmBlock(nn.Module):
    """Two convolutions on a residual path, scaled and shifted by the conditions between them."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x [B, width, H, W] under condition [B, condition]; the same shape as x."""
        scale, shift = self.film(condition)[:, :, None, None].to(x.dtype).chunk(2, 1)
        inner = self.first(functional.silu(x)) * (1 + scale) + shift
        return x + self.second(functional.silu(inner))


class Painter(nn.Module):
    """Features [B, C, H, W] and conditions [B, CONDITIONS] to exposed radiance [B, 3, H, W]."""

    hidden: Tensor | None

    def __init__(self, config: PainterConfig) -> None:
        super().__init__()
        self.config, self.sha256 = config, ""  # of the weights, when they come from a file
        c = config
        self.conditions = nn.Sequential(
            nn.Linear(CONDITIONS, c.condition), nn.SiLU(), nn.Linear(c.condition, c.condition), nn.SiLU()
        )
        self.enter = nn.Conv2d(len(CHANNELS), c.stem, 3, padding=1)
        sizes = (4 * c.stem, *c.widths)
        self.down = nn.ModuleList(
            nn.Conv2d(sizes[k], sizes[k + 1], *((1,) if k == 0 else (2, 2))) for k in range(len(c.widths))
        )
        self.inward = nn.ModuleList(FilmBlock(width, c.condition) for width in c.widths)
        self.up = nn.ModuleList(nn.Conv2d(c.widths[k + 1], c.widths[k], 1) for k in range(len(c.widths) - 1))
        self.outward = nn.ModuleList(FilmBlock(width, c.condition) for width in c.widths[:-1])
        self.leave = nn.Conv2d(c.widths[0], 4 * c.stem, 1)
        self.head = nn.Conv2d(2 * c.stem, c.head, 3, padding=1)
        self.last = nn.Conv2d(c.head, 6, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        away = {channel for group in c.without for channel in GROUPS[group]}
        mask = torch.tensor([float(channel not in away) for channel in CHANNELS]).view(1, -1, 1, 1)
        self.register_buffer("hidden", mask if away else None, persistent=False)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Exposed radiance [B, 3, H, W]."""
        height, width = features.shape[-2:]
        out = self.shade(reduced(features, self.config.scale), conditions)
        if self.config.scale > 1:
            out = functional.interpolate(out, scale_factor=self.config.scale, mode="bilinear", align_corners=False)
        return lit(plain_of(features), out[..., :height, :width], self.painted(features))

    def shade(self, features: Tensor, conditions: Tensor) -> Tensor:
        """Gains and offsets for `lit`, [B, 6, h, w], from `reduced` features."""
        height, width = features.shape[-2:]
        condition = self.conditions(conditions.to(next(self.conditions.parameters()).dtype))
        masked = _even(features if self.hidden is None else features * self.hidden)
        fine = functional.silu(self.enter(masked.to(self.enter.weight.dtype)))
        first = self.down[0]
        assert isinstance(first, nn.Conv2d)
        # The first layer's weights are stored as a 1x1 convolution over 2x2 pixels in channels; as a 2x2 convolution it is faster.
        squares = first.weight.view(len(first.weight), -1, 2, 2).contiguous(memory_format=torch.channels_last)
        x = functional.conv2d(fine, squares, first.bias, stride=2)
        skips: list[Tensor] = []
        for k, block in enumerate(self.inward):
            x = block(x if k == 0 else self.down[k](_even(x)), condition)
            skips.append(x)
        for k in reversed(range(len(self.up))):
            rows, columns = skips[k].shape[-2:]
            x = skips[k] + functional.interpolate(self.up[k](x), scale_factor=2, mode="nearest")[..., :rows, :columns]
            x = self.outward[k](x, condition)
        whole = torch.cat([functional.pixel_shuffle(self.leave(x), 2), fine], 1)
        return self.last(functional.silu(self.head(whole))).float()[..., :height, :width]

    def painted(self, features: Tensor) -> Tensor:
        """The share of every pixel that it paints, [B, H, W]: all but the sky, or one."""
        coverage = features[:, CHANNELS.index("coverage")].float()
        return torch.ones_like(coverage) if self.config.sky else coverage

    def save(self, folder: Path, trained: dict[str, Any]) -> None:
        """Writes fp16 safetensors, and last config.json with the shape and `trained`, a record of the training."""
        folder.mkdir(parents=True, exist_ok=True)
        data = save({name: value.half().contiguous() for name, value in self.state_dict().items()})
        config = {"format": FORMAT, "channels": CHANNELS, "shape": asdict(self.config), "sha256": _sha256(data)}
        (folder / WEIGHTS).write_bytes(data)
        (folder / "config.json").write_text(json.dumps(config | {"trained": trained}, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", dtype: torch.dtype | None = None) -> Painter:
        """A painter for inference, by default in `quick(device)`. WeightsError where a file is missing, damaged or made for another G-buffer."""
        try:
            config = json.loads((folder / "config.json").read_text())
            data = (folder / WEIGHTS).read_bytes()
            if config["format"] != FORMAT or tuple(config["channels"]) != CHANNELS:
                raise ValueError("made for another G-buffer")
            if config["sha256"] != _sha256(data):
                raise ValueError("another checksum")
            shape = config["shape"]
            painter = cls(PainterConfig(**shape | {key: tuple(shape[key]) for key in ("widths", "without")}))
            painter.load_state_dict(load(data))
            painter.sha256 = config["sha256"]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise WeightsError(
                f"{folder} holds no painter that fits ({error}); train one with `lucidrive train painter` or install lucidrive again."
            ) from error
        painter = channels_last(painter.eval().requires_grad_(False).to(device, dtype or quick(device)))
        for small in (painter.conditions, *(block.film for block in (*painter.inward, *painter.outward))):
            small.float()  # for a vector, rounding costs more than float32 does
        return painter


def _even(x: Tensor) -> Tensor:
    """Repeats the last row and column where their number is odd."""
    height, width = x.shape[-2:]
    return functional.pad(x, (0, width % 2, 0, height % 2), mode="replicate") if height % 2 or width % 2 else x


def grown(painter: Painter, config: PainterConfig) -> Painter:
    """A larger painter with the same output: its weights among new ones that have no effect yet.

    In the manner of Net2Net (Chen et al., 2016). ValueError for a shape that is smaller somewhere, or of another depth, scale or input.
    """
    old, new = painter.config, config
    sizes = [(one.stem, one.head, one.condition, *one.widths) for one in (old, new)]
    same = [(len(one.widths), one.without, one.scale) for one in (old, new)]
    if same[0] != same[1] or any(before > after for before, after in zip(*sizes, strict=True)):
        raise ValueError(f"a painter cannot grow from {old} to {new}")
    larger = Painter(new)
    before, after = painter.state_dict(), larger.state_dict()
    for name, weight in after.items():
        small = before[name].to(weight.dtype)
        # Inputs and outputs that consist of two halves grow in each half.
        outs = _places(len(small), len(weight), 2 if ".film." in name else 1)
        if weight.dim() == 1:
            weight[outs] = small
            continue
        ins = _places(small.shape[1], weight.shape[1], 2 if name == "head.weight" else 1)
        weight[outs] = 0.0
        weight[outs[:, None], ins] = small
    larger.load_state_dict(after)
    return larger


def _places(before: int, after: int, parts: int) -> Tensor:
    """Indices of `before` channels among `after`, both in `parts` equal parts."""
    return torch.cat([torch.arange(before // parts) + part * (after // parts) for part in range(parts)])


def channels_last(painter: Painter) -> Painter:
    """Converts a painter's weights to channels-last layout, in place."""
    for parameter in painter.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return painter


@lru_cache(maxsize=4)
def load_painter(folder: Path, device: str = "cpu") -> Painter:
    """`Painter.load`, cached. WeightsError likewise."""
    return Painter.load(folder, device)


def quick(device: str) -> torch.dtype:
    """The device's fastest type: bfloat16 where its products are faster (CUDA, AVX-512 BF16), else float32."""
    fast = device.startswith("cuda") or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lit(plain: Tensor, out: Tensor, coverage: Tensor) -> Tensor:
    """Exposed radiance [B, 3, H, W] of plain shading and a network's output [B, 6, H, W]; coverage [B, H, W]: share that is painted."""
    gain, offset = out[:, :3].clamp(-3, 3), OFFSET * out[:, 3:]
    painted = (plain * torch.exp(gain) + offset).clamp_min(0.0)
    return torch.lerp(plain, painted, coverage[:, None])


def repaint(
    painter: Painter, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of one picture, from its plain shading's."""
    return relit(painter, gbuffer, light, plain, gains(painter, gbuffer, view, light, amounts, plain))


def gains(
    painter: Painter, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """The painter's gains and offsets of one picture, float32 [h, w, 6], one for each square of pixels."""
    inputs = features(gbuffer, view, light, amounts, plain, painter.config.scale)
    return paint(painter, inputs, conditions(view, light, amounts))


def relit(
    painter: Painter, gbuffer: GBuffer, light: Light, plain: np.ndarray, out: np.ndarray, moved: bool = False
) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of plain shading under `gains`. moved: the gains are of the previous picture and follow the
    G-buffer's motion."""
    radiance, unit = np.empty_like(plain), F(OFFSET / light.exposure)
    _lit(radiance, plain, out, gbuffer.coverage, gbuffer.motion, moved, painter.config.scale, painter.config.sky, unit)
    return radiance


@torch.inference_mode()
def paint(painter: Painter, inputs: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Gains and offsets float32 [h, w, 6] of one picture (`Painter.shade`) from `features` and `conditions`."""
    device = painter.enter.weight.device
    x = torch.from_numpy(inputs).to(device).permute(2, 0, 1)[None]
    out = painter.shade(x, torch.from_numpy(moment).to(device)[None])
    return out[0].permute(1, 2, 0).contiguous().cpu().numpy()


@njit(cache=True, parallel=True, fastmath=True)
def _lit(radiance, plain, out, coverage, motion, moved, scale, sky, unit):
    """`lit` with gains and offsets interpolated between squares of pixels."""
    height, width = coverage.shape
    rows, columns = out.shape[0], out.shape[1]
    one, zero, step = F(1.0), F(0.0), F(1.0) / F(scale)
    for row in prange(height):
        for col in range(width):
            share = one if sky else coverage[row, col]
            if share == zero:
                for k in range(3):
                    radiance[row, col, k] = plain[row, col, k]
                continue
            down, along = F(row) + F(0.5), F(col) + F(0.5)
            if moved:
                down, along = down + motion[row, col, 1], along + motion[row, col, 0]
            y = min(F(rows - 1), max(zero, down * step - F(0.5)))
            above = int(y)
            below, fy = min(above + 1, rows - 1), y - F(above)
            x = min(F(columns - 1), max(zero, along * step - F(0.5)))
            left = int(x)
            right, fx = min(left + 1, columns - 1), x - F(left)
            a, b, c, d = (one - fy) * (one - fx), (one - fy) * fx, fy * (one - fx), fy * fx
            for k in range(3):
                gain = (
                    a * out[above, left, k]
                    + b * out[above, right, k]
                    + c * out[below, left, k]
                    + d * out[below, right, k]
                )
                m = k + 3
                rest = (
                    a * out[above, left, m]
                    + b * out[above, right, m]
                    + c * out[below, left, m]
                    + d * out[below, right, m]
                )
                before = plain[row, col, k]
                painted = before * np.exp(min(F(3.0), max(F(-3.0), gain))) + unit * rest
                radiance[row, col, k] = before + share * (max(zero, painted) - before)
