"""Plots behind the pavements: houses in two rows, hedges, fences and walls between them, garden trees, cars in driveways."""

from __future__ import annotations

import math
from dataclasses import dataclass

from world.scene.frontage import Box, Ground, StreetSide
from world.scene.objects import SIZES, Kind

# A house is drawn in whole bays (world/render/assets/houses.py); where it is high, look // 2 % 5 says whether it has shops.
BAY, BAY_DEPTH, STOREY = 3.6, 4.0, 3.1  # m
HOUSE_LOOKS = 156
WITH_SHOPS, WITHOUT_SHOPS = (0, 2, 3), (1, 4)
GROUND = 0.12  # m: pavements and plots lie this much above the road
CORNER = 14.0  # m that a row of houses goes on past a street's end, where there is room


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """How plots are filled: pairs are lowest and highest, lengths in m; shares in [0, 1]."""

    bays: tuple[int, int]  # of a front
    deep: tuple[int, int]  # bays that a house is deep
    floors: tuple[int, int]
    setback: tuple[float, float]  # one number for each street side
    gap: tuple[float, float]
    joined: float  # share of houses whose wall touches the next one's
    shops: float
    hedges: tuple[float, float]  # shares of gaps closed by a hedge, by a fence; else by a wall
    gardens: float  # share of front gardens closed towards the street
    driveways: float  # share of gaps with a parked car
    behind: float  # share of the second row that is built
    again: tuple[int, ...]  # bays fewer, for houses that fill the gaps


LOOKS = {
    "dense": PlotStyle((3, 5), (3, 3), (3, 6), (1.0, 2.4), (3, 5), 0.92, 0.5, (0.1, 0.3), 0.0, 0.0, 0.7, (1, 2)),
    "mixed": PlotStyle((3, 4), (2, 3), (2, 4), (1.6, 4.0), (3, 7), 0.35, 0.18, (0.4, 0.3), 0.25, 0.25, 0.5, (1,)),
    "suburban": PlotStyle((2, 3), (2, 2), (1, 2), (4.0, 6.5), (4, 9), 0.05, 0.0, (0.5, 0.35), 0.7, 0.5, 0.35, (0,)),
}
_PIECE = 4.0  # m of a hedge, fence or wall
_BEHIND = 1.3  # m from the pavement to its middle
_SETBACK, _FRONT, _DEPTH, _FLOORS, _GAP, _JOINED, _COLOUR, _FIRST, _KIND, _GARDEN, _CAR, _TREE, _BUILT = range(100, 113)


@dataclass(frozen=True, slots=True)
class Prop:
    """A row of PROP before it is packed."""

    kind: Kind
    box: Box
    height: float
    look: int
    street: int
    floors: int = 0
    signal: int = -1
    z: float = GROUND


@dataclass(frozen=True, slots=True)
class _House:
    side: StreetSide
    s0: float
    s1: float
    prop: Prop


def between(low: float, high: float, share: float) -> float:
    """The number that lies that share (0 to 1) of the way from `low` to `high`."""
    return low + share * (high - low)


def whole(ends: tuple[int, int], share: float) -> int:
    """A whole number from the lowest to the highest, both included."""
    return ends[0] + int(share * (ends[1] - ends[0] + 1))


def _house(side: StreetSide, s: float, bays: int, setback: float, look: PlotStyle, row: int) -> _House:
    """A house whose front begins at s, parallel to the chord of the kerb along it."""
    front = BAY * bays
    x0, y0, _ = side.at(s, side.pavement)
    x1, y1, _ = side.at(s + front, side.pavement)
    heading = math.atan2(y1 - y0, x1 - x0)
    out = heading + side.out * math.pi / 2
    depth = BAY_DEPTH * whole(look.deep, side.die(s, _DEPTH + row))
    away = setback + depth / 2
    box = (
        (x0 + x1) / 2 + away * math.cos(out),
        (y0 + y1) / 2 + away * math.sin(out),
        out + math.pi,
        depth,
        min(front, math.hypot(x1 - x0, y1 - y0)),
    )
    floors = whole(look.floors, side.die(s, _FLOORS + row))
    shops = row == 0 and side.die(s, _FIRST) < look.shops
    number = int(HOUSE_LOOKS * side.die(s, _COLOUR + row))
    while number // 2 % 5 not in (WITH_SHOPS if shops else WITHOUT_SHOPS):
        number = (number + 2) % HOUSE_LOOKS
    height = STOREY * floors + (2.6 if floors <= 2 else 0.6)
    return _House(side, s, s + front, Prop(Kind.HOUSE, box, height, number, side.street, floors))


