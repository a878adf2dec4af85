"""People on pavements and crossings, by rules: where they walk, when they cross, who comes and goes. `people` is a pure function.

A person's `lane` is a walk of the map, `s` and `left` its place on it. `memory`: way (1 with the walk, -1 against it),
the place across the walk that it likes (-1 to 1, to its right), m/s sideways, whether the next walk is walked backwards.
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
IN_THE_WAY = 0.8  # m from the middle of a crossing within which the front of a vehicle that stands is not walked past
ROLE_MODES = 100  # from this mode on a role moves its agent
_NEXT = 307  # purpose of random numbers
_PERSON, _CHILD = int(Kind.PERSON), int(Kind.CHILD)
_CENTRE = REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH


def people(
    place: Tables, seed: np.uint64, clock: int, ego: np.ndarray, agents: np.ndarray, density: float = 1.0
) -> np.ndarray:
    """One drive's agents [AGENTS] with their people a step on. ego: EGO [1]; density: 0: nobody comes."""
    out = agents.copy()
    people_step(place, np.uint64(seed), int(clock), ego[0], out, float(density))
    return out


def populate_people(place: Tables, seed: np.uint64, ego: np.ndarray, agents: np.ndarray, density: float) -> np.ndarray:
    """Agents [AGENTS] with people round our car added, as a drive begins. ego: EGO [1]."""
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
    a.memory[WAY] = 1.0 if abs(wrap(heading - a.heading)) < 0.5 * math.pi else -1.0
    a.memory[SLIDE] = 0.0
    a.next = -1


@njit(cache=True)
def _choose(t, seed, a):
    """The next walk at the end of this one, at random; not back the way it came unless there is no other."""
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
            return moment > 0 or speed > 0.3 or aside < IN_THE_WAY
    return False


@njit(cache=True)
def may_cross(t, agents, crossing, seconds, x, y, heading, speed):
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
def prepare(t, seed, a):
    """Puts somebody onto a walk and, near its end, chooses the next; whether there is a walk at all."""
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
    """m to the end of the walk, in the way that somebody walks it."""
    return t.walks[a.lane].length - a.s if a.memory[WAY] > 0 else a.s


@njit(cache=True)
def held_at_kerb(t, agents, a, seconds, x, y, heading, speed):
    """Whether somebody stands before a crossing that must not be stepped on now."""
    walk = t.walks[a.lane]
    if a.next >= 0 and t.walks[a.next].kind == CROSSING_WALK and walk.kind != CROSSING_WALK and rest_of(t, a) < 0.9:
        return not may_cross(t, agents, t.walks[a.next].crossing, seconds, x, y, heading, speed)
    return False


@njit(cache=True)
def towards_place(t, a):
    """m/s to the left that bring somebody to the place across the walk that it likes."""
    room = max(0.0, 0.5 * t.walks[a.lane].width - 0.35)
    aim = -a.memory[WAY] * a.memory[PLACE_ACROSS] * room
    return max(-SIDEWAYS, min(SIDEWAYS, 1.2 * (aim - a.left)))


@njit(cache=True)
def asides(agents, i, a, way, x, y, heading):
    """(m/s to the left of the walk, share of the speed) that boxes in somebody's way ask for; 0 m/s: none is."""
    slide, share = 0.0, 1.0
    for k in range(len(agents)):
        b = agents[k]
        if k == i or b.kind == 0 or abs(b.x - a.x) + abs(b.y - a.y) > 9.0:
            continue
        away, slow = _around(a, a.heading, b.x, b.y, b.heading, b.length, b.width, b.speed < 0.3 and b.kind != _PERSON)
        if away != 0.0:
            slide = way * away
        share *= slow
    away, slow = _around(a, a.heading, x, y, heading, EGO_LENGTH, EGO_WIDTH, True)
    if away != 0.0:
        slide = way * away
    return slide, share * slow


@njit(cache=True)
def _walk(t, seed, agents, i, a, seconds, x, y, heading, speed):
    """Somebody a step on, from what the record `agents` of before says."""
    if not prepare(t, seed, a):
        return
    want, slide, waits = _intent(t, agents, i, a, seconds, x, y, heading, speed)
    a.timer = a.timer + DT if waits else (0.1 if want == 0.0 else 0.0)
    go(t, a, want, slide, waits)


@njit(cache=True)
def _intent(t, agents, i, a, seconds, x, y, heading, speed):
    """(m/s, m/s to the left of its walk, whether it waits at a kerb) that somebody wants."""
    want = a.wish * (1.15 if t.walks[a.lane].kind == CROSSING_WALK else 1.0)
    waits = held_at_kerb(t, agents, a, seconds, x, y, heading, speed)
    slide, share = asides(agents, i, a, a.memory[WAY], x, y, heading)
    return 0.0 if waits else share * want, slide if slide != 0.0 else towards_place(t, a), waits


@njit(cache=True)
def all_walking(t, seed, seen, seconds, wants, slides):
    """What the rules would have everybody on foot want: m/s, m/s to the left of its walk; [AGENTS] each, NaN for others.

    seen: AGENT [AGENTS + 1], our car as the last; not changed.
    """
    agents, car = seen[: len(seen) - 1], seen[len(seen) - 1]
    chosen = agents.copy()
    wants[:], slides[:] = np.nan, np.nan
    for i in range(len(agents)):
        if is_person(agents[i]) and len(t.walks) > 0 and prepare(t, seed, chosen[i]):
            wants[i], slides[i], _ = _intent(
                t, agents, i, chosen[i], seconds, car.x, car.y, car.heading, car.speed
            )  # fmt: skip


@njit(cache=True)
def changed_pace(speed, want, seconds):
    """m/s of somebody who wants another pace, so many seconds later."""
    return max(0.0, speed + max(-2.5 * QUICKER * seconds, min(QUICKER * seconds, want - speed)))


@njit(cache=True)
def changed_slide(slide, want, steps):
    """m/s to the left of somebody who wants another, so many steps later."""
    return slide + max(-0.25 * steps, min(0.25 * steps, want - slide))


@njit(cache=True)
def go(t, a, want, slide, waits):
    """Somebody a step on along its walk, towards a pace and a speed to the left; where the walk ends, onto the next."""
    way, rest = a.memory[WAY], rest_of(t, a)
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
        a.memory[WAY] = -a.memory[WAY]
        return
    a.lane = a.next
    a.next = -1
    a.memory[WAY] = -1.0 if a.memory[BACKWARDS] > 0.5 else 1.0
    a.memory[SLIDE] = 0.0
    a.s, a.left, _ = project(t.walks, t.walk_points, a.lane, a.x, a.y)


@njit(cache=True)
def people_step(t, seed, clock, car, out, density):
    """The agents [AGENTS] with their people a step on, in place. car: an EGO record."""
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
