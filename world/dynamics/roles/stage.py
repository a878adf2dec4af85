"""The stages of an event: requested, begun, over. One pure step for one drive."""

from __future__ import annotations

import math

import numpy as np

from world.controls import DT, Event, Side
from world.dynamics.roles.cast import cast
from world.dynamics.roles.moves import BEGINS, LEAVES, act
from world.dynamics.roles.scene import CastingInput
from world.dynamics.roles.sight import EYE, sees
from world.dynamics.tables import Tables
from world.scene.state import AGENTS

ASKED, BEGUN, OVER = 1, 2, 3  # EVENT.stage
LATE = 3.5  # s after which an actor that is not visible leaves, and a visible one is sought
BY_RULE = np.full((AGENTS, 2), np.nan)
_CAST_AT, _UNSEEN = 0, 1  # EVENT.memory: age at casting, whether an earlier actor was never visible


def roles(
    place: Tables,
    seed: np.uint64,
    clock: int,
    event: np.ndarray,
    request: tuple[int, int, int],
    ego: np.ndarray,
    agents: np.ndarray,
    orders: np.ndarray = BY_RULE,
) -> tuple[np.ndarray, np.ndarray]:
    """One drive's EVENT [1] and AGENT [AGENTS] after a step. request: event, side, level. ego: EGO [1]. The arguments are not modified.

    orders float64 [AGENTS, 2]: to the actors (`moves.drive`); NaN: by rule.
    """
    kind, side, level = request
    now = event[0]
    same = (int(now["event"]), int(now["side"]), int(now["level"])) == (kind, side, level)
    played = bool((agents["mode"] >= BEGINS).any())
    if kind == Event.NONE and same and not played:
        return event, agents
    event, agents = event.copy(), agents.copy()
    if not same:
        agents["mode"][(agents["mode"] >= BEGINS) & (agents["role"] != 0)] = LEAVES
        event[:] = np.zeros((), event.dtype)
        event["event"], event["side"], event["level"], event["actor"] = kind, side, level, -1
        event["stage"] = ASKED if kind != Event.NONE else 0
    sign = 1.0 if side == Side.LEFT else -1.0
    level = min(3, max(1, level))
    if kind != Event.NONE and int(event["stage"][0]) == ASKED and int(event["actor"][0]) < 0:
        age, unseen = float(event["age"][0]), bool(event["memory"][0, _UNSEEN])
        slot = cast(CastingInput(place, np.uint64(seed), clock, ego, agents, kind, sign, level, age, unseen))
        if slot >= 0:
            event["actor"] = agents["id"][slot]
            event["memory"][0, _CAST_AT] = age
            if sees(ego, agents, slot):
                event["stage"] = BEGUN
            played = True
    if played or not same:
        act(place, np.uint64(seed), ego, agents, level, sign, orders)
    if kind != Event.NONE:
        _judge(event, ego, agents)
        event["age"] += DT
    return event, agents


def _judge(event: np.ndarray, ego: np.ndarray, agents: np.ndarray) -> None:
    """Updates the stage of the event."""
    actor, stage = int(event["actor"][0]), int(event["stage"][0])
    if actor < 0 or stage == OVER:
        return
    slots = np.flatnonzero((agents["id"] == actor) & (agents["role"] == event["event"][0]))
    if not len(slots):
        if stage == BEGUN:
            event["stage"] = OVER
        else:
            event["actor"] = -1
        return
    slot = int(slots[0])
    if stage == ASKED:
        if sees(ego, agents, slot):
            event["stage"] = BEGUN
        elif float(event["age"][0] - event["memory"][0, _CAST_AT]) > LATE:
            agents["mode"][slot], event["actor"], event["memory"][0, _UNSEEN] = LEAVES, -1, 1.0
        return
    car, a = ego[0], agents[slot]
    cos, sin = math.cos(car["heading"]), math.sin(car["heading"])
    ahead = float((a["x"] - car["x"]) * cos + (a["y"] - car["y"]) * sin) - EYE
    if ahead < -2.0 - 0.5 * float(a["length"]) or math.hypot(a["x"] - car["x"], a["y"] - car["y"]) > 80.0:
        event["stage"] = OVER
        agents["mode"][agents["role"] == event["event"][0]] = LEAVES
