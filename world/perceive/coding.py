"""Encoding of sights as training targets, and decoding of the network's output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from world.perceive.network import CELLS, CLASSES, SIZE, VALUES, Output, split
from world.perceive.sight import KINDS, MOST_LANES, SeenUser, Sight
from world.scene.facts import NO_JUNCTION

# Zero and unit of each number of the road's head.
SCALES = {
    "left": (0.0, 1.0),
    "heading": (0.0, 0.1),
    "junction_log": (2.5, 1.0),
    "pitch": (-0.03, 0.05),
    "focal_log": (-0.34, 0.2),
    "up": (1.5, 0.4),
}
AWAY = 2.5  # logarithm of m: the zero of `ahead_log`
BOX = -2.5  # logarithm of a share of the picture: the zero of box sizes
LEAST_SCORE = 0.3  # of a road user
MOST_USERS = 24
NOWHERE, AHEAD, INSIDE = range(3)  # classes of `junction`


@dataclass(frozen=True, eq=False)
class Coded:
    """A batch of sights. classes int64 [B, CLASSES], -1 for no target; values float32 [B, VALUES], NaN likewise;
    heat float32 [B, KINDS, *CELLS], one at a road user's middle; place float32 [B, PLACE, *CELLS], NaN in empty cells.
    """

    classes: Tensor
    values: Tensor
    heat: Tensor
    place: Tensor

    def to(self, device: str) -> Coded:
        """A copy on a device."""
        return Coded(*(part.to(device) for part in (self.classes, self.values, self.heat, self.place)))


def coded(sights: Sequence[Sight]) -> Coded:
    """The network's targets for pictures with these sights."""
    classes = np.array([_classes(sight) for sight in sights], np.int64)
    values = np.array([_values(sight) for sight in sights], np.float32)
    heat = np.zeros((len(sights), len(KINDS), *CELLS), np.float32)
    place = np.full((len(sights), 7, *CELLS), np.nan, np.float32)
    for number, sight in enumerate(sights):
        for user in reversed(sight.users):  # of two in one cell the nearer stays
            _enter(heat[number], place[number], user)
    return Coded(torch.from_numpy(classes), torch.from_numpy(values), torch.from_numpy(heat), torch.from_numpy(place))


def _classes(sight: Sight) -> tuple[int, ...]:
    inside = not sight.lanes
    junction = INSIDE if inside else NOWHERE if sight.junction >= NO_JUNCTION else AHEAD
    street = (-1, -1, -1) if inside else (sight.lanes - 1, sight.opposite, min(sight.lane, MOST_LANES - 1))
    return (*street, junction, sight.weather, sight.time)


def _values(sight: Sight) -> tuple[float, ...]:
    there = bool(sight.lanes)
    numbers = {
        "left": sight.left if there else math.nan,
        "heading": sight.heading if there else math.nan,
        "junction_log": math.log1p(sight.junction) if there and sight.junction < NO_JUNCTION else math.nan,
        "pitch": sight.pitch,
        "focal_log": math.log(sight.focal),
        "up": sight.up,
    }
    return tuple((numbers[name] - SCALES[name][0]) / SCALES[name][1] for name in VALUES)


def _enter(heat: np.ndarray, place: np.ndarray, user: SeenUser) -> None:
    """Adds a road user to one picture's grid: a peak of its size, and its place in the cell of its middle."""
    rows, columns = CELLS
    x, y = user.x * columns, user.y * rows
    column, row = min(columns - 1, int(x)), min(rows - 1, int(y))
    across, down = (max(0.4, 0.15 * size) for size in (user.width * columns, user.height * rows))
    away = ((np.arange(columns) - column) / across) ** 2 + ((np.arange(rows)[:, None] - row) / down) ** 2
    np.maximum(heat[user.kind], np.exp(-0.5 * away), out=heat[user.kind])
    place[:, row, column] = (
        x - column - 0.5,
        y - row - 0.5,
        math.log(user.ahead) - AWAY,
        math.log(max(user.width, 1e-3)) - BOX,
        math.log(max(user.height, 1e-3)) - BOX,
        math.cos(user.heading),
        math.sin(user.heading),
    )


@dataclass(frozen=True, eq=False)
class Estimate:
    """The network's estimate of one moment: the likeliest sight, and the probabilities float64 [n] of its classes, by name."""

    sight: Sight
    odds: dict[str, np.ndarray]


