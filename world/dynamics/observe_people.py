"""Inputs of learnt traffic for a person (or an animal in a role): itself, its walk, the crossing ahead, others near it."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.dynamics.observe import insert, short
from world.dynamics.people import asides, held_at_kerb, may_cross, rest_of, towards_place
from world.dynamics.people_arrive import PLACE_ACROSS, SLIDE, WAY
from world.dynamics.spawn import is_vehicle
from world.dynamics.traffic_net import PERSON
from world.dynamics.vehicles import moved_by_role
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.hd_map import CROSSING_WALK
from world.scene.objects import Kind
from world.scene.query import GREEN, RED, signal_colour

SIGHT = 30.0  # m
LONGEST = 5.0  # s ahead that straight paths are compared
BEGINS, LEAVES = 100, 200  # AGENT.mode of roles
_PERSON, _CHILD, _CONE = int(Kind.PERSON), int(Kind.CHILD), int(Kind.CONE)


@njit(cache=True)
def observe_person(t, agents, i, style, side, level, seconds, own, near):
    """Fills float32 own [PERSON.own] and near [PERSON.most, PERSON.near]; returns the number near. agents: all, our car as the last."""
    me, car = agents[i], agents[len(agents) - 1]
    played = moved_by_role(me)
    own[:] = 0.0
    own[0], own[1], own[2] = me.speed / 2, me.wish / 2, style
    own[3] = 1.0 if me.kind == _CHILD else 0.0
    own[4] = me.accel / 2
    others = agents[: len(agents) - 1]
    if not played and me.lane >= 0:
        walk = t.walks[me.lane]
        own[5 + walk.kind] = 1.0
        own[9] = short(max(0.0, rest_of(t, me)), 4.0)
        crossing = walk.crossing if walk.kind == CROSSING_WALK else -1
        if me.next >= 0:
            own[10] = 1.0
            if t.walks[me.next].kind == CROSSING_WALK:
                own[11], crossing = 1.0, t.walks[me.next].crossing
        if crossing >= 0:
            signal = t.crossings[crossing].signal
            if signal >= 0:
                colour = signal_colour(t.signals, signal, seconds)
                own[12] = 1.0
                own[13] = 1.0 if colour == GREEN else 0.0
                own[14] = 1.0 if colour == RED else 0.0
            own[15] = 1.0 if may_cross(t, others, crossing, seconds, car.x, car.y, car.heading, car.speed) else 0.0
        own[16] = 1.0 if held_at_kerb(t, others, me, seconds, car.x, car.y, car.heading, car.speed) else 0.0
        direction = me.memory[WAY]
        own[17], own[18] = direction * me.left / 2, -me.memory[PLACE_ACROSS]
        own[19], own[20] = direction * me.memory[SLIDE], walk.width / 4
        slide, share = asides(others, i, me, direction, car.x, car.y, car.heading)
        own[22], own[23], own[24] = direction * slide, share, direction * towards_place(t, me)
    else:
        own[8] = 1.0
    own[21] = min(2.0, me.timer / 5)
    if played:
        own[25], own[26] = 1.0, 1.0 if me.kind == _PERSON or me.kind == _CHILD else 0.0
        own[27], own[28] = level / 3, side
        own[29] = 1.0 if me.mode == BEGINS else 0.0
        own[30] = 1.0 if me.mode == LEAVES else 0.0
        own[31], own[32] = me.memory[3] / 3, short(max(-5.0, min(60.0, me.memory[2])), 4.0)
    c, s = math.cos(car.heading), math.sin(car.heading)
    dx, dy = me.x - car.x, me.y - car.y
    if math.hypot(dx, dy) < 60.0:  # its position in our car's frame
        ahead, left = dx * c + dy * s - 0.5 * car.length, dy * c - dx * s
        own[33], own[34], own[35] = 1.0, short(ahead, 4.0), short(left, 2.0)
        own[36] = -math.sin(me.heading - car.heading) * (1.0 if left > 0.0 else -1.0)
        own[37], own[38] = car.speed / 10, math.cos(me.heading - car.heading)
        own[39] = max(-1.0, min(1.0, ahead / max(car.speed, 1.0) / LONGEST))
        own[40] = min(1.0, abs(left) / max(me.speed, 0.5) / LONGEST)
        own[41] = max(-1.0, min(1.0, car.accel / 4))
        own[42] = 1.0 if 0.0 < ahead - REAR_AXLE_TO_FRONT < max(3.0, 1.9 * car.speed) else 0.0
    return _near(agents, i, near)


@njit(cache=True)
def _near(agents, i, near):
    """Fills the others nearest in space and time, then zeros; returns their number."""
    me = agents[i]
    cos, sin = math.cos(me.heading), math.sin(me.heading)
    costs = np.full(PERSON.most, 1e9)
    row = np.empty(PERSON.near)
    near[:] = 0.0
    count = 0
    for k in range(len(agents)):
        a = agents[k]
        if k == i or a.kind == 0:
            continue
        dx, dy = a.x - me.x, a.y - me.y
        away = math.hypot(dx, dy)
        vehicle = is_vehicle(a.kind)
        if away > (2.0 * SIGHT if vehicle else SIGHT):
            continue
        row[:] = 0.0
        turn = a.heading - me.heading
        forward, left = dx * cos + dy * sin, dy * cos - dx * sin
        row[0], row[1], row[2] = 1.0, short(forward, 2.0), short(left, 2.0)
        row[3], row[4], row[5] = math.cos(turn), math.sin(turn), a.speed / 5
        row[6] = 1.0 if vehicle else 0.0
        row[7] = 1.0 if a.kind == _PERSON or a.kind == _CHILD else 0.0
        row[8] = 1.0 if a.kind >= _CONE else 0.0
        row[9] = 1.0 if k == len(agents) - 1 else 0.0
        row[10], row[11], row[12] = a.length / 10, a.width / 2, math.exp(-away / 3)
        vx = a.speed * math.cos(a.heading) - me.speed * cos
        vy = a.speed * math.sin(a.heading) - me.speed * sin
        closing2 = vx * vx + vy * vy
        soonest = LONGEST
        if closing2 > 0.01:  # closest approach if both go straight on
            moment = max(0.0, min(LONGEST, -(dx * vx + dy * vy) / closing2))
            passes = math.hypot(dx + moment * vx, dy + moment * vy)
            row[13], row[14], row[15] = moment / LONGEST, short(passes, 2.0), 1.0 if moment > 0.0 else 0.0
            if moment > 0.0 and passes < 3.0 + 0.5 * a.length:
                soonest = moment
        turned_c, turned_s = abs(math.cos(turn)), abs(math.sin(turn))
        deep, wide = 0.5 * (turned_c * a.length + turned_s * a.width), 0.5 * (turned_s * a.length + turned_c * a.width)
        if forward > 0.0 and abs(left) < wide + 0.5:
            row[16], row[17] = 1.0, short(max(0.0, forward - deep), 1.0)
        row[18], row[19] = max(-2.0, min(2.0, a.accel / 4)), 1.0 if moved_by_role(a) else 0.0
        cost = away * (0.4 if vehicle else 1.0) * (0.3 + 0.7 * soonest / LONGEST)
        if cost < costs[PERSON.most - 1]:
            insert(near, costs, row, cost)
            count = min(PERSON.most, count + 1)
    return count
