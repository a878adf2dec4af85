"""A fisheye's picture and ground truth, resampled from pinhole pictures (`world.labels.fisheye`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.labels.fisheye import Fisheye, Sides, axes_of, project, rig_of, sides
from world.labels.tracks import EDGES, SIGHT, Track, mesh_of, tracks_of
from world.labels.truth import Box, Truth, bounds, cut, layers, seen_of
from world.render.renderer import Renderer, Shot
from world.scene.state import SceneState

ALONG = np.linspace(0.0, 1.0, 9)[:, None]  # of an edge, which a fisheye bends


@dataclass(frozen=True, eq=False)
class FisheyePose:
    """A fisheye in the world. eye float64 [3]; axes float64 [3, 3]: right, down, forward as rows."""

    eye: np.ndarray
    axes: np.ndarray


def pose(camera: Fisheye, x: float, y: float, heading: float) -> FisheyePose:
    """The camera's pose when the rear axle is at (x, y)."""
    cos, sin = math.cos(heading), math.sin(heading)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    eye = turn @ [camera.ahead, camera.left, camera.up] + [x, y, 0.0]
    return FisheyePose(eye, axes_of(camera) @ turn.T)


def wide(
    camera: Fisheye, state: SceneState, renderer: Renderer, row: int = 0, before: SceneState | None = None
) -> tuple[np.ndarray, Truth]:
    """A fisheye's picture uint8 [H, W, 3] and ground truth; flow is since `before`."""
    mapping, own = sides(camera), axes_of(camera)
    shots = [
        renderer.shot(state, rig_of(camera, axes @ own, mapping.size), row, before=before) for axes in mapping.axes
    ]
    there = tracks_of(state, row, SIGHT)
    parts = [layers(shot, state, there, row, before) for shot in shots]
    depth, classes, instance, scene_flow = (_nearest(mapping, [one[k] for one in parts]) for k in range(4))
    # Depth along the ray instead of along each side's axis.
    forward = np.stack([mapping.rays @ axes[2] for axes in mapping.axes], -1)
    share = np.take_along_axis(forward, np.maximum(mapping.which, 0)[..., None], -1)[..., 0]
    depth = np.where(mapping.which >= 0, depth / np.maximum(share, 1e-6), np.inf).astype(np.float32)
    here = pose(camera, *_place(state, row))
    flow = np.zeros((*depth.shape, 2), np.float32)
    if before is not None:
        flow = _flow(camera, here, pose(camera, *_place(before, row)), mapping, depth, scene_flow)
    visible = seen_of(there, instance)
    boxes = _boxes(camera, here, visible, instance, _visible(visible, shots, parts, state, renderer, row))
    return _picture(mapping, shots), Truth(depth, classes, instance, flow, scene_flow, boxes)


def _place(state: SceneState, row: int) -> tuple[float, float, float]:
    ego = state.ego[row]
    return float(ego["x"]), float(ego["y"]), float(ego["heading"])


def points_of(camera: Fisheye, here: FisheyePose, depth: np.ndarray) -> np.ndarray:
    """Every pixel's point in the world, float64 [H, W, 3]; infinite for the sky."""
    with np.errstate(invalid="ignore"):
        return np.asarray(here.eye + (sides(camera).rays @ here.axes) * depth[..., None].astype(np.float64))


def _nearest(mapping: Sides, pictures: list[np.ndarray]) -> np.ndarray:
    """Labels of the nearest pixels; zero beyond the limit."""
    stack = np.stack(pictures)
    last = mapping.size - 1
    x, y = (np.clip(np.floor(where), 0, last).astype(int) for where in (mapping.x, mapping.y))
    out = stack[np.maximum(mapping.which, 0), y, x]
    out[mapping.which < 0] = 0
    return out


def _picture(mapping: Sides, shots: list[Shot]) -> np.ndarray:
    """The picture by bilinear interpolation; black beyond the limit."""
    stack = np.stack([shot.picture for shot in shots]).astype(np.float32)
    last, which = mapping.size - 1, np.maximum(mapping.which, 0)
    x, y = (np.clip(where - 0.5, 0, last) for where in (mapping.x, mapping.y))
    left, top = np.minimum(x.astype(int), last - 1), np.minimum(y.astype(int), last - 1)
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    upper = stack[which, top, left] * (1 - fx) + stack[which, top, left + 1] * fx
    lower = stack[which, top + 1, left] * (1 - fx) + stack[which, top + 1, left + 1] * fx
    out = np.round(upper * (1 - fy) + lower * fy).astype(np.uint8)
    out[mapping.which < 0] = 0
    return out


def _flow(
    camera: Fisheye, here: FisheyePose, then: FisheyePose, mapping: Sides, depth: np.ndarray, scene_flow: np.ndarray
) -> np.ndarray:
    """Flow float32 [H, W, 2] to every point's previous position; the sky's by rotation alone."""
    far = ~np.isfinite(depth)
    was = points_of(camera, here, np.where(far, np.float32(1e6), depth)) - scene_flow
    pixels, inside = project(camera, ((was - then.eye) @ then.axes.T).reshape(-1, 3))
    height, width = depth.shape
    middle = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    flow = (pixels.reshape(height, width, 2) - middle).astype(np.float32)
    flow[(mapping.which < 0) | ~inside.reshape(height, width)] = 0
    return flow


def _visible(
    tracks: list[Track],
    shots: list[Shot],
    parts: Sequence[tuple[np.ndarray, ...]],
    state: SceneState,
    renderer: Renderer,
    row: int,
) -> list[float]:
    """The visible share of each track, in the sides' pixels."""
    meshes = [mesh_of(track, state, row) for track in tracks]
    whole = np.sum([renderer.alone(meshes, shot.view) for shot in shots], axis=0) if tracks else []
    mine = [sum((one[2] == track.number + 1).sum() for one in parts) for track in tracks]
    return [min(1.0, float(count / max(1.0, pixels))) for count, pixels in zip(mine, whole, strict=True)]


def _boxes(
    camera: Fisheye, here: FisheyePose, tracks: list[Track], instance: np.ndarray, visible: list[float]
) -> tuple[Box, ...]:
    out = []
    for track, share in zip(tracks, visible, strict=True):
        corners = track.corners()
        edges = np.concatenate([corners[i] + (corners[j] - corners[i]) * ALONG for i, j in EDGES])
        pixels, inside = project(camera, (edges - here.eye) @ here.axes.T)
        if not inside.any():
            continue
        whole = cut(pixels[inside, 0], pixels[inside, 1], camera.width, camera.height)
        if whole is not None:
            out.append(Box(track, bounds(instance == track.number + 1)[0], whole, share))
    return tuple(sorted(out, key=lambda box: math.dist(box.track.centre[:2], here.eye[:2])))
