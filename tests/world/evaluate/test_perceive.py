"""Figures of what is read from pictures: right readings reach all, wrong ones are counted as what they are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.world.perceive.ideal import output_of
from world.evaluate.perceive import HEAD, Figure, figures_of, scenes_of, table
from world.perceive.coding import reading
from world.perceive.sight import KINDS, SeenUser, Sight
from world.scene.facts import NO_JUNCTION
from world.scene.objects import Kind

CAR = SeenUser(KINDS.index(Kind.CAR), 12.0, 0.0, 0.0, 0.5, 0.5, 0.2, 0.2)
PERSON = SeenUser(KINDS.index(Kind.PERSON), 10.0, -4.0, 0.0, 0.8, 0.5, 0.03, 0.2)
ONE = Sight(2, 2, 1, 0.4, 0.1, 20.0, 3, 1, 0.0, 0.7, 1.5, (CAR, PERSON))
TWO = Sight(1, 1, 0, -0.2, 0.0, NO_JUNCTION, 0, 3, 0.0, 0.7, 1.5)
INSIDE = Sight(0, 0, 0, 0.0, 0.0, 0.0, 0, 1, 0.0, 0.7, 1.5)
TRUE = [ONE, ONE, TWO, INSIDE]


def test_right_readings_reach_all() -> None:
    result = figures_of(TRUE, TRUE)
    for name, figure in result.items():
        assert figure.read == (0.0 if ", " in name else 1.0), name
    assert result["lanes our way"] == Figure(1.0, 2 / 3, 3)  # in a junction nobody asks for lanes
    assert result["offset, m"].guessed == pytest.approx(0.2)
    assert result["people: recall"].of == 2


def test_wrong_readings_are_counted() -> None:
    wrong = [replace(ONE, lanes=3, left=0.7, junction=40.0, weather=2, users=()), ONE, INSIDE, INSIDE]
    result = figures_of(wrong, TRUE)
    assert result["lanes our way"].read == pytest.approx(1 / 3)
    assert result["offset, m"].read == pytest.approx(0.15) and result["offset, m"].of == 2
    assert result["junction near: precision"].read == result["junction near: recall"].read == pytest.approx(2 / 3)
    assert result["weather"].read == 0.75 and result["kind of weather"].read == 1.0
    assert result["vehicles: recall"].read == result["vehicles: average precision"].read == 0.5


def test_road_users_are_right_within_two_metres_once() -> None:
    off, twice = replace(CAR, ahead=15.0, score=0.9), replace(CAR, ahead=12.5, score=0.5)
    bus = replace(CAR, kind=KINDS.index(Kind.BUS), ahead=13.0, score=0.8)
    result = figures_of([replace(ONE, users=(bus, twice, off))], [ONE])
    assert result["vehicles: recall"].read == 1.0
    assert result["vehicles: average precision"].read == pytest.approx(0.5)  # the surest is wrong
    assert result["vehicles: kind of those found"].read == 0.0
    assert result["people: recall"].read == 0.0
    far = replace(CAR, ahead=31.0)
    assert figures_of([replace(ONE, users=(far,))], [replace(ONE, users=(far,))])["vehicles: recall"].of == 0


def test_nothing_to_measure_is_no_figure() -> None:
    figure = figures_of([INSIDE], [INSIDE])["our lane"]
    assert figure.of == 0 and math.isnan(figure.read)


@pytest.mark.slow
def test_scenes_of_right_readings_fit() -> None:
    sights = [replace(ONE, lane=0, users=()), replace(ONE, junction=12.0, users=())]
    result = scenes_of([reading(output_of([sight])) for sight in sights], 0)
    assert result["scene: lanes as read"].read == 1.0
    assert result["scene: junction, m from what was read"].read < 3.0


def test_the_table_has_a_row_a_figure() -> None:
    figures = figures_of(TRUE, TRUE)
    rows = table({"figures": figures})
    assert len(rows) == len(figures) and all(len(row) == len(HEAD) for row in rows)
    assert rows[0] == ("lanes our way", "100%", "67%", "3")
    assert ("offset, m", "0.00", "0.20", "3") in rows
