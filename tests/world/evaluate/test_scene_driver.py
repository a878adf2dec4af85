"""The driver's measurements in dreamt places: streets grow on the way, turns are made on demand, and the table says all of it."""

from __future__ import annotations

import pytest

from tests.world.dynamics.test_streets import network
from world.controls import Command, Control, Event, Side
from world.dynamics import dreamt, expert
from world.dynamics.dreamt import GrowingPlace, dreamt_place
from world.dynamics.horizon import LATE, Horizon
from world.dynamics.prefix_lm import save
from world.dynamics.start import start
from world.errors import DataError
from world.evaluate import scene_driver
from world.evaluate.scene_drives import EVENT_SECONDS, LATEST, event_case, on, route, seconds_until_done
from world.scene.places import towns


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> GrowingPlace:
    """A few junctions of untrained streets, lined by the rules."""
    folder = tmp_path_factory.mktemp("streets")
    save(folder, "streets", network(0), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dreamt, "JUNCTIONS", 4)
        return dreamt_place("dreamt:1000:suburban:1", folder, folder / "none")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streets grow by few junctions at once."""
    monkeypatch.setattr("world.dynamics.extend.MOST", 1)


def test_streets_grow_on_a_drive_that_is_measured(place: GrowingPlace) -> None:
    state, horizon = start(place, 1, density=0.0), Horizon()
    for _ in range(LATE + 1):
        state = on(state, Control(), by=expert.drive, horizon=horizon)
    grown = state.places[0]
    assert isinstance(grown, GrowingPlace) and len(grown.growth.grown) > len(place.growth.grown)


def test_cases_and_routes_are_driven_where_streets_grow(place: GrowingPlace) -> None:
    assert seconds_until_done(place, Command.STOP, 1, density=0.0, by=expert.drive) < LATEST
    assert seconds_until_done(place, Command.LEFT, 1, density=0.0, by=expert.drive) is not None  # never nowhere
    assert seconds_until_done(place, Command.LANE_LEFT, 1) is None  # one lane each way
    case = event_case(place, Event.HARD_BRAKE, Side.NONE, 2, 3, by=expert.drive)
    assert case.seconds <= EVENT_SECONDS and case.on_side
    driven = route(place, 6.0, 1, expert.drive)
    assert driven.metres > 10 and driven.minutes > 0


def test_a_word_stands_for_places() -> None:
    assert scene_driver.names_of("") == towns()["test"]
    assert scene_driver.names_of("dreamt") == scene_driver.DREAMT
    assert scene_driver.names_of("dreamt:7") == ("dreamt:7",)
    with pytest.raises(DataError, match="lunar"):
        scene_driver.evaluate_driver(place="dreamt:7:lunar")


def test_every_measurement_has_its_row() -> None:
    calm = {"routes": 2, "clean": 1.0, "strayed": 0.0, "speed": 5.0}
    commands = dict.fromkeys(scene_driver.COMMANDS, 1.0) | {"lane left": float("nan")}
    late = dict.fromkeys(("left", "right", "straight"), 0.75)
    one = {
        "commands": commands,
        "late": late,
        "events": dict.fromkeys(scene_driver.EVENTS, 0.5),
        "calm": calm,
        "eventful": calm,
    }
    result = {"learnt": one | {"milliseconds": 0.1}, "rules": one | {"milliseconds": 0.2}}
    cells = {row[0]: row[1:] for row in scene_driver.table(result)}
    assert cells["go"][:2] == ("100%", "100%") and cells["lane left"][:2] == ("nowhere to", "nowhere to")
    assert cells["left within 150 s"][0] == "75%"
    assert all(cells[f"{word} within 8 s"][0] == "50%" for word in scene_driver.EVENTS)
    assert cells["ms a decision"][:2] == ("0.100", "0.200")
