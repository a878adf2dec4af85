"""Dreamt roadsides: a transformer lines every side stretch by stretch, conditioned on existing objects.

Objects that would overlap others, stand on a road or block the view at a corner are left out and counted. Signals and signs come from
the rules.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, load
from world.dynamics.writing import Writing, drawn
from world.errors import DataError
from world.scene import corner_sight, furniture
from world.scene.frontage import Ground, sides
from world.scene.graph import LOOKS
from world.scene.hd_map import HDMap
from world.scene.objects import Kind
from world.scene.plots import Prop
from world.scene.random import uniform
from world.scene.roadside import apart, table
from world.scene.roadside_tokens import (
    BARRIERS,
    KINDS,
    MOST_OBJECTS,
    ROADSIDE,
    ROADSIDE_TOKENS,
    SHAPE_FIELDS,
    STEP,
    STRETCH,
    WIDEST,
    Reach,
    Standing,
    behind_of,
    decode_standing,
    kind_of,
    row_of,
    s_token,
    tokens_of,
)
from world.scene.stretches import Stretch, props_of, stretches

FOLDER = Path(__file__).parent.parent / "weights" / "roadside"
USES = ("housing", "shops", "park", "square", "car park", "building site", "school")
CONDITIONS = (len(LOOKS) + 1, len(USES) + 1)  # number of values of each; 0: any
PROFILE = np.arange(-8.0, STRETCH + 9.0, 8.0)  # m along a stretch of the samples of free depth
DEPTH = 40.0  # m of free ground at most
OBJECTS, AROUND = 24, 28.0  # existing objects in the input, and m from the stretch to the furthest of them
ROWS, FEATURES = 1 + len(PROFILE) + OBJECTS, 9 + len(KINDS)
HEAT = 0.9  # temperature
TOGETHER = 64  # stretches at once
ON_PAVEMENT = frozenset({Kind.LAMP, Kind.BENCH, Kind.BIN, Kind.SHELTER, Kind.BOLLARD})
MARGINS = {Kind.TREE: 0.4}  # m from roads and pavements, else 0.5
# m along the kerb and away from it by which an object may be shifted to find room, the nearest first
ASIDE = (
    (0, 0),
    (0, 0.3),
    (0.3, 0),
    (-0.3, 0),
    (0, 0.6),
    (0.6, 0),
    (-0.6, 0),
    (0.6, 0.6),
    (-0.6, 0.6),
    (1.2, 0),
    (-1.2, 0),
    (0, 1.2),
)
LIKE = PrefixConfig(FEATURES, ROADSIDE.size, ROADSIDE_TOKENS, CONDITIONS, width=96, heads=4, layers=3)
_EVERY = np.arange(ROADSIDE.size)
_FIRST = ROADSIDE.first("kind")
_DRAW = 901  # purpose of random numbers


@dataclass(frozen=True, eq=False)
class Lined:
    """props: PROP [N], sorted by street; drawn: number of dreamt objects; left_out: number of those without room."""

    props: np.ndarray
    drawn: int
    left_out: int


def conditions(look: str | None, use: str | None) -> tuple[int, int]:
    """A number for each of CONDITIONS. DataError for an unknown use."""
    if use is not None and use not in USES:
        raise DataError(f"Nothing lines a street as '{use}'; there are: {', '.join(USES)}.")
    return LOOKS.index(look) + 1 if look else 0, USES.index(use) + 1 if use else 0


def rows_of(
    stretch: Stretch, place: HDMap, ground: Ground, things: Sequence[Prop], boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(float32 [ROWS, FEATURES], bool [ROWS]): a stretch, its free depth, and the nearest existing objects. boxes: of the things."""
    out, there = np.zeros((ROWS, FEATURES), np.float32), np.zeros(ROWS, bool)
    side, (low, high) = stretch.side, stretch.bounds
    street = place.graph.streets[side.street]
    beside = street.backward if side.out > 0 else street.forward
    out[0, 0] = 1.0
    out[0, 3:9] = (
        stretch.length / STRETCH,
        low < 0,
        high > stretch.length,
        side.pavement / 4,
        beside / 4,
        stretch.corner,
    )
    deep = np.arange(1.0, DEPTH + 0.5)
    for k, s in enumerate(PROFILE):
        x, y, heading = side.at(stretch.first + float(s), side.pavement)
        away = side.out * deep
        roads = ground.is_road(x - away * np.sin(heading), y + away * np.cos(heading))
        out[1 + k, 1] = 1.0
        out[1 + k, 3:5] = s / STRETCH, (int(np.argmax(roads)) if roads.any() else DEPTH) / DEPTH
    there[: 1 + len(PROFILE)] = True
    x0, y0, _ = side.at(stretch.first, 0.0)
    x1, y1, _ = side.at(stretch.last, 0.0)
    direction = np.array([x1 - x0, y1 - y0]) / max(float(np.hypot(x1 - x0, y1 - y0)), 1e-9)
    if not things:
        return out, there
    step = boxes[:, :2] - (x0, y0)
    s, behind = step @ direction, side.out * (direction[0] * step[:, 1] - direction[1] * step[:, 0])
    away = np.maximum(np.maximum(-s, s - stretch.length), 0.0) + np.maximum(np.abs(behind - 6.0) - 6.0, 0.0)
    order = np.argsort(away, kind="stable")[:OBJECTS]
    order = order[away[order] < AROUND]
    for k, n in enumerate(order.tolist(), 1 + len(PROFILE)):
        thing, turn = things[n], float(boxes[n, 2]) - float(np.arctan2(direction[1], direction[0]))
        length, width = thing.box[3:]
        c, sn = abs(np.cos(turn)), abs(np.sin(turn))
        out[k, 2] = 1.0
        out[k, 3:8] = (
            s[n] / STRETCH, behind[n] / DEPTH, (c * length + sn * width) / 20, (sn * length + c * width) / 20,
            thing.height / 12,
        )  # fmt: skip
        out[k, 9 + KINDS.index(thing.kind)] = 1.0
        there[k] = True
    return out, there


