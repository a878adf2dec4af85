"""Reads the clips in a run's folder."""

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
class StoredClip:
    """A clip on the disk. video: its mp4; fields: its sidecar."""

    video: Path
    fields: Fields

    @classmethod
    def read(cls, sidecar: Path) -> StoredClip:
        """The clip of a sidecar. OSError or ValueError where that cannot be read."""
        return cls(sidecar.with_suffix(".mp4"), json.loads(sidecar.read_bytes()))

    @property
    def stem(self) -> str:
        """The stem of its files' names."""
        return self.video.stem

    @property
    def line(self) -> str:
        """Its job's plan line."""
        return str(self.fields["job"]["line"])

    @property
    def task(self) -> str:
        """What it shows: the person's sentence or else the plan line, and its branch."""
        branch = self.fields["job"]["branch"]
        return str(self.fields["text"] or self.line) + (f", then {branch}" if branch else "")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a picture: height, width, 3."""
        video = self.fields["video"]
        return video["height"], video["width"], 3

    def columns(self) -> dict[str, np.ndarray]:
        """Float64 columns of a driving dataset by name, [frames, n] each: row t has frame t and the control that leads to frame t + 1.

        The last row repeats the last control.
        """
        rows = self.fields["per_frame"]
        following = [*rows[1:], rows[-1]]
        values = {
            "action": [[row["control"]["steer"] or 0.0, row["control"]["accel"] or 0.0] for row in following],
            "observation.state": [[row["motion"]["speed"], row["motion"]["yaw_rate"]] for row in rows],
            **{f"control.{name}": [[row["control"][name]] for row in following] for name in CONTROLS},
        }
        for column in COLUMNS:
            source, _, name = column.partition(".")
            if source == "facts":
                values[column] = [[value] for value in self.fields["facts"][name]]
            elif source == "readout":
                values[column] = [[row["readout"][name]] for row in rows]
        values["synthetic"] = [[1]] * len(rows)
        return {name: np.array(value, np.float64) for name, value in values.items()}


def stored_clips(out: Path, accepted: bool = True) -> Iterator[StoredClip]:
    """The accepted clips of a run's folder, or the rejected ones, sorted by name."""
    yield from map(StoredClip.read, sidecars_in(out / (CLIPS if accepted else REJECTED)))


def sidecars_in(folder: Path) -> list[Path]:
    """The clips' sidecars in CLIPS or REJECTED of a run, sorted by name."""
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(SET))


def sets(out: Path) -> Iterator[Fields]:
    """The file of each accepted counterfactual set, sorted by name."""
    for path in sorted((out / CLIPS).glob(f"*{SET}")):
        yield json.loads(path.read_bytes())
