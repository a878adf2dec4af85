"""Cameras: intrinsics, mounting on the car, and free poses."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace

import numpy as np

from world.errors import DataError


@dataclass(frozen=True, slots=True)
class Rig:
    """A pinhole camera on the car. Sizes in pixels; fov: horizontal, degrees; mounted `ahead`, `left` and `up` m of the rear axle on the ground; angles in degrees: yaw to the left, pitch upwards, roll."""

    width: int = 256
    height: int = 144
    fov: float = 70.0
    ahead: float = 1.6
    left: float = 0.0
    up: float = 1.45
    yaw: float = 0.0
    pitch: float = -2.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fov) and 1.0 <= self.fov <= 170.0):
            raise DataError(f"A camera's field of view is between 1 and 170 degrees, not {self.fov:g}.")
        if not (8 <= self.width <= 4096 and 8 <= self.height <= 4096):
            raise DataError(f"A picture has 8 to 4096 pixels a side, not {self.width} x {self.height}.")


LOWEST, HIGHEST, FARTHEST = 0.5, 120.0, 600.0  # m above the ground and from the car, of a camera that is not on it


@dataclass(frozen=True, slots=True)
class Pose:
    """A camera that is not on the car: x, y and z (above the ground) in m, yaw to the left of east and pitch upwards in rad. DataError where a value is out of bounds."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, astuple(self))):
            raise DataError("A camera stands at a place and looks in a direction; give finite numbers.")
        if not LOWEST <= self.z <= HIGHEST:
            raise DataError(f"A camera stands {LOWEST:g} to {HIGHEST:g} m above the ground, not {self.z:g} m.")
        if abs(self.yaw) > 2 * math.pi or abs(self.pitch) > math.pi / 2:
            raise DataError("A camera turns within a full circle and tilts as far as straight up or down, in radians.")

    def mounted(self, rig: Rig) -> Rig:
        """The rig with this height and tilt, mounted on a car whose rear axle is at (x, y) and which heads where this looks."""
        return replace(rig, ahead=0.0, left=0.0, up=self.z, yaw=0.0, pitch=math.degrees(self.pitch), roll=0.0)


@dataclass(frozen=True, eq=False)
class View:
    """A camera in the world. eye float64 [3]; axes float64 [3, 3]: right, down, forward as rows; focal in pixels; centre (cx, cy)."""

    eye: np.ndarray
    axes: np.ndarray
    focal: float
    width: int
    height: int

    def sees(self, spheres: np.ndarray) -> np.ndarray:
        """Whether any of spheres float [N, 4] (x, y, z, radius) may be in the picture, bool [N]."""
        right, down, forward = ((spheres[:, :3] - self.eye) @ self.axes.T).T
        out = forward > -spheres[:, 3]
        for aside, half in ((right, self.width / 2), (down, self.height / 2)):
            beyond = self.focal * np.abs(aside) - half * forward  # times the border's normal, which is that long:
            out &= beyond < spheres[:, 3] * math.hypot(self.focal, half)
        return out


def view(rig: Rig, x: float, y: float, heading: float) -> View:
    """The camera's view when the rear axle is at (x, y)."""
    yaw, pitch, roll = heading + math.radians(rig.yaw), math.radians(rig.pitch), math.radians(rig.roll)
    forward = np.array([math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    right, down = (
        right * math.cos(roll) + down * math.sin(roll),
        down * math.cos(roll) - right * math.sin(roll),
    )
    eye = np.array(
        [
            x + rig.ahead * math.cos(heading) - rig.left * math.sin(heading),
            y + rig.ahead * math.sin(heading) + rig.left * math.cos(heading),
            rig.up,
        ]
    )
    focal = rig.width / 2 / math.tan(math.radians(rig.fov) / 2)
    return View(eye, np.stack([right, down, forward]), focal, rig.width, rig.height)
