"""Growth of a dreamt place during a drive: new streets far ahead; existing objects stay in place.

`extended` is pure: the same place and extension give the same streets, so that a drive is determined by its extensions.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numba import njit

from world.dynamics import streets
from world.dynamics.dreamt import DreamtName, GrowingPlace, lined
from world.dynamics.growth import Extension, GraphArrays, Growth, JunctionSpec
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

REACH = 420.0  # m from our car within which all junctions are grown
MAP_REACH = 1500.0  # m from the last extension that the map reaches; all inputs of growth lie well within
BEFORE = 1000.0  # m from our car within which the map must be complete
MOST = 24  # junctions at once
WISH_TRIES = 3  # successive junctions that are tried for a plan's wish
NEXT = 60.0  # m to the next junction at least
NEARBY = 45.0  # m from a change to the middle of objects that it may remove
SURE = 0.3  # m that an existing object may reach onto a new pavement
_COLUMNS = np.array([1 << 32, 1])  # of cells, as one number each
_RULED = (int(Kind.SIGNAL), int(Kind.SIGN))
_BEHIND = (int(Kind.HOUSE), int(Kind.CAR), *map(int, BARRIERS))


def is_due(place: Place, x: float, y: float) -> bool:
    """Whether a place should grow, or its map move, for a car at (x, y)."""
    return isinstance(place, GrowingPlace) and (bool(place.growth.open_near(x, y, REACH)) or is_left(place, x, y))


def extended(place: GrowingPlace, extension: Extension) -> GrowingPlace:
    """The place with a plan's wish, all junctions within REACH grown (at most MOST), and a map of MAP_REACH. The same object where no
    junction is open there and the map is complete.

    Streets, junctions and props keep their numbers; a prop in the way of a new street becomes Kind.NONE.
    """
    middles = _middles(place.growth, extension)
    near, old = _near(place.growth, middles), place.stock.near(middles, MAP_REACH)
    part = replace(place.growth.part(near), standing=_standing(old[1]))
    grown = _grown(part, place, extension)
    if grown is part:
        return shown(place, (*place.extensions, extension)) if is_left(place, extension.x, extension.y) else place
    growth = place.growth.joined(grown)
    was = pieces_of(place.growth.graph, place.map.pieces, near)
    near = _near(growth, middles)
    map_ = build(growth.graph, was, near)
    new = set(range(len(place.growth.graph.streets), len(growth.graph.streets)))
    lining = _lined(map_, new, place.spec, place.weights[1]) if new else place.props[:0]
    props = _with_new(old[1], was, map_, lining)
    rows = np.concatenate([old[0], place.stock.count + np.arange(len(props) - len(old[1]))])
    return replace(
        place,
        map=map_,
        props=props,
        growth=growth,
        stock=place.stock.changed(old, props),
        near=near,
        rows=rows,
        extensions=(*place.extensions, extension),
    )


def _grown(part: Growth, place: GrowingPlace, extension: Extension) -> Growth:
    """The grown part of a place; the same object where no junction is open."""
    model, spec = streets.load_streets(place.weights[0]), place.spec
    growth = _as_wished(model, part, spec, extension)
    for _ in range(MOST):
        open = growth.open_near(extension.x, extension.y, REACH)
        if not open:
            break
        at = growth.graph.junctions[open[0]]
        growth, _ = streets.expand(model, growth, open[0], spec.seed, spec.regions.at(at.x, at.y))
    return growth


def _middles(growth: Growth, extension: Extension) -> np.ndarray:
    """Centres of the map, [N, 2]: the extension, and the junction of a plan's wish."""
    wished = extension.arm and 0 <= extension.junction < len(growth.xy)
    return np.array([(extension.x, extension.y), *([growth.xy[extension.junction]] if wished else [])])


def _near(growth: Growth, middles: np.ndarray) -> np.ndarray:
    """bool [J]: junctions within MAP_REACH of one of some points."""
    near = np.zeros(len(growth.xy), bool)
    for middle in middles:
        near |= np.hypot(*(growth.xy - middle).T) < MAP_REACH
    return near


def is_left(place: GrowingPlace, x: float, y: float) -> bool:
    """Whether a junction near a car is missing from the map."""
    return bool((np.hypot(*(place.growth.xy - (x, y)).T)[~place.near] < BEFORE).any())


def shown(place: GrowingPlace, extensions: tuple[Extension, ...], everywhere: bool = False) -> GrowingPlace:
    """The place after some extensions, whose growth and stock it has already. Map and props depend only on these and on the last
    extension. everywhere: map and props of the whole place."""
    middles = _middles(place.growth, extensions[-1])
    near = np.ones(len(place.growth.xy), bool) if everywhere else _near(place.growth, middles)
    map_ = build(place.growth.graph, place.map.pieces, near)
    rows, props = place.stock.all() if everywhere else place.stock.near(middles, MAP_REACH)
    return replace(place, map=map_, props=signalled(props, map_), near=near, rows=rows, extensions=extensions)


