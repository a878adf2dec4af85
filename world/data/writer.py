"""Writes driving data as shards, each durable by itself, and assembles them into one LeRobotDataset v3.

A shard is a folder `data.parquet`, `video.mp4`, `episodes.json`; it counts only when `DONE`, written last, is
there. Shards may be made by any number of processes in any order; `assemble` numbers them through.
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
from world.data.schema import IMAGE, Column, Episode, bounds, columns
from world.data.video import VideoWriter
from world.errors import DataError
from world.inputs import DRIVING, Inputs

DONE = "DONE"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
CHUNK_SIZE = 1000


class EpisodeWriter:
    """Writes episodes into one shard folder. Use as a context manager: a clean exit marks the shard done.

    An existing unfinished folder of that name is started afresh; a finished one is refused. The video is encoded in
    memory (a few MB), so that a full disk is an OSError of ours and not a crash of FFmpeg's libraries. `inputs` says
    what the column `action` holds.
    """

    def __init__(self, shard: Path, fps: float = FPS, inputs: Inputs = DRIVING) -> None:
        if is_done(shard):
            raise DataError(f"{shard.name} is finished already; take another folder or delete it first.")
        shutil.rmtree(shard, ignore_errors=True)
        shard.mkdir(parents=True)
        self.shard = shard
        self.fps, self.inputs = fps, inputs
        self._columns = columns(inputs)
        self._encoded = io.BytesIO()
        self._video = VideoWriter(self._encoded, fps)
        self._tables: list[pa.Table] = []
        self._episodes: list[dict[str, Any]] = []
        self._shape: tuple[int, ...] | None = None
        self._names: tuple[str, ...] = ()

    def append(self, episode: Episode) -> None:
        shape = episode.images.shape[1:]
        if self._shape is not None and (shape != self._shape or set(episode.values) != set(self._names)):
            raise DataError("All episodes of a shard must have the same image size and the same columns.")
        self._shape, self._names = shape, tuple(episode.values)
        for image in episode.images:
            self._video.write(image)
        self._tables.append(_rows(self._columns, episode.values, len(episode), self.fps))
        self._episodes.append({"length": len(episode), "task": episode.task})

    def close(self) -> None:
        """Finishes the shard; the marker is written last. OSError, with nothing left behind, where the disk refuses."""
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
        (self.shard / "video.mp4").write_bytes(self._encoded.getbuffer())
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
    """A shard of one car's episode whose video [T, *shape] is there already; it is linked to where that can be."""
    shutil.rmtree(shard, ignore_errors=True)
    shard.mkdir(parents=True)
    rows = len(next(iter(values.values())))
    pq.write_table(_rows(columns(DRIVING), values, rows, FPS), shard / "data.parquet")
    try:
        os.link(video, shard / "video.mp4")
    except OSError:
        shutil.copyfile(video, shard / "video.mp4")
    _write_episodes(shard, shape, [{"length": rows, "task": task}], FPS, DRIVING)
    (shard / DONE).touch()
    return shard


def _rows(known: dict[str, Column], values: dict[str, np.ndarray], rows: int, fps: float) -> pa.Table:
    table = {name: _to_arrow(name, column, values[name]) for name, column in known.items() if name in values}
    table["timestamp"] = pa.array(np.arange(rows, dtype=np.float32) / np.float32(fps))
    table["frame_index"] = pa.array(np.arange(rows, dtype=np.int64))
    return pa.table(table)


def _write_episodes(
    shard: Path, shape: tuple[int, ...], episodes: list[dict[str, Any]], fps: float, inputs: Inputs
) -> None:
    meta = {"fps": fps, "shape": list(shape), "inputs": asdict(inputs), "episodes": episodes}
    (shard / "episodes.json").write_text(json.dumps(meta))


def is_done(shard: Path) -> bool:
    """Whether a shard was finished (its marker is there)."""
    return (shard / DONE).exists()


def assemble(
    root: Path, shards: list[Path], *, split: str = "train", robot_type: str = "lucidrive-town", card: str = ""
) -> Path:
    """Makes a LeRobotDataset v3 at `root` out of finished shards, in the order given. The shards keep theirs.

    The old dataset at `root`, if any, stands until the new one is whole (info.json is written last).
    """
    missing = [shard.name for shard in shards if not is_done(shard)]
    if missing or not shards:
        raise DataError(
            f"These shards are not finished: {', '.join(missing) or 'none given'}; run the collection again."
        )
    tasks: dict[str, int] = {}
    episodes: list[dict[str, Any]] = []
    first, total = None, 0
    sums: dict[str, _Stats] = {}
    for number, shard in enumerate(shards):
        meta = json.loads((shard / "episodes.json").read_text())
        first = first or meta
        if any(meta.get(name) != first.get(name) for name in ("shape", "fps", "inputs")):
            raise DataError(f"{shard.name} has another image size, frame rate or kind of action than the first shard.")
        chunk, file = divmod(number, CHUNK_SIZE)
        table, rows, seconds = pq.read_table(shard / "data.parquet"), 0, 0.0
        episode_ids, task_ids = [], []
        for entry in meta["episodes"]:
            task = tasks.setdefault(entry["task"], len(tasks))
            length = entry["length"]
            episodes.append(
                {
                    "episode_index": len(episodes),
                    "tasks": [entry["task"]],
                    "length": length,
                    "data/chunk_index": chunk,
                    "data/file_index": file,
                    "dataset_from_index": total + rows,
                    "dataset_to_index": total + rows + length,
                    f"videos/{IMAGE}/chunk_index": chunk,
                    f"videos/{IMAGE}/file_index": file,
                    f"videos/{IMAGE}/from_timestamp": seconds,
                    f"videos/{IMAGE}/to_timestamp": seconds + length / meta["fps"],
                    "meta/episodes/chunk_index": 0,
                    "meta/episodes/file_index": 0,
                }
            )
            episode_ids += [len(episodes) - 1] * length
            task_ids += [task] * length
            rows, seconds = rows + length, seconds + length / meta["fps"]
        table = table.append_column("episode_index", pa.array(episode_ids, pa.int64()))
        table = table.append_column("index", pa.array(range(total, total + rows), pa.int64()))
        table = table.append_column("task_index", pa.array(task_ids, pa.int64()))
        for name in table.column_names:
            values = np.asarray(table[name].combine_chunks().to_pylist(), np.float64)
            sums.setdefault(name, _Stats()).add(values.reshape(rows, -1))
        data = root / DATA_PATH.format(chunk_index=chunk, file_index=file)
        data.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, data)
        video = root / VIDEO_PATH.format(video_key=IMAGE, chunk_index=chunk, file_index=file)
        video.parent.mkdir(parents=True, exist_ok=True)
        if (shard / "video.mp4").exists():
            shutil.copyfile(shard / "video.mp4", video)
        total += rows
    assert first is not None
    _write_meta(root, first, tasks, episodes, sums, total, split, robot_type, card)
    return root


