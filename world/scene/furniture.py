"""What stands on the pavements: lamps, trees, signals, signs, benches, bins, bollards, bus shelters."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from world.scene.frontage import StreetSide
from world.scene.graph import RoadGraph
from world.scene.hd_map import LEFT, HDMap
from world.scene.objects import Kind
from world.scene.plots import Prop, between

LAMPS = 30.0  # m between two lamps, on alternating sides
KERB = 0.55  # m from the kerb to a post
WIDE = 4  # lanes from which both sides have lamps of their own
_TREES = {"dense": 0.45, "mixed": 0.6, "suburban": 0.5}  # share of places between lamps with a tree
_SPEED_LIMIT, _GIVE_WAY = range(2)  # PROP.look % 5 of a SIGN; look // 5: 50, 30 or 40
_TREE, _CROWN, _HIGH, _LOOK, _BENCH, _SHELTER, _BOLLARD, _SIDE = range(300, 308)


def line(side: StreetSide, graph: RoadGraph, look: str) -> list[Prop]:
    """Lamps and trees at the kerb, the rest at the pavement's inner edge."""
    street = graph.streets[side.street]
    props: list[Prop] = []
    lamps = _spread(7.0, side.length - 7.0, LAMPS)
    if street.forward + street.backward < WIDE:
        lamps = lamps[0 if side.out > 0 else 1 :: 2]
    props += [_post(side, s, Kind.LAMP, 6.5, 0, toward=True) for s in lamps]
    for s in np.arange(11.0, side.length - 9.0, 7.5):
        far = min((abs(s - lamp) for lamp in lamps), default=99.0)
        if far > 3.5 and side.die(s, _TREE) < _TREES[look]:
            props.append(_tree(side, float(s), look))
    if side.pavement >= 2.0:
        props += _seats(side, look)
    return props


def _spread(first: float, last: float, spacing: float) -> list[float]:
    """Places from first to last about `spacing` apart."""
    if first > last:
        return []
    number = round((last - first) / spacing)
    return [first + (last - first) * k / number for k in range(number + 1)] if number else [(first + last) / 2]


def _kerb(side: StreetSide) -> float:
    """m behind the kerb where posts stand: on the pavement, or on the verge where there is none."""
    return KERB if side.pavement >= 1.2 else 0.9


def _post(
    side: StreetSide, s: float, kind: Kind, height: float, look: int, toward: bool = False, back: bool = False
) -> Prop:
    """A post at the kerb that faces along the traffic on its side, or across the road (`toward`)."""
    x, y, heading = side.at(s, _kerb(side))
    heading += -side.out * math.pi / 2 if toward else math.pi if back else 0.0
    return Prop(kind, (x, y, heading, 0.2, 0.2), height, look, side.street)


def _tree(side: StreetSide, s: float, look: str) -> Prop:
    x, y, heading = side.at(s, _kerb(side) + 0.25)
    crown = between(3.0, 4.4 if look == "dense" else 5.2, side.die(s, _CROWN))
    height = between(5.0, 8.0, side.die(s, _HIGH))
    return Prop(Kind.TREE, (x, y, heading, crown, crown), height, int(1000 * side.die(s, _LOOK)), side.street)


def _seats(side: StreetSide, look: str) -> list[Prop]:
    """Benches with bins, a bus shelter now and then, bollards at the corners of dense streets."""
    props = []
    inner = side.pavement - 0.4

    def at(s: float, kind: Kind, behind: float, box: tuple[float, float, float]) -> Prop:
        x, y, heading = side.at(s, behind)
        return Prop(kind, (x, y, heading - side.out * math.pi / 2, *box[:2]), box[2], 0, side.street)

    if side.length > 45 and side.die(0, _SHELTER) < 0.22:
        props.append(at(side.length * 0.55, Kind.SHELTER, side.pavement - 0.1, (1.4, 3.8, 2.5)))
        props.append(at(side.length * 0.55 + 2.8, Kind.BIN, inner, (0.45, 0.45, 1.0)))
    for s in np.arange(14.0, side.length - 12.0, 24.0):
        share = side.die(float(s), _BENCH)
        near = abs(s - side.length * 0.55) < 6
        if share < (0.3 if look != "suburban" else 0.12) and not near:
            props.append(at(float(s), Kind.BENCH, inner, (0.6, 1.7, 0.85)))
            props.append(at(float(s) + 1.7, Kind.BIN, inner, (0.45, 0.45, 1.0)))
    if look == "dense" and side.die(0, _BOLLARD) < 0.5:
        for s in (1.0, 2.6, 4.2):
            x, y, heading = side.at(s, 0.35)
            props.append(Prop(Kind.BOLLARD, (x, y, heading, 0.18, 0.18), 0.95, 0, side.street))
    return props


def signals(place: HDMap, only: Collection[int] | None = None) -> list[Prop]:
    """A post for each car signal, where the map has it. only: of these streets' traffic."""
    lanes = place.lanes
    lit = np.flatnonzero(lanes["signal"] >= 0)
    numbers, first = np.unique(lanes["signal"][lit], return_index=True)
    props = []
    for index, source in zip(numbers.tolist(), lanes["source"][lit[first]].tolist(), strict=True):
        street = int(lanes["street"][source]) if source >= 0 else -1
        if only is None or street in only:
            signal = place.signals[index]
            box = (float(signal["x"]), float(signal["y"]), float(signal["heading"]), 0.3, 0.3)
            props.append(Prop(Kind.SIGNAL, box, 3.55, 0, street, signal=index))
    return props


def signs(side: StreetSide, place: HDMap) -> list[Prop]:
    """Signs for the traffic on this side: the speed limit after a junction, give way before one where it applies."""
    street = place.graph.streets[side.street]
    forward = side.out < 0
    if not (street.forward if forward else street.backward) or side.length < 25:
        return []
    start, end = (9.5, side.length - 4.0) if forward else (side.length - 9.5, 4.0)
    props = []
    kmh = street.limit * 3.6
    if side.die(0, _SIDE) < 0.45:
        number = 1 if kmh < 35 else 2 if kmh < 45 else 0
        props.append(_post(side, start, Kind.SIGN, 2.8, _SPEED_LIMIT + 5 * number, back=not forward))
    if _yields(place, side.street, forward):
        props.append(_post(side, end, Kind.SIGN, 2.95, _GIVE_WAY, back=not forward))
    return props


def _yields(place: HDMap, street: int, forward: bool) -> bool:
    """Whether traffic at that end gives way without a signal, and not only when it turns left."""
    lanes = place.lanes
    for lane in np.flatnonzero((lanes["street"] == street) & (lanes["forward"] == int(forward))):
        outs = place.successors[lanes["first_out"][lane] : lanes["first_out"][lane] + lanes["outs"][lane]]
        for out in outs.tolist():
            first, count = lanes["first_conflict"][out], lanes["conflicts"][out]
            if lanes["signal"][out] >= 0 or lanes["turn"][out] == LEFT:
                continue
            if place.conflicts["yields"][first : first + count].any():
                return True
    return False
