"""Arrival of people: on pavements out of sight, in a ring round our car, by density."""

from __future__ import annotations

import math

from numba import njit

from world.dynamics.spawn import other_car
from world.scene.hd_map import PAVEMENT
from world.scene.objects import SIZES, Kind
from world.scene.query import pose, wrap
from world.scene.random import uniform
from world.scene.state import AGENTS

PER_DENSITY = 20  # people round our car at density 1
METRES_EACH = 22.0  # m of pavement per person at density 1
BEHIND, AHEAD, FURTHEST, RETIRED = 28.0, 64.0, 90.0, 100.0  # m from our car where people arrive and are removed
TRIES = 3  # places tried in a step
FIRST_ID = 1 << 29  # ids of people; those of vehicles are below
WAY, PLACE_ACROSS, SLIDE, BACKWARDS = range(4)  # AGENT.memory of people
_PLACE, _S, _CHILD_DRAW, _WISH, _LOOK, _SIDE, _DIRECTION = range(300, 307)  # purposes of random numbers
_PERSON, _CHILD = int(Kind.PERSON), int(Kind.CHILD)
_ADULT_SIZE, _CHILD_SIZE = SIZES[Kind.PERSON], SIZES[Kind.CHILD]


@njit(cache=True)
def candidate(t, draw_seed, clock, who, x, y):
    """(a random pavement near our car, -1 for none; m of pavement there)."""
    total = 0.0
    for round_ in range(2):
        pick, metres = uniform(draw_seed, clock, who, _PLACE) * total, 0.0
        for w in range(len(t.walks)):
            if t.walks[w].kind != PAVEMENT or t.walks[w].length < 4.0:
                continue
            middle = t.walk_points[t.walks[w].first + t.walks[w].count // 2]
            if math.hypot(middle.x - x, middle.y - y) > FURTHEST + 0.4 * t.walks[w].length:
                continue
            metres += t.walks[w].length
            if round_ == 1 and metres > pick:
                return w, total
        total = metres
    return -1, total


@njit(cache=True)
def in_sight(px, py, x, y, heading):
    """Whether an appearance at (px, py) might be visible from a car."""
    in_front = abs(wrap(math.atan2(py - y, px - x) - heading)) < 0.75
    return math.hypot(px - x, py - y) < (AHEAD if in_front else BEHIND)


@njit(cache=True)
def put(t, seed, clock, who, agents, slot, walk, x, y, heading, at_start):
    """Puts a new person on a walk, unless the place is in sight or occupied. Returns whether it did."""
    s = uniform(seed, clock, who, _S) * t.walks[walk].length
    across = 1.6 * uniform(seed, clock, who, _SIDE) - 0.8
    direction = 1.0 if uniform(seed, clock, who, _DIRECTION) < 0.5 else -1.0
    left = -direction * across * max(0.0, 0.5 * t.walks[walk].width - 0.35)
    px, py, along = pose(t.walks, t.walk_points, walk, s, left)
    away = math.hypot(px - x, py - y)
    if away > FURTHEST or (away < 6.0 if at_start else in_sight(px, py, x, y, heading)):
        return False
    for k in range(len(agents)):
        if agents[k].kind != 0 and math.hypot(agents[k].x - px, agents[k].y - py) < 0.8 + 0.5 * agents[k].length:
            return False
    a = agents[slot]
    child = uniform(seed, clock, who, _CHILD_DRAW) < 0.12
    size = _CHILD_SIZE if child else _ADULT_SIZE
    a.kind, a.id = _CHILD if child else _PERSON, FIRST_ID + who
    a.x, a.y, a.heading = px, py, wrap(along if direction > 0 else along + math.pi)
    a.wish = 1.0 + 0.7 * uniform(seed, clock, who, _WISH)
    a.speed, a.accel, a.yaw_rate = a.wish, 0.0, 0.0
    tall = 0.92 + 0.14 * uniform(seed, clock, who, _LOOK)
    a.length, a.width, a.height = size[0], size[1], size[2] * tall
    a.look = int(uniform(seed, clock, who, _LOOK) * 1e6)
    a.lights, a.phase = 0, 0.0
    a.lane, a.s, a.left, a.next, a.goal = walk, s, left, -1, -1
    a.role, a.mode, a.timer = 0, 0, 0.0
    a.memory[WAY], a.memory[PLACE_ACROSS], a.memory[SLIDE], a.memory[BACKWARDS] = direction, across, 0.0, 0.0
    return True


@njit(cache=True)
def free_slot(agents):
    """The last free slot: vehicles take the first; -1: none."""
    for k in range(len(agents) - 1, -1, -1):
        if agents[k].kind == 0:
            return k
    return -1


@njit(cache=True)
def fill(t, seed, x, y, heading, agents, density):
    """Puts people round our car for a drive's beginning, into free slots of agents [AGENTS], by density and pavements."""
    _, metres = candidate(t, seed, 0, 0, x, y)
    missing = int(density * min(PER_DENSITY, metres / METRES_EACH) + 0.5)
    for attempt in range(8 * missing):
        slot = free_slot(agents)
        if missing <= 0 or slot < 0:
            return
        walk, _ = candidate(t, seed, 0, attempt, x, y)
        if walk >= 0 and put(t, seed, 0, attempt, agents, slot, walk, x, y, heading, True):
            missing -= 1


@njit(cache=True)
def arrivals(t, seed, clock, x, y, heading, out, count, density):
    """Adds people while there are fewer (`count`) than the target; round each car where there is a second driver."""
    other = other_car(out)
    if other >= 0:
        car = out[other]
        _arrive(t, seed, clock, car.x, car.y, car.heading, x, y, heading, out, _around(out, car.x, car.y), density, 1)
        count = _around(out, x, y)
        _arrive(t, seed, clock, x, y, heading, car.x, car.y, car.heading, out, count, density, 0)
        return
    _arrive(t, seed, clock, x, y, heading, x, y, heading, out, count, density, 0)


@njit(cache=True)
def _around(agents, x, y):
    """Number of people within RETIRED m of a place."""
    count = 0
    for k in range(len(agents)):
        a = agents[k]
        count += (a.kind == _PERSON or a.kind == _CHILD) and math.hypot(a.x - x, a.y - y) <= RETIRED
    return count


@njit(cache=True)
def _arrive(t, seed, clock, x, y, heading, their_x, their_y, their_heading, out, count, density, which):
    """Adds people round one car, out of sight of both; `which`: 0 our own, 1 the second driver's."""
    if density <= 0.0 or count >= int(density * PER_DENSITY + 0.5):
        return
    for attempt in range(TRIES * which, TRIES * which + TRIES):
        who = (clock + 8) * AGENTS + attempt  # beyond those of `fill`
        walk, metres = candidate(t, seed, clock + 1, who, x, y)
        if walk < 0 or count >= int(density * min(PER_DENSITY, metres / METRES_EACH) + 0.5):
            return
        slot = free_slot(out)
        if slot < 0 or not put(t, seed, clock + 1, who, out, slot, walk, x, y, heading, False):
            continue
        if in_sight(out[slot].x, out[slot].y, their_x, their_y, their_heading):
            out[slot].kind, out[slot].id = 0, 0
            continue
        count += 1
