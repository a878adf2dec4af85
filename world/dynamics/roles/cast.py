"""Casting: the actor of an event and its initial place. Requirements on the place relax with the time since the request."""

from __future__ import annotations

import math

from world.controls import Event
from world.dynamics.roles.ground import PATH, beside, edge, leader, opposite, place
from world.dynamics.roles.moves import ACTS, BEGINS, FASTER, NUMBER, PACE
from world.dynamics.roles.scene import PATIENT, CastingInput
from world.dynamics.roles.sight import sees
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.objects import SIZES, Kind

HURRIED = 3.0  # s since the request from which on any visible place will do
LOW = 13.0  # m from the rear axle, at least
IN_SIGHT = 19.5  # m from the rear axle: where a vehicle may appear in the picture


def cast(scene: CastingInput) -> int:
    """Casts the requested event; the slot of its actor, -1: not yet."""
    return CASTS[Event(scene.event)](scene)


def _lane(scene: CastingInput) -> int:
    return int(scene.ego[0]["lane"])


def _crossing(scene: CastingInput) -> int:
    """A person, child or animal that crosses from the kerb."""
    animal = scene.event == Event.ANIMAL
    if animal:
        kind = Kind.DOG if scene.draw(1) < 0.5 else Kind.DEER
    else:
        kind = Kind.CHILD if scene.level == 3 else Kind.PERSON
    slot = scene.new(kind)
    if slot < 0:
        return -1
    behind = 1.6 if animal else 0.5
    near = edge(scene.t, _lane(scene), scene.sign) + behind
    lefts = [scene.sign * near]
    if scene.age > PATIENT:
        lefts += [scene.sign * (near + 1.0), scene.sign * min(near, 6.0)]
    if scene.age > HURRIED:
        lefts += [scene.sign * far for far in (4.5, 3.5, 2.5, 8.0)]
    most = 34.0 if scene.age < HURRIED else 55.0
    for frame in scene.frames():
        first = max(scene.reach(), 2.0 + 1.6 * near)
        if scene.find(slot, frame, first, 10.6, most, lefts, -scene.sign * math.pi / 2, scene.sign, 0.2):
            a = scene.agents[slot : slot + 1]
            egos = scene.ego[0]
            far = math.hypot(float(a["x"][0] - egos["x"]), float(a["y"][0] - egos["y"]))
            aside = abs(float(a["left"][0]))
            time = max(1.0, (far - REAR_AXLE_TO_FRONT) / max(scene.speed, 3.0))
            low, high = (2.6, 6.5) if animal else (1.2, 3.6)
            a["memory"][0, PACE] = a["speed"] = max(low, min(high, aside / (0.75 * time)))
            a["memory"][0, NUMBER] = aside + edge(scene.t, _lane(scene), -scene.sign) + 1.4
            a["lane"] = -1
            return slot
    scene.drop(slot)
    return -1


def _cyclist(scene: CastingInput) -> int:
    slot = scene.new(Kind.BICYCLE, 3.8 + 1.2 * scene.draw(1))
    if slot < 0:
        return -1
    at_edge = min(2.6, edge(scene.t, _lane(scene), scene.sign) - 0.3)
    lefts = [scene.sign * at_edge]
    if scene.age > PATIENT:
        lefts += [scene.sign * 2.2, scene.sign * 2.9, scene.sign * 1.6]
    if scene.age > HURRIED:
        lefts += [scene.sign * 3.8, scene.sign * 5.0, scene.sign * 6.5]
    most = 30.0 if scene.age < HURRIED else 55.0
    for frame in scene.frames():
        if scene.find(slot, frame, max(IN_SIGHT - 2.0, scene.reach()), IN_SIGHT - 2.5, most, lefts, 0.0, scene.sign):
            scene.agents["memory"][slot, PACE] = scene.agents["speed"][slot]
            return slot
    scene.drop(slot)
    return -1


def _from_behind(scene: CastingInput, slot: int, left: float, speed: float) -> bool:
    """Puts a vehicle beside our car, just outside the picture, to overtake. Returns whether there is room."""
    scene.agents["speed"][slot] = speed
    scene.agents["memory"][slot, NUMBER], scene.agents["memory"][slot, PACE] = left, speed
    for back in (0.0, -2.0, -5.0, -8.0):
        start = back - 0.5 * float(scene.agents["length"][slot]) + min(3.0, abs(left) - 0.8)
        if place(scene.t, scene.ego, scene.agents, slot, PATH, start, left, 0.0, 0.0, 1.2, False):
            return True
    return False


