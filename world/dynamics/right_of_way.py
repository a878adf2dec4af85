"""Right of way: signals, the conflict table, blocked exits of junctions, and people on crossings.

Functions return m that the front bumper may still move; FREE: no limit.
"""

from __future__ import annotations

import math

from numba import njit

from world.scene.hd_map import LEFT
from world.scene.objects import Kind
from world.scene.query import GREEN, RED, on_lane, pose, signal_colour
from world.scene.random import uniform

FREE = 1e9
COMMITTED = 0.7  # m past the stop line from which a vehicle no longer stops for a signal
MARGIN = 1.0  # s between two that cross
PATIENCE = 4.0  # s of waiting after which the order of waiting counts too
PREFERRED = 8.0  # s of waiting that the table's preference then counts as
COURTESY = 12.0  # s of waiting after which others let a vehicle in
LETS_PASS = 24.0  # s of waiting after which they no longer do, for a while
UNDER_WAY = 4.0  # m/s from which a vehicle has stopped waiting
RUN_UP, TURNING = 1.6, 6.5  # m/s2, m/s: how a junction is crossed
_PERSON, _CHILD = int(Kind.PERSON), int(Kind.CHILD)
AT_LINE = 3.0  # m before the stop line within which a vehicle is first in its queue
NOBODY, OTHERS, RED_LIGHT, WALKERS = 0, 1, 2, 3  # whom a vehicle waits for; RED_LIGHT: or room behind the junction
PEOPLE, PEOPLE_BEYOND, LINE, GIVE_WAY = 0, 1, 2, 3  # stops that `limits` fills
STOPS = 4
_RECKLESS = 341  # purpose of random numbers
_WAIT = 1  # AGENT.memory of vehicles: s of waiting; negative while it waits for people


@njit(cache=True)
def along(lanes, agent, connection):
    """s of an agent's centre along a connection, negative before it; -FREE: the connection is not on its route."""
    lane = on_lane(agent)
    if lane < 0:
        return -FREE
    if lane == connection:
        return agent.s
    if agent.next != connection:
        return -FREE
    source = lanes[connection].source
    if lane == source:
        return agent.s - lanes[lane].length
    if lanes[lane].junction >= 0 and lanes[lane].target == source:
        return agent.s - lanes[lane].length - lanes[source].length
    return -FREE


@njit(cache=True)
def seconds_to(distance, speed, most):
    """s to go a distance, speeding up to `most`."""
    if distance <= 0.0:
        return 0.0
    if speed >= most:
        return distance / speed
    run = (most * most - speed * speed) / (2.0 * RUN_UP)
    if run >= distance:
        return (math.sqrt(speed * speed + 2.0 * RUN_UP * distance) - speed) / RUN_UP
    return (most - speed) / RUN_UP + (distance - run) / most


@njit(cache=True)
def signal_stop(lanes, signals, connection, to_line, speed, seconds):
    """m to the stop line at red, and at amber if 3 m/s2 suffice to stop; else FREE."""
    signal = lanes[connection].signal
    if signal < 0 or to_line < -COMMITTED:
        return FREE
    colour = signal_colour(signals, signal, seconds)
    if colour == GREEN or (colour != RED and speed * speed > 6.0 * max(to_line, 0.0)):
        return FREE
    return to_line


@njit(cache=True)
def leavable(lanes, agents, i, connection, length):
    """Whether there is room behind a connection for one more vehicle."""
    target = lanes[connection].target
    rear, speed = lanes[target].length, 9.0
    promised = 0.0
    for k in range(len(agents)):
        if k == i or on_lane(agents[k]) < 0:
            continue
        if agents[k].lane == target:
            if agents[k].s - 0.5 * agents[k].length < rear:
                rear, speed = agents[k].s - 0.5 * agents[k].length, agents[k].speed
        elif lanes[agents[k].lane].junction >= 0 and lanes[agents[k].lane].target == target:
            promised += agents[k].length + 2.0
    return speed > 3.0 or rear - promised > length + 2.5


@njit(cache=True)
def _queues(agents, k):
    """Whether a vehicle stands ahead of an agent on the same lane."""
    for j in range(len(agents)):
        a = agents[j]
        if on_lane(a) == agents[k].lane and a.s > agents[k].s and a.speed < 1.0:
            return True
    return False