def _candidates(side: StreetSide, ground: Ground, look: PlotStyle, fewer: int, again: bool) -> list[_House]:
    """A side's front row, clear of roads and other houses. `fewer`: bays by which its fronts are narrower."""
    setback = between(*look.setback, side.die(0, _SETBACK))
    s, row = -CORNER, []
    while s < side.length + CORNER - 4:
        bays = max(2, whole(look.bays, side.die(s, _FRONT)) - fewer)
        house = _house(side, s, bays, setback, look, 0)
        if not ground.free(house.prop.box) or (again and ground.occupied(_wider(house.prop.box, look))):
            s += 1.0
            continue
        row.append(house)
        joined = side.die(s, _JOINED) < look.joined
        s += BAY * bays + (0.0 if joined else between(*look.gap, side.die(s, _GAP)))
    return row


def _wider(box: Box, look: PlotStyle) -> Box:
    """A box with the gap that detached houses leave on both sides."""
    return (*box[:4], box[4] + (0.0 if look.joined > 0.9 else 2 * look.gap[0]))


def _settle(houses: list[_House], ground: Ground) -> list[_House]:
    """Where houses overlap at a corner a die decides, so that the result depends on the neighbourhood alone."""
    row = []
    for house in sorted(houses, key=lambda h: (h.side.die(h.s0, _FIRST), h.prop.box)):
        if not ground.occupied(house.prop.box):
            ground.put(house.prop.box)
            row.append(house)
    return row


def houses(every: list[StreetSide], ground: Ground, look: PlotStyle) -> list[_House]:
    """The front rows: first of full width, then narrower houses in the gaps."""
    rows: list[_House] = []
    for turn, fewer in enumerate((0, *look.again)):
        rows += _settle([h for side in every for h in _candidates(side, ground, look, fewer, turn > 0)], ground)
    return rows


def second_row(every: list[StreetSide], ground: Ground, look: PlotStyle) -> list[Prop]:
    """Houses and trees behind the first row: never close to the car, but they give parallax."""
    candidates: list[tuple[float, Prop]] = []
    for side in every:
        setback = (
            between(*look.setback, side.die(0, _SETBACK))
            + BAY_DEPTH * look.deep[1]
            + between(5, 9, side.die(1, _SETBACK))
        )
        s = 2.0
        while s < side.length - 6:
            if side.die(s, _BUILT) < look.behind:
                bays = whole(look.bays, side.die(s, _FRONT + 50))
                prop = _house(side, s, bays, setback, look, 60).prop
                step = BAY * bays + between(3, 9, side.die(s, _GAP + 50))
            else:
                prop = tree(
                    side, s, setback + between(-2, 4, side.die(s, _TREE)), between(4.5, 7.5, side.die(s, _KIND))
                )
                step = 8.0
            candidates.append((side.die(s, _FIRST + 50), prop))
            s += step
    props = []
    for _, prop in sorted(candidates, key=lambda pair: (pair[0], pair[1].box)):
        if ground.free(prop.box, 1.0):
            ground.put(prop.box)
            props.append(prop)
    return props


def tree(side: StreetSide, s: float, behind_pavement: float, crown: float) -> Prop:
    """A tree of `crown` m across."""
    x, y, heading = side.at(s, side.pavement + behind_pavement)
    height = crown * between(1.25, 1.6, side.die(s, _TREE + 20))
    return Prop(Kind.TREE, (x, y, heading, crown, crown), height, int(1000 * side.die(s, _TREE + 21)), side.street)


def gaps(side: StreetSide, row: list[_House]) -> list[tuple[float, float]]:
    """(from, to) along a side where no house of its row stands."""
    free, s = [], -2.0
    for house in sorted(row, key=lambda h: h.s0):
        if house.s0 > s + 0.6:
            free.append((s, house.s0))
        s = max(s, house.s1)
    if s < side.length + 1.4:
        free.append((s, side.length + 2.0))
    return free


