"""Converts nuScenes' poses, categories, descriptions and cameras to those of a place, mirrored where its map is."""

from __future__ import annotations

import math
import re

import numpy as np

from world.controls import Control, TimeOfDay, Weather
from world.nuscenes.tables import AnnotatedBox, CameraImage, StampedPose
from world.render.camera import Rig
from world.scene.objects import SIZES, Kind
from world.scene.query import wrap

KINDS: dict[
    str, tuple[Kind, ...]
] = {  # by the longest beginning of a category's name; of several the one nearest in size
    "vehicle.car": (Kind.CAR, Kind.VAN),
    "vehicle.truck": (Kind.LORRY,),
    "vehicle.construction": (Kind.LORRY,),
    "vehicle.trailer": (Kind.LORRY,),
    "vehicle.bus": (Kind.BUS,),
    "vehicle.bicycle": (Kind.BICYCLE,),
    "vehicle.motorcycle": (Kind.BICYCLE,),
    "vehicle.emergency.ambulance": (Kind.AMBULANCE,),
    "vehicle.emergency.police": (Kind.POLICE,),
    "human.pedestrian": (Kind.PERSON,),
    "human.pedestrian.child": (Kind.CHILD,),
    "human.pedestrian.stroller": (),
    "animal": (Kind.DOG, Kind.DEER),
    "movable_object.trafficcone": (Kind.CONE,),
    "movable_object.barrier": (Kind.BOARD,),
    "movable_object.debris": (Kind.DEBRIS,),
}
NO_RIDER = "cycle.without_rider"  # our bicycles have one
PARKED = "vehicle.parked"
WEATHERS = (  # patterns in descriptions, the specific before the general
    (r"heavy rain|downpour", Weather.RAIN_3),
    (r"drizzle|light rain|after rain", Weather.RAIN_1),
    (r"rain\w*", Weather.RAIN_2),
    (r"snow\w*", Weather.SNOW_2),
    (r"fog\w*", Weather.FOG_2),
)
TIMES = (
    (r"night", TimeOfDay.NIGHT),
    (r"dawn|sunrise", TimeOfDay.DAWN),
    (r"dusk|sunset|twilight", TimeOfDay.DUSK),
)


def kind_of(box: AnnotatedBox) -> Kind:
    """The kind of road user or object; NONE for what a scene has not."""
    names = [name for name in KINDS if box.category == name or box.category.startswith(name + ".")]
    several = KINDS[max(names, key=len)] if names and NO_RIDER not in box.attributes else ()
    return min(several, key=lambda kind: math.dist(SIZES[kind], box.size), default=Kind.NONE)


def flat(pose: StampedPose, mirrored: bool) -> tuple[float, float, float]:
    """x, y and heading on the place's map (m, m, rad)."""
    return (-pose.x, pose.y, wrap(math.pi - pose.heading)) if mirrored else (pose.x, pose.y, pose.heading)


def along(box: AnnotatedBox) -> float:
    """A box's forward speed in m/s, not below 0."""
    x, y = box.pose.turn[:2, 0] / max(1e-9, float(np.hypot(*box.pose.turn[:2, 0])))
    return max(0.0, float(box.velocity[0] * x + box.velocity[1] * y))


def conditions(description: str) -> Control:
    """Weather and time of day in a scene's description, by our names (`rain_2`, `dusk`) or in words; else a clear day."""
    words = description.lower()
    weathers = [(name.name.lower(), name) for name in Weather] + list(WEATHERS)
    times = [(name.name.lower(), name) for name in TimeOfDay if name != TimeOfDay.DAY] + list(TIMES)
    weather = next((value for word, value in weathers if re.search(rf"\b({word})\b", words)), Weather.CLEAR)
    time = next((value for word, value in times if re.search(rf"\b({word})\b", words)), TimeOfDay.DAY)
    return Control(weather=int(weather), time=int(time))


def crop_for_rig(picture: CameraImage, size: tuple[int, int], mirrored: bool) -> tuple[Rig, tuple[int, int, int, int]]:
    """The camera's mount on our car, and the part of the picture that it sees: left, upper, right, lower in pixels.

    size: the picture's (width, height); the box lies in the mirrored picture where the map is mirrored. Our cameras
    have a centred principal point, so the longer side is cropped. DataError for a camera that a Rig cannot describe.
    """
    ego, (width, height) = picture.ego, size
    over = np.array([-1.0, 1.0, 1.0]) if mirrored else np.ones(3)
    turn = over[:, None] * (ego.turn @ picture.axes) * over
    eye = over * (ego.turn @ picture.eye)
    heading = flat(ego, mirrored)[2]
    cos, sin = math.cos(heading), math.sin(heading)
    back = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    (ahead, left, up), axes = back @ eye, back @ turn
    right, _, forward = axes.T
    yaw, pitch = math.atan2(forward[1], forward[0]), math.asin(max(-1.0, min(1.0, float(forward[2]))))
    level = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    roll = math.atan2(float(right @ np.cross(forward, level)), float(right @ level))
    focal, x, y = picture.matrix[0, 0], picture.matrix[0, 2], picture.matrix[1, 2]
    x = width - x if mirrored else x
    half, high = min(x, width - x), min(y, height - y)
    left_edge, upper, right_edge, lower = (round(float(value)) for value in (x - half, y - high, x + half, y + high))
    fov = 2 * math.atan(half / focal)
    rig = Rig(
        width=right_edge - left_edge,
        height=lower - upper,
        fov=round(math.degrees(fov), 4),
        ahead=round(float(ahead), 4),
        left=round(float(left), 4),
        up=round(float(up), 4),
        yaw=round(math.degrees(yaw), 4),
        pitch=round(math.degrees(pitch), 4),
        roll=round(math.degrees(roll), 4),
    )
    return rig, (left_edge, upper, right_edge, lower)