def boxes_of(things: Sequence[Prop]) -> np.ndarray:
    """Boxes float64 [N, 5]: x, y, heading, length, width."""
    return np.array([thing.box for thing in things], np.float64).reshape(-1, 5)


@dataclass
class _StretchState:
    """A stretch while it is written. reach: the end of each of its rows so far."""

    stretch: Stretch
    reach: Reach
    tokens: list[int] = field(default_factory=list)  # of the unfinished object
    row: int = 0  # the current one
    count: int = 0
    done: bool = False

    def allowed(self) -> np.ndarray:
        """Tokens that may come next, int [N]."""
        if not self.tokens:
            return _begin(self.row, self.count < MOST_OBJECTS)
        kind, count = kind_of(self.tokens[0]), len(self.tokens)
        if count == 1:
            return _behind(kind, self.stretch.side.pavement, self.row)
        if count == 2:
            return self._gaps(kind)
        if count == 3:
            token = s_token(self.tokens[2], self.reach.before(kind, behind_of(self.tokens[1])))
            return _EVERY[token : token + 1]
        return _EVERY[ROADSIDE.span(SHAPE_FIELDS[kind][count - 4])]

    def _gaps(self, kind: Kind) -> np.ndarray:
        """Gap tokens that keep an object within the stretch and after the previous one in its row."""
        (low, high), length = self.stretch.bounds, self.stretch.length
        if kind in ON_PAVEMENT:
            low, high = 1.0, max(1.0, length - 1.0)
        elif "width" in SHAPE_FIELDS.get(kind, ()):
            low -= WIDEST / 2
        before = self.reach.before(kind, behind_of(self.tokens[1]))
        field, begin = ROADSIDE.field("gap"), ROADSIDE.first("gap")
        first = min(math.ceil((max(low - before, 0.0) - field.low) / STEP - 1e-6), field.count - 1)
        last = min(max(first, math.floor((high - before - field.low) / STEP + 1e-6)), field.count - 1)
        return _EVERY[begin + first : begin + last + 1]

    def take(self, token: int) -> Standing | None:
        """Adds a token; returns the object when it is complete."""
        if token == ROADSIDE.end:
            self.done = True
            return None
        self.tokens.append(token)
        if len(self.tokens) < tokens_of(kind_of(self.tokens[0])):
            return None
        one, self.tokens = decode_standing(self.tokens, self.reach), []
        self.row, self.count = row_of(one.kind, one.behind), self.count + 1
        return one


