"""Rule-based step of vehicles: each follows its path, leader, signals and right of way; all at once, from one moment.

`vehicles` is a pure function. Agents moved by roles (role != 0 and mode >= ROLE_MODES) are visible to all and left unchanged.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.controls import DT
from world.dynamics.ahead import met
from world.dynamics.idm import HARDEST, bend_speed, follow, free_road, safe, stop_in
from world.dynamics.lane_change import choose
from world.dynamics.motion import POINTS, REST, SPACING, WAIT, lights_of, move, trace
from world.dynamics.passing import BICYCLES_UNTIL, STAND_OFF, aside, stays
from world.dynamics.right_of_way import FREE, OTHERS, RED_LIGHT, STOPS, UNDER_WAY, WALKERS, heeds_signals, limits
from world.dynamics.spawn import RETIRED, around, beyond, edge, fill, is_vehicle, other_car, spawn, target_count
from world.dynamics.tables import Tables
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.scene.objects import AGENT, DRIVEN, Kind
from world.scene.query import wrap
from world.scene.state import AGENTS, WAITED

ROLE_MODES = 100
ASIDE = 0.3  # m of clearance to either side
BEND_BRAKE = 1.4  # m/s2
JERK = 0.4  # m/s2 more in a step
FAR = 400.0  # m off the map: our car is absent
FOLLOW, SAFE = range(2)  # laws: the intelligent driver model, and the safe speed
_CAR, _LORRY, _BUS, _BICYCLE = (int(kind) for kind in (Kind.CAR, Kind.LORRY, Kind.BUS, Kind.BICYCLE))
_PERSON, _DEER = int(Kind.PERSON), int(Kind.DEER)


def vehicles(
    place: Tables, seed: np.uint64, clock: int, ego: np.ndarray, agents: np.ndarray, dark: bool, density: float = 1.0,
    reckless: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """One drive's agents [AGENTS] after a step. ego: EGO [1]; dark: headlights on; density: of traffic, 0: no arrivals; reckless: share
    of drivers who ignore signals."""
    out = agents.copy()
    vehicles_step(place, np.uint64(seed), int(clock), ego[0], out, dark, float(density), float(reckless))
    return out


def populate(place: Tables, seed: np.uint64, ego: np.ndarray, agents: np.ndarray, density: float) -> np.ndarray:
    """Agents [AGENTS] with vehicles added round our car, for a drive's beginning. ego: EGO [1]."""
    everyone = everybody(ego, agents)
    x, y = float(ego[0]["x"]), float(ego[0]["y"])
    fill(place, np.uint64(seed), x, y, everyone, AGENTS, target_count(place, x, y, float(density)))
    return everyone[:AGENTS].copy()


def everybody(ego: np.ndarray, agents: np.ndarray) -> np.ndarray:
    """AGENT [AGENTS + 1]: the agents [AGENTS] and our car as the last. ego: EGO [1]."""
    everyone: np.ndarray = with_us(ego[0], agents)
    return everyone


@njit(cache=True)
def with_us(car, agents):
    """The agents and our car (an EGO record) as the last."""
    everyone = np.empty(len(agents) + 1, AGENT)
    for k in range(len(agents)):
        everyone[k] = agents[k]
    own, ahead = everyone[len(agents)], REAR_AXLE_TO_FRONT - 0.5 * EGO_LENGTH
    own.kind, own.id = _CAR, -2
    own.x = car.x + ahead * math.cos(car.heading)
    own.y = car.y + ahead * math.sin(car.heading)
    own.heading, own.speed, own.accel, own.yaw_rate = car.heading, car.speed, car.accel, car.yaw_rate
    own.lane, own.s, own.left, own.next, own.goal = car.lane, car.s + ahead, car.left, car.next, car.goal
    own.length, own.width, own.height, own.wish = EGO_LENGTH, EGO_WIDTH, 1.5, 1.0
    own.look, own.lights, own.phase, own.role, own.mode, own.timer = 0, 0, 0.0, 0, 0, 0.0
    for k in range(4):
        own.memory[k] = car.memory[WAITED] if k == WAIT else 0.0
    return everyone


