"""Rule-based people on pavements and crossings: walking, crossing, arriving and leaving. `people` is a pure function.

A person's `lane` is a walk of the map, `s` and `left` its position on it. `memory`: direction (1 with the walk, -1 against it),
preferred position across the walk (-1 to 1, to its right), m/s sideways, whether the next walk is walked backwards.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.controls import DT
from world.dynamics.people_arrive import BACKWARDS, PLACE_ACROSS, RETIRED, SLIDE, WAY, arrivals, fill
from world.dynamics.spawn import beyond, other_car
from world.dynamics.tables import Tables
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.scene.hd_map import CROSSING_WALK
from world.scene.objects import Kind
from world.scene.query import GREEN, pose, project, signal_colour, wrap
from world.scene.random import uniform

QUICKER, SIDEWAYS, TURNING = 1.6, 0.7, 5.0  # m/s2, m/s, rad/s
DECIDES = 6.0  # m before the end of a walk at which the next one is chosen
SECONDS_FREE = 3.5  # until a vehicle may be on an unsignalled crossing
IN_THE_WAY = 0.8  # m from the middle of a crossing within which a standing vehicle's front blocks it
ROLE_MODES = 100  # AGENT.mode from which on a role moves the agent
_NEXT = 307  # purpose of random numbers
_PERSON, _CHILD = int(Kind.PERSON), int(Kind.CHILD)
_CENTRE = REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH


def people(
    place: Tables, seed: np.uint64, clock: int, ego: np.ndarray, agents: np.ndarray, density: float = 1.0
) -> np.ndarray:
    """One drive's agents [AGENTS] with people advanced by a step. ego: EGO [1]; density: 0: no arrivals."""
    out = agents.copy()
    people_step(place, np.uint64(seed), int(clock), ego[0], out, float(density))
    return out


def populate_people(place: Tables, seed: np.uint64, ego: np.ndarray, agents: np.ndarray, density: float) -> np.ndarray:
    """Agents [AGENTS] with people added round our car, for a drive's beginning. ego: EGO [1]."""
    out = agents.copy()
    if len(place.walks) and density > 0:
        x, y, heading = _pose(ego[0])
        fill(place, np.uint64(seed), x, y, heading, out, float(density))
    return out


@njit(cache=True)
def _pose(car):
    """The middle of our car, an EGO record, and its heading."""
    return car.x + _CENTRE * math.cos(car.heading), car.y + _CENTRE * math.sin(car.heading), car.heading


@njit(cache=True)
def is_person(agent):
    """Whether these rules move an agent."""
    return (agent.kind == _PERSON or agent.kind == _CHILD) and (agent.role == 0 or agent.mode < ROLE_MODES)


@njit(cache=True)
def _attach(t, a):
    """Puts a person who walks freely onto the nearest walk that is no crossing."""
    best, nearest = 1e18, -1
    for w in range(len(t.walks)):
        if t.walks[w].kind == CROSSING_WALK:
            continue
        for k in range(t.walks[w].first, t.walks[w].first + t.walks[w].count):
            d2 = (t.walk_points[k].x - a.x) ** 2 + (t.walk_points[k].y - a.y) ** 2
            if d2 < best:
                best, nearest = d2, w
    if nearest < 0:
        return
    a.lane = nearest
    a.s, a.left, _ = project(t.walks, t.walk_points, nearest, a.x, a.y)
    _, _, heading = pose(t.walks, t.walk_points, nearest, a.s, 0.0)
    a.memory[WAY] = 1.0 if abs(wrap(heading - a.heading)) < 0.5 * math.pi else -1.0
    a.memory[SLIDE] = 0.0
    a.next = -1


@njit(cache=True)
def _choose(t, seed, a):
    """Chooses the next walk at the end of this one at random; back on the same one only where there is no other."""
    walk = t.walks[a.lane]
    first = walk.first_link if a.memory[WAY] > 0 else walk.first_link + walk.links_end
    count = walk.links_end if a.memory[WAY] > 0 else walk.links_begin
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
            a.memory[BACKWARDS] = t.walk_links[k].reverse
            return
        pick -= 1


