"""Visibility of agents for our car's camera: inside 70 degrees ahead, near enough, not hidden."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.scene.query import visible_share

EYE = 1.6  # m that the camera is ahead of the rear axle
HALF_VIEW = math.radians(35.0)
SIGHT = 60.0  # m
CROWD = 0.5  # least visible share of the actor


@njit(cache=True)
def ahead_left(x, y, heading, px, py):
    """(m ahead, m to the left) of a point from the camera of a car whose rear axle is at (x, y)."""
    c, s = math.cos(heading), math.sin(heading)
    dx, dy = px - x, py - y
    return dx * c + dy * s - EYE, dy * c - dx * s


@njit(cache=True)
def in_view(x, y, heading, px, py, margin):
    """Whether a point is in the picture, `margin` rad inside its edge, and not too far away."""
    ahead, left = ahead_left(x, y, heading, px, py)
    return ahead > 0.3 and math.hypot(ahead, left) < SIGHT and abs(math.atan2(left, ahead)) < HALF_VIEW - margin


@njit(cache=True)
def touches_view(x, y, heading, a):
    """Whether any corner or the middle of a box is in the picture."""
    c, s = math.cos(a.heading), math.sin(a.heading)
    for k in range(5):
        along = 0.0 if k == 4 else (0.5 if k % 2 else -0.5) * a.length
        across = 0.0 if k == 4 else (0.5 if k < 2 else -0.5) * a.width
        if in_view(x, y, heading, a.x + along * c - across * s, a.y + along * s + across * c, -0.03):
            return True
    return False


@njit(cache=True)
def seen(x, y, heading, agents, which):
    """Whether an agent's middle is in the picture and at most half of it is hidden."""
    if not in_view(x, y, heading, agents[which].x, agents[which].y, 0.0):
        return False
    eye_x, eye_y = x + EYE * math.cos(heading), y + EYE * math.sin(heading)
    return visible_share(eye_x, eye_y, agents, which) >= CROWD


@njit(cache=True)
def sees(egos, agents, which):
    """`seen` for an ego record [1]."""
    return seen(egos[0].x, egos[0].y, egos[0].heading, agents, which)


def visible(ego: np.void, agents: np.ndarray, event: np.void) -> bool:
    """Whether the event's actor is in the 70 degree picture, within 60 m and at most half hidden. Records of one drive."""
    actor = int(event["actor"])
    if actor < 0:
        return False
    slots = np.flatnonzero((agents["id"] == actor) & (agents["kind"] != 0))
    if not len(slots):
        return False
    return bool(seen(float(ego["x"]), float(ego["y"]), float(ego["heading"]), agents, int(slots[0])))