@njit(cache=True)
def conflict_stop(t, agents, i, connection, u, committed, seconds):  # noqa: C901 (a compiled loop)
    """(m to stop at, m to a vehicle that merges ahead, its speed) on a connection; u: s of the centre along it.

    A yielding vehicle waits for a gap; others wait only for vehicles already in the conflict zone. Vehicles that entered under a green
    light that is over leave first. Among standing vehicles, the longest waiting goes first.
    """
    lanes, conflicts, signals = t.lanes, t.conflicts, t.signals
    me = agents[i]
    half, stop, merging, merging_speed = 0.5 * me.length, FREE, FREE, 0.0
    most = max(2.0, min(me.wish * lanes[connection].limit, TURNING if lanes[connection].turn > 1 else 11.0))
    my_signal = lanes[connection].signal
    leaving = committed and my_signal >= 0 and signal_colour(signals, my_signal, seconds) != GREEN
    waited = abs(me.memory[_WAIT])
    for row in range(lanes[connection].first_conflict, lanes[connection].first_conflict + lanes[connection].conflicts):
        rule = conflicts[row]
        other = rule.other
        if lanes[other].source == lanes[connection].source:
            continue
        begin, end = rule.begin, rule.end
        away = begin - u - half
        if u - half > end:
            continue
        merges = lanes[other].target == lanes[connection].target
        its_signal = lanes[other].signal
        its_colour = signal_colour(signals, its_signal, seconds) if its_signal >= 0 else GREEN
        for k in range(len(agents)):
            if k == i or agents[k].kind == 0:
                continue
            v = along(lanes, agents[k], other)
            if v == -FREE:
                continue
            a = agents[k]
            its_half = 0.5 * a.length
            if v - its_half > rule.other_end:
                continue
            its_away = rule.other_begin - v - its_half
            source = lanes[other].source
            entered = a.lane == other or (a.lane == source and a.s + its_half > t.stop_line[source] + COMMITTED)
            inside = its_away <= 0.0 and entered
            if merges and (inside or away <= 0.0):
                mine = lanes[connection].length - u
                its = lanes[other].length - v
                if its < mine or (its == mine and a.id < me.id):
                    gap = mine - its - half - its_half
                    if inside and gap < merging:
                        merging, merging_speed = gap, a.speed
                    continue
                if away <= 0.0:
                    continue
            if away <= 0.0:
                continue  # already in the conflict zone: handled as a leader
            if inside:
                clears = (rule.other_end + its_half - v) / max(a.speed, 0.5)
                if clears + 0.3 > away / max(me.speed, 2.0) or a.speed < 0.5:
                    stop = min(stop, away)
                continue
            if not entered and its_colour == RED:
                continue
            if not entered and its_colour != GREEN and its_away > a.speed * a.speed / 6.0:
                continue
            its_leaving = entered and its_signal >= 0 and its_colour != GREEN
            yields, other_yields = rule.yields == 1, t.other_yields[row] == 1
            if its_leaving and not committed:
                yields, other_yields = True, False
            elif leaving and not entered:
                yields, other_yields = False, True
            its_wait = max(0.0, a.memory[_WAIT])  # a vehicle that waits for people cannot go
            if waited > PATIENCE and (a.speed < 0.3 or (its_wait > PATIENCE and a.speed < UNDER_WAY)):
                mine = waited + (PREFERRED if other_yields and not yields else 0.0)
                its = its_wait + (PREFERRED if yields and not other_yields and its_wait > 0.0 else 0.0)
                first = its > mine or (its == mine and a.id < me.id)
                if (entered and not committed) or (entered == committed and first):
                    stop = min(stop, away)
                continue
            if not yields and other_yields:
                lets = its_wait > COURTESY and not committed and waited < its_wait
                if lets and a.speed < UNDER_WAY and away > 0.25 * me.speed * me.speed + 3.0:
                    stop = min(stop, away)
                continue
            arrive, leave = seconds_to(away, me.speed, most), seconds_to(end - u + half, me.speed, most)
            its_most = max(a.speed, 0.8 * lanes[other].limit)
            its_arrive = its_away / a.speed if a.speed > 3.0 else seconds_to(its_away, a.speed, its_most)
            its_leave = seconds_to(rule.other_end - v + its_half, max(a.speed, 0.1), max(a.speed, 5.0))
            if yields == other_yields:  # undecided by the table: first come, first served
                if entered != committed:
                    if committed:
                        continue
                elif arrive < its_arrive - 0.2 or (abs(arrive - its_arrive) <= 0.2 and me.id < a.id):
                    continue
            if its_leave + MARGIN < arrive and its_leave < 8.0 and a.speed > 1.0:
                continue
            margin = MARGIN + (1.0 if merges else 0.0) - min(0.6, 0.05 * waited)
            if its_arrive < leave + margin and not (waited > 0.0 and not entered and _queues(agents, k)):
                stop = min(stop, away)
    return stop, merging, merging_speed


