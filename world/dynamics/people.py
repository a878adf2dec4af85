"""People on pavements and crossings, by rules: where they walk, when they cross, who comes and goes. `people` is a pure function.

A person's `lane` is a walk of the map, `s` and `left` its place on it. `memory`: way (1 with the walk, -1 against it),
the place across the walk that it likes (-1 to 1, to its right), m/s sideways, whether the next walk is walked backwards.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.controls import DT
from world.dynamics.tables import Tables
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.scene.hd_map import CROSSING_WALK, PAVEMENT
from world.scene.objects import SIZES, Kind
from world.scene.query import GREEN, pose, project, signal_colour, wrap
from world.scene.random import uniform
from world.scene.state import AGENTS

PER_DENSITY = 20  # people round our car at density 1
METRES_EACH = 22.0  # m of pavement that each needs at density 1
BEHIND, AHEAD, FURTHEST, RETIRED = 28.0, 64.0, 90.0, 100.0  # m from our car: where people come from and are gone
TRIES = 3  # places looked at in a step
QUICKER, SIDEWAYS, TURNING = 1.6, 0.7, 5.0  # m/s2, m/s, rad/s
DECIDES = 6.0  # m before the end of a walk at which the next one is chosen
SECONDS_FREE = 3.5  # until a vehicle may be on an unsignalled crossing
ROLE_MODES = 100  # from this mode on a role moves its agent
FIRST_ID = 1 << 29  # ids of people; those of vehicles are below
_WAY, _ACROSS, _SLIDE, _BACKWARDS = range(4)
_PLACE, _S, _CHILD_DRAW, _WISH, _LOOK, _SIDE, _DIRECTION, _NEXT = range(300, 308)  # purposes of random numbers
_PERSON, _CHILD = int(Kind.PERSON), int(Kind.CHILD)
_ADULT_SIZE, _CHILD_SIZE = SIZES[Kind.PERSON], SIZES[Kind.CHILD]
_CENTRE = REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH


def people(
    place: Tables, seed: np.uint64, clock: int, ego: np.ndarray, agents: np.ndarray, density: float = 1.0
) -> np.ndarray:
    """One drive's agents [AGENTS] with their people a step on. ego: EGO [1]; density: 0: nobody comes."""
    out = agents.copy()
    if len(place.walks):
        x, y, heading, speed = _pose(ego)
        _step(place, np.uint64(seed), int(clock), x, y, heading, speed, out, float(density))
    return out


def populate_people(place: Tables, seed: np.uint64, ego: np.ndarray, agents: np.ndarray, density: float) -> np.ndarray:
    """Agents [AGENTS] with people round our car added, as a drive begins. ego: EGO [1]."""
    out = agents.copy()
    if len(place.walks) and density > 0:
        x, y, heading, _ = _pose(ego)
        _fill(place, np.uint64(seed), x, y, heading, out, float(density))
    return out


def _pose(ego: np.ndarray) -> tuple[float, float, float, float]:
    car = ego[0]
    heading = float(car["heading"])
    x, y = float(car["x"]) + _CENTRE * math.cos(heading), float(car["y"]) + _CENTRE * math.sin(heading)
    return x, y, heading, float(car["speed"])


@njit(cache=True)
def is_person(agent):
    """Whether the rules here move it."""
    return (agent.kind == _PERSON or agent.kind == _CHILD) and (agent.role == 0 or agent.mode < ROLE_MODES)


@njit(cache=True)
def _attach(t, a):
    """Puts somebody who walks freely onto the nearest walk that is no crossing."""
    best, found = 1e18, -1
    for w in range(len(t.walks)):
        if t.walks[w].kind == CROSSING_WALK:
            continue
        for k in range(t.walks[w].first, t.walks[w].first + t.walks[w].count):
            d2 = (t.walk_points[k].x - a.x) ** 2 + (t.walk_points[k].y - a.y) ** 2
            if d2 < best:
                best, found = d2, w
    if found < 0:
        return
    a.lane = found
    a.s, a.left, _ = project(t.walks, t.walk_points, found, a.x, a.y)
    _, _, heading = pose(t.walks, t.walk_points, found, a.s, 0.0)
    a.memory[_WAY] = 1.0 if abs(wrap(heading - a.heading)) < 0.5 * math.pi else -1.0
    a.memory[_SLIDE] = 0.0
    a.next = -1


