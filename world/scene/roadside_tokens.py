"""The tokenizer of what stands along a street: objects of a stretch as tokens and back. `ROADSIDE` is the table of all fields.

A stretch is told row by row: houses, then the second row of houses, then hedges, fences and walls, then trees and cars behind the
pavement, then what stands on it. Each thing is told by the gap to the one before it in its row, so that rows close without a gap and
nobody stands in his neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from world.errors import DataError
from world.scene.objects import Kind
from world.scene.plots import HOUSE_LOOKS
from world.scene.tokens import Field, Vocabulary

STRETCH, OVER = (
    64.0,
    16.0,
)  # m of a street's side that one sequence tells of, and how far beyond a side's ends things stand
KINDS = (
    Kind.HOUSE, Kind.TREE, Kind.HEDGE, Kind.FENCE, Kind.WALL, Kind.CAR,
    Kind.LAMP, Kind.BENCH, Kind.BIN, Kind.SHELTER, Kind.BOLLARD,
)  # fmt: skip
BARRIERS = frozenset({Kind.HEDGE, Kind.FENCE, Kind.WALL})
WIDEST = 22.0  # m of a front
BEFORE, STEP = 32.0, 0.5  # m before a stretch that a row may come from; m between places along it

# behind: m from the kerb, near (on a pavement) and far; gap: m from where its row has got to (`Reach`) to where it begins; s: where that is,
# m along the stretch, which follows from the gap and is told, never drawn; width along the kerb, depth away from it.
ROADSIDE = Vocabulary(
    (
        Field("kind", len(KINDS), 0, len(KINDS) - 1),
        Field("near", 32, 0.0, 3.1),
        Field("far", 70, 3.2, 37.7),
        Field("gap", 273, -24.0, 112.0),
        Field("s", 225, -BEFORE, STRETCH + OVER),
        Field("width", 106, 1.0, WIDEST),
        Field("depth", 10, 4.0, 22.0),
        Field("floors", 8, 1, 8),
        Field("look", HOUSE_LOOKS, 0, HOUSE_LOOKS - 1),
        Field("crown", 26, 1.5, 7.75),
        Field("height", 36, 2.0, 12.5),
        Field("nose", 2, 0, 1),
    )
)
SHAPE_FIELDS: dict[Kind, tuple[str, ...]] = {  # after kind, near or far, gap and s
    Kind.HOUSE: ("width", "depth", "floors", "look"),
    Kind.TREE: ("crown", "height"),
    Kind.CAR: ("nose",),
    **dict.fromkeys(BARRIERS, ("width",)),
}
ANYWAY = 4  # tokens that every object has
MOST_OBJECTS = 40  # of a stretch
ROADSIDE_TOKENS = 2 + MOST_OBJECTS * 6
FRONT, FENCED = (
    14.0,
    6.0,
)  # m behind the kerb where the second row of houses, and that of hedges, fences and walls, begins
TOUCHING = 0.3  # m between two of a row that count as touching


@dataclass(frozen=True, slots=True)
class Standing:
    """Something beside a street, in the coordinates of a stretch of one side. s: m along the kerb, of its middle; behind: m from the
    kerb; width along the kerb, depth away from it and height in m, where the kind leaves them open; nose: 1 where a car looks at the
    street."""

    kind: Kind
    s: float
    behind: float
    width: float = 0.0
    depth: float = 0.0
    floors: int = 0
    look: int = 0
    crown: float = 0.0
    height: float = 0.0
    nose: int = 0

    @property
    def begin(self) -> float:
        """m along the kerb: of a house, hedge, fence or wall where it begins, of all else its middle."""
        return self.s - 0.5 * self.width if "width" in SHAPE_FIELDS.get(self.kind, ()) else self.s

    @property
    def end(self) -> float:
        """Likewise where it ends."""
        return 2 * self.s - self.begin


HOUSES, HOUSES_BEHIND, FENCES, FENCES_BEHIND, GREEN, PAVEMENT = range(
    6
)  # the rows, in the order in which they are told


def row_of(kind: Kind, behind: float) -> int:
    """Which row a thing stands in. behind: m from the kerb."""
    if kind == Kind.HOUSE:
        return HOUSES_BEHIND if behind >= FRONT else HOUSES
    if kind in BARRIERS:
        return FENCES_BEHIND if behind >= FENCED else FENCES
    return PAVEMENT if behind < ROADSIDE.field("far").low - 0.05 else GREEN


@dataclass(slots=True)
class Reach:
    """Where each row has got to, in m along a stretch: the end of its last house, hedge, fence or wall, the middle of its last other thing."""

    rows: list[float]

    @classmethod
    def at(cls, low: float) -> Reach:
        """Where nothing stands yet. low: m where things may stand from."""
        return cls([low] * (PAVEMENT + 1))

    def before(self, kind: Kind, behind: float) -> float:
        """What the gap of such a thing is measured from."""
        return self.rows[row_of(kind, behind)]

    def take(self, one: Standing) -> None:
        """Adds an object."""
        row = row_of(one.kind, one.behind)
        self.rows[row] = max(self.rows[row], one.end)

    def from_next(self, step: float) -> Reach:
        """The reach in the coordinates of the side's next stretch, `step` m later; a row ends at least at -BEFORE."""
        return Reach([max(at - step, -BEFORE) for at in self.rows])


