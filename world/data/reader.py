"""Reads a LeRobotDataset v3: columns as arrays over all frames, pictures as one uint8 array."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from world.data.schema import IMAGE, inputs_of
from world.data.video import read_video
from world.errors import DataError
from world.inputs import Inputs


@dataclass(frozen=True)
class DriveDataset:
    """A dataset on disk. starts: int64 [E + 1], the first frame of each episode and the end of the last."""

    root: Path
    info: dict[str, Any]
    starts: np.ndarray
    _table: pa.Table

    @classmethod
    def open(cls, root: Path) -> DriveDataset:
        """Opens the dataset at `root`. DataError where there is none, or its format version or length is wrong."""
        path = root / "meta/info.json"
        if not path.exists():
            raise DataError(
                f"{root} is not a dataset (no meta/info.json); make one with `lucidrive collect --out {root}`."
            )
        info = json.loads(path.read_text())
        if info.get("codebase_version") != "v3.0":
            raise DataError(f"{root} is LeRobot format {info.get('codebase_version')}; only v3.0 is read.")
        episodes = pa.concat_tables(
            pq.read_table(p, columns=["dataset_from_index"]) for p in sorted(root.glob("meta/episodes/*/*.parquet"))
        )
        files = sorted(root.glob("data/*/*.parquet"))
        table = pa.concat_tables(pq.read_table(p) for p in files)
        if len(table) != info["total_frames"]:
            raise DataError(f"{root} says {info['total_frames']} frames and holds {len(table)}; collect it again.")
        starts = np.append(episodes["dataset_from_index"].to_numpy(), len(table)).astype(np.int64)
        return cls(root, info, starts, table)

    def __len__(self) -> int:
        return int(self.info["total_frames"])

    @property
    def fps(self) -> float:
        """Frames per second."""
        return float(self.info["fps"])

    @property
    def inputs(self) -> Inputs:
        """The world model's inputs: a car's steer, accel and motion, or the actions that the dataset names and bounds.

        DataError for actions without bounds.
        """
        return inputs_of(self.info["features"].get("action"), str(self.root))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(self._table.column_names)

    def column(self, name: str) -> np.ndarray:
        """One column over all frames: [T] or [T, n]. DataError where the dataset has no such column."""
        if name not in self._table.column_names:
            raise DataError(f"The dataset {self.root} has no column '{name}'.")
        column = self._table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
        return column.to_numpy(zero_copy_only=False)

    @property
    def tasks(self) -> list[str]:
        """The sentences that `task_index` counts."""
        return pq.read_table(self.root / "meta/tasks.parquet")["task"].to_pylist()

    def images(self, size: tuple[int, int], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """All frames as uint8 [T, H, W, 3], scaled by area to `size` (H, W).

        DataError where the videos do not fit the tables.
        """
        out = np.empty((len(self), *size, 3), np.uint8)
        row = 0
        for path in sorted((self.root / "videos" / IMAGE).glob("*/*.mp4")):
            for image in read_video(path, size):
                if row == len(out):
                    raise DataError(f"The videos of {self.root} have more frames than its tables.")
                out[row] = image
                row += 1
            if progress:
                progress(row, len(self))
        if row != len(self):
            raise DataError(f"The videos of {self.root} hold {row} of {len(self)} frames; one of them is cut off.")
        return out
