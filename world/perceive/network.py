"""The network: a residual convolutional net over one picture, with a head for the road and one for road users.

Road users are peaks of a heatmap with a regression beside them (Zhou et al. 2019, Objects as Points, arXiv 1904.07850).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from world.controls import TimeOfDay, Weather
from world.errors import WeightsError
from world.files import load_part, save_alone, strict
from world.perceive.sight import KINDS, MOST_LANES

FOLDER = Path(__file__).parent.parent / "weights" / "perceive"
NAME, FORMAT = "perceive", 1
SIZE = (144, 256)  # height and width of its input
STRIDE = 8  # pixels of a cell of the grid
CELLS = (SIZE[0] // STRIDE, SIZE[1] // STRIDE)
CLASSES = {  # of the road head: a softmax each
    "lanes": MOST_LANES,  # 1 to MOST_LANES
    "opposite": MOST_LANES + 1,
    "lane": MOST_LANES,
    "junction": 3,  # none in sight, ahead, inside
    "weather": len(Weather),
    "time": len(TimeOfDay),
}
VALUES = ("left", "heading", "junction_log", "pitch", "focal_log", "up")  # numbers, in units of `coding.SCALES`
PLACE = ("x", "y", "ahead_log", "width_log", "height_log", "cos", "sin")  # of a road user, in its cell


@dataclass(frozen=True, slots=True)
class PerceiveConfig:
    """widths: channels at a half, a quarter and so on of the picture; blocks: residual blocks there; head: of the road's head."""

    widths: tuple[int, ...] = (24, 48, 80, 128)
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    head: int = 160


class Output(NamedTuple):
    """road [B, sum(CLASSES) + VALUES]: logits, then numbers; grid [B, KINDS + PLACE, *CELLS]: logits of centres, then numbers."""

    road: Tensor
    grid: Tensor


class ResidualBlock(nn.Module):
    """Two convolutions on a residual path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, width, H, W], the same shape out."""
        return x + self.second(functional.silu(self.first(functional.silu(self.norm(x)))))


class Perceiver(nn.Module):
    """Pictures [B, 3, *SIZE] in [0, 1] to an Output."""

    def __init__(self, config: PerceiveConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PerceiveConfig()
        self.enter = nn.Conv2d(3, c.widths[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(
            _active(before, nn.Conv2d(before, after, 3, stride=2, padding=1))
            for before, after in zip(c.widths[:-1], c.widths[1:], strict=True)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(c.widths, c.blocks, strict=True)
        )
        fine, coarse = c.widths[-2], c.widths[-1]
        self.lower = _active(coarse, nn.Conv2d(coarse, coarse, 3, stride=2, padding=1))
        self.narrow = _active(coarse, nn.Conv2d(coarse, 24, 1))
        rows, columns = -(-CELLS[0] // 4), -(-CELLS[1] // 4)
        self.road = nn.Sequential(
            nn.SiLU(), nn.Linear(24 * rows * columns, c.head), nn.SiLU(),
            nn.Linear(c.head, sum(CLASSES.values()) + len(VALUES)),
        )  # fmt: skip
        self.rise = _active(coarse, nn.Conv2d(coarse, fine, 1))
        self.merge = ResidualBlock(fine)
        grid = nn.Conv2d(fine, len(KINDS) + len(PLACE), 1)
        self.grid = _active(fine, grid)
        assert grid.bias is not None
        nn.init.constant_(grid.bias[: len(KINDS)], -4.6)  # nobody, to begin with

    def forward(self, pictures: Tensor) -> Output:
        """The Output of pictures [B, 3, *SIZE] in [0, 1]."""
        x = self.enter(2 * pictures - 1)
        finer = x
        for k, stage in enumerate(self.stages):
            if k:
                finer = x
                x = self.down[k - 1](x)
            x = stage(x)
        road = self.road(self.narrow(self.lower(x)).flatten(1))
        raised = functional.interpolate(self.rise(x), size=finer.shape[-2:], mode="nearest")
        return Output(road.float(), self.grid(self.merge(finer + raised)).float())


def _active(width: int, layer: nn.Module) -> nn.Sequential:
    """A layer on normalised activations of `width` channels; without the norm little of a picture reaches the heads."""
    return nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), layer)


def split(road: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The road head's logits [B, N] and numbers [B] by name."""
    parts = road.split([*CLASSES.values(), *(1 for _ in VALUES)], dim=1)
    logits = dict(zip(CLASSES, parts[: len(CLASSES)], strict=True))
    return logits, {name: part[:, 0] for name, part in zip(VALUES, parts[len(CLASSES) :], strict=True)}


def save(folder: Path, perceiver: Perceiver, trained: dict[str, object]) -> None:
    """Writes float16 weights and a config with their checksum; trained: record of the training."""
    save_alone(folder, NAME, perceiver, perceiver.config, trained, FORMAT)


@lru_cache(maxsize=2)
def load(folder: Path = FOLDER) -> Perceiver:
    """The network of a folder, once. WeightsError where there is none, or where it is damaged or of another version."""
    try:
        raw = json.loads((folder / "config.json").read_text())
        if raw["format"] != FORMAT:
            raise ValueError("another version")
        shapes = {name: tuple(v) if isinstance(v, list) else v for name, v in raw["config"].items()}
        config = strict(PerceiveConfig, shapes, str(folder))
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no network that reads pictures in {folder}; train one with `lucidrive train perceive`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / 'config.json'} is damaged ({error}); copy it anew or train again.") from error
    perceiver = Perceiver(config)
    load_part(folder, NAME, perceiver, raw)
    return perceiver
