"""A control set for photoreal video, in the layout of RDS-HQ that NVIDIA's Cosmos-Drive-Dreams toolkit and Cosmos-Transfer2.5 read.

pose, vehicle_pose                 CLIP.tar: 000000.pose.CAMERA.npy, 000000.vehicle_pose.npy, float64 [4, 4] to the world, RATE frames a second; cameras'
                                   axes are OpenCV's, the car's ahead, left, up from its rear axle on the ground
pinhole_intrinsic                  CLIP.tar: pinhole_intrinsic.CAMERA.npy, float64 [6]: fx, fy, cx, cy, width, height; a pixel's middle is a whole number
ftheta_intrinsic                   CLIP.tar: ftheta_intrinsic.CAMERA.npy, float64 [11]: cx, cy, width, height, six coefficients of angle to pixels, 0
all_object_info                    CLIP.tar: 000000.all_object_info.json, at the cameras' rate; frames count RATE a second
3d_LAYER, 3d_traffic_lights_status CLIP.tar: LAYER.json (cosmos_map.py), aggregated_states.json, a colour a frame
captions                           CLIP.txt
pinhole_CAMERA, ftheta_CAMERA      CLIP.mp4: our picture, at the cameras' rate and size
hdmap, depth, seg                  pinhole_CAMERA/CLIP_0.mp4, likewise: control pictures (cosmos_control.py)
dataset_lucidrive.json             the toolkit's settings for the set (its config/)
"""

from __future__ import annotations

import io
import math
import tarfile
from dataclasses import replace
from typing import Any

import numpy as np

from world.controls import FPS, TimeOfDay, Weather
from world.data.video import VideoWriter
from world.labels.cameras import Camera, CameraSet, extrinsics, intrinsics
from world.labels.classes import coloured
from world.labels.fisheye import LIMIT, Fisheye
from world.labels.formats.cosmos_control import class_of, hdmap, near_is_bright
from world.labels.formats.cosmos_map import LAYERS, Shape, labels, layers
from world.labels.formats.webdataset import npy
from world.labels.formats.writer import DriveInfo, Writer, check_even, dumps
from world.labels.record import Ego, Record

RATE = 30  # poses a second
MOVES = 0.2  # m/s: an object that is ever faster counts as moving; the toolkit averages the boxes of the others
CHUNK = 121  # frames of the toolkit's videos; it skips shorter clips
COLOURS = {"green": "green", "amber": "yellow", "red": "red"}
LIGHTS = {TimeOfDay.DAY: "by day", TimeOfDay.NIGHT: "at night", TimeOfDay.DAWN: "at dawn", TimeOfDay.DUSK: "at dusk"}


