"""The painter: a small U-Net that learnt from a path tracer how light falls. It begins as plain shading and learns the rest.

radiance = plain shading * exp(gain) + offset, both from zero, on what is not sky (or on all of it); everything exposed and linear, before air.
"""

from __future__ import annotations

import hashlib
import json
import math
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
from world.render.gbuffer import GBuffer
from world.render.light import Light
from world.render.materials import Surface

F = np.float32
CHANNELS = (
    *(f"plain {c}" for c in "rgb"), *(f"albedo {c}" for c in "rgb"), "right", "down", "forward", "facing", "height", "nearness",
    "coverage", "sun", "open", "rough", "water", "snow", "emission", "mirror", "mirrored", "lamps", "beams", "coarse", "fine",
    "glass", "clearcoat", "foliage", "metal", "light",
)  # fmt: skip
GROUPS = {  # of channels, as the ablation leaves them out
    "albedo": ("albedo r", "albedo g", "albedo b"), "normal": ("right", "down", "forward", "facing"), "height": ("height",),
    "nearness": ("nearness",), "sun": ("sun",), "open": ("open",), "rough": ("rough",), "water and snow": ("water", "snow"),
    "emission": ("emission",), "mirror": ("mirror", "mirrored"), "lamps and beams": ("lamps", "beams"), "noise": ("coarse", "fine"),
    "classes": ("glass", "clearcoat", "foliage", "metal", "light"),
}  # fmt: skip
_CLASSES = np.array([Surface.GLASS, Surface.CLEARCOAT, Surface.FOLIAGE, Surface.METAL, Surface.LIGHT], np.uint8)
CONDITIONS = 18
DARK = 0.02  # exposed radiance around which the network's scale turns from linear to logarithmic
OFFSET = 0.25  # exposed radiance of an output of one
FORMAT = 1  # of config.json
WEIGHTS = "painter.safetensors"
PAINTER = Path(__file__).parents[1] / "weights" / "painter"
SHIPPED = (
    PAINTER if (PAINTER / WEIGHTS).exists() else None
)  # what paints unless told otherwise: nothing, where none came along


