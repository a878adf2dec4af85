"""What a tick of traffic costs: the CPU time in which so many road users are moved a tenth of a second on."""

from __future__ import annotations

import math
import time

import numpy as np

from world.controls import Command, Control
from world.dynamics import expert
from world.dynamics.people import people
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.traffic import Traffic, TrafficInput
from world.dynamics.vehicles import vehicles
from world.scene.places import load_place
from world.scene.state import SceneState

AGENTS_TIMED = (24, 64)  # an ordinary street, and the fullest
WARM = 20  # steps until everybody has decided something
DENSEST = 8.0  # traffic's density above which no more are looked for
SPARE = 1.15  # times as many as are timed, as some drive away


def tick_milliseconds(place: str, agents: int, traffic: Traffic | None, seed: int = 0, ticks: int = 100) -> float:
    """The median ms of one thread in which the `agents` nearest road users of a drive are moved on; traffic None: by rules.

    Pictures, our car and events are not in it. NaN where the place never holds as many.
    """
    state, spent = _busy(place, agents, seed), list[float]()
    for tick in range(WARM + ticks):
        drive = _with_nearest(state, agents)
        began = time.thread_time()
        if traffic is None:
            by_rules(drive)
        else:
            traffic.moved([drive])
        if tick >= WARM and np.count_nonzero(drive.agents["kind"]) == agents:
            spent.append(time.thread_time() - began)
        steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
        state = step(state, [Control(steer=steer, accel=accel)], traffic)
    return 1000 * float(np.median(spent)) if spent else math.nan


def _busy(place: str, agents: int, seed: int) -> SceneState:
    """A start with more road users than are timed, or as many as there is room for."""
    density = 1.0
    while True:
        state = start(load_place(place), seed, density=density)
        if density > DENSEST or np.count_nonzero(state.agents["kind"]) >= SPARE * agents:
            return state
        density *= 1.3


def _with_nearest(state: SceneState, agents: int) -> TrafficInput:
    """What a tick of traffic depends on, with those alone who are nearest to our car."""
    ego, kept = state.ego, state.agents[0].copy()
    away = np.hypot(kept["x"] - ego["x"][0], kept["y"] - ego["y"][0])
    away[kept["kind"] == 0] = np.inf
    kept["kind"][np.argsort(away)[agents:]] = 0
    return TrafficInput(
        tables(state.places[0].map), state.seed[0], int(state.clock[0]), ego, kept, False, float(state.density[0])
    )


def by_rules(drive: TrafficInput) -> np.ndarray:
    """The others [AGENTS] a step on."""
    place, seed, clock, ego = drive.place, drive.seed, drive.clock, drive.ego
    moved = vehicles(place, seed, clock, ego, drive.agents, drive.dark, drive.density, drive.reckless)
    return people(place, seed, clock, ego, moved, drive.density)
