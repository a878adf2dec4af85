"""The learnt driver's inputs as vectors: its own car and reference path, the road users near the path, the traffic that crosses it.

The reference path comes from the route planner (`world.dynamics.path`), as from a navigator; no decision is made here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.dynamics.motion import WAIT
from world.dynamics.path import AHEAD, SPACING, ahead, navigate
from world.dynamics.right_of_way import COMMITTED, FREE, LETS_PASS, along, conflict_stop, seconds_to, stops_inside
from world.kinematics import (
    EGO_LENGTH,
    MAX_ACCELERATION,
    MAX_BRAKING,
    MAX_WHEEL_ANGLE,
    REAR_AXLE_TO_FRONT,
    WHEELBASE,
)
from world.scene.objects import Kind
from world.scene.query import AMBER, GREEN, RED, signal_colour, wrap
from world.scene.state import WAITED

OWN, USER, CROSSER = 88, 27, 22  # features of the own car and path, of a road user, of a crossing one
USERS, CROSSERS = 16, 12  # most of each, those nearest to the path and soonest there first
SIGHT, BROAD = 60.0, 1.1  # m: observed length and half width of the path
GAIN, COMFORT_GAS, COMFORT_BRAKE = 1.3, 2.8, 4.5  # 1/s, m/s2, m/s2: cruise control
MOMENTS, APART = 5, 0.6  # where a road user will be: so many times, s between them
POINTS = np.array(
    [2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 36, 43, 50, 60], np.int64
)  # m along the path of its observed points
COMMANDS = np.array([0, 1, 2, 3, 4, 5, 12], np.int64)
_PERSON, _CHILD, _DOG, _DEER = (int(kind) for kind in (Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEER))
_BICYCLE, _CONE = int(Kind.BICYCLE), int(Kind.CONE)


@njit(cache=True)
def _nearest_on(path, x, y):
    """(index of the nearest point of the path, m to its left) of a place."""
    best, nearest = 1e18, 0
    for k in range(len(path)):
        d2 = (path[k, 0] - x) ** 2 + (path[k, 1] - y) ** 2
        if d2 < best:
            best, nearest = d2, k
    side = (y - path[nearest, 1]) * math.cos(path[nearest, 2]) - (x - path[nearest, 0]) * math.sin(path[nearest, 2])
    return nearest, math.copysign(math.sqrt(best), side)


@njit(cache=True)
def short(value, scale):
    """A length or time on a scale that is fine near 0; within [-1, 1] up to 7 scales."""
    return math.copysign(math.log1p(abs(value) / scale) / 2.08, value)


@njit(cache=True)
def base_action(path, ego, target):
    """(steer, accel) of the base driver: pure pursuit of a point ahead, cruise control."""
    at = min(AHEAD - 1, int((3.4 + 0.45 * ego.speed) / SPACING) + 1)
    dx, dy = path[at, 0] - ego.x, path[at, 1] - ego.y
    angle = wrap(math.atan2(dy, dx) - ego.heading)
    steer = math.atan(2 * math.sin(angle) / max(2.0, math.hypot(dx, dy)) * WHEELBASE) / MAX_WHEEL_ANGLE
    accel = max(-COMFORT_BRAKE, min(COMFORT_GAS, GAIN * (target - ego.speed)))
    return min(1.0, max(-1.0, steer)), accel / (MAX_ACCELERATION if accel > 0 else MAX_BRAKING)


@njit(cache=True)
def observe(t, everyone, egos, command, target, seed, seconds, own, users, crossers):
    """Fills float32 own [OWN], users [USERS, USER], crossers [CROSSERS, CROSSER]; (users, crossers, base steer, base accel).

    everyone: all agents, our car as the last. Our car must be on a lane.
    """
    lanes, ego = t.lanes, egos[0]
    onward, goal, _ = navigate(lanes, t.points, t.successors, ego, command, seed)
    path = np.empty((AHEAD, 3))
    line = ahead(lanes, t.points, t.successors, ego, onward, goal, seed, path)
    gaps = np.empty(4)
    count = _users(everyone, ego, path, users, gaps)
    bumper = line - REAR_AXLE_TO_FRONT - (lanes[ego.lane].length - t.stop_line[ego.lane] if line < 1e8 else 0.0)
    connection, u, committed = -1, 0.0, True
    if lanes[ego.lane].junction >= 0:
        connection, u = ego.lane, ego.s + REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH
    elif onward >= 0 and bumper < SIGHT:
        connection, u, committed = onward, REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH - line, bumper < -COMMITTED
    crossing = 0
    if connection >= 0:
        crossing = _crossers(t, everyone, connection, u, committed, seconds, crossers)
    _own(t, ego, command, target, path, goal, connection, committed, bumper, seconds, gaps, own)
    if connection >= 0:
        _yields(t, everyone, ego, connection, u, committed, bumper, seconds, own[OWN - 8 : OWN - 2])
    steer, accel = base_action(path, ego, target)
    own[OWN - 2], own[OWN - 1] = steer, accel
    return count, crossing, steer, accel


@njit(cache=True)
def _yields(t, everyone, ego, connection, u, committed, bumper, seconds, out):
    """Fills out [6], initially zeros: the stop for right of way, and the vehicle that merges ahead."""
    most, merging, its_speed = conflict_stop(t, everyone, len(everyone) - 1, connection, u, committed, seconds)
    if most < FREE:
        stop = most if stops_inside(t.lanes, connection, committed) else bumper - 0.4
        out[0], out[1] = 1.0, short(max(-3.0, min(SIGHT, stop)), 4.0)
        out[2] = min(2.0, ego.speed * ego.speed / (2 * max(stop, 0.5)) / 4)
    if merging < FREE:
        out[3], out[4] = 1.0, short(max(-3.0, min(SIGHT, merging)), 4.0)
        out[5] = max(-2.0, min(2.0, (ego.speed - its_speed) / 5))


@njit(cache=True)
def _own(t, ego, command, target, path, goal, connection, committed, bumper, seconds, gaps, own):
    lanes, lane = t.lanes, t.lanes[ego.lane]
    speed = ego.speed
    cos, sin = math.cos(ego.heading), math.sin(ego.heading)
    own[:] = 0.0
    own[0], own[1], own[2], own[3] = speed / 10, ego.yaw_rate, ego.steer, ego.accel
    own[4], own[5], own[6] = target / 10, lane.limit / 10, (target - speed) / 5
    own[7] = min(LETS_PASS, ego.memory[WAITED]) / 10
    for k in range(len(COMMANDS)):
        own[8 + k] = 1.0 if COMMANDS[k] == command else 0.0
    own[15], own[16] = ego.left / 2, math.sin(wrap(ego.heading - path[0, 2]))
    if goal >= 0:
        own[17] = 1.0 if lane.left == goal else -1.0
    own[18] = 1.0 if lane.junction >= 0 else 0.0
    own[19] = (0.5 * lane.width - ego.left) / 4  # to the lane's borders
    own[20] = (0.5 * lane.width + ego.left) / 4
    own[21] = 1.0 if lane.left >= 0 else 0.0
    own[22] = 1.0 if lane.right >= 0 else 0.0
    n = 23
    for k in POINTS:
        dx, dy = path[k, 0] - ego.x, path[k, 1] - ego.y
        own[n], own[n + 1] = (dx * cos + dy * sin) / 50, (dy * cos - dx * sin) / 20
        n += 2
    tightest = 1e9
    for k in range(2, 48):
        turns = abs(wrap(path[k + 2, 2] - path[k - 2, 2]))
        if k < 42 and k % 4 == 2:
            own[n] = 4 * turns
            n += 1
        tightest = min(tightest, math.sqrt(12.0 / max(turns, 4e-3) + 5.2 * max(0.0, k * SPACING - 3.0)))
    own[n] = min(2.0, tightest / 10)  # the speed for 3 m/s2 sideways in the bends ahead
    own[n + 1] = max(-1.0, min(1.0, (tightest - speed) / 5))
    n += 2
    own[n], own[n + 1] = short(max(-3.0, min(SIGHT, bumper)), 4.0), 1.0 if committed else 0.0
    own[n + 2] = min(2.0, speed * speed / (2 * max(bumper, 0.5)) / 4)  # braking to the line
    n += 3
    if connection >= 0:
        turn = lanes[connection].turn
        own[n] = 1.0
        if 0 < turn < 5:
            own[n + turn] = 1.0
        own[n + 5] = (lanes[connection].limit) / 10
        signal = lanes[connection].signal
        if signal >= 0:
            colour = signal_colour(t.signals, signal, seconds)
            own[n + 6] = 1.0 if colour == GREEN else 0.0
            own[n + 7] = 1.0 if colour == AMBER else 0.0
            own[n + 8] = 1.0 if colour == RED else 0.0
    n += 9
    own[n], own[n + 1] = short(gaps[0], 4.0), gaps[1] / 10
    own[n + 2] = min(2.0, max(0.0, speed - gaps[1]) ** 2 / (2 * max(gaps[0] - 1.0, 0.5)) / 4)
    own[n + 3], own[n + 4] = short(gaps[2], 4.0), min(2.0, speed * speed / (2 * max(gaps[2] - 1.0, 0.5)) / 4)


@njit(cache=True)
def _users(everyone, ego, path, users, gaps):
    """Fills the road users; returns their number. gaps: m to the next body on the path in our direction, its m/s, m to the next other one."""
    front, others = REAR_AXLE_TO_FRONT, len(everyone) - 1
    gaps[0], gaps[1], gaps[2] = SIGHT, 0.0, SIGHT
    costs = np.full(USERS, 1e9)
    row = np.empty(USER)
    count = 0
    for i in range(others):
        a = everyone[i]
        if a.kind == 0 or abs(a.x - ego.x) + abs(a.y - ego.y) > 85.0:
            continue
        living = a.kind == _PERSON or a.kind == _CHILD or a.kind == _DOG or a.kind == _DEER
        cost, heading, x, y = 1e9, a.heading, a.x, a.y
        for moment in range(MOMENTS):
            if moment > 0:
                if not living:
                    heading += APART * max(-0.8, min(0.8, a.yaw_rate))
                x += APART * a.speed * math.cos(heading)
                y += APART * a.speed * math.sin(heading)
            k, left = _nearest_on(path, x, y)
            row[2 * moment] = short(max(-8.0, k * SPACING - front), 4.0)
            row[2 * moment + 1] = max(-1.5, min(1.5, left / 4))
            cost = min(cost, k * SPACING + 5.0 * max(0.0, abs(left) - 1.0))
        if abs(left) > 25.0 and cost > 100.0:
            continue
        k, left = _nearest_on(path, a.x, a.y)
        turn = wrap(a.heading - path[k, 2])
        gap = SIGHT
        if not living:
            nearest = 10**6
            for part in range(4):
                back = (0.47 - 0.31 * part) * a.length
                on, aside = _nearest_on(path, a.x + back * math.cos(a.heading), a.y + back * math.sin(a.heading))
                if abs(aside) < BROAD + 0.5 * a.width and on * SPACING > front - 1.5:
                    nearest = min(nearest, on)
            if nearest < 10**6:
                gap = nearest * SPACING - front - 0.5
                cost = min(cost, gap - 20.0)
                same = abs(wrap(a.heading - path[nearest, 2])) < 1.2
                if same and gap < gaps[0]:
                    gaps[0], gaps[1] = gap, a.speed
                elif not same:
                    gaps[2] = min(gaps[2], gap)
        if cost >= costs[USERS - 1]:
            continue
        row[10], row[11], row[12] = math.cos(turn), math.sin(turn), a.speed / 10
        row[13] = a.speed * math.cos(turn) / 10
        row[14] = a.speed * math.sin(turn) / 5
        row[15] = short(gap, 4.0)
        row[16] = 1.0 if gap < SIGHT else 0.0
        row[17], row[18] = 0.5 * a.width, a.length / 10
        row[19] = 1.0 if living else 0.0
        row[20] = 1.0 if a.kind == _BICYCLE else 0.0
        row[21] = 1.0 if a.kind >= _CONE else 0.0
        row[22] = a.accel / 5
        row[23] = max(-1.0, min(1.0, a.yaw_rate))
        row[24] = ego.speed / 10
        needed = max(gap if gap < SIGHT else k * SPACING - front, 0.5)
        row[25] = min(2.0, ego.speed * ego.speed / (2 * needed) / 4)
        row[26] = 1.0 if a.role > 0 else 0.0
        insert(users, costs, row, cost)
        count = min(USERS, count + 1)
    return count


@njit(cache=True)
def insert(rows, costs, row, cost):
    """Inserts a row into rows sorted by cost; the last one is dropped."""
    at = len(rows) - 1
    while at > 0 and costs[at - 1] > cost:
        costs[at] = costs[at - 1]
        for k in range(len(row)):
            rows[at, k] = rows[at - 1, k]
        at -= 1
    costs[at] = cost
    for k in range(len(row)):
        rows[at, k] = row[k]


@njit(cache=True)
def _crossers(t, everyone, connection, u, committed, seconds, crossers):
    """Fills road users whose connection crosses or joins ours; returns their number. u: s of our car's middle along the connection."""
    lanes, signals = t.lanes, t.signals
    me = everyone[len(everyone) - 1]
    half = 0.5 * me.length
    most = max(2.0, min(lanes[connection].limit, 6.5 if lanes[connection].turn > 1 else 11.0))
    costs = np.full(CROSSERS, 1e9)
    row = np.empty(CROSSER)
    count = 0
    first = lanes[connection].first_conflict
    for index in range(first, first + lanes[connection].conflicts):
        rule = t.conflicts[index]
        other = rule.other
        if lanes[other].source == lanes[connection].source or u - half > rule.end:
            continue
        away = rule.begin - u - half
        signal = lanes[other].signal
        colour = signal_colour(signals, signal, seconds) if signal >= 0 else GREEN
        source = lanes[other].source
        for k in range(len(everyone) - 1):
            a = everyone[k]
            if a.kind == 0:
                continue
            v = along(lanes, a, other)
            its_half = 0.5 * a.length
            if v == -FREE or v - its_half > rule.other_end:
                continue
            its_away = rule.other_begin - v - its_half
            entered = a.lane == other or (a.lane == source and a.s + its_half > t.stop_line[source] + COMMITTED)
            if not entered and (colour == RED or its_away > 90.0):
                continue
            its_most = max(a.speed, 0.8 * lanes[other].limit)
            arrive, leave = seconds_to(away, me.speed, most), seconds_to(rule.end - u + half, me.speed, most)
            its_arrive = its_away / a.speed if a.speed > 3.0 else seconds_to(its_away, a.speed, its_most)
            its_leave = seconds_to(rule.other_end - v + its_half, max(a.speed, 0.1), max(a.speed, 5.0))
            inside = its_away <= 0.0 and entered
            merges = lanes[other].target == lanes[connection].target
            cost = its_arrive + 0.2 * max(0.0, away) - (20.0 if inside else 0.0) - (3.0 if rule.yields == 1 else 0.0)
            if cost >= costs[CROSSERS - 1]:
                continue
            row[0], row[1] = short(max(-15.0, away), 4.0), short(rule.end - u + half, 4.0)
            row[2], row[3] = short(max(-15.0, its_away), 4.0), short(rule.other_end - v + its_half, 4.0)
            row[4], row[5] = a.speed / 10, me.speed / 10
            row[6], row[7], row[8], row[9] = arrive / 5, leave / 5, its_arrive / 5, min(2.0, its_leave / 5)
            row[10] = max(-2.0, min(2.0, (its_arrive - leave) / 2))
            row[11] = max(-2.0, min(2.0, (arrive - its_leave) / 2))
            row[12] = 1.0 if rule.yields == 1 else 0.0
            row[13] = 1.0 if t.other_yields[index] == 1 else 0.0
            row[14], row[15] = (1.0 if entered else 0.0), (1.0 if inside else 0.0)
            row[16], row[17] = (1.0 if merges else 0.0), (1.0 if committed else 0.0)
            row[18] = 1.0 if signal >= 0 and colour != GREEN else 0.0
            row[19] = min(2.0, max(0.0, a.memory[WAIT]) / 10)
            row[20] = max(-2.0, min(2.0, ((lanes[connection].length - u) - (lanes[other].length - v)) / 10))
            row[21] = a.accel / 3
            for n in range(6, 10):
                row[n] = min(2.0, row[n])
            insert(crossers, costs, row, cost)
            count = min(CROSSERS, count + 1)
    return count