def _cut_in(scene: CastingInput) -> int:
    slot = scene.new(Kind.CAR)
    if slot < 0:
        return -1
    home = beside(scene.t, _lane(scene), scene.sign)
    if home != 0.0 and not scene.unseen and scene.age < HURRIED:
        if _from_behind(scene, slot, home, scene.speed + 4.0):
            return slot
        if scene.age < PATIENT:
            scene.drop(slot)
            return -1
    lefts = [home] if home != 0.0 else []
    near = edge(scene.t, _lane(scene), scene.sign)
    lefts += [scene.sign * (near + 0.3), scene.sign * (near + 1.2)]
    if scene.age > HURRIED:
        lefts += [scene.sign * far for far in (2.6, 3.4, 4.5, 6.0, 8.0)]
    for frame in scene.frames():
        if scene.find(slot, frame, IN_SIGHT, IN_SIGHT - 1.0, 50.0, lefts, 0.0, scene.sign):
            a = scene.agents[slot : slot + 1]
            running = home != 0.0 and float(a["left"][0]) == home
            a["speed"] = 0.85 * scene.speed if running else 0.0
            a["memory"][0, PACE], a["mode"] = max(4.0, scene.speed), ACTS
            return slot
    scene.drop(slot)
    return -1


def _leader(scene: CastingInput, reach: float) -> int:
    """The slot of a visible vehicle ahead of us; -1: none."""
    slot = int(leader(scene.t, scene.ego, scene.agents, reach))
    return slot if slot >= 0 and sees(scene.ego, scene.agents, slot) else -1


def _take(scene: CastingInput, slot: int) -> None:
    """Gives a vehicle of the traffic the role."""
    a = scene.agents[slot : slot + 1]
    a["role"], a["mode"], a["timer"], a["goal"] = scene.event, BEGINS, 0.0, -1
    a["memory"] = 0.0
    a["memory"][0, 0], a["memory"][0, PACE] = a["heading"][0], max(0.5, float(a["speed"][0]))


def _hard_brake(scene: CastingInput) -> int:
    ahead = _leader(scene, 40.0)
    if ahead >= 0 and (float(scene.agents["speed"][ahead]) > 2.5 or scene.age > HURRIED):
        _take(scene, ahead)
        if float(scene.agents["speed"][ahead]) <= 2.5:  # it sets off first
            scene.agents["memory"][ahead, NUMBER], scene.agents["memory"][ahead, PACE] = 1.5, 5.0
        return ahead
    if ahead >= 0 or scene.age < 0.8:
        return -1
    slot = scene.new(Kind.CAR, max(5.0, scene.speed))
    if slot < 0:
        return -1
    lefts = [0.0] if scene.age < HURRIED else [0.0, 0.7, -0.7, 3.4, -3.4]
    for frame in scene.frames():
        if scene.find(slot, frame, max(IN_SIGHT, 10.0 + 1.2 * scene.speed), IN_SIGHT - 1.0, 52.0, lefts):
            scene.agents["memory"][slot, PACE] = scene.agents["speed"][slot]
            scene.agents["memory"][slot, NUMBER] = 0.7
            return slot
    scene.drop(slot)
    return -1


def _stalled(scene: CastingInput) -> int:
    kind = (Kind.CAR, Kind.CAR, Kind.VAN, Kind.LORRY)[int(4 * scene.draw(1))] if scene.age < PATIENT else Kind.CAR
    slot = scene.new(kind)
    if slot >= 0:
        first = scene.reach(14.0) + 0.5 * SIZES[kind][0]
        lefts = [0.0] if scene.age < HURRIED else [0.0, -0.8, 0.8, -2.6, 3.0, -4.0]
        for frame in scene.frames():
            if scene.find(slot, frame, max(first, IN_SIGHT), IN_SIGHT - 1.0, 52.0, lefts):
                return slot
        scene.drop(slot)
    ahead = _leader(scene, 45.0) if scene.age > PATIENT else -1
    if ahead >= 0:
        _take(scene, ahead)
    return ahead


def _debris(scene: CastingInput) -> int:
    return _lies(scene, Kind.DEBRIS, 1.2 * scene.draw(1) - 0.6, scene.draw(2) - 0.5)


def _lies(scene: CastingInput, kind: Kind, left: float, turn: float) -> int:
    """An object in our lane, `left` m of its middle and turned by `turn` rad; beside it where there is no room."""
    slot = scene.new(kind)
    if slot < 0:
        return -1
    wide = [left]
    if scene.age > HURRIED:
        wide += [-1.2, 1.2, -2.0, 2.0, 3.0, -3.0, 4.5, -5.0, 6.0]
    for frame in scene.frames():
        first = max(LOW + 3.0, scene.reach(13.0))
        if scene.find(slot, frame, first, LOW + 2.5, 45.0, wide, turn, 0.0, 0.6):
            scene.agents["lane"][slot] = -1
            return slot
    scene.drop(slot)
    return -1


