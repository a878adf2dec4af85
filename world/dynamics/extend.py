"""A dreamt place that grows while one drives: new streets far ahead, everything that stands already where it stands.

`extended` is pure: the same place and position give the same streets, so that a drive is known by where it was extended.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit

from world.dynamics import roadside, streets
from world.dynamics.dreamt import Dreamt, GrowingPlace, dreamt_place, lined
from world.dynamics.growth import Asked, Growth, Surroundings, Wish
from world.dynamics.prefix_lm import PrefixLM
from world.dynamics.renumber import renumbered
from world.dynamics.tables import tables
from world.scene import furniture
from world.scene import roadside as rules
from world.scene.areas import covers, paved_area
from world.scene.build import build
from world.scene.frontage import Box, Ground, sides
from world.scene.hd_map import HDMap
from world.scene.objects import PROP, Kind
from world.scene.plots import Prop
from world.scene.roadside_tokens import BARRIERS
from world.scene.state import Place

REACH = 420.0  # m from our car within which no junction is left open
MOST = 24  # junctions at once
WISHED = 3  # junctions one after the other that are tried for what a plan asks
NEXT = 60.0  # m to the next junction at least
NEARBY = 45.0  # m from a change to the middle of what it may stand on
SURE = 0.3  # m that what stood there before may reach onto a new pavement
_COLUMNS = np.array([1 << 32, 1])  # of cells, as one number each
_RULED = (int(Kind.SIGNAL), int(Kind.SIGN))
_BEHIND = (int(Kind.HOUSE), int(Kind.CAR), *map(int, BARRIERS))


def is_due(place: Place, x: float, y: float) -> bool:
    """Whether a place ought to grow before a car at (x, y) drives on."""
    return isinstance(place, GrowingPlace) and bool(_open_near(place.growth, x, y))


def extended(place: GrowingPlace, asked: Asked) -> GrowingPlace:
    """The place with what a plan wished for, and every junction within REACH grown, MOST at once; itself where none is open there.

    Streets and junctions keep their numbers; props keep their rows, but what a new street takes the place of becomes Kind.NONE.
    """
    model, lined_by = streets.load_streets(place.weights[0]), place.weights[1]
    growth = _as_wished(model, replace(place.growth, standing=_standing(place.props)), place, asked)
    for _ in range(MOST):
        open = _open_near(growth, asked.x, asked.y)
        if not open:
            break
        at = growth.graph.junctions[open[0]]
        growth, _ = streets.expand(model, growth, open[0], place.told.seed, place.told.regions.at(at.x, at.y))
    if growth.grown == place.growth.grown:
        return place
    made = build(growth.graph, place.map)
    new = set(range(len(place.growth.graph.streets), len(growth.graph.streets)))
    lining = _lined(made, new, place.told, lined_by) if new else place.props[:0]
    props = _with_new(place.props, place.map, made, lining)
    return replace(place, map=made, props=props, growth=growth, asked=(*place.asked, asked))


def _as_wished(model: PrefixLM, growth: Growth, place: GrowingPlace, asked: Asked) -> Growth:
    """With the arm that a plan asks for at the open junction that our way ends at; where it has no room, at the one after."""
    junction, street, metres = asked.junction, asked.street, asked.metres
    for _ in range(WISHED if asked.arm else 0):
        if not (0 <= junction < len(growth.graph.junctions)) or junction in growth.grown:
            break
        at = growth.graph.junctions[junction]
        told = (place.told.seed, place.told.regions.at(at.x, at.y))
        made, granted = streets.expand(model, growth, junction, *told, Wish(asked.arm), street)
        if granted:
            return made
        growth, _ = streets.expand(model, growth, junction, *told, Wish(within=max(NEXT, metres)), street)
        onward = _straight_on(growth, junction, street)
        if onward is None:
            break
        here, there = (growth.graph.junctions[k] for k in (junction, onward[0]))
        metres -= float(np.hypot(here.x - there.x, here.y - there.y))
        junction, street = onward
    return growth


def _straight_on(growth: Growth, junction: int, street: int) -> tuple[int, int] | None:
    """The junction that one comes to next, and the street that leads there; None where a junction has no other street."""
    around = Surroundings.of(growth.graph, growth.grown, growth.lines)
    heading = around.arrival(street, junction)
    turned = {
        k: abs(math.remainder(around.arrival(k, junction) + math.pi - heading, math.tau))
        for k, own in enumerate(growth.graph.streets)
        if k != street and (own.forward if own.start == junction else own.backward if own.end == junction else 0)
    }
    if not turned:
        return None
    onward = min(turned, key=lambda k: turned[k])
    return int(around.ends[onward].sum()) - junction, onward


def grown_place(
    name: str,
    asked: tuple[Asked, ...],
    grown_by: Path = streets.FOLDER,
    lined_by: Path = roadside.FOLDER,
) -> GrowingPlace:
    """A dreamt place by its name and where it was extended, in order. Errors as `dreamt_place`'s."""
    place = dreamt_place(name, grown_by, lined_by)
    for one in asked:
        place = grown_from(place, one)
    return place


