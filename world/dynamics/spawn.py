"""Arrival and removal of vehicles: out of sight, in a ring round our car, by density."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.scene.objects import DRIVEN, SIZES, Kind
from world.scene.query import nearest_lane, pose, wrap
from world.scene.random import uniform

PER_DENSITY = 24  # vehicles round our car at density 1
METRES_EACH = 32.0  # m of lane in the ring per vehicle at density 1
MOST = 48  # vehicles in all
NEAREST, AHEAD, FURTHEST, RETIRED = 90.0, 112.0, 130.0, 150.0  # m from our car
TRIES = 3  # places tried in a step
_CAR, _BICYCLE, _BUS = int(Kind.CAR), int(Kind.BICYCLE), int(Kind.BUS)
_ANGLE, _RADIUS, _KIND, _LOOK, _WISH, _TURN, _WAY = range(100, 107)  # purposes of random numbers

_KINDS = np.array([int(k) for k in (Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.BICYCLE)], np.int32)
_SHARES = np.array([0.74, 0.84, 0.89, 0.92, 1.0])  # cumulated
_SIZES = np.array([SIZES[Kind(int(k))] for k in _KINDS])


@njit(cache=True)
def is_vehicle(kind):
    """Whether a kind is a vehicle: CAR to BICYCLE, and those with a beacon."""
    return 1 <= kind <= 5 or 10 <= kind <= 12


@njit(cache=True)
def edge(lanes, lane, kind):
    """The usual offset of a kind, m left of the centre line: bicycles at the right edge."""
    return -0.5 * lanes[lane].width + 0.65 if kind == _BICYCLE and lanes[lane].number == 0 else 0.0


@njit(cache=True)
def choose_next(t, seed, lane, who, reach):
    """A random connection at the end of a street lane, or of lanes within `reach` m of lane changes; -1: none."""
    lanes = t.lanes
    choice = -1
    total = 0.0
    on = lane
    while lanes[on].right >= 0:
        on = lanes[on].right
    draw = uniform(seed, lane, who, _TURN)
    for round_ in range(2):
        pick, so_far, step = draw * total, 0.0, on
        while step >= 0:
            if step == lane or abs(lanes[step].number - lanes[lane].number) * 50.0 < reach:
                for k in range(lanes[step].first_out, lanes[step].first_out + lanes[step].outs):
                    turn = lanes[t.successors[k]].turn
                    weight = 1.0 if turn == 1 else (0.02 if turn == 4 else 0.7)
                    so_far += weight if step == lane else 0.5 * weight
                    if round_ == 1 and choice < 0 and so_far > pick:
                        choice = t.successors[k]
            step = lanes[step].left
        total = so_far
        if total == 0.0:
            return -1
    return choice


@njit(cache=True)
def metres_near(t, x, y, reach):
    """Approximate m of street lanes within `reach` of a place."""
    total = 0.0
    for lane in range(len(t.lanes)):
        if t.lanes[lane].junction >= 0:
            continue
        middle = t.points[t.lanes[lane].first + t.lanes[lane].count // 2]
        away = math.hypot(middle.x - x, middle.y - y)
        half = max(0.5 * t.lanes[lane].length, 1.0)
        total += 2.0 * half * min(1.0, max(0.0, (reach + half - away) / (2.0 * half)))
    return total


@njit(cache=True)
def target_count(t, x, y, density):
    """The target number of vehicles round a place."""
    return int(min(MOST, density * min(PER_DENSITY, metres_near(t, x, y, FURTHEST) / METRES_EACH)) + 0.5)


@njit(cache=True)
def has_room(agents, count, x, y, heading, speed, length):
    """Whether a new vehicle is far enough from all agents."""
    for k in range(count):
        a = agents[k]
        if a.kind == 0:
            continue
        dx, dy = a.x - x, a.y - y
        forward = dx * math.cos(heading) + dy * math.sin(heading)
        aside = abs(dy * math.cos(heading) - dx * math.sin(heading))
        room = 6.0 + 0.5 * (length + a.length)
        if a.goal >= 0:  # on its way to another lane
            aside -= 2.5
        if abs(wrap(a.heading - heading)) < 1.2:
            if aside < 2.6 and abs(forward) < room + 1.8 * max(speed, a.speed):
                return False
            room = 0.5 * room
        if math.hypot(dx, dy) < room and aside < 2.6:
            return False
        if aside < 2.6 and 0.0 < forward < room + speed * speed / 4.0 and a.speed < 3.0:
            return False
    return True


@njit(cache=True)
def put(t, seed, agents, count, slot, who, draw, lane, s, seconds):
    """Puts a new vehicle into a slot if its place on the lane is free; returns whether it did. draw: clock of its random numbers."""
    lanes = t.lanes
    share = uniform(seed, draw, who, _KIND)
    kind = 0
    while kind < 4 and share > _SHARES[kind]:
        kind += 1
    length, width, height = _SIZES[kind]
    left_over = lanes[lane].length - s
    if s < 0.5 * length + 4.0 or left_over < 0.5 * length + 14.0:
        return False
    if _KINDS[kind] == _BICYCLE:
        while lanes[lane].right >= 0:
            lane = lanes[lane].right
        s = min(s, lanes[lane].length - 14.0)
    wish = 0.82 + 0.3 * uniform(seed, draw, who, _WISH)
    if _KINDS[kind] == _BICYCLE:
        wish = (3.8 + 2.2 * uniform(seed, draw, who, _WISH)) / lanes[lane].limit
    left = edge(lanes, lane, _KINDS[kind])
    x, y, heading = pose(lanes, t.points, lane, s, left)
    to_line = t.stop_line[lane] - s - 0.5 * length
    speed = min(0.85 * wish * lanes[lane].limit, math.sqrt(3.0 * max(0.0, to_line)))
    if not has_room(agents, count, x, y, heading, speed, length):
        return False
    a = agents[slot]
    a.kind, a.id = _KINDS[kind], who
    a.x, a.y, a.heading, a.speed, a.accel, a.yaw_rate = x, y, heading, speed, 0.0, 0.0
    a.length, a.width, a.height = length, width, height
    a.look = int(uniform(seed, draw, who, _LOOK) * 1e6)
    a.lights, a.phase = 0, 0.0
    a.lane, a.s, a.left = lane, s, left
    a.next, a.goal = choose_next(t, seed, lane, who, 0.0 if _KINDS[kind] == _BICYCLE else left_over - 30.0), -1
    a.wish, a.role, a.mode, a.timer = wish, 0, 0, 0.0
    for k in range(4):
        a.memory[k] = 0.0
    return True


@njit(cache=True)
def other_car(agents):
    """The slot of the second driver's car; -1: none."""
    for k in range(len(agents)):
        if agents[k].role == DRIVEN and agents[k].kind != 0:
            return k
    return -1