@njit(cache=True)
def stops_inside(lanes, connection, committed):
    """Whether a yielding vehicle stops at the conflict zone instead of the line: past the line, and when turning left at a light."""
    return committed or (lanes[connection].signal >= 0 and lanes[connection].turn == LEFT)


@njit(cache=True)
def people_stop(t, agents, lane, s):
    """m along a lane from s to the first crossing in use; FREE: none."""
    stop = FREE
    for row in range(t.first_crossing[lane], t.first_crossing[lane] + t.crossing_count[lane]):
        crossing = t.crossings[t.lane_crossings[row]]
        away = t.lane_crossing_s[row] - 0.5 * crossing.width - s
        if away < -1.0 or away > 60.0:
            continue
        ux, uy = crossing.x1 - crossing.x0, crossing.y1 - crossing.y0
        long = max(math.hypot(ux, uy), 1e-6)
        ux, uy = ux / long, uy / long
        x, y, _ = pose(t.lanes, t.points, lane, t.lane_crossing_s[row], 0.0)
        mine = (x - crossing.x0) * ux + (y - crossing.y0) * uy
        for k in range(len(agents)):
            a = agents[k]
            if a.kind != _PERSON and a.kind != _CHILD:
                continue
            px, py = a.x - crossing.x0, a.y - crossing.y0
            place, aside = px * ux + py * uy, abs(py * ux - px * uy)
            if aside > 0.5 * crossing.width + 1.0 or place < -1.6 or place > long + 1.6:
                continue
            towards = a.speed * math.cos(a.heading - math.atan2(uy, ux)) * (1.0 if mine > place else -1.0)
            near = abs(mine - place)
            on_road = 0.0 < place < long
            waits = crossing.signal < 0 and not on_road and (a.next == crossing.walk or a.lane == crossing.walk)
            if near < 2.2 or (towards > 0.2 and near / towards < 4.0 and on_road) or waits:
                stop = min(stop, away - 0.6)
    return stop


@njit(cache=True)
def heeds_signals(seed, who, reckless):
    """Whether a driver heeds signals: all but a fixed share of the drivers do."""
    return reckless <= 0.0 or uniform(seed, 0, who, _RECKLESS) >= reckless


@njit(cache=True)
def limits(t, agents, i, seconds, stops, heeds=True):
    """(whom vehicle i waits for, m to a vehicle that merges ahead, its speed). Fills stops [STOPS]: m to each stop, FREE: none.

    heeds: whether its driver heeds signals.
    """
    lanes, me = t.lanes, agents[i]
    half, lane, onward = 0.5 * me.length, me.lane, me.next
    stops[:] = FREE
    stops[PEOPLE] = people_stop(t, agents, lane, me.s + half)
    if lanes[lane].junction >= 0:
        stop, merging, its_speed = conflict_stop(t, agents, i, lane, me.s, True, seconds)
        if stop >= FREE:
            return NOBODY, merging, its_speed
        stops[GIVE_WAY] = stop - 0.4
        return OTHERS, merging, its_speed
    length = lanes[lane].length
    if onward < 0 or lanes[onward].source != lane:
        if onward < 0:
            stops[LINE] = length - me.s - half - 1.0
        return NOBODY, FREE, 0.0
    line = t.stop_line[lane] - me.s - half
    if line > 15.0 + 2.0 * me.speed + 0.25 * me.speed * me.speed:
        return NOBODY, FREE, 0.0
    stops[PEOPLE_BEYOND] = people_stop(t, agents, onward, me.s + half - length)
    committed = line < -COMMITTED
    if not committed and heeds:
        stops[LINE] = signal_stop(lanes, t.signals, onward, line, me.speed, seconds)
        if stops[LINE] < FREE:
            return RED_LIGHT, FREE, 0.0
    stop, merging, its_speed = conflict_stop(t, agents, i, onward, me.s - length, committed, seconds)
    waits = NOBODY
    if not committed and not leavable(lanes, agents, i, onward, me.length):
        stops[LINE], waits = line, RED_LIGHT
    elif not committed and stop < FREE:
        stops[GIVE_WAY] = max(line, stop - 0.4) if stops_inside(lanes, onward, False) else line
        waits = OTHERS if line < AT_LINE else NOBODY
    elif stop < FREE:
        stops[GIVE_WAY], waits = stop - 0.4, OTHERS
    if waits != RED_LIGHT and not committed and min(stops[PEOPLE], stops[PEOPLE_BEYOND]) < AT_LINE:
        waits = WALKERS
    return waits, merging, its_speed
