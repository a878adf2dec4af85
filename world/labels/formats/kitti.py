"""KITTI's object data set: one level camera, or a level pair, and boxes in the left one's axes (Geiger et al. 2012).

training/image_2/000000.png (image_3: the right one), label_2/000000.txt, calib/000000.txt, depth_2/000000.png (1/256 m)
frames.jsonl says which drive and moment a number is. `Tr_velo_to_cam` is from the car's axes (rear axle, on the ground), since there is no lidar.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from world.errors import DataError
from world.labels.cameras import CameraSet, extrinsics, intrinsics
from world.labels.formats.writer import DriveInfo, Writer, depth_levels, dumps, png
from world.labels.record import Record
from world.labels.truth import NEAR, Box
from world.render.camera import Rig
from world.scene.objects import Kind

TYPES = {
    Kind.CAR: "Car",
    Kind.POLICE: "Car",
    Kind.VAN: "Van",
    Kind.AMBULANCE: "Van",
    Kind.LORRY: "Truck",
    Kind.FIRE_ENGINE: "Truck",
    Kind.BUS: "Misc",
    Kind.BICYCLE: "Cyclist",
    Kind.PERSON: "Pedestrian",
    Kind.CHILD: "Pedestrian",
}
OCCLUDED = (0.8, 0.4)  # shares visible from which on it is 0 and 1; 2 below


class Kitti(Writer):
    """The format `kitti`. Frame numbers run through all drives."""

    bytes_a_pixel = 8.0

    @classmethod
    def check(cls, cameras: CameraSet) -> None:
        """DataError unless there are one or two level pinholes, which differ only in `left`."""
        pair = list(cameras.cameras.values())
        pinholes = [camera for camera in pair if isinstance(camera, Rig)]
        level = all(camera.pitch == 0 and camera.roll == 0 for camera in pinholes)
        if len(pinholes) < len(pair) or not level:
            raise DataError(
                "KITTI has level pinhole cameras alone: take --cameras stereo, or give yours pitch: 0 and roll: 0."
            )
        if len(pair) > 2 or (len(pair) == 2 and replace(pinholes[0], left=pinholes[1].left) != pinholes[1]):
            raise DataError("KITTI has one camera, or two that differ in `left:` alone: take --cameras stereo.")

    def begin(self, drive: DriveInfo) -> None:
        """Creates the folders with the first drive."""
        self._drive = drive
        if not hasattr(self, "_count"):
            self._count = 0
            self._names = list(self.cameras.cameras)
            for kind in ("label_2", "calib", "depth_2", *(f"image_{k + 2}" for k in range(len(self._names)))):
                (self.folder / "training" / kind).mkdir(parents=True, exist_ok=True)
            self._calib = calibration_text(self.cameras)

    def add(self, record: Record) -> None:
        """Writes a frame: pictures, depth, labels and calibration."""
        folder, number = self.folder / "training", f"{self._count:06d}"
        first = record.views[self._names[0]]
        for k, name in enumerate(self._names):
            (folder / f"image_{k + 2}" / f"{number}.png").write_bytes(png(record.views[name].picture))
        (folder / "depth_2" / f"{number}.png").write_bytes(png(depth_levels(first.truth.depth)))
        lines = [self._line(box, record) for box in first.truth.boxes if box.track.kind in TYPES]
        (folder / "label_2" / f"{number}.txt").write_text("".join(f"{line}\n" for line in lines))
        (folder / "calib" / f"{number}.txt").write_text(self._calib)
        with (self.folder / "frames.jsonl").open("a", encoding="utf-8") as file:
            row = {"number": number, "drive": self._drive.name, "frame_index": record.index, "seconds": record.seconds}
            file.write(dumps(row | {"task": self._drive.task, "synthetic": True}) + "\n")
        self._count += 1

    def _line(self, box: Box, record: Record) -> str:
        """type truncated occluded alpha left top right bottom height width length x y z rotation_y"""
        camera: Any = self.cameras.cameras[self._names[0]]
        track, ego = box.track, record.ego
        to_car = _car_to_world(ego.heading).T @ (np.array(track.centre) - [ego.x, ego.y, 0.0])
        to_camera = np.linalg.inv(extrinsics(camera))
        x, y, z = (to_camera @ [*to_car, 1.0])[:3]
        yaw = -_wrap(track.heading - ego.heading - math.radians(camera.yaw) + math.pi / 2)
        rotation = _wrap(yaw)
        alpha = _wrap(rotation - math.atan2(x, z))
        occluded = sum(box.visible < share for share in OCCLUDED)
        length, width, height = track.size
        left, top, right, bottom = box.whole
        numbers = (
            *(alpha, left, top, right, bottom, height, width, length),
            *(x, y + height / 2, z, rotation),
        )
        return f"{TYPES[track.kind]} {truncated(box, record, camera):.2f} {occluded} " + " ".join(
            f"{number:.2f}" for number in numbers
        )


def truncated(box: Box, record: Record, camera: Rig) -> float:
    """The share of the rectangle round a box's corners that is outside the picture; 1 where a corner is behind the camera."""
    ego = record.ego
    corners = (box.track.corners() - [ego.x, ego.y, 0.0]) @ _car_to_world(ego.heading)
    in_camera = np.c_[corners, np.ones(8)] @ np.linalg.inv(extrinsics(camera)).T
    if (in_camera[:, 2] < NEAR).any():
        return 1.0
    pixels = in_camera[:, :3] @ intrinsics(camera).T
    low, high = (pixels[:, :2] / pixels[:, 2:]).min(0), (pixels[:, :2] / pixels[:, 2:]).max(0)
    left, top, right, bottom = box.whole
    return float(np.clip(1 - (right - left) * (bottom - top) / max(1e-6, float(np.prod(high - low))), 0, 1))


def calibration_text(cameras: CameraSet) -> str:
    """The text of P0 to P3, R0_rect, Tr_velo_to_cam and Tr_imu_to_velo; the rectified axes are the first camera's."""
    pair = list(cameras.cameras.values())
    first = pair[0]
    left = np.hstack([intrinsics(first), np.zeros((3, 1))])
    right = left.copy()
    right[0, 3] = -intrinsics(first)[0, 0] * (first.left - pair[-1].left)
    rows = {"P0": left, "P1": right, "P2": left, "P3": right, "R0_rect": np.eye(3)}
    rows |= {"Tr_velo_to_cam": np.linalg.inv(extrinsics(first))[:3], "Tr_imu_to_velo": np.eye(4)[:3]}
    return "".join(
        f"{name}: {' '.join(f'{value:.12e}' for value in matrix.ravel())}\n" for name, matrix in rows.items()
    )


def _car_to_world(heading: float) -> np.ndarray:
    """The rotation from the car's axes to the world's, float64 [3, 3]."""
    cos, sin = math.cos(heading), math.sin(heading)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _wrap(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi
