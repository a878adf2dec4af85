"""A whole step of drives with rule-based traffic, compiled: many drives at once, on a thread per core.

Rows are independent, so that a drive is the same alone, in any batch and with any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit
from numba.typed import List

from world.controls import DT, Event
from world.dynamics.car import move_car, touch
from world.dynamics.people import people_step
from world.dynamics.roles.moves import BEGINS
from world.dynamics.tables import Tables, tables
from world.dynamics.threads import in_threads
from world.dynamics.vehicles import vehicles_step
from world.scene.hd_map import HDMap
from world.scene.state import SceneState

MANY = 4  # drives from which on threads are used
TOGETHER = 4  # drives that a thread takes at a time
_NONE = int(Event.NONE)


def move_all(
    state: SceneState, wheel: np.ndarray, words: np.ndarray, dark: np.ndarray, ego: np.ndarray, agents: np.ndarray
) -> np.ndarray:
    """Advances our cars and all road users by a step, in ego [B] and agents [B, AGENTS], initially copies of the state's.

    wheel float64 [B, 2]: steer, accel; words int64 [B, 4]: command, event, side, level; dark bool [B]: headlights on. Returns bool [B]:
    drives with an event requested or in play, whose roles must move before contacts are found.
    """
    staged, rows = np.zeros(len(state), np.bool_), len(state)
    inputs = (
        state.seed, state.clock, wheel, words, dark, state.density, state.reckless, state.ego, state.event, ego, agents,
        staged,
    )  # fmt: skip
    maps = tuple(place.map for place in state.places)
    if rows < MANY:
        for row, place in enumerate(maps):
            _row(tables(place), row, *inputs)
    else:
        there = _listed(maps)
        in_threads(lambda first, last: _rows(there, first, last, *inputs), rows, TOGETHER)
    return staged


@lru_cache(maxsize=2)
def _listed(maps: Sequence[HDMap]) -> List[Tables]:
    """The maps' tables as a typed list for compiled loops, cached while a batch stays in the same places."""
    out = List()
    for one in maps:
        out.append(tables(one))
    return out


@njit(cache=True, nogil=True)
def _rows(
    there, first, last, seed, clock, wheel, words, dark, density, reckless, before, event, ego, agents, staged
):  # fmt: skip
    for row in range(first, last):
        _row(
            there[row], row, seed, clock, wheel, words, dark, density, reckless, before, event, ego, agents, staged
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _row(t, row, seed, clock, wheel, words, dark, density, reckless, before, event, ego, agents, staged):
    move_car(
        t, seed[row], before[row], ego[row], wheel[row, 0], wheel[row, 1], words[row, 0], dark[row], DT * clock[row]
    )
    others, car = agents[row], ego[row]
    vehicles_step(t, seed[row], clock[row], car, others, dark[row], density[row], reckless[row])
    people_step(t, seed[row], clock[row], car, others, density[row])
    now = event[row]
    due = words[row, 1] != _NONE or now.event != _NONE or now.side != words[row, 2] or now.level != words[row, 3]
    for n in range(len(others)):
        due = due or others[n].mode >= BEGINS
    staged[row] = due
    if not due:
        touch(car, others)
