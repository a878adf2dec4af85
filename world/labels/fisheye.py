"""A fisheye camera after Kannala and Brandt (2006), in the form of OpenCV's `fisheye` module.

A point at the angle t from the axis lies f * (t + k1 t^3 + k2 t^5 + k3 t^7 + k4 t^9) pixels from the picture's middle. It is drawn as up to five
pinhole pictures, the sides of a cube round the axis, nowhere coarser than the fisheye. Colours are interpolated, labels are the nearest pixel's,
so a label's ray is off by at most 0.71 pixels of a side. Against sides four times as fine the picture is within 32 to 35 dB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from world.errors import DataError
from world.render.camera import Rig, view

LIMIT = 110.0  # degrees off the axis; what lies beyond is black
SIDES = ((0, 1, 2), (2, 1, -1), (-3, 1, 0), (0, 2, -2), (0, -3, 1))  # right, down, forward of each, `_axis`'s numbers
_STEPS = 4096


@dataclass(frozen=True, slots=True)
class Fisheye:
    """A fisheye on the car. Sizes in pixels; fov: horizontal, degrees; k1 to k4: Kannala and Brandt's; where it is mounted: as a `Rig`."""

    width: int = 256
    height: int = 256
    fov: float = 180.0
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    ahead: float = 3.6
    left: float = 0.0
    up: float = 0.7
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fov) and 10.0 <= self.fov <= 2 * LIMIT):
            raise DataError(f"A fisheye's field of view is between 10 and {2 * LIMIT:g} degrees, not {self.fov:g}.")
        if not (16 <= self.width <= 2048 and 16 <= self.height <= 2048):
            raise DataError(f"A fisheye's picture has 16 to 2048 pixels a side, not {self.width} x {self.height}.")
        if not (np.diff(self._bent(np.linspace(0, math.radians(LIMIT), 512))) > 0).all():
            raise DataError(
                f"With k1 to k4 of {self.k1:g}, {self.k2:g}, {self.k3:g}, {self.k4:g} a fisheye would fold its picture over within {LIMIT:g} degrees;"
                " take smaller ones."
            )

    @property
    def focal(self) -> float:
        """f, pixels a radian in the middle."""
        return float(self.width / 2 / self._bent(np.array(math.radians(self.fov / 2))))

    def radius(self, angle: np.ndarray) -> np.ndarray:
        """Pixels from the picture's middle at an angle (rad) off the axis."""
        return self.focal * self._bent(angle)

    def angle(self, radius: np.ndarray) -> np.ndarray:
        """The inverse of `radius` (to 1e-6 rad); greater than the limit beyond it."""
        table = np.linspace(0, math.radians(LIMIT) + 1e-3, _STEPS)
        return np.interp(radius, self.radius(table), table, right=math.pi)

    def _bent(self, t: np.ndarray) -> np.ndarray:
        t2 = t * t
        return np.asarray(t * (1 + t2 * (self.k1 + t2 * (self.k2 + t2 * (self.k3 + t2 * self.k4)))))


@dataclass(frozen=True, eq=False)
class Sides:
    """The mapping from pinhole pictures to a fisheye. size: of the pictures, pixels square; axes float64 [N, 3, 3]: of each, in the camera's, rows
    right, down, forward; which int [H, W]: a pixel's picture, -1 beyond the limit; x, y float64 [H, W]: position in it, pixels; rays float64
    [H, W, 3]: of length 1, in the camera's axes."""

    size: int
    axes: np.ndarray
    which: np.ndarray
    x: np.ndarray
    y: np.ndarray
    rays: np.ndarray


@lru_cache(maxsize=16)
def sides(camera: Fisheye) -> Sides:
    """The sides of the cube that the camera needs, at its finest resolution but at most 4,096 pixels, and each pixel's position on them."""
    angles = np.linspace(1e-4, math.radians(LIMIT), 512)
    radii = camera.radius(angles)
    in_picture = angles <= camera.angle(np.array(math.hypot(camera.width, camera.height) / 2))
    dense = max((np.gradient(radii, angles))[in_picture].max(), (radii / np.sin(angles))[in_picture].max())
    size = min(4096, 16 * math.ceil(2 * dense / 16))
    u = np.arange(camera.width) + 0.5 - camera.width / 2
    v = np.arange(camera.height) + 0.5 - camera.height / 2
    radius = np.hypot(u[None], v[:, None])
    angle = camera.angle(radius)
    aside = np.sin(angle) / np.maximum(radius, 1e-12)
    rays = np.stack([u[None] * aside, v[:, None] * aside, np.cos(angle)], -1)
    axes = np.stack([np.stack([_axis(number) for number in side]) for side in SIDES])
    forward = rays @ axes[:, 2].T
    which = np.where(angle <= math.radians(LIMIT), forward.argmax(-1), -1)
    needed = [number for number in range(len(SIDES)) if (which == number).any()]
    mine = np.einsum("hwc,hwrc->hwr", rays, axes[np.maximum(which, 0)])
    depth = np.maximum(mine[..., 2], 1e-9)
    x, y = size / 2 * (1 + mine[..., 0] / depth), size / 2 * (1 + mine[..., 1] / depth)
    lookup = np.array([needed.index(number) if number in needed else -1 for number in range(len(SIDES))] + [-1])
    return Sides(size, axes[needed], lookup[which], x, y, rays)


def _axis(number: int) -> np.ndarray:
    """0, 1, 2: right, down, forward; -1, -2, -3 their opposites."""
    sign, index = (1.0, number) if number >= 0 else (-1.0, -number - 1)
    return np.asarray(sign * np.eye(3)[index])


def axes_of(camera: Fisheye) -> np.ndarray:
    """right, down, forward of the camera in the car's axes, float64 [3, 3]."""
    pose = {name: getattr(camera, name) for name in ("yaw", "pitch", "roll")}
    return view(Rig(8, 8, 90.0, **pose), 0.0, 0.0, 0.0).axes


def rig_of(camera: Fisheye, axes: np.ndarray, size: int) -> Rig:
    """The pinhole camera at the fisheye's position with axes [3, 3], rows right, down, forward in the car's."""
    right, _, forward = axes
    pitch = math.asin(max(-1.0, min(1.0, float(forward[2]))))
    yaw = math.atan2(forward[1], forward[0]) if abs(forward[2]) < 1 - 1e-9 else math.atan2(right[0], -right[1])
    level = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    roll = math.atan2(float(right @ np.cross(forward, level)), float(right @ level))
    place = {name: getattr(camera, name) for name in ("ahead", "left", "up")}
    angles = {"yaw": math.degrees(yaw), "pitch": math.degrees(pitch), "roll": math.degrees(roll)}
    return Rig(size, size, 90.0, **place, **angles)


def project(camera: Fisheye, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels float64 [N, 2] of points [N, 3] in the camera's axes, and whether they are within the limit, bool [N]."""
    aside = np.hypot(points[:, 0], points[:, 1])
    angle = np.arctan2(aside, points[:, 2])
    out = camera.radius(angle)[:, None] * points[:, :2] / np.maximum(aside, 1e-12)[:, None]
    return out + np.array([camera.width / 2, camera.height / 2]), angle <= math.radians(LIMIT)
