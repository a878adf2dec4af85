"""Rotations as quaternions."""

from __future__ import annotations

import math

import numpy as np


def of_heading(heading: float) -> tuple[float, float, float, float]:
    """(w, x, y, z) of a turn to the left about the vertical, rad."""
    return math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)


def of_matrix(turn: np.ndarray) -> tuple[float, float, float, float]:
    """(w, x, y, z) of a rotation matrix [3, 3], by the largest of the four (Shepperd 1978)."""
    squares = np.array(
        [
            1 + turn[0, 0] + turn[1, 1] + turn[2, 2],
            1 + turn[0, 0] - turn[1, 1] - turn[2, 2],
            1 - turn[0, 0] + turn[1, 1] - turn[2, 2],
            1 - turn[0, 0] - turn[1, 1] + turn[2, 2],
        ]
    )
    most = int(squares.argmax())
    sums = {
        (0, 1): turn[2, 1] - turn[1, 2],
        (0, 2): turn[0, 2] - turn[2, 0],
        (0, 3): turn[1, 0] - turn[0, 1],
        (1, 2): turn[1, 0] + turn[0, 1],
        (1, 3): turn[0, 2] + turn[2, 0],
        (2, 3): turn[2, 1] + turn[1, 2],
    }
    out = [squares[most] if k == most else sums[min(k, most), max(k, most)] for k in range(4)]
    w, x, y, z = (float(value) / (2 * math.sqrt(squares[most])) for value in out)
    return w, x, y, z
