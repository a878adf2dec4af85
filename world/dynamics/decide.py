"""From logits to motion: samples a possible token, bounds it by the guard, and carries it out by kinematics."""

from __future__ import annotations

import numpy as np
from numba import njit

from world.controls import DT
from world.dynamics.guard import cap, lane_is_free
from world.dynamics.idm import HARDEST
from world.dynamics.lane_change import CLOSE_TO_END
from world.dynamics.motion import POINTS, lights_of, move
from world.dynamics.observe_vehicles import AIM, aim_of
from world.dynamics.people import SIDEWAYS, asides, go, held_at_kerb, is_person, prepare, towards_place
from world.dynamics.people_arrive import RETIRED as GONE
from world.dynamics.people_arrive import WAY
from world.dynamics.people_arrive import arrivals as people_arrive
from world.dynamics.right_of_way import heeds_signals
from world.dynamics.spawn import RETIRED, beyond, edge, is_vehicle, other_car
from world.dynamics.traffic_net import sample
from world.dynamics.vehicles import arrivals, moved_by_role, near_map, wait
from world.scene.motion_tokens import (
    ACROSS,
    BACK,
    KEEP,
    LANE_LEFT,
    LANE_RIGHT,
    MANOEUVRES,
    OFFSETS,
    PACES,
    STEP_OUT,
    STOP,
    TO_LEFT,
    TO_RIGHT,
    acceleration_of,
    offset_of,
    pack,
    unpack,
)
from world.scene.objects import Kind
from world.scene.random import uniform

SHARE = 0.9  # probability mass that tokens are sampled from
WIDEST = 4.0  # m from the lane's centre line beyond which only roles drive
CHANGE = 0.05  # m/s2 from which on a change by the guard counts
_FIRST, _SECOND = 350, 351  # purposes of random numbers
_BICYCLE, _PERSON, _CHILD = int(Kind.BICYCLE), int(Kind.PERSON), int(Kind.CHILD)


@njit(cache=True)
def _possible(t, me, allowed):
    """Marks the lateral tokens that are possible for a vehicle."""
    lane = t.lanes[me.lane]
    allowed[:] = False
    allowed[KEEP] = True
    if lane.junction >= 0:
        return
    left_over = lane.length - me.s - 0.5 * me.length
    changes = me.kind != _BICYCLE and me.speed > 0.5 and left_over > CLOSE_TO_END and me.s > 4.0
    allowed[LANE_LEFT] = changes and lane.left >= 0
    allowed[LANE_RIGHT] = changes and lane.right >= 0
    for k in range(len(OFFSETS)):
        beyond = abs(OFFSETS[k]) + 0.5 * me.width > 0.5 * lane.width + 0.2
        over = OFFSETS[k] > 0.0 and lane.left < 0 and OFFSETS[k] < WIDEST  # half onto the oncoming lane
        allowed[LANE_RIGHT + 1 + k] = not beyond or over


@njit(cache=True)
def apply_vehicles(t, seed, clock, everyone, out, row, logits, orders, guarded, dark, density, reckless, counts):
    """Advances the vehicles of `out` by a step, in place, and lets new ones arrive.

    row [AGENTS]: each agent's row of logits, -1 for none; orders [AGENTS, 2]: filled for agents moved by roles; counts: decisions, those
    changed by the guard.
    """
    lanes, car = t.lanes, everyone[len(everyone) - 1]
    x, y, heading = car.x, car.y, car.heading
    seconds, here = clock * DT, near_map(t, x, y)
    path, allowed, every = np.empty((POINTS, 3)), np.empty(ACROSS, np.bool_), np.full(STOP + 1, True)
    count, other = 0, other_car(out)
    for i in range(len(out)):
        me = everyone[i]
        if not is_vehicle(me.kind) or i == other:
            continue
        first = uniform(seed, clock, me.id, _FIRST)
        if moved_by_role(me):
            if row[i] >= 0:
                allowed[:] = True
                allowed[LANE_LEFT], allowed[LANE_RIGHT] = False, False
                token = sample(logits[row[i]], 0, STOP + 1, every, SHARE, first)
                across = sample(logits[row[i]], STOP + 1, ACROSS, allowed, SHARE, uniform(seed, clock, me.id, _SECOND))
                orders[i, 0] = acceleration_of(token, me.speed)
                orders[i, 1] = offset_of(across, edge(lanes, me.lane, me.kind) if me.lane >= 0 else 0.0)
            continue
        if me.lane < 0:
            continue
        if here and me.role == 0 and beyond(me.x, me.y, x, y, everyone, other, RETIRED):
            out[i].kind, out[i].id, out[i].mode = 0, 0, 0
            continue
        count += 1
        counts[0] += 1
        changed = False
        if row[i] >= 0:
            token = sample(logits[row[i]], 0, STOP + 1, every, SHARE, first)
            out[i].mode = pack(token, 0)
            if me.goal < 0:
                _possible(t, me, allowed)
                across = sample(logits[row[i]], STOP + 1, ACROSS, allowed, 1.0, uniform(seed, clock, me.id, _SECOND))
                if across in (LANE_LEFT, LANE_RIGHT):
                    to = lanes[me.lane].left if across == LANE_LEFT else lanes[me.lane].right
                    if guarded and not lane_is_free(lanes, everyone, i, to):
                        changed = True
                    else:
                        out[i].goal = to
                        everyone[i].goal = to  # so that no other changes into the same gap in this step
                    across = KEEP
                out[i].memory[AIM] = offset_of(across, edge(lanes, me.lane, me.kind))
        accel = acceleration_of(out[i].mode - 1, me.speed)
        aim = aim_of(t, out[i])
        most, waits = cap(t, everyone, i, aim, seconds, path, heeds_signals(seed, me.id, reckless))
        if guarded and most < accel - CHANGE:
            accel, changed = most, True
        counts[1] += changed
        wait(me, out[i], waits)
        lane = out[i].lane
        move(t, seed, out[i], max(-HARDEST, accel), aim)
        if out[i].lane != lane:  # its aim was relative to the former lane
            out[i].memory[AIM] = edge(lanes, out[i].lane, me.kind)
        out[i].lights = lights_of(lanes, out[i], dark)
    arrivals(t, seed, clock, x, y, heading, everyone, out, count, density, seconds)


