"""Where a drive begins: a name as it is, a sentence as a dreamt place with conditions, and one sentence for what is neither."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from brain.conditions import at_once, condition_line, conditions, reader
from brain.plan import Plan, Refusal, Utterance, parse_line
from world.controls import TimeOfDay, Weather
from world.errors import DataError
from world.places import LONGEST, Where, is_name, where


def brain(text: str) -> Utterance:
    return parse_line(
        {"rain": "rain(2)", "黃昏": "dusk", "heavy rain": "rain(3)", "turn left": "left"}.get(
            text, "refuse(unsupported)"
        )
    )


READ = reader(brain)


@pytest.mark.parametrize(
    "name",
    [
        "town:7",
        "town-99",
        "osm:my map.osm",
        "my map.osm.pbf@13.3,52.5,13.4,52.6",
        "a.net.xml",
        "dreamt",
        "dreamt:3:dense#1f0c22ab",
    ],
)
def test_a_name_stays_a_name(name: str) -> None:
    assert is_name(name)
    assert where(name, 5, READ) == Where(name.replace("town:", "town-"))


def test_a_sentence_is_a_place_by_its_seed_and_the_conditions_that_it_tells() -> None:
    said = "old town, narrow, in the rain, at dusk"
    rain = {"weather": int(Weather.RAIN_2), "time": int(TimeOfDay.DUSK)}
    assert where(said, 7, READ) == where(said, 7, READ) == Where("dreamt:7:dense:1", rain)
    assert where(said, 8, READ).place == "dreamt:8:dense:1"
    assert where("郊區，黃昏，雙線道", 7, READ) == Where("dreamt:7:suburban:2", {"time": int(TimeOfDay.DUSK)})
    assert where("in the rain", 7, READ) == Where(None, {"weather": int(Weather.RAIN_2)})


def test_plain_times_of_day_need_no_brain() -> None:
    def nobody(text: str) -> Utterance:
        raise AssertionError(text)

    assert where("a suburb at night", 1, reader(nobody)).conditions == {"time": int(TimeOfDay.NIGHT)}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("a suburb with flamingos, at dusk, on the moon", "Not understood: 'flamingos', 'moon'; a place is dense"),
        ("turn left in a suburb", "Not understood: 'turn left'"),
        ("a suburb at dusk, at night", "'dusk' and 'night' contradict"),
        ("rain and heavy rain", "'rain' and 'heavy rain' contradict"),
        ("a town with streets", "says nothing of a place"),
        ("nine lanes", "not 9"),
        ("a" * (LONGEST + 1), "at most"),
    ],
)
def test_what_is_no_place_is_one_sentence(said: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        where(said, 0, READ)


def test_without_a_brain_weather_is_not_understood() -> None:
    with pytest.raises(DataError, match="'dusk'"):
        where("a suburb at dusk")


@pytest.mark.parametrize(
    ("line", "is_"),
    [
        ("rain(2);night", {"weather": int(Weather.RAIN_2), "time": int(TimeOfDay.NIGHT)}),
        ("clear", {"weather": int(Weather.CLEAR)}),
        ("night@+5", None),
        ("rain(2)~10", None),
        ("night;left", None),
        ("dawn;dusk", None),
    ],
)
def test_conditions_are_weather_and_time_and_nothing_else(line: str, is_: Mapping[str, int] | None) -> None:
    assert conditions(parse_line(line)) == is_
    assert conditions(Refusal("offtopic")) is None


def test_conditions_are_written_as_they_are_read() -> None:
    for weather in Weather:
        if weather >= 0:
            plan = parse_line(condition_line("weather", int(weather)))
            assert isinstance(plan, Plan) and at_once(plan) == {"weather": int(weather)}