def _write_meta(
    root: Path,
    first: dict[str, Any],
    tasks: dict[str, int],
    episodes: list[dict[str, Any]],
    sums: dict[str, _Stats],
    total: int,
    split: str,
    robot_type: str,
    card: str,
) -> None:
    meta = root / "meta"
    (meta / "episodes/chunk-000").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(episodes), meta / "episodes/chunk-000/file-000.parquet")
    pq.write_table(_task_table(tasks), meta / "tasks.parquet")
    (meta / "stats.json").write_text(json.dumps({name: stats.summary() for name, stats in sums.items()}, indent=1))
    if card:
        (root / "README.md").write_text(card)
    height, width, _ = first["shape"]
    features: dict[str, Any] = {
        IMAGE: {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "video.fps": first["fps"],
                "video.channels": 3,
                "has_audio": False,
            },
        }
    }
    inputs = Inputs(**first["inputs"]) if "inputs" in first else DRIVING
    for name, column in columns(inputs).items():
        if name in sums:
            names = list(column.names) if column.names else None
            features[name] = {"dtype": column.dtype, "shape": list(column.shape), "names": names}
    if "action" in features:
        features["action"] |= bounds(inputs)
    for name, dtype in {
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }.items():
        features[name] = {"dtype": dtype, "shape": [1], "names": None}
    info = {
        "codebase_version": "v3.0",
        "robot_type": robot_type,
        "total_episodes": len(episodes),
        "total_frames": total,
        "total_tasks": len(tasks),
        "chunks_size": CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": first["fps"],
        "splits": {split: f"0:{len(episodes)}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features,
    }
    aside = meta / "info.json.tmp"
    aside.write_text(json.dumps(info, indent=2))
    aside.replace(meta / "info.json")


def _task_table(tasks: dict[str, int]) -> pa.Table:
    """tasks.parquet as LeRobot's reader expects it: a pandas frame whose index holds the sentences."""
    table = pa.table({"task_index": pa.array(list(tasks.values()), pa.int64()), "task": pa.array(list(tasks))})
    text = {"field_name": "task", "name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    number = {
        "field_name": "task_index",
        "name": "task_index",
        "pandas_type": "int64",
        "numpy_type": "int64",
        "metadata": None,
    }
    level = {
        "field_name": None,
        "name": None,
        "pandas_type": "unicode",
        "numpy_type": "object",
        "metadata": {"encoding": "UTF-8"},
    }
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [level],
        "columns": [number, text],
        "pandas_version": "2.0.0",
    }
    return table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()})


class _Stats:
    """Running minimum, maximum, mean and standard deviation of rows [T, n]."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: dict[str, np.ndarray] = {}

    def add(self, rows: np.ndarray) -> None:
        new = {"min": rows.min(0), "max": rows.max(0), "sum": rows.sum(0), "square": (rows**2).sum(0)}
        merge = {"min": np.minimum, "max": np.maximum, "sum": np.add, "square": np.add}
        if self.count:
            new = {name: merge[name](self._rows[name], value) for name, value in new.items()}
        self._rows, self.count = new, self.count + len(rows)

    def summary(self) -> dict[str, list[float]]:
        mean = self._rows["sum"] / self.count
        std = np.sqrt(np.maximum(self._rows["square"] / self.count - mean**2, 0))
        rows = {"min": self._rows["min"], "max": self._rows["max"], "mean": mean, "std": std}
        return {**{name: value.tolist() for name, value in rows.items()}, "count": [self.count]}


def _to_arrow(name: str, column: Column, values: np.ndarray) -> pa.Array:
    values = np.ascontiguousarray(values, np.dtype(column.dtype)).reshape(len(values), -1)
    if values.shape[1:] != column.shape:
        raise DataError(f"Column '{name}' must have {column.shape[0]} values a row, not {values.shape[1]}.")
    if column.shape == (1,):
        return pa.array(values[:, 0])
    flat = pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, column.shape[0])
