"""A scene like a picture: a matching street, our car in the place of the camera, and the picture's road users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from world.controls import Control
from world.dynamics.people_arrive import FIRST_ID
from world.dynamics.spawn import choose_next, edge
from world.dynamics.start import start
from world.dynamics.tables import Tables, tables
from world.kinematics import EGO_LENGTH, EGO_WIDTH
from world.perceive.coding import Estimate
from world.perceive.match import match
from world.perceive.network import Perceiver, load
from world.perceive.read import check, read
from world.perceive.sight import KINDS, SeenUser
from world.render.camera import Rig
from world.scene.facts import CENTRE, conditions
from world.scene.objects import SIZES, Kind
from world.scene.query import locate, overlap, place_on, pose, project, wrap
from world.scene.state import SceneState

SPEED = 7.0  # m/s, default
MOST_ASKEW = 0.2  # rad that a drive begins off its lane's direction
ROOM = 0.4  # of a lane's width that a drive begins off its middle
IN_SIGHT, VIEW = 65.0, math.radians(48)  # m and rad from the axis within which only the picture's road users remain
ASTRAY = 9.0  # m: greatest shift of a road user
SEEN_IDS = FIRST_ID - 1000  # first id of the picture's people
STEPS = (0.0, 2.0, -2.0, 4.0, -4.0, 6.0, 8.0)  # m along the lane that a vehicle may be moved to find room
APART = 1.0  # m between boxes
LOOK, WISH = 402, 0.95  # purpose of random numbers; share of the speed limit


def scene_from(
    frames: np.ndarray,
    names: Sequence[str],
    seed: int = 0,
    speed: float | None = None,
    control: Control | None = None,
    rig: Rig | None = None,
    perceiver: Perceiver | None = None,
) -> SceneState:
    """The scene of a picture uint8 [H, W, 3] or of a film's last frames [T, H, W, 3], in one of the places named.

    speed: m/s; control: its conditions override the picture's; perceiver: by default the shipped one.
    Raises DataError where the picture is invalid or no street leads on, WeightsError where the network is missing.
    """
    film = check(frames)  # before anything is loaded
    return scene_of(read(perceiver or load(), film), names, seed, speed, control, rig)


def scene_of(
    reading: Estimate,
    names: Sequence[str],
    seed: int = 0,
    speed: float | None = None,
    control: Control | None = None,
    rig: Rig | None = None,
) -> SceneState:
    """The scene of a reading; arguments and errors as in `scene_from`."""
    place, lane, s = match(reading, names, seed, speed or 0.0)
    sight, rig = reading.sight, rig or Rig()
    control = control or Control(weather=sight.weather, time=sight.time)
    state = start(place, seed, control, SPEED if speed is None else speed, lane=lane, s=s)
    state = _where_the_camera_was(state, reading, rig)
    return _with_users(state, reading, rig)


def seen_conditions(state: SceneState) -> dict[str, int]:
    """The weather and time of a scene, as fields of a Control."""
    weather, time = conditions(state.amounts[0])
    return {"weather": weather, "time": time}


def _where_the_camera_was(state: SceneState, reading: Estimate, rig: Rig) -> SceneState:
    """The state with our car's offset and heading in its lane as in the picture."""
    ego, place = state.ego.copy(), state.places[0].map
    lane, s = int(ego["lane"][0]), float(ego["s"][0])
    askew = min(MOST_ASKEW, max(-MOST_ASKEW, reading.sight.heading - math.radians(rig.yaw)))
    room = ROOM * float(place.lanes[lane]["width"])
    left = min(room, max(-room, reading.sight.left)) - rig.ahead * math.sin(askew)
    x, y, along = place_on(place, lane, s, min(room, max(-room, left)))
    ego["x"], ego["y"], ego["heading"] = x, y, wrap(along + askew)
    ego["s"], ego["left"], _ = project(place.lanes, place.points, lane, x, y)
    return replace(state, ego=ego)


def _with_users(state: SceneState, reading: Estimate, rig: Rig) -> SceneState:
    """Replaces the visible road users by those of the picture, each at the nearest suitable place."""
    ego, agents, place = state.ego[0], state.agents[0].copy(), state.places[0].map
    x, y, heading = (float(ego[name]) for name in ("x", "y", "heading"))
    eye_x, eye_y = x + rig.ahead * math.cos(heading), y + rig.ahead * math.sin(heading)
    axis = heading + math.radians(rig.yaw)
    away = np.hypot(agents["x"] - eye_x, agents["y"] - eye_y)
    aside = np.abs(np.mod(np.arctan2(agents["y"] - eye_y, agents["x"] - eye_x) - axis + np.pi, 2 * np.pi) - np.pi)
    in_sight = (agents["kind"] != 0) & (away < IN_SIGHT) & (aside < VIEW)
    agents["kind"][in_sight], agents["id"][in_sight] = 0, 0
    there, users = tables(place), reading.sight.users
    for number, user in enumerate(sorted(users, key=lambda one: -one.score)):
        free = np.flatnonzero(agents["kind"] == 0)
        if not len(free):
            break
        ux = eye_x + user.ahead * math.cos(axis) - user.left * math.sin(axis)
        uy = eye_y + user.ahead * math.sin(axis) + user.left * math.cos(axis)
        where = (ux, uy, wrap(axis + user.heading))
        if KINDS[user.kind] == Kind.PERSON:
            slot = int(free[-1])
            _put_person(there, agents, slot, where, number)
        else:
            _put_vehicle(state, there, agents, int(free[0]), user, where)
    return replace(state, agents=agents[None])


