"""A scene for a camera that is not on our car: our car is then one of the visible road users."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from world.kinematics import EGO_LENGTH, EGO_WIDTH
from world.render.camera import Pose
from world.scene.facts import CENTRE
from world.scene.objects import AGENT, OUR_LOOK, SIZES, Kind, Lights
from world.scene.state import SceneState

DARK = 0.25  # amount of weather or night from which cars have their lights on
NEAR = 0.4  # m beside our car's body
TRAINED, PLAIN = (
    3.0,
    9.0,
)  # m above the ground up to which the painter has learnt to paint, and from which it paints nothing


def outside(state: SceneState, pose: Pose, row: int = 0) -> SceneState:
    """One drive for a camera at a pose: the ego is moved to the camera, and our car is the last agent, unless the camera is inside it."""
    one = state.row(row)
    ego, agents = one.ego.copy(), one.agents
    if not within(one, pose):
        agents = np.concatenate([agents, our_car(one)[None]], 1)
    ego["x"], ego["y"], ego["heading"], ego["speed"] = pose.x, pose.y, pose.yaw, 0.0
    return replace(one, ego=ego, agents=agents)


def within(state: SceneState, pose: Pose, row: int = 0) -> bool:
    """Whether a camera is inside our car or within NEAR of its body."""
    car = our_car(state, row)[0]
    x, y, heading = pose.x - car["x"], pose.y - car["y"], float(car["heading"])
    ahead, left = x * math.cos(heading) + y * math.sin(heading), y * math.cos(heading) - x * math.sin(heading)
    reach = [0.5 * car["length"] + NEAR, 0.5 * car["width"] + NEAR, car["height"] + NEAR]
    return bool(abs(ahead) < reach[0] and abs(left) < reach[1] and pose.z < reach[2])


def middle(pose: Pose) -> tuple[float, float]:
    """The middle of the ground that a camera sees, (x, y) in m."""
    ahead = pose.z * math.cos(pose.pitch) / max(0.35, -math.sin(pose.pitch))
    return pose.x + ahead * math.cos(pose.yaw), pose.y + ahead * math.sin(pose.yaw)


def our_car(state: SceneState, row: int = 0) -> np.ndarray:
    """Our car as an agent, AGENT [1]."""
    ego, car = state.ego[row], np.zeros(1, AGENT)
    cos, sin = math.cos(ego["heading"]), math.sin(ego["heading"])
    car["kind"], car["look"], car["id"] = Kind.CAR, OUR_LOOK, np.iinfo(np.int32).max - 1
    car["x"], car["y"], car["heading"] = ego["x"] + CENTRE * cos, ego["y"] + CENTRE * sin, ego["heading"]
    car["length"], car["width"], car["height"] = EGO_LENGTH, EGO_WIDTH, SIZES[Kind.CAR][2]
    car["speed"], car["phase"] = ego["speed"], ego["driven"]
    car["lights"] = ego["lights"] | (Lights.HEAD if state.amounts[row].max() > DARK else 0)
    return car
