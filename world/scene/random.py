"""Stateless random numbers: a hash of (seed, clock, who, purpose). Equal alone, in a batch, on every machine."""

from __future__ import annotations

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True)
def _mix(value: np.uint64) -> np.uint64:
    """SplitMix64's finaliser (Steele et al. 2014, Fast splittable pseudorandom number generators)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True)
def uniform(seed: np.uint64, clock: int, who: int, purpose: int) -> float:
    """A number in [0, 1), decided by its four arguments alone."""
    value = _mix(np.uint64(seed) + _GOLDEN)
    value = _mix(value ^ (np.uint64(clock) * _GOLDEN + np.uint64(1)))
    value = _mix(value ^ (np.uint64(who) * _GOLDEN + np.uint64(2)))
    value = _mix(value ^ (np.uint64(purpose) * _GOLDEN + np.uint64(3)))
    return (value >> np.uint64(11)) * (1.0 / 9007199254740992.0)
