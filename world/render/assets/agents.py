"""Meshes of road users: a cached template for each kind, build, detail and gait, coloured, lit and placed for one moment."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from world.render.assets import animals, obstacles, people, vehicles
from world.render.assets.looks import role_tables
from world.render.assets.solids import Template
from world.render.mesh import Mesh, empty
from world.scene.objects import SIZES, VEHICLES, Kind

REACH = 160.0  # m; whoever is farther is not drawn
BEHIND = 25.0  # m; whoever is farther behind the camera is not drawn (nearer ones still throw shadows)
_NEAR, _MIDDLE = 26.0, 62.0  # m; up to where detail is 2 and 1; road users of vehicles' size
_SMALL = 0.6  # the same for people and things, times this


@njit(cache=True)
def _place(
    position,
    normal,
    role,
    material,
    tint,
    role_material,
    role_tint,
    pose,
    first,
    out_position,
    out_normal,
    out_material,
    out_tint,
):
    """Writes a template's triangles from row `first` on. pose float32 [8]: cos, sin, x, y, z, scale along x, y and z."""
    cos, sin, x, y, z = pose[0], pose[1], pose[2], pose[3], pose[4]
    sx, sy, sz = pose[5], pose[6], pose[7]
    one = np.float32(1.0)
    ix, iy, iz = one / sx, one / sy, one / sz
    for t in range(len(role)):
        row = first + t
        for k in range(3):
            px, py = position[t, k, 0] * sx, position[t, k, 1] * sy
            out_position[row, k, 0] = px * cos - py * sin + x
            out_position[row, k, 1] = px * sin + py * cos + y
            out_position[row, k, 2] = position[t, k, 2] * sz + z
            nx, ny, nz = normal[t, k, 0] * ix, normal[t, k, 1] * iy, normal[t, k, 2] * iz
            scale = one / np.sqrt(nx * nx + ny * ny + nz * nz)
            out_normal[row, k, 0] = (nx * cos - ny * sin) * scale
            out_normal[row, k, 1] = (nx * sin + ny * cos) * scale
            out_normal[row, k, 2] = nz * scale
        who = role[t]
        out_material[row] = role_material[who] if role_material[who] >= 0 else material[t]
        for k in range(3):
            out_tint[row, k] = role_tint[who, k] if who > 0 else tint[t, k]


def gait(agent: np.void) -> int:
    """The bucket of an agent's gait by the metres it has moved; STANDING when it stands still."""
    kind = Kind(int(agent["kind"]))
    if kind is Kind.BICYCLE:
        return int(agent["phase"] / people.PEDAL * people.GAITS) % people.GAITS
    if agent["speed"] < 0.15:
        return people.STANDING
    stride = people.STRIDE * float(agent["height"]) / 1.75
    if kind is Kind.DOG:
        stride = 0.9
    elif kind is Kind.DEER:
        stride = 2.2
    return int(agent["phase"] / stride * people.GAITS) % people.GAITS


