"""The numeric guard under learnt traffic: an upper bound of acceleration that keeps a stop possible.

Leaders, red lights, traffic with priority and people on crossings each imply a safe speed (`idm.safe`); FASTEST times the limit is the
overall maximum. The bound acts only close to these limits: it does not drive.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.dynamics.idm import HARDEST, safe
from world.dynamics.motion import POINTS, trace
from world.dynamics.right_of_way import FREE, STOPS, limits
from world.dynamics.vehicles import SAFE, leaders, reach_of
from world.scene.query import on_lane

FASTEST = 1.25  # times the limit: the observed path is too short for more
HARD = 7.0  # m/s2: a line that needs harder braking is ignored


@njit(cache=True)
def cap(t, agents, i, aim, seconds, path, heeds=True):
    """(greatest acceleration in m/s2, whom the vehicle waits for) on its path towards `aim` m left of its lane."""
    me = agents[i]
    traced = trace(t, me, aim, reach_of(me), path)
    most = leaders(t.lanes, agents, i, path, traced, True, 1.0, SAFE)
    stops = np.empty(STOPS)
    waits, merging, its_speed = limits(t, agents, i, seconds, stops, heeds)
    for k in range(STOPS):
        if stops[k] < FREE - 1000.0 and me.speed * me.speed < 2.0 * HARD * max(stops[k], 0.2):
            most = min(most, safe(me.speed, stops[k] + 0.4, 0.0))
    if merging < FREE:
        most = min(most, safe(me.speed, merging, its_speed))
    most = min(most, (FASTEST * t.lanes[me.lane].limit - me.speed) / 0.5)
    return max(most, -HARDEST), waits


@njit(cache=True)
def caps(t, everyone, aims, seconds, most):
    """Sets `most` [AGENTS] to `cap` for all vehicles with an aim (not NaN)."""
    path = np.empty((POINTS, 3))
    for i in range(len(most)):
        if not math.isnan(aims[i]):
            most[i], _ = cap(t, everyone, i, aims[i], seconds, path)


@njit(cache=True)
def lane_is_free(lanes, agents, i, to):
    """Whether vehicle i may change to the lane beside it without making another brake hard."""
    me = agents[i]
    s = me.s * lanes[to].length / max(lanes[me.lane].length, 1.0)
    for k in range(len(agents)):
        a = agents[k]
        if k == i or on_lane(a) < 0 or (a.lane != to and a.goal != to):
            continue
        along = a.s if a.lane == to else a.s * lanes[to].length / max(lanes[a.lane].length, 1.0)
        gap = abs(along - s) - 0.5 * (me.length + a.length)
        if along >= s and gap < 1.5 + max(0.0, me.speed - a.speed) * 1.2 + 0.2 * me.speed:
            return False
        if along < s and gap < 1.5 + 0.3 * a.speed + max(0.0, a.speed - me.speed) * 1.5:
            return False
    return True
