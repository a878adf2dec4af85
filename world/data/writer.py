"""Writes driving data as durable shards, which world/data/assemble.py joins into one dataset.

A shard is a folder of `data.parquet`, `video.mp4` and `episodes.json`; it counts once `DONE`, written last, exists.
Shards may be written by any number of processes in any order.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from world.controls import FPS
from world.data.schema import Column, Episode, columns
from world.data.stats import shades, shades_of
from world.data.video import VideoWriter
from world.errors import DataError
from world.inputs import DRIVING, Inputs

DONE = "DONE"


class EpisodeWriter:
    """Writes episodes into one shard folder. Use as a context manager: a clean exit marks the shard done.

    An unfinished folder of that name is started afresh. The video is encoded in memory (a few MB), so that a full disk
    is an OSError and not a crash of FFmpeg's libraries. inputs: what the column `action` holds. DataError where the
    shard is finished already.
    """

    def __init__(self, shard: Path, fps: float = FPS, inputs: Inputs = DRIVING) -> None:
        if is_done(shard):
            raise DataError(f"{shard.name} is finished already; take another folder or delete it first.")
        shutil.rmtree(shard, ignore_errors=True)
        shard.mkdir(parents=True)
        self.shard = shard
        self.fps, self.inputs = fps, inputs
        self._columns = columns(inputs)
        self._buffer = io.BytesIO()
        self._video = VideoWriter(self._buffer, fps)
        self._tables: list[pa.Table] = []
        self._episodes: list[dict[str, Any]] = []
        self._shape: tuple[int, ...] | None = None
        self._names: tuple[str, ...] = ()

    def append(self, episode: Episode) -> None:
        """Adds an episode. DataError where its image size or columns differ from the first one's."""
        shape = episode.images.shape[1:]
        if self._shape is not None and (shape != self._shape or set(episode.values) != set(self._names)):
            raise DataError("All episodes of a shard must have the same image size and the same columns.")
        self._shape, self._names = shape, tuple(episode.values)
        for image in episode.images:
            self._video.write(image)
        self._tables.append(_rows(self._columns, episode.values, len(episode), self.fps))
        counts = shades(episode.images).tolist()
        self._episodes.append({"length": len(episode), "task": episode.task, "shades": counts})

    def close(self) -> None:
        """Finishes the shard; the marker is written last.

        DataError where there is no episode; OSError, with nothing left behind, where the disk refuses.
        """
        self._video.close()
        if self._shape is None:
            raise DataError(f"{self.shard.name} holds no episode, so it is not kept.")
        try:
            self._write()
        except OSError:
            shutil.rmtree(self.shard, ignore_errors=True)
            raise

    def _write(self) -> None:
        assert self._shape is not None
        (self.shard / "video.mp4").write_bytes(self._buffer.getbuffer())
        pq.write_table(pa.concat_tables(self._tables), self.shard / "data.parquet")
        _write_episodes(self.shard, self._shape, self._episodes, self.fps, self.inputs)
        for name in ("data.parquet", "video.mp4", "episodes.json"):
            with (self.shard / name).open("rb") as file:
                os.fsync(file.fileno())
        (self.shard / DONE).touch()

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._video.close()


def write_shard(shard: Path, video: Path, shape: tuple[int, ...], values: dict[str, np.ndarray], task: str) -> Path:
    """A shard of one car's episode whose video [T, *shape] exists; the video is linked, or copied where it cannot be."""
    shutil.rmtree(shard, ignore_errors=True)
    shard.mkdir(parents=True)
    rows = len(next(iter(values.values())))
    pq.write_table(_rows(columns(DRIVING), values, rows, FPS), shard / "data.parquet")
    try:
        os.link(video, shard / "video.mp4")
    except OSError:
        shutil.copyfile(video, shard / "video.mp4")
    entry = {"length": rows, "task": task, "shades": shades_of(video, [rows])[0].tolist()}
    _write_episodes(shard, shape, [entry], FPS, DRIVING)
    (shard / DONE).touch()
    return shard


def _rows(columns: dict[str, Column], values: dict[str, np.ndarray], rows: int, fps: float) -> pa.Table:
    table = {name: _to_arrow(name, column, values[name]) for name, column in columns.items() if name in values}
    table["timestamp"] = pa.array(np.arange(rows, dtype=np.float32) / np.float32(fps))
    table["frame_index"] = pa.array(np.arange(rows, dtype=np.int64))
    return pa.table(table)


def _write_episodes(
    shard: Path, shape: tuple[int, ...], episodes: list[dict[str, Any]], fps: float, inputs: Inputs
) -> None:
    meta = {"fps": fps, "shape": list(shape), "inputs": asdict(inputs), "episodes": episodes}
    (shard / "episodes.json").write_text(json.dumps(meta))


def is_done(shard: Path) -> bool:
    """Whether a shard is finished: its marker exists."""
    return (shard / DONE).exists()


def _to_arrow(name: str, column: Column, values: np.ndarray) -> pa.Array:
    values = np.ascontiguousarray(values, np.dtype(column.dtype)).reshape(len(values), -1)
    if values.shape[1:] != column.shape:
        raise DataError(f"Column '{name}' must have {column.shape[0]} values a row, not {values.shape[1]}.")
    if column.shape == (1,):
        return pa.array(values[:, 0])
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, column.shape[0])
