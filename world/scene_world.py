"""Scene worlds: places, networks and renderer, shared by all drives. A drive is a `SceneDream` (world/scene_dream.py).

Traffic follows rules or a model learnt from drives, the driver imitates rules; pictures are plainly shaded, and painted if there are weights.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from world.controls import Control
from world.dynamics.dreamt import is_dreamt, weights_of
from world.dynamics.driver import DRIVER
from world.dynamics.driver import By as DrivenBy
from world.dynamics.start import start
from world.dynamics.traffic import FOLDER as TRAFFIC
from world.dynamics.traffic import load_traffic
from world.errors import DataError
from world.inputs import DRIVING, Inputs
from world.kinematics import Motion
from world.labels.cameras import PRESETS
from world.places import find_place
from world.render.camera import FARTHEST, Pose, Rig
from world.render.painter import SHIPPED, load_painter
from world.render.raster import check_cache
from world.render.renderer import Renderer, Shot
from world.scene.places import towns
from world.scene.state import AGENTS, Place, SceneState

By = Literal["usual", "rules", "model"] | Path  # traffic; a folder: weights of a model
MOST_TILES, BREATH = 400, 0.001  # built before such a picture; s between two of them, so that others can draw
VERSION = 3  # of the step and of the state's records: raise it when a saved drive would continue differently
UNDRAWN = 0  # of the quality dial
# Height and width by the quality dial; 16 is for clips, not for live drives.
SIZES = {UNDRAWN: (0, 0), 1: (108, 192), 2: (144, 256), 4: (216, 384), 8: (288, 512), 16: (576, 1024)}
AROUND_US = ("CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT"), ("CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT")

NOTHING = np.zeros((0, 0, 3), np.uint8)  # the picture of size 0


@dataclass(frozen=True, slots=True)
class Others:
    """Other road users. traffic: "usual" means a model if its weights are there, else rules; reckless: share of drivers who ignore signals,
    0 to 1, else DataError."""

    traffic: By = "usual"
    reckless: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.reckless <= 1.0:
            raise DataError(f"The share of reckless drivers is 0 to 1, not {self.reckless:g}.")

    @classmethod
    def of(cls, traffic: str, reckless: float = 0.0) -> Others:
        """The others of command-line arguments. DataError for unknown traffic."""
        if traffic in ("usual", "rules", "model"):
            return cls(traffic, reckless)  # type: ignore[arg-type]
        if not Path(traffic).is_dir():
            raise DataError(
                f"There is no traffic '{traffic}'; say rules, model, or a folder that `lucidrive train traffic` made."
            )
        return cls(Path(traffic), reckless)

    @property
    def folder(self) -> Path | None:
        """The folder of the traffic's weights; None for rules."""
        if self.traffic == "usual":
            return TRAFFIC if (TRAFFIC / "config.json").exists() else None
        if self.traffic == "rules":
            return None
        return TRAFFIC if self.traffic == "model" else Path(self.traffic)


USUAL, RULES = Others(), Others("rules")


