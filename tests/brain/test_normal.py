"""What is typed, as the model reads it: characters and units are put right before it, and nothing else is touched."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.normal import normal
from brain.plan import Plan, Refusal, parse_line
from brain.speeds import too_fast, within_limit
from finetune.cases import BENCHMARK


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("把車速調到３０公里", "把車速調到30公里"),
        ("ＧＯ ＬＥＦＴ", "GO LEFT"),
        ("اذهب ٣٠", "اذهب 30"),
        ("把车速调到30公里,然后左转", "把車速調到30公里,然後左轉"),
        ("时速3十5公里", "時速35公里"),
        ("加速到三0公里", "加速到30公里"),
        ("十5公里", "15公里"),
        ("20㎞/h", "20km/h"),
        ("set cruise to 10 m/s", "set cruise to 36 km/h"),
        ("10 metres per second", "36 km/h"),
        ("每秒十公尺", "時速36公里"),
        ("do 45 mph", "do 72 km/h"),
        ("twenty miles an hour, please", "32 km/h, please"),
        ("用三十英里的時速開", "用48公里的時速開"),
        ("20 knots", "37 km/h"),
        ("開到15節", "開到28公里"),
        ("slow to 30 km", "slow to 30 km/h"),
        ("⬅️ then 🌧️", "turn left then rain"),
        ("turn ⬅", "turn left"),
        ("→ then stop", "turn right then stop"),
        ("❄️🌙", "snow, night"),
        ("變成🌙", "變成晚上"),
        ("🚶🏽‍♂️", "a pedestrian crosses"),
        ("trun lfet adn start rainning", "turn left and start raining"),
        ("Trun RIGTH", "Turn RIGHT"),
        ("𝗍𝗎𝗋𝗇 𝒍𝒆𝒇𝒕", "turn left"),
        ("speed 3️⃣0️⃣", "speed 30"),
        ("③０ km/h", "30 km/h"),
        ("turn left in 200 feet", "turn left in 60 m"),
        ("in fifty yards stop", "in 45 m stop"),
        ("300英尺後左轉", "90公尺後左轉"),
        ("⏹️ then ▶️", "stop then turn right"),
        ("⛔ then ❄️", "stop then snow"),
        ("🐕", "an animal runs out"),
        ("🚲 then 🚨", "a cyclist then an ambulance"),
    ],
)
def test_characters_and_units_are_put_right(typed: str, read: str) -> None:
    assert normal(typed) == read


@pytest.mark.parametrize(
    "text",
    [
        "左轉→下雨",  # an arrow between two wishes joins them
        "turn left → rain",
        "in 2 km turn left",
        "一英里後左轉",
        "第二個路口左轉",
        "加速到50一直開",
        "form a line",
        "god bless the strait",
        "左轉,然後下雨!",
        "a kid on a bike from the left",
    ],
)
def test_what_means_something_else_stays(text: str) -> None:
    assert normal(text) == text


SLIPS = ("mph", "miles", "英里", "trun", "mkae", "laen", "strat", "sotp", "pedestrain")


@pytest.mark.parametrize("name", ["brain_cases", "brain_pairs", "brain_paraphrases"])
def test_what_the_model_was_taught_stays_but_for_slips_and_miles(name: str) -> None:
    with (BENCHMARK / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        texts = [row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    assert [text for text in texts if normal(text) != text and not any(word in text for word in SLIPS)] == []


@pytest.mark.slow
@given(st.text(max_size=60))
def test_any_text_is_read_and_reading_it_again_changes_nothing(text: str) -> None:
    once = normal(text)
    assert normal(once) == once


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("do 45 mph", "45 mph is 72 km/h, which is more than the car drives: 60 km/h at most."),
        ("go 150 km/h", "150 km/h is more than the car drives: 60 km/h at most."),
        ("go ８０ km/h", "80 km/h is more than the car drives: 60 km/h at most."),
        ("時速開到兩百", "200 km/h is more than the car drives: 60 km/h at most."),
        ("forty knots", "forty knots is 74 km/h, which is more than the car drives: 60 km/h at most."),
        ("每秒三十公尺", "每秒三十公尺 is 108 km/h, which is more than the car drives: 60 km/h at most."),
    ],
)
def test_a_speed_beyond_the_car_is_said(text: str, sentence: str) -> None:
    assert too_fast(text) == sentence


@pytest.mark.parametrize(
    "text", ["do 35 mph", "16 m/s", "時速六十", "100 km ahead turn left", "at 60 km/h", "加速到五十"]
)
def test_a_speed_that_the_car_drives_is_not(text: str) -> None:
    assert too_fast(text) is None


def test_no_other_speed_is_made_of_one_beyond_the_car() -> None:
    guessed, meant = parse_line("speed(56)"), parse_line("speed(30);left")
    assert within_limit(guessed, "do 72 km/h") == Refusal("unsupported")
    assert within_limit(guessed, "do 56 km/h") is guessed
    assert within_limit(meant, "do 72 km/h, no, thirty, then left") is meant
    assert within_limit(parse_line("cut_in(left)"), "a car at 90 km/h cuts in from the left") != Refusal("unsupported")
    assert isinstance(within_limit(parse_line("speed(30)"), "時速兩百,不,三十"), Plan)
