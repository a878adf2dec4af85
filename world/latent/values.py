"""Values that enter and leave the parts of a latent world: start frames and inputs, and outputs checked to be finite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import torch
from torch import Tensor

from world.controls import NULL, Control
from world.errors import DataError
from world.frame import Readout
from world.inputs import Inputs
from world.kinematics import Motion
from world.latent.dynamics import FIELDS
from world.model import WorldModel
from world.readout import FRAMES


def checked(value: Tensor, part: str = "dynamics") -> Tensor:
    """The output of a part of the world. DataError where it is not finite."""
    if not torch.isfinite(value).all():
        raise fallen_apart(part)
    return value


def read(model: WorldModel, hidden_BD: Tensor) -> list[Readout]:
    """The readouts. DataError where they are not finite."""
    readouts = model.readout.read(hidden_BD)
    if not all(math.isfinite(value) for readout in readouts for value in astuple(readout)):
        raise fallen_apart("readout")
    return readouts


def fallen_apart(part: str) -> DataError:
    """The error for a part of the world whose output is not finite."""
    return DataError(
        f"The dream fell apart in its {part} (numbers that are not finite); go back to the last good frame or reset it."
    )


def fields_of(controls: Sequence[Control], device: torch.device | str) -> Tensor:
    """The controls as `Condition.fields_B6`, int64 [B, 6]."""
    rows = [[getattr(control, name) for name in FIELDS] for control in controls]
    return torch.tensor(rows, device=device).clamp_min(NULL)


def input_values(inputs: Inputs, control: Control, motion: Motion) -> tuple[float, ...]:
    """The values of a model's inputs. DataError for an action of another width."""
    if inputs.driving:
        return control.steer, control.accel, motion.speed, motion.yaw_rate
    action = control.action or inputs.rest
    if len(action) != len(inputs):
        raise DataError(
            f"An action here has {len(inputs)} values ({', '.join(inputs.names)}), not {len(action)}; give them all."
        )
    return action


def check(frames: np.ndarray) -> np.ndarray:
    """The last FRAMES pictures, or fewer. DataError where they are not uint8 [T, H, W, 3] with T at least 1."""
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise DataError(f"Start frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}.")
    return frames[-FRAMES:]
