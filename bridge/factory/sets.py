"""Compares the branches of a counterfactual set, frame by frame from the fork on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from bridge.recording.clip import Clip
from world.controls import DT, FPS

APART = 2.0  # m/s, or m aside: from this difference on two branches count as parted


class Branch(Protocol):
    """One future of a counterfactual set."""

    @property
    def branch(self) -> str:
        """Its plan line."""
        ...

    @property
    def clip(self) -> Clip:
        """Its frames, the common past included."""
        ...


def differences(clips: Sequence[Branch], fork: int) -> list[dict[str, Any]]:
    """For every two branches: whether their pasts are the same to the pixel, and how far apart they end. fork: the last common frame.

    psnr: dB between their pictures, for each second after the fork (null where they are the same);
    speed, aside: m/s and m between the two cars at the end; parted: s after the fork at which either passes APART (null: never).
    """
    return [_pair(one, other, fork) for one, other in combinations(clips, 2)]


def _pair(first: Branch, second: Branch, fork: int) -> dict[str, Any]:
    a, b = _images(first.clip), _images(second.clip)
    count = min(len(a), len(b))
    past = min(fork + 1, count)
    errors = np.square(a[past:count].astype(np.float32) - b[past:count]).mean((1, 2, 3))
    seconds = [errors[at : at + FPS].mean() for at in range(0, len(errors), FPS)]
    speeds = [_motion(clip, "speed")[past:count] for clip in (first.clip, second.clip)]
    paths = [_aside(clip, past, count) for clip in (first.clip, second.clip)]
    gap, aside = np.abs(speeds[0] - speeds[1]), np.abs(paths[0] - paths[1])
    apart = np.flatnonzero((gap >= APART) | (aside >= APART))
    return {
        "branches": [first.branch, second.branch],
        "same_past": bool(np.array_equal(a[:past], b[:past])),
        "psnr": [None if value == 0 else round(10 * math.log10(255**2 / float(value)), 2) for value in seconds],
        "speed": round(float(gap[-1]), 3) if len(gap) else 0.0,
        "aside": round(float(aside[-1]), 3) if len(aside) else 0.0,
        "parted": (int(apart[0]) + 1) / FPS if len(apart) else None,
    }


def _images(clip: Clip) -> np.ndarray:
    return np.stack([moment.frame.image for moment in clip.moments])


def _motion(clip: Clip, name: str) -> np.ndarray:
    return np.array([getattr(moment.frame.motion, name) for moment in clip.moments])


def _aside(clip: Clip, past: int, count: int) -> np.ndarray:
    """The car's offset in m, positive to the left, from a straight line on from the fork, at each frame."""
    speed, rate = (_motion(clip, name)[past:count] for name in ("speed", "yaw_rate"))
    return np.cumsum(speed * np.sin(np.cumsum(rate) * DT)) * DT
