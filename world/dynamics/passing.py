"""Passing of standing or slow objects within a lane: bicycles at the edge, cones, debris, broken-down vehicles."""

from __future__ import annotations

import math

from numba import njit

from world.dynamics.spawn import edge, is_vehicle
from world.scene.objects import Kind, Lights
from world.scene.query import project, wrap

BESIDE_BICYCLE, BICYCLES_UNTIL = 0.8, 45.0  # m to the left of the centre line, and m before a junction where that ends
BESIDE, LOOK = 0.45, 45.0  # m of clearance beside an object; m ahead at which objects count
MOST = 4.2  # m to the left at most: half onto the oncoming lane
STAND_OFF = 9.0  # m more before an object, to be able to steer past it
_BICYCLE, _CONE = int(Kind.BICYCLE), int(Kind.CONE)
_HAZARD = int(Lights.LEFT | Lights.RIGHT)


@njit(cache=True)
def stays(agent):
    """Whether an agent will not move soon: an obstacle, or a vehicle that has stopped for good."""
    if agent.kind >= _CONE:
        return True
    broken = agent.wish <= 0.05 or agent.lane < 0 or agent.lights & _HAZARD == _HAZARD
    return is_vehicle(agent.kind) and agent.speed < 0.1 and broken and agent.id != -2


@njit(cache=True)
def _oncoming(agents, i):
    """Whether a vehicle comes towards us on the other side of the street."""
    me = agents[i]
    c, s = math.cos(me.heading), math.sin(me.heading)
    for k in range(len(agents)):
        a = agents[k]
        if k == i or not is_vehicle(a.kind) or stays(a) or abs(wrap(a.heading - me.heading)) < 2.2:
            continue
        forward, left = (a.x - me.x) * c + (a.y - me.y) * s, (a.y - me.y) * c - (a.x - me.x) * s
        if -5.0 < forward < 45.0 + 6.0 * a.speed and -1.0 < left < 7.0:
            return True
    return False


@njit(cache=True)
def aside(t, agents, i):
    """The offset (m left of its lane's centre line) at which a vehicle drives on a street lane, without a lane change."""
    lanes, me = t.lanes, agents[i]
    own, lane, width = edge(lanes, me.lane, me.kind), lanes[me.lane], me.width
    if lane.junction >= 0:
        return own
    low, high, nearest, past_bicycle = 1e9, -1e9, 1e9, False
    for k in range(len(agents)):
        a = agents[k]
        if k == i or a.kind == 0 or abs(a.x - me.x) + abs(a.y - me.y) > 1.5 * LOOK:
            continue
        if a.kind == _BICYCLE and me.kind != _BICYCLE and width < 2.2 and a.lane == me.lane and a.left < -0.6:
            near = -9.0 < a.s - me.s < 30.0
            past_bicycle |= near and (me.left > 0.4 or lane.length - me.s > BICYCLES_UNTIL)
        if not stays(a):
            continue
        s, left, _ = project(lanes, t.points, me.lane, a.x, a.y)
        ahead = s - me.s
        if ahead > LOOK or ahead < -0.5 * (me.length + a.length) - 2.0 or s < 0.0 or s > lane.length:
            continue
        turn = a.heading - me.heading
        half = 0.5 * (a.length * abs(math.sin(turn)) + a.width * abs(math.cos(turn)))
        if left + half < own - 0.5 * width - BESIDE or left - half > own + 0.5 * width + BESIDE:
            continue
        low, high, nearest = min(low, left - half), max(high, left + half), min(nearest, ahead)
    if nearest > LOOK:
        return BESIDE_BICYCLE if past_bicycle else own
    right, leftwards = low - 0.5 * width - BESIDE, high + 0.5 * width + BESIDE
    if right > -0.5 * (lane.width - width) and abs(right - own) < leftwards - own:
        return right
    if leftwards + 0.5 * width < 0.5 * lane.width + 0.2:
        return leftwards
    if lane.left < 0 and leftwards < MOST and (me.left > 0.8 or not _oncoming(agents, i)):
        return leftwards
    return own
