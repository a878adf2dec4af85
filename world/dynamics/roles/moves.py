"""Motion of roles: along the reference path or straight on, with lateral motion, never into the box ahead; and their leaving."""

from __future__ import annotations

import math

from numba import njit

from world.controls import DT, Event
from world.dynamics.roles.ground import CENTRE, edge, gap_ahead, onward
from world.dynamics.roles.sight import ahead_left, touches_view
from world.dynamics.spawn import choose_next
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.scene.objects import Kind, Lights
from world.scene.query import nearest_lane, overlap, pose, wrap

BEGINS, ACTS, LEAVES = 100, 101, 200  # AGENT.mode
HEADING, SLIDE, NUMBER, PACE = range(
    4
)  # AGENT.memory: of the path (rad), m/s sideways, its own, m/s (negative: against it)
CUT_GAP = (0.0, 6.0, 3.5, 2.0)  # by level: m between its tail and our bumper when it cuts in
CUT_RATE = (0.0, 1.8, 2.6, 3.4)  # m/s sideways
SWING_RATE = (0.0, 1.3, 1.9, 2.6)
BRAKING = (0.0, 3.5, 5.0, 7.0)  # m/s2
BACK_SECONDS, BACK_METRES = (0.0, 1.75, 1.5, 1.3), (0.0, 5.0, 4.0, 3.0)  # an oncoming driver swings back before us
FASTER = (0.0, 4.0, 5.5, 7.0)  # m/s
CLEARED_AFTER, CLEARED_WITHIN, CLEARING = 7.0, 26.0, 1.2  # s of our standing before objects, m, m/s
SOON, ROOM, HARDEST = (0.1, 0.25, 0.4), 0.4, 8.0  # s, m, m/s2: no actor scrapes along our car
PATIENCE = 6.0  # s of our standing behind a broken-down vehicle

_BICYCLE, _CONE = int(Kind.BICYCLE), int(Kind.CONE)
_BRAKE, _LEFT, _RIGHT, _HEAD, _BEACON = (int(light) for light in Lights if light)
_PED, _CYCLIST, _CUT, _ANIMAL = int(Event.PED_CROSS), int(Event.CYCLIST), int(Event.CUT_IN), int(Event.ANIMAL)
_HARD, _STALLED, _DEBRIS = int(Event.HARD_BRAKE), int(Event.STALLED), int(Event.DEBRIS)
_ONCOMING, _EMERGENCY = int(Event.ONCOMING), int(Event.EMERGENCY)


@njit(cache=True)
def drive(t, ego, agents, i, want, aim, rate, pull, orders):
    """Advances a vehicle by a step: towards a speed (within `pull` m/s2) and `aim` m left of its path (within `rate` m/s).

    orders float64 [agents, 2]: m/s2 and m to the left that override these; NaN: none.
    """
    a = agents[i]
    if not math.isnan(orders[i, 0]):
        want, aim = max(0.0, a.speed + orders[i, 0] * DT), orders[i, 1]
        pull = max(pull, -orders[i, 0])
    direction = 1.0 if a.memory[PACE] >= 0.0 else -1.0
    gap, its = gap_ahead(agents, ego, i, a.heading, a.speed)
    hardest = pull
    if gap < 59.0:
        most = math.sqrt(max(0.0, its) ** 2 + 8.0 * max(0.0, gap - 1.5))
        if most < want:
            want, hardest = most, 8.0
    before = a.speed
    change = max(-hardest * DT, min(min(pull, 3.0) * DT, want - before))
    a.accel = change / DT
    a.speed = max(0.0, a.speed + change)
    slide = max(-rate, min(rate, 2.5 * (aim - a.left)))
    slide = max(-0.6 * a.speed, min(0.6 * a.speed, slide))
    base = a.memory[HEADING]
    if _scrapes(ego, a, base, direction, slide):  # not begun if it would have to be aborted
        slide = 0.0
    a.memory[SLIDE] += max(-4.0 * rate * DT, min(4.0 * rate * DT, slide - a.memory[SLIDE]))
    if a.speed < 0.3 or _scrapes(ego, a, base, direction, a.memory[SLIDE]):
        a.memory[SLIDE] = 0.0
    if _scrapes(ego, a, base, direction, 0.0):
        a.speed = max(0.0, min(a.speed, before - HARDEST * DT))
        a.accel = (a.speed - before) / DT
    a.left += a.memory[SLIDE] * DT
    a.phase += a.speed * DT
    if a.lane >= 0:
        a.s += direction * a.speed * DT
        _next_lane(t, ego, a, direction)
        a.x, a.y, base = pose(t.lanes, t.points, a.lane, a.s, a.left)
        a.memory[HEADING] = base
    else:
        along, across = direction * a.speed * DT, a.memory[SLIDE] * DT
        a.x += along * math.cos(base) - across * math.sin(base)
        a.y += along * math.sin(base) + across * math.cos(base)
    heading = base + math.atan2(direction * a.memory[SLIDE], max(a.speed, 1.5)) + (0.0 if direction > 0 else math.pi)
    a.yaw_rate = wrap(heading - a.heading) / DT
    a.heading = wrap(heading)
    a.lights = (a.lights & _BEACON) | (_BRAKE if a.accel < -0.4 or a.speed < 0.05 else 0) | (ego.lights & _HEAD)


