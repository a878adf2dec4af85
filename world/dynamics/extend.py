"""A dreamt place that grows while one drives: new streets far ahead, everything that stands already where it stands.

`extended` is pure: the same place and position give the same streets, so that a drive is known by where it was extended.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numba import njit

from world.dynamics import streets
from world.dynamics.dreamt import DreamtName, GrowingPlace, lined
from world.dynamics.growth import Asked, GraphArrays, Growth, JunctionSpec
from world.dynamics.prefix_lm import PrefixLM
from world.dynamics.stock import signalled
from world.scene import furniture
from world.scene import roadside as rules
from world.scene.areas import covers, paved_area
from world.scene.build import build
from world.scene.frontage import Box, Ground, sides
from world.scene.hd_map import HDMap
from world.scene.objects import PROP, Kind
from world.scene.pieces import Pieces, pieces_of
from world.scene.plots import Prop
from world.scene.roadside_tokens import BARRIERS
from world.scene.state import Place

REACH = 420.0  # m from our car within which no junction is left open
KEPT = 1500.0  # m from where a place was extended last that its map reaches; what decides how it grows lies well within
BEFORE = 1000.0  # m from our car within which the map lacks no junction
MOST = 24  # junctions at once
WISHED = 3  # junctions one after the other that are tried for what a plan asks
NEXT = 60.0  # m to the next junction at least
NEARBY = 45.0  # m from a change to the middle of what it may stand on
SURE = 0.3  # m that what stood there before may reach onto a new pavement
_COLUMNS = np.array([1 << 32, 1])  # of cells, as one number each
_RULED = (int(Kind.SIGNAL), int(Kind.SIGN))
_BEHIND = (int(Kind.HOUSE), int(Kind.CAR), *map(int, BARRIERS))


def is_due(place: Place, x: float, y: float) -> bool:
    """Whether a place ought to grow, or its map to reach elsewhere, before a car at (x, y) drives on."""
    return isinstance(place, GrowingPlace) and (bool(place.growth.open_near(x, y, REACH)) or is_left(place, x, y))


def extended(place: GrowingPlace, asked: Asked) -> GrowingPlace:
    """The place with what a plan wished for, and every junction within REACH grown, MOST at once; its map is what lies within KEPT.
    Itself where none is open there, and nothing that is not on the map comes near.

    Streets and junctions keep their numbers, as do props; what a new street takes the place of becomes Kind.NONE.
    """
    middles = _middles(place.growth, asked)
    near, old = _near(place.growth, middles), place.stock.near(middles, KEPT)
    part = replace(place.growth.part(near), standing=_standing(old[1]))
    grown = _grown(part, place, asked)
    if grown is part:
        return shown(place, (*place.asked, asked)) if is_left(place, asked.x, asked.y) else place
    growth = place.growth.joined(grown)
    was = pieces_of(place.growth.graph, place.map.pieces, near)
    near = _near(growth, middles)
    made = build(growth.graph, was, near)
    new = set(range(len(place.growth.graph.streets), len(growth.graph.streets)))
    lining = _lined(made, new, place.told, place.weights[1]) if new else place.props[:0]
    props = _with_new(old[1], was, made, lining)
    rows = np.concatenate([old[0], place.stock.count + np.arange(len(props) - len(old[1]))])
    return replace(
        place,
        map=made,
        props=props,
        growth=growth,
        stock=place.stock.changed(old, props),
        near=near,
        rows=rows,
        asked=(*place.asked, asked),
    )


def _grown(part: Growth, place: GrowingPlace, asked: Asked) -> Growth:
    """What a part of a place grows into; itself where nothing is open."""
    model, told = streets.load_streets(place.weights[0]), place.told
    growth = _as_wished(model, part, told, asked)
    for _ in range(MOST):
        open = growth.open_near(asked.x, asked.y, REACH)
        if not open:
            break
        at = growth.graph.junctions[open[0]]
        growth, _ = streets.expand(model, growth, open[0], told.seed, told.regions.at(at.x, at.y))
    return growth


def _middles(growth: Growth, asked: Asked) -> np.ndarray:
    """What the map lies round, [N, 2]: where it was asked, and the junction that a plan wished something of."""
    wished = asked.arm and 0 <= asked.junction < len(growth.xy)
    return np.array([(asked.x, asked.y), *([growth.xy[asked.junction]] if wished else [])])


def _near(growth: Growth, middles: np.ndarray) -> np.ndarray:
    """bool [J]: which junctions lie within KEPT of one of some points."""
    near = np.zeros(len(growth.xy), bool)
    for middle in middles:
        near |= np.hypot(*(growth.xy - middle).T) < KEPT
    return near


def is_left(place: GrowingPlace, x: float, y: float) -> bool:
    """Whether a junction near a car is not on the map."""
    return bool((np.hypot(*(place.growth.xy - (x, y)).T)[~place.near] < BEFORE).any())


def shown(place: GrowingPlace, asked: tuple[Asked, ...], everywhere: bool = False) -> GrowingPlace:
    """The place as it is after some extensions, whose growth and stock it has: its map and props follow from these and from the last
    one alone. everywhere: they are those of all of it."""
    middles = _middles(place.growth, asked[-1])
    near = np.ones(len(place.growth.xy), bool) if everywhere else _near(place.growth, middles)
    made = build(place.growth.graph, place.map.pieces, near)
    rows, props = place.stock.all() if everywhere else place.stock.near(middles, KEPT)
    return replace(place, map=made, props=signalled(props, made), near=near, rows=rows, asked=asked)


def _as_wished(model: PrefixLM, growth: Growth, told: DreamtName, asked: Asked) -> Growth:
    """With the arm that a plan asks for at the open junction that our way ends at; where it has no room, at the one after."""
    if not asked.arm or asked.junction not in growth.numbers or asked.street not in growth.streets:
        return growth
    junction = int(np.searchsorted(growth.numbers, asked.junction))
    street, metres = int(np.searchsorted(growth.streets, asked.street)), asked.metres
    for _ in range(WISHED):
        if junction in growth.grown:
            break
        at = growth.graph.junctions[junction]
        how = (told.seed, told.regions.at(at.x, at.y))
        made, granted = streets.expand(model, growth, junction, *how, JunctionSpec(asked.arm), street)
        if granted:
            return made
        growth, _ = streets.expand(model, growth, junction, *how, JunctionSpec(within=max(NEXT, metres)), street)
        onward = _straight_on(growth, junction, street)
        if onward is None:
            break
        here, there = (growth.graph.junctions[k] for k in (junction, onward[0]))
        metres -= float(np.hypot(here.x - there.x, here.y - there.y))
        junction, street = onward
    return growth


def _straight_on(growth: Growth, junction: int, street: int) -> tuple[int, int] | None:
    """The junction that one comes to next, and the street that leads there; None where a junction has no other street."""
    around = GraphArrays.of(growth.graph, growth.grown, growth.lines)
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


def _standing(props: np.ndarray) -> np.ndarray:
    """x, y and radius of what keeps new streets away."""
    own = props[props["kind"] != int(Kind.NONE)]
    return np.stack([own["x"], own["y"], 0.5 * np.hypot(own["length"], own["width"])], 1)


def _lined(made: HDMap, new: set[int], told: DreamtName, lined_by: Path) -> np.ndarray:
    """PROP [N] along new streets but for signals and signs."""
    props = lined(made, told.seed, lined_by, told.looks(made.graph, new), new)
    return props[np.isin(props["street"], sorted(new)) & ~np.isin(props["kind"], _RULED)]


def _with_new(old: np.ndarray, before: Pieces, made: HDMap, new: np.ndarray) -> np.ndarray:
    """Old rows where they were, new ones after them; signals and signs as the new map has them."""
    changes, ground = _Changes(before, made), Ground(0.0, 0.0, 1.0, np.zeros((1, 1), bool))
    out, touched = old.copy(), changes.near(old["x"], old["y"])
    ruled = np.isin(old["kind"], _RULED)
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
    kept = np.array([not ground.occupied(_box(row)) for row in new], bool)
    return signalled(np.concatenate([out, new[kept], np.array(list(posts.values()), PROP)]), made)


class _Changes:
    """What of a map is not as it was in the map that it grew out of. streets: whose lanes or junctions have changed."""

    def __init__(self, before: Pieces, made: HDMap) -> None:
        self.made = made
        parts = made.pieces
        new = {k: one.shape for k, one in parts.streets.items() if before.streets.get(k) is not one}
        changed = {k: one.shape for k, one in parts.junctions.items() if before.junctions.get(k) is not one}
        self._shapes, self._junctions = list(new.values()), list(changed.values())
        self.streets = {*new, *(street for k in changed for street, _ in parts.ends[k])}
        outlines = [one.outline for one in self._junctions]
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
        return areas + [one.outline for one in self._junctions if len(one.outline) > 2]

    def paved(self) -> list[np.ndarray]:
        """Polygons of driving areas and pavements."""
        areas = [paved_area(shape) for shape in self._shapes]
        return areas + [area for one in self._junctions for area in (one.outline, *one.pavements) if len(area) > 2]


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