@lru_cache
def _begin(row: int, more: bool) -> np.ndarray:
    """First tokens of an object, or END, int [N]. row: the current one; more: whether there may be more objects."""
    furthest = {kind: row_of(kind, 0.0 if kind in ON_PAVEMENT or kind == Kind.TREE else DEPTH) for kind in KINDS}
    kinds = [_FIRST + k for k, kind in enumerate(KINDS) if more and furthest[kind] >= row]
    return np.array([*kinds, ROADSIDE.end])


@lru_cache(maxsize=1024)
def _behind(kind: Kind, pavement: float, row: int) -> np.ndarray:
    """Tokens of a kind's possible distances behind the kerb, int [N]. pavement: its width, m; row: the current one."""
    tokens = []
    for name in ("near", "far"):
        one = ROADSIDE.field(name)
        values = one.low + (one.high - one.low) * np.arange(one.count) / (one.count - 1)
        if kind in ON_PAVEMENT:
            fits = (values >= 0.3) & (values <= max(1.2, pavement))
        elif kind == Kind.TREE:
            fits = values >= 0.6
        else:
            fits = values >= pavement + (0.6 if kind in BARRIERS else 2.5)
        fits &= [row_of(kind, value) >= row for value in values.tolist()]
        tokens.append(ROADSIDE.first(name) + np.flatnonzero(fits))
    return np.concatenate(tokens)


class _Lining:
    """A map while it is lined."""

    def __init__(self, place: HDMap, fixed: Sequence[Prop], only: Collection[int] | None = None) -> None:
        self.place, self.ground, self.sights = place, Ground.of(place, only), corner_sight.lines(place, only)
        self.things: list[Prop] = []
        self.posts = [*fixed]
        self.drawn = self.left_out = 0

    def settle(self, stretch: Stretch, one: Standing) -> Standing:
        """Places an object, shifted a little if need be, and returns it as placed. An object that has room in part, such as a hedge, is
        placed in part."""
        post = one.kind in ON_PAVEMENT or (one.kind == Kind.TREE and one.behind <= stretch.side.pavement)
        self.drawn += 1
        for along, back in ASIDE:
            aside = replace(one, s=one.s + along, behind=one.behind + (0.0 if post else back))
            props = props_of(stretch, aside)
            if self._all_with_room(stretch, aside, props, post):
                self._put(props, post)
                return aside
        props = self._with_room(stretch, one, props_of(stretch, one), post)
        self._put(props, post)
        self.left_out += not props
        return one

    def _all_with_room(self, stretch: Stretch, one: Standing, props: Sequence[Prop], post: bool) -> bool:
        """Whether all props of an object have room, as below."""
        if not post:
            return all(self._fits(prop) for prop in props)
        return len(self._with_room(stretch, one, props, post)) == len(props)

    def _with_room(self, stretch: Stretch, one: Standing, props: Sequence[Prop], post: bool) -> list[Prop]:
        """The props of an object that have room. post: whether it stands on the pavement, which ends with the side."""
        if not post:
            return [prop for prop in props if self._fits(prop)]
        at = stretch.first + one.s
        return [prop for prop in props if 1.0 <= at <= stretch.side.length - 1.0 and self._stands(prop)]

    def _put(self, props: Sequence[Prop], post: bool) -> None:
        if post:
            self.things += props
            self.posts += props
            return
        for prop in props:
            if not self.ground.occupied(prop.box):  # by the previous piece of a hedge, in a bend
                self.things.append(prop)
                self.ground.put(prop.box)

    def _stands(self, prop: Prop) -> bool:
        """Whether a post has room among the others on the pavement."""
        near = self._near(prop)
        return len(apart([*near, prop])) == len(near) + 1

    def _fits(self, prop: Prop) -> bool:
        """Whether there is room behind the pavement, and no blocked view at a corner."""
        if prop.height > corner_sight.LOW and corner_sight.blocked(self.sights, prop.box).any():
            return False
        return self.ground.free(prop.box, MARGINS.get(prop.kind, 0.5))

    def _near(self, prop: Prop) -> list[Prop]:
        x, y = prop.box[:2]
        return [one for one in self.posts if abs(one.box[0] - x) < 6 and abs(one.box[1] - y) < 6]