class Cosmos(Writer):
    """The format `cosmos`. Videos grow with the drive; all else is written when it ends."""

    bytes_a_pixel = 6.0

    @classmethod
    def check(cls, cameras: CameraSet) -> None:
        """DataError where a picture's sides are not even."""
        check_even(cameras, "control videos")

    def begin(self, drive: DriveInfo) -> None:
        """Opens the drive's videos."""
        self._drive, self._records = drive, list[Record]()
        self._videos = {
            (kind, name): self._video(kind, name, camera)
            for name, camera in self.cameras.cameras.items()
            for kind in ("", "depth", "seg")
        }

    def add(self, record: Record) -> None:
        """Writes a frame of each video, and keeps the rest of the record."""
        self._records.append(replace(record, views={}))
        for name, view in record.views.items():
            self._videos["", name].write(view.picture)
            self._videos["depth", name].write(near_is_bright(view.truth.depth))
            self._videos["seg", name].write(coloured(view.truth.semantic))

    def end(self) -> None:
        """Closes the videos; writes map layers, poses, objects, caption and the map videos."""
        for video in self._videos.values():
            video.close()
        path = np.array([(one.ego.x, one.ego.y) for one in self._records])
        map_layers = layers(self._drive.end or self._drive.place, path)
        for layer in LAYERS:
            self._tar(f"3d_{layer}", {f"{layer}.json": labels(layer, map_layers[layer])})
        states = {"traffic_light_states": self._lights(map_layers["traffic_lights"])}
        self._tar("3d_traffic_lights_status", {"aggregated_states.json": states})
        self._poses()
        self._objects()
        caption = self.folder / "captions" / f"{self._drive.name}.txt"
        caption.parent.mkdir(exist_ok=True)
        caption.write_text(caption_of(self._drive, self._records[0]), encoding="utf-8")
        for name, camera in self.cameras.cameras.items():
            with self._video("hdmap", name, camera) as video:
                for record in self._records:
                    video.write(hdmap(camera, _car(record.ego) @ extrinsics(camera), map_layers, record.tracks))

    def close(self) -> None:
        """Writes the toolkit's settings."""
        size = [1280, 704]
        part = {
            "RESIZE_RESOLUTION": [1280, 720],
            "TO_COSMOS_RESOLUTION": "resize",
            "TARGET_CHUNK_FRAME": CHUNK,
            "OVERLAP_FRAME": 0,
            "TARGET_RENDER_FPS": RATE,
        }
        about = {
            "CAMERAS": list(self.cameras.cameras),
            "MINIMAP_TYPES": [layer for layer in LAYERS if layer != "lanes"],
            "INPUT_POSE_FPS": RATE,
            "INPUT_LIDAR_FPS": FPS,
            "COSMOS_RESOLUTION": size,
            "NOT_POST_TRAINING": part,
            "POST_TRAINING": part,
        }
        (self.folder / "dataset_lucidrive.json").write_text(dumps(about), encoding="utf-8")

    def _video(self, kind: str, name: str, camera: Camera) -> VideoWriter:
        lens = f"{'ftheta' if isinstance(camera, Fisheye) else 'pinhole'}_{name}"
        path = self.folder / kind / lens / (f"{self._drive.name}_0.mp4" if kind else f"{self._drive.name}.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        return VideoWriter(path, self.cameras.rate)

    def _tar(self, folder: str, files: dict[str, Any]) -> None:
        """Writes a WebDataset of one sample, the clip: arrays as .npy, all else as JSON."""
        path = self.folder / folder / f"{self._drive.name}.tar"
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, value in files.items():
                data = npy(value, np.float64) if isinstance(value, np.ndarray) else dumps(value).encode()
                entry = tarfile.TarInfo(f"{self._drive.name}.{name}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))

    def _poses(self) -> None:
        cars = {frame: _car(ego) for frame, ego in enumerate(_between(self._records))}
        self._tar("vehicle_pose", {f"{frame:06d}.vehicle_pose.npy": car for frame, car in cars.items()})
        cameras = self.cameras.cameras
        mounted = {name: extrinsics(camera) for name, camera in cameras.items()}
        poses = {
            f"{frame:06d}.pose.{name}.npy": car @ pose for frame, car in cars.items() for name, pose in mounted.items()
        }
        self._tar("pose", poses)
        pinholes = {name: camera for name, camera in cameras.items() if not isinstance(camera, Fisheye)}
        if pinholes:
            self._tar("pinhole_intrinsic", {f"pinhole_intrinsic.{n}.npy": pinhole(one) for n, one in pinholes.items()})
        self._tar("ftheta_intrinsic", {f"ftheta_intrinsic.{n}.npy": ftheta(one) for n, one in cameras.items()})

    def _objects(self) -> None:
        moments = self._records
        fast = {one.number for moment in moments for one in moment.tracks if math.hypot(*one.velocity) > MOVES}
        files = {}
        for record in moments:
            files[f"{frame_of(record):06d}.all_object_info.json"] = {
                str(one.number): {
                    "object_to_world": _pose(*one.centre, one.heading),
                    "object_lwh": list(one.size),
                    "object_is_moving": one.number in fast,
                    "object_type": class_of(one),
                }
                for one in record.tracks
            }
        self._tar("all_object_info", files)

    def _lights(self, shapes: list[Shape]) -> dict[str, Any]:
        """Each light's colour per frame, from the newest record; unknown while the light is out of the records' range."""
        signals = [{_spot(one.x, one.y): COLOURS[one.colour] for one in record.signals} for record in self._records]
        place, ends = self._drive.end or self._drive.place, [frame_of(record) for record in self._records[1:]]
        counts = np.diff([0, *ends, frame_of(self._records[-1]) + 1])
        out = {}
        for shape in shapes:
            prop = place.props[np.searchsorted(place.numbers, shape.number)]
            signal = place.map.signals[int(prop["signal"])]
            spot = _spot(float(signal["x"]), float(signal["y"]))
            states = [near.get(spot, "unknown") for near in signals]
            by_frame = [state for state, count in zip(states, counts, strict=True) for _ in range(count)]
            out[str(shape.number)] = {"feature_id": str(shape.number), "state": by_frame}
        return out


def frame_of(record: Record) -> int:
    """The record's frame at RATE frames a second."""
    return round(record.seconds * FPS) * RATE // FPS


def pinhole(camera: Camera) -> np.ndarray:
    """fx, fy, cx, cy, width, height of a pinhole, float64 [6]."""
    matrix = intrinsics(camera)
    return np.array([matrix[0, 0], matrix[1, 1], matrix[0, 2] - 0.5, matrix[1, 2] - 0.5, camera.width, camera.height])


def ftheta(camera: Camera) -> np.ndarray:
    """NVIDIA's f-theta model of a camera, float64 [11]: pixels from the middle by a polynomial of the angle, fitted over the picture."""
    farthest = math.hypot(camera.width, camera.height) / 2
    if isinstance(camera, Fisheye):
        angles = np.linspace(0.0, min(float(camera.angle(np.array(farthest))), math.radians(LIMIT)), 512)
        radii = camera.radius(angles)
    else:
        focal = float(intrinsics(camera)[0, 0])
        angles = np.linspace(0.0, math.atan2(farthest, focal), 512)
        radii = focal * np.tan(angles)
    powers = angles[:, None] ** np.arange(1, 6)
    bent = np.linalg.lstsq(powers, radii, rcond=None)[0]
    return np.array([camera.width / 2 - 0.5, camera.height / 2 - 0.5, camera.width, camera.height, 0.0, *bent, 0.0])


def caption_of(drive: DriveInfo, first: Record) -> str:
    """A caption for a video model: the drive's task, and weather and time at its beginning."""
    word, _, level = Weather(first.facts.weather).name.lower().partition("_")
    amount = {"1": "light ", "2": "", "3": "heavy "}.get(level, "")
    weather = "in clear weather" if word == "clear" else f"in {amount}{word}"
    light = LIGHTS[TimeOfDay(first.facts.time)]
    return f"The video is captured from a camera mounted on a car that drives through a town {light}, {weather}. {drive.task}"


def _between(records: list[Record]) -> list[Ego]:
    """Our car in every frame, interpolated linearly between records."""
    frames = [frame_of(record) for record in records]
    every = np.arange(frames[-1] + 1)
    x, y = (np.interp(every, frames, [getattr(one.ego, name) for one in records]) for name in ("x", "y"))
    heading = np.interp(every, frames, np.unwrap([one.ego.heading for one in records]))
    first = records[0].ego
    return [replace(first, x=float(a), y=float(b), heading=float(c)) for a, b, c in zip(x, y, heading, strict=True)]


def _car(ego: Ego) -> np.ndarray:
    return _pose(ego.x, ego.y, 0.0, ego.heading)


def _pose(x: float, y: float, z: float, heading: float) -> np.ndarray:
    cos, sin = math.cos(heading), math.sin(heading)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])


def _spot(x: float, y: float) -> tuple[float, float]:
    return round(x, 2), round(y, 2)