def _blank(agents: np.ndarray, slot: int, kind: Kind, seed: int) -> None:
    """Resets a slot to an agent of a kind without a place."""
    a = agents[slot]
    for name in ("speed", "accel", "yaw_rate", "phase", "timer", "lights", "role", "mode"):
        a[name] = 0
    a["memory"] = 0.0
    a["kind"], a["next"], a["goal"], a["lane"] = int(kind), -1, -1, -1
    a["length"], a["width"], a["height"] = SIZES[kind]
    a["look"] = int(np.random.default_rng([LOOK, seed, slot]).integers(10**6))


def _put_vehicle(
    state: SceneState,
    there: Tables,
    agents: np.ndarray,
    slot: int,
    user: SeenUser,
    where: tuple[float, float, float],
) -> None:
    """Puts a vehicle onto the nearest lane, unless that is too far or occupied."""
    place, kind, ego = state.places[0].map, KINDS[user.kind], state.ego[0]
    length, width, _ = SIZES[kind]
    lane, s, _ = locate(place, *where)
    if lane < 0:
        return
    lane, s = _on_a_street(place.lanes, lane, s)
    if kind == Kind.BICYCLE:
        while place.lanes[lane]["right"] >= 0:
            lane = int(place.lanes[lane]["right"])
    end = float(place.lanes[lane]["length"]) - 0.5 * length
    left = float(edge(there.lanes, lane, int(kind)))
    middle = [
        float(ego[name]) + CENTRE * turn(float(ego["heading"])) for name, turn in (("x", math.cos), ("y", math.sin))
    ]
    us = (*middle, float(ego["heading"]), EGO_LENGTH + 2 * APART, EGO_WIDTH)
    for step in STEPS:
        at = min(end, max(0.5 * length, s + step))
        x, y, heading = place_on(place, lane, at, left)
        if math.hypot(x - where[0], y - where[1]) > ASTRAY:
            continue
        box = (x, y, heading, length + 2 * APART, width)
        others = agents[agents["kind"] != 0]
        if overlap(*box, *us) or any(overlap(*box, *_box(other)) for other in others):
            continue
        _blank(agents, slot, kind, int(state.seed[0]))
        a = agents[slot]
        a["id"], a["lane"], a["s"], a["left"] = slot + 1, lane, at, left
        a["x"], a["y"], a["heading"] = x, y, heading
        a["wish"] = WISH if kind != Kind.BICYCLE else 4.5 / float(place.lanes[lane]["limit"])
        to_line = float(there.stop_line[lane]) - at - 0.5 * length
        a["speed"] = min(0.85 * float(a["wish"]) * float(place.lanes[lane]["limit"]), math.sqrt(3 * max(0.0, to_line)))
        if lane == int(ego["lane"]) and 0 < at - float(ego["s"]) < 25.0:
            a["speed"] = min(float(a["speed"]), float(ego["speed"]))  # who drives before us is about as fast
        reach = 0.0 if kind == Kind.BICYCLE else float(place.lanes[lane]["length"]) - at - 30.0
        a["next"] = choose_next(there, state.seed[0], lane, slot + 1, reach)
        return


def _on_a_street(lanes: np.ndarray, lane: int, s: float) -> tuple[int, float]:
    """A place on a street lane; one in a junction moves to the nearer end of its connection."""
    if lanes[lane]["street"] >= 0:
        return lane, s
    if s < 0.5 * float(lanes[lane]["length"]):
        source = int(lanes[lane]["source"])
        return source, float(lanes[source]["length"])
    return int(lanes[lane]["target"]), 0.0


def _box(agent: np.void) -> tuple[float, float, float, float, float]:
    x, y, heading, length, width = (float(agent[name]) for name in ("x", "y", "heading", "length", "width"))
    return x, y, heading, length, width


def _put_person(there: Tables, agents: np.ndarray, slot: int, where: tuple[float, float, float], number: int) -> None:
    """Puts a person onto the nearest walk, unless that is too far or occupied."""
    if not len(there.walks):
        return
    projections = [
        project(there.walks, there.walk_points, walk, where[0], where[1]) for walk in range(len(there.walks))
    ]
    lengths = there.walks["length"]
    over = [max(0.0, -s, s - float(lengths[k])) + abs(left) for k, (s, left, _) in enumerate(projections)]
    walk = int(np.argmin(over))
    if over[walk] > ASTRAY:
        return
    s = min(float(lengths[walk]), max(0.0, projections[walk][0]))
    half = max(0.0, 0.5 * float(there.walks[walk]["width"]) - 0.35)
    left = min(half, max(-half, projections[walk][1]))
    x, y, along = pose(there.walks, there.walk_points, walk, s, left)
    others = agents[agents["kind"] != 0]
    if len(others) and np.hypot(others["x"] - x, others["y"] - y).min() < 0.8:
        return
    direction = 1.0 if abs(wrap(along - where[2])) < 0.5 * math.pi else -1.0
    _blank(agents, slot, Kind.PERSON, number)
    a = agents[slot]
    a["id"], a["lane"], a["s"], a["left"], a["x"], a["y"] = SEEN_IDS + number, walk, s, left, x, y
    a["heading"] = wrap(along if direction > 0 else along + math.pi)
    a["wish"] = a["speed"] = 1.3
    a["memory"][0], a["memory"][1] = direction, -direction * left / half if half else 0.0
