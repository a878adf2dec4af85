"""The one step: `step(state, control) -> state` is pure; play, training, evaluation, clips and Gymnasium call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from world import weather
from world.controls import DT, NULL, TRANSITION_SECONDS, Command, Control
from world.dynamics.by_rules import move_all
from world.dynamics.car import move_car, touch
from world.dynamics.roles import roles
from world.dynamics.roles.stage import BY_RULE
from world.dynamics.tables import tables
from world.dynamics.traffic import Traffic, TrafficInput, signed
from world.errors import DataError
from world.scene.facts import conditions
from world.scene.state import EGO, SceneState, copied

_CALM = Control()


def step(state: SceneState, controls: Sequence[Control], traffic: Traffic | None = None) -> SceneState:
    """Advances every drive of a batch by a tenth of a second. controls: one per drive; traffic: moves the others, None for rules.

    NULL weather or time means no change; NaN steer or accel count as 0. Raises DataError where the number of controls does not fit.
    """
    if len(controls) != len(state):
        raise DataError(f"{len(state)} drives cannot be stepped by {len(controls)} controls; give one to each.")
    ego, agents, event = copied(state.ego), copied(state.agents), copied(state.event)
    amounts = _towards(state.amounts, controls)
    dark = amounts.max(1) > 0.25
    wheel = np.array([(one.steer, one.accel) for one in controls], np.float64)
    wheel[np.isnan(wheel)] = 0.0
    words = np.array([_words(one) for one in controls], np.int64)
    orders: Sequence[np.ndarray]
    if traffic is None:
        staged, orders = move_all(state, wheel, words, dark, ego, agents), [BY_RULE] * len(state)
    else:
        staged, orders = np.ones(len(state), np.bool_), _by_networks(traffic, state, controls, wheel, dark, ego, agents)
    for row in np.flatnonzero(staged).tolist():
        place, before = tables(state.places[row].map), event[row : row + 1].copy()
        kind, side, level = words[row, 1:].tolist()
        event[row : row + 1], agents[row] = roles(
            place, state.seed[row], int(state.clock[row]), before, (kind, side, level), ego[row : row + 1],
            agents[row], orders[row],
        )  # fmt: skip
        touch(ego[row], agents[row])
    return replace(state, clock=state.clock + 1, ego=ego, agents=agents, event=event, amounts=amounts)


def _by_networks(
    traffic: Traffic, state: SceneState, controls: Sequence[Control], wheel: np.ndarray, dark: np.ndarray,
    ego: np.ndarray, agents: np.ndarray,
) -> list[np.ndarray]:  # fmt: skip
    """Advances our cars and all road users by a step, in place; returns the orders to roles, an array per drive."""
    drives = []
    for row, control in enumerate(controls):
        place, command = tables(state.places[row].map), int(max(Command.FOLLOW, control.command))
        steer, accel = wheel[row].tolist()
        move_car(
            place,
            state.seed[row],
            state.ego[row],
            ego[row],
            steer,
            accel,
            command,
            bool(dark[row]),
            DT * int(state.clock[row]),
        )
        side, level = signed(control.side), float(min(3, max(1, control.level)))
        drives.append(
            TrafficInput(
                place, state.seed[row], int(state.clock[row]), ego[row : row + 1], agents[row], bool(dark[row]),
                float(state.density[row]), side, level, float(state.reckless[row]),
            )
        )  # fmt: skip
    results = traffic.moved(drives)
    for row, (others, _) in enumerate(results):
        agents[row] = others
    return [orders for _, orders in results]


def _words(control: Control) -> tuple[int, int, int, int]:
    """Command, event, side and level; NULL becomes none."""
    return (
        max(int(_CALM.command), control.command),
        max(int(_CALM.event), control.event),
        max(int(_CALM.side), control.side),
        max(_CALM.level, control.level),
    )


def _towards(amounts: np.ndarray, controls: Sequence[Control]) -> np.ndarray:
    """Weather and light [B, 6] a step closer to the controls."""
    want = []
    for row, control in enumerate(controls):
        kind, time = control.weather, control.time
        if NULL in (kind, time):
            had = conditions(amounts[row])
            kind, time = (had[0] if kind == NULL else kind), (had[1] if time == NULL else time)
        want.append(_goal(kind, time))
    most = DT / TRANSITION_SECONDS
    out: np.ndarray = amounts + np.clip(np.array(want) - amounts, -most, most)
    return out


@lru_cache(maxsize=256)
def _goal(kind: int, time: int) -> tuple[float, ...]:
    return tuple(weather.goal(kind, time).values())


def blank_ego() -> np.ndarray:
    """One EGO record on no lane."""
    ego = np.zeros(1, EGO)
    for name in ("lane", "next", "goal", "contact"):
        ego[name] = -1
    return ego