@lru_cache(maxsize=32)
def grown_from(place: GrowingPlace, asked: Asked) -> GrowingPlace:
    """As `extended`, once for drives with the same past, with what their next step wants of it."""
    grown = extended(place, asked)
    tables(grown.map)  # made here, where nobody waits for them, as are the numbers that lanes then have
    renumbered(place.map, grown.map)
    return grown


def _open_near(growth: Growth, x: float, y: float) -> list[int]:
    """Open junctions within REACH, the nearest first."""
    there = growth.graph.junctions
    away = [(np.hypot(there[k].x - x, there[k].y - y), k) for k in growth.open]
    return [k for far, k in sorted(away) if far < REACH]


def _standing(props: np.ndarray) -> np.ndarray:
    """x, y and radius of what keeps new streets away."""
    own = props[props["kind"] != int(Kind.NONE)]
    return np.stack([own["x"], own["y"], 0.5 * np.hypot(own["length"], own["width"])], 1)


def _lined(made: HDMap, new: set[int], told: Dreamt, lined_by: Path) -> np.ndarray:
    """PROP [N] along new streets but for signals and signs."""
    props = lined(made, told.seed, lined_by, told.looks(made.graph), new)
    return props[np.isin(props["street"], sorted(new)) & ~np.isin(props["kind"], _RULED)]


def _with_new(old: np.ndarray, before: HDMap, made: HDMap, new: np.ndarray) -> np.ndarray:
    """Old rows where they were, new ones after them; signals and signs as the new map has them."""
    changes, ground = _Changes(before, made), Ground(0.0, 0.0, 1.0, np.zeros((1, 1), bool))
    out, touched = old.copy(), changes.near(old["x"], old["y"])
    ruled = np.isin(old["kind"], _RULED)
    out["signal"] = np.where(old["signal"] >= 0, changes.signals[old["signal"]], -1)
    posts = {_post(row): row for row in rules.table(rules.apart(changes.posts()))}
    gone = np.zeros(len(old), bool)
    gone[touched] = covers(changes.driven(), np.stack([old["x"], old["y"]], 1)[touched]) > 0
    gone &= ~ruled
    for k in np.flatnonzero(ruled & np.isin(old["street"], sorted(changes.streets))):
        gone[k] = posts.pop(_post(old[k]), None) is None
    behind = np.flatnonzero(np.isin(old["kind"], _BEHIND) & touched & ~gone)
    samples = [_samples(*_box(old[k])) for k in behind]
    if samples:
        whose = np.repeat(behind, [len(own) for own in samples])
        gone[whose[covers(changes.paved(), np.concatenate(samples)) > 0]] = True
    for k in behind[~gone[behind]]:
        ground.put(_box(old[k]))
    out["kind"][gone] = int(Kind.NONE)
    kept = np.array([not ground.taken(_box(row)) for row in new], bool)
    return np.concatenate([out, new[kept], np.array(list(posts.values()), PROP)])