@njit(cache=True)
def _choose(t, seed, a):
    """The next walk at the end of this one, at random; not back the way it came unless there is no other."""
    walk = t.walks[a.lane]
    first = walk.first_link if a.memory[_WAY] > 0 else walk.first_link + walk.links_end
    count = walk.links_end if a.memory[_WAY] > 0 else walk.links_begin
    usable = 0
    for k in range(first, first + count):
        usable += t.walk_links[k].walk != a.lane
    if usable == 0:
        a.next = -1
        return
    pick = int(uniform(seed, int(a.phase), a.id, _NEXT) * usable)
    for k in range(first, first + count):
        if t.walk_links[k].walk == a.lane:
            continue
        if pick == 0:
            a.next = t.walk_links[k].walk
            a.memory[_BACKWARDS] = t.walk_links[k].reverse
            return
        pick -= 1


@njit(cache=True)
def _threatens(x0, y0, ux, uy, long, x, y, heading, speed, length):
    """Whether a vehicle is on a crossing, or soon will be if it goes on straight."""
    for moment in range(8):
        ahead = 0.5 * length + speed * SECONDS_FREE * moment / 7.0
        if moment > 0 and speed < 0.8:
            return False
        px, py = x + ahead * math.cos(heading) - x0, y + ahead * math.sin(heading) - y0
        along, aside = px * ux + py * uy, abs(py * ux - px * uy)
        if -0.5 < along < long + 0.5 and aside < 2.0 + 0.25 * speed * SECONDS_FREE / 7.0 + (
            0.5 * length if moment == 0 else 0.0
        ):
            return moment > 0 or speed > 0.3 or aside < 2.0
    return False


@njit(cache=True)
def _may_cross(t, agents, crossing, seconds, x, y, heading, speed):
    """Whether one may step onto a crossing: at green, or when nobody comes."""
    c = t.crossings[crossing]
    if c.signal >= 0:
        return signal_colour(t.signals, c.signal, seconds) == GREEN
    ux, uy = c.x1 - c.x0, c.y1 - c.y0
    long = max(math.hypot(ux, uy), 1e-6)
    ux, uy = ux / long, uy / long
    if _threatens(c.x0, c.y0, ux, uy, long, x, y, heading, speed, EGO_LENGTH):
        return False
    for k in range(len(agents)):
        a = agents[k]
        vehicle = 1 <= a.kind <= 5 or 10 <= a.kind <= 12
        if not vehicle or abs(a.x - c.x0) + abs(a.y - c.y0) > 90.0:
            continue
        if _threatens(c.x0, c.y0, ux, uy, long, a.x, a.y, a.heading, a.speed, a.length):
            return False
    return True


@njit(cache=True)
def _around(me, heading, x, y, car_heading, length, width, standing):
    """(m/s sideways to the left, share of the speed) that a box asks of somebody who walks with a heading."""
    dx, dy = x - me.x, y - me.y
    c, s = math.cos(heading), math.sin(heading)
    along, aside = dx * c + dy * s, dy * c - dx * s
    turn = car_heading - heading
    deep = 0.5 * (abs(math.cos(turn)) * length + abs(math.sin(turn)) * width)
    wide = 0.5 * (abs(math.sin(turn)) * length + abs(math.cos(turn)) * width)
    if along < 0.0 or along - deep > 1.6 or abs(aside) > wide + 0.5:
        return 0.0, 1.0
    away = -SIDEWAYS if aside > 0.0 else SIDEWAYS
    slow = 1.0 if not standing or along - deep > 0.6 or abs(aside) > wide + 0.3 else 0.0
    return away, slow


