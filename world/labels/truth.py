"""Ground truth of one picture: depth, classes, instances, boxes in the picture and in the world, flow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.labels.classes import AGENT_BASE, PROP_BASE, semantic
from world.labels.tracks import EDGES, PARKED, SIGHT, Track, mesh_of, tracks_of
from world.render.camera import View
from world.render.renderer import Renderer, Shot
from world.scene.objects import Kind
from world.scene.state import SceneState

NEAR = 0.1  # m in front of the camera at which boxes are cut


@dataclass(frozen=True, slots=True)
class Box:
    """A visible road user or parked vehicle.

    seen: left, top, right, bottom of its visible pixels; whole: likewise of its box in the world, cut at the picture's edges (pixels, right and
    bottom beyond the last). visible: share of its pixels in the picture that nothing hides.
    """

    track: Track
    seen: tuple[int, int, int, int]
    whole: tuple[float, float, float, float]
    visible: float


@dataclass(frozen=True, eq=False)
class Truth:
    """depth float32 [H, W]: m along the camera's axis (of a fisheye along the ray), infinite for the sky; semantic uint8 [H, W]: Cityscapes'
    label ids; instance int32 [H, W]: a track's number + 1, 0 for none; flow float32 [H, W, 2]: pixels, right and down, to where the point was in
    the picture before; scene_flow float32 [H, W, 3]: m that the point moved since, in the world; both zero without one. boxes: nearest first.
    """

    depth: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    flow: np.ndarray
    scene_flow: np.ndarray
    boxes: tuple[Box, ...]


def truth_of(
    shot: Shot, state: SceneState, renderer: Renderer, row: int = 0, before: SceneState | None = None
) -> Truth:
    """The ground truth of a shot of the state; its flow is since `before`, the argument of the shot."""
    there = tracks_of(state, row, SIGHT)
    depth, classes, instance, scene_flow = layers(shot, state, there, row, before)
    visible = seen_of(there, instance)
    wholes = renderer.alone([mesh_of(track, state, row) for track in visible], shot.view)
    boxes = []
    for track, pixels in zip(visible, wholes, strict=True):
        outline = projected(track.corners(), shot.view)
        if outline is not None:
            pixels_box, count = bounds(instance == track.number + 1)
            boxes.append(Box(track, pixels_box, outline, min(1.0, count / max(1.0, pixels))))
    eye = shot.view.eye[:2]
    boxes.sort(key=lambda box: math.dist(box.track.centre[:2], eye))
    return Truth(depth, classes, instance, shot.gbuffer.motion, scene_flow, tuple(boxes))


def seen_of(tracks: Sequence[Track], instance: np.ndarray) -> list[Track]:
    """Tracks with a pixel in a picture of instances [H, W]."""
    there = set(np.unique(instance).tolist())
    return [track for track in tracks if track.number + 1 in there]


def layers(
    shot: Shot, state: SceneState, tracks: Sequence[Track], row: int = 0, before: SceneState | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """depth, semantic, instance and scene_flow of a `Truth`."""
    g, place, agents = shot.gbuffer, state.places[row], state.agents[row]
    depth = np.where(g.sharp > 0, 1.0 / np.maximum(g.sharp, 1e-9), np.inf).astype(np.float32)
    instance = np.zeros(g.instance.shape, np.int32)
    moving = g.instance < 0
    standing = np.isin(g.instance, [PROP_BASE + track.number - PARKED for track in tracks if track.prop >= 0])
    instance[moving] = AGENT_BASE - g.instance[moving] + 1
    instance[standing] = g.instance[standing] - PROP_BASE + PARKED + 1
    points = points_of(shot.view, depth)
    scene_flow = _scene_flow(points, instance, agents, before.agents[row] if before is not None else None)
    return depth, semantic(g.surface, g.instance, points[..., 2], agents, place), instance, scene_flow


def bounds(mask: np.ndarray) -> tuple[tuple[int, int, int, int], int]:
    """left, top, right, bottom of a mask [H, W] that is not empty, and its number of pixels."""
    rows, columns = np.nonzero(mask)
    return (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1), len(rows)


def projected(points: np.ndarray, view: View) -> tuple[float, float, float, float] | None:
    """left, top, right, bottom of a box's corners [8, 3], cut at the picture's edges; None where it lies outside or behind."""
    in_camera = (points - view.eye) @ view.axes.T
    # Edges that cross the camera's near plane are cut there.
    parts = [in_camera[in_camera[:, 2] >= NEAR]]
    for i, j in EDGES:
        a, b = in_camera[i], in_camera[j]
        if (a[2] < NEAR) != (b[2] < NEAR):
            parts.append((a + (b - a) * (NEAR - a[2]) / (b[2] - a[2]))[None])
    inside = np.concatenate(parts)
    if not len(inside):
        return None
    x = view.focal * inside[:, 0] / inside[:, 2] + view.width / 2
    y = view.focal * inside[:, 1] / inside[:, 2] + view.height / 2
    return cut(x, y, view.width, view.height)


def cut(x: np.ndarray, y: np.ndarray, width: int, height: int) -> tuple[float, float, float, float] | None:
    """The rectangle round pixels, cut at the picture's edges; None where it is outside."""
    left, right = np.clip([x.min(), x.max()], 0, width)
    top, bottom = np.clip([y.min(), y.max()], 0, height)
    return None if right <= left or bottom <= top else (float(left), float(top), float(right), float(bottom))


def points_of(view: View, depth: np.ndarray) -> np.ndarray:
    """Every pixel's point in the world, float64 [H, W, 3]; infinite for the sky."""
    height, width = depth.shape
    u = (np.arange(width) + 0.5 - width / 2) / view.focal
    v = (np.arange(height) + 0.5 - height / 2) / view.focal
    rays = view.axes[2] + u[None, :, None] * view.axes[0] + v[:, None, None] * view.axes[1]
    return np.asarray(view.eye + rays * depth[..., None].astype(np.float64))


def _scene_flow(points: np.ndarray, instance: np.ndarray, now: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    out = np.zeros(points.shape, np.float32)
    if before is None:
        return out
    earlier = {int(one["id"]): one for one in before[before["kind"] != int(Kind.NONE)]}
    for one in now[(now["kind"] != int(Kind.NONE)) & np.isin(now["id"], np.unique(instance) - 1)]:
        mine, was = instance == int(one["id"]) + 1, earlier.get(int(one["id"]))
        if was is None:
            continue
        turn = float(was["heading"] - one["heading"])
        offset = points[mine][:, :2] - (one["x"], one["y"])
        cos, sin = math.cos(turn), math.sin(turn)
        there = np.stack([offset[:, 0] * cos - offset[:, 1] * sin, offset[:, 0] * sin + offset[:, 1] * cos], 1)
        out[mine, :2] = points[mine][:, :2] - np.add(there, (was["x"], was["y"]))
    return out