def _oncoming(scene: CastingInput) -> int:
    kind = (Kind.CAR, Kind.CAR, Kind.VAN)[int(3 * scene.draw(1))] if scene.age < PATIENT else Kind.CAR
    slot = scene.new(kind, 6.0)
    if slot < 0:
        return -1
    home = opposite(scene.t, _lane(scene)) or 3.4
    lefts = [0.4 * home, home] if scene.age < HURRIED else [0.4 * home, home, 3.4, 0.0, 2.0, 5.0, -3.0]
    first = 34.0 + 2.2 * scene.speed
    low = 26.0 if scene.age < HURRIED else IN_SIGHT
    for frame in scene.frames():
        if scene.find(slot, frame, min(first, 54.0), low, 56.0, lefts, math.pi):
            scene.agents["memory"][slot, PACE] = -6.0
            scene.agents["memory"][slot, NUMBER] = home
            return slot
    scene.drop(slot)
    return -1


def _emergency(scene: CastingInput) -> int:
    kind = (Kind.AMBULANCE, Kind.FIRE_ENGINE, Kind.POLICE)[int(3 * scene.draw(1))]
    if scene.age > HURRIED:
        kind = Kind.POLICE
    slot = scene.new(kind)
    if slot < 0:
        return -1
    lane = _lane(scene)
    ours = beside(scene.t, lane, 1.0)
    home = opposite(scene.t, lane) or 3.4
    overtakes = scene.draw(2) < 0.7 and not scene.unseen
    pace = max(scene.speed, 4.0) + FASTER[scene.level]
    if overtakes and scene.age < HURRIED and ours != 0.0 and _from_behind(scene, slot, ours, pace):
        return slot
    speed = 5.0 + 2.5 * scene.level
    lefts = [home] if scene.age < HURRIED else [home, 3.4, 5.5, 8.0, -3.4, 0.0]
    if not overtakes or scene.age > PATIENT:
        scene.agents["speed"][slot] = speed
        for frame in scene.frames():
            if scene.find(slot, frame, 52.0, 26.0, 57.0, lefts, math.pi):
                scene.agents["memory"][slot, PACE] = -speed
                scene.agents["memory"][slot, NUMBER] = scene.agents["left"][slot] or home
                return slot
    scene.drop(slot)
    return -1


def _road_work(scene: CastingInput) -> int:
    """A board across our lane, and cones that lead round it from the kerb's side."""
    slot = scene.new(Kind.BOARD)
    if slot < 0:
        return -1
    wide = [0.0] if scene.age < HURRIED else [0.0, -1.0, 1.0, -2.6, 2.6, -4.0, -5.5, 5.5, -7.0, 7.0]
    for frame in scene.frames():
        first = max(LOW + 10.0, scene.reach(14.0) + 8.4)
        low = LOW + 9.0 if scene.age < PATIENT else LOW + 2.5
        if scene.find(slot, frame, first, low, 50.0, wide, 0.0, 0.0, 0.5):
            _cones(scene, slot, frame)
            scene.agents["lane"][slot] = -1
            return slot
    scene.drop(slot)
    return -1


def _cones(scene: CastingInput, board: int, frame: int) -> None:
    """Cones in a taper before a board, from the right edge to the left, then along its left, where there is room."""
    ego, a = scene.ego[0], scene.agents[board]
    away = math.hypot(float(a["x"] - ego["x"]), float(a["y"] - ego["y"]))
    left = float(a["left"])
    spots = [(-7.2 + 1.5 * k, -1.6 + 0.78 * k) for k in range(5)] + [(1.6, 1.55), (4.2, 1.55)]
    for along, aside in spots:
        slot = scene.new(Kind.CONE)
        if slot < 0:
            return
        here = away + along
        if here < LOW - 2.0 or not place(
            scene.t, scene.ego, scene.agents, slot, frame, here, left + aside, 0.0, 0.0, 0.1, False
        ):
            scene.drop(slot)
            continue
        if not sees(scene.ego, scene.agents, board):  # no cone may hide the board
            scene.drop(slot)
            continue
        scene.agents["memory"][slot, NUMBER] = left + aside
        scene.agents["lane"][slot] = -1


CASTS = {
    Event.PED_CROSS: _crossing,
    Event.CYCLIST: _cyclist,
    Event.CUT_IN: _cut_in,
    Event.ANIMAL: _crossing,
    Event.HARD_BRAKE: _hard_brake,
    Event.STALLED: _stalled,
    Event.DEBRIS: _debris,
    Event.ONCOMING: _oncoming,
    Event.EMERGENCY: _emergency,
    Event.ROAD_WORK: _road_work,
}
