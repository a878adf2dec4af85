"""A state from a file: true ones pass, whatever goes on in them; a number that indexes nothing is refused before it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import Command, Control, Event, Side
from world.dynamics.driver import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.scene.check import check
from world.scene.places import load_place, towns
from world.scene.state import SceneState, from_bytes, to_bytes


@pytest.mark.slow
@pytest.mark.parametrize("event", [one for one in Event if one != Event.NONE])
def test_states_of_true_drives_pass(event: Event) -> None:
    state = start(load_place(towns()["test"][int(event) % 5]), int(event))
    for frame in range(160):
        asked = event if 20 <= frame < 90 else Event.NONE
        command = (Command.FOLLOW, Command.LEFT, Command.LANE_RIGHT)[frame // 60]
        steer, accel = drive(state, command, 9.0)
        side = Side.RIGHT if asked else Side.NONE
        state = step(state, [Control(steer, accel, command, event=asked, side=side, level=2 if asked else 0)])
        check(state)


def changed(array: str, field: str, value: float, slot: int = 0) -> SceneState:
    state = start(town(), 1)
    parts = getattr(state, array).copy()
    if array == "agents":
        parts[field][0, slot] = value
    else:
        parts[field][0] = value
    return replace(state, **{array: parts})


@pytest.mark.parametrize(
    ("array", "field", "value"),
    [
        *(("agents", field, value) for field in ("lane", "next", "goal") for value in (10**8, -2)),
        *(("ego", field, value) for field in ("lane", "next", "goal") for value in (10**8, -2)),
        ("ego", "x", np.nan),
        ("ego", "y", 1e300),
        ("agents", "x", np.inf),
        ("agents", "memory", 1e12),
        ("agents", "kind", 99),
        ("agents", "role", 77),
        ("event", "event", 50),
        ("event", "side", -3),
        ("event", "level", 9),
        ("event", "stage", 12),
    ],
)
def test_a_number_that_is_none_is_refused(array: str, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{array}.{field}"):
        check(changed(array, field, value))


@pytest.mark.parametrize("name", ["density", "amounts"])
def test_amounts_out_of_bounds_are_refused(name: str) -> None:
    state = start(town(), 1)
    parts = to_bytes(state)
    check(from_bytes(town(), parts))
    with pytest.raises(ValueError, match=name):
        check(from_bytes(town(), parts | {name: b"\xff" * len(parts[name])}))
