"""Tracks: every road user and parked vehicle, visible or not, as a box in the world with a unique number."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.render.assets.agents import agents_mesh, parked_mesh
from world.render.mesh import Mesh
from world.scene.objects import SIZES, VEHICLES, Kind
from world.scene.state import SceneState

SIGHT = 330.0  # m round our car, beyond the drawing distance of all tracks
PARKED = 1 << 28  # a parked vehicle's number is this plus its prop's
EDGES = tuple((i, j) for i in range(8) for j in range(i + 1, 8) if (i ^ j).bit_count() == 1)  # of a box, by its corners


@dataclass(frozen=True, slots=True)
class Track:
    """A box in the world. number: constant during the drive; centre (x, y, z), size (length, width, height): m; heading: rad; velocity (x, y):
    m/s; accel: m/s2; lights: `Lights`. agent, prop: its row among the state's agents or the place's props, -1 for none.
    """

    number: int
    kind: Kind
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    heading: float
    velocity: tuple[float, float]
    accel: float = 0.0
    lights: int = 0
    agent: int = -1
    prop: int = -1

    def corners(self) -> np.ndarray:
        """Corners float64 [8, 3] in the world; two corners whose indices differ in one bit share an edge."""
        ahead, aside, up = np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij")
        ahead, aside = ahead.ravel() * self.size[0], aside.ravel() * self.size[1]
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        x, y, z = self.centre
        return np.stack(
            [x + ahead * cos - aside * sin, y + ahead * sin + aside * cos, z + up.ravel() * self.size[2]], 1
        )


def tracks_of(state: SceneState, row: int = 0, reach: float = math.inf) -> tuple[Track, ...]:
    """Road users and parked vehicles within `reach` m of our car, nearest first."""
    agents, props, ego = state.agents[row], state.places[row].props, state.ego[row]
    numbers = state.places[row].numbers
    out = []
    there = np.hypot(agents["x"] - ego["x"], agents["y"] - ego["y"]) <= reach
    for index in np.flatnonzero(there & (agents["kind"] != int(Kind.NONE))):
        one = agents[index]
        size = (float(one["length"]), float(one["width"]), float(one["height"]))
        heading, speed = float(one["heading"]), float(one["speed"])
        out.append(
            Track(
                int(one["id"]),
                Kind(int(one["kind"])),
                (float(one["x"]), float(one["y"]), size[2] / 2),
                size,
                heading,
                (speed * math.cos(heading), speed * math.sin(heading)),
                float(one["accel"]),
                int(one["lights"]),
                agent=int(index),
            )
        )
    near = np.hypot(props["x"] - ego["x"], props["y"] - ego["y"]) <= reach
    for index in np.flatnonzero(near & np.isin(props["kind"], [int(kind) for kind in VEHICLES])):
        one, kind = props[index], Kind(int(props["kind"][index]))
        centre = float(one["x"]), float(one["y"]), float(one["z"]) + SIZES[kind][2] / 2
        number = PARKED + int(numbers[index])
        out.append(Track(number, kind, centre, SIZES[kind], float(one["heading"]), (0.0, 0.0), prop=int(index)))

    def away(track: Track) -> float:
        return math.hypot(track.centre[0] - ego["x"], track.centre[1] - ego["y"])

    return tuple(sorted(out, key=away))


def mesh_of(track: Track, state: SceneState, row: int = 0) -> Mesh:
    """The mesh with which a track is drawn."""
    if track.prop >= 0:
        return parked_mesh(state.places[row].props[track.prop])
    ego = state.ego[row]
    one = state.agents[row][track.agent : track.agent + 1]
    return agents_mesh(one, float(ego["x"]), float(ego["y"]), 0.1 * float(state.clock[row]))[0]
