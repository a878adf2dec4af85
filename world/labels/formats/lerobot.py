"""LeRobotDataset v3: an episode per drive, a video per camera, labels as features; labels that are no rows of numbers are in separate files.

observation.images.CAMERA       video
action, observation.state, pose, control.*    as in world/data/schema.py; an action leads to the next row, the last is repeated
label.agents [AGENTS * 10]      nearest first, in the car's axes from its rear axle (m, rad, m/s), visible or not; -1 in empty slots
label.boxes.CAMERA [AGENTS * 7] of road users with a pixel in the picture, nearest first; -1 likewise
labels/DRIVE/CAMERA/000000.npz  depth, flow, scene_flow (float16), semantic (uint8), instance (int32)
labels/DRIVE/records.jsonl      all of each moment (`described`); labels/cameras.json: calibration

Labels are no `observation`, because LeRobot's policies receive all of those.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from world.data.assemble import CHUNK_SIZE, DATA_PATH, VIDEO_PATH, feature, video_feature, write_meta
from world.data.schema import COLUMNS, Column, bounds
from world.data.stats import Summary, picture_summary, shades, summary
from world.data.video import VideoWriter
from world.inputs import DRIVING
from world.labels.cameras import CameraSet
from world.labels.formats.writer import DriveInfo, Writer, calibration, check_even, described, dumps
from world.labels.record import CameraRecord, Record

AGENTS = 16  # slots of a row
AGENT = ("track", "class", "ahead", "left", "up", "length", "width", "height", "heading", "speed")
BOX = ("track", "class", "left", "top", "right", "bottom", "visible")
NOBODY = -1.0
OURS = ("action", "observation.state", "pose", "control.command", "control.weather", "control.time")


def _several(names: tuple[str, ...]) -> Column:
    return Column("float64", (AGENTS * len(names),), tuple(f"{name}_{n}" for n in range(AGENTS) for name in names))


class LeRobot(Writer):
    """The format `lerobot`. An episode is written when its drive ends, statistics and metadata in `close`."""

    bytes_a_pixel = 20.0

    @classmethod
    def check(cls, cameras: CameraSet) -> None:
        """DataError where a picture's sides are not even."""
        check_even(cameras, "a LeRobotDataset's videos")

    def begin(self, drive: DriveInfo) -> None:
        """Opens the episode's videos and records."""
        if not hasattr(self, "_episodes"):
            self._episodes: list[dict[str, Any]] = []
            self._tasks: dict[str, int] = {}
            self._values: dict[str, list[np.ndarray]] = {}
            self._shades = {name: np.zeros((3, 256), np.int64) for name in self.cameras.cameras}
            self._columns = {name: COLUMNS[name] for name in OURS} | {"label.agents": _several(AGENT)}
            self._columns |= {f"label.boxes.{name}": _several(BOX) for name in self.cameras.cameras}
        self._drive, self._rows = drive, list[dict[str, list[float]]]()
        self._counts = {name: np.zeros((3, 256), np.int64) for name in self.cameras.cameras}
        self._videos: dict[str, VideoWriter] = {}
        for name in self.cameras.cameras:
            path = self.folder / VIDEO_PATH.format(video_key=_images(name), **self._place())
            path.parent.mkdir(parents=True, exist_ok=True)
            self._videos[name] = VideoWriter(path, self.cameras.rate)
            (self.folder / "labels" / drive.name / name).mkdir(parents=True)
        self._moments: TextIO = (self.folder / "labels" / drive.name / "records.jsonl").open("w", encoding="utf-8")

    def add(self, record: Record) -> None:
        """Writes a frame of each video and its labels, and keeps the row."""
        self._rows.append(_row(record))
        self._moments.write(dumps(described(record)) + "\n")
        for name, view in record.views.items():
            self._videos[name].write(view.picture)
            self._counts[name] += shades([view.picture])
            path = self.folder / "labels" / self._drive.name / name / f"{record.index:06d}.npz"
            arrays: dict[str, Any] = _arrays(view)
            np.savez_compressed(path, **arrays)

    def end(self) -> None:
        """Writes the episode's table."""
        self._moments.close()
        for video in self._videos.values():
            video.close()
        number, length = len(self._episodes), len(self._rows)
        first = self._episodes[-1]["dataset_to_index"] if self._episodes else 0
        task = self._tasks.setdefault(self._drive.task, len(self._tasks))
        values = {
            name: np.array([row[name] for row in self._rows], column.dtype).reshape(length, -1)
            for name, column in self._columns.items()
        }
        for name in [one for one in values if one == "action" or one.startswith("control.")]:
            values[name] = np.concatenate([values[name][1:], values[name][-1:]])
        steps = np.arange(length)
        table = {name: _column(array) for name, array in values.items()} | {
            "timestamp": pa.array((steps / self.cameras.rate).astype(np.float32)),
            "frame_index": pa.array(steps),
            "episode_index": pa.array(np.full(length, number)),
            "index": pa.array(first + steps),
            "task_index": pa.array(np.full(length, task)),
        }
        path = self.folder / DATA_PATH.format(**self._place())
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), path)
        figures: dict[str, Summary] = {}
        for name in OURS:
            self._values.setdefault(name, []).append(values[name])
            figures[name] = summary(values[name])
        entry = {
            "episode_index": number,
            "tasks": [self._drive.task],
            "length": length,
            **{f"data/{key}": value for key, value in self._place().items()},
            "dataset_from_index": first,
            "dataset_to_index": first + length,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            "drive": self._drive.name,
            "seed": self._drive.seed,
        }
        for name, counts in self._counts.items():
            self._shades[name] += counts
            figures[_images(name)] = picture_summary(counts, length)
            entry |= {f"videos/{_images(name)}/{key}": value for key, value in self._place().items()}
            entry |= {f"videos/{_images(name)}/from_timestamp": 0.0}
            entry |= {f"videos/{_images(name)}/to_timestamp": length / self.cameras.rate}
        entry |= {f"stats/{name}/{key}": value for name, each in figures.items() for key, value in each.items()}
        self._episodes.append(entry)

    def close(self) -> None:
        """Writes statistics and metadata."""
        total = sum(episode["length"] for episode in self._episodes)
        stats = {name: summary(np.concatenate(arrays)) for name, arrays in self._values.items()}
        stats |= {_images(name): picture_summary(counts, total) for name, counts in self._shades.items()}
        features = {
            _images(name): video_feature(camera.height, camera.width, self.cameras.rate)
            for name, camera in self.cameras.cameras.items()
        }
        features |= {name: feature(column) for name, column in self._columns.items()}
        features["action"] |= bounds(DRIVING)
        (self.folder / "labels" / "cameras.json").write_text(dumps(calibration(self.cameras)), encoding="utf-8")
        rate = self.cameras.rate
        write_meta(
            self.folder, features, rate, self._tasks, self._episodes, stats, split="train", robot_type="lucidrive-scene"
        )

    def _place(self) -> dict[str, int]:
        """Chunk and file of the current episode, which has its own files."""
        chunk, file = divmod(len(self._episodes), CHUNK_SIZE)
        return {"chunk_index": chunk, "file_index": file}