@dataclass(frozen=True, slots=True)
class PainterConfig:
    """stem: channels at the size it works at; widths: at a half, a quarter and so on; head: before the output; without: GROUPS it does not
    see; sky: whether it paints the sky too; scale: a gain and an offset for every square of so many pixels a side, between which those of
    pixels lie: light changes slowly, and what does not is in plain shading already."""

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
    """The shapes of that name; DataError lists them all."""
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
        kept = torch.tensor([float(channel not in away) for channel in CHANNELS]).view(1, -1, 1, 1)
        self.register_buffer("hidden", kept if away else None, persistent=False)

    def forward(self, features: Tensor, conditions: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        out = self.shade(reduced(features, self.config.scale), conditions)
        if self.config.scale > 1:
            out = functional.interpolate(out, scale_factor=self.config.scale, mode="bilinear", align_corners=False)
        return lit(plain_of(features), out[..., :height, :width], self.painted(features))

    def shade(self, features: Tensor, conditions: Tensor) -> Tensor:
        """What `lit` makes of plain shading, [B, 6, h, w], from `reduced` features."""
        height, width = features.shape[-2:]
        condition = self.conditions(conditions.to(next(self.conditions.parameters()).dtype))
        seen = _even(features if self.hidden is None else features * self.hidden)
        fine = functional.silu(self.enter(seen.to(self.enter.weight.dtype)))
        first = self.down[0]
        assert isinstance(first, nn.Conv2d)
        # Pixels side by side are channels to the first, a convolution of one pixel: the same as one of 2x2, and quicker so.
        squares = first.weight.view(len(first.weight), -1, 2, 2).contiguous(memory_format=torch.channels_last)
        x = functional.conv2d(fine, squares, first.bias, stride=2)
        kept: list[Tensor] = []
        for k, block in enumerate(self.inward):
            x = block(x if k == 0 else self.down[k](_even(x)), condition)
            kept.append(x)
        for k in reversed(range(len(self.up))):
            rows, columns = kept[k].shape[-2:]
            x = kept[k] + functional.interpolate(self.up[k](x), scale_factor=2, mode="nearest")[..., :rows, :columns]
            x = self.outward[k](x, condition)
        whole = torch.cat([functional.pixel_shuffle(self.leave(x), 2), fine], 1)
        return self.last(functional.silu(self.head(whole))).float()[..., :height, :width]

    def painted(self, features: Tensor) -> Tensor:
        """The share of every pixel that it paints, [B, H, W]: what is not sky, or all."""
        coverage = features[:, CHANNELS.index("coverage")].float()
        return torch.ones_like(coverage) if self.config.sky else coverage

    def save(self, folder: Path, trained: dict[str, Any]) -> None:
        """fp16 safetensors, and config.json, written last, that says of which shape they are and how they came about."""
        folder.mkdir(parents=True, exist_ok=True)
        data = save({name: value.half().contiguous() for name, value in self.state_dict().items()})
        config = {"format": FORMAT, "channels": CHANNELS, "shape": asdict(self.config), "sha256": _sha256(data)}
        (folder / WEIGHTS).write_bytes(data)
        (folder / "config.json").write_text(json.dumps(config | {"trained": trained}, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, device: str = "cpu", dtype: torch.dtype | None = None) -> Painter:
        """To paint with, in `dtype` or in bfloat16 where the device computes in it. WeightsError where a file is missing, damaged or made for another G-buffer."""
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
            small.float()  # a vector is multiplied sooner than it is rounded
        return painter


def _even(x: Tensor) -> Tensor:
    """With its last row and column twice where their number is odd."""
    height, width = x.shape[-2:]
    return functional.pad(x, (0, width % 2, 0, height % 2), mode="replicate") if height % 2 or width % 2 else x


def grown(painter: Painter, config: PainterConfig) -> Painter:
    """A larger painter that paints what this one does: its weights among new ones, of which it hears nothing yet.

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
        # What comes in or goes out as two halves grows in each of them.
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
    """Where `before` channels are among `after`, which come in so many parts."""
    return torch.cat([torch.arange(before // parts) + part * (after // parts) for part in range(parts)])


def channels_last(painter: Painter) -> Painter:
    """The same with its weights laid out as pictures come: a pixel's channels side by side."""
    for parameter in painter.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return painter


@lru_cache(maxsize=4)
def load_painter(folder: Path, device: str = "cpu") -> Painter:
    """`Painter.load`, once a folder and device."""
    return Painter.load(folder, device)


def quick(device: str) -> torch.dtype:
    """What the device computes fastest in: bfloat16 where it multiplies it faster (CUDA, AVX-512 BF16), else float32."""
    fast = device.startswith("cuda") or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def reduced(features: Tensor, scale: int) -> Tensor:
    """Means of features [B, C, H, W] over scale x scale pixels, as `features` makes them; plain shading's are of light, not of its logarithm."""
    if scale == 1:
        return features
    both = torch.cat([torch.expm1(features[:, :3].float()), features[:, 3:].float()], 1)
    mean = functional.avg_pool2d(both, scale, ceil_mode=True, count_include_pad=False)
    return torch.cat([torch.log1p(mean[:, :3]), mean[:, 3:]], 1)


def lit(plain: Tensor, out: Tensor, coverage: Tensor) -> Tensor:
    """Exposed radiance [B, 3, H, W] of plain shading under a network's output [B, 6, H, W]; coverage [B, H, W]: what is painted."""
    gain, offset = out[:, :3].clamp(-3, 3), OFFSET * out[:, 3:]
    painted = (plain * torch.exp(gain) + offset).clamp_min(0.0)
    return torch.lerp(plain, painted, coverage[:, None])


def plain_of(features: Tensor) -> Tensor:
    """The exposed plain shading [B, 3, H, W] that is among the features."""
    return DARK * torch.expm1(features[:, :3].float())


def features(
    gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray, scale: int = 1
) -> np.ndarray:
    """What the painter sees, float32 [H / scale, W / scale, C] in the order of CHANNELS: means over scale x scale pixels.

    plain: plain shading's radiance [H, W, 3].
    """
    g = gbuffer
    height, width = g.coverage.shape
    out = np.empty((-(-height // scale), -(-width // scale), len(CHANNELS)), F)
    exposed = F(light.exposure / DARK)
    numbers = np.array(
        [exposed, amounts[0], amounts[1], light.lamp[1] * exposed, light.beam[1] * exposed, view.focal, view.eye[2]], F
    )
    _features(
        out, scale, numbers, view.axes.astype(F), plain, g.albedo, g.normal, g.inverse_depth, g.coverage, g.surface, g.roughness,
        g.wet, g.snow, g.emission, g.sun, g.occlusion, g.mirror, g.lamps, g.beams, g.noise, _CLASSES,
    )  # fmt: skip
    return out


@njit(cache=True, parallel=True, fastmath=True)
def _features(
    out, scale, numbers, axes, plain, albedo, normal, near, coverage, surface, rough, wet, snow, emission, sun, occlusion, mirror,
    lamps, beams, noise, classes,
):  # fmt: skip
    height, width = coverage.shape
    exposed, rain, snows, lamp, beam, focal, eye = numbers
    one, zero = F(1.0), F(0.0)
    for block in prange(out.shape[0]):
        for across in range(out.shape[1]):
            to = out[block, across]
            to[:] = zero
            count = zero
            for row in range(block * scale, min(height, block * scale + scale)):
                for col in range(across * scale, min(width, across * scale + scale)):
                    count += one
                    for k in range(3):
                        to[k] += max(zero, plain[row, col, k]) * exposed
                        to[3 + k] += np.sqrt(min(one, max(zero, albedo[row, col, k])))
                    nx, ny, nz = normal[row, col, 0], normal[row, col, 1], normal[row, col, 2]
                    u = (F(col) + F(0.5) - F(0.5) * F(width)) / focal
                    v = (F(row) + F(0.5) - F(0.5) * F(height)) / focal
                    right = axes[0, 0] * nx + axes[0, 1] * ny + axes[0, 2] * nz
                    down = axes[1, 0] * nx + axes[1, 1] * ny + axes[1, 2] * nz
                    ahead = axes[2, 0] * nx + axes[2, 1] * ny + axes[2, 2] * nz
                    to[6] += right
                    to[7] += down
                    to[8] += ahead
                    to[9] -= (right * u + down * v + ahead) / np.sqrt(u * u + v * v + one)
                    inverse = near[row, col]
                    rise = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
                    above = eye + rise / max(inverse, F(1e-3))
                    to[10] += np.log(one + max(zero, above)) * coverage[row, col]
                    to[11] += np.log(one + F(20.0) * inverse)
                    to[12] += coverage[row, col]
                    to[13] += sun[row, col]
                    to[14] += occlusion[row, col]
                    to[15] += rough[row, col]
                    to[16] += wet[row, col] * rain
                    to[17] += snow[row, col] * snows
                    glow = max(emission[row, col, 0], max(emission[row, col, 1], emission[row, col, 2]))
                    to[18] += np.log(one + glow * exposed)
                    to[19] += np.log(one + mirror[row, col, 1] * exposed)
                    to[20] += mirror[row, col, 3]
                    to[21] += np.log(one + lamps[row, col, 1] * lamp)
                    to[22] += np.log(one + beams[row, col, 1] * beam)
                    to[23] += noise[row, col, 0]
                    to[24] += noise[row, col, 1]
                    for k in range(5):
                        to[25 + k] += one if surface[row, col] == classes[k] else zero
            for k in range(to.shape[0]):
                to[k] /= count
            for k in range(3):
                to[k] = np.log(one + to[k])


def conditions(view: View, light: Light, amounts: np.ndarray) -> np.ndarray:
    """What the painter is told of the moment, float32 [CONDITIONS]: the sun in the camera's axes, colours of sun and sky, amounts."""
    sun = view.axes @ np.asarray(light.sun_direction)
    tones = [math.log1p(value * light.exposure / DARK) / 4 for value in (*light.sun, *light.deck)]
    rest = [light.overcast, light.clouds, math.log(light.exposure) / 3]
    return np.array([*sun, *tones, *rest, *amounts], F)


def repaint(
    painter: Painter, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of one picture, from its plain shading's."""
    return relit(painter, gbuffer, light, plain, gains(painter, gbuffer, view, light, amounts, plain))


def gains(
    painter: Painter, gbuffer: GBuffer, view: View, light: Light, amounts: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """What the painter says of one picture: gains and offsets float32 [h, w, 6] of squares of its pixels."""
    seen = features(gbuffer, view, light, amounts, plain, painter.config.scale)
    return paint(painter, seen, conditions(view, light, amounts))


def relit(
    painter: Painter, gbuffer: GBuffer, light: Light, plain: np.ndarray, out: np.ndarray, moved: bool = False
) -> np.ndarray:
    """Linear radiance float32 [H, W, 3] of plain shading under `gains`. moved: those are of the picture that the G-buffer's motion is since,
    and move with what stands there."""
    radiance, unit = np.empty_like(plain), F(OFFSET / light.exposure)
    _lit(radiance, plain, out, gbuffer.coverage, gbuffer.motion, moved, painter.config.scale, painter.config.sky, unit)
    return radiance


@torch.inference_mode()
def paint(painter: Painter, seen: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Gains and offsets float32 [h, w, 6] of one picture (`Painter.shade`) from `features` and `conditions`."""
    device = painter.enter.weight.device
    x = torch.from_numpy(seen).to(device).permute(2, 0, 1)[None]
    out = painter.shade(x, torch.from_numpy(told).to(device)[None])
    return out[0].permute(1, 2, 0).contiguous().cpu().numpy()


@njit(cache=True, parallel=True, fastmath=True)
def _lit(radiance, plain, out, coverage, motion, moved, scale, sky, unit):
    """`lit`, of gains and offsets that lie between those of squares of pixels."""
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