@njit(cache=True)
def _threatens(x0, y0, ux, uy, long, x, y, heading, speed, length):
    """Whether a vehicle is on a crossing, or soon will be at constant velocity."""
    for moment in range(8):
        ahead = 0.5 * length + speed * SECONDS_FREE * moment / 7.0
        if moment > 0 and speed < 0.8:
            return False
        px, py = x + ahead * math.cos(heading) - x0, y + ahead * math.sin(heading) - y0
        along, aside = px * ux + py * uy, abs(py * ux - px * uy)
        if -0.5 < along < long + 0.5 and aside < 2.0 + 0.25 * speed * SECONDS_FREE / 7.0 + (
            0.5 * length if moment == 0 else 0.0
        ):
            return moment > 0 or speed > 0.3 or aside < IN_THE_WAY
    return False


@njit(cache=True)
def may_cross(t, agents, crossing, seconds, x, y, heading, speed):
    """Whether a person may step onto a crossing: at green, or when no vehicle comes."""
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
    """(m/s sideways to the left, share of the speed) with which a person with a heading avoids a box."""
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
def prepare(t, seed, a):
    """Puts a person onto a walk and, near its end, chooses the next. Returns whether there is a walk."""
    if a.lane < 0 or a.lane >= len(t.walks):
        _attach(t, a)
        if a.lane < 0:
            return False
    if a.memory[WAY] == 0.0:
        a.memory[WAY] = 1.0
    if a.next < 0 and rest_of(t, a) < DECIDES:
        _choose(t, seed, a)
    return True


@njit(cache=True)
def rest_of(t, a):
    """m to the end of the walk in a person's direction."""
    return t.walks[a.lane].length - a.s if a.memory[WAY] > 0 else a.s


@njit(cache=True)
def held_at_kerb(t, agents, a, seconds, x, y, heading, speed):
    """Whether a person is at a crossing that must not be entered now."""
    walk = t.walks[a.lane]
    if a.next >= 0 and t.walks[a.next].kind == CROSSING_WALK and walk.kind != CROSSING_WALK and rest_of(t, a) < 0.9:
        return not may_cross(t, agents, t.walks[a.next].crossing, seconds, x, y, heading, speed)
    return False


@njit(cache=True)
def towards_place(t, a):
    """m/s to the left towards a person's preferred position across the walk."""
    room = max(0.0, 0.5 * t.walks[a.lane].width - 0.35)
    aim = -a.memory[WAY] * a.memory[PLACE_ACROSS] * room
    return max(-SIDEWAYS, min(SIDEWAYS, 1.2 * (aim - a.left)))


@njit(cache=True)
def asides(agents, i, a, direction, x, y, heading):
    """(m/s to the left of the walk, share of the speed) with which a person avoids boxes ahead; 0 m/s: none."""
    slide, share = 0.0, 1.0
    for k in range(len(agents)):
        b = agents[k]
        if k == i or b.kind == 0 or abs(b.x - a.x) + abs(b.y - a.y) > 9.0:
            continue
        away, slow = _around(a, a.heading, b.x, b.y, b.heading, b.length, b.width, b.speed < 0.3 and b.kind != _PERSON)
        if away != 0.0:
            slide = direction * away
        share *= slow
    away, slow = _around(a, a.heading, x, y, heading, EGO_LENGTH, EGO_WIDTH, True)
    if away != 0.0:
        slide = direction * away
    return slide, share * slow


@njit(cache=True)
def _walk(t, seed, agents, i, a, seconds, x, y, heading, speed):
    """Advances a person by a step, by the previous record `agents`."""
    if not prepare(t, seed, a):
        return
    want, slide, waits = _intent(t, agents, i, a, seconds, x, y, heading, speed)
    a.timer = a.timer + DT if waits else (0.1 if want == 0.0 else 0.0)
    go(t, a, want, slide, waits)


@njit(cache=True)
def _intent(t, agents, i, a, seconds, x, y, heading, speed):
    """(m/s, m/s to the left of its walk, whether it waits at a kerb) that a person intends."""
    want = a.wish * (1.15 if t.walks[a.lane].kind == CROSSING_WALK else 1.0)
    waits = held_at_kerb(t, agents, a, seconds, x, y, heading, speed)
    slide, share = asides(agents, i, a, a.memory[WAY], x, y, heading)
    return 0.0 if waits else share * want, slide if slide != 0.0 else towards_place(t, a), waits


