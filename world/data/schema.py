"""The columns of a driving dataset.

Row t holds frame t and the control applied at t, which leads to frame t + 1. Commands (`action`, `control.*`), the
expert's actions (`expert.*`) and ground truth (`observation.*`, `label.*`, `event.*`; of a clip, `facts.*` and
`readout.*`) never share a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from world.errors import DataError
from world.inputs import DRIVING, Inputs

IMAGE = "observation.images.front"


class Column(NamedTuple):
    """A column's dtype and shape per row, with names of its entries."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None


COLUMNS: dict[str, Column] = {
    "action": Column("float32", (2,), ("steer", "accel")),
    "observation.state": Column("float32", (2,), ("speed", "yaw_rate")),
    "pose": Column("float32", (3,), ("x", "y", "heading")),
    "expert.action": Column("float32", (2,), ("steer", "accel")),
    "expert.target_speed": Column("float32", (1,)),
    "control.command": Column("int64", (1,)),
    "control.weather": Column("int64", (1,)),
    "control.time": Column("int64", (1,)),
    "control.event": Column("int64", (1,)),
    "control.side": Column("int64", (1,)),
    "control.level": Column("int64", (1,)),
    "label.junction_distance": Column("float32", (1,)),
    "label.junction_arms": Column("int64", (1,)),
    "label.lanes_left": Column("int64", (1,)),
    "label.lanes_right": Column("int64", (1,)),
    "label.lane_offset": Column("float32", (1,)),
    "label.heading_error": Column("float32", (1,)),
    "label.lead_distance": Column("float32", (1,)),
    "label.collision": Column("int64", (1,)),
    "label.off_road": Column("int64", (1,)),
    "label.traffic_light": Column("int64", (1,)),
    "label.rain": Column("float32", (1,)),
    "label.night": Column("float32", (1,)),
    "label.snow": Column("float32", (1,)),
    "label.fog": Column("float32", (1,)),
    "label.dawn": Column("float32", (1,)),
    "label.dusk": Column("float32", (1,)),
    "event.onset": Column("int64", (1,)),
    "event.visible_pixels": Column("int64", (1,)),
    "event.place": Column("float32", (2,), ("ahead", "left")),
    "event.box": Column("float32", (4,), ("left", "top", "right", "bottom")),
    "label.visible_vehicles": Column("int64", (1,)),
    "label.visible_people": Column("int64", (1,)),
}

CLIPS: dict[
    str, Column
] = {  # of clips that lucidrive made, where `synthetic` is 1 in all rows; exact, of the scene itself
    "synthetic": Column("int64", (1,)),
    **{f"facts.{name}": Column("int64", (1,)) for name in ("event", "side", "level", "contact")},
    **{f"facts.{name}": Column("float32", (1,)) for name in ("ahead", "left")},
    **{f"readout.{name}": Column("int64", (1,)) for name in ("weather", "time")},
    **{
        f"readout.{name}": Column("float32", (1,))
        for name in ("speed", "yaw_rate", "junction_distance", "lane_offset", "collision", "off_road", "event_visible")
    },
}
KNOWN = COLUMNS | CLIPS


def columns(inputs: Inputs) -> dict[str, Column]:
    """The columns of a dataset with these inputs: a car's action is steer and accel, others are the inputs themselves."""
    if inputs.driving:
        return KNOWN
    return KNOWN | {"action": Column("float32", (len(inputs),), inputs.names)}


def bounds(inputs: Inputs) -> dict[str, Any]:
    """What meta/info.json states of actions besides their names and shape."""
    if inputs.driving:
        return {"low": [-1.0, -1.0], "high": [1.0, 1.0]}
    return {"low": list(inputs.low), "high": list(inputs.high), "one_hot": inputs.one_hot}


def inputs_of(action: Mapping[str, Any] | None, where: str) -> Inputs:
    """The inputs of info.json's feature `action`; a video without one counts as a car's.

    DataError where bounds are missing.
    """
    if action is None or action.get("names") == ["steer", "accel"]:
        return DRIVING
    try:
        return Inputs(action["names"], action["low"], action["high"], action.get("one_hot", False))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where} does not bound its actions ({error}); make it one of ours: `lucidrive import lerobot {where}`."
        ) from error


@dataclass(frozen=True, slots=True)
class Episode:
    """One uninterrupted drive of T frames.

    images: uint8 [T, H, W, 3]; values: column name -> array [T] or [T, n]; task: the episode in a sentence. Columns may
    be missing (a recorded video has no labels), but their names must be in `KNOWN`. DataError where a shape, name or
    value is wrong.
    """

    images: np.ndarray
    values: dict[str, np.ndarray]
    task: str = "drive"

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[-1] != 3 or self.images.dtype != np.uint8 or not len(self.images):
            shape = self.images.shape
            raise DataError(f"An episode's images must be uint8 [T, H, W, 3], not {self.images.dtype} {shape}.")
        for name, array in self.values.items():
            if name not in KNOWN:
                raise DataError(
                    f"'{name}' is not a column of this dataset format; see world/data/schema.py for the names."
                )
            if len(array) != len(self.images):
                raise DataError(f"Column '{name}' has {len(array)} rows for {len(self.images)} frames.")
            if not np.all(np.isfinite(array)):
                raise DataError(f"Column '{name}' has values that are not finite; drop or repair those rows first.")

    def __len__(self) -> int:
        return len(self.images)
