"""Observations of `lucidrive/Dream-v0` by several cameras: pictures and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Space

from world.labels.cameras import CameraSet, camera_set
from world.labels.record import see
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.state import SceneState

LIMITS: dict[str, tuple[float, Any]] = {  # labels of a Truth: greatest value and type
    "depth": (np.inf, np.float32),
    "semantic": (255, np.uint8),
    "instance": (2**31 - 1, np.int32),
}


@dataclass(frozen=True)
class Cameras:
    """A camera set on our car, observed in every step at any rate of the set; labels: whether to add depth, classes and instances."""

    several: CameraSet
    labels: bool = False

    @classmethod
    def of(cls, rig: str | Path | CameraSet, labels: bool = False) -> Cameras:
        """The cameras of a preset's name, a YAML file's path, or a set. DataError for anything else."""
        return cls(rig if isinstance(rig, CameraSet) else camera_set(str(rig)), labels)

    def space(self) -> Dict:
        """The observation space. CAMERA: uint8 [H, W, 3]; with labels CAMERA.depth float32, CAMERA.semantic uint8, CAMERA.instance int32 [H, W]."""
        spaces: dict[str, Space[Any]] = {}
        for name, camera in self.several.cameras.items():
            size = camera.height, camera.width
            spaces[name] = Box(0, 255, (*size, 3), np.uint8)
            if self.labels:
                spaces |= {f"{name}.{label}": Box(0, most, size, kind) for label, (most, kind) in LIMITS.items()}
        return Dict(spaces)

    def look(self, state: SceneState, renderer: Renderer) -> dict[str, np.ndarray]:
        """The observation of a state (a batch of one), an element of `space`."""
        arrays: dict[str, np.ndarray] = {}
        for name, camera in self.several.cameras.items():
            if isinstance(camera, Rig) and not self.labels:
                arrays[name] = renderer.draw(state, camera)
                continue
            view = see(camera, state, renderer)
            arrays[name] = view.picture
            if self.labels:
                arrays |= {f"{name}.{label}": getattr(view.truth, label) for label in LIMITS}
        return arrays