@njit(cache=True)
def all_walking(t, seed, everyone, seconds, wants, slides):
    """Fills the rules' intentions of all people: m/s, m/s to the left of the walk; [AGENTS] each, NaN for others.

    everyone: AGENT [AGENTS + 1], our car as the last; not changed.
    """
    agents, car = everyone[: len(everyone) - 1], everyone[len(everyone) - 1]
    ahead = agents.copy()
    wants[:], slides[:] = np.nan, np.nan
    for i in range(len(agents)):
        if is_person(agents[i]) and len(t.walks) > 0 and prepare(t, seed, ahead[i]):
            wants[i], slides[i], _ = _intent(
                t, agents, i, ahead[i], seconds, car.x, car.y, car.heading, car.speed
            )  # fmt: skip


@njit(cache=True)
def changed_pace(speed, want, seconds):
    """m/s of a person who changes to another pace, after `seconds`."""
    return max(0.0, speed + max(-2.5 * QUICKER * seconds, min(QUICKER * seconds, want - speed)))


@njit(cache=True)
def changed_slide(slide, want, steps):
    """m/s to the left of a person who changes to another, after `steps`."""
    return slide + max(-0.25 * steps, min(0.25 * steps, want - slide))


@njit(cache=True)
def go(t, a, want, slide, waits):
    """Advances a person by a step along its walk, towards a pace and a speed to the left; at the walk's end onto the next."""
    direction, rest = a.memory[WAY], rest_of(t, a)
    room = max(0.0, 0.5 * t.walks[a.lane].width - 0.35)
    before = a.speed
    a.speed = changed_pace(a.speed, want, DT)
    a.accel = (a.speed - before) / DT
    if waits and rest < 0.3:
        a.speed = 0.0
    if a.speed < 0.05 and waits:
        slide = 0.0
    a.memory[SLIDE] = changed_slide(a.memory[SLIDE], slide, 1)
    limit = room if abs(a.left) <= room else abs(a.left)
    a.left = max(-limit, min(limit, a.left + a.memory[SLIDE] * DT))
    a.s += direction * a.speed * DT
    a.phase += a.speed * DT
    had_x, had_y = a.x, a.y
    a.x, a.y, along = pose(t.walks, t.walk_points, a.lane, a.s, a.left)
    distance = math.hypot(a.x - had_x, a.y - had_y)
    face = math.atan2(a.y - had_y, a.x - had_x) if distance > 0.02 else along + (0.0 if direction > 0 else math.pi)
    if waits and a.next >= 0:
        face = _faces(t, a)
    turn = max(-TURNING * DT, min(TURNING * DT, wrap(face - a.heading)))
    a.yaw_rate = turn / DT
    a.heading = wrap(a.heading + turn)
    if (direction > 0 and a.s >= t.walks[a.lane].length) or (direction < 0 and a.s <= 0.0):
        _onto_next(t, a)


@njit(cache=True)
def _faces(t, a):
    """The heading of the crossing that a person will take."""
    c = t.crossings[t.walks[a.next].crossing]
    heading = math.atan2(c.y1 - c.y0, c.x1 - c.x0)
    nearer = math.hypot(a.x - c.x0, a.y - c.y0) < math.hypot(a.x - c.x1, a.y - c.y1)
    return heading if nearer else heading + math.pi


@njit(cache=True)
def _onto_next(t, a):
    """Moves a person to its next walk without a jump; turns it round where there is none."""
    if a.next < 0:
        a.memory[WAY] = -a.memory[WAY]
        return
    a.lane = a.next
    a.next = -1
    a.memory[WAY] = -1.0 if a.memory[BACKWARDS] > 0.5 else 1.0
    a.memory[SLIDE] = 0.0
    a.s, a.left, _ = project(t.walks, t.walk_points, a.lane, a.x, a.y)


@njit(cache=True)
def people_step(t, seed, clock, car, out, density):
    """Advances the people of agents [AGENTS] by a step, in place. car: an EGO record."""
    if len(t.walks) == 0:
        return
    before, (x, y, heading) = out.copy(), _pose(car)
    seconds = clock * DT
    count, other = 0, other_car(before)
    for i in range(len(out)):
        if not is_person(out[i]):
            continue
        if out[i].role == 0 and beyond(out[i].x, out[i].y, x, y, before, other, RETIRED):
            out[i].kind, out[i].id = 0, 0
            continue
        count += 1
        _walk(t, seed, before, i, out[i], seconds, x, y, heading, car.speed)
    arrivals(t, seed, clock, x, y, heading, out, count, density)
