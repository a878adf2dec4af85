"""What an agent in `lucidrive/Dream-v0` sees through several cameras: a picture each, and what is true of it."""

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

LIMITS: dict[str, tuple[float, Any]] = {  # of a Truth: what there is of it, the most that it says, and as what
    "depth": (np.inf, np.float32),
    "semantic": (255, np.uint8),
    "instance": (2**31 - 1, np.int32),
}


@dataclass(frozen=True)
class Cameras:
    """A set on our car; labels: whether depth, classes and instances come with every picture. A moment is seen in every step, whatever the set's rate."""

    several: CameraSet
    labels: bool = False

    @classmethod
    def of(cls, rig: str | Path | CameraSet, labels: bool = False) -> Cameras:
        """A preset's name, a YAML file's path, or a set. DataError for none of these."""
        return cls(rig if isinstance(rig, CameraSet) else camera_set(str(rig)), labels)

    def space(self) -> Dict:
        """CAMERA: uint8 [H, W, 3]; with labels CAMERA.depth float32, CAMERA.semantic uint8, CAMERA.instance int32 [H, W]."""
        found: dict[str, Space[Any]] = {}
        for name, camera in self.several.cameras.items():
            size = camera.height, camera.width
            found[name] = Box(0, 255, (*size, 3), np.uint8)
            if self.labels:
                found |= {f"{name}.{label}": Box(0, most, size, kind) for label, (most, kind) in LIMITS.items()}
        return Dict(found)

    def look(self, state: SceneState, renderer: Renderer) -> dict[str, np.ndarray]:
        """An element of the space."""
        found: dict[str, np.ndarray] = {}
        for name, camera in self.several.cameras.items():
            if isinstance(camera, Rig) and not self.labels:
                found[name] = renderer.draw(state, camera)
                continue
            seen = see(camera, state, renderer)
            found[name] = seen.picture
            if self.labels:
                found |= {f"{name}.{label}": getattr(seen.truth, label) for label in LIMITS}
        return found
