"""Streets' sides in stretches, and what stands along one in the stretch's own coordinates: from a place's props and back to props."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from world.scene.frontage import StreetSide, corners, sides
from world.scene.hd_map import HDMap
from world.scene.objects import SIZES, Kind
from world.scene.plots import GROUND, STOREY, Prop, pieces
from world.scene.roadside_tokens import BARRIERS, KINDS, OVER, ROADSIDE, STRETCH, Standing

SIZES_BESIDE = {  # along the heading, across it, height in m
    Kind.BENCH: (0.6, 1.7, 0.85),
    Kind.BIN: (0.45, 0.45, 1.0),
    Kind.SHELTER: (1.4, 3.8, 2.5),
    Kind.BOLLARD: (0.18, 0.18, 0.95),
    Kind.LAMP: (0.2, 0.2, 6.5),
}
TOUCHING, SAME_LINE = 0.6, 0.35  # m between pieces of one hedge, fence or wall, along the kerb and away from it
ASKEW = 20.0  # m at a right angle
_LOOK = 900  # purpose of a die


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a side, from `first` to `last` m along its kerb. wave: number of stretches of the side before it; corner: of a junction."""

    side: StreetSide
    first: float
    last: float
    wave: int
    corner: bool

    @property
    def length(self) -> float:
        """m along the kerb."""
        return self.last - self.first

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest s (m, in the stretch) of its objects: beyond the ends of a side too."""
        low = -OVER if self.wave == 0 and not self.corner else 0.0
        high = OVER if self.last > self.side.length - 1e-6 and not self.corner else 0.0
        return low, self.length + high


def stretches(place: HDMap, only: Collection[int] | None = None) -> list[Stretch]:
    """The stretches of all sides, then of all corners. only: of these streets."""
    out = []
    for corner, group in ((False, sides(place, only)), (True, corners(place, only))):
        for side in group:
            count = math.ceil(side.length / STRETCH)
            step = side.length / count
            out += [Stretch(side, k * step, (k + 1) * step, k, corner) for k in range(count)]
    return out


def along(side: StreetSide, x: float, y: float) -> tuple[float, float]:
    """(s, behind) of the place of a side that is nearest to a point; straight on before and after its ends."""
    a, d = side.kerb[:-1], np.diff(side.kerb, axis=0)
    long = np.hypot(d[:, 0], d[:, 1])
    step = np.array([x, y]) - a
    share = np.einsum("kd,kd->k", step, d) / long**2
    low, high = np.zeros(len(d)), np.ones(len(d))
    low[0], high[-1] = -np.inf, np.inf
    clipped = np.clip(share, low, high)
    off = step - clipped[:, None] * d
    k = int(np.argmin(np.hypot(off[:, 0], off[:, 1])))
    behind = side.out * float(d[k, 0] * step[k, 1] - d[k, 1] * step[k, 0]) / long[k]
    return float(side.distance[k] + clipped[k] * long[k]), float(behind)


def standings(every: Sequence[Stretch], props: np.ndarray) -> list[list[Standing]]:
    """What stands along each stretch; signals and signs, which follow from the map, are left out."""
    of: dict[int, list[int]] = defaultdict(list)
    for number, stretch in enumerate(every):
        if stretch.wave == 0:
            of[stretch.side.street].append(number)
    rows: list[list[Standing]] = [[] for _ in every]
    for prop in props[np.isin(props["kind"], [int(kind) for kind in KINDS])]:
        x, y = float(prop["x"]), float(prop["y"])
        best = (math.inf, -1, 0.0, 0.0)
        for number in of[int(prop["street"])]:
            side, corner = every[number].side, every[number].corner
            s, behind = along(side, x, y)
            out = max(0.0, -s, s - side.length)
            if behind > 0 and out <= OVER * (not corner) and not (corner and prop["kind"] == int(Kind.HOUSE)):
                best = min(best, (behind + out + _askew(prop, side.at(s, 0.0)[2]), number, s, behind))
        if best[1] < 0:
            continue
        number, s, behind = best[1:]
        side = every[number].side
        while number + 1 < len(every) and every[number + 1].side is side and s > every[number].last:
            number += 1
        one = _standing(prop, side, s - every[number].first, behind)
        if behind <= ROADSIDE.field("far").high:
            rows[number].append(one)
    return [_joined(one) for one in rows]


def _askew(prop: np.void, heading: float) -> float:
    """m by which a kerb counts as further away from a house, hedge, fence or wall that is not parallel to it."""
    turn = float(prop["heading"]) - heading
    if prop["kind"] == int(Kind.HOUSE):
        return ASKEW * abs(math.cos(turn))
    return ASKEW * abs(math.sin(turn)) if prop["kind"] in [int(kind) for kind in BARRIERS] else 0.0


def _standing(prop: np.void, side: StreetSide, s: float, behind: float) -> Standing:
    kind = Kind(int(prop["kind"]))
    one = Standing(kind, s, behind)
    long, wide = float(prop["length"]), float(prop["width"])
    if kind == Kind.HOUSE:
        return replace(one, width=wide, depth=long, floors=int(prop["floors"]), look=int(prop["look"]))
    if kind == Kind.TREE:
        return replace(one, crown=long, height=float(prop["height"]))
    if kind in BARRIERS:
        return replace(one, width=long)
    if kind == Kind.CAR:
        heading = side.at(s, 0.0)[2]
        return replace(one, nose=int(side.out * math.sin(float(prop["heading"]) - heading) < 0))
    return one


def _joined(objects: list[Standing]) -> list[Standing]:
    """Joins the pieces of a hedge, fence or wall up to the length that tokens can hold."""
    most = ROADSIDE.field("width").high
    others = [one for one in objects if one.kind not in BARRIERS]
    runs: list[Standing] = []
    for one in sorted((one for one in objects if one.kind in BARRIERS), key=lambda one: (one.kind, one.s)):
        for k in range(len(runs) - 1, -1, -1):
            run = runs[k]
            begin, end = run.s - run.width / 2, one.s + one.width / 2
            on_line = run.kind == one.kind and abs(run.behind - one.behind) < SAME_LINE and end - begin <= most
            if on_line and abs(one.s - one.width / 2 - (run.s + run.width / 2)) < TOUCHING:
                runs[k] = replace(run, s=(begin + end) / 2, width=end - begin)
                break
        else:
            runs.append(one)
    return others + runs


def props_of(stretch: Stretch, one: Standing) -> list[Prop]:
    """What a standing is in the place: one prop, or the pieces of a hedge, fence or wall."""
    side, s = stretch.side, stretch.first + one.s
    if one.kind == Kind.HOUSE:
        return [_house(side, s, one)]
    if one.kind in BARRIERS:
        return pieces(side, s - one.width / 2, s + one.width / 2, one.kind, one.behind - side.pavement)
    x, y, heading = side.at(s, one.behind)
    look = int(1000 * side.die(s, _LOOK))
    if one.kind == Kind.TREE:
        return [Prop(Kind.TREE, (x, y, heading, one.crown, one.crown), one.height, look, side.street)]
    if one.kind == Kind.CAR:
        length, width, height = SIZES[Kind.CAR]
        turn = side.out * (-1 if one.nose else 1) * math.pi / 2
        return [Prop(Kind.CAR, (x, y, heading + turn, length, width), height, look, side.street)]
    length, width, height = SIZES_BESIDE[one.kind]
    return [Prop(one.kind, (x, y, heading - side.out * math.pi / 2, length, width), height, 0, side.street)]


def _house(side: StreetSide, s: float, one: Standing) -> Prop:
    """Parallel to the chord of the kerb along its front."""
    x0, y0, _ = side.at(s - one.width / 2, side.pavement)
    x1, y1, _ = side.at(s + one.width / 2, side.pavement)
    out = math.atan2(y1 - y0, x1 - x0) + side.out * math.pi / 2
    away = one.behind - side.pavement
    x, y = (x0 + x1) / 2 + away * math.cos(out), (y0 + y1) / 2 + away * math.sin(out)
    width = min(one.width, math.hypot(x1 - x0, y1 - y0))
    height = STOREY * one.floors + (2.6 if one.floors <= 2 else 0.6)
    return Prop(
        Kind.HOUSE, (x, y, out + math.pi, one.depth, width), height, one.look, side.street, one.floors, z=GROUND
    )
