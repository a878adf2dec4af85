"""What scenes are measured by: it can say yes, and no."""

from __future__ import annotations

import math

from tests.world.grid import town
from world.controls import Command, Event, Side
from world.evaluate import scene
from world.evaluate.scene_pictures import hour, seen_again


def test_a_manoeuvre_is_done_or_there_is_nowhere_to_do_it() -> None:
    place = town()
    assert scene.manoeuvre(place, Command.LEFT, 1, density=0.0) is True
    assert scene.manoeuvre(place, Command.STOP, 1, density=0.0) is True
    street = scene.load_place(scene.towns()["test"][0])  # one lane each way
    assert scene.manoeuvre(street, Command.LANE_LEFT, 0) is None


def test_an_event_is_counted_on_its_side_only() -> None:
    case = scene.event_case(town(), Event.PED_CROSS, Side.LEFT, 2, 3)
    assert case.seconds <= scene.EVENT_SECONDS
    assert case.sided
    nothing = scene.event_case(town(), Event.NONE, Side.NONE, 0, 3)
    assert math.isnan(nothing.seconds)
    assert not nothing.sided


def test_routes_tell_metres_and_contacts() -> None:
    found = scene.routes(2, 4.0, 0, lambda share, text: None)
    assert 0 < found["mean_speed"] < 12
    assert found["vehicle_minutes"] > 0
    assert 0 <= found["without_contact"] <= 1


def test_states_repeat() -> None:
    assert all(scene.hashes(2, frames=6).values())


def test_a_place_is_the_same_when_seen_again() -> None:
    assert seen_again(1, seconds=6.0) >= 40


def test_a_long_drive_is_told_of_as_ratios() -> None:
    found = hour(1, seconds=40.0)
    assert found["metres"] > 20
    assert found["memory"] >= 1.0
    assert all(found[name] > 0 for name in ("picture", "step", "detail"))
