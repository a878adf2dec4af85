"""The judge: a small convolutional network that looks at pictures and says what they show. It measures dreams.

It is trained on real frames of the town alone (`world.train.judge`), never sees a dream in training, and shares no
weights with the world model: it is told neither latents nor controls, so what it says of a dream is evidence.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import Event, Side, TimeOfDay, Weather
from world.data.video import fit
from world.errors import WeightsError
from world.files import load_part, save_part, sha256, strict

PART = "judge"
BATCH = 64  # frames at a time
# What it says, and the width of each answer: classes, probabilities (logits), then numbers in these units.
CLASSES = {"weather": len(Weather), "time": len(TimeOfDay), "event": len(Event)}
FLAGS = ("from_left", "off_road", "junction")
SCALES = {"speed": 10.0, "yaw_rate": 0.3}
CHANGE = 3.0
# How far (pixels, or pairs of pixels) a picture is shifted to be laid over a later one, and of which ages.
SIDEWAYS, DOWN, LATER = tuple(range(-8, 9)), tuple(range(1, 7)), tuple(range(-12, 13))
MATCHES = len(SIDEWAYS) + len(DOWN) + len(LATER)
CELL = 8  # pixels
ANYWHERE = 96  # things looked for wherever in the picture they may be
DROPOUT = 0.25


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """`ages`: which frames it looks at, oldest first, counted back from the one that it judges."""

    height: int = 72
    width: int = 128
    ages: tuple[int, ...] = (9, 4, 1, 0)
    channels: tuple[int, ...] = (24, 40, 80, 128)
    hidden: int = 256
    features: int = 64

    def __post_init__(self) -> None:
        for name in ("ages", "channels"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # lists, where they come from JSON

    @property
    def window(self) -> int:
        """Frames, the judged one included, that it must have seen before it can tell motion."""
        return max(self.ages) + 1


@dataclass(frozen=True, slots=True)
class Sight:
    """What the judge sees in each of T frames.

    weather, time, event: int [T], the likeliest values of the enums; side: int [T], where the event comes from (a `Side`;
    means something only where a sided event is seen); speed [T] m/s; yaw_rate [T] rad/s, left positive; off_road and
    junction: bool [T], whether the car is off the road, or inside a junction; features [T, D].
    """

    weather: np.ndarray
    time: np.ndarray
    event: np.ndarray
    side: np.ndarray
    speed: np.ndarray
    yaw_rate: np.ndarray
    off_road: np.ndarray
    junction: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.weather)

    def __getitem__(self, index: Any) -> Sight:
        return Sight(*(getattr(self, name)[index] for name in self.__slots__))


class Judge(nn.Module):
    """Input: float [B, A, 3, H, W] in [-1, 1], a picture for each of the config's ages."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = c = config
        self.look = _Layer(3 * len(c.ages), c.channels[0], 5)
        stages = [nn.Sequential(_Layer(given, made, 3), _Residual(made)) for given, made in pairwise(c.channels)]
        self.near, self.far = nn.Sequential(*stages[:2]), nn.Sequential(*stages[2:])
        self.motion = nn.Sequential(nn.Conv2d(MATCHES, c.channels[2], 1, bias=False), nn.BatchNorm2d(c.channels[2]))
        self.trunk = nn.Sequential(nn.Conv2d(c.channels[-1], 32, 1), nn.SiLU())
        height, width = c.height, c.width
        for _ in c.channels:
            height, width = -(-height // 2), -(-width // 2)
        self.anywhere = nn.Sequential(nn.Conv2d(c.channels[-1], ANYWHERE, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.hidden = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(32 * height * width + ANYWHERE, c.hidden), nn.SiLU(), nn.Dropout(DROPOUT)
        )
        self.squeeze = nn.Sequential(nn.Linear(c.hidden, c.features), nn.SiLU())
        self.answers = nn.Linear(c.features, sum(CLASSES.values()) + len(FLAGS) + len(SCALES))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits of each of CLASSES, `flags` [B, 3] (logits), `values` [B, 2] (scaled), `features` [B, D]."""
        newest = images[:, -1:]
        changes = CHANGE * (newest - images[:, :-1])  # motion lies in small differences: let them stand out
        x = torch.cat([newest, changes], dim=1).flatten(1, 2)
        x = self.near(self.look(x.contiguous(memory_format=torch.channels_last)))
        x = self.far(x + self.motion(matches(images)))
        features = self.squeeze(self.hidden(torch.cat([self.trunk(x).flatten(1), self.anywhere(x)], dim=1)))
        parts = self.answers(features).split([*CLASSES.values(), len(FLAGS), len(SCALES)], dim=1)
        return dict(zip((*CLASSES, "flags", "values"), parts, strict=True)) | {"features": features}

    @torch.inference_mode()
    def watch(self, images: np.ndarray, at: np.ndarray | None = None) -> Sight:
        """What it sees in the frames numbered `at` (default: all) of a film uint8 [T, h, w, 3] of any size.

        Before the film begins it is taken to stand still, so the first frames tell no motion.
        """
        c, out = self.config, []
        images = (
            images
            if images.shape[1:3] == (c.height, c.width)
            else np.stack([fit(i, (c.height, c.width)) for i in images])
        )
        frames = np.arange(len(images)) if at is None else at
        for start in range(0, len(frames), BATCH):
            index = (frames[start : start + BATCH, None] - np.array(c.ages)).clip(0)
            out.append(self(as_input(images, index).to(self.answers.weight.device)))
        if not out:
            out.append(self(torch.zeros(0, len(c.ages), 3, c.height, c.width, device=self.answers.weight.device)))
        answers = {name: torch.cat([part[name] for part in out]).float().cpu() for name in out[0]}
        speed, yaw_rate = (answers["values"] * torch.tensor(list(SCALES.values()))).numpy().T
        left, off_road, junction = (answers["flags"] > 0).numpy().T
        weather, time, event = (answers[name].argmax(1).numpy() for name in CLASSES)
        side = np.where(left, int(Side.LEFT), int(Side.RIGHT))
        return Sight(
            weather, time, event, side, speed.clip(0), yaw_rate, off_road, junction, answers["features"].numpy()
        )

    @classmethod
    def load(cls, folder: Path) -> Judge:
        """The judge in `folder`; WeightsError when anything is missing or damaged."""
        raw = card(folder)
        try:
            config = strict(JudgeConfig, raw["config"], str(folder / "config.json"))
            return load_part(folder, PART, cls(config), raw)  # type: ignore[return-value]
        except (KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{folder / 'config.json'} is damaged ({error}); copy it anew or train again."
            ) from error


def matches(images: Tensor) -> Tensor:
    """How badly the newest picture is matched by earlier ones, shifted: [B, MATCHES, H / 8, W / 8], relative to the mean.

    The cost volume of optical flow (FlowNet, arXiv 1504.06852, section 3), by absolute differences of grey values: the
    picture before, shifted sideways and down, and at half resolution the one before that in the config's ages, sideways.
    """
    grey = images.mean(2)
    now, before, earlier = grey[:, -1:], grey[:, -2:-1], grey[:, -3:-2]
    small, small_earlier = (F.avg_pool2d(picture, 2) for picture in (now, earlier))
    groups = (
        (now, before, [(0, across) for across in SIDEWAYS] + [(down, 0) for down in DOWN], CELL),
        (small, small_earlier, [(0, across) for across in LATER], CELL // 2),
    )
    out = []
    for newer, older, shifts, cell in groups:
        costs = torch.cat([(newer - _shifted(older, *by)).abs() for by in shifts], dim=1)
        costs = F.avg_pool2d(costs, cell, ceil_mode=True)
        out.append(costs / (costs.mean(1, keepdim=True) + 0.01) - 1)
    return torch.cat(out, dim=1)


def _shifted(picture: Tensor, down: int, across: int) -> Tensor:
    """Moved by whole pixels, the edge repeated."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (max(across, 0), max(-across, 0), max(down, 0), max(-down, 0)), mode="replicate")
    return padded[..., max(-down, 0) : max(-down, 0) + height, max(-across, 0) : max(-across, 0) + width]


def as_input(images: np.ndarray, index: np.ndarray) -> Tensor:
    """Frames [B, A] of a film uint8 [T, H, W, 3] as the judge's input, float [B, A, 3, H, W] in [-1, 1]."""
    pictures = torch.from_numpy(images[index.reshape(-1)]).permute(0, 3, 1, 2).float()
    return (pictures / 127.5 - 1).unflatten(0, index.shape)


def card(folder: Path) -> dict[str, Any]:
    """config.json: the shapes, a sha256 a file, and how the judge was trained."""
    path = folder / "config.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(
            f"There is no judge in {path.parent}; name another folder, or train one with `lucidrive train judge`."
        ) from error
    except ValueError as error:
        raise WeightsError(f"{path} is damaged ({error}); copy it anew or train again.") from error


def save(judge: Judge, folder: Path, trained: dict[str, Any]) -> None:
    """Writes weights (fp16) and config.json; `trained` says how they came about."""
    save_part(folder, PART, judge.state_dict())
    files = {f"{PART}.safetensors": sha256(folder / f"{PART}.safetensors")}
    text = json.dumps({"format": 1, "config": asdict(judge.config), "files": files, "trained": trained}, indent=2)
    aside = folder / "config.json.tmp"
    aside.write_text(text + "\n")
    aside.replace(folder / "config.json")


class _Layer(nn.Sequential):
    """A convolution that halves the picture."""

    def __init__(self, given: int, made: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(given, made, size, stride=2, padding=size // 2, bias=False),
            nn.BatchNorm2d(made),
            nn.SiLU(inplace=True),
        )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.silu(self.first_norm(self.first(x)), inplace=True)
        return F.silu(x + self.second_norm(self.second(inner)), inplace=True)
