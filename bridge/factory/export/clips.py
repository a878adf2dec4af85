"""A clip as it lies in a run's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bridge.factory.product import SET
from bridge.factory.store import CLIPS, REJECTED
from world.data.schema import CLIPS as COLUMNS

Fields = dict[str, Any]
CONTROLS = ("command", "weather", "time", "event", "side", "level")


@dataclass(frozen=True)
class Kept:
    """video: its mp4; fields: its sidecar."""

    video: Path
    fields: Fields

    @classmethod
    def read(cls, beside: Path) -> Kept:
        """By its sidecar."""
        return cls(beside.with_suffix(".mp4"), json.loads(beside.read_bytes()))

    @property
    def stem(self) -> str:
        return self.video.stem

    @property
    def line(self) -> str:
        return str(self.fields["job"]["line"])

    @property
    def task(self) -> str:
        """What it shows in a sentence: the person's, or else the plan."""
        branch = self.fields["job"]["branch"]
        return str(self.fields["text"] or self.line) + (f", then {branch}" if branch else "")

    @property
    def shape(self) -> tuple[int, int, int]:
        video = self.fields["video"]
        return video["height"], video["width"], 3

    def columns(self) -> dict[str, np.ndarray]:
        """As a driving dataset has them: row t holds frame t and the control that leads to frame t + 1.

        The last row's control led to it: nothing follows.
        """
        rows = self.fields["per_frame"]
        led = [*rows[1:], rows[-1]]
        values = {
            "action": [[row["control"]["steer"] or 0.0, row["control"]["accel"] or 0.0] for row in led],
            "observation.state": [[row["motion"]["speed"], row["motion"]["yaw_rate"]] for row in rows],
            **{f"control.{name}": [[row["control"][name]] for row in led] for name in CONTROLS},
        }
        for column in COLUMNS:
            source, _, name = column.partition(".")
            if source == "facts":
                values[column] = [[value] for value in self.fields["facts"][name]]
            elif source == "readout":
                values[column] = [[row["readout"][name]] for row in rows]
        values["synthetic"] = [[1]] * len(rows)
        return {name: np.array(value, np.float64) for name, value in values.items()}


def kept(out: Path, accepted: bool = True) -> Iterator[Kept]:
    """The run's clips in the order of their names; or those that were rejected."""
    yield from map(Kept.read, kept_at(out / (CLIPS if accepted else REJECTED)))


def kept_at(folder: Path) -> list[Path]:
    """The sidecars in one of a run's folders, in the order of their names."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(SET))


def sets(out: Path) -> Iterator[Fields]:
    """What the branches of each accepted set differ in."""
    for path in sorted((out / CLIPS).glob(f"*{SET}")):
        yield json.loads(path.read_bytes())
