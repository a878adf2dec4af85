"""Ground truth of one picture: depth, classes, instances, boxes in the picture and in the world, flow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.labels.classes import AGENT_BASE, PROP_BASE, semantic
from world.render.assets.agents import agents_mesh, parked_mesh
from world.render.camera import View
from world.render.mesh import Mesh
from world.render.renderer import Renderer, Shot
from world.scene.objects import SIZES, VEHICLES, Kind
from world.scene.state import SceneState

PARKED = 1 << 28  # a parked vehicle's track is that and its index among what stands
NEAR = 0.1  # m before the camera from which on a box is drawn


@dataclass(frozen=True, slots=True)
class Box:
    """A road user or a thing on the road that can be seen.

    track: its number, the same while the drive lasts; kind: its class. seen: left, top, right, bottom of its visible pixels; whole: likewise of
    its box in the world, cut at the picture's edges (pixels, right and bottom beyond the last). visible: share of its own pixels in the
    picture that nothing hides. centre (x, y, z), size (length, width, height), heading, velocity (x, y): m, rad and m/s in the world.
    """

    track: int
    kind: Kind
    seen: tuple[int, int, int, int]
    whole: tuple[float, float, float, float]
    visible: float
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    heading: float
    velocity: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Truth:
    """depth float32 [H, W]: m along the camera's axis, infinite for the sky; semantic uint8 [H, W]: Cityscapes' label ids; instance int32
    [H, W]: a box's track + 1, 0 for none; flow float32 [H, W, 2]: pixels, right and down, to where the point was in the picture before;
    scene_flow float32 [H, W, 3]: m that the point moved since, in the world; both zero without one. boxes: nearest first."""

    view: View
    depth: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    flow: np.ndarray
    scene_flow: np.ndarray
    boxes: tuple[Box, ...]


def truth_of(
    shot: Shot, state: SceneState, renderer: Renderer, row: int = 0, before: SceneState | None = None
) -> Truth:
    """Of a shot of the state; its flow is since `before`, which is what the shot was given."""
    g = shot.gbuffer
    place, agents, ego = state.places[row], state.agents[row], state.ego[row]
    things = _things(agents, place.props)
    depth = np.where(g.inverse_depth > 0, 1.0 / np.maximum(g.inverse_depth, 1e-9), np.inf).astype(np.float32)
    instance = np.zeros(g.instance.shape, np.int32)
    moving, standing = (
        g.instance < 0,
        np.isin(g.instance, [PROP_BASE + thing.prop for thing in things if thing.prop >= 0]),
    )
    instance[moving] = AGENT_BASE - g.instance[moving] + 1
    instance[standing] = g.instance[standing] - PROP_BASE + PARKED + 1
    there = np.unique(instance)
    shown = [thing for thing in things if thing.track + 1 in there]
    seconds = 0.1 * float(state.clock[row])
    meshes = [_mesh(thing, agents, place.props, ego, seconds) for thing in shown]
    boxes = [
        _box(thing, shot.view, instance, whole)
        for thing, whole in zip(shown, renderer.alone(meshes, shot.view), strict=True)
    ]
    found = sorted(
        (box for box in boxes if box is not None), key=lambda box: math.dist(box.centre[:2], shot.view.eye[:2])
    )
    moved = _scene_flow(shot.view, depth, instance, agents, before.agents[row] if before is not None else None)
    classes = semantic(g.surface, g.instance, points_of(shot.view, depth)[..., 2], agents, place.props)
    return Truth(shot.view, depth, classes, instance, g.motion, moved, tuple(found))


@dataclass(frozen=True, slots=True)
class _Thing:
    """What has a box. agent, prop: its row among those, -1 for none."""

    track: int
    kind: Kind
    x: float
    y: float
    z: float
    heading: float
    size: tuple[float, float, float]
    speed: float
    agent: int = -1
    prop: int = -1


def _things(agents: np.ndarray, props: np.ndarray) -> list[_Thing]:
    """Whoever is on the road, and parked vehicles."""
    out = []
    for index in np.flatnonzero(agents["kind"] != int(Kind.NONE)):
        one = agents[index]
        size = (float(one["length"]), float(one["width"]), float(one["height"]))
        pose = float(one["x"]), float(one["y"]), 0.0, float(one["heading"])
        out.append(_Thing(int(one["id"]), Kind(int(one["kind"])), *pose, size, float(one["speed"]), agent=int(index)))
    for index in np.flatnonzero(np.isin(props["kind"], [int(kind) for kind in VEHICLES])):
        one, kind = props[index], Kind(int(props["kind"][index]))
        pose = float(one["x"]), float(one["y"]), float(one["z"]), float(one["heading"])
        out.append(_Thing(PARKED + int(index), kind, *pose, SIZES[kind], 0.0, prop=int(index)))
    return out


def _mesh(thing: _Thing, agents: np.ndarray, props: np.ndarray, ego: np.void, seconds: float) -> Mesh:
    if thing.prop >= 0:
        return parked_mesh(props[thing.prop])
    one = agents[thing.agent : thing.agent + 1]
    return agents_mesh(one, float(ego["x"]), float(ego["y"]), seconds)[0]


def _box(thing: _Thing, view: View, instance: np.ndarray, whole: float) -> Box | None:
    """None where it lies outside the picture. whole: pixels of it in the picture if nothing hid it."""
    rows, columns = np.nonzero(instance == thing.track + 1)
    outline = projected(corners(thing), view)
    if outline is None:
        return None
    length, width, height = thing.size
    return Box(
        track=thing.track,
        kind=thing.kind,
        seen=(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1),
        whole=outline,
        visible=min(1.0, len(rows) / max(1.0, whole)),
        centre=(thing.x, thing.y, thing.z + height / 2),
        size=(length, width, height),
        heading=thing.heading,
        velocity=(thing.speed * math.cos(thing.heading), thing.speed * math.sin(thing.heading)),
    )


def corners(box: Box | _Thing) -> np.ndarray:
    """Of a box, float64 [8, 3], in the world."""
    x, y, foot = (*box.centre[:2], box.centre[2] - box.size[2] / 2) if isinstance(box, Box) else (box.x, box.y, box.z)
    ahead, aside, up = np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [0.0, 1.0], indexing="ij")
    ahead, aside = ahead.ravel() * box.size[0], aside.ravel() * box.size[1]
    cos, sin = math.cos(box.heading), math.sin(box.heading)
    return np.stack([x + ahead * cos - aside * sin, y + ahead * sin + aside * cos, foot + up.ravel() * box.size[2]], 1)


def projected(points: np.ndarray, view: View) -> tuple[float, float, float, float] | None:
    """left, top, right, bottom of a box's corners [8, 3], cut at the picture's edges; None where it lies outside or behind."""
    seen = (points - view.eye) @ view.axes.T
    # Edges that run past the camera are cut where they come before it.
    ends = [(i, j) for i in range(8) for j in range(i + 1, 8) if (i ^ j).bit_count() == 1]
    kept = [seen[seen[:, 2] >= NEAR]]
    for i, j in ends:
        a, b = seen[i], seen[j]
        if (a[2] < NEAR) != (b[2] < NEAR):
            kept.append((a + (b - a) * (NEAR - a[2]) / (b[2] - a[2]))[None])
    inside = np.concatenate(kept)
    if not len(inside):
        return None
    x = view.focal * inside[:, 0] / inside[:, 2] + view.width / 2
    y = view.focal * inside[:, 1] / inside[:, 2] + view.height / 2
    left, right = np.clip([x.min(), x.max()], 0, view.width)
    top, bottom = np.clip([y.min(), y.max()], 0, view.height)
    return None if right <= left or bottom <= top else (float(left), float(top), float(right), float(bottom))


def points_of(view: View, depth: np.ndarray) -> np.ndarray:
    """Where every pixel's point lies in the world, float64 [H, W, 3]; infinite for the sky."""
    height, width = depth.shape
    u = (np.arange(width) + 0.5 - width / 2) / view.focal
    v = (np.arange(height) + 0.5 - height / 2) / view.focal
    rays = view.axes[2] + u[None, :, None] * view.axes[0] + v[:, None, None] * view.axes[1]
    return np.asarray(view.eye + rays * depth[..., None].astype(np.float64))


def _scene_flow(
    view: View, depth: np.ndarray, instance: np.ndarray, now: np.ndarray, before: np.ndarray | None
) -> np.ndarray:
    out = np.zeros((*depth.shape, 3), np.float32)
    if before is None:
        return out
    earlier = {int(one["id"]): one for one in before[before["kind"] != int(Kind.NONE)]}
    points = points_of(view, depth)
    for one in now[now["kind"] != int(Kind.NONE)]:
        mine, was = instance == int(one["id"]) + 1, earlier.get(int(one["id"]))
        if was is None or not mine.any():
            continue
        turn = float(was["heading"] - one["heading"])
        offset = points[mine][:, :2] - (one["x"], one["y"])
        cos, sin = math.cos(turn), math.sin(turn)
        there = np.stack([offset[:, 0] * cos - offset[:, 1] * sin, offset[:, 0] * sin + offset[:, 1] * cos], 1)
        out[mine, :2] = points[mine][:, :2] - np.add(there, (was["x"], was["y"]))
    return out
