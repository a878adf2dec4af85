"""LeRobot datasets of others (v2.1 and v3) as ours: one camera, the actions with their bounds, ten frames a second.

v2.1 keeps a parquet and a video an episode, v3 many episodes a file. Of a robot's state nothing is taken over; of our own
columns, where a dataset has them, all are.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from world.controls import FPS
from world.data.imports import even_size, write_dataset
from world.data.sampling import between, check_rate, resampled
from world.data.schema import COLUMNS, Episode
from world.data.video import fit, read_timed
from world.errors import DataError
from world.inputs import DRIVING, Inputs

VERSIONS = ("v2.1", "v3.0")
Progress = Callable[[int, int], None]


def import_lerobot(
    root: Path,
    out: Path,
    *,
    camera: str | None = None,
    fps: float = FPS,
    size: tuple[int, int] | None = None,
    held_out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """The dataset at `root` as one of ours at `fps`; counts of frames there and held out.

    `camera`: the feature with the pictures, where there are several. Actions keep their names; their bounds are the
    smallest and largest values there are.
    """
    source = Source.open(root, camera)
    check_rate(source.fps, fps, root.name)
    with _whole(root):
        inputs = source.inputs()
    episodes = _episodes(source, inputs, fps, size, progress)
    card = f"# {root.name}\n\nMade by `lucidrive import lerobot` from {source.camera}, {source.fps:g} frames/s.\n"
    robot = str(source.info.get("robot_type") or "other")
    return write_dataset(episodes, out, inputs, held_out=held_out, fps=fps, robot_type=robot, card=card)


@dataclass(frozen=True)
class Part:
    """One episode: its table, its task, and where its pictures lie: a video from `begin` seconds on, or the table."""

    table: pa.Table
    task: str
    video: Path | None
    begin: float


@dataclass(frozen=True)
class Source:
    root: Path
    info: dict[str, Any]
    camera: str

    @classmethod
    def open(cls, root: Path, camera: str | None) -> Source:
        """DataError where `root` is no LeRobot dataset of a known version, or its camera is not clear."""
        try:
            info = json.loads((root / "meta/info.json").read_text())
            version, features = info["codebase_version"], info["features"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{root} is not a LeRobot dataset (meta/info.json: {error}); give its folder.") from error
        if version not in VERSIONS:
            raise DataError(f"{root} is LeRobot format {version}; {' and '.join(VERSIONS)} are read: convert it first.")
        cameras = [name for name, feature in features.items() if feature["dtype"] in ("video", "image")]
        if camera is None and len(cameras) == 1:
            camera = cameras[0]
        if camera is None or camera not in cameras:
            raise DataError(f"Say which pictures: --camera with one of {', '.join(cameras) or 'none: it has none'}.")
        if "action" not in features:
            raise DataError(f"{root} has no actions; a video alone is imported with `lucidrive import video`.")
        return cls(root, info, camera)

    @property
    def fps(self) -> float:
        return float(self.info["fps"])

    def inputs(self) -> Inputs:
        """A car's, where the actions are steer and accel; else the actions, bounded by what occurs."""
        feature = self.info["features"]["action"]
        names = _flat_names(feature.get("names"))
        if names == ("steer", "accel"):
            return DRIVING
        actions = np.concatenate([_rows(pq.read_table(path, columns=["action"])["action"]) for path in self._tables()])
        if not np.isfinite(actions).all():
            row = int(np.argmin(np.isfinite(actions).all(1)))
            raise DataError(f"{self.root} has an action that is not finite in row {row}; repair it first.")
        if len(names) != actions.shape[1] or len(set(names)) < len(names):
            names = tuple(f"a{number}" for number in range(actions.shape[1]))
        low, high = actions.min(0), actions.max(0)
        still = low == high  # an action that never changes: any bounds around it will do
        return Inputs(names, tuple((low - still).tolist()), tuple((high + still).tolist()))

    def parts(self) -> Iterator[Part]:
        """Every episode, in order."""
        yield from self._parts_v2() if self.info["codebase_version"] == "v2.1" else self._parts_v3()

    def __len__(self) -> int:
        return int(self.info["total_episodes"])

    def _tables(self) -> list[Path]:
        paths = sorted(self.root.glob("data/*/*.parquet"))
        if not paths:
            raise DataError(f"{self.root} has no tables (data/*/*.parquet); copy it again.")
        return paths

    def _in_video(self) -> bool:
        return bool(self.info["features"][self.camera]["dtype"] == "video")

    def _parts_v2(self) -> Iterator[Part]:
        lines = (self.root / "meta/episodes.jsonl").read_text().splitlines()
        for entry in map(json.loads, lines):
            number = int(entry["episode_index"])
            where = {"episode_chunk": number // int(self.info["chunks_size"]), "episode_index": number}
            table = pq.read_table(self.root / self.info["data_path"].format(**where))
            video = self.info["video_path"].format(**where, video_key=self.camera) if self._in_video() else None
            yield Part(table, _first(entry.get("tasks")), self.root / video if video else None, 0.0)

    def _parts_v3(self) -> Iterator[Part]:
        tables = [pq.read_table(path) for path in sorted(self.root.glob("meta/episodes/*/*.parquet"))]
        if not tables:
            raise DataError(f"{self.root} has no list of episodes (meta/episodes); copy it again.")
        for entry in pa.concat_tables(tables).sort_by("episode_index").to_pylist():
            where = {kind: int(entry[f"data/{kind}"]) for kind in ("chunk_index", "file_index")}
            rows = pq.read_table(self.root / self.info["data_path"].format(**where))
            rows = rows.filter(pc.equal(rows["episode_index"], entry["episode_index"]))
            video, begin = None, 0.0
            if self._in_video():
                key = f"videos/{self.camera}"
                where = {kind: int(entry[f"{key}/{kind}"]) for kind in ("chunk_index", "file_index")}
                video = self.root / self.info["video_path"].format(**where, video_key=self.camera)
                begin = float(entry[f"{key}/from_timestamp"])
            yield Part(rows, _first(entry.get("tasks")), video, begin)


def _episodes(
    source: Source, inputs: Inputs, fps: float, size: tuple[int, int] | None, progress: Progress | None
) -> Iterator[Episode]:
    reader = _Videos()
    with _whole(source.root):
        for number, part in enumerate(source.parts(), 1):
            count = len(part.table)
            pictures = (
                _stored(part.table, source.camera) if part.video is None else reader.frames(part, count, source.fps)
            )
            times = np.arange(count) / source.fps
            kept, images = [], []
            for time, image in resampled(zip(times, pictures, strict=True), fps):
                size = size or even_size(*image.shape[:2])
                kept.append(time)
                images.append(fit(image, size))
            values = {
                name: between(
                    times, _rows(part.table[name]), np.array(kept), mean=name == "action" and not inputs.one_hot
                )
                for name in ("action", *COLUMNS)
                if name in part.table.column_names and (name == "action" or inputs.driving)
            }
            yield Episode(np.stack(images), values, part.task)
            if progress:
                progress(number, len(source))


@contextmanager
def _whole(root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{root} is damaged or not whole ({error}); copy it again.") from error


class _Videos:
    """Frames out of videos that hold several episodes, each read on from where the last one ended."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._frames: Iterator[tuple[float, np.ndarray]] = iter(())

    def frames(self, part: Part, count: int, fps: float) -> Iterator[np.ndarray]:
        assert part.video is not None
        if part.video != self._path:
            if not part.video.exists():
                raise DataError(f"{part.video} is missing; copy the dataset again.")
            self._path, self._frames = part.video, read_timed(part.video)
        given = 0
        for time, image in self._frames:
            if time < part.begin - 0.5 / fps:
                continue
            yield image
            given += 1
            if given == count:
                return
        raise DataError(f"{part.video.name} is cut off: an episode has {given} of its {count} frames; copy it again.")


def _stored(table: pa.Table, camera: str) -> Iterator[np.ndarray]:
    """Pictures kept in the table itself, as encoded files."""
    for cell in table[camera].to_pylist():
        try:
            yield np.array(Image.open(io.BytesIO(cell["bytes"])).convert("RGB"))
        except (TypeError, KeyError, UnidentifiedImageError) as error:
            raise DataError(f"A picture in the tables cannot be read ({error}); copy the dataset again.") from error


def _rows(column: pa.ChunkedArray) -> np.ndarray:
    """[T, n] of a column of numbers or of lists of numbers."""
    values = np.asarray(column.to_pylist(), np.float64)
    return values.reshape(len(values), -1)


def _flat_names(names: Any) -> tuple[str, ...]:
    """Names are a list, or a list within a dictionary, or missing."""
    if isinstance(names, dict):
        names = [name for group in names.values() for name in (group if isinstance(group, list) else [group])]
    return tuple(map(str, names or ()))


def _first(tasks: Any) -> str:
    return str(tasks[0]) if tasks else "drive"