@njit(cache=True)
def _scrapes(ego, a, base, direction, slide):
    """Whether a vehicle that moves along a heading, and m/s to its left, would soon touch our car's side; our car goes straight on."""
    heading, width = base + math.atan2(direction * slide, max(a.speed, 1.5)), a.width + (ROOM if slide != 0.0 else 0.0)
    for moment in SOON:
        along, across, ahead = direction * a.speed * moment, slide * moment, CENTRE + ego.speed * moment
        x = a.x + along * math.cos(base) - across * math.sin(base)
        y = a.y + along * math.sin(base) + across * math.cos(base)
        ex, ey = ego.x + ahead * math.cos(ego.heading), ego.y + ahead * math.sin(ego.heading)
        for facing in (heading, base):  # also when straightened out there
            if overlap(x, y, facing, a.length, width, ex, ey, ego.heading, EGO_LENGTH, EGO_WIDTH):
                return True
    return False


@njit(cache=True)
def _next_lane(t, ego, a, direction):
    """Moves a vehicle over its lane's end, or back over its beginning."""
    if direction > 0 and a.s > t.lanes[a.lane].length:
        following = onward(t, a.lane, a.next)
        if following >= 0:
            a.s -= t.lanes[a.lane].length
            a.lane, a.next = following, -1
    elif direction < 0 and a.s < 0.0:
        before = -1
        if t.lanes[a.lane].junction >= 0:
            before = t.lanes[a.lane].source
        elif ego.next >= 0 and t.lanes[ego.next].target == a.lane:
            before = ego.next
        elif ego.lane >= 0 and t.lanes[ego.lane].junction >= 0 and t.lanes[ego.lane].target == a.lane:
            before = ego.lane
        if before >= 0:
            a.lane = before
            a.s += t.lanes[before].length


@njit(cache=True)
def release(t, seed, a):
    """Returns a vehicle to the traffic if it is on a lane. Returns whether it did."""
    lane, s, left = nearest_lane(
        t.lanes, t.points, t.grid, t.cell_first, t.cell_count, t.cell_items, t.point_lane, a.x, a.y, a.heading
    )
    if lane < 0 or abs(left) > 1.3 or s < 0.0 or s > t.lanes[lane].length:
        return False
    a.lane, a.s, a.left, a.goal = lane, s, left, -1
    a.next = choose_next(t, seed, t.lanes[lane].target if t.lanes[lane].junction >= 0 else lane, a.id, 0.0)
    a.role, a.mode, a.timer = 0, 0, 0.0
    a.wish = 4.5 / max(t.lanes[lane].limit, 5.0) if a.kind == _BICYCLE else 0.95
    for k in range(4):
        a.memory[k] = 0.0
    return True


