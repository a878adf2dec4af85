"""The first state of a drive: at a place decided by its seed, with traffic."""

from __future__ import annotations

import numpy as np

from world import weather
from world.controls import Command, Control, Event
from world.dynamics.path import at, choose_out
from world.dynamics.people import populate_people
from world.dynamics.step import blank_ego
from world.dynamics.tables import tables
from world.dynamics.vehicles import populate
from world.errors import DataError
from world.scene.objects import AGENT
from world.scene.random import uniform
from world.scene.state import AGENTS, EVENT, Place, SceneState

LEAST = 40.0  # m of lane that a drive begins on
LANE, WHERE = 101, 102  # purposes of random numbers


def start(
    place: Place,
    seed: int,
    control: Control | None = None,
    speed: float = 7.0,
    *,
    lane: int | None = None,
    s: float | None = None,
    density: float = 1.0,
    reckless: float = 0.0,
) -> SceneState:
    """The first state of a drive, a batch of one. `control`: the initial conditions (default: a clear day).

    speed in m/s; `lane` and `s`: the position, by default from the seed; `density`: of traffic, 0 for none; `reckless`: share of the
    other drivers who ignore signals, 0 to 1. DataError for an invalid lane or share, or a place without a street.
    """
    if not 0.0 <= reckless <= 1.0:
        raise DataError(f"The share of reckless drivers is 0 to 1, not {reckless:g}.")
    control = control or Control()
    there, lanes = tables(place.map), place.map.lanes
    number = np.uint64(seed)
    streets = np.flatnonzero((lanes["street"] >= 0) & (lanes["outs"] > 0))
    long = streets[lanes["length"][streets] >= LEAST]
    choice = long if len(long) else streets
    if lane is None:
        if not len(choice):
            raise DataError(f"{place.name} has no street that leads on; take a larger map.")
        lane = int(choice[int(uniform(number, 0, 0, LANE) * len(choice))])
    elif not 0 <= lane < len(lanes):
        raise DataError(f"{place.name} has no lane {lane}; there are {len(lanes)}.")
    if s is None:
        s = float((0.15 + 0.35 * uniform(number, 0, 0, WHERE)) * lanes["length"][lane])
    ego = blank_ego()
    ego["x"], ego["y"], ego["heading"] = at(there.lanes, there.points, lane, s)
    ego["lane"], ego["s"], ego["speed"] = lane, s, speed
    ego["next"] = choose_out(there.lanes, there.successors, lane, int(Command.FOLLOW), number)
    ego["command"] = max(int(Command.FOLLOW), control.command)
    amounts = np.array([list(weather.goal(control.weather, control.time).values())])
    agents = np.zeros(AGENTS, AGENT)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    if density > 0:
        agents = populate(there, number, ego, agents, density)
        agents = populate_people(there, number, ego, agents, density)
    event = np.zeros(1, EVENT)
    event["event"], event["actor"] = int(Event.NONE), -1
    return SceneState(
        (place,),
        np.array([number]),
        np.zeros(1, np.int64),
        ego,
        agents[None].copy(),
        event,
        amounts,
        np.array([float(density)]),
        np.array([float(reckless)]),
    )