class _Changes:
    """What of a map is not as it was in the map that it grew out of. streets: whose lanes or junctions have changed."""

    def __init__(self, before: HDMap, made: HDMap) -> None:
        self.made = made
        parts, was = made.pieces, before.pieces
        new = [k for k, one in enumerate(parts.streets) if k >= len(was.streets) or was.streets[k] is not one]
        self._junctions = [
            k for k, one in enumerate(parts.junctions) if k >= len(was.junctions) or was.junctions[k] is not one
        ]
        self._shapes = [made.streets[k] for k in new]
        self.streets = {*new, *(street for k in self._junctions for street, _ in parts.ends[k])}
        self.signals = _renumbered(before.signals, made.signals)
        outlines = [made.junctions[k].outline for k in self._junctions]
        points = np.concatenate([np.zeros((0, 2)), *(shape.centre for shape in self._shapes), *outlines])
        cells = np.floor(points / NEARBY).astype(np.int64)
        around = np.array([(i, k) for i in (-1, 0, 1) for k in (-1, 0, 1)])
        self._cells = np.unique((cells[:, None] + around).reshape(-1, 2) @ _COLUMNS)

    def near(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """bool [N]: which points lie within NEARBY of a change; some further away too."""
        cells = np.floor(np.stack([x, y], 1) / NEARBY).astype(np.int64)
        return np.isin(cells @ _COLUMNS, self._cells)

    def posts(self) -> list[Prop]:
        """The signals and signs of these streets."""
        signs = [prop for side in sides(self.made, self.streets) for prop in furniture.signs(side, self.made)]
        return [*furniture.signals(self.made, self.streets), *signs]

    def driven(self) -> list[np.ndarray]:
        """Polygons of the driving areas."""
        areas = [np.concatenate([shape.left, shape.right[::-1]]) for shape in self._shapes]
        return areas + [o for k in self._junctions if len(o := self.made.junctions[k].outline) > 2]

    def paved(self) -> list[np.ndarray]:
        """Polygons of driving areas and pavements."""
        areas = [paved_area(shape) for shape in self._shapes]
        junctions = [self.made.junctions[k] for k in self._junctions]
        return areas + [area for one in junctions for area in (one.outline, *one.pavements) if len(area) > 2]


def _renumbered(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """int32 [old + 1]: the number that each signal has now, by where it stands; -1 for those that are no more and at the end."""
    there = {(x, y): k for k, (x, y) in enumerate(zip(new["x"].tolist(), new["y"].tolist(), strict=True))}
    found = [there.get(at, -1) for at in zip(old["x"].tolist(), old["y"].tolist(), strict=True)]
    return np.array([*found, -1], np.int32)


@njit(cache=True)
def _samples(x: float, y: float, heading: float, length: float, width: float) -> np.ndarray:
    """Points [N, 2] all over a box but for its edge, SURE m wide, 1.5 m apart at most."""
    length, width = length - 2 * SURE, width - 2 * SURE
    along, across = max(2, math.ceil(length / 1.5) + 1), max(2, math.ceil(width / 1.5) + 1)
    c, s = math.cos(heading), math.sin(heading)
    out = np.empty((along * across, 2))
    for k in range(len(out)):
        a = 0.5 * length if k % along == along - 1 else k % along * (length / (along - 1)) - 0.5 * length
        b = 0.5 * width if k // along == across - 1 else k // along * (width / (across - 1)) - 0.5 * width
        out[k, 0], out[k, 1] = x + a * c - b * s, y + a * s + b * c
    return out


def _post(prop: np.void) -> tuple[int, ...]:
    """What and where a signal or sign is, in mm."""
    return int(prop["kind"]), round(1000 * float(prop["x"])), round(1000 * float(prop["y"])), int(prop["look"])


def _box(prop: np.void) -> Box:
    return float(prop["x"]), float(prop["y"]), float(prop["heading"]), float(prop["length"]), float(prop["width"])
