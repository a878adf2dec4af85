"""The record of a moment of a drive: our car, all other road users, signals, lanes, and each camera's view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from world.controls import DT, FPS
from world.labels.cameras import Camera, CameraSet
from world.labels.fisheye import Fisheye
from world.labels.near import NearLane, Signal, drivable_near, lanes_near, signals_near
from world.labels.tracks import Track, tracks_of
from world.labels.truth import Truth, truth_of
from world.labels.wide import wide
from world.render.renderer import Renderer
from world.scene.facts import Facts, facts
from world.scene.state import SceneState

REACH = 240.0  # m round the car within which road users are in the record: beyond the distance of drawing


@dataclass(frozen=True, slots=True)
class Ego:
    """Our car: rear axle (x, y) in m, heading in rad, speed m/s, yaw rate rad/s; its controls steer and accel in [-1, 1] and Command; `Lights`."""

    x: float
    y: float
    heading: float
    speed: float
    yaw_rate: float
    steer: float
    accel: float
    command: int
    lights: int


@dataclass(frozen=True, eq=False)
class CameraRecord:
    """A camera's picture uint8 [H, W, 3] and its ground truth."""

    picture: np.ndarray
    truth: Truth


@dataclass(frozen=True, eq=False)
class Record:
    """A moment. index: of the record in its drive; seconds since its beginning; tracks: nearest first, in sight or not; lanes, drivable (polygons
    [N, 2]), signals: near the car; seen: by the camera's name. In world coordinates, m."""

    index: int
    seconds: float
    ego: Ego
    facts: Facts
    tracks: tuple[Track, ...]
    signals: tuple[Signal, ...]
    lanes: tuple[NearLane, ...]
    drivable: tuple[np.ndarray, ...]
    views: Mapping[str, CameraRecord]


def records(
    states: Sequence[SceneState],
    cameras: CameraSet,
    renderer: Renderer,
    row: int = 0,
    draw: bool = True,
    only: range | None = None,
) -> Iterator[Record]:
    """The records of a drive's states, at the cameras' rate; flow is since the previous record. draw: whether to draw pictures; only: numbers
    of the records to make (default: all)."""
    at = states[:: FPS // cameras.rate]
    for index in range(len(at)) if only is None else range(len(at))[only.start : only.stop]:
        before = at[index - 1] if index else None
        yield record(index, at[index], cameras if draw else None, renderer, row, before, states[0])


def record(
    index: int,
    state: SceneState,
    cameras: CameraSet | None,
    renderer: Renderer,
    row: int = 0,
    before: SceneState | None = None,
    first: SceneState | None = None,
) -> Record:
    """The record of a moment. first: the drive's first state, at which its seconds are 0. Without cameras it has no views."""
    named = cameras.cameras if cameras is not None else {}
    views = {name: see(camera, state, renderer, row, before) for name, camera in named.items()}
    since = int(state.clock[row]) - (int(first.clock[row]) if first is not None else 0)
    return Record(
        index,
        since * DT,
        ego_of(state, row),
        facts(state, row),
        tracks_of(state, row, REACH),
        signals_near(state, row),
        lanes_near(state, row),
        drivable_near(state, row),
        views,
    )


def ego_of(state: SceneState, row: int = 0) -> Ego:
    """Our car in one drive of the batch."""
    ego = state.ego[row]
    real = {name: float(ego[name]) for name in ("x", "y", "heading", "speed", "yaw_rate", "steer", "accel")}
    return Ego(**real, command=int(ego["command"]), lights=int(ego["lights"]))


def see(
    camera: Camera, state: SceneState, renderer: Renderer, row: int = 0, before: SceneState | None = None
) -> CameraRecord:
    """A camera's picture and ground truth; flow is since `before`."""
    if isinstance(camera, Fisheye):
        return CameraRecord(*wide(camera, state, renderer, row, before))
    shot = renderer.shot(state, camera, row, before=before)
    return CameraRecord(shot.picture, truth_of(shot, state, renderer, row, before))
