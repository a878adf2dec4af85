"""Round-trip loss of motion tokens: the pose half a second later by tokens, beside the true one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from world.dynamics.motion import move
from world.dynamics.spawn import edge
from world.scene.motion_tokens import acceleration_of, acceleration_token, across_token, offset_of
from world.train.traffic_samples import HORIZON, DriveLog


@njit(cache=True)
def _move_on(t, seed, agents, slots, accels, aims, steps):
    """Moves vehicles on by a few steps in place, each under one acceleration and one aim."""
    for n in range(len(slots)):
        for _ in range(steps):
            move(t, seed, agents[slots[n]], accels[n], aims[n])


def round_trip(recordings: Sequence[DriveLog], every: int = 7) -> dict[str, dict[str, float]]:
    """Errors in m, degrees and m/s of vehicles moved by tokens: mean, 95% quantile, count."""
    away: list[tuple[float, float, float]] = []
    for recording in recordings:
        there = recording.places[0]
        for k in range(1, len(recording.agents) - HORIZON, every):
            now, then = recording.agents[k].copy(), recording.agents[k + HORIZON]
            free = (now["kind"] >= 1) & (now["kind"] <= 5) & (now["lane"] >= 0) & (now["role"] == 0)
            slots = np.flatnonzero(
                free & (then["id"] == now["id"]) & (then["role"] == 0) & ~np.isnan(recording.aims[k])
            )
            motions = [_tokens(recording, k, slot) for slot in slots.tolist()]
            accels, aims = (np.array([one[n] for one in motions]) for n in range(2))
            if not len(slots):
                continue
            _move_on(there, np.uint64(recording.seed), now, slots, accels, aims, HORIZON)
            metres = np.hypot(now["x"] - then["x"], now["y"] - then["y"])[slots]
            degrees = np.degrees(np.abs((now["heading"] - then["heading"] + math.pi) % (2 * math.pi) - math.pi))[slots]
            away += zip(metres, degrees, np.abs(now["speed"] - then["speed"])[slots], strict=True)
    columns = np.array(away).reshape(-1, 3).T
    names = ("m", "degrees", "m/s")
    return {
        name: {"mean": float(column.mean()), "95%": float(np.quantile(column, 0.95)), "count": len(column)}
        for name, column in zip(names, columns, strict=True)
        if len(column)
    }


def _tokens(recording: DriveLog, k: int, slot: int) -> tuple[float, float]:
    """(m/s2, m left of the lane) of the tokens for a vehicle's true motion."""
    now, then = recording.agents[k, slot], recording.agents[k + HORIZON, slot]
    lanes, lane, speed = recording.places[0].lanes, int(now["lane"]), float(now["speed"])
    accel = float(acceleration_of(acceleration_token(speed, float(then["speed"])), speed))
    edge_offset = float(edge(lanes, lane, int(now["kind"])))
    if now["goal"] >= 0:
        side = 1.0 if lanes["left"][lane] == now["goal"] else -1.0
        return accel, side * 0.5 * float(lanes["width"][lane] + lanes["width"][now["goal"]])
    return accel, float(offset_of(across_token(0, float(recording.aims[k, slot]), edge_offset), edge_offset))
