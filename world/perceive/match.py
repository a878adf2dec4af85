"""Finds the street in some places that is most like the one in a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.errors import DataError
from world.kinematics import REAR_AXLE_TO_FRONT
from world.perceive.coding import AHEAD, INSIDE, NOWHERE, Estimate
from world.perceive.sight import MOST_LANES
from world.scene.facts import NO_JUNCTION
from world.scene.places import load_place
from world.scene.random import uniform
from world.scene.state import Place

APART = 2.0  # m between the spots of a lane
MARGIN = 2.0  # m of a lane at its beginning and before its junction where no drive begins
DISTANCE = 0.3  # typical error of the logarithm of m to a junction
LEAST_ODDS = 0.02  # of any class: a reading may always be wrong
BRAKES, SHORT = 3.0, 0.5  # m/s2; nats per m by which a spot is within the stopping distance to a junction
EQUAL = 0.7  # nats within which spots are as good as each other
CHOICE = 401  # purpose of random numbers


@dataclass(frozen=True, eq=False)
class Spots:
    """Spots on a place's street lanes, one row each: lane, s (m), lanes our way and the other, the lane's number, m to the junction."""

    place: Place
    lane: np.ndarray
    s: np.ndarray
    ours: np.ndarray
    other: np.ndarray
    number: np.ndarray
    junction: np.ndarray


def spots(place: Place) -> Spots:
    """All spots where a drive may begin."""
    lanes = place.map.lanes
    streets = np.flatnonzero((lanes["street"] >= 0) & (lanes["outs"] > 0))
    ends = lanes["length"][streets] - MARGIN - REAR_AXLE_TO_FRONT
    count = np.maximum(0, np.ceil((ends - MARGIN) / APART)).astype(int)
    lane = np.repeat(streets, count)
    s = MARGIN + APART * np.concatenate([np.arange(n) for n in count] or [np.zeros(0)])
    there = lanes[lanes["street"] >= 0]
    wide = np.zeros((2, int(there["street"].max(initial=0)) + 1), int)
    np.add.at(wide, (there["forward"], there["street"]), 1)
    street, forward = lanes["street"][lane], lanes["forward"][lane]
    away = lanes["length"][lane] - s - REAR_AXLE_TO_FRONT
    return Spots(place, lane, s, wide[forward, street], wide[1 - forward, street], lanes["number"][lane], away)


def unlikeness(candidates: Spots, reading: Estimate, speed: float = 0.0) -> np.ndarray:
    """The cost of each spot against a reading, in nats, with a penalty for a junction too near for the speed (m/s)."""
    odds = {name: -np.log(np.maximum(part, LEAST_ODDS)) for name, part in reading.odds.items()}
    cost = odds["lanes"][np.minimum(candidates.ours, MOST_LANES) - 1]
    cost = cost + odds["opposite"][np.minimum(candidates.other, MOST_LANES)]
    cost = cost + odds["lane"][np.minimum(candidates.number, MOST_LANES - 1)]
    near = candidates.junction < NO_JUNCTION
    cost = cost + np.where(
        near, np.minimum(odds["junction"][AHEAD], odds["junction"][INSIDE]), odds["junction"][NOWHERE]
    )
    off = np.log1p(candidates.junction) - math.log1p(reading.sight.junction)
    missing = np.maximum(0.0, speed**2 / (2 * BRAKES) - candidates.junction)
    return cost + np.where(near, np.abs(off) / DISTANCE, 0.0) + SHORT * missing


def match(reading: Estimate, names: Sequence[str], seed: int, speed: float = 0.0) -> tuple[Place, int, float]:
    """The place, lane and s (m, of the rear axle) most like a reading, for a car at a speed (m/s); the seed decides among equals.

    Raises DataError where no street of the places leads on.
    """
    best: list[tuple[float, Spots, int]] = []
    for name in names:
        candidates = spots(load_place(name))
        cost = unlikeness(candidates, reading, speed)
        best += [
            (float(cost[k]), candidates, int(k)) for k in np.flatnonzero(cost <= cost.min(initial=math.inf) + EQUAL)
        ]
    if not best:
        raise DataError("No street of these places leads on; take a larger map.")
    least = min(cost for cost, _, _ in best)
    equal = [(candidates, k) for cost, candidates, k in best if cost <= least + EQUAL]
    candidates, k = equal[int(uniform(np.uint64(seed), 0, 0, CHOICE) * len(equal))]
    return candidates.place, int(candidates.lane[k]), float(candidates.s[k])
