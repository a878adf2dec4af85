"""Lane-relative motion tokens: a road user's next half second as two small numbers, and back.

A vehicle's motion is (acceleration, offset in its lane), a person's (pace, manoeuvre on its walk). A token states an intention;
`world.dynamics` carries it out with the same kinematics for rules and models. A value in range comes back within half a bin
(`LOSS`), a value out of range as the outermost bin.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

HORIZON = 0.5  # s that a token covers
EVERY = 2  # steps of 0.1 s between decisions

# m/s2; the token after them is STOP: the vehicle stands when the half second is over.
ACCELERATIONS = np.array(
    [-8, -6.5, -5.5, -4.8, -4.2, -3.7, -3.2, -2.7, -2.3, -1.9, -1.5, -1.2, -0.9, -0.6, -0.35, -0.15,
     0, 0.15, 0.35, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.8]
)  # fmt: skip
STOP = len(ACCELERATIONS)
STANDS = 0.05  # m/s below which a vehicle stands

# Across the lane: the usual offset of such a vehicle, a change to a neighbouring lane, or m left of the centre line.
KEEP, LANE_LEFT, LANE_RIGHT = range(3)
OFFSETS = np.array([-6.8, -3.4, -2.2, -1.4, -0.8, 0.0, 0.8, 1.4, 2.2, 3.4, 6.8])
ACROSS = 3 + len(OFFSETS)

# m/s of a person, and its manoeuvre: on, aside, back, or across the road where no crossing is.
PACES = np.array([0.0, 0.4, 0.8, 1.05, 1.25, 1.45, 1.65, 1.9, 2.3, 2.8, 3.6, 5.0, 6.5])
ON, TO_LEFT, TO_RIGHT, BACK, STEP_OUT = range(5)
MANOEUVRES = 5

VOCABULARY: Mapping[str, int] = {
    "acceleration": STOP + 1,
    "across": ACROSS,
    "pace": len(PACES),
    "way": MANOEUVRES,
}


def _half_bin(values: np.ndarray) -> float:
    return float(0.5 * np.diff(values).max())


# What a round trip may cost at most, for motions in range: m/s after HORIZON, m across the lane, m/s of a person.
LOSS: Mapping[str, float] = {
    "speed": HORIZON * _half_bin(ACCELERATIONS) + STANDS,
    "left": _half_bin(OFFSETS),
    "pace": _half_bin(PACES),
}


@njit(cache=True)
def nearest(values, value):
    """The index of the entry of a sorted table that is nearest to a value."""
    best = 0
    for k in range(1, len(values)):
        if abs(values[k] - value) < abs(values[best] - value):
            best = k
    return best


@njit(cache=True)
def acceleration_token(before, after):
    """The token of a vehicle that goes from one speed (m/s) to another in HORIZON."""
    if after < STANDS:
        return STOP
    return nearest(ACCELERATIONS, (after - before) / HORIZON)


@njit(cache=True)
def acceleration_of(token, speed):
    """m/s2 of a token at a speed."""
    if token == STOP:
        return max(-8.0, -speed / HORIZON)
    return ACCELERATIONS[token]


@njit(cache=True)
def across_token(change, left, usual):
    """The token of a vehicle that changes lane (1: to the left, -1: to the right) or goes to `left` m of the centre line.

    usual: m left of the centre line at which such a vehicle drives.
    """
    if change != 0:
        return LANE_LEFT if change > 0 else LANE_RIGHT
    nearest_offset = nearest(OFFSETS, left)
    if abs(left - usual) <= abs(left - OFFSETS[nearest_offset]):
        return KEEP
    return 3 + nearest_offset


@njit(cache=True)
def offset_of(token, usual):
    """m left of the centre line that a token other than a lane change means."""
    return OFFSETS[token - 3] if token > LANE_RIGHT else usual


@njit(cache=True)
def pace_token(pace):
    """The token of a person at a pace (m/s)."""
    return nearest(PACES, pace)


@njit(cache=True)
def pack(first, second):
    """Both tokens as one number of at least 1, so that 0 means undecided; below 100, where the modes of roles begin."""
    return 1 + first + len(PACES) * second


@njit(cache=True)
def unpack(packed):
    """A person's (pace, way)."""
    return (packed - 1) % len(PACES), (packed - 1) // len(PACES)
