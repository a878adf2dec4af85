"""Objects along streets by rules: houses, gardens, trees, lamps, signals, signs. They depend on the map alone.

A street's objects depend on the street and its neighbourhood; a far part of the map changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np

from world.scene import furniture, plots
from world.scene.frontage import Ground, corners, sides
from world.scene.hd_map import HDMap
from world.scene.objects import PROP, VEHICLES, Kind

_CLEAR = {Kind.TREE: 0.4, Kind.SHELTER: 3.8}  # m that posts on the pavement stay away from one another, else 0.2


def line(place: HDMap, looks: Mapping[int, str] | None = None, only: Collection[int] | None = None) -> np.ndarray:
    """PROP [N] along every street of a map, sorted by street. looks: of streets that differ from the map's; only: along these streets."""
    ground, every = Ground.of(place, only), sides(place, only)
    names = dict.fromkeys(range(len(place.graph.streets)), place.graph.look) | dict(looks or {})
    alike = {name: [side for side in every if names[side.street] == name] for name in sorted(set(names.values()))}
    standing = [house for name, own in alike.items() for house in plots.houses(own, ground, plots.LOOKS[name])]
    rows = defaultdict(list)
    for house in standing:
        rows[house.side.street, house.side.out].append(house)
    props = [house.prop for house in standing]
    signals = furniture.signals(place, only)
    on_pavement = [
        prop
        for side in every
        for prop in (*furniture.signs(side, place), *furniture.line(side, place.graph, names[side.street]))
    ]
    props += apart([*signals, *on_pavement])
    for side in every:
        props += plots.closing(side, rows[side.street, side.out], ground, plots.LOOKS[names[side.street]])
    for corner in corners(place, only):
        props += plots.around(corner, ground, plots.LOOKS[names[corner.street]])
    for name, own in alike.items():
        props += plots.second_row(own, ground, plots.LOOKS[name])
    return table([prop for prop in props if place.graph.parked or prop.kind not in VEHICLES])


def apart(props: list[plots.Prop]) -> list[plots.Prop]:
    """Posts that leave room for one another; an earlier post wins."""
    posts: list[plots.Prop] = []
    cells: dict[tuple[int, int], list[plots.Prop]] = defaultdict(list)
    for prop in props:
        x, y = prop.box[:2]
        at = (int(x // 8), int(y // 8))
        near = [other for i in (-1, 0, 1) for k in (-1, 0, 1) for other in cells[at[0] + i, at[1] + k]]
        room = _CLEAR.get(prop.kind, 0.2)
        if prop.kind == Kind.SIGNAL or all(
            (x - o.box[0]) ** 2 + (y - o.box[1]) ** 2 > (0.6 + max(room, _CLEAR.get(o.kind, 0.2))) ** 2 for o in near
        ):
            posts.append(prop)
            cells[at].append(prop)
    return posts


def table(props: list[plots.Prop]) -> np.ndarray:
    """PROP [N], sorted by street, kind and box, so that the order of `props` does not matter."""
    rows = [
        (p.kind, p.box[0], p.box[1], p.z, p.box[2], *p.box[3:], p.height, p.look, p.floors, p.street, p.signal)
        for p in sorted(props, key=lambda p: (p.street, p.kind, p.box))
    ]
    return np.array(rows, PROP)
