"""The judge: a small convolutional network that classifies pictures, to evaluate dreams.

It is trained on path-traced pictures of training towns (`world.train.judge`), never on painted ones, and gets neither scene nor controls, so
its output is independent evidence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from world.controls import Command, Event, Side, TimeOfDay, Weather
from world.data.video import fit
from world.errors import WeightsError
from world.files import load_part, save_alone, strict

PART = "judge"
JUDGE = Path(__file__).parent / "weights" / "judge"  # the default judge
BATCH = 64  # films at a time
AGES = (8, 4, 0)  # steps of 0.1 s before now of a film's pictures, oldest first
GAP = 4  # steps from one picture to the next
EVENT_SECONDS = 4.0  # after its onset, within which an event should be visible
MANOEUVRES = (
    Command.FOLLOW, Command.STRAIGHT, Command.LEFT, Command.RIGHT, Command.LANE_LEFT, Command.LANE_RIGHT, Command.STOP,
)  # fmt: skip
FIRST_EVENTS = 11  # of Event, that judges know whose config.json does not say how many
# What it says: classes, of which the last is where an event comes from, then numbers in these units.
CLASSES = {
    "weather": len(Weather),
    "time": len(TimeOfDay),
    "event": len(Event),
    "manoeuvre": len(MANOEUVRES),
    "side": 2,
}
SCALES = {"speed": 10.0, "yaw_rate": 0.3}
SIDES = (Side.LEFT, Side.RIGHT)
KINDS = np.array([0, 1, 1, 1, 2, 2, 2, 3, 3, 3])  # of a Weather: clear, rain, snow, fog
CHANGE = 3.0
# How far a picture is shifted to be laid over the next one: pixels of half size sideways, of full size down.
SIDEWAYS, DOWN = tuple(range(-14, 15)), tuple(range(1, 11))
MATCHES = len(SIDEWAYS) + len(DOWN)  # of each pair of pictures
CELL = 8  # pixels
CELLS = (9, 16)  # of the picture, in which it looks for whoever plays an event
ANYWHERE = 96  # things looked for wherever in the picture they may be
DROPOUT = 0.25


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Shapes of a `Judge`.

    height, width: of its input, pixels; channels: of its convolutional stages, each at half the size of the previous one; hidden: of the
    layer over the whole picture; features: D of `JudgeOutput.features`; events: E, the number of first values of Event that it was
    trained on.
    """

    height: int = 72
    width: int = 128
    channels: tuple[int, ...] = (24, 48, 96, 144)
    hidden: int = 256
    features: int = 48
    events: int = len(Event)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # a list, where it comes from JSON


@dataclass(frozen=True, slots=True)
class JudgeOutput:
    """The judge's output for the last pictures of N films.

    weather [N, 10], time [N, 4], event [N, E], manoeuvre [N, 7] (of MANOEUVRES), side [N, 2] (of SIDES; meaningful only with a sided
    event): probabilities; speed [N] m/s and yaw_rate [N] rad/s, left positive; features [N, D].
    """

    weather: np.ndarray
    time: np.ndarray
    event: np.ndarray
    manoeuvre: np.ndarray
    side: np.ndarray
    speed: np.ndarray
    yaw_rate: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.weather)

    def shows(self, event: Event, side: Side = Side.NONE) -> np.ndarray:
        """Whether the event is the likeliest in each film, and a given side likelier than the other; bool [N]."""
        there = self.event.argmax(1) == int(event)
        return there if side == Side.NONE else there & (self.side.argmax(1) == SIDES.index(side))

    def kind(self) -> np.ndarray:
        """The likeliest kind of weather of each film, of KINDS, regardless of level; int [N]."""
        return np.stack([self.weather[:, kind == KINDS].sum(1) for kind in range(4)], 1).argmax(1)