@njit(cache=True)
def beyond(px, py, x, y, agents, other, reach):
    """Whether a place is further than `reach` m from our car at (x, y), and from the second driver's in slot `other` (-1: none)."""
    if math.hypot(px - x, py - y) <= reach:
        return False
    return other < 0 or math.hypot(px - agents[other].x, py - agents[other].y) > reach


@njit(cache=True)
def around(agents, x, y):
    """Number of vehicles of the traffic within RETIRED m of a place."""
    count = 0
    for k in range(len(agents)):
        a = agents[k]
        count += is_vehicle(a.kind) and a.role != DRIVEN and math.hypot(a.x - x, a.y - y) <= RETIRED
    return count


@njit(cache=True)
def in_sight(px, py, x, y, heading):
    """Whether an appearance at (px, py) might be visible from a car."""
    in_front = abs(wrap(math.atan2(py - y, px - x) - heading)) < 0.7
    return math.hypot(px - x, py - y) < (AHEAD if in_front else NEAREST)


@njit(cache=True)
def spawn(t, seed, clock, x, y, heading, agents, count, slots, missing, seconds, which):
    """Lets vehicles arrive: tries a few places in the ring in every step.

    which: the car round which they arrive: 0 our own, 1 the second driver's.
    """
    other = other_car(agents)
    for attempt in range(TRIES * which, TRIES * which + TRIES):
        if missing <= 0:
            return
        slot = -1
        for k in range(slots):
            if agents[k].kind == 0:
                slot = k
                break
        if slot < 0:
            return
        bearing = 2.0 * math.pi * uniform(seed, clock, attempt, _ANGLE)
        far = NEAREST + (FURTHEST - NEAREST) * uniform(seed, clock, attempt, _RADIUS)
        px, py = x + far * math.cos(bearing), y + far * math.sin(bearing)
        inwards = bearing + math.pi + (uniform(seed, clock, attempt, _WAY) - 0.5) * 2.4
        lane, s, _ = nearest_lane(
            t.lanes, t.points, t.grid, t.cell_first, t.cell_count, t.cell_items, t.point_lane, px, py, inwards
        )
        if lane < 0 or t.lanes[lane].junction >= 0 or t.lanes[lane].outs == 0:
            continue
        px, py, _ = pose(t.lanes, t.points, lane, s, 0.0)
        if in_sight(px, py, x, y, heading) or math.hypot(px - x, py - y) > RETIRED - 12.0:
            continue
        if other >= 0:
            they = agents[count - 1 if which else other]
            if in_sight(px, py, they.x, they.y, they.heading):
                continue
        who = (clock + 1) * slots + slot + 1
        if put(t, seed, agents, count, slot, who, clock, lane, s, seconds):
            missing -= 1


@njit(cache=True)
def fill(t, seed, x, y, agents, slots, most):
    """Puts vehicles into the initial state, anywhere within the ring but not next to our car."""
    slot, here = 0, 0
    for attempt in range(most * 12):
        while slot < slots and agents[slot].kind != 0:
            slot += 1
        if slot >= slots or here >= most:
            return
        bearing = 2.0 * math.pi * uniform(seed, 0, attempt, _ANGLE)
        far = FURTHEST * math.sqrt(uniform(seed, 0, attempt, _RADIUS))
        px, py = x + far * math.cos(bearing), y + far * math.sin(bearing)
        inwards = 2.0 * math.pi * uniform(seed, 0, attempt, _WAY)
        lane, s, _ = nearest_lane(
            t.lanes, t.points, t.grid, t.cell_first, t.cell_count, t.cell_items, t.point_lane, px, py, inwards
        )
        if lane < 0 or t.lanes[lane].junction >= 0 or t.lanes[lane].outs == 0:
            continue
        if put(t, seed, agents, slots + 1, slot, slot + 1, 0, lane, s, 0.0):
            here += 1
