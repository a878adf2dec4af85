"""What a sentence says of streets: read by a table, in English and Chinese; the rest comes back, and what cannot be is said."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world.dynamics.dreamt import DreamtName, dreamt_of
from world.errors import DataError
from world.scene.character import PLANS, Regions
from world.scene.described import OUTSIDE, TABLE, describe
from world.scene.graph import LOOKS
from world.scene.tokens import MOST_LANES

ROWS = list(csv.reader(TABLE.read_text(encoding="utf-8").splitlines()[1:], delimiter="\t"))


def name(text: str) -> str:
    return DreamtName(7, describe(text).regions).name.removeprefix("dreamt:7").removeprefix(":")


@pytest.mark.parametrize(
    ("said", "is_", "rest"),
    [
        ("a suburb at dusk, two lanes", "suburban:2", ("dusk",)),
        ("dense old town, narrow streets, grid, in the rain, at night", "dense:grid:1", ("rain", "night")),
        ("郊區，黃昏，雙線道", "suburban:2", ("黃昏",)),
        ("２線道 郊區", "suburban:2", ()),
        ("三條車道的舊城,棋盤式", "dense:grid:3", ()),
        ("下雨的夜晚，老城區，窄巷", "dense:1", ("下雨的夜晚",)),
        ("Winding RESIDENTIAL roads with one lane each way in heavy rain", "suburban:organic:1", ("heavy rain",)),
        ("wide avenues and ring roads", "radial:3", ()),
        ("four-lane avenues", "4", ()),
        ("dense inside, suburban outside", f"dense+{OUTSIDE}:suburban", ()),
        ("市中心密集，外圍郊區", f"dense+{OUTSIDE}:suburban", ()),
        ("a dense centre surrounded by suburbs", f"dense+{OUTSIDE}:suburban", ()),
        (
            "a grid, dense inside, mixed from 500 m on, suburban from 900 m on",
            "dense:grid+500:mixed:grid+900:suburban:grid",
            (),
        ),
        ("suburbs outside", f"+{OUTSIDE}:suburban", ()),
        ("a suburb, dense inside", f"dense+{OUTSIDE}:suburban", ()),
        ("suburban, suburban outside", "suburban", ()),
        ("flamingos in a suburb with palm trees and two dogs", "suburban", ("flamingos", "palm trees", "two dogs")),
        ("", "", ()),
    ],
)
def test_a_sentence_says_what_streets_are_like(said: str, is_: str, rest: tuple[str, ...]) -> None:
    assert (name(said), describe(said).rest) == (is_, rest)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("nine lanes", f"1 to {MOST_LANES} lanes each way, not 9"),
        ("零線道", "not 0"),
        ("a grid, radial", "'grid' and 'radial' contradict each other"),
        ("dense suburb", "'dense' and 'suburb' contradict"),
        ("narrow streets of four lanes", "'narrow' and 'four lanes' contradict"),
        ("dense outside, suburban outside", "contradict"),
    ],
)
def test_what_cannot_be_is_one_sentence(said: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        describe(said)


def test_no_word_stands_twice_in_the_table_and_each_is_read_as_it_stands() -> None:
    words = [row[0] for row in ROWS]
    assert len(set(words)) == len(words)
    for word, kind, value in ROWS:
        told = describe(word)
        assert not told.rest or kind == "number", word
        if kind in ("look", "plan"):
            assert getattr(told.regions.first, kind) == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        told = describe(text)
    except DataError:
        return
    assert dreamt_of(DreamtName(3, told.regions).name).regions == told.regions


WORDS = {
    kind: {value: [row[0] for row in ROWS if row[1:] == [kind, value]] for value in values}
    for kind, values in (("look", LOOKS), ("plan", PLANS))
}
COUNTS = [(row[0], int(row[2])) for row in ROWS if row[1] == "number" and 1 <= int(row[2]) <= MOST_LANES]


@given(st.data())
def test_whatever_the_words_and_their_order_the_place_is_the_one_that_was_said(data: st.DataObject) -> None:
    look, plan = (data.draw(st.sampled_from(sorted(WORDS[kind]))) for kind in ("look", "plan"))
    count, lanes = data.draw(st.sampled_from(COUNTS))
    parts = [data.draw(st.sampled_from(WORDS["look"][look])), data.draw(st.sampled_from(WORDS["plan"][plan]))]
    parts.append(f"{count} lanes" if count.isascii() else f"{count}線道")
    said = data.draw(st.sampled_from([", ", "，", "、"])).join(data.draw(st.permutations(parts)))
    assert name(said) == f"{look}:{plan}:{lanes}" and describe(said).rest == ()
    assert describe(said).regions != Regions()
