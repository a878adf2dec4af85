"""Starts a drive from a nuScenes key frame: the ego car and all annotated road users, from then on under our traffic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from world.controls import Control
from world.dynamics.people_arrive import FIRST_ID
from world.dynamics.spawn import choose_next
from world.dynamics.start import start
from world.dynamics.tables import Tables, tables
from world.errors import DataError
from world.nuscenes.flat import PARKED, along, flat, kind_of
from world.nuscenes.tables import AnnotatedBox, KeyFrame
from world.scene.objects import AGENT, PEOPLE, THINGS, VEHICLES, Kind
from world.scene.query import locate
from world.scene.state import AGENTS, Place, SceneState

MOST = 64  # agents from the key frame; the other slots are for later arrivals
WISH, BICYCLE, WALK = 0.95, 4.5, 1.3  # share of the limit that drivers want; m/s of bicycles and of people
STANDS = 0.5  # m/s; slower off its lane, a vehicle counts as parked
ROOM = 0.8  # m beyond its lane's edge within which a vehicle still follows it
PEOPLE_IDS = FIRST_ID - 1000  # ids of people, from here on


def start_state(place: Place, moment: KeyFrame, control: Control, mirrored: bool = False, seed: int = 0) -> SceneState:
    """The state, a batch of one. control: its conditions; mirrored: whether the place is the map's mirror image.

    DataError where the ego car is off the map.
    """
    x, y, heading = flat(moment.ego, mirrored)
    lane, s, offset = locate(place.map, x, y, heading)
    if lane < 0:
        raise DataError(f"Our car is at ({x:.0f}, {y:.0f}) there, where the map {place.name} has no lane.")
    state = start(place, seed, control, moment.speed, lane=lane, s=s, density=0.0)
    ego = state.ego.copy()
    ego["x"], ego["y"], ego["heading"], ego["left"] = x, y, heading, offset
    ego["yaw_rate"] = -moment.yaw_rate if mirrored else moment.yaw_rate
    agents = np.zeros(AGENTS, AGENT)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    near = sorted(moment.boxes, key=lambda box: math.hypot(box.pose.x - moment.ego.x, box.pose.y - moment.ego.y))
    lasting = VEHICLES | PEOPLE | set(THINGS)
    boxes = [(box, kind) for box in near if (kind := kind_of(box)) in lasting][:MOST]
    lookup = tables(place.map)
    for slot, (box, kind) in enumerate(boxes):
        _fill_agent(lookup, place, agents[slot], slot, box, kind, mirrored, seed)
    out = replace(state, ego=ego, agents=agents[None].copy(), density=np.ones(1))
    for name in ("ego", "agents", "density"):
        getattr(out, name).flags.writeable = False
    return out


def _fill_agent(
    lookup: Tables, place: Place, agent: np.ndarray, slot: int, box: AnnotatedBox, kind: Kind, mirrored: bool, seed: int
) -> None:
    """Fills an AGENT record. A vehicle without a lane stays put; people find their pavement themselves."""
    agent["kind"], agent["id"] = int(kind), PEOPLE_IDS + slot if kind in PEOPLE else slot + 1
    agent["x"], agent["y"], agent["heading"] = flat(box.pose, mirrored)
    agent["length"], agent["width"], agent["height"] = box.size
    agent["look"] = int(np.random.default_rng([seed, box.number]).integers(10**6))
    agent["speed"] = along(box)
    if kind in PEOPLE:
        agent["wish"] = max(WALK, float(agent["speed"]))
        return
    if kind not in VEHICLES:
        return
    lane, s, offset = locate(place.map, float(agent["x"]), float(agent["y"]), float(agent["heading"]))
    beyond = lane < 0 or abs(offset) > 0.5 * float(place.map.lanes[lane]["width"]) + ROOM
    if lane < 0 or PARKED in box.attributes or (beyond and agent["speed"] < STANDS):
        agent["speed"] = 0.0
        return
    limit = float(place.map.lanes[lane]["limit"])
    usual = BICYCLE / limit if kind == Kind.BICYCLE else WISH
    agent["lane"], agent["s"], agent["left"] = lane, s, offset
    agent["wish"] = max(usual, float(agent["speed"]) / limit)
    on = lane if place.map.lanes[lane]["street"] >= 0 else int(place.map.lanes[lane]["target"])
    agent["next"] = choose_next(lookup, np.uint64(seed), on, slot + 1, 0.0)
