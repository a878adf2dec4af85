"""The tokenizer: what comes back is within half a bin, nothing is out of range, and what is no element is a sentence."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world.errors import DataError
from world.scene.objects import Kind
from world.scene.roadside_tokens import (
    KINDS,
    OVER,
    ROADSIDE,
    ROADSIDE_TOKENS,
    SHAPE_FIELDS,
    STRETCH,
    TOUCHING,
    Reach,
    Standing,
    decode_stretch,
    encode_stretch,
    s_token,
    token_order,
)
from world.scene.tokens import (
    MOST_ARMS,
    STREET_TOKENS,
    STREETS,
    Field,
    NewArm,
    Vocabulary,
    decode_arms,
    encode_arms,
)

anything = st.floats(-1e6, 1e6)
arms = st.builds(NewArm, st.floats(-math.pi, math.pi), anything, anything, st.integers(-1, 9), st.integers(-1, 9))
objects = st.builds(
    Standing, st.sampled_from(KINDS), st.floats(-OVER, STRETCH + OVER), st.floats(0, 37.7), st.floats(1, 22),
    st.floats(4, 22), st.integers(1, 8), st.integers(0, 155), st.floats(1.5, 7.75), st.floats(2, 12.5), st.integers(0, 1),
)  # fmt: skip


@pytest.mark.parametrize("vocabulary", [STREETS, ROADSIDE], ids=["streets", "roadside"])
def test_every_token_is_one_fields(vocabulary: Vocabulary) -> None:
    spans = [range(*vocabulary.span(field.name).indices(vocabulary.size)) for field in vocabulary.fields]
    tokens = [token for span in spans for token in span] + [vocabulary.begin, vocabulary.end]
    assert tokens == list(range(vocabulary.size))


@pytest.mark.parametrize("field", [*STREETS.fields, *ROADSIDE.fields], ids=lambda field: field.name)
@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1))
def test_a_value_comes_back_within_half_a_bin(field: Field, share: float) -> None:
    low, high = (-math.pi, math.pi) if field.low == field.high else (field.low, field.high)
    value = low + share * (high - low)
    back = field.value(field.bin(value))
    assert abs(math.remainder(back - value, math.tau) if low == -math.pi else back - value) <= field.error(value) + 1e-9
    assert field.bin(back) == field.bin(value)


@settings(deadline=None, max_examples=40)
@given(st.booleans(), st.lists(arms, max_size=MOST_ARMS))
def test_arms_come_back(signals: bool, given_arms: list[NewArm]) -> None:
    tokens = encode_arms(signals, given_arms)
    assert len(tokens) < STREET_TOKENS and all(0 <= token < STREETS.size for token in tokens)
    lit, found = decode_arms(tokens)
    assert lit == signals and len(found) == len(given_arms)
    assert encode_arms(lit, found) == tokens
    ordered = sorted(given_arms, key=lambda arm: STREETS.token("direction", arm.direction))
    for arm, back in zip(ordered, found, strict=True):
        assert abs(math.remainder(arm.direction - back.direction, math.tau)) <= math.radians(1.5) + 1e-9
        assert 24 - 1e-9 <= back.length <= 320 + 1e-9 and abs(back.bend) <= 0.2 + 1e-9
        lanes = min(max(arm.out, 0), 4), min(max(arm.into, 0), 4)
        assert (back.out, back.into) == (lanes if any(lanes) else (1, 1))


@settings(deadline=None, max_examples=40)
@given(st.lists(objects, max_size=50))
def test_what_stands_along_a_stretch_comes_back(given_objects: list[Standing]) -> None:
    """Row by row, each within half a step, or what is between it and a neighbour that it touches."""
    tokens = encode_stretch(given_objects)
    assert len(tokens) < ROADSIDE_TOKENS and all(0 <= token < ROADSIDE.size for token in tokens)
    found = decode_stretch(tokens)
    assert len(found) == len(given_objects) or len(found) >= 30
    for one, back in zip(sorted(given_objects, key=token_order), found, strict=False):
        assert back.kind == one.kind and abs(back.begin - one.begin) <= TOUCHING + 1e-9


@settings(deadline=None, max_examples=40)
@given(objects)
def test_an_object_is_off_by_half_a_bin_at_most(one: Standing) -> None:
    (back,) = decode_stretch(encode_stretch([one]))
    assert back.kind == one.kind and abs(back.behind - one.behind) <= 0.25 + 1e-9
    assert abs(back.begin - one.begin) <= TOUCHING + 1e-9
    for name in SHAPE_FIELDS.get(one.kind, ()):
        value = float(getattr(one, name))
        assert abs(float(getattr(back, name)) - value) <= ROADSIDE.field(name).error(value) + 1e-9


@given(st.lists(st.sampled_from([7.2, 10.8, 14.4]), min_size=2, max_size=6))
def test_a_closed_row_of_houses_stays_closed(fronts: list[float]) -> None:
    s, row = 1.3, list[Standing]()
    for front in fronts:
        row.append(Standing(Kind.HOUSE, s + front / 2, 8.0, front, 12.0, 2, 3))
        s += front
    back = decode_stretch(encode_stretch(row))
    assert all(b.begin == pytest.approx(a.end) for a, b in pairwise(back))


def test_a_row_goes_on_in_the_next_stretch() -> None:
    reach = Reach.at(0.0)
    encode_stretch([Standing(Kind.HOUSE, 60.0, 8.0, 14.4, 12.0, 2, 3)], reach)
    end = reach.from_next(64.0).before(Kind.HOUSE, 8.0)
    assert end == pytest.approx(67.2 - 64.0, abs=0.3)
    (next_one,) = decode_stretch(
        encode_stretch([Standing(Kind.HOUSE, end + 7.2, 8.0, 14.4, 12.0)], reach.from_next(64.0)), reach.from_next(64.0)
    )
    assert next_one.begin == pytest.approx(end)


def test_what_has_no_tokens_is_a_sentence() -> None:
    with pytest.raises(DataError, match="there may be 5"):
        encode_arms(False, [NewArm(0, 50, 0, 1, 1)] * 6)
    with pytest.raises(DataError, match="is no number"):
        encode_arms(False, [NewArm(math.nan, 50, 0, 1, 1)])
    with pytest.raises(DataError, match="A deer"):
        encode_stretch([Standing(Kind.DEER, 1.0, 1.0)])
    house = encode_stretch([Standing(Kind.HOUSE, 1.0, 8.0, 9.0, 8.0, 2, 3)])
    elsewhere = s_token(house[2], 5.0)
    for tokens in (
        [],
        house[:-1],
        [*house[:3], ROADSIDE.end],
        [house[1], *house[1:]],
        [*house[:3], elsewhere, *house[4:]],
    ):
        with pytest.raises(DataError):
            decode_stretch(tokens)
    junction = encode_arms(True, [NewArm(0.3, 80, 0, 1, 2)])
    for tokens in ([], junction[:-1], junction[1:], [junction[0], junction[2], junction[1], *junction[3:]]):
        with pytest.raises(DataError):
            decode_arms(tokens)