def token_order(one: Standing) -> tuple[float, ...]:
    """Sort key of objects before they are encoded."""
    return row_of(one.kind, behind_of(_behind(one))), one.begin, one.behind, one.kind


def encode_stretch(objects: Sequence[Standing], reach: Reach | None = None) -> list[int]:
    """A stretch as tokens without BEGIN: its objects row by row, then END. Objects beyond MOST_OBJECTS or ROADSIDE_TOKENS are left out.

    reach: after the stretch before (default: at a side's beginning); it is moved on. DataError for a kind that has no tokens.
    """
    reach, tokens = reach or Reach.at(-OVER), list[int]()
    for one in sorted(objects, key=token_order)[:MOST_OBJECTS]:
        object_tokens = _encoded(one, reach)
        if len(tokens) + len(object_tokens) > ROADSIDE_TOKENS - 2:
            break
        tokens += object_tokens
        reach.take(decode_standing(object_tokens, reach))
    return [*tokens, ROADSIDE.end]


def _encoded(one: Standing, reach: Reach) -> list[int]:
    if one.kind not in KINDS:
        raise DataError(f"A {one.kind.name.lower()} beside a street has no tokens; there are: {_names()}.")
    behind = _behind(one)
    before = reach.before(one.kind, behind_of(behind))
    gap = one.begin - before
    if "width" in SHAPE_FIELDS.get(one.kind, ()) and abs(gap) < TOUCHING:
        gap = 0.0
    tokens = [ROADSIDE.token("kind", KINDS.index(one.kind)), behind, ROADSIDE.token("gap", gap)]
    tokens.append(s_token(tokens[2], before))
    return tokens + [ROADSIDE.token(name, float(getattr(one, name))) for name in SHAPE_FIELDS.get(one.kind, ())]


def _behind(one: Standing) -> int:
    return ROADSIDE.token("near" if one.behind < ROADSIDE.field("far").low - 0.05 else "far", one.behind)


def s_token(gap: int, before: float) -> int:
    """The token of s that follows from a gap's token. before: m from which the gap is measured."""
    return ROADSIDE.token("s", before + ROADSIDE.value("gap", gap))


def decode_stretch(tokens: Sequence[int], reach: Reach | None = None) -> list[Standing]:
    """The inverse of `encode_stretch`. DataError where the tokens are no stretch."""
    if not tokens or tokens[-1] != ROADSIDE.end:
        raise DataError("These tokens are no stretch of a street; take tokens of this version's tokenizer.")
    reach, objects, at = reach or Reach.at(-OVER), list[Standing](), 0
    while at < len(tokens) - 1:
        count = tokens_of(kind_of(tokens[at]))
        objects.append(decode_standing(tokens[at : at + count], reach))
        reach.take(objects[-1])
        at += count
    return objects


def tokens_of(kind: Kind) -> int:
    """Number of tokens of an object."""
    return ANYWAY + len(SHAPE_FIELDS.get(kind, ()))


def decode_standing(tokens: Sequence[int], reach: Reach) -> Standing:
    """The object of some tokens, with `reach` before it. DataError where they are no object."""
    kind = kind_of(tokens[0])
    if len(tokens) != tokens_of(kind):
        raise DataError(f"{len(tokens)} tokens are no {kind.name.lower()}; take tokens of this version's tokenizer.")
    behind = behind_of(tokens[1])
    begin = reach.before(kind, behind) + ROADSIDE.value("gap", tokens[2])
    if tokens[3] != s_token(tokens[2], reach.before(kind, behind)):
        raise DataError(
            "A thing beside a street is told to be elsewhere than it is; take tokens of this version's tokenizer."
        )
    values = {
        name: ROADSIDE.value(name, token) for name, token in zip(SHAPE_FIELDS.get(kind, ()), tokens[4:], strict=True)
    }
    width, depth, crown, height = (values.get(name, 0.0) for name in ("width", "depth", "crown", "height"))
    floors, look, nose = (round(values.get(name, 0.0)) for name in ("floors", "look", "nose"))
    return Standing(kind, begin + 0.5 * width, behind, width, depth, floors, look, crown, height, nose)


def behind_of(token: int) -> float:
    """m behind the kerb of a token of near or far."""
    return ROADSIDE.value("near" if token < ROADSIDE.first("far") else "far", token)


def kind_of(token: int) -> Kind:
    """The kind of an object's first token."""
    return KINDS[round(ROADSIDE.value("kind", token))]


def _names() -> str:
    return ", ".join(kind.name.lower() for kind in KINDS)
