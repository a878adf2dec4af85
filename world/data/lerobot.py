"""Imports LeRobot datasets (v2.0, v2.1 and v3): one camera, the actions with their bounds, ten frames a second.

v2 stores a parquet and a video per episode, v3 many episodes per file, in any order. A robot's state is not imported;
our own columns are, where a dataset has them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from world.controls import FPS
from world.data.imports import even_size, quiet, write_dataset
from world.data.sampling import between, check_rate, nearest, resample
from world.data.schema import COLUMNS, Episode
from world.data.video import fit, read_pictures
from world.errors import DataError
from world.inputs import DRIVING, Inputs
from world.telling import Count, Say

MAJORS = ("v2", "v3")
NEAR = 2.0  # s; a gap up to this is decoded, a longer one is sought
ALWAYS = 1e9  # s; after all frames
CHUNK = 1000  # default number of episodes in a v2 folder


def import_lerobot(
    root: Path,
    out: Path,
    *,
    camera: str | None = None,
    action: str | None = None,
    fps: float = FPS,
    size: tuple[int, int] | None = None,
    held_out: Path | None = None,
    progress: Count | None = None,
    note: Say = quiet,
) -> tuple[int, int]:
    """Imports the dataset at `root` at `fps`; returns the numbers of frames written and held out.

    camera, action: the features with pictures and actions, where there are several. Actions keep their names; their
    bounds are the extreme values. note: gets a sentence for what is left out. DataError where the dataset cannot be
    used.
    """
    source = Source.open(root, camera, action)
    check_rate(source.fps, fps, root.name)
    with _whole(root):
        inputs = source.inputs()
    episodes = _episodes(source, inputs, fps, size, progress, note)
    card = f"# {root.name}\n\nMade by `lucidrive import lerobot` from {source.camera} and {source.action}, "
    card += f"{source.fps:g} frames/s.\n"
    robot = str(source.info.get("robot_type") or "other")
    return write_dataset(episodes, out, inputs, held_out=held_out, fps=fps, robot_type=robot, card=card)


@dataclass(frozen=True)
class EpisodeFiles:
    """One episode: its table, its task, and its pictures: in a video from `begin` seconds on, or in the table."""

    table: pa.Table
    task: str
    video: Path | None
    begin: float

    def times(self, fps: float) -> np.ndarray:
        """Seconds of its rows [T] from the first."""
        if "timestamp" in self.table.column_names:
            times = _rows(self.table["timestamp"])[:, 0]
            if np.isfinite(times).all() and (np.diff(times) > 0).all():
                return times - times[0]
        return np.arange(len(self.table)) / fps


@dataclass(frozen=True)
class Source:
    """A dataset: its folder, its meta/info.json, and the features used for pictures and actions."""

    root: Path
    info: dict[str, Any]
    camera: str
    action: str

    @classmethod
    def open(cls, root: Path, camera: str | None, action: str | None) -> Source:
        """DataError where `root` is no LeRobot dataset of a known version, or its camera or action is ambiguous."""
        try:
            info = json.loads((root / "meta/info.json").read_text("utf-8"))
            version, features = info["codebase_version"], info["features"]
            kinds = {name: feature["dtype"] for name, feature in features.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{root} is not a LeRobot dataset (meta/info.json: {error}); give its folder.") from error
        if not str(version).startswith(MAJORS):
            raise DataError(f"{root} is LeRobot format {version}; {' and '.join(MAJORS)} are read: convert it first.")
        cameras = [name for name, kind in kinds.items() if kind in ("video", "image")]
        numbers = [name for name, kind in kinds.items() if kind not in ("video", "image", "string")]
        acts = [name for name in numbers if name.startswith("action")]
        usual = [name for name in ("action", "actions") if name in acts][:1] or acts
        if not acts and action is None:
            raise DataError(
                f"{root} has no actions; name what moves it with --action, or take a video alone: `lucidrive import video`."
            )
        camera = _choose("which pictures: --camera", camera, cameras, cameras)
        return cls(root, info, camera, _choose("which actions: --action", action, numbers, usual))

    @property
    def fps(self) -> float:
        """Frames per second."""
        return float(self.info["fps"])

    def inputs(self) -> Inputs:
        """A car's, where the actions are steer and accel; else the actions, bounded by their extreme values.

        DataError where an action is not finite.
        """
        feature = self.info["features"][self.action]
        names = _flat_names(feature.get("names"))
        if names == ("steer", "accel"):
            return DRIVING
        parts = [_rows(pq.read_table(path, columns=[self.action])[self.action]) for path in self._tables()]
        actions = np.concatenate([part for part in parts if len(part)])
        if not np.isfinite(actions).all():
            row = int(np.argmin(np.isfinite(actions).all(1)))
            raise DataError(f"{self.root} has an action that is not finite in row {row}; repair it first.")
        if len(names) != actions.shape[1] or len(set(names)) < len(names):
            names = tuple(f"a{number}" for number in range(actions.shape[1]))
        low, high = actions.min(0), actions.max(0)
        still = low == high  # an action that never changes: any bounds around it will do
        return Inputs(names, tuple((low - still).tolist()), tuple((high + still).tolist()))

    def parts(self) -> Iterator[EpisodeFiles]:
        """Yields every episode in order. DataError where tables are missing."""
        yield from self._parts_v3() if str(self.info["codebase_version"]).startswith("v3") else self._parts_v2()

    def __len__(self) -> int:
        return int(self.info["total_episodes"])

    def _tables(self) -> list[Path]:
        paths = sorted(self.root.glob("data/*/*.parquet"))
        if not paths:
            raise DataError(f"{self.root} has no tables (data/*/*.parquet); copy it again.")
        return paths

    def _in_video(self) -> bool:
        return bool(self.info["features"][self.camera]["dtype"] == "video")

    def _column_names(self) -> list[str]:
        """The columns to read, without other cameras' pictures."""
        pictures = [] if self._in_video() else [self.camera]
        return [self.action, *COLUMNS, *pictures, "timestamp", "episode_index"]

    def _parts_v2(self) -> Iterator[EpisodeFiles]:
        lines = (self.root / "meta/episodes.jsonl").read_text("utf-8").splitlines()
        for entry in map(json.loads, filter(None, lines)):
            number = int(entry["episode_index"])
            where = {"episode_chunk": number // int(self.info.get("chunks_size", CHUNK)), "episode_index": number}
            table = _read(self.root / self.info["data_path"].format(**where), self._column_names())
            video = self.info["video_path"].format(**where, video_key=self.camera) if self._in_video() else None
            yield EpisodeFiles(table, _first(entry.get("tasks")), self.root / video if video else None, 0.0)

    def _parts_v3(self) -> Iterator[EpisodeFiles]:
        tables = [_read(path) for path in sorted(self.root.glob("meta/episodes/*/*.parquet"))]
        if not tables:
            raise DataError(f"{self.root} has no list of episodes (meta/episodes); copy it again.")
        episodes = pa.concat_tables([table.drop(_statistics(table)) for table in tables], promote_options="permissive")
        read_file = lru_cache(maxsize=1)(lambda path: _read(path, self._column_names()))  # a file holds many episodes
        for entry in episodes.sort_by("episode_index").to_pylist():
            where = {kind: int(entry[f"data/{kind}"]) for kind in ("chunk_index", "file_index")}
            rows = read_file(self.root / self.info["data_path"].format(**where))
            rows = rows.filter(pc.equal(rows["episode_index"], entry["episode_index"]))
            video, begin = None, 0.0
            if self._in_video() and len(rows):
                key = f"videos/{self.camera}"
                where = {kind: int(entry[f"{key}/{kind}"]) for kind in ("chunk_index", "file_index")}
                video = self.root / self.info["video_path"].format(**where, video_key=self.camera)
                begin = float(entry[f"{key}/from_timestamp"])
            yield EpisodeFiles(rows, _first(entry.get("tasks")), video, begin)


def _episodes(
    source: Source, inputs: Inputs, fps: float, size: tuple[int, int] | None, progress: Count | None, note: Say
) -> Iterator[Episode]:
    videos, empty = _Videos(), 0
    with _whole(source.root):
        for number, part in enumerate(source.parts(), 1):
            if len(part.table):
                times = part.times(source.fps)
                rows = [row for _, row in resample(((float(time), row) for row, time in enumerate(times)), fps)]
                images = []
                for image in _pictures(source, part, times, rows, videos):
                    size = size or even_size(*image.shape[:2])
                    images.append(fit(image, size))
                yield Episode(np.stack(images), _columns(part, source, inputs, times, times[rows]), part.task)
            else:
                empty += 1
            if progress:
                progress(number, len(source))
    if empty:
        note(f"{source.root.name} has {empty} episodes without frames, which are left out.")


def _pictures(
    source: Source, part: EpisodeFiles, times: np.ndarray, rows: list[int], videos: _Videos
) -> Iterator[np.ndarray]:
    if part.video:
        yield from videos.pictures(part, times[rows], source.fps)
    else:
        for row in rows:
            yield _load_image(part.table, source.camera, row, source.root)


def _columns(
    part: EpisodeFiles, source: Source, inputs: Inputs, times: np.ndarray, starts: np.ndarray
) -> dict[str, np.ndarray]:
    """Actions, averaged from frame to frame, and those of our own columns that exist."""
    action = between(times, _rows(part.table[source.action]), starts, mean=not inputs.one_hot)
    ours = [name for name in COLUMNS if name in part.table.column_names and name != "action" and inputs.driving]
    return {"action": action} | {name: between(times, _rows(part.table[name]), starts, mean=False) for name in ours}


@contextmanager
def _whole(root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{root} is damaged or not whole ({error}); copy it again.") from error


class _Videos:
    """Pictures of videos that hold several episodes; decoding goes on from the last episode where it can, else it
    seeks.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._frames: Iterator[tuple[float, Any]] = iter(())
        self._end = 0.0

    def pictures(self, part: EpisodeFiles, times: np.ndarray, fps: float) -> Iterator[np.ndarray]:
        """Yields the pictures nearest to `times`, in seconds from the episode's first.

        DataError where one is missing.
        """
        assert part.video is not None
        first = part.begin + float(times[0])
        if part.video != self._path or not self._end < first < self._end + NEAR:
            if not part.video.exists():
                raise DataError(f"{part.video} is missing; copy the dataset again.")
            self._path, self._frames = part.video, read_pictures(part.video, begin=max(0.0, first - 0.5 / fps))
        moments = part.begin + times
        for at, (time, picture) in zip(moments, nearest(self._read(), moments), strict=True):
            if abs(time - at) > 1.5 / fps:
                raise DataError(
                    f"{part.video.name} is cut off or has a hole: no picture at {at:.2f} s, where an episode has one; copy it "
                    "again."
                )
            yield picture.rgb()

    def _read(self) -> Iterator[tuple[float, Any]]:
        for time, picture in self._frames:
            self._end = time
            yield time, picture
        yield self._end + ALWAYS, None  # the last frame is the nearest to its own time


def _load_image(table: pa.Table, camera: str, row: int, root: Path) -> np.ndarray:
    """A picture stored in the table as an encoded file, or by its path."""
    cell = table[camera][row].as_py()
    cell = cell if isinstance(cell, dict) else {"bytes": cell}
    try:
        file = io.BytesIO(cell["bytes"]) if cell.get("bytes") else root / cell["path"]
        return np.array(Image.open(file).convert("RGB"))
    except (TypeError, KeyError, OSError, UnidentifiedImageError) as error:
        raise DataError(f"A picture in the tables cannot be read ({error}); copy the dataset again.") from error


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    names = pq.read_schema(path).names
    return pq.read_table(path, columns=[name for name in names if columns is None or name in columns])


def _statistics(table: pa.Table) -> list[str]:
    return [name for name in table.column_names if name.startswith("stats/")]


def _rows(column: pa.ChunkedArray) -> np.ndarray:
    """float64 [T, n] of a column of numbers or of lists of numbers."""
    flat, rows = column.combine_chunks(), len(column)
    while pa.types.is_nested(flat.type):
        flat = flat.flatten()
    values = flat.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values.reshape(rows, -1) if rows else np.empty((0, 1))


def _choose(which: str, name: str | None, options: list[str], usual: list[str]) -> str:
    """The option of that name or with it as its last part; without a name the only usual one. DataError."""
    if name is None and len(usual) == 1:
        return usual[0]
    matches = [one for one in options if one == name] or [one for one in options if name and one.endswith(f".{name}")]
    if len(matches) != 1:
        raise DataError(f"Say {which} with one of {', '.join(options) or 'none: it has none'}.")
    return matches[0]


def _flat_names(names: Any) -> tuple[str, ...]:
    """Names are a list, or a list within a dictionary, or missing."""
    if isinstance(names, dict):
        names = [name for group in names.values() for name in (group if isinstance(group, list) else [group])]
    return tuple(map(str, names or ()))


def _first(tasks: Any) -> str:
    return str(tasks[0]) if tasks else "drive"