@njit(cache=True)
def cross(ego, agents, a, i, level, orders):
    """Advances a crossing person or animal by a step; careful ones stop or hurry for our car. NUMBER: m left to the other pavement."""
    ordered = not math.isnan(orders[i, 0])
    want = orders[i, 0] if ordered else a.memory[PACE]
    ahead, left = ahead_left(ego.x, ego.y, ego.heading, a.x, a.y)
    to_bumper = ahead - (REAR_AXLE_TO_FRONT - 1.6)
    inward = -math.sin(a.heading - ego.heading) * (1.0 if left > 0.0 else -1.0)  # 1: towards the middle of our lane
    if not ordered and a.role == _PED and level < 3 and 0.0 < to_bumper < max(3.0, 1.9 * ego.speed):
        if abs(left) < 1.6 or inward < 0.0:
            want = min(3.2, want + 1.4)
        elif abs(left) < 3.0 and ego.speed > 1.5:
            want = 0.0
    c, s = math.cos(a.heading), math.sin(a.heading)
    for k in range(len(agents) + 1):
        if k < len(agents):
            b = agents[k]
            if k == i or b.kind == 0:
                continue
            x, y, length, width, turn = b.x, b.y, b.length, b.width, b.heading - a.heading
        else:
            x, y = ego.x + CENTRE * math.cos(ego.heading), ego.y + CENTRE * math.sin(ego.heading)
            length, width, turn = EGO_LENGTH, EGO_WIDTH, ego.heading - a.heading
        along, aside = (x - a.x) * c + (y - a.y) * s, (y - a.y) * c - (x - a.x) * s
        deep = 0.5 * (abs(math.cos(turn)) * length + abs(math.sin(turn)) * width)
        wide = 0.5 * (abs(math.sin(turn)) * length + abs(math.cos(turn)) * width)
        if 0.0 < along < deep + 0.8 and abs(aside) < wide + 0.3:
            want = 0.0
    before = a.speed
    a.speed += max(-0.6, min(0.4, want - a.speed))
    a.accel = (a.speed - before) / DT
    a.x += a.speed * c * DT
    a.y += a.speed * s * DT
    a.phase += a.speed * DT
    a.memory[NUMBER] -= a.speed * DT
    a.timer = a.timer + DT if want == 0.0 else 0.0
    if a.timer > 4.0 and ego.speed < 0.5 and abs(left) > 1.4:  # blocked: back again
        a.heading = wrap(a.heading + math.pi)
        a.memory[NUMBER], a.timer = abs(left) + 2.0, 0.0


@njit(cache=True)
def act(t, seed, egos, agents, level, sign, orders):
    """Advances all actors by a step, in place. orders [agents, 2]: as in `drive`, NaN: by rule."""
    ego = egos[0]
    for i in range(len(agents)):
        a = agents[i]
        if a.kind == 0 or a.mode < BEGINS:
            continue
        if a.role == _PED or a.role == _ANIMAL:
            cross(ego, agents, a, i, level, orders)
            if a.role == _PED and a.memory[NUMBER] <= 0.0:
                a.role, a.mode, a.timer, a.lane, a.next = 0, 0, 0.0, -1, -1
                a.wish = 1.4
                for k in range(4):
                    a.memory[k] = 0.0
                continue
        elif a.kind >= _CONE or a.role == _DEBRIS:  # hazards have the role of debris (world/dynamics/injected.py)
            _thing(t, ego, a)
        else:
            a.timer += DT
            _vehicle(t, seed, ego, agents, i, level, sign, orders)
        if a.mode >= LEAVES and a.role != 0:
            away = math.hypot(a.x - ego.x, a.y - ego.y)
            if away > 12.0 and not touches_view(ego.x, ego.y, ego.heading, a):
                a.kind, a.id, a.role, a.mode, a.lane = 0, 0, 0, 0, -1


@njit(cache=True)
def _thing(t, ego, a):
    """Clears an object to the right after we have stood before it for long. PACE: m that it has moved."""
    ahead, _ = ahead_left(ego.x, ego.y, ego.heading, a.x, a.y)
    if ego.speed < 0.5 and 0.0 < ahead < CLEARED_WITHIN:
        a.timer += DT
    a.speed = 0.0
    if a.timer > CLEARED_AFTER and a.memory[PACE] < edge(t, ego.lane, -1.0) + 1.2 + a.memory[NUMBER]:
        a.x += CLEARING * DT * math.sin(a.memory[HEADING])
        a.y -= CLEARING * DT * math.cos(a.memory[HEADING])
        a.memory[PACE] += CLEARING * DT