class SceneWorld:
    """The shared part of all drives. device: for the painter; driver: rules or learnt; painter: its weights, None for plain shading; others:
    other road users; begins: default conditions (a clear day)."""

    driving = True
    inputs: Inputs = DRIVING

    def __init__(
        self,
        names: Sequence[str] = (),
        rig: Rig | None = None,
        device: str = "cpu",
        driver: DrivenBy = DRIVER,
        painter: Path | None = SHIPPED,
        others: Others = RULES,
        begins: Control | None = None,
    ) -> None:
        """names: places, shipped, files or dreamt (default: the test towns). DataError where numba cannot cache compiled code, WeightsError
        where weights are missing or damaged."""
        check_cache()
        self.scenes = tuple(names) or tuple(towns()["test"])
        self.towns = tuple(name for name in self.scenes if not is_dreamt(name)) or tuple(
            towns()["test"]
        )  # that films are found in
        self.rig, self.device, self.driver = rig or Rig(), device, driver
        self.vocabulary: frozenset[str] = frozenset()
        self.hashes = {"scene": hashlib.sha256(f"scene {VERSION} {AGENTS}".encode()).hexdigest()}
        if any(map(is_dreamt, self.scenes)):
            self.hashes |= weights_of()
        self.begins = begins or Control()
        self.others, self.traffic = others, None
        if others.folder is not None:
            self.traffic = load_traffic(others.folder)
            self.hashes["traffic"] = self.traffic.sha256
        self.renderer = Renderer()
        if painter is not None:
            self.renderer.painter = load_painter(painter, device)
            self.hashes["painter"] = self.renderer.painter.sha256
        self._drawing = threading.Lock()  # a page asks for pictures of places while drives are drawn

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture at quality 2."""
        return SIZES[2]

    def place(self, name: str) -> Place:
        """A place by name: shipped, a file or dreamt. DataError for an unknown one, WeightsError where the streets' network is missing."""
        return find_place(name)

    def scene(self, name: str) -> tuple[np.ndarray, Motion, Control]:
        """A start scene: uint8 frames [1, H, W, 3], the motion, the control in force. DataError for an unknown name."""
        if name not in self.scenes:
            raise DataError(f"There is no start scene '{name}'; there are: {', '.join(self.scenes)}.")
        return _first_picture(self, name)[None], Motion(7.0), self.begins

    def draw(self, state: SceneState, size: tuple[int, int]) -> np.ndarray:
        """The picture of one drive, uint8 [H, W, 3]; empty for size 0."""
        return self.shot(state, size).picture if size[0] else NOTHING

    def shot(
        self,
        state: SceneState,
        size: tuple[int, int],
        before: SceneState | None = None,
        earlier_gains: np.ndarray | None = None,
    ) -> Shot:
        """The picture with its intermediate results; before, earlier_gains: as in `Renderer.shot`."""
        with self._drawing:
            return self.renderer.shot(
                state, replace(self.rig, height=size[0], width=size[1]), before=before, earlier_gains=earlier_gains
            )

    def seen_from(self, state: SceneState, size: tuple[int, int], pose: Pose) -> np.ndarray:
        """A picture of one drive from a free camera, uint8 [H, W, 3]. Missing tiles are built one by one, so that no drive's picture waits
        long. DataError for a pose too far from our car."""
        ego = state.ego[0]
        if math.hypot(pose.x - ego["x"], pose.y - ego["y"]) > FARTHEST:
            raise DataError(f"A camera stands within {FARTHEST:g} m of our car; move it nearer.")
        self._prepare(state, pose)
        with self._drawing:
            return self.renderer.look(state, replace(self.rig, height=size[0], width=size[1]), pose).picture

    def surround(self, state: SceneState, size: tuple[int, int]) -> np.ndarray:
        """Pictures of one drive from the six cameras of the preset `surround`, uint8 [2, 3, H, W, 3]: ahead from left to right, and behind. A
        drive's picture waits for at most one of them."""
        ego, cameras, pictures = state.ego[0], PRESETS["surround"].cameras, []
        for name in chain.from_iterable(AROUND_US):
            rig = replace(cameras[name], height=size[0], width=size[1])
            assert isinstance(rig, Rig)
            heading = float(ego["heading"]) + math.radians(rig.yaw)
            direction = math.atan2(math.sin(heading), math.cos(heading))
            self._prepare(state, Pose(float(ego["x"]), float(ego["y"]), rig.up, direction, math.radians(rig.pitch)))
            with self._drawing:
                pictures.append(self.renderer.draw(state, rig))
        return np.stack(pictures).reshape(2, 3, *size, 3)

    def _prepare(self, state: SceneState, pose: Pose) -> None:
        """Builds the tiles for a camera, one by one."""
        for _ in range(MOST_TILES):
            with self._drawing:
                if self.renderer.ready(state, pose):
                    return
            time.sleep(BREATH)


@lru_cache(maxsize=64)
def _first_picture(world: SceneWorld, name: str) -> np.ndarray:
    return world.draw(start(world.place(name), 0, world.begins), SIZES[2])