def _images(camera: str) -> str:
    return f"observation.images.{camera}"


def _row(record: Record) -> dict[str, list[float]]:
    """The row of a moment, with the controls that led to it."""
    ego = record.ego
    row: dict[str, list[float]] = {
        "action": [ego.steer, ego.accel],
        "observation.state": [ego.speed, ego.yaw_rate],
        "pose": [ego.x, ego.y, ego.heading],
        "control.command": [ego.command],
        "control.weather": [record.facts.weather],
        "control.time": [record.facts.time],
        "label.agents": _filled((_agent(record, track) for track in record.tracks[:AGENTS]), len(AGENT)),
    }
    for name, view in record.views.items():
        boxes = ((b.track.number, int(b.track.kind), *b.seen, b.visible) for b in view.truth.boxes[:AGENTS])
        row[f"label.boxes.{name}"] = _filled(boxes, len(BOX))
    return row


def _agent(record: Record, track: Any) -> tuple[float, ...]:
    """The values of AGENT."""
    x, y, up = (float(value) for value in track.centre)
    cos, sin = math.cos(record.ego.heading), math.sin(record.ego.heading)
    x, y = x - record.ego.x, y - record.ego.y
    heading = math.remainder(track.heading - record.ego.heading, math.tau)
    speed = float(np.linalg.norm(track.velocity))
    ahead, left = x * cos + y * sin, y * cos - x * sin
    return (track.number, int(track.kind), ahead, left, up, *track.size, heading, speed)


def _filled(rows: Iterable[tuple[float, ...]], width: int) -> list[float]:
    flat = [float(value) for row in rows for value in row]
    return flat + [NOBODY] * (AGENTS * width - len(flat))


def _column(array: np.ndarray) -> pa.Array:
    """array [T, n] as a column of numbers or of lists of n."""
    flat = pa.array(array.reshape(-1))
    return flat if array.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(flat, array.shape[1])


def _arrays(view: CameraRecord) -> dict[str, np.ndarray]:
    truth = view.truth
    short = {name: getattr(truth, name).astype(np.float16) for name in ("depth", "flow", "scene_flow")}
    return short | {"semantic": truth.semantic, "instance": truth.instance}
