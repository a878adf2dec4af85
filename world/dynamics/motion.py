"""Motion of a vehicle along its path: the path's points, a step, and the lights."""

from __future__ import annotations

import math

from numba import njit

from world.controls import DT
from world.dynamics.spawn import choose_next
from world.scene.hd_map import LEFT, RIGHT
from world.scene.objects import Kind, Lights
from world.scene.query import pose, wrap

POINTS, SPACING = 56, 1.5  # of a path ahead, and m between them
LATERAL, SLOPE, QUICKNESS = 1.2, 0.2, 0.9  # m/s, m a m, 1/s: how a vehicle moves sideways
AXLES = 0.3  # of the length, from the centre to either axle
AGAIN = 4.0  # s between lane changes
SPEED_LEFT, WAIT, CAME_FROM, REST = range(4)  # AGENT.memory of vehicles: m/s to the left, s waited, lane + 1, s of rest
_BICYCLE = int(Kind.BICYCLE)
_BRAKE, _LEFT, _RIGHT, _HEAD, _BEACON = (int(light) for light in Lights if light)


@njit(cache=True)
def after(lanes, lane, onward):
    """The lane after a lane; -1: none."""
    if lanes[lane].junction >= 0:
        return lanes[lane].target
    return onward if onward >= 0 and lanes[onward].source == lane else -1


@njit(cache=True)
def on_path(t, agent, ahead):
    """(x, y, heading) `ahead` m of an agent's centre along its path; negative: behind."""
    lanes, lane, s = t.lanes, agent.lane, agent.s + ahead
    if s < 0.0:
        before = int(agent.memory[CAME_FROM]) - 1
        if 0 <= before < len(lanes) and after(lanes, before, lane) == lane:
            lane, s = before, s + lanes[before].length
    for _ in range(3):
        then = after(lanes, lane, agent.next)
        if s <= lanes[lane].length or then < 0:
            break
        s -= lanes[lane].length
        lane = then
    return pose(lanes, t.points, lane, s, agent.left)


@njit(cache=True)
def trace(t, agent, aim, reach, path):
    """Fills path [POINTS, 3] with (x, y, heading) every SPACING m from the centre; returns their number."""
    lanes, points = t.lanes, t.points
    lane, s = agent.lane, agent.s
    k = lanes[lane].first
    last = k + lanes[lane].count - 2
    settled = max(8.0, 2.2 * agent.speed)
    for n in range(POINTS):
        ahead = n * SPACING
        if ahead > reach:
            return n
        while s > lanes[lane].length:
            then = after(lanes, lane, agent.next)
            if then < 0:
                return n
            s -= lanes[lane].length
            lane = then
            k = lanes[lane].first
            last = k + lanes[lane].count - 2
        while k < last and points[k + 1].s <= s:
            k += 1
        a, b = points[k], points[k + 1]
        share = (s - a.s) / max(b.s - a.s, 1e-9)
        heading = a.heading + min(1.0, max(0.0, share)) * wrap(b.heading - a.heading)
        left = aim + (agent.left - aim) * max(0.0, 1.0 - ahead / settled)
        path[n, 0] = a.x + share * (b.x - a.x) - left * math.sin(heading)
        path[n, 1] = a.y + share * (b.y - a.y) + left * math.cos(heading)
        path[n, 2] = heading
        s += SPACING
    return POINTS


@njit(cache=True)
def _same_way(lanes, a, b):
    return lanes[a].street == lanes[b].street and lanes[a].forward == lanes[b].forward


@njit(cache=True)
def move(t, seed, agent, accel, aim):
    """Advances a vehicle by a step along its path, onto the next lane where its own ends."""
    lanes = t.lanes
    speed = max(0.0, agent.speed + accel * DT)
    distance = 0.5 * (agent.speed + speed) * DT
    if agent.speed + accel * DT < 0.0:
        distance = 0.5 * agent.speed * agent.speed / max(-accel, 1e-6)
    agent.accel = (speed - agent.speed) / DT
    most = min(LATERAL, SLOPE * speed)
    sideways = agent.memory[SPEED_LEFT]
    sideways += DT * QUICKNESS * (QUICKNESS * (aim - agent.left) - 2.0 * sideways)
    sideways = min(most, max(-most, sideways))
    agent.memory[SPEED_LEFT] = sideways
    agent.left += sideways * DT
    agent.speed = speed
    agent.s += distance
    agent.phase += distance
    if agent.goal >= 0:
        side = 1.0 if lanes[agent.lane].left == agent.goal else -1.0
        if side * agent.left > 0.5 * lanes[agent.lane].width:
            agent.s *= lanes[agent.goal].length / max(lanes[agent.lane].length, 1.0)
            agent.left -= side * 0.5 * (lanes[agent.lane].width + lanes[agent.goal].width)
            agent.lane, agent.goal = agent.goal, -1
            agent.memory[REST] = AGAIN
    if lanes[agent.lane].junction < 0:
        left_over = lanes[agent.lane].length - agent.s - 0.5 * agent.length
        if left_over < 4.0:
            agent.goal = -1
        strange = agent.next < 0 or lanes[agent.next].source != agent.lane
        if strange and (
            left_over < 14.0 or agent.next < 0 or not _same_way(lanes, agent.lane, lanes[agent.next].source)
        ):
            agent.next = choose_next(t, seed, agent.lane, agent.id, 0.0)
    while agent.s > lanes[agent.lane].length:
        then = after(lanes, agent.lane, agent.next)
        if then < 0:
            agent.s, agent.speed = lanes[agent.lane].length, 0.0
            break
        agent.s -= lanes[agent.lane].length
        agent.memory[CAME_FROM] = agent.lane + 1
        agent.lane, agent.goal = then, -1
        if lanes[then].junction >= 0:
            target = lanes[then].target
            reach = 0.0 if agent.kind == _BICYCLE else lanes[target].length - 40.0
            agent.next = choose_next(t, seed, target, agent.id, reach)
    heading = agent.heading
    fx, fy, _ = on_path(t, agent, AXLES * agent.length)
    rx, ry, _ = on_path(t, agent, -AXLES * agent.length)
    agent.x, agent.y = 0.5 * (fx + rx), 0.5 * (fy + ry)
    agent.heading = wrap(math.atan2(fy - ry, fx - rx) + math.atan2(sideways, max(speed, 1.0)))
    agent.yaw_rate = wrap(agent.heading - heading) / DT


@njit(cache=True)
def lights_of(lanes, agent, dark):
    """`Lights` of a vehicle: brakes, headlights if `dark`, its unchanged beacon; indicators for lane changes, in turns and 35 m before."""
    lights = agent.lights & _BEACON
    if dark:
        lights |= _HEAD
    if agent.accel < -0.6 or agent.speed < 0.15:
        lights |= _BRAKE
    turn = 0
    if lanes[agent.lane].junction >= 0:
        turn = lanes[agent.lane].turn
    elif agent.next >= 0 and lanes[agent.lane].length - agent.s < 35.0:
        turn = lanes[agent.next].turn
    if agent.goal >= 0:
        turn = LEFT if lanes[agent.lane].left == agent.goal else RIGHT
    if turn == LEFT:
        lights |= _LEFT
    elif turn == RIGHT:
        lights |= _RIGHT
    return lights
