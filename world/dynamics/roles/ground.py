"""Places for roles: along our reference path or straight ahead, free of others, visible, on the requested side."""

from __future__ import annotations

import math

from numba import njit

from world.dynamics.roles.sight import ahead_left, in_view, seen
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.scene.query import overlap, pose, wrap

PATH, CAR = range(2)  # frames of places: along the reference path, or along the car's heading
NEAREST = 6.0  # m in front of our bumper without appearances
CENTRE = REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH


@njit(cache=True)
def onward(t, lane, after):
    """The lane after a lane: `after` where it follows, else its first connection; -1: none."""
    lanes = t.lanes
    if lanes[lane].junction >= 0:
        return lanes[lane].target
    if after >= 0 and lanes[after].source == lane:
        return after
    return t.successors[lanes[lane].first_out] if lanes[lane].outs > 0 else -1


@njit(cache=True)
def along(t, lane, s, after, distance):
    """(lane, s) `distance` further on our route; s continues past the end of the last lane."""
    s += distance
    for _ in range(8):
        if s <= t.lanes[lane].length:
            break
        following = onward(t, lane, after)
        if following < 0:
            break
        s -= t.lanes[lane].length
        lane = following
    return lane, s


@njit(cache=True)
def on_path(t, ego, frame, distance, left):
    """(x, y, heading, lane, s) on our reference path (or straight ahead), `distance` m from the rear axle; lane -1: straight ahead."""
    if frame == PATH and ego.lane >= 0:
        lane, s = along(t, ego.lane, ego.s, ego.next, distance)
        x, y, heading = pose(t.lanes, t.points, lane, s, left)
        return x, y, heading, lane, s
    c, s = math.cos(ego.heading), math.sin(ego.heading)
    x, y = ego.x + distance * c - left * s, ego.y + distance * s + left * c
    return x, y, ego.heading, -1, 0.0


@njit(cache=True)
def edge(t, lane, sign):
    """m from a lane's centre line to the kerb on a side (+1: left)."""
    lanes = t.lanes
    if lane < 0 or lanes[lane].junction >= 0:
        return 5.0
    far = 0.5 * lanes[lane].width
    beside = lanes[lane].left if sign > 0 else lanes[lane].right
    while beside >= 0:
        far += lanes[beside].width
        beside = lanes[beside].left if sign > 0 else lanes[beside].right
    beside = lanes[lane].opposite if sign > 0 else -1
    while beside >= 0:
        far += lanes[beside].width
        beside = lanes[beside].right
    return far


@njit(cache=True)
def beside(t, lane, sign):
    """m to the neighbouring lane's centre line on a side, signed; the oncoming one's where there is none of ours; 0: none."""
    lanes = t.lanes
    if lane < 0 or lanes[lane].junction >= 0:
        return 3.4 * sign
    other = lanes[lane].left if sign > 0 else lanes[lane].right
    if other < 0 and sign > 0:
        other = lanes[lane].opposite
    return sign * 0.5 * (lanes[lane].width + lanes[other].width) if other >= 0 else 0.0


@njit(cache=True)
def opposite(t, lane):
    """m to the left where the nearest oncoming lane has its centre; 0: none."""
    lanes = t.lanes
    if lane < 0 or lanes[lane].junction >= 0:
        return 3.4
    far = 0.5 * lanes[lane].width
    step = lanes[lane].left
    while step >= 0:
        far += lanes[step].width
        step = lanes[step].left
    other = lanes[lane].opposite
    return far + 0.5 * lanes[other].width if other >= 0 else 0.0


@njit(cache=True)
def free(agents, ego, which, room):
    """Whether no other box, ours included, touches an agent's, enlarged by `room` m."""
    a = agents[which]
    length, width = a.length + 2.0 * room, a.width + 0.6 * min(room, 0.7)
    for k in range(len(agents)):
        b = agents[k]
        if (
            k != which
            and b.kind != 0
            and overlap(a.x, a.y, a.heading, length, width, b.x, b.y, b.heading, b.length, b.width)
        ):
            return False
    x, y = ego.x + CENTRE * math.cos(ego.heading), ego.y + CENTRE * math.sin(ego.heading)
    return not overlap(a.x, a.y, a.heading, length, width, x, y, ego.heading, EGO_LENGTH, EGO_WIDTH)


