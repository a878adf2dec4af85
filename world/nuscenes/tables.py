"""nuScenes' tables (Caesar et al. 2020, v1.0): scenes, key frames, poses, cameras and boxes.

DATASET/v1.0-mini/scene.json, sample.json, sample_data.json ...     the tables
DATASET/samples/CAM_FRONT/*.jpg                                      pictures of key frames
DATASET/maps/expansion/boston-seaport.json                           the map expansion
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world.errors import DataError

TABLES = (
    *("scene", "log", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor"),
    *("sample_annotation", "instance", "category", "attribute"),
)
SLOW = 1.5  # s between two annotations or poses, at most, to derive a speed
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StampedPose:
    """x, y, z in m; turn: float64 [3, 3], rotation from the body's axes to the world's; seconds since 1970."""

    x: float
    y: float
    z: float
    turn: np.ndarray
    seconds: float

    @property
    def heading(self) -> float:
        """Heading of the x axis in rad."""
        return math.atan2(self.turn[1, 0], self.turn[0, 0])


@dataclass(frozen=True, slots=True)
class AnnotatedBox:
    """A road user or object at a key frame.

    number: the same in every key frame of a scene; pose: of its centre; size: length, width, height in m; velocity: (x,
    y) in m/s; points: count of lidar and radar returns.
    """

    number: int
    category: str
    attributes: frozenset[str]
    pose: StampedPose
    size: tuple[float, float, float]
    velocity: tuple[float, float]
    points: int


@dataclass(frozen=True, slots=True)
class CameraImage:
    """A camera's picture. eye: float64 [3], axes: float64 [3, 3] (right, down, forward as columns), in the ego car's
    axes.

    matrix: float64 [3, 3], intrinsics; ego: pose of the ego car at the time of the picture; speed in m/s.
    """

    camera: str
    file: Path
    eye: np.ndarray
    axes: np.ndarray
    matrix: np.ndarray
    ego: StampedPose
    speed: float


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A key frame. ego: pose of the ego car's rear axle; speed in m/s; yaw_rate in rad/s."""

    seconds: float
    ego: StampedPose
    speed: float
    yaw_rate: float
    boxes: tuple[AnnotatedBox, ...]
    pictures: tuple[CameraImage, ...]


