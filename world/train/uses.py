"""Lines streets by use, as additional training data: shops, parks, squares, car parks, building sites, schools."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from world.scene.objects import SIZES, Kind
from world.scene.plots import BAY, BAY_DEPTH, HOUSE_LOOKS, WITH_SHOPS
from world.scene.roadside_tokens import BARRIERS, ROADSIDE, Standing
from world.scene.stretches import Stretch

LINE = 1.3  # m from the pavement to a hedge or fence
BAYS = 2.7  # m between cars parked side by side
WITHOUT = [look for look in range(HOUSE_LOOKS) if look // 2 % 5 not in WITH_SHOPS]  # looks of houses without shops
GATE, YARD = 4.0, 9.0  # m, width of a school's gate, and depth of its yard
_KERB = 0.55  # m from the kerb to a post
_BENCH_BEFORE = 0.4  # m from a pavement's inner edge


def line_street(use: str, stretch: Stretch, objects: list[Standing], random: np.random.Generator) -> list[Standing]:
    """The objects along a stretch with that use; those on its pavement stay, as do houses that reach in from beyond its
    ends.
    """
    if use == "housing" or stretch.corner:
        return objects
    pavement = stretch.side.pavement
    if use == "shops":
        return _shops(objects, pavement, random)
    low, high = 0.0, stretch.length
    remaining = [one for one in objects if one.behind <= pavement or not low <= one.s <= high]
    if use == "park":
        return remaining + _park(stretch, random)
    if use == "square":
        return remaining + _square(stretch)
    if use == "car park":
        return remaining + _car_park(stretch, random)
    return remaining + (_school(stretch, random) if use == "school" else _building_site(stretch, random))


def _shops(objects: list[Standing], pavement: float, random: np.random.Generator) -> list[Standing]:
    """Houses with shops, and nothing between them and the pavement."""
    objects_left = []
    for one in objects:
        if one.kind == Kind.HOUSE and one.behind - one.depth / 2 < pavement + 6:
            looks = [look for look in range(HOUSE_LOOKS) if look // 2 % 5 in WITH_SHOPS]
            objects_left.append(replace(one, look=int(random.choice(looks)), floors=max(2, one.floors)))
        elif one.kind not in BARRIERS or one.behind > pavement + 3:
            objects_left.append(one)
    return objects_left


def _park(stretch: Stretch, random: np.random.Generator) -> list[Standing]:
    pavement, most, s = stretch.side.pavement, ROADSIDE.field("width").high, 1.0
    objects: list[Standing] = []
    while s < stretch.length - 4:
        width = float(min(random.uniform(8, most), stretch.length - 1 - s))
        if width > 2:
            objects.append(Standing(Kind.HEDGE, s + width / 2, pavement + LINE, width))
        s += width + float(random.uniform(2.5, 4.5))
    for _ in range(int(stretch.length * random.uniform(0.08, 0.16))):
        crown = float(random.uniform(3.5, 7.0))
        where, behind = float(random.uniform(2, stretch.length - 2)), pavement + float(random.uniform(4.5, 28))
        if all((where - o.s) ** 2 + (behind - o.behind) ** 2 > ((crown + o.crown) / 2 + 0.3) ** 2 for o in objects):
            objects.append(
                Standing(Kind.TREE, where, behind, crown=crown, height=crown * float(random.uniform(1.25, 1.6)))
            )
    return objects + _benches(stretch, 18.0)


def _square(stretch: Stretch) -> list[Standing]:
    """Two rows of trees, benches between them."""
    pavement = stretch.side.pavement
    rows = [
        Standing(Kind.TREE, float(s), pavement + away, crown=5.0, height=7.0)
        for away in (5.0, 14.0)
        for s in np.arange(5.0, stretch.length - 4, 9.0)
    ]
    return rows + _benches(stretch, 9.0)


def _car_park(stretch: Stretch, random: np.random.Generator) -> list[Standing]:
    """Two rows of cars, some bays empty, a hedge behind them."""
    pavement, length = stretch.side.pavement, SIZES[Kind.CAR][0]
    share = float(random.uniform(0.4, 0.9))
    objects = [
        Standing(Kind.CAR, float(s), pavement + away + length / 2, nose=int(random.integers(2)))
        for s in np.arange(3.0, stretch.length - 2.5, BAYS)
        for away in (1.2, 12.0)
        if random.random() < share
    ]
    objects = objects[: 2 * (int(stretch.length / BAYS) // 2)]
    width = min(stretch.length - 2, ROADSIDE.field("width").high)
    return [*objects, Standing(Kind.HEDGE, stretch.length / 2, pavement + 19.0, width)]


def _building_site(stretch: Stretch, random: np.random.Generator) -> list[Standing]:
    """A fence along the whole stretch; behind it nothing, or an unfinished house."""
    pavement, most = stretch.side.pavement, ROADSIDE.field("width").high
    count = max(1, int(np.ceil((stretch.length - 1) / most)))
    step = (stretch.length - 1) / count
    objects = [Standing(Kind.FENCE, 0.5 + (k + 0.5) * step, pavement + LINE, step) for k in range(count)]
    bays = int(random.integers(2, 5))
    if stretch.length > BAY * bays + 6 and random.random() < 0.6:
        depth, floors = 2 * BAY_DEPTH, int(random.integers(1, 4))
        s, behind = float(random.uniform(0.4, 0.6) * stretch.length), pavement + 6 + depth / 2
        objects.append(Standing(Kind.HOUSE, s, behind, BAY * bays, depth, floors, look=2))
    return objects


def _school(stretch: Stretch, random: np.random.Generator) -> list[Standing]:
    """A long building behind a yard with trees and benches; a fence with a gate along the pavement, bollards before the
    gate.
    """
    pavement, most = stretch.side.pavement, ROADSIDE.field("width").high
    gate, objects = float(random.uniform(0.35, 0.65)) * stretch.length, list[Standing]()
    for first, last in ((0.5, gate - GATE / 2), (gate + GATE / 2, stretch.length - 0.5)):
        count = max(1, int(np.ceil((last - first) / most)))
        step = (last - first) / count
        if step > 1.0:
            objects += [Standing(Kind.FENCE, first + (k + 0.5) * step, pavement + LINE, step) for k in range(count)]
    depth, floors, look = 3 * BAY_DEPTH, int(random.integers(2, 4)), int(random.choice(WITHOUT))
    bays = int(min(most, stretch.length - 8) / BAY)
    wings = max(1, int((stretch.length - 6) / (BAY * bays))) if bays > 1 else 0
    behind, begin = pavement + YARD + depth / 2, (stretch.length - wings * BAY * max(bays, 0)) / 2
    for k in range(wings):
        s = begin + (k + 0.5) * BAY * bays
        objects.append(Standing(Kind.HOUSE, s, behind, BAY * bays, depth, floors, look=look))
    for s in np.arange(5.0, stretch.length - 4, 11.0):
        if abs(s - gate) > 4:
            objects.append(Standing(Kind.TREE, float(s), pavement + 5.0, crown=4.5, height=6.5))
    if pavement >= 2:
        objects += [Standing(Kind.BOLLARD, gate + aside, _KERB) for aside in (-3.0, -1.5, 0.0, 1.5, 3.0)]
    return objects + _benches(stretch, 16.0)


def _benches(stretch: Stretch, apart: float) -> list[Standing]:
    if stretch.side.pavement < 2:
        return []
    inner = stretch.side.pavement - _BENCH_BEFORE
    return [Standing(Kind.BENCH, float(s), inner) for s in np.arange(6.0, stretch.length - 4, apart)]
