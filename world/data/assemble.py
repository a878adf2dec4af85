"""Assembles finished shards into one LeRobotDataset v3, with all metadata that LeRobot's current version writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from world.data.schema import IMAGE, Column, bounds, columns
from world.data.stats import Summary, picture_summary, shades_of, summary
from world.data.writer import is_done
from world.errors import DataError
from world.inputs import DRIVING, Inputs

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
CHUNK_SIZE = 1000
INDICES = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}  # columns that every dataset has


def assemble(
    root: Path, shards: list[Path], *, split: str = "train", robot_type: str = "lucidrive-town", card: str = ""
) -> Path:
    """Makes a LeRobotDataset v3 at `root` from finished shards, in this order. The shards' own files stay.

    The old dataset at `root`, if any, is valid until the new one is whole (info.json is written last). DataError where
    a shard is not finished, or its image size, frame rate or inputs differ from the first one's.
    """
    missing = [shard.name for shard in shards if not is_done(shard)]
    if missing or not shards:
        raise DataError(
            f"These shards are not finished: {', '.join(missing) or 'none given'}; run the collection again."
        )
    tasks: dict[str, int] = {}
    episodes: list[dict[str, Any]] = []
    first, total = None, 0
    values: dict[str, list[np.ndarray]] = {}
    histograms: list[np.ndarray] = []
    for number, shard in enumerate(shards):
        meta = json.loads((shard / "episodes.json").read_text())
        first = first or meta
        if any(meta.get(name) != first.get(name) for name in ("shape", "fps", "inputs")):
            raise DataError(f"{shard.name} has another image size, frame rate or kind of action than the first shard.")
        chunk, file = divmod(number, CHUNK_SIZE)
        table, rows = pq.read_table(shard / "data.parquet"), 0
        lengths = [entry["length"] for entry in meta["episodes"]]
        task_ids = [tasks.setdefault(entry["task"], len(tasks)) for entry in meta["episodes"]]
        table = table.append_column(
            "episode_index", pa.array(np.repeat(len(episodes) + np.arange(len(lengths)), lengths))
        )
        table = table.append_column("index", pa.array(np.arange(total, total + sum(lengths))))
        table = table.append_column("task_index", pa.array(np.repeat(np.array(task_ids, np.int64), lengths)))
        arrays = {name: _array(table[name]) for name in table.column_names}
        for name, array in arrays.items():
            values.setdefault(name, []).append(array)
        counts = _shades(shard, meta["episodes"])
        histograms += counts
        for place, entry in enumerate(meta["episodes"]):
            length = entry["length"]
            figures = {name: summary(array[rows : rows + length]) for name, array in arrays.items()}
            if counts:
                figures[IMAGE] = picture_summary(counts[place], length)
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
                    f"videos/{IMAGE}/from_timestamp": rows / meta["fps"],
                    f"videos/{IMAGE}/to_timestamp": (rows + length) / meta["fps"],
                    "meta/episodes/chunk_index": 0,
                    "meta/episodes/file_index": 0,
                    **{f"stats/{name}/{key}": value for name, each in figures.items() for key, value in each.items()},
                }
            )
            rows += length
        data = root / DATA_PATH.format(chunk_index=chunk, file_index=file)
        data.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, data)
        video = root / VIDEO_PATH.format(video_key=IMAGE, chunk_index=chunk, file_index=file)
        video.parent.mkdir(parents=True, exist_ok=True)
        if (shard / "video.mp4").exists():
            shutil.copyfile(shard / "video.mp4", video)
        total += rows
    stats = {name: summary(np.concatenate(arrays)) for name, arrays in values.items()}
    if histograms:
        stats[IMAGE] = picture_summary(sum(histograms, np.zeros((3, 256), np.int64)), total)
    assert first is not None
    features = _features(first, stats)
    write_meta(root, features, first["fps"], tasks, episodes, stats, split=split, robot_type=robot_type, card=card)
    return root


def write_meta(
    root: Path,
    features: dict[str, Any],
    fps: float,
    tasks: dict[str, int],
    episodes: list[dict[str, Any]],
    stats: dict[str, Summary],
    *,
    split: str,
    robot_type: str,
    card: str = "",
) -> None:
    """Writes meta/ of a dataset whose tables and videos exist, and its card.

    features: those of the frames, without INDICES.
    """
    meta = root / "meta"
    (meta / "episodes/chunk-000").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(episodes), meta / "episodes/chunk-000/file-000.parquet")
    pq.write_table(_task_table(tasks), meta / "tasks.parquet")
    (meta / "stats.json").write_text(json.dumps(stats, indent=1))
    if card:
        (root / "README.md").write_text(card)
    info = {
        "codebase_version": "v3.0",
        "robot_type": robot_type,
        "total_episodes": len(episodes),
        "total_frames": sum(episode["length"] for episode in episodes),
        "total_tasks": len(tasks),
        "chunks_size": CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": whole(fps),
        "splits": {split: f"0:{len(episodes)}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features | {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in INDICES.items()},
    }
    aside = meta / "info.json.tmp"
    aside.write_text(json.dumps(info, indent=2))
    aside.replace(meta / "info.json")


def video_feature(height: int, width: int, fps: float) -> dict[str, Any]:
    """The entry in info.json of a camera's video, as `VideoWriter` writes it."""
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": whole(fps),
            "video.channels": 3,
            "has_audio": False,
        },
    }


def feature(column: Column) -> dict[str, Any]:
    """The entry in info.json of a column."""
    names = list(column.names) if column.names else None
    return {"dtype": column.dtype, "shape": list(column.shape), "names": names}


def whole(fps: float) -> float:
    """The rate as an int where it is a whole number, as LeRobot's own rates are."""
    return int(fps) if fps == int(fps) else fps


def _features(first: dict[str, Any], stats: dict[str, Summary]) -> dict[str, Any]:
    """The features of a dataset whose shards are like this one."""
    height, width, _ = first["shape"]
    features: dict[str, Any] = {IMAGE: video_feature(height, width, first["fps"])}
    inputs = Inputs(**first["inputs"]) if "inputs" in first else DRIVING
    features |= {name: feature(column) for name, column in columns(inputs).items() if name in stats}
    if "action" in features:
        features["action"] |= bounds(inputs)
    return features


def _shades(shard: Path, entries: list[dict[str, Any]]) -> list[np.ndarray]:
    """Each episode's histogram of pixel values [3, 256]; computed where the shard has none. Empty without a video."""
    if all("shades" in entry for entry in entries):
        return [np.array(entry["shades"], np.int64) for entry in entries]
    video = shard / "video.mp4"
    return shades_of(video, [entry["length"] for entry in entries]) if video.exists() else []


def _array(column: pa.ChunkedArray) -> np.ndarray:
    """float64 [T, n]."""
    flat = column.combine_chunks()
    flat = flat.flatten() if pa.types.is_fixed_size_list(flat.type) else flat
    return flat.to_numpy(zero_copy_only=False).astype(np.float64).reshape(len(column), -1)


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