_HEIGHTS = {Kind.HEDGE: (0.9, 1.3), Kind.FENCE: (0.12, 1.1), Kind.WALL: (0.3, 1.5)}  # thickness, height


def around(side: StreetSide, ground: Ground, look: PlotStyle) -> list[Prop]:
    """Hedges, fences or walls round the corners of a junction, and a tree behind, where there is room."""
    props = []
    kind = _kind(side.die(0, _KIND), look)
    hedges = pieces(side, 0.0, side.length, kind, _BEHIND)
    trees = [tree(side, s, between(3.5, 6, side.die(s, _TREE)), 4.0) for s in (side.length / 3, side.length / 1.5)]
    for prop, margin in (*((piece, 0.5) for piece in hedges), *((one, 0.4) for one in trees)):
        if prop.box[3] > 1.5 and ground.free(prop.box, margin):
            ground.put(prop.box)
            props.append(prop)
    return props


def closing(side: StreetSide, row: list[_House], ground: Ground, look: PlotStyle) -> list[Prop]:
    """Hedges, fences and walls in pieces of about 4 m, garden trees and cars in driveways between a side's houses."""
    props: list[Prop] = []

    def put(prop: Prop, margin: float) -> None:
        if ground.free(prop.box, margin):
            ground.put(prop.box)
            props.append(prop)

    for start, end in gaps(side, row):
        kind = _kind(side.die(start, _KIND), look)
        start_fence = start
        if end - start > 4.2 and 0 < start < side.length - 6 and side.die(start, _CAR) < look.driveways:
            put(_parked(side, start + 1.8), 0.5)
            start_fence = start + 3.4
        for piece in pieces(side, start_fence, end, kind, _BEHIND):
            put(piece, 0.5)
        for k in range(max(1, int((end - start) / 7))):
            s = start + (k + 0.5) * (end - start) / max(1, int((end - start) / 7))
            crown = min(between(3.0, 6.0, side.die(s, _KIND + 30)), max(2.0, end - start - 0.6))
            put(tree(side, s, between(6, 11, side.die(s, _TREE + 30)), crown), 0.4)
    for house in row:
        if side.die(house.s0, _GARDEN) < look.gardens:
            kind = _kind(side.die(house.s0, _KIND), look)
            middle = (house.s0 + house.s1) / 2
            for s0, s1 in ((house.s0, middle - 0.9), (middle + 0.9, house.s1)):
                for piece in pieces(side, s0, s1, kind, _BEHIND):
                    put(piece, 0.5)
            if side.die(house.s0, _TREE + 40) < 0.5:
                put(tree(side, house.s0 + 1.6, 2.3, 2.2), 0.2)
    return props


def _kind(share: float, look: PlotStyle) -> Kind:
    hedge, fence = look.hedges
    return Kind.HEDGE if share < hedge else Kind.FENCE if share < hedge + fence else Kind.WALL


def pieces(side: StreetSide, start: float, end: float, kind: Kind, behind: float) -> list[Prop]:
    """Pieces from start to end along a side, their length along their heading."""
    number = max(1, round((end - start) / _PIECE))
    if end - start < 1.0:
        return []
    thick, high = _HEIGHTS[kind]
    colour = int(1000 * side.die(start, _COLOUR))
    props = []
    for k in range(number):
        x0, y0, _ = side.at(start + (end - start) * k / number, side.pavement + behind)
        x1, y1, _ = side.at(start + (end - start) * (k + 1) / number, side.pavement + behind)
        heading = math.atan2(y1 - y0, x1 - x0)
        box = ((x0 + x1) / 2, (y0 + y1) / 2, heading, math.hypot(x1 - x0, y1 - y0), thick)
        props.append(Prop(kind, box, high, colour, side.street))
    return props


def _parked(side: StreetSide, s: float) -> Prop:
    """A car in a driveway, its nose towards the street or away from it."""
    length, width, height = SIZES[Kind.CAR]
    x, y, heading = side.at(s, side.pavement + 1.2 + length / 2)
    turn = side.out * (1 if side.die(s, _CAR + 20) < 0.5 else -1) * math.pi / 2
    return Prop(Kind.CAR, (x, y, heading + turn, length, width), height, int(1000 * side.die(s, _COLOUR)), side.street)