def line(
    model: PrefixLM,
    place: HDMap,
    seed: int = 0,
    uses: Mapping[int, str] | None = None,
    looks: Mapping[int, str] | None = None,
    only: Collection[int] | None = None,
) -> Lined:
    """All objects along a map's streets. uses: one of USES by street, else any; looks: by street, where it differs from the map's; only:
    along these streets. The result depends on the seed and on nearby objects alone. DataError for an unknown use.
    """
    ruled = [*furniture.signals(place, only)]
    ruled += [prop for side in sides(place, only) for prop in furniture.signs(side, place)]
    lining, waves = _Lining(place, apart(ruled), only), defaultdict[tuple[bool, int], list[Stretch]](list)
    for stretch in stretches(place, only):
        waves[stretch.corner, stretch.wave].append(stretch)
    reached: dict[int, Reach] = {}
    for key in sorted(waves):
        for first in range(0, len(waves[key]), TOGETHER):
            _write(model, lining, waves[key][first : first + TOGETHER], seed, uses or {}, looks or {}, reached)
    fixed = [prop for prop in lining.posts if prop.kind in (Kind.SIGNAL, Kind.SIGN)]
    return Lined(table([*fixed, *lining.things]), lining.drawn, lining.left_out)


def _write(
    model: PrefixLM,
    lining: _Lining,
    group: list[Stretch],
    seed: int,
    uses: Mapping[int, str],
    looks: Mapping[int, str],
    reached: dict[int, Reach],
) -> None:
    """Writes a batch of stretches, a token of each at a time."""
    boxes = boxes_of(lining.things)
    rows = [rows_of(stretch, lining.place, lining.ground, lining.things, boxes) for stretch in group]
    values = [
        conditions(looks.get(street, lining.place.graph.look), uses.get(street))
        for street in (stretch.side.street for stretch in group)
    ]
    writing = Writing(
        model, np.stack([one for one, _ in rows]), np.stack([there for _, there in rows]), np.array(values)
    )
    states, left = [_StretchState(stretch, begun(stretch, reached)) for stretch in group], np.ones(len(group), bool)
    tokens, among = np.full(len(group), ROADSIDE.begin), [one.allowed() for one in states]
    for step in range(ROADSIDE_TOKENS - 1):
        logits = writing.next(tokens, left, among)
        for k in np.flatnonzero(left).tolist():
            one = states[k]
            tokens[k] = drawn(logits[k], among[k], HEAT, _share(one.stretch, seed, step))
            whole = one.take(int(tokens[k]))
            if whole:
                one.reach.take(lining.settle(one.stretch, whole))
            left[k] = not one.done
            if left[k]:
                among[k] = one.allowed()
        if not left.any():
            break
    reached |= {id(one.stretch.side): one.reach for one in states}


def begun(stretch: Stretch, reached: Mapping[int, Reach]) -> Reach:
    """The initial reach of a stretch. reached: of the previous stretch, by the `id` of its side."""
    if stretch.wave == 0:
        return Reach.at(stretch.bounds[0])
    return reached[id(stretch.side)].from_next(stretch.length)


def _share(stretch: Stretch, seed: int, step: int) -> float:
    """The random number of a token, which depends on the stretch alone, not on its batch."""
    key = np.uint64((stretch.side.key * 1_000_003 + seed) % 2**63)
    return float(uniform(key, step, 3 * stretch.wave + stretch.side.out + 1, _DRAW))


def load_roadside(folder: Path = FOLDER) -> PrefixLM:
    """The network in a folder. WeightsError where it is missing or damaged."""
    return load(folder, "roadside", LIKE)