@njit(cache=True)
def _vehicle(t, seed, ego, agents, i, level, sign, orders):  # noqa: C901 (a compiled loop)
    a = agents[i]
    ahead, _ = ahead_left(ego.x, ego.y, ego.heading, a.x, a.y)
    to_us = ahead - (REAR_AXLE_TO_FRONT - 1.6) - 0.5 * a.length  # m between our bumper and the nearer end
    pace = abs(a.memory[PACE])
    if a.mode >= LEAVES:
        towards = a.memory[PACE] < 0.0
        beside = (a.role == _EMERGENCY or a.role == _CUT) and -12.0 < to_us < 4.0
        aim = a.memory[NUMBER] if towards or beside else 0.0
        if (abs(a.left - aim) < 0.5 or a.role == _STALLED) and release(t, seed, a):
            return
        drive(t, ego, agents, i, max(pace, 4.0), aim, 1.5, 3.0, orders)
    elif a.role == _CYCLIST:
        stay = 0.3 + 3.0 / SWING_RATE[level] + 5.0
        out = -0.5 * t.lanes[a.lane].width + 0.65 if a.lane >= 0 else -1.0
        aim = a.left if a.timer < 0.3 else (0.0 if a.timer < stay else out)
        drive(t, ego, agents, i, pace, aim, SWING_RATE[level], 3.0, orders)
        if a.timer > stay and abs(a.left - out) < 0.3 and not release(t, seed, a):
            a.mode = LEAVES
    elif a.role == _CUT:
        if a.mode == BEGINS and to_us > CUT_GAP[level]:
            a.mode, a.timer = ACTS, 0.0
        if a.mode == BEGINS:
            drive(t, ego, agents, i, max(ego.speed, 2.0) + 5.0, a.memory[NUMBER], 2.0, 3.0, orders)
        else:
            slower = max(2.5, min(pace, ego.speed))
            drive(t, ego, agents, i, slower, 0.0, CUT_RATE[level], 3.0, orders)
            if abs(a.left) > 0.4:
                a.lights |= _RIGHT if sign > 0 else _LEFT
            if a.timer > 2.5 and abs(a.left) < 0.3 and not release(t, seed, a):
                a.mode = LEAVES
    elif a.role == _HARD:
        if a.mode == BEGINS:
            drive(t, ego, agents, i, pace, a.left * 0.9, 1.0, 3.0, orders)
            if a.timer > a.memory[NUMBER]:
                a.mode, a.timer = ACTS, 0.0
        else:
            drive(t, ego, agents, i, 0.0, a.left, 1.0, BRAKING[level], orders)
            a.lights |= _BRAKE
            if a.timer > 2.0 + 8.0 / BRAKING[level] and not release(t, seed, a):
                a.mode = LEAVES
    elif a.role == _STALLED:
        drive(t, ego, agents, i, 0.0, a.left, 1.0, 3.0, orders)
        a.lights = _LEFT | _RIGHT | (ego.lights & _HEAD)
        a.memory[NUMBER] += DT if ego.speed < 0.5 and to_us < 15.0 else 0.0
        if a.memory[NUMBER] > PATIENCE:
            a.mode = LEAVES
    elif a.role == _ONCOMING:
        if a.mode == BEGINS and to_us < BACK_METRES[level] + BACK_SECONDS[level] * (ego.speed + a.speed):
            a.mode = ACTS
        back = a.mode == ACTS
        drive(t, ego, agents, i, 0.8 * pace if back else pace, a.memory[NUMBER] if back else 0.0, 3.4, 3.0, orders)
    elif a.role == _EMERGENCY:
        if a.memory[PACE] < 0.0:
            drive(t, ego, agents, i, pace, a.memory[NUMBER], 2.0, 3.0, orders)
        else:
            aim = 0.0 if to_us > 4.0 + 0.4 * ego.speed else a.memory[NUMBER]
            drive(t, ego, agents, i, max(ego.speed, 4.0) + FASTER[level], aim, 2.2, 3.0, orders)
        a.lights |= _BEACON