class Judge(nn.Module):
    """Input: float [B, A, 3, H, W] in [-1, 1], a picture for each of AGES."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = c = config
        self.look = _Layer(3 * len(AGES), c.channels[0], 5)
        stages = [nn.Sequential(_Layer(before, after, 3), _Residual(after)) for before, after in pairwise(c.channels)]
        self.near, self.far = nn.Sequential(*stages[:2]), nn.Sequential(*stages[2:])
        pairs = MATCHES * (len(AGES) - 1)
        self.motion = nn.Sequential(nn.Conv2d(pairs, c.channels[2], 1, bias=False), nn.BatchNorm2d(c.channels[2]))
        self.trunk = nn.Sequential(nn.Conv2d(c.channels[-1], 32, 1), nn.SiLU())
        height, width = c.height, c.width
        for _ in c.channels:
            height, width = -(-height // 2), -(-width // 2)
        self.where = nn.Conv2d(c.channels[2], c.events, 1)
        self.anywhere = nn.ModuleList(nn.Conv2d(c.channels[k], ANYWHERE, 1) for k in (2, -1))
        self.hidden = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(32 * height * width + 2 * ANYWHERE + CELLS[0] * CELLS[1], c.hidden),
            nn.SiLU(),
            nn.Dropout(DROPOUT),
        )
        self.squeeze = nn.Sequential(nn.Linear(c.hidden, c.features), nn.SiLU())
        self.classes = CLASSES | {"event": c.events}
        self.answers = nn.Linear(c.features, sum(self.classes.values()) + len(SCALES))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits of each of CLASSES, `values` [B, 2] (scaled), `features` [B, D], and `where` [B, E, *CELLS]: logits of the event of each cell.

        A cell's evidence adds to its event's logit from the whole picture.
        """
        newest = images[:, -1:]
        changes = CHANGE * (newest - images[:, :-1])  # motion lies in small differences: let them stand out
        x = torch.cat([newest, changes], dim=1).flatten(1, 2)
        near = self.near(self.look(x.contiguous(memory_format=torch.channels_last)))
        near = near + self.motion(matches(images))
        far = self.far(near)
        peaks = [look(x).amax((2, 3)) for look, x in zip(self.anywhere, (near, far), strict=True)]
        where = self.where(near)
        if where.shape[-2:] != CELLS:  # of a judge of other pictures
            where = F.interpolate(where, CELLS)
        somebody = 1 - where.softmax(1)[:, 0]
        hidden = self.hidden(torch.cat([self.trunk(far).flatten(1), *peaks, somebody.flatten(1)], dim=1))
        features = self.squeeze(hidden)
        parts = self.answers(features).split([*self.classes.values(), len(SCALES)], dim=1)
        out = dict(zip((*CLASSES, "values"), parts, strict=True)) | {"features": features, "where": where}
        evidence = (where[:, 1:] - where[:, :1]).flatten(2).amax(2)
        out["event"] = torch.cat([out["event"][:, :1], out["event"][:, 1:] + evidence], dim=1)
        return out

    @torch.inference_mode()
    def watch(self, films: Sequence[np.ndarray] | np.ndarray) -> JudgeOutput:
        """The output for films uint8 [N, A, h, w, 3] of any size, oldest picture first, GAP steps apart."""
        size, out = (self.config.height, self.config.width), []
        for start in range(0, max(1, len(films)), BATCH):
            pictures = [np.stack([fit(picture, size) for picture in film]) for film in films[start : start + BATCH]]
            batch = np.stack(pictures) if pictures else np.zeros((0, len(AGES), *size, 3), np.uint8)
            out.append(self(as_input(batch).to(self.answers.weight.device)))
        answers = {name: torch.cat([part[name] for part in out]).float().cpu() for name in out[0]}
        speed, yaw_rate = (answers["values"] * torch.tensor(list(SCALES.values()))).numpy().T
        likely = {name: answers[name].softmax(1).numpy() for name in CLASSES}
        return JudgeOutput(**likely, speed=speed.clip(0), yaw_rate=yaw_rate, features=answers["features"].numpy())

    def follow(self, pictures: Sequence[np.ndarray]) -> JudgeOutput:
        """The output along a drive of T >= A pictures uint8 [h, w, 3], GAP steps apart: a film ends at each but the first A - 1."""
        size, long = (self.config.height, self.config.width), len(AGES)
        small = np.stack([fit(picture, size) for picture in pictures])
        return self.watch([small[end - long : end] for end in range(long, len(small) + 1)])

    @classmethod
    def load(cls, folder: Path) -> Judge:
        """The judge in `folder`. WeightsError where a file is missing or damaged."""
        raw = card(folder)
        try:
            config = strict(JudgeConfig, {"events": FIRST_EVENTS} | raw["config"], str(folder / "config.json"))
            return load_part(folder, PART, cls(config), raw)  # type: ignore[return-value]
        except (KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{folder / 'config.json'} is damaged ({error}); copy it anew or train again."
            ) from error


def matches(images: Tensor) -> Tensor:
    """The mismatch of each picture with shifts of the previous one: [B, (A - 1) * MATCHES, H / 8, W / 8], relative to the mean.

    The cost volume of optical flow (FlowNet, arXiv 1504.06852, section 3), by absolute differences of grey values.
    """
    grey = images.mean(2)
    small = F.avg_pool2d(grey, 2)
    out = []
    for before, now in pairwise(range(images.shape[1])):
        groups = (
            (small, [(0, across) for across in SIDEWAYS], CELL // 2),
            (grey, [(down, 0) for down in DOWN], CELL),
        )
        for picture, shifts, cell in groups:
            older, newer = picture[:, before : before + 1], picture[:, now : now + 1]
            costs = torch.cat([(newer - _shifted(older, *by)).abs() for by in shifts], dim=1)
            costs = F.avg_pool2d(costs, cell, ceil_mode=True)
            out.append(costs / (costs.mean(1, keepdim=True) + 0.01) - 1)
    return torch.cat(out, dim=1)


def _shifted(picture: Tensor, down: int, across: int) -> Tensor:
    """The picture moved by whole pixels, with its edge repeated."""
    height, width = picture.shape[-2:]
    padded = F.pad(picture, (max(across, 0), max(-across, 0), max(down, 0), max(-down, 0)), mode="replicate")
    return padded[..., max(-down, 0) : max(-down, 0) + height, max(-across, 0) : max(-across, 0) + width]


def as_input(films: np.ndarray) -> Tensor:
    """Films uint8 [B, A, H, W, 3] as the judge's input, float [B, A, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(films).movedim(-1, 2).float() / 127.5 - 1


def card(folder: Path) -> dict[str, Any]:
    """config.json: the shapes, a sha256 per file, and the training record. WeightsError where it is missing or damaged."""
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
    """Writes weights (fp16) and config.json; trained: record of the training."""
    save_alone(folder, PART, judge, judge.config, trained, 3)


class _Layer(nn.Sequential):
    """A convolution that halves the picture."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride=2, padding=size // 2, bias=False),
            nn.BatchNorm2d(outputs),
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
