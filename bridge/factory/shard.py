"""The ground truth of a painted clip's pictures as a WebDataset shard, made while they are painted so that nothing is drawn twice."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from bridge.factory.jobs import Take
from world.labels.cameras import CameraSet
from world.labels.formats.webdataset import Shard
from world.labels.formats.writer import DriveInfo
from world.labels.record import record
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.state import SceneState

CAMERA = "front"
MEMBERS = (
    "jpg",
    "depth.npy",
    "semantic.png",
    "instance.npy",
)  # files a picture; flow is left to `lucidrive export clip`
BYTES_A_PIXEL = 8.0  # of a shard, at most


def draw_labelled(
    take: Take, stem: str, states: Sequence[SceneState], rig: Rig, renderer: Renderer
) -> tuple[list[np.ndarray], bytes]:
    """The pictures uint8 [H, W, 3] of a drive's states, as `Renderer.draw` makes them, and the bytes of their shard; deterministic."""
    cameras, pictures, buffer = CameraSet(CAMERA, {CAMERA: rig}), list[np.ndarray](), io.BytesIO()
    drive = DriveInfo(
        stem.replace(".", "-"), states[0].places[0], take.job.scenario.text or take.job.scenario.line, take.seed
    )
    with Shard(buffer, drive, cameras, MEMBERS) as shard:
        for index, state in enumerate(states):
            one = record(index, state, cameras, renderer, first=states[0])
            pictures.append(one.views[CAMERA].picture)
            shard.add(one)
    return pictures, buffer.getvalue()
