"""CPU time of a tick of traffic: all road users moved on by a tenth of a second."""

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

TIMING_AGENTS = (24, 64)  # an ordinary street, and the fullest
WARM = 20  # steps before the timing, until everyone has decided once
DENSEST = 8.0  # highest density of traffic tried
SPARE = 1.15  # times the agents timed, since some drive away


def tick_milliseconds(place: str, agents: int, traffic: Traffic | None, seed: int = 0, ticks: int = 100) -> float:
    """Median ms of one thread for moving the `agents` nearest road users of a drive; traffic None: by rules.

    Excludes pictures, our car and events. NaN where the place never has that many.
    """
    state, times = _busy(place, agents, seed), list[float]()
    for tick in range(WARM + ticks):
        drive = _with_nearest(state, agents)
        began = time.thread_time()
        if traffic is None:
            by_rules(drive)
        else:
            traffic.moved([drive])
        if tick >= WARM and np.count_nonzero(drive.agents["kind"]) == agents:
            times.append(time.thread_time() - began)
        steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
        state = step(state, [Control(steer=steer, accel=accel)], traffic)
    return 1000 * float(np.median(times)) if times else math.nan


def _busy(place: str, agents: int, seed: int) -> SceneState:
    """A start with more road users than are timed, or as many as fit."""
    density = 1.0
    while True:
        state = start(load_place(place), seed, density=density)
        if density > DENSEST or np.count_nonzero(state.agents["kind"]) >= SPARE * agents:
            return state
        density *= 1.3


def _with_nearest(state: SceneState, agents: int) -> TrafficInput:
    """A tick's input, with only the road users nearest to our car."""
    ego, nearest = state.ego, state.agents[0].copy()
    away = np.hypot(nearest["x"] - ego["x"][0], nearest["y"] - ego["y"][0])
    away[nearest["kind"] == 0] = np.inf
    nearest["kind"][np.argsort(away)[agents:]] = 0
    return TrafficInput(
        tables(state.places[0].map), state.seed[0], int(state.clock[0]), ego, nearest, False, float(state.density[0])
    )


def by_rules(drive: TrafficInput) -> np.ndarray:
    """The others [AGENTS] a step later, by rules."""
    place, seed, clock, ego = drive.place, drive.seed, drive.clock, drive.ego
    after = vehicles(place, seed, clock, ego, drive.agents, drive.dark, drive.density, drive.reckless)
    return people(place, seed, clock, ego, after, drive.density)