@njit(cache=True)
def _walk(t, seed, agents, i, a, seconds, x, y, heading, speed):
    """Somebody a step on, from what the record `agents` of before says."""
    if a.lane < 0 or a.lane >= len(t.walks):
        _attach(t, a)
        if a.lane < 0:
            return
    walk = t.walks[a.lane]
    way = a.memory[_WAY]
    if way == 0.0:
        way = 1.0
        a.memory[_WAY] = way
    rest = walk.length - a.s if way > 0 else a.s
    if a.next < 0 and rest < DECIDES:
        _choose(t, seed, a)
    want = a.wish * (1.15 if walk.kind == CROSSING_WALK else 1.0)
    waits = False
    if a.next >= 0 and t.walks[a.next].kind == CROSSING_WALK and walk.kind != CROSSING_WALK and rest < 0.9:
        waits = not _may_cross(t, agents, t.walks[a.next].crossing, seconds, x, y, heading, speed)
    if waits:
        want = 0.0
    a.timer = a.timer + DT if waits else 0.0
    room = max(0.0, 0.5 * walk.width - 0.35)
    aim = -way * a.memory[_ACROSS] * room
    slide = max(-SIDEWAYS, min(SIDEWAYS, 1.2 * (aim - a.left)))
    for k in range(len(agents)):
        b = agents[k]
        if k == i or b.kind == 0 or abs(b.x - a.x) + abs(b.y - a.y) > 9.0:
            continue
        away, slow = _around(a, a.heading, b.x, b.y, b.heading, b.length, b.width, b.speed < 0.3 and b.kind != _PERSON)
        if away != 0.0:
            slide = way * away
        want *= slow
    away, slow = _around(a, a.heading, x, y, heading, EGO_LENGTH, EGO_WIDTH, True)
    if away != 0.0:
        slide = way * away
    want *= slow
    if want == 0.0 and not waits:
        a.timer = 0.1
    before = a.speed
    a.speed += max(-2.5 * DT * QUICKER, min(DT * QUICKER, want - a.speed))
    a.speed = max(0.0, a.speed)
    a.accel = (a.speed - before) / DT
    if waits and rest < 0.3:
        a.speed = 0.0
    if a.speed < 0.05 and waits:
        slide = 0.0
    a.memory[_SLIDE] += max(-0.25, min(0.25, slide - a.memory[_SLIDE]))
    limit = room if abs(a.left) <= room else abs(a.left)
    a.left = max(-limit, min(limit, a.left + a.memory[_SLIDE] * DT))
    a.s += way * a.speed * DT
    a.phase += a.speed * DT
    had_x, had_y = a.x, a.y
    a.x, a.y, along = pose(t.walks, t.walk_points, a.lane, a.s, a.left)
    moved = math.hypot(a.x - had_x, a.y - had_y)
    face = math.atan2(a.y - had_y, a.x - had_x) if moved > 0.02 else along + (0.0 if way > 0 else math.pi)
    if waits and a.next >= 0:
        face = _faces(t, a)
    turn = max(-TURNING * DT, min(TURNING * DT, wrap(face - a.heading)))
    a.yaw_rate = turn / DT
    a.heading = wrap(a.heading + turn)
    if (way > 0 and a.s >= t.walks[a.lane].length) or (way < 0 and a.s <= 0.0):
        _onto_next(t, a)


@njit(cache=True)
def _faces(t, a):
    """The heading of the walk that somebody means to take."""
    c = t.crossings[t.walks[a.next].crossing]
    heading = math.atan2(c.y1 - c.y0, c.x1 - c.x0)
    nearer = math.hypot(a.x - c.x0, a.y - c.y0) < math.hypot(a.x - c.x1, a.y - c.y1)
    return heading if nearer else heading + math.pi


@njit(cache=True)
def _onto_next(t, a):
    """Changes to the walk that was chosen, without a jump; turns round where there is none."""
    if a.next < 0:
        a.memory[_WAY] = -a.memory[_WAY]
        return
    a.lane = a.next
    a.next = -1
    a.memory[_WAY] = -1.0 if a.memory[_BACKWARDS] > 0.5 else 1.0
    a.memory[_SLIDE] = 0.0
    a.s, a.left, _ = project(t.walks, t.walk_points, a.lane, a.x, a.y)


