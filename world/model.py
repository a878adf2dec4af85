"""A latent world: its trained parts, loaded once and shared by any number of dreams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from world.controls import Control
from world.driver import Driver
from world.errors import DataError
from world.files import SCENES, load_part, load_tensors, read_config, to_device
from world.inputs import Inputs
from world.kinematics import Motion
from world.latent.dynamics import Dynamics
from world.latent.tokenizer import Tokenizer
from world.readout import ReadoutHeads


class WorldModel:
    """All trained parts, read-only, shared by dreams. `vocabulary`: control words that occurred in training."""

    def __init__(
        self,
        parts: dict[str, Any],
        hashes: dict[str, str],
        scenes: dict[str, Tensor],
        device: str,
        vocabulary: frozenset[str] = frozenset(),
    ) -> None:
        self.tokenizer: Tokenizer = parts["tokenizer"]
        self.dynamics: Dynamics = parts["dynamics"]
        self._parts = parts
        self.hashes, self.device, self.vocabulary = hashes, device, vocabulary
        self._scenes = scenes

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> WorldModel:
        """The weights in the folder `path`. WeightsError where any is missing or damaged."""
        config, raw = read_config(path)
        parts = {name: load_part(path, name, module, raw) for name, module in config.build().items()}
        scenes = load_tensors(path, SCENES, raw) if (path / f"{SCENES}.safetensors").exists() else {}
        vocabulary = frozenset(raw["trained"].get("vocabulary", ()))
        return cls(to_device(parts, device), raw["files"], scenes, device, vocabulary)

    @property
    def driving(self) -> bool:
        """Whether a car is driven. Otherwise there is no readout and no driver, and `Control.action` is the input."""
        return self.inputs.driving

    @property
    def inputs(self) -> Inputs:
        """The numbers that lead from one frame to the next."""
        return self.dynamics.config.inputs

    @property
    def readout(self) -> ReadoutHeads:
        """The readouts. DataError where no car is driven."""
        return self._part("readout")

    @property
    def driver(self) -> Driver:
        """The driver. DataError where no car is driven."""
        return self._part("driver")

    def _part(self, name: str) -> Any:
        if name not in self._parts:
            raise DataError(f"These weights know no car, so they have no {name}; give weights of a driving world.")
        return self._parts[name]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.tokenizer.config.height, self.tokenizer.config.width

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the start scenes in the weights' folder."""
        return tuple(sorted(name.removesuffix("/images") for name in self._scenes if name.endswith("/images")))

    def scene(self, name: str) -> tuple[np.ndarray, Motion, Control]:
        """A start scene: uint8 frames [T, H, W, 3], the motion at their end, the control in force. DataError for an unknown name."""
        if name not in self.scenes:
            raise DataError(f"There is no start scene '{name}'; there are: {', '.join(self.scenes) or 'none'}.")
        images, state = self._scenes[f"{name}/images"].numpy(), self._scenes[f"{name}/state"].tolist()
        command, weather, time = (int(value) for value in state[2:5])
        return images, Motion(state[0], state[1]), Control(command=command, weather=weather, time=time)
