"""What scenes are measured by: it can say yes, and no."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import Command, Event, Side
from world.errors import DataError
from world.evaluate import scene, scene_drives, scene_states
from world.evaluate.scene_drives import TURNS
from world.evaluate.scene_pictures import hour, seen_again
from world.scene.objects import AGENT, Kind
from world.scene.places import load_place, towns

TINY = scene.SceneSizes(cases=1, events=1, routes=2, forks=2, minutes=0.5, sumo_minutes=0.1)


def test_a_manoeuvre_is_done_or_there_is_nowhere_to_do_it() -> None:
    place = town()
    assert scene_drives.seconds_until_done(place, Command.LEFT, 1, density=0.0) < scene_drives.TURN_SECONDS
    assert scene_drives.seconds_until_done(place, Command.STOP, 1, density=0.0) < 15
    street = load_place(towns()["test"][0])  # one lane each way
    assert scene_drives.seconds_until_done(street, Command.LANE_LEFT, 0) is None


def test_an_event_is_counted_on_its_side_only() -> None:
    case = scene_drives.event_case(town(), Event.PED_CROSS, Side.LEFT, 2, 3)
    assert case.seconds <= scene_drives.EVENT_SECONDS
    assert case.on_side
    nothing = scene_drives.event_case(town(), Event.NONE, Side.NONE, 0, 3)
    assert math.isnan(nothing.seconds)
    assert not nothing.on_side


def test_boxes_that_overlap_are_contacts() -> None:
    boxes = np.zeros(3, AGENT)
    boxes["kind"], boxes["id"], boxes["x"] = int(Kind.CAR), (4, 5, 6), (0.0, 4.4, 20.0)
    boxes["length"], boxes["width"] = 4.5, 1.8
    assert scene_drives.contacts(boxes) == set()  # a scratch is none
    boxes["x"][1] = 4.0
    assert scene_drives.contacts(boxes) == {(4, 5)}


@pytest.mark.slow
def test_what_is_asked_for_is_measured_and_told() -> None:
    told: list[float] = []
    only = ("manoeuvres", "events", "routes")
    result = scene.evaluate_scene(TINY, 0, only, workers=0, report=lambda share, text: told.append(share))
    assert set(result) == set(only)
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    assert result["manoeuvres"]["go"] == {"share": 1.0, "late": 1.0, "cases": 1}
    assert 0 < result["routes"]["mean_speed"] < 12
    assert result["routes"]["vehicle_minutes"] > 0
    rows = scene.table(result)
    assert len(rows) == len(scene.MANOEUVRES) + len(TURNS) + len(Event) - 1 + 4
    assert all(len(row) == 3 for row in rows)
    with pytest.raises(DataError, match=r"'smell'.*routes"):
        scene.evaluate_scene(only=("smell",))


@pytest.mark.slow
def test_states_repeat_and_elsewhere_is_asked() -> None:
    assert all(scene_states.hashes(2, frames=6).values())
    result = scene.evaluate_scene(TINY, 2, ("hashes",), workers=1, elsewhere=lambda seed: {"at sea": seed == 3})
    assert result["hashes"] == {
        "again": True,
        "in a batch": True,
        "while drawn": True,
        "in a pool of processes": True,
        "at sea": False,
    }


@pytest.mark.slow
def test_futures_part_and_leave_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scene_states.counterfactual(0, 2) == {"apart": 1.0, "same_past": 1.0, "same_others": 1.0, "cases": 2}
    monkeypatch.setattr(scene_states, "EARSHOT", 0.0)
    assert scene_states.counterfactual(0, 30)["same_others"] < 1.0  # the one behind brakes as we do


def test_a_step_is_timed_with_fewer_agents_too() -> None:
    result = scene_states.step_milliseconds(0, steps=20)
    assert result["aimed"]["agents"] < result["usual"]["agents"]
    assert len(scene.table({"milliseconds": result})) == 3


@pytest.mark.slow
def test_a_place_is_the_same_when_seen_again() -> None:
    assert seen_again(1, seconds=6.0) >= 40


@pytest.mark.slow
def test_a_long_drive_is_told_of_as_ratios() -> None:
    result = hour(1, seconds=40.0)
    assert result["metres"] > 20
    assert result["memory"] >= 1.0
    assert all(result[name] > 0 for name in ("picture", "step", "detail"))


@pytest.mark.slow
@pytest.mark.sim
def test_sumos_traffic_is_counted_by_the_same_boxes() -> None:
    result = scene.evaluate_scene(TINY, 0, ("sumo",), workers=1)["sumo"]
    assert result["vehicle_minutes"] > 5
    assert 0 <= result["contacts_a_vehicle_minute"] < 1