@njit(cache=True)
def leaders(lanes, agents, i, path, count, passes, strongest, law):
    """The acceleration (m/s2) that all agents on the path ahead allow, by a law: FOLLOW or SAFE."""
    me = agents[i]
    half = 0.5 * me.length
    first = math.ceil(half / SPACING)
    hardest = 9.0
    reach = SPACING * count
    turning_off = lanes[me.lane].junction < 0 and lanes[me.lane].length - me.s < 0.6 * BICYCLES_UNTIL
    for k in range(len(agents)):
        a = agents[k]
        if k == i or a.kind == 0:
            continue
        if turning_off and a.kind == _BICYCLE and a.lane == me.lane and a.left < -0.6 and me.kind != _BICYCLE:
            beside = a.s - me.s + 0.5 * a.length + half  # before a junction vehicles stay behind a bicycle
            if law == FOLLOW and beside > 0.0 and a.s - me.s < 25.0:
                gap = a.s - me.s - 0.5 * a.length - half
                hardest = min(hardest, max(-3.0, follow(me.speed, gap, 0.8 * a.speed, strongest)))
        living = _PERSON <= a.kind <= _DEER
        if abs(a.x - me.x) + abs(a.y - me.y) > 1.42 * (reach + a.length):
            continue
        radius = 0.5 * me.width + (0.5 if living else ASIDE)
        for moment in range(2 if living and a.speed > 0.2 else 1):
            c, s = math.cos(a.heading), math.sin(a.heading)
            x, y = a.x + moment * a.speed * c, a.y + moment * a.speed * s
            n, to, forward = met(path, first, count, x, y, a.heading, a.length, a.width, radius)
            if n < 0:
                continue
            gap = n * SPACING - half + max(0.0, to)
            speed = a.speed * forward
            if law == SAFE:
                hardest = min(hardest, safe(me.speed, gap, speed))
                continue
            if me.kind != _BICYCLE and not passes and gap > 1.0 and stays(a):
                gap = max(1.0, gap - STAND_OFF)
            if speed < -1.0:  # oncoming
                gap += 2.0 * speed
            hardest = min(hardest, follow(me.speed, gap, max(0.0, speed), strongest))
    return hardest


@njit(cache=True)
def bends(path, count, speed):
    """(desired speed, braking) for the bends ahead."""
    wish, brake = 99.0, 9.0
    for n in range(count - 3):
        turn = abs(wrap(path[n + 3, 2] - path[n, 2]))
        most = bend_speed(turn / (3.0 * SPACING))
        ahead = max(0.1, SPACING * n)
        wish = min(wish, math.sqrt(most * most + 2.0 * BEND_BRAKE * ahead))
        if speed > most:
            needed = (most * most - speed * speed) / (2.0 * max(ahead, 3.0))
            if needed < -BEND_BRAKE:
                brake = min(brake, max(needed, -4.0))
    return wish, brake


@njit(cache=True)
def _rules(t, agents, i, seconds, strongest, heeds):
    """(acceleration allowed by signals, priority and people, whom it waits for)."""
    stops = np.empty(STOPS)
    waits, merging, its_speed = limits(t, agents, i, seconds, stops, heeds)
    speed, allowed = agents[i].speed, 9.0
    for k in range(STOPS):
        allowed = min(allowed, _stop(speed, stops[k]))
    if merging < FREE:
        allowed = min(allowed, follow(speed, max(0.5, merging), its_speed, strongest))
    return allowed, waits


@njit(cache=True)
def _stop(speed, gap):
    return 9.0 if gap >= FREE - 1000.0 else stop_in(speed, gap)


@njit(cache=True)
def lane_aim(lanes, me, goal):
    """The offset (m left of its lane's centre line) of a vehicle that has changed to `goal`, a lane beside it."""
    side = 1.0 if lanes[me.lane].left == goal else -1.0
    return side * 0.5 * (lanes[me.lane].width + lanes[goal].width) + edge(lanes, goal, me.kind)


@njit(cache=True)
def reach_of(me):
    """m of path that a vehicle observes."""
    return min(POINTS * SPACING, 14.0 + 0.5 * me.length + 2.0 * me.speed + 0.22 * me.speed * me.speed)


@njit(cache=True)
def moved_by_role(agent):
    """Whether a role moves an agent instead of these rules."""
    return agent.role != 0 and agent.mode >= ROLE_MODES


@njit(cache=True)
def ruled(t, everyone, changing, i, seconds, path, heeds=True):
    """(acceleration, target offset in m left of its lane, lane to change to, whom it waits for) of vehicle i by the rules."""
    lanes, agent = t.lanes, everyone[i]
    strongest = 1.3 if agent.kind == _LORRY or agent.kind == _BUS or agent.kind == _BICYCLE else 1.9
    wish = agent.wish * lanes[agent.lane].limit
    goal = agent.goal
    may = lanes[agent.lane].junction < 0 and agent.kind != _BICYCLE and agent.memory[REST] <= 0.0
    if may and goal < 0 and agent.speed > 0.5 and wish > 0.5:
        goal = choose(lanes, everyone, changing, i, wish, strongest)
        changing[i] = goal
    aim = aside(t, everyone, i) if goal < 0 else lane_aim(lanes, agent, goal)
    traced = trace(t, agent, aim, reach_of(agent), path)
    bend, brake = bends(path, traced, agent.speed)
    accel = min(brake, free_road(agent.speed, min(wish, bend), strongest)) if wish > 0.1 else -2.0
    leading = leaders(lanes, everyone, i, path, traced, abs(aim) > 0.8, strongest, FOLLOW)
    allowed, waits = _rules(t, everyone, i, seconds, strongest, heeds)
    accel = min(accel, min(leading, allowed))
    return max(-HARDEST, min(accel, max(agent.accel, -0.5) + JERK)), aim, goal, waits


