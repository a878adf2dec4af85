"""The one step: `step(state, control) -> state` is pure, and play, training, evaluation, clips and Gymnasium call it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from world import kinematics, weather
from world.controls import DT, NO_LEVEL, NULL, TRANSITION_SECONDS, Command, Control, Event, Side
from world.dynamics.path import follow, navigate
from world.dynamics.people import people
from world.dynamics.roles import roles
from world.dynamics.roles.stage import BY_RULE
from world.dynamics.tables import tables
from world.dynamics.traffic import Drive, Traffic, signed
from world.dynamics.vehicles import vehicles
from world.errors import DataError
from world.kinematics import EGO_LENGTH, EGO_WIDTH, Motion
from world.scene.facts import CENTRE, conditions, touching
from world.scene.objects import Lights
from world.scene.state import EGO, WAITED, SceneState

BRAKING = -0.06  # accel below which the brake lights shine


def step(state: SceneState, controls: Sequence[Control], traffic: Traffic | None = None) -> SceneState:
    """One tenth of a second on, for every drive of the batch by itself. `controls`: one a drive. `traffic`: who moves the others; None: rules.

    NULL weather or time stays as it is; NaN steer or accel count as 0. Raises DataError for as many controls as do not fit.
    """
    if len(controls) != len(state):
        raise DataError(f"{len(state)} drives cannot be stepped by {len(controls)} controls; give one to each.")
    ego, agents, event = state.ego.copy(), state.agents.copy(), state.event.copy()
    amounts = np.stack([_towards(state.amounts[row], control) for row, control in enumerate(controls)])
    drives = []
    for row, control in enumerate(controls):
        ego[row] = moved_car(state, row, control)
        dark = bool(amounts[row].max() > 0.25)
        ego["lights"][row] |= int(Lights.HEAD) if dark else 0
        side, level = signed(control.side), float(min(3, max(1, control.level)))
        drives.append(
            Drive(
                tables(state.places[row].map), state.seed[row], int(state.clock[row]), ego[row : row + 1],
                agents[row], dark, float(state.density[row]), side, level, float(state.reckless[row]),
            )
        )  # fmt: skip
    moved = [by_rules(drive) for drive in drives] if traffic is None else traffic.moved(drives)
    for row, (control, drive, (others, told)) in enumerate(zip(controls, drives, moved, strict=True)):
        asked = (
            max(int(Event.NONE), control.event),
            max(int(Side.NONE), control.side),
            max(NO_LEVEL, control.level),
        )
        before = event[row : row + 1].copy()
        event[row : row + 1], agents[row] = roles(
            drive.place, drive.seed, drive.clock, before, asked, drive.ego, others, told
        )
        touch(ego, row, agents[row])
    for array in (ego, agents, event, amounts):
        array.flags.writeable = False
    return replace(state, clock=state.clock + 1, ego=ego, agents=agents, event=event, amounts=amounts)


def by_rules(drive: Drive) -> tuple[np.ndarray, np.ndarray]:
    """The others a step on, and that those who play an event go by rules too."""
    place, seed, clock, ego = drive.place, drive.seed, drive.clock, drive.ego
    moved = vehicles(place, seed, clock, ego, drive.agents, drive.dark, drive.density, drive.reckless)
    return people(place, seed, clock, ego, moved, drive.density), BY_RULE


def _towards(amounts: np.ndarray, control: Control) -> np.ndarray:
    """A step of weather and light towards what is asked for."""
    had = conditions(amounts)
    kind = control.weather if control.weather != NULL else had[0]
    time = control.time if control.time != NULL else had[1]
    want = np.array(list(weather.goal(kind, time).values()))
    most = DT / TRANSITION_SECONDS
    return amounts + np.clip(want - amounts, -most, most)


def moved_car(state: SceneState, row: int, control: Control) -> np.void:
    """Our car a step on: the bicycle model, then its place on the map."""
    place, egos = tables(state.places[row].map), state.ego[row : row + 1].copy()
    ego = egos[0]
    steer = 0.0 if math.isnan(control.steer) else control.steer
    accel = 0.0 if math.isnan(control.accel) else control.accel
    command = max(int(Command.FOLLOW), control.command)
    before = float(ego["speed"])
    motion = kinematics.step(Motion(before, float(ego["yaw_rate"])), steer, accel)
    way = 0.5 * (before + motion.speed) * DT
    turned = motion.yaw_rate * DT
    along = float(ego["heading"]) + 0.5 * turned
    ego["x"] += way * math.cos(along)
    ego["y"] += way * math.sin(along)
    ego["heading"] = (float(ego["heading"]) + turned + math.pi) % (2 * math.pi) - math.pi
    ego["speed"], ego["yaw_rate"], ego["driven"] = motion.speed, motion.yaw_rate, ego["driven"] + way
    ego["steer"], ego["accel"] = steer, accel
    chosen = navigate(place.lanes, place.points, place.successors, state.ego[row], command, state.seed[row])
    ego["next"], ego["goal"], ego["memory"][0] = chosen
    ego["command"] = command
    ego["memory"][WAITED] = ego["memory"][WAITED] + DT if motion.speed < 0.3 else 0.0
    follow(place.lanes, place.points, place.successors, place.point_lane, ego, state.seed[row])
    ego["lights"] = int(Lights.BRAKE) if accel < BRAKING or motion.speed < 0.05 else 0
    return ego


def touch(ego: np.ndarray, row: int, agents: np.ndarray) -> None:
    """Notes whom the car touches; a car that begins to touch somebody ahead stands."""
    x, y, heading = (float(ego[row][name]) for name in ("x", "y", "heading"))
    cos, sin = math.cos(heading), math.sin(heading)
    slot = touching(agents, x + CENTRE * cos, y + CENTRE * sin, heading, EGO_LENGTH, EGO_WIDTH)
    contact = int(agents["id"][slot]) if slot >= 0 else -1
    if slot >= 0 and contact != int(ego["contact"][row]):
        ahead = (agents["x"][slot] - x - CENTRE * cos) * cos + (agents["y"][slot] - y - CENTRE * sin) * sin
        if ahead > 0:
            ego["speed"][row] = 0.0
    ego["contact"][row] = contact


def blank_ego() -> np.ndarray:
    """One EGO record on no lane."""
    ego = np.zeros(1, EGO)
    for name in ("lane", "next", "goal", "contact"):
        ego[name] = -1
    return ego
