"""Car following and speeds: the intelligent driver model (Treiber, Hennecke, Helbing 2000, arXiv cond-mat/0002177)."""

from __future__ import annotations

import math

from numba import njit

STANDSTILL, HEADWAY = 2.0, 1.3  # m, s: the gap to a standing leader, and what a moving one adds
COMFORT, HARDEST = 2.2, 8.0  # m/s2: braking
SAFE_BRAKING, REACTION, SPARE = 4.5, 0.4, 0.8  # m/s2, s, m: what the safe speed leaves
SIDEWAYS = 2.5  # m/s2 in bends


@njit(cache=True)
def free_road(speed, wish, strongest):
    """Acceleration (m/s2) towards a wished speed."""
    if speed > wish:
        return max(-COMFORT, 0.9 * (wish - speed))
    return strongest * (1.0 - (speed / max(wish, 0.1)) ** 4)


@njit(cache=True)
def follow(speed, gap, leading, strongest):
    """The leader's term: acceleration (m/s2) at `gap` m behind a road user at `leading` m/s."""
    desired = STANDSTILL + max(
        0.0, HEADWAY * speed + speed * (speed - leading) / (2.0 * math.sqrt(strongest * COMFORT))
    )
    return strongest * (1.0 - (desired / max(gap, 0.1)) ** 2)


@njit(cache=True)
def stop_in(speed, gap):
    """Acceleration (m/s2) that ends at a line `gap` m ahead; positive while it is far."""
    if gap < 0.3:
        return -HARDEST if speed > 1.0 else -3.0
    needed = speed * speed / (2.0 * gap)
    if needed > COMFORT:
        return -min(HARDEST, needed * needed / COMFORT)
    desired = HEADWAY * 0.6 * speed + speed * speed / (2.0 * COMFORT) + 0.2
    return 1.8 * (1.0 - (desired / gap) ** 2)


@njit(cache=True)
def bend_speed(curvature):
    """The speed (m/s) whose lateral acceleration is SIDEWAYS."""
    return math.sqrt(SIDEWAYS / max(abs(curvature), 1e-4))


@njit(cache=True)
def safe(speed, gap, leading):
    """The greatest acceleration (m/s2) after which a stop behind a leader is possible (Krauss 1998, DLR-FB 98-08); `leading` < 0: oncoming."""
    if leading < 0.0:  # it needs a braking distance of its own
        gap, leading = gap + leading * (0.5 - leading / 6.0), 0.0
    late = SAFE_BRAKING * REACTION
    most = -late + math.sqrt(late * late + leading * leading + 2.0 * SAFE_BRAKING * max(0.0, gap - SPARE))
    return (most - speed) / 0.3
