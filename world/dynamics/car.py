"""Our car's step in compiled loops: the bicycle model, its place on the map, and contacts."""

from __future__ import annotations

import math

from numba import njit

from world.controls import DT, Command
from world.dynamics.path import follow, navigate
from world.dynamics.right_of_way import AT_LINE, LETS_PASS, UNDER_WAY
from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT, advanced
from world.scene.facts import CENTRE, touching
from world.scene.objects import Lights
from world.scene.query import GREEN, signal_colour
from world.scene.state import WAITED

BRAKING = -0.06  # accel below which the brake lights shine
_STOP = int(Command.STOP)
_BRAKE, _HEAD = int(Lights.BRAKE), int(Lights.HEAD)


@njit(cache=True)
def move_car(t, seed, before, ego, steer, accel, command, dark, seconds):
    """Advances our car by a step, in place. before, ego: EGO records, `before` the previous one; dark: headlights on; seconds: since the start."""
    had = before.speed
    speed, rate = advanced(had, steer, accel, DT)
    distance = 0.5 * (had + speed) * DT
    turn = rate * DT
    along = before.heading + 0.5 * turn
    ego.x += distance * math.cos(along)
    ego.y += distance * math.sin(along)
    ego.heading = (before.heading + turn + math.pi) % (2 * math.pi) - math.pi
    ego.speed, ego.yaw_rate, ego.driven = speed, rate, before.driven + distance
    ego.steer, ego.accel = steer, accel
    onward, goal, stage = navigate(t.lanes, t.points, t.successors, before, command, seed)
    ego.next, ego.goal, ego.memory[0] = onward, goal, stage
    ego.command = command
    ego.memory[WAITED] = _waited(t, before, speed, seconds)
    follow(t.lanes, t.points, t.successors, t.point_lane, ego, seed)
    ego.lights = (_BRAKE if accel < BRAKING or speed < 0.05 else 0) | (_HEAD if dark else 0)


@njit(cache=True)
def _waited(t, before, speed, seconds):
    """s that our car has waited for others at its line or inside a junction; the count restarts after LETS_PASS."""
    waited, onward = before.memory[WAITED], before.next
    if before.lane < 0 or speed > UNDER_WAY or waited > LETS_PASS or before.command == _STOP:
        return 0.0
    lane = t.lanes[before.lane]
    if lane.junction < 0:
        if onward < 0 or t.lanes[onward].source != before.lane:
            return 0.0
        signal = t.lanes[onward].signal
        if signal >= 0 and signal_colour(t.signals, signal, seconds) != GREEN:
            return 0.0
        first = t.stop_line[before.lane] - before.s - REAR_AXLE_TO_FRONT < AT_LINE
    else:
        first = True
    return waited + DT if speed < 0.3 and (first or waited > 0.0) else waited


@njit(cache=True)
def touch(ego, agents):
    """Sets `contact` of the car's EGO record; a new contact ahead stops the car."""
    cos, sin = math.cos(ego.heading), math.sin(ego.heading)
    x, y = ego.x + CENTRE * cos, ego.y + CENTRE * sin
    slot = touching(agents, x, y, ego.heading, EGO_LENGTH, EGO_WIDTH)
    contact = agents[slot].id if slot >= 0 else -1
    if slot >= 0 and contact != ego.contact:
        ahead = (agents[slot].x - ego.x - CENTRE * cos) * cos + (agents[slot].y - ego.y - CENTRE * sin) * sin
        if ahead > 0:
            ego.speed = 0.0
    ego.contact = contact
