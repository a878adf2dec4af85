"""The tokenizer of streets: numbers in bins, and the arms of a junction as tokens and back.

`STREETS` is the table of all fields, their bins and their tokens. A value comes back within half a bin, a value out of bounds as the
bound. `roadside_tokens` encodes objects along a street, `motion_tokens` moving road users.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from world.errors import DataError
from world.scene.graph import Point

EVEN, LOGARITHMIC, ROUND = range(3)  # Field.spacing: equal steps, equal ratios, equal steps of a full turn
MOST_LANES = 4  # of a street, each way
LANES = (MOST_LANES + 1) ** 2 - 1  # ways to share lanes out between out and into, one at least


@dataclass(frozen=True, slots=True)
class Field:
    """A number in [low, high] as one of `count` bins. Decoding gives the middle of a bin; the outermost middles are the bounds.

    ROUND: rad in [-pi, pi); `low` and `high` are ignored.
    """

    name: str
    count: int
    low: float = 0.0
    high: float = 0.0
    spacing: int = EVEN

    def bin(self, value: float) -> int:
        """The bin nearest to a value. DataError where the value is not finite."""
        if not math.isfinite(value):
            raise DataError(f"The {self.name} of a street's element is no number; mend the map that it comes from.")
        if self.spacing == ROUND:
            return math.floor((value + math.pi) / math.tau * self.count) % self.count
        value = min(max(value, self.low), self.high)
        if self.spacing == LOGARITHMIC:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(share * (self.count - 1))

    def value(self, bin: int) -> float:
        """The middle of a bin."""
        if self.spacing == ROUND:
            return (bin + 0.5) * math.tau / self.count - math.pi
        share = bin / (self.count - 1)
        if self.spacing == LOGARITHMIC:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    def error(self, value: float) -> float:
        """The greatest round-trip error of a value within the bounds."""
        if self.spacing == ROUND:
            return math.pi / self.count
        if self.spacing == LOGARITHMIC:
            return value * ((self.high / self.low) ** (0.5 / (self.count - 1)) - 1)
        return 0.5 * (self.high - self.low) / (self.count - 1)


@dataclass(frozen=True)
class Vocabulary:
    """Fields that have tokens of their own one after the other, then BEGIN and END of a sequence."""

    fields: tuple[Field, ...]

    @cached_property
    def _spans(self) -> dict[str, tuple[Field, int]]:
        """Every field with its first token."""
        firsts = accumulate((field.count for field in self.fields), initial=0)
        return {field.name: (field, first) for field, first in zip(self.fields, firsts, strict=False)}

    def first(self, name: str) -> int:
        """The first token of a field."""
        return self._spans[name][1]

    def field(self, name: str) -> Field:
        """The field of a name."""
        return self._spans[name][0]

    def token(self, name: str, value: float) -> int:
        """The token of a field's value. DataError where the value is not finite."""
        field, first = self._spans[name]
        return first + field.bin(value)

    def value(self, name: str, token: int) -> float:
        """The value of a field's token. DataError where the token is another's."""
        field, first = self._spans[name]
        if not 0 <= token - first < field.count:
            raise DataError(f"Token {token} is no {name}; take tokens of this version's tokenizer.")
        return field.value(token - first)

    def span(self, name: str) -> slice:
        """The tokens of a field."""
        field, first = self._spans[name]
        return slice(first, first + field.count)

    @cached_property
    def begin(self) -> int:
        """The BEGIN token."""
        return sum(field.count for field in self.fields)

    @property
    def end(self) -> int:
        """The END token."""
        return self.begin + 1

    @property
    def size(self) -> int:
        """Number of tokens, BEGIN and END included."""
        return self.begin + 2


# direction: from the heading of arrival; length in m; bend: how far the middle lies left of the chord, by its length.
# lanes: out * (MOST_LANES + 1) + into - 1, so that there is one at least. signals: of the junction, once, before its arms.
STREETS = Vocabulary(
    (
        Field("signals", 2, 0, 1),
        Field("direction", 120, spacing=ROUND),
        Field("length", 56, 24.0, 320.0, LOGARITHMIC),
        Field("bend", 17, -0.2, 0.2),
        Field("lanes", LANES, 0, LANES - 1),
    )
)
ARM_FIELDS = ("direction", "length", "bend", "lanes")
MOST_ARMS = 5  # that one junction grows
STREET_TOKENS = 2 + len(ARM_FIELDS) * MOST_ARMS + 1  # of a sequence at most, BEGIN and END included


@dataclass(frozen=True, slots=True)
class NewArm:
    """A street that leaves a junction. direction: rad from the heading of arrival, left positive; length: of its chord in m;
    bend: how far its middle lies left of the chord, as a share of the length; lanes out of the junction and into it, 0 to 4, one of them at least."""

    direction: float
    length: float
    bend: float
    out: int
    into: int


def encode_arms(signals: bool, arms: Sequence[NewArm]) -> list[int]:
    """A junction as tokens without BEGIN: its signals, its arms counter-clockwise from behind, END. DataError for more than MOST_ARMS."""
    if len(arms) > MOST_ARMS:
        raise DataError(f"A junction of {len(arms)} new arms has no tokens; there may be {MOST_ARMS}.")
    tokens = [STREETS.token("signals", signals)]
    for arm in sorted(arms, key=lambda arm: STREETS.token("direction", arm.direction)):
        lanes = lanes_bin(_lanes(arm.out), _lanes(arm.into))
        values = (arm.direction, arm.length, arm.bend, lanes)
        tokens += [STREETS.token(name, value) for name, value in zip(ARM_FIELDS, values, strict=True)]
    return [*tokens, STREETS.end]


def decode_arms(tokens: Sequence[int]) -> tuple[bool, list[NewArm]]:
    """The inverse of `encode_arms`: signals, arms. DataError where the tokens are no junction."""
    if not tokens or tokens[-1] != STREETS.end or len(tokens) % len(ARM_FIELDS) != 2:
        raise DataError("These tokens are no junction; take tokens of this version's tokenizer.")
    return bool(STREETS.value("signals", tokens[0])), [
        decode_arm(tokens[at : at + len(ARM_FIELDS)]) for at in range(1, len(tokens) - 1, len(ARM_FIELDS))
    ]


def decode_arm(tokens: Sequence[int]) -> NewArm:
    """The arm of four tokens. DataError where a token is of another field."""
    direction, length, bend, lanes = (
        STREETS.value(name, token) for name, token in zip(ARM_FIELDS, tokens, strict=True)
    )
    return NewArm(direction, length, bend, *lanes_of(round(lanes)))


def lanes_bin(out: int, into: int) -> int:
    """The bin of an arm's lanes. An arm without lanes counts as one lane each way."""
    return out * (MOST_LANES + 1) + into - 1 if out or into else lanes_bin(1, 1)


def lanes_of(bin: int) -> tuple[int, int]:
    """(out, into) of a bin."""
    return divmod(bin + 1, MOST_LANES + 1)


def bends(start: Point, end: Point, bend: float) -> tuple[Point, ...]:
    """The points between two ends of a street whose middle lies `bend` chords left of the chord; none for a straight street."""
    if abs(bend) < 1e-6:
        return ()
    (x0, y0), (x1, y1) = start, end
    return tuple(
        (
            x0 + t * (x1 - x0) - 4 * bend * t * (1 - t) * (y1 - y0),
            y0 + t * (y1 - y0) + 4 * bend * t * (1 - t) * (x1 - x0),
        )
        for t in (0.25, 0.5, 0.75)
    )


def _lanes(count: int) -> int:
    return min(max(count, 0), MOST_LANES)