@njit(cache=True)
def apply_people(t, seed, clock, everyone, out, row, logits, orders, guarded, density, counts):
    """`apply_vehicles` for people. counts: from index 2."""
    if len(t.walks) == 0:
        return
    before, car = everyone[: len(everyone) - 1], everyone[len(everyone) - 1]
    x, y, heading, seconds = car.x, car.y, car.heading, clock * DT
    paces, allowed = np.full(len(PACES), True), np.empty(MANOEUVRES, np.bool_)
    count, other = 0, other_car(before)
    for i in range(len(out)):
        me = before[i]
        first = uniform(seed, clock, me.id, _FIRST)
        if moved_by_role(me) and row[i] >= 0 and not is_vehicle(me.kind):
            orders[i, 0] = PACES[sample(logits[row[i]], 0, len(PACES), paces, SHARE, first)]
            continue
        if not is_person(me):
            continue
        if me.role == 0 and beyond(me.x, me.y, x, y, before, other, GONE):
            out[i].kind, out[i].id, out[i].mode = 0, 0, 0
            continue
        count += 1
        if not prepare(t, seed, out[i]):
            continue
        counts[2] += 1
        if row[i] >= 0:
            allowed[:] = True
            allowed[STEP_OUT] = False  # only for roles
            pace = sample(logits[row[i]], 0, len(PACES), paces, SHARE, first)
            manoeuvre = sample(
                logits[row[i]], len(PACES), MANOEUVRES, allowed, 1.0, uniform(seed, clock, me.id, _SECOND)
            )
            if manoeuvre == BACK:
                out[i].memory[WAY], out[i].next = -out[i].memory[WAY], -1
                manoeuvre = 0
            out[i].mode = pack(pace, manoeuvre)
        pace, manoeuvre = unpack(out[i].mode)
        _walk_on(t, before, i, out[i], pace, manoeuvre, guarded, seconds, x, y, heading, car.speed, counts)
    people_arrive(t, seed, clock, x, y, heading, out, count, density)


@njit(cache=True)
def _walk_on(t, before, i, a, pace, manoeuvre, guarded, seconds, x, y, heading, speed, counts):
    """Advances one person by a step, by its tokens."""
    want = PACES[pace]
    blocked = held_at_kerb(t, before, a, seconds, x, y, heading, speed)
    _, share = asides(before, i, a, a.memory[WAY], x, y, heading)
    waits = False
    if guarded and want > 0.0 and (blocked or share == 0.0):
        counts[3] += 1
        want, waits = 0.0, blocked
    waits = waits or (blocked and want == 0.0)
    slide = towards_place(t, a)
    if manoeuvre in (TO_LEFT, TO_RIGHT):
        slide = (SIDEWAYS if manoeuvre == TO_LEFT else -SIDEWAYS) * a.memory[WAY]
    a.timer = a.timer + DT if waits else (0.1 if want == 0.0 else 0.0)
    go(t, a, want, slide, waits)
