"""The position of a box on a path ahead, for rules, guard and observation."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True)
def met(path, first, count, x, y, heading, length, width, radius):
    """(n, m from there to the box, cosine of the headings) of the first point of a path with a box ahead within `radius`.

    path [count, 3]: x, y, heading. n -1: none.
    """
    c, s = math.cos(heading), math.sin(heading)
    far = 0.5 * length + radius
    for n in range(first, count):
        dx, dy = path[n, 0] - x, path[n, 1] - y
        if dx * dx + dy * dy > far * far + width * width:
            continue
        along, across = dx * c + dy * s, dy * c - dx * s
        outside = max(0.0, abs(along) - 0.5 * length)
        beside = max(0.0, abs(across) - 0.5 * width)
        if outside * outside + beside * beside > radius * radius:
            continue
        turn = path[n, 2] - heading
        forward, sideways = math.cos(turn), math.sin(turn)
        to = -(outside if along > 0.0 else -outside) * forward - (beside if across > 0.0 else -beside) * sideways
        if to >= -0.2:
            return n, to, forward
    return -1, 0.0, 1.0