class Dataset:
    """One version of a dataset.

    Its methods raise DataError where a table, row, scene or file is missing or malformed.
    """

    def __init__(self, folder: Path, version: str | None = None) -> None:
        self.folder, self.version = _locate(folder, version)
        self._rows = {name: self._read(name) for name in TABLES}
        self.scenes = {str(row["name"]): row for row in self._rows["scene"].values()}
        self._marks: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows["sample_annotation"].values():
            self._marks[row["sample_token"]].append(row)
        self._shots: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows["sample_data"].values():
            if row["is_key_frame"]:
                self._shots[row["sample_token"]].append(row)

    def location(self, scene: str) -> str:
        """The name of a scene's map."""
        return str(self._row("log", self._scene(scene)["log_token"])["location"])

    def description(self, scene: str) -> str:
        """The annotators' description of a scene."""
        return str(self._scene(scene).get("description", ""))

    def expansion(self, location: str) -> Path:
        """The file of a map. DataError where it is missing."""
        path = self.folder / "maps" / "expansion" / f"{location}.json"
        if not path.is_file():
            raise DataError(
                f"{path} is missing: unpack nuScenes' map expansion (v1.3) into {self.folder / 'maps'}, a download of its own."
            )
        return path

    def moments(self, scene: str) -> list[KeyFrame]:
        """The key frames of a scene in order. DataError where there is no such scene."""
        row, out = self._scene(scene), []
        numbers: dict[str, int] = {}
        token = row["first_sample_token"]
        while token:
            sample = self._row("sample", token)
            out.append(self._moment(sample, numbers))
            token = sample["next"]
        return out

    def _scene(self, name: str) -> Row:
        if name not in self.scenes:
            names = sorted(self.scenes)
            some = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            raise DataError(f"There is no scene '{name}' in {self.folder / self.version}; there are {some}.")
        return self.scenes[name]

    def _read(self, name: str) -> dict[str, Row]:
        path = self.folder / self.version / f"{name}.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            return {str(row["token"]): row for row in rows}
        except FileNotFoundError as error:
            raise DataError(f"{path} is missing; a nuScenes dataset has it, so unpack its metadata again.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is no table of nuScenes ({error}); unpack its metadata again.") from error

    def _row(self, table: str, token: str) -> Row:
        try:
            return self._rows[table][token]
        except KeyError as error:
            raise DataError(
                f"{self.folder / self.version / table}.json has no row '{token}' that another table names; unpack the metadata again."
            ) from error

    def _moment(self, sample: Row, numbers: dict[str, int]) -> KeyFrame:
        shots = self._shots[sample["token"]]
        if not shots:
            raise DataError(
                f"A key frame of {self.folder / self.version} has no pose: sample_data.json names none for it."
            )
        seconds = 1e-6 * sample["timestamp"]
        nearest = min(shots, key=lambda shot: abs(1e-6 * shot["timestamp"] - seconds))
        speed, yaw_rate = self._motion(nearest)
        boxes = tuple(self._box(mark, seconds, numbers) for mark in self._marks[sample["token"]])
        cameras = [shot for shot in shots if self._sensor(shot)["modality"] == "camera"]
        return KeyFrame(
            seconds, self._ego(nearest), speed, yaw_rate, boxes, tuple(self._picture(shot) for shot in cameras)
        )

    def _ego(self, shot: Row) -> StampedPose:
        row = self._row("ego_pose", shot["ego_pose_token"])
        return _pose(row, 1e-6 * row["timestamp"])

    def _motion(self, shot: Row) -> tuple[float, float]:
        """Speed in m/s and yaw rate in rad/s from the poses before and after; 0 where these are too far apart."""
        near = [self._ego(self._row("sample_data", shot[way])) for way in ("prev", "next") if shot[way]]
        first, last = min([self._ego(shot), *near], key=_when), max([self._ego(shot), *near], key=_when)
        time = last.seconds - first.seconds
        if not 0.0 < time <= 2 * SLOW:
            return 0.0, 0.0
        turn = (last.heading - first.heading + math.pi) % (2 * math.pi) - math.pi
        return math.hypot(last.x - first.x, last.y - first.y) / time, turn / time

    def _sensor(self, shot: Row) -> Row:
        return self._row("sensor", self._row("calibrated_sensor", shot["calibrated_sensor_token"])["sensor_token"])

    def _picture(self, shot: Row) -> CameraImage:
        mount = self._row("calibrated_sensor", shot["calibrated_sensor_token"])
        return CameraImage(
            str(self._sensor(shot)["channel"]),
            self.folder / shot["filename"],
            np.array(mount["translation"], np.float64),
            turn_of(mount["rotation"]),
            np.array(mount["camera_intrinsic"], np.float64),
            self._ego(shot),
            self._motion(shot)[0],
        )

    def _box(self, mark: Row, seconds: float, numbers: dict[str, int]) -> AnnotatedBox:
        instance = self._row("instance", mark["instance_token"])
        width, length, height = mark["size"]
        return AnnotatedBox(
            numbers.setdefault(mark["instance_token"], len(numbers) + 1),
            str(self._row("category", instance["category_token"])["name"]),
            frozenset(str(self._row("attribute", one)["name"]) for one in mark["attribute_tokens"]),
            _pose(mark, seconds),
            (length, width, height),
            self._velocity(mark, seconds),
            mark.get("num_lidar_pts", 0) + mark.get("num_radar_pts", 0),
        )

    def _velocity(self, mark: Row, seconds: float) -> tuple[float, float]:
        """m/s between the annotations before and after; 0 where these are missing or too far apart."""
        around = [(mark, seconds)]
        for way in ("prev", "next"):
            if mark[way]:
                other = self._row("sample_annotation", mark[way])
                around.append((other, 1e-6 * self._row("sample", other["sample_token"])["timestamp"]))
        (first, begin), (last, end) = min(around, key=lambda one: one[1]), max(around, key=lambda one: one[1])
        if not 0.0 < end - begin <= SLOW:
            return 0.0, 0.0
        x, y = ((b - a) / (end - begin) for a, b in zip(first["translation"][:2], last["translation"][:2], strict=True))
        return x, y


def turn_of(quaternion: list[float]) -> np.ndarray:
    """The rotation matrix [3, 3] of a quaternion (w, x, y, z)."""
    w, x, y, z = np.array(quaternion, np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _pose(row: Row, seconds: float) -> StampedPose:
    x, y, z = (float(value) for value in row["translation"])
    return StampedPose(x, y, z, turn_of(row["rotation"]), seconds)


def _when(pose: StampedPose) -> float:
    return pose.seconds


def _locate(folder: Path, version: str | None) -> tuple[Path, str]:
    """The folder of the tables (`folder`, or `nuscenes` in it as `lucidrive export clip` makes it) and their version.

    DataError where there is none or the version is ambiguous.
    """
    for root in (folder, folder / "nuscenes"):
        versions = sorted(path.parent.name for path in root.glob("v1.0-*/scene.json"))
        if version is not None and version not in versions and versions:
            raise DataError(f"{root} has no {version}; there is {', '.join(versions)}.")
        if len(versions) > 1 and version is None:
            raise DataError(f"{root} holds {', '.join(versions)}; say which with --version.")
        if versions:
            return root, version or versions[0]
    raise DataError(
        f"{folder} is no nuScenes dataset: it has no folder v1.0-mini, v1.0-trainval or the like with scene.json in it."
    )