@njit(cache=True)
def _candidate(t, draw_seed, clock, who, x, y):
    """A pavement near our car, at random; -1: none. And m of pavement there are."""
    total = 0.0
    for round_ in range(2):
        pick, seen = uniform(draw_seed, clock, who, _PLACE) * total, 0.0
        for w in range(len(t.walks)):
            if t.walks[w].kind != PAVEMENT or t.walks[w].length < 4.0:
                continue
            middle = t.walk_points[t.walks[w].first + t.walks[w].count // 2]
            if math.hypot(middle.x - x, middle.y - y) > FURTHEST + 0.4 * t.walks[w].length:
                continue
            seen += t.walks[w].length
            if round_ == 1 and seen > pick:
                return w, total
        total = seen
    return -1, total


@njit(cache=True)
def _put(t, seed, clock, who, agents, slot, walk, x, y, heading, at_start):
    """Somebody new on a walk, unless that place is in sight or taken."""
    s = uniform(seed, clock, who, _S) * t.walks[walk].length
    across = 1.6 * uniform(seed, clock, who, _SIDE) - 0.8
    way = 1.0 if uniform(seed, clock, who, _DIRECTION) < 0.5 else -1.0
    left = -way * across * max(0.0, 0.5 * t.walks[walk].width - 0.35)
    px, py, along = pose(t.walks, t.walk_points, walk, s, left)
    away = math.hypot(px - x, py - y)
    in_front = abs(wrap(math.atan2(py - y, px - x) - heading)) < 0.75
    nearest = 6.0 if at_start else (AHEAD if in_front else BEHIND)
    if away < nearest or away > FURTHEST:
        return False
    for k in range(len(agents)):
        if agents[k].kind != 0 and math.hypot(agents[k].x - px, agents[k].y - py) < 0.8 + 0.5 * agents[k].length:
            return False
    a = agents[slot]
    child = uniform(seed, clock, who, _CHILD_DRAW) < 0.12
    size = _CHILD_SIZE if child else _ADULT_SIZE
    a.kind, a.id = _CHILD if child else _PERSON, FIRST_ID + who
    a.x, a.y, a.heading = px, py, wrap(along if way > 0 else along + math.pi)
    a.wish = 1.0 + 0.7 * uniform(seed, clock, who, _WISH)
    a.speed, a.accel, a.yaw_rate = a.wish, 0.0, 0.0
    tall = 0.92 + 0.14 * uniform(seed, clock, who, _LOOK)
    a.length, a.width, a.height = size[0], size[1], size[2] * tall
    a.look = int(uniform(seed, clock, who, _LOOK) * 1e6)
    a.lights, a.phase = 0, 0.0
    a.lane, a.s, a.left, a.next, a.goal = walk, s, left, -1, -1
    a.role, a.mode, a.timer = 0, 0, 0.0
    a.memory[_WAY], a.memory[_ACROSS], a.memory[_SLIDE], a.memory[_BACKWARDS] = way, across, 0.0, 0.0
    return True


@njit(cache=True)
def _slot(agents):
    """The last free slot: vehicles take the first; -1: none."""
    for k in range(len(agents) - 1, -1, -1):
        if agents[k].kind == 0:
            return k
    return -1


@njit(cache=True)
def _fill(t, seed, x, y, heading, agents, density):
    _, metres = _candidate(t, seed, 0, 0, x, y)
    missing = int(density * min(PER_DENSITY, metres / METRES_EACH) + 0.5)
    for attempt in range(8 * missing):
        slot = _slot(agents)
        if missing <= 0 or slot < 0:
            return
        walk, _ = _candidate(t, seed, 0, attempt, x, y)
        if walk >= 0 and _put(t, seed, 0, attempt, agents, slot, walk, x, y, heading, True):
            missing -= 1


@njit(cache=True)
def _step(t, seed, clock, x, y, heading, speed, out, density):
    before = out.copy()
    seconds = clock * DT
    count = 0
    for i in range(len(out)):
        if not is_person(out[i]):
            continue
        if out[i].role == 0 and math.hypot(out[i].x - x, out[i].y - y) > RETIRED:
            out[i].kind, out[i].id = 0, 0
            continue
        count += 1
        _walk(t, seed, before, i, out[i], seconds, x, y, heading, speed)
    if density <= 0.0 or count >= int(density * PER_DENSITY + 0.5):
        return
    for attempt in range(TRIES):
        who = (clock + 8) * AGENTS + attempt  # beyond those of _fill
        walk, metres = _candidate(t, seed, clock + 1, who, x, y)
        if walk < 0 or count >= int(density * min(PER_DENSITY, metres / METRES_EACH) + 0.5):
            return
        slot = _slot(out)
        if slot >= 0 and _put(t, seed, clock + 1, who, out, slot, walk, x, y, heading, False):
            count += 1
