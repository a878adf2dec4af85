"""Plan steps, weather and time in words."""

from __future__ import annotations

import pytest

from brain.plan import Plan, parse_line
from ui import words


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("left", "turn left"),
        ("rain(3)~10", "heavy rain, for 10 s"),
        ("ped_cross(right,3)@+5", "person crosses from the right, sudden, in 5 s"),
        ("hard_brake@junction", "car ahead brakes, at the junction"),
        ("speed(20)@next", "20 km/h"),
    ],
)
def test_steps_in_words(line: str, said: str) -> None:
    plan = parse_line(line)
    assert isinstance(plan, Plan) and words.step_words(plan.steps[0]) == said


def test_sky_in_words() -> None:
    assert [words.weather_words(w) for w in (0, 1, 2, 9, 77)] == ["clear", "light rain", "rain", "heavy fog", ""]
    assert words.weather_name(6) == "snow" and words.time_words(3) == "night"
