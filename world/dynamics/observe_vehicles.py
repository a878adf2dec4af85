"""Inputs of learnt traffic for a vehicle: itself, its lane, its path, mandatory stops, and the ten most relevant others.

All are relative to lane and path. Our car is one of the others, flagged. No decision is made here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.dynamics.ahead import met
from world.dynamics.lane_change import neighbours, towards
from world.dynamics.motion import POINTS, REST, SPACING, SPEED_LEFT, WAIT, trace
from world.dynamics.observe import insert, short
from world.dynamics.right_of_way import COMMITTED, FREE, STOPS, along, limits, seconds_to
from world.dynamics.spawn import edge
from world.dynamics.traffic_net import VEHICLE
from world.dynamics.vehicles import ASIDE, bends, lane_aim, moved_by_role, reach_of
from world.scene.objects import Kind
from world.scene.query import AMBER, GREEN, RED, signal_colour, wrap

AIM = REST  # of AGENT.memory, for vehicles moved by the model: their target offset, m left of the centre line
SIGHT = 70.0  # m
MOMENTS = np.array([0.0, 0.5, 1.0, 1.6, 2.4, 3.4])  # s ahead at which others are projected onto the path
BENDS = np.array([2, 4, 7, 11, 16, 22], np.int64)  # points of the path whose headings are inputs
BEGINS, ACTS, LEAVES = 100, 101, 200  # AGENT.mode of roles
ROLES = 10  # events with an input of their own; later ones share `played`
_BICYCLE, _CONE, _CAR, _BEACON = int(Kind.BICYCLE), int(Kind.CONE), int(Kind.CAR), int(Kind.AMBULANCE)
_PERSON, _CHILD, _DEER = int(Kind.PERSON), int(Kind.CHILD), int(Kind.DEER)


@njit(cache=True)
def braking(speed, gap):
    """The braking for a stop in `gap` m, in units of 4 m/s2, at most 2."""
    return min(2.0, speed * speed / (2.0 * max(gap, 0.5)) / 4.0)


@njit(cache=True)
def aim_of(t, agent):
    """The target offset (m left of its lane) of a vehicle that the model moves."""
    if agent.goal >= 0:
        return lane_aim(t.lanes, agent, agent.goal)
    if 0 < agent.mode < BEGINS:
        return agent.memory[AIM]
    return edge(t.lanes, agent.lane, agent.kind)


@njit(cache=True)
def observe_vehicle(t, agents, i, style, side, level, seconds, path, own, near, heeds=True):
    """Fills float32 own [VEHICLE.own] and near [VEHICLE.most, VEHICLE.near]; returns the number near.

    agents: all, our car as the last. style: 0 (patient) to 1 (pressing); side, level: of the event, for its actors.
    path: float64 [POINTS, 3], overwritten; heeds: whether it sees signals as they are; if not, as green.
    """
    me = agents[i]
    traced = 0
    if moved_by_role(me) and (me.lane < 0 or me.memory[3] < 0.0):  # against its lane, or on none: a straight path
        traced = int(min(POINTS, reach_of(me) / SPACING))
        for n in range(traced):
            path[n, 0] = me.x + n * SPACING * math.cos(me.heading)
            path[n, 1] = me.y + n * SPACING * math.sin(me.heading)
            path[n, 2] = me.heading
    else:
        traced = trace(t, me, me.left if moved_by_role(me) else aim_of(t, me), reach_of(me), path)
    stops = np.full(STOPS, FREE)
    merging, its_speed = FREE, 0.0
    if me.lane >= 0 and not (moved_by_role(me) and me.memory[3] < 0.0):
        _, merging, its_speed = limits(t, agents, i, seconds, stops, heeds)
    connection = me.lane if me.lane >= 0 and t.lanes[me.lane].junction >= 0 else me.next
    count = _near(t, agents, i, path, traced, connection, seconds, near)
    _own(
        t, agents, i, style, side, level, seconds, path, traced, connection, stops, merging, its_speed, near, own, heeds
    )
    return count


@njit(cache=True)
def _own(  # noqa: C901 (a compiled loop)
    t, agents, i, style, side, level, seconds, path, traced, connection, stops, merging, its_speed, near, own, heeds
):
    lanes, me = t.lanes, agents[i]
    own[:] = 0.0
    speed, played = me.speed, moved_by_role(me)
    own[0], own[1], own[2], own[3] = speed / 10, style, me.accel / 4, me.length / 10
    if me.kind < _BEACON:
        own[4 + me.kind - _CAR] = 1.0
    else:
        own[9] = 1.0
    own[10], own[11] = me.left / 3, min(2.0, abs(me.memory[WAIT]) / 10) if not played else 0.0
    if not played:
        own[12] = me.memory[SPEED_LEFT]
        own[13] = (aim_of(t, me) - me.left) / 3
    n = 14
    if me.lane >= 0:
        lane = lanes[me.lane]
        wish = me.wish * lane.limit
        own[n], own[n + 1] = wish / 10, (wish - speed) / 5
        own[n + 2] = 1.0 if lane.left >= 0 else 0.0
        own[n + 3] = 1.0 if lane.right >= 0 else 0.0
        own[n + 4] = 1.0 if lane.junction >= 0 else 0.0
        own[n + 5] = towards(lanes, me.lane, me.next)
        left_over = lane.length - me.s
        own[n + 6] = short(left_over, 6.0)
        line = t.stop_line[me.lane] - me.s - 0.5 * me.length
        if lane.junction < 0:
            own[n + 7], own[n + 8] = short(min(60.0, line), 4.0), braking(speed, line)
            own[n + 9] = 1.0 if line < -COMMITTED else 0.0
        if me.goal >= 0:
            own[n + 10] = 1.0 if lane.left == me.goal else -1.0
        own[n + 11] = lane.width / 4
        if lane.junction < 0:
            _lanes_beside(lanes, agents, i, own, n + 12)
    n += 20
    if connection >= 0:
        turn = lanes[connection].turn
        if 0 < turn < 5:
            own[n + turn - 1] = 1.0
        if lanes[connection].signal >= 0:
            colour = signal_colour(t.signals, lanes[connection].signal, seconds) if heeds else GREEN
            own[n + 4] = 1.0 if colour == GREEN else 0.0
            own[n + 5] = 1.0 if colour == AMBER else 0.0
            own[n + 6] = 1.0 if colour == RED else 0.0
    n += 7
    for k in range(STOPS):
        if stops[k] < FREE - 1000.0:
            own[n], own[n + 1], own[n + 2] = 1.0, short(min(60.0, stops[k]), 4.0), braking(speed, stops[k])
        n += 3
    if merging < FREE:
        own[n], own[n + 1], own[n + 2] = 1.0, short(min(60.0, merging), 4.0), (speed - its_speed) / 5
    n += 3
    for k in BENDS:
        if k < traced:
            own[n] = wrap(path[k, 2] - me.heading)
        n += 1
    wish, brake = bends(path, traced, speed)
    own[n], own[n + 1] = min(2.0, wish / 10), max(-1.0, min(1.0, (wish - speed) / 5))
    own[n + 2] = min(0.0, brake) / 4
    n += 3
    leading, gap = 0, 1e9  # the nearest on the path
    for k in range(len(near)):
        if near[k, 17] > 0.0 and near[k, 18] < gap:
            leading, gap = k + 1, near[k, 18]
    if leading > 0:
        row = near[leading - 1]
        own[n], own[n + 1], own[n + 2], own[n + 3] = 1.0, row[18], row[19], row[6]
        own[n + 4], own[n + 5], own[n + 6] = row[7], row[13], row[11] + row[10]
        own[n + 7] = row[20]
    n += 8
    car = agents[len(agents) - 1]
    dx, dy = car.x - me.x, car.y - me.y
    if math.hypot(dx, dy) < SIGHT:
        c, s = math.cos(me.heading), math.sin(me.heading)
        own[n], own[n + 1] = short(dx * c + dy * s, 6.0), short(dy * c - dx * s, 3.0)
        own[n + 2], own[n + 3] = math.cos(car.heading - me.heading), car.speed / 10
        own[n + 4] = (car.speed - speed) / 5
    n += 5
    if played:
        own[n] = 1.0
        if me.role <= ROLES:
            own[n + me.role] = 1.0
        own[n + 11], own[n + 12] = side, level / 3
        own[n + 13] = 1.0 if me.mode == BEGINS else 0.0
        own[n + 14] = 1.0 if me.mode == ACTS else 0.0
        own[n + 15] = 1.0 if me.mode == LEAVES else 0.0
        own[n + 16], own[n + 17] = min(2.0, me.timer / 4), max(-2.0, min(2.0, me.memory[3] / 10))
        own[n + 18] = max(-2.0, min(2.0, me.memory[2] / 4))
        if me.lane >= 0:
            own[n + 19] = (0.65 - 0.5 * lanes[me.lane].width) / 3


@njit(cache=True)
def _lanes_beside(lanes, agents, i, own, n):
    """Gaps ahead and behind in the neighbouring lanes, four numbers each."""
    me = agents[i]
    changing = np.full(len(agents), -1, np.int32)
    for side in range(2):
        to = lanes[me.lane].left if side == 0 else lanes[me.lane].right
        if to >= 0:
            s = me.s * lanes[to].length / max(lanes[me.lane].length, 1.0)
            ahead, ahead_speed, behind, behind_speed, _ = neighbours(lanes, agents, changing, i, to, s)
            own[n], own[n + 1] = short(min(60.0, ahead), 4.0), (ahead_speed - me.speed) / 5 if ahead < 99.0 else 1.0
            own[n + 2] = short(min(60.0, behind), 4.0)
            own[n + 3] = (behind_speed - me.speed) / 5 if behind < 99.0 else -1.0
        n += 4


@njit(cache=True)
def _near(t, agents, i, path, traced, connection, seconds, near):
    """Fills the most relevant others, then zeros; returns their number."""
    me = agents[i]
    cos, sin = math.cos(me.heading), math.sin(me.heading)
    costs = np.full(VEHICLE.most, 1e9)
    row = np.empty(VEHICLE.near)
    near[:] = 0.0
    half = 0.5 * me.length
    first = math.ceil(half / SPACING)
    count = 0
    for k in range(len(agents)):
        a = agents[k]
        if k == i or a.kind == 0:
            continue
        dx, dy = a.x - me.x, a.y - me.y
        away = math.hypot(dx, dy)
        if away > SIGHT:
            continue
        row[:] = 0.0
        living = _PERSON <= a.kind <= _DEER
        turn = a.heading - me.heading
        row[0] = 1.0
        row[1], row[2] = short(dx * cos + dy * sin, 6.0), short(dy * cos - dx * sin, 3.0)
        row[3], row[4], row[5] = math.cos(turn), math.sin(turn), a.speed / 10
        row[6], row[7] = (a.speed * math.cos(turn) - me.speed) / 5, max(-2.0, min(2.0, a.accel / 4))
        row[8], row[9] = a.length / 10, a.width / 2
        row[10] = 1.0 if a.kind == _PERSON or a.kind == _CHILD else 0.0
        row[11] = 1.0 if living and row[10] == 0.0 else 0.0
        row[12] = 1.0 if a.kind == _BICYCLE else 0.0
        row[13] = 1.0 if a.kind >= _CONE else 0.0
        row[14] = 1.0 if k == len(agents) - 1 else 0.0
        row[15] = 1.0 if moved_by_role(a) else 0.0
        row[16] = math.exp(-away / 8)
        _on_path(me, a, living, path, first, traced, half, row)
        if connection >= 0 and not living and a.lane >= 0:
            _in_junction(t, agents, i, k, connection, seconds, row)
        concerns = row[17] > 0.0 or row[21] > 0.0 or row[25] > 0.0
        cost = away * (0.3 if concerns else 1.0) + (20.0 if living and not concerns else 0.0)
        if me.lane >= 0 and row[17] == 0.0 and not living and a.lane == me.lane:
            cost *= 0.6
        if cost < costs[VEHICLE.most - 1]:
            insert(near, costs, row, cost)
            count = min(VEHICLE.most, count + 1)
    return count


@njit(cache=True)
def _on_path(me, a, living, path, first, traced, half, row):
    """Fills whether and where another is on our path now, or will be at constant motion."""
    radius = 0.5 * me.width + (0.5 if living else ASIDE)
    for number in range(len(MOMENTS)):
        moment = MOMENTS[number]
        if moment > 0.0 and a.speed < 0.2:
            break
        heading = a.heading + moment * max(-0.6, min(0.6, a.yaw_rate)) * (0.0 if living else 0.5)
        x, y = a.x + moment * a.speed * math.cos(heading), a.y + moment * a.speed * math.sin(heading)
        if abs(x - me.x) + abs(y - me.y) > 1.42 * (SPACING * traced + a.length):
            continue
        n, to, forward = met(path, first, traced, x, y, heading, a.length, a.width, radius)
        if n < 0:
            continue
        gap = n * SPACING - half + max(0.0, to)
        if moment == 0.0:
            speed = a.speed * forward
            closing = max(0.0, me.speed - speed)
            row[17], row[18], row[19] = 1.0, short(gap, 4.0), min(2.0, closing * closing / (8.0 * max(gap - 1.0, 0.4)))
            row[20] = min(1.0, gap / max(me.speed, 0.5) / 6.0)
            if speed > -0.5:
                return
        else:
            row[21], row[22], row[23] = 1.0, moment / 3, short(gap, 4.0)
            row[24] = max(-1.0, min(1.0, (gap / max(me.speed, 1.0) - moment) / 3))
            return


@njit(cache=True)
def _in_junction(t, agents, i, k, connection, seconds, row):
    """Fills how another vehicle's connection through the junction meets ours."""
    lanes, me, a = t.lanes, agents[i], agents[k]
    its = a.lane if lanes[a.lane].junction >= 0 else a.next
    if its < 0 or lanes[its].junction != lanes[connection].junction:
        return
    u, v = along(lanes, me, connection), along(lanes, a, its)
    if u == -FREE or v == -FREE or u < -60.0:
        return
    for index in range(
        lanes[connection].first_conflict, lanes[connection].first_conflict + lanes[connection].conflicts
    ):
        rule = t.conflicts[index]
        if rule.other != its or u - 0.5 * me.length > rule.end or v - 0.5 * a.length > rule.other_end:
            continue
        away, its_away = rule.begin - u - 0.5 * me.length, rule.other_begin - v - 0.5 * a.length
        arrive, comes = seconds_to(away, me.speed, 9.0), seconds_to(its_away, a.speed, 9.0)
        row[25], row[26], row[27] = 1.0, short(max(-15.0, away), 4.0), short(max(-15.0, its_away), 4.0)
        row[28] = max(-2.0, min(2.0, (arrive - comes) / 3))
        row[29] = 1.0 if rule.yields == 1 else 0.0
        row[30] = 1.0 if t.other_yields[index] == 1 else 0.0
        row[31] = 1.0 if a.lane == its else 0.0
        signal = lanes[its].signal
        row[32] = 1.0 if signal >= 0 and signal_colour(t.signals, signal, seconds) != GREEN else 0.0
        return