def _as_wished(model: PrefixLM, growth: Growth, spec: DreamtName, extension: Extension) -> Growth:
    """Adds the arm of a plan's wish at the open junction at the end of our route, or at the next one where there is no room."""
    if not extension.arm or extension.junction not in growth.numbers or extension.street not in growth.streets:
        return growth
    junction = int(np.searchsorted(growth.numbers, extension.junction))
    street, metres = int(np.searchsorted(growth.streets, extension.street)), extension.metres
    for _ in range(WISH_TRIES):
        if junction in growth.grown:
            break
        at = growth.graph.junctions[junction]
        how = (spec.seed, spec.regions.at(at.x, at.y))
        larger, granted = streets.expand(model, growth, junction, *how, JunctionSpec(extension.arm), street)
        if granted:
            return larger
        growth, _ = streets.expand(model, growth, junction, *how, JunctionSpec(within=max(NEXT, metres)), street)
        onward = _straight_on(growth, junction, street)
        if onward is None:
            break
        here, there = (growth.graph.junctions[k] for k in (junction, onward[0]))
        metres -= float(np.hypot(here.x - there.x, here.y - there.y))
        junction, street = onward
    return growth


def _straight_on(growth: Growth, junction: int, street: int) -> tuple[int, int] | None:
    """The next junction straight on, and the street to it; None where a junction has no other street."""
    around = GraphArrays.of(growth.graph, growth.grown, growth.lines)
    heading = around.arrival(street, junction)
    turns = {
        k: abs(math.remainder(around.arrival(k, junction) + math.pi - heading, math.tau))
        for k, own in enumerate(growth.graph.streets)
        if k != street and (own.forward if own.start == junction else own.backward if own.end == junction else 0)
    }
    if not turns:
        return None
    onward = min(turns, key=lambda k: turns[k])
    return int(around.ends[onward].sum()) - junction, onward


def _standing(props: np.ndarray) -> np.ndarray:
    """x, y and radius of the props that new streets must avoid."""
    own = props[props["kind"] != int(Kind.NONE)]
    return np.stack([own["x"], own["y"], 0.5 * np.hypot(own["length"], own["width"])], 1)


def _lined(map_: HDMap, new: set[int], spec: DreamtName, lined_by: Path) -> np.ndarray:
    """PROP [N] along new streets, without signals and signs."""
    props = lined(map_, spec.seed, lined_by, spec.looks(map_.graph, new), new)
    return props[np.isin(props["street"], sorted(new)) & ~np.isin(props["kind"], _RULED)]


def _with_new(old: np.ndarray, before: Pieces, map_: HDMap, new: np.ndarray) -> np.ndarray:
    """Old rows in place, then new ones; signals and signs by the new map."""
    changes, ground = _Changes(before, map_), Ground(0.0, 0.0, 1.0, np.zeros((1, 1), bool))
    out, touched = old.copy(), changes.near(old["x"], old["y"])
    ruled = np.isin(old["kind"], _RULED)
    posts = {_post(row): row for row in rules.table(rules.apart(changes.posts()))}
    removed = np.zeros(len(old), bool)
    removed[touched] = covers(changes.driven(), np.stack([old["x"], old["y"]], 1)[touched]) > 0
    removed &= ~ruled
    for k in np.flatnonzero(ruled & np.isin(old["street"], sorted(changes.streets))):
        removed[k] = posts.pop(_post(old[k]), None) is None
    behind = np.flatnonzero(np.isin(old["kind"], _BEHIND) & touched & ~removed)
    samples = [_samples(*_box(old[k])) for k in behind]
    if samples:
        whose = np.repeat(behind, [len(own) for own in samples])
        removed[whose[covers(changes.paved(), np.concatenate(samples)) > 0]] = True
    for k in behind[~removed[behind]]:
        ground.put(_box(old[k]))
    out["kind"][removed] = int(Kind.NONE)
    free = np.array([not ground.occupied(_box(row)) for row in new], bool)
    return signalled(np.concatenate([out, new[free], np.array(list(posts.values()), PROP)]), map_)


class _Changes:
    """Differences between a map and the one before it grew. streets: those with changed lanes or junctions."""

    def __init__(self, before: Pieces, map_: HDMap) -> None:
        self.map_ = map_
        parts = map_.pieces
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
        """bool [N]: points within NEARBY of a change, and some further away."""
        cells = np.floor(np.stack([x, y], 1) / NEARBY).astype(np.int64)
        return np.isin(cells @ _COLUMNS, self._cells)

    def posts(self) -> list[Prop]:
        """The signals and signs of these streets."""
        signs = [prop for side in sides(self.map_, self.streets) for prop in furniture.signs(side, self.map_)]
        return [*furniture.signals(self.map_, self.streets), *signs]

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
    """Points [N, 2] over a box without its margin of SURE m, at most 1.5 m apart."""
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
    """Kind, position (mm) and look of a signal or sign."""
    return int(prop["kind"]), round(1000 * float(prop["x"])), round(1000 * float(prop["y"])), int(prop["look"])


def _box(prop: np.void) -> Box:
    return float(prop["x"]), float(prop["y"]), float(prop["heading"]), float(prop["length"]), float(prop["width"])
