"""Lane choice: MOBIL (Kesting, Treiber, Helbing 2007, doi 10.3141/1999-10), and changes that a turn makes necessary."""

from __future__ import annotations

from numba import njit

from world.dynamics.idm import follow, free_road
from world.scene.query import on_lane

POLITENESS, THRESHOLD, KEEP_RIGHT = 0.3, 0.35, 0.15  # m/s2
SAFE = 2.5  # m/s2: the hardest braking that a change may impose on the follower
CLOSE_TO_END = 16.0  # m before a lane's end from which on changes are forbidden
FREELY = 70.0  # m before it from which only necessary changes are made
TURN_AHEAD = 150.0  # m before it from which on necessary changes are made


@njit(cache=True)
def neighbours(lanes, agents, changing, i, lane, s):
    """(gap ahead, speed, gap behind, speed, follower) of vehicle i if it were at s on a lane; gaps bumper to bumper.

    `changing` int32 [agents]: lanes that others have decided to change to in this step.
    """
    ahead, ahead_speed, behind, behind_speed, follower = 1e3, 0.0, 1e3, 0.0, -1
    half = 0.5 * agents[i].length
    for k in range(len(agents)):
        a = agents[k]
        if k == i or on_lane(a) < 0:
            continue
        there = a.s
        if a.lane != lane:
            if a.goal != lane and changing[k] != lane:
                if lanes[a.lane].junction >= 0 and lanes[a.lane].target == lane:
                    there = a.s - lanes[a.lane].length
                else:
                    continue
            else:
                there = a.s * lanes[lane].length / max(lanes[a.lane].length, 1.0)
        gap = abs(there - s) - half - 0.5 * a.length
        if there >= s:
            if gap < ahead:
                ahead, ahead_speed = gap, a.speed
        elif gap < behind:
            behind, behind_speed, follower = gap, a.speed, k
    return ahead, ahead_speed, behind, behind_speed, follower


@njit(cache=True)
def _acceleration(speed, wish, gap, leading, strongest):
    if gap > 100.0:
        return free_road(speed, wish, strongest)
    return min(free_road(speed, wish, strongest), follow(speed, gap, leading, strongest))


@njit(cache=True)
def towards(lanes, lane, onward):
    """1: the connection starts from a lane further left, -1: further right, 0: from this lane or not from this street."""
    source = lanes[onward].source if onward >= 0 else lane
    if source == lane or lanes[source].street != lanes[lane].street or lanes[source].forward != lanes[lane].forward:
        return 0
    return 1 if lanes[source].number > lanes[lane].number else -1


@njit(cache=True)
def choose(lanes, agents, changing, i, wish, strongest):
    """The lane that vehicle i should change to now; -1: none."""
    me = agents[i]
    lane = me.lane
    left_over = lanes[lane].length - me.s - 0.5 * me.length
    need = towards(lanes, lane, me.next)
    if left_over < CLOSE_TO_END or me.s < 4.0:
        return -1
    must = need != 0 and left_over < TURN_AHEAD
    if not must and left_over < FREELY:
        return -1
    now, now_speed, _, _, _ = neighbours(lanes, agents, changing, i, lane, me.s)
    present = _acceleration(me.speed, wish, now, now_speed, strongest)
    best, gain = -1, THRESHOLD
    for side in (1, -1):
        to = lanes[lane].left if side == 1 else lanes[lane].right
        if to < 0 or (must and side != need):
            continue
        s = me.s * lanes[to].length / max(lanes[lane].length, 1.0)
        ahead, ahead_speed, behind, behind_speed, follower = neighbours(lanes, agents, changing, i, to, s)
        if ahead < 2.0 + max(0.0, me.speed - ahead_speed) * 1.5 + 0.25 * me.speed:
            continue
        if behind < 2.0 + max(0.0, behind_speed - me.speed) * 2.0 + 0.25 * behind_speed:
            continue
        new = _acceleration(me.speed, wish, ahead, ahead_speed, strongest)
        pushed = 0.0
        if follower >= 0:
            its_new = follow(behind_speed, behind, me.speed, 1.6)
            if its_new < -SAFE:
                continue
            pushed = max(0.0, -its_new)
        if must:
            if new > -SAFE:
                return to
            continue
        profit = new - present - POLITENESS * pushed + (KEEP_RIGHT if side == -1 else -KEEP_RIGHT)
        if profit > gain:
            best, gain = to, profit
    return best