@njit(cache=True)
def all_ruled(t, everyone, seconds, accels, aims, goals):
    """Fills the rules' decisions for all vehicles: m/s2, m left of the lane, the lane to change to; [AGENTS] each, NaN and -1 for others."""
    path = np.empty((POINTS, 3))
    changing = np.full(len(everyone), -1, np.int32)
    accels[:], aims[:], goals[:] = np.nan, np.nan, -1
    for i in range(len(accels)):
        if (
            is_vehicle(everyone[i].kind)
            and everyone[i].lane >= 0
            and not moved_by_role(everyone[i])
            and everyone[i].role != DRIVEN
        ):
            accels[i], aims[i], goals[i], _ = ruled(t, everyone, changing, i, seconds, path)


@njit(cache=True)
def wait(agent, out, waits):
    """Updates a vehicle's seconds of waiting for others, negative while it waits for people."""
    if waits == RED_LIGHT or agent.speed > UNDER_WAY:
        out.memory[WAIT] = 0.0
    elif agent.speed < 0.3 and (waits in (OTHERS, WALKERS) or agent.memory[WAIT] != 0.0):
        waited = abs(agent.memory[WAIT]) + DT
        out.memory[WAIT] = -waited if waits == WALKERS else waited


@njit(cache=True)
def vehicles_step(t, seed, clock, car, out, dark, density, reckless):
    """Advances the vehicles of agents [AGENTS] by a step, in place. car: an EGO record."""
    lanes, everyone = t.lanes, with_us(car, out)
    x, y, heading = car.x, car.y, car.heading
    seconds = clock * DT
    here = near_map(t, x, y)
    path = np.empty((POINTS, 3))
    changing = np.full(len(everyone), -1, np.int32)
    count, other = 0, other_car(out)
    for i in range(len(out)):
        agent = everyone[i]
        if not is_vehicle(agent.kind) or agent.lane < 0 or moved_by_role(agent) or i == other:
            continue
        if here and agent.role == 0 and beyond(agent.x, agent.y, x, y, everyone, other, RETIRED):
            out[i].kind, out[i].id = 0, 0
            continue
        count += 1
        heeds = heeds_signals(seed, agent.id, reckless)
        accel, aim, goal, waits = ruled(t, everyone, changing, i, seconds, path, heeds)
        out[i].goal = goal
        wait(agent, out[i], waits)
        out[i].memory[REST] = max(0.0, agent.memory[REST] - DT)
        move(t, seed, out[i], accel, aim)
        out[i].lights = lights_of(lanes, out[i], dark)
    arrivals(t, seed, clock, x, y, heading, everyone, out, count, density, seconds)


@njit(cache=True)
def near_map(t, x, y):
    """Whether our car is on the map or near it."""
    return t.bounds[0] - FAR < x < t.bounds[2] + FAR and t.bounds[1] - FAR < y < t.bounds[3] + FAR


@njit(cache=True)
def arrivals(t, seed, clock, x, y, heading, everyone, out, count, density, seconds):
    """Adds vehicles while there are fewer (`count`) than the target; also into `everyone`, which includes our car.

    With a second driver, each of the two cars has the full number round it.
    """
    other = other_car(out)
    if other >= 0:
        car = out[other]
        near = around(out, car.x, car.y)
        _arrive(t, seed, clock, car.x, car.y, car.heading, everyone, out, near, density, seconds, 1)
        count = around(out, x, y)
    _arrive(t, seed, clock, x, y, heading, everyone, out, count, density, seconds, 0)


@njit(cache=True)
def _arrive(t, seed, clock, x, y, heading, everyone, out, count, density, seconds, which):
    """Adds vehicles round one car; `which`: 0 our own, 1 the second driver's."""
    if not near_map(t, x, y) or density <= 0.0:
        return
    missing = int(density * 24.0 + 0.5) - count
    if missing > 0:
        missing = target_count(t, x, y, density) - count
    if missing <= 0:
        return
    slots = len(out)
    for k in range(slots):
        everyone[k] = out[k]
    spawn(t, seed, clock, x, y, heading, everyone, slots + 1, slots, missing, seconds, which)
    for k in range(slots):
        out[k] = everyone[k]