@njit(cache=True)
def place(t, egos, agents, slot, frame, distance, left, turn, sign, room, wants_sight):
    """Puts an agent, whose kind and size are set, `distance` m ahead; False where the place is unsuitable.

    sign: +-1, the side on which it must be visible; 0: any. turn: rad to the path's heading. wants_sight: it must be in the picture.
    """
    ego, a = egos[0], agents[slot]
    a.x, a.y, heading, a.lane, a.s = on_path(t, ego, frame, distance, left)
    a.left, a.heading = left, wrap(heading + turn)
    a.next, a.goal = (ego.next if a.lane == ego.lane else -1), -1
    a.memory[0] = heading
    ahead, aside = ahead_left(ego.x, ego.y, ego.heading, a.x, a.y)
    if sign != 0.0 and aside * sign < 0.6:
        return False
    if wants_sight:
        if ahead < NEAREST + 2.0 + 0.5 * a.length or not in_view(ego.x, ego.y, ego.heading, a.x, a.y, 0.02):
            return False
        if math.hypot(ahead, aside) > 57.0 or not seen(ego.x, ego.y, ego.heading, agents, slot):
            return False
    return free(agents, ego, slot, room)


@njit(cache=True)
def look_for(t, egos, agents, slot, frame, first, low, high, lefts, turn, sign, room):
    """`place` at the distance nearest to `first` within [low, high] with one of the `lefts`. Returns whether there was one."""
    for k in range(33):
        distance = first + (k + 1) // 2 * (1.5 if k % 2 else -1.5)
        if distance < low or distance > high:
            continue
        for left in lefts:
            if place(t, egos, agents, slot, frame, distance, left, turn, sign, room, True):
                return True
    return False


@njit(cache=True)
def gap_ahead(agents, ego, which, heading, speed):
    """(m to the nearest box ahead of an agent, our car's included; its m/s along the heading)."""
    a = agents[which]
    c, s = math.cos(heading), math.sin(heading)
    best, pace = 60.0, 0.0
    for k in range(len(agents) + 1):
        if k == len(agents):
            x, y = ego.x + CENTRE * math.cos(ego.heading), ego.y + CENTRE * math.sin(ego.heading)
            length, width, turn, its = EGO_LENGTH, EGO_WIDTH, ego.heading - heading, ego.speed
        else:
            b = agents[k]
            if k == which or b.kind == 0:
                continue
            x, y, length, width, turn, its = b.x, b.y, b.length, b.width, b.heading - heading, b.speed
        ahead, aside = (x - a.x) * c + (y - a.y) * s, (y - a.y) * c - (x - a.x) * s
        if ahead < 0.0 or ahead > 60.0:
            continue
        turned_c, turned_s = abs(math.cos(turn)), abs(math.sin(turn))
        deep, wide = 0.5 * (turned_c * length + turned_s * width), 0.5 * (turned_s * length + turned_c * width)
        if abs(aside) < wide + 0.5 * a.width + 0.25 and ahead - deep - 0.5 * a.length < best:
            best, pace = ahead - deep - 0.5 * a.length, its * math.cos(turn)
    return best, pace


@njit(cache=True)
def leader(t, egos, agents, reach):
    """The index of the nearest vehicle of the traffic on our reference path within `reach` m; -1: none."""
    ego = egos[0]
    best, slot = reach, -1
    for k in range(len(agents)):
        b = agents[k]
        if b.lane < 0 or b.role != 0 or not (1 <= b.kind <= 4):
            continue
        away = math.hypot(b.x - ego.x, b.y - ego.y)
        if away > best or away < 5.0:
            continue
        x, y, heading, _, _ = on_path(t, ego, PATH, away, 0.0)
        if math.hypot(b.x - x, b.y - y) < 1.6 and abs(wrap(b.heading - heading)) < 0.6:
            best, slot = away, k
    return slot
