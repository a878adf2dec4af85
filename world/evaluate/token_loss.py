"""What motion tokens lose: drives there and back, the pose that they lead to beside the true one half a second later."""

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
def _carried_out(t, seed, agents, slots, accels, aims, steps):
    """Vehicles a few steps on under one acceleration and one aim each, in place."""
    for n in range(len(slots)):
        for _ in range(steps):
            move(t, seed, agents[slots[n]], accels[n], aims[n])


def round_trip(recordings: Sequence[DriveLog], every: int = 7) -> dict[str, dict[str, float]]:
    """Of metres, degrees and m/s that vehicles by tokens are away from where they were: mean, and what 95% are below; and how many."""
    away: list[tuple[float, float, float]] = []
    for recording in recordings:
        there = recording.places[0]
        for k in range(1, len(recording.agents) - HORIZON, every):
            now, then = recording.agents[k].copy(), recording.agents[k + HORIZON]
            free = (now["kind"] >= 1) & (now["kind"] <= 5) & (now["lane"] >= 0) & (now["role"] == 0)
            slots = np.flatnonzero(
                free & (then["id"] == now["id"]) & (then["role"] == 0) & ~np.isnan(recording.aims[k])
            )
            told = [_tokens(recording, k, slot) for slot in slots.tolist()]
            accels, aims = (np.array([one[n] for one in told]) for n in range(2))
            if not len(slots):
                continue
            _carried_out(there, np.uint64(recording.seed), now, slots, accels, aims, HORIZON)
            metres = np.hypot(now["x"] - then["x"], now["y"] - then["y"])[slots]
            turned = np.degrees(np.abs((now["heading"] - then["heading"] + math.pi) % (2 * math.pi) - math.pi))[slots]
            away += zip(metres, turned, np.abs(now["speed"] - then["speed"])[slots], strict=True)
    columns = np.array(away).reshape(-1, 3).T
    names = ("m", "degrees", "m/s")
    return {
        name: {"mean": float(column.mean()), "95%": float(np.quantile(column, 0.95)), "count": len(column)}
        for name, column in zip(names, columns, strict=True)
        if len(column)
    }


def _tokens(recording: DriveLog, k: int, slot: int) -> tuple[float, float]:
    """(m/s2, m left of the lane) that the tokens of what a vehicle then does stand for."""
    now, then = recording.agents[k, slot], recording.agents[k + HORIZON, slot]
    lanes, lane, speed = recording.places[0].lanes, int(now["lane"]), float(now["speed"])
    accel = float(acceleration_of(acceleration_token(speed, float(then["speed"])), speed))
    kept = float(edge(lanes, lane, int(now["kind"])))
    if now["goal"] >= 0:
        side = 1.0 if lanes["left"][lane] == now["goal"] else -1.0
        return accel, side * 0.5 * float(lanes["width"][lane] + lanes["width"][now["goal"]])
    return accel, float(offset_of(across_token(0, float(recording.aims[k, slot]), kept), kept))
