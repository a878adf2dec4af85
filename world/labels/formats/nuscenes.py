"""nuScenes v1.0 (Caesar et al. 2020): its thirteen tables, pictures, mask and expansion of the maps, and the CAN bus. `nuscenes-devkit` opens it.

There is no lidar: `num_lidar_pts` is the number of an object's pixels in the cameras, so that evaluation, which skips boxes without points, skips
hidden objects. World coordinates are shifted to be positive (`nuscenes_map.origin`). Scenes count from 2001, beyond the real ones.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np

from world.controls import TimeOfDay, Weather
from world.errors import DataError
from world.kinematics import MAX_WHEEL_ANGLE
from world.labels.cameras import CameraSet, extrinsics, intrinsics
from world.labels.fisheye import Fisheye
from world.labels.formats.nuscenes_map import MapTables, mask, origin, token
from world.labels.formats.writer import ORIGIN, DriveInfo, Rows, Writer, dumps, jpeg, microseconds
from world.labels.poses import of_heading, of_matrix
from world.labels.record import Record
from world.labels.tracks import Track
from world.scene.objects import PEOPLE, THINGS, VEHICLES, Kind, Lights

VERSION, FIRST, KEYS = "v1.0-lucidrive", 2001, 2  # key frames a second
REACH = 80.0  # m from our car within which objects are annotated
TABLES = (
    *("category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose", "log", "scene"),
    *("sample", "sample_data", "sample_annotation", "map"),
)
CATEGORIES = {
    Kind.CAR: "vehicle.car",
    Kind.VAN: "vehicle.car",
    Kind.LORRY: "vehicle.truck",
    Kind.FIRE_ENGINE: "vehicle.truck",
    Kind.BUS: "vehicle.bus.rigid",
    Kind.BICYCLE: "vehicle.bicycle",
    Kind.AMBULANCE: "vehicle.emergency.ambulance",
    Kind.POLICE: "vehicle.emergency.police",
    Kind.PERSON: "human.pedestrian.adult",
    Kind.CHILD: "human.pedestrian.child",
    Kind.DOG: "animal",
    Kind.DEER: "animal",
    **dict.fromkeys(THINGS, "movable_object.debris"),
    Kind.CONE: "movable_object.trafficcone",
    Kind.BOARD: "movable_object.barrier",
}
ATTRIBUTES = (
    *("vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider"),
    *("pedestrian.moving", "pedestrian.standing"),
)
VISIBILITY = {"1": (0.0, "v0-40"), "2": (0.4, "v40-60"), "3": (0.6, "v60-80"), "4": (0.8, "v80-100")}


class NuScenes(Writer):
    """The format `nuscenes`. Tables grow on the disk; annotations are written when the drive ends, since they refer to the next ones."""

    @classmethod
    def check(cls, cameras: CameraSet) -> None:
        """DataError for a fisheye, or a rate that KEYS does not divide."""
        if any(isinstance(camera, Fisheye) for camera in cameras.cameras.values()):
            raise DataError("nuScenes has pinhole cameras alone: take --cameras surround, or leave the fisheyes out.")
        if cameras.rate % KEYS:
            raise DataError(
                f"nuScenes has {KEYS} key frames a second: give the cameras rate: 2 or 10, not {cameras.rate}."
            )

    def begin(self, drive: DriveInfo) -> None:
        """Adds the cameras' calibration and, for a new place, its map and log."""
        if not hasattr(self, "_tables"):
            self._start()
        self._drive, self._number = drive, FIRST + len(self._scenes)
        self._scenes.append(drive.name)
        self._calibrate()
        self._base = origin(drive.place)
        self._town = re.sub(r"[^A-Za-z0-9]+", "-", drive.place.name).strip("-")
        if self._town not in self._towns:
            self._towns.append(self._town)
            self._add(
                "log",
                ("log", self._town),
                logfile=self._town,
                vehicle="lucidrive",
                date_captured="2026-01-01",
                location=self._town,
            )
            folder = self.folder / "maps"
            mask(drive.place).save(folder / f"{self._town}.png")
            (folder / "expansion" / f"{self._town}.json").write_text(dumps(MapTables(drive.place).tables))
            name = f"maps/{self._town}.png"
            logs = [token("log", self._town)]
            self._add("map", ("map", self._town), log_tokens=logs, category="semantic_prior", filename=name)
        self._records: list[tuple[Record, dict[int, tuple[float, int]]]] = []

    def add(self, record: Record) -> None:
        """Writes the pictures, and keeps the rest of the record."""
        key = len(self._records) % (self.cameras.rate // KEYS) == 0
        pixels_of: dict[int, tuple[float, int]] = {}
        for name, view in record.views.items():
            path = self.folder / self._file(name, record.index, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(view.picture))
            for box in view.truth.boxes:
                share, pixels = pixels_of.get(box.track.number, (0.0, 0))
                mine = int((view.truth.instance == box.track.number + 1).sum())
                pixels_of[box.track.number] = max(share, box.visible), pixels + mine
        self._records.append((replace(record, views={}), pixels_of))

    def end(self) -> None:
        """Writes the drive's scene, samples, annotations and CAN bus."""
        every, name = self.cameras.rate // KEYS, f"scene-{self._number}"
        keys = self._records[::every]
        samples = [token("sample", name, k) for k in range(len(keys))]
        self._add(
            "scene",
            ("scene", name),
            log_token=token("log", self._town),
            nbr_samples=len(samples),
            first_sample_token=samples[0],
            last_sample_token=samples[-1],
            name=name,
            description=self._description(),
        )
        for k, (record, _) in enumerate(keys):
            near = _links(samples, k)
            self._add(
                "sample", ("sample", name, k), timestamp=self._time(record), scene_token=token("scene", name), **near
            )
        for k, (record, _) in enumerate(self._records):
            self._pictures(name, k, record, samples[min(len(samples) - 1, math.ceil(k / every))])
        self._annotate(name, keys, samples)
        self._bus(name)

    def close(self) -> None:
        """Closes the tables."""
        for table in self._tables.values():
            table.close()

    def _start(self) -> None:
        self._scenes: list[str] = []
        self._towns: list[str] = []
        self._mounts: set[tuple[Any, ...]] = set()
        (self.folder / "maps" / "expansion").mkdir(parents=True)
        (self.folder / "can_bus").mkdir()
        self._tables = {name: Rows(self.folder / VERSION / f"{name}.json") for name in TABLES}
        for name in dict.fromkeys(CATEGORIES.values()):
            self._add(
                "category", ("category", name), name=name, description="", index=self._tables["category"].count + 1
            )
        for name in ATTRIBUTES:
            self._add("attribute", ("attribute", name), name=name, description="")
        for number, (_, level) in VISIBILITY.items():
            self._tables["visibility"].add(
                {"token": number, "level": level, "description": "share of its pixels in sight"}
            )
        for name in self.cameras.cameras:
            self._add("sensor", ("sensor", name), channel=name, modality="camera")

    def _calibrate(self) -> None:
        """Adds the cameras' calibrations that are new: drives may have different cameras of the same names."""
        for name, camera in self.cameras.cameras.items():
            if (mount := ("calibrated", name, camera)) in self._mounts:
                continue
            self._mounts.add(mount)
            pose = extrinsics(camera)
            self._add(
                "calibrated_sensor",
                mount,
                sensor_token=token("sensor", name),
                translation=pose[:3, 3].tolist(),
                rotation=of_matrix(pose[:3, :3]),
                camera_intrinsic=intrinsics(camera).tolist(),
            )

    def _add(self, table: str, parts: tuple[Any, ...], **fields: Any) -> str:
        name = token(*parts)
        self._tables[table].add({"token": name, **fields})
        return name

    def _description(self) -> str:
        """The task, and the conditions at the beginning where they differ from a clear day."""
        facts = self._records[0][0].facts
        names = (Weather(facts.weather).name, TimeOfDay(facts.time).name)
        conditions = [name.lower() for name in names if name not in (Weather.CLEAR.name, TimeOfDay.DAY.name)]
        return ", ".join([self._drive.task, *conditions])

    def _time(self, record: Record) -> int:
        """Microseconds; scenes follow one another, an hour each."""
        return ORIGIN + (self._number - FIRST) * 3_600_000_000 + microseconds(record)

    def _file(self, camera: str, index: int, key: bool) -> str:
        return f"{'samples' if key else 'sweeps'}/{camera}/{self._drive.name}__{camera}__{index:06d}.jpg"

    def _pictures(self, name: str, k: int, record: Record, sample: str) -> None:
        key = k % (self.cameras.rate // KEYS) == 0
        pose, ego, time = token("pose", name, k), record.ego, self._time(record)
        x, y = (np.array([ego.x, ego.y]) - self._base).tolist()
        self._add(
            "ego_pose", ("pose", name, k), timestamp=time, rotation=of_heading(ego.heading), translation=[x, y, 0.0]
        )
        for camera, rig in self.cameras.cameras.items():
            data = [token("data", name, camera, index) for index in range(len(self._records))]
            self._tables["sample_data"].add(
                {
                    "token": data[k],
                    "sample_token": sample,
                    "ego_pose_token": pose,
                    "calibrated_sensor_token": token("calibrated", camera, rig),
                    "timestamp": time,
                    "fileformat": "jpg",
                    "is_key_frame": key,
                    "height": rig.height,
                    "width": rig.width,
                    "filename": self._file(camera, record.index, key),
                    **_links(data, k),
                }
            )

    def _annotate(self, name: str, keys: list[tuple[Record, dict[int, tuple[float, int]]]], samples: list[str]) -> None:
        tracks: dict[int, list[tuple[int, Track]]] = {}
        for k, (record, _) in enumerate(keys):
            for track in record.tracks:
                away = math.hypot(track.centre[0] - record.ego.x, track.centre[1] - record.ego.y)
                if away <= REACH and track.kind in CATEGORIES:
                    tracks.setdefault(track.number, []).append((k, track))
        for number, several in tracks.items():
            who = token("instance", name, number)
            marks = [token("annotation", name, number, k) for k, _ in several]
            self._tables["instance"].add(
                {
                    "token": who,
                    "category_token": token("category", CATEGORIES[several[0][1].kind]),
                    "nbr_annotations": len(several),
                    "first_annotation_token": marks[0],
                    "last_annotation_token": marks[-1],
                }
            )
            for place, (k, track) in enumerate(several):
                share, pixels = keys[k][1].get(number, (0.0, 0))
                x, y = (np.array(track.centre[:2]) - self._base).tolist()
                length, width, height = track.size
                self._tables["sample_annotation"].add(
                    {
                        "token": marks[place],
                        "sample_token": samples[k],
                        "instance_token": who,
                        "visibility_token": max(level for level, (least, _) in VISIBILITY.items() if share >= least),
                        "attribute_tokens": [token("attribute", attribute) for attribute in _attributes(track)],
                        "translation": [x, y, track.centre[2]],
                        "size": [width, length, height],
                        "rotation": of_heading(track.heading),
                        "num_lidar_pts": pixels,
                        "num_radar_pts": 0,
                        **_links(marks, place),
                    }
                )

    def _bus(self, name: str) -> None:
        """pose, ms_imu, steeranglefeedback (of the front wheels, rad), vehicle_monitor, the route that was driven, meta."""
        rows: dict[str, list[Any]] = {name: [] for name in ("pose", "ms_imu", "steeranglefeedback", "vehicle_monitor")}
        speeds = [record.ego.speed for record, _ in self._records]
        gains = np.gradient(speeds) * self.cameras.rate if len(speeds) > 1 else np.zeros(1)
        route = []
        for (record, _), gain in zip(self._records, gains, strict=True):
            ego, time = record.ego, self._time(record)
            x, y = (np.array([ego.x, ego.y]) - self._base).tolist()
            turn, rates = list(of_heading(ego.heading)), [0.0, 0.0, ego.yaw_rate]
            pull = [float(gain), ego.speed * ego.yaw_rate, 9.81]
            motion = {"vel": [ego.speed, 0.0, 0.0], "pos": [x, y, 0.0], "orientation": turn, "rotation_rate": rates}
            rows["pose"].append({"utime": time, "accel": pull, **motion})
            rows["ms_imu"].append({"utime": time, "linear_accel": pull, "q": turn, "rotation_rate": rates})
            rows["steeranglefeedback"].append({"utime": time, "value": ego.steer * MAX_WHEEL_ANGLE})
            rows["vehicle_monitor"].append(
                {
                    "utime": time,
                    "vehicle_speed": 3.6 * ego.speed,
                    "yaw_rate": math.degrees(ego.yaw_rate),
                    "steering": math.degrees(ego.steer * MAX_WHEEL_ANGLE),
                    "throttle": round(1000 * max(0.0, ego.accel)),
                    "brake": round(126 * max(0.0, -ego.accel)),
                    "left_signal": int(bool(ego.lights & Lights.LEFT)),
                    "right_signal": int(bool(ego.lights & Lights.RIGHT)),
                }
            )
            route.append([x, y])
        meta = {
            kind: {"message_count": len(several), "message_freq": float(self.cameras.rate)}
            for kind, several in rows.items()
        }
        for kind, value in {**rows, "route": route, "meta": meta}.items():
            (self.folder / "can_bus" / f"{name}_{kind}.json").write_text(dumps(value))


def _attributes(track: Track) -> list[str]:
    speed = math.hypot(*track.velocity)
    if track.kind is Kind.BICYCLE:
        return ["cycle.with_rider"]
    if track.kind in PEOPLE:
        return ["pedestrian.moving" if speed > 0.2 else "pedestrian.standing"]
    if track.kind in VEHICLES:
        return ["vehicle.parked" if track.prop >= 0 else "vehicle.moving" if speed > 0.2 else "vehicle.stopped"]
    return []


def _links(tokens: list[str], k: int) -> dict[str, str]:
    return {"prev": tokens[k - 1] if k else "", "next": tokens[k + 1] if k + 1 < len(tokens) else ""}