def template(agent: np.void, detail: int) -> tuple[Template, Size] | None:
    """The template of an AGENT before colours, and its size; None for an empty slot."""
    kind, look = Kind(int(agent["kind"])), abs(int(agent["look"]))
    if kind is Kind.BICYCLE:
        return people.cyclist(gait(agent), detail), SIZES[kind]
    if kind in VEHICLES:
        return vehicles.vehicle(kind, look // 16 % 3 if kind is Kind.CAR else 0, detail), SIZES[kind]
    if kind in (Kind.PERSON, Kind.CHILD):
        skirt = kind is Kind.PERSON and look // 7 % 4 == 0
        return people.person(gait(agent), detail, skirt, kind is Kind.CHILD), SIZES[Kind.PERSON]
    if kind is Kind.DOG:
        return animals.dog(gait(agent), detail), SIZES[kind]
    if kind is Kind.DEER:
        return animals.deer(gait(agent), detail, look % 2 == 0), SIZES[kind]
    return (obstacles.THINGS[kind](look, detail), SIZES[kind]) if kind in obstacles.THINGS else None


def _room(count: int, uv: np.ndarray | None = None) -> Mesh:
    """An uninitialised mesh of `count` triangles."""
    f = np.float32
    return Mesh(
        np.empty((count, 3, 3), f),
        np.empty((count, 3, 3), f),
        np.empty((count, 3, 2), f) if uv is None else uv,
        np.empty(count, np.int32),
        np.empty((count, 3), f),
    )


Tables = tuple[np.ndarray, np.ndarray]
Size = tuple[float, float, float]


def _put(out: Mesh, first: int, thing: np.void, model: Template, size: Size, tables: Tables, z: float) -> None:
    """Colours and places the template of an AGENT or a PROP in `out` from row `first` on (all but uv)."""
    heading = float(thing["heading"])
    scale = thing["length"] / size[0], thing["width"] / size[1], thing["height"] / size[2]
    pose = np.array([math.cos(heading), math.sin(heading), thing["x"], thing["y"], z, *scale], np.float32)
    mesh = model.mesh
    _place(
        mesh.position,
        mesh.normal,
        model.role,
        mesh.material,
        mesh.tint,
        *tables,
        pose,
        first,
        out.position,
        out.normal,
        out.material,
        out.tint,
    )


def _tables(agent: np.void, seconds: float) -> Tables:
    return role_tables(int(agent["kind"]), int(agent["look"]), int(agent["lights"]), int(agent["id"]), seconds)


def agent_mesh(agent: np.void, detail: int, seconds: float = 0.0, z: float = 0.0) -> Mesh:
    """One AGENT in world coordinates, empty for an empty slot. detail: 0 (far) to 2; seconds: time, for blinking lights; z: height of the ground."""
    model_and_size = template(agent, detail)
    if model_and_size is None:
        return empty()
    model, size = model_and_size
    out = _room(len(model.role), model.mesh.uv)
    _put(out, 0, agent, model, size, _tables(agent, seconds), z)
    return out


def detail_at(kind: int, distance: float) -> int:
    """The level of detail of a road user at a distance (m)."""
    scale = 1.0 if Kind(kind) in VEHICLES and kind != Kind.BICYCLE else _SMALL
    return 2 if distance < _NEAR * scale else 1 if distance < _MIDDLE * scale else 0


def agents_mesh(
    agents: np.ndarray, eye_x: float, eye_y: float, seconds: float, heading: float | None = None
) -> tuple[Mesh, np.ndarray]:
    """All of AGENT [A] within REACH as one mesh, and the instance of each triangle, int32 [T]: -id - 1.

    heading: of the camera (rad); leaves out agents far behind it.
    """
    away_x, away_y = agents["x"] - eye_x, agents["y"] - eye_y
    distance = np.hypot(away_x, away_y)
    near = (agents["kind"] != Kind.NONE) & (distance < REACH)
    if heading is not None:
        near &= away_x * math.cos(heading) + away_y * math.sin(heading) > -BEHIND
    rows = []
    for index in np.flatnonzero(near):
        agent = agents[index]
        model_and_size = template(agent, detail_at(int(agent["kind"]), float(distance[index])))
        if model_and_size is not None:
            rows.append((agent, *model_and_size))
    counts = [len(model.role) for _, model, _ in rows]
    if not counts:
        return empty(), np.zeros(0, np.int32)
    out = _room(sum(counts), np.concatenate([model.mesh.uv for _, model, _ in rows]))
    first = 0
    for (agent, model, size), count in zip(rows, counts, strict=True):
        _put(out, first, agent, model, size, _tables(agent, seconds), 0.0)
        first += count
    instance = np.repeat(np.array([-int(agent["id"]) - 1 for agent, _, _ in rows], np.int32), counts)
    return out, instance


def parked_mesh(prop: np.void, detail: int = 1) -> Mesh:
    """A parked car or van (a PROP of a vehicle's kind) in world coordinates, without lights."""
    kind, look = Kind(int(prop["kind"])), abs(int(prop["look"]))
    model = vehicles.vehicle(kind, look // 16 % 3 if kind is Kind.CAR else 0, detail)
    out = _room(len(model.role), model.mesh.uv)
    _put(out, 0, prop, model, SIZES[kind], role_tables(int(kind), int(prop["look"]), 0, 0, 0.0), float(prop["z"]))
    return out
