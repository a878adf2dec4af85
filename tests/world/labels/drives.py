"""Short drives by the rules, to label."""

from __future__ import annotations

from functools import lru_cache

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.expert import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.scene.places import load_place
from world.scene.state import SceneState


def on(state: SceneState, steps: int) -> SceneState:
    """So many steps later."""
    for _ in range(steps):
        steer, accel = drive(state, 0, 8.0)
        state = step(state, [Control(steer=steer, accel=accel, weather=int(Weather.CLEAR), time=int(TimeOfDay.DAY))])
    return state


@lru_cache(maxsize=4)
def states(town: str, seed: int, count: int, skip: int = 30, density: float = 2.0) -> tuple[SceneState, ...]:
    """The steps of a drive, but for its first ones."""
    out = [on(start(load_place(town), seed, None, 8.0, density=density), skip)]
    while len(out) < count:
        out.append(on(out[-1], 1))
    return tuple(out)