def reading(output: Output, least: float = LEAST_SCORE) -> Estimate:
    """Decodes the pictures of one moment, newest last: the road from all of them, road users with a score of `least` from the last."""
    logits, values = split(output.road)
    odds = {
        name: _normal(functional.log_softmax(part.double(), 1).mean(0).exp().cpu().numpy())
        for name, part in logits.items()
    }
    number = {name: float(part.mean()) * SCALES[name][1] + SCALES[name][0] for name, part in values.items()}
    best = {name: int(np.argmax(part)) for name, part in odds.items()}
    lanes = 0 if best["junction"] == INSIDE else best["lanes"] + 1
    junction = {NOWHERE: NO_JUNCTION, INSIDE: 0.0}.get(best["junction"])
    if junction is None:
        junction = min(NO_JUNCTION, math.expm1(min(5.0, max(0.0, number["junction_log"]))))
    focal = math.exp(min(1.5, max(-1.5, number["focal_log"])))
    sight = Sight(
        lanes=lanes,
        opposite=best["opposite"] if lanes else 0,
        lane=_lane(odds, lanes),
        left=number["left"] if lanes else 0.0,
        heading=number["heading"] if lanes else 0.0,
        junction=junction,
        weather=best["weather"],
        time=best["time"],
        pitch=number["pitch"],
        focal=focal,
        up=number["up"],
        users=users_of(output.grid[-1], focal, least),
    )
    return Estimate(sight, odds)


def _normal(odds: np.ndarray) -> np.ndarray:
    return odds / odds.sum()


def _lane(odds: dict[str, np.ndarray], lanes: int) -> int:
    """The likeliest lane among `lanes`."""
    return int(np.argmax(odds["lane"][:lanes])) if lanes else 0


def users_of(grid: Tensor, focal: float, least: float = LEAST_SCORE) -> tuple[SeenUser, ...]:
    """The road users in one picture's grid [KINDS + PLACE, *CELLS] with a score of at least `least`, nearest first."""
    heat, kinds = grid[: len(KINDS)].sigmoid().max(0)
    peak = functional.max_pool2d(heat[None], 3, stride=1, padding=1)[0] == heat
    rows, columns = torch.where(peak & (heat > least))
    order = torch.argsort(heat[rows, columns], descending=True, stable=True)[:MOST_USERS]
    out = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        off_x, off_y, away, wide, tall, cos, sin = grid[len(KINDS) :, row, column].tolist()
        x = min(1.0, max(0.0, (column + 0.5 + off_x) / CELLS[1]))
        y = min(1.0, max(0.0, (row + 0.5 + off_y) / CELLS[0]))
        ahead = math.exp(min(5.0, max(0.0, away + AWAY)))
        width, height = (math.exp(min(0.0, max(-6.0, size + BOX))) for size in (wide, tall))
        left, heading = (0.5 - x) / focal * ahead, math.atan2(sin, cos)
        score = float(heat[row, column])
        out.append(SeenUser(int(kinds[row, column]), ahead, left, heading, x, y, width, height, score))
    return tuple(sorted(out, key=lambda user: user.ahead))


def loss_of(output: Output, want: Coded) -> dict[str, Tensor]:
    """Named losses, of which `loss` is the sum."""
    logits, values = split(output.road)
    classes = {
        name: functional.cross_entropy(part, want.classes[:, k], ignore_index=-1, reduction="sum")
        / (want.classes[:, k] >= 0).sum().clamp_min(1)
        for k, (name, part) in enumerate(logits.items())
    }
    assert list(classes) == list(CLASSES)
    numbers = torch.stack([values[name] for name in VALUES], 1)
    valid = want.values.isfinite()
    errors = functional.smooth_l1_loss(numbers, want.values.nan_to_num(), reduction="none", beta=0.3) * valid
    road = errors.sum(0) / valid.sum(0).clamp_min(1)
    heat, place = output.grid[:, : len(KINDS)], output.grid[:, len(KINDS) :]
    there = want.place.isfinite()
    users = there[:, 0].sum().clamp_min(1)
    centre = _focal(heat, want.heat, there[:, :1] & (want.heat == 1)) / users
    where = functional.smooth_l1_loss(place, want.place.nan_to_num(), reduction="none", beta=0.2) * there
    parts = {
        "street": classes["lanes"] + classes["opposite"] + classes["lane"] + classes["junction"],
        "conditions": 0.5 * (classes["weather"] + classes["time"]),
        "pose": road.sum(),
        "users": centre + where.sum() / users,
    }
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def _focal(heat: Tensor, want: Tensor, middle: Tensor) -> Tensor:
    """CenterNet's focal loss of centres, summed."""
    sure, unsure = functional.logsigmoid(heat), functional.logsigmoid(-heat)
    chance = heat.sigmoid()
    hit = -((1 - chance) ** 2) * sure * middle
    miss = -(chance**2) * (1 - want) ** 4 * unsure * ~middle
    return hit.sum() + miss.sum()


assert SIZE[0] % CELLS[0] == 0
