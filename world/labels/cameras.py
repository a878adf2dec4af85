"""Sets of cameras on a car: presets, and custom sets from a YAML file.

    rate: 10
    cameras:
      front: {width: 512, height: 288, fov: 70, ahead: 1.6, up: 1.45, pitch: -2}
      left: {width: 512, height: 288, fov: 70, ahead: 1.2, left: 0.8, yaw: 80}
      bumper: {model: fisheye, width: 512, height: 512, fov: 185, k1: -0.02, ahead: 3.6, up: 0.6}

Sizes in pixels, angles in degrees, places in m from the rear axle on the ground (world.render.camera.Rig, world.labels.fisheye.Fisheye). A camera is a
pinhole where it does not say `model: fisheye`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from world.controls import FPS
from world.errors import DataError
from world.labels.fisheye import Fisheye, axes_of
from world.render.camera import Rig, view

MOST = 16  # cameras of a set
Camera = Rig | Fisheye
MODELS: dict[str, type[Camera]] = {"pinhole": Rig, "fisheye": Fisheye}


@dataclass(frozen=True, slots=True)
class CameraSet:
    """cameras by name; rate: pictures a second, a divisor of the scene's own."""

    name: str
    cameras: Mapping[str, Camera]
    rate: int = FPS

    def __post_init__(self) -> None:
        if not 1 <= len(self.cameras) <= MOST:
            raise DataError(f"A set has 1 to {MOST} cameras, not {len(self.cameras)}.")
        if self.rate < 1 or FPS % self.rate:
            raise DataError(
                f"A camera takes {', '.join(str(n) for n in range(1, FPS + 1) if FPS % n == 0)} pictures a second, not {self.rate}."
            )


def _surround() -> dict[str, Rig]:
    """Six cameras as nuScenes has them (Caesar et al. 2020): places, directions and fields of view from its calibrations, rounded; 16 to 9."""
    wide, back = 64.6, 89.3  # degrees: focal lengths of 1,266 and 809 pixels at 1,600 wide
    rows = {
        "CAM_FRONT": (1.70, 0.02, 0.0, wide),
        "CAM_FRONT_RIGHT": (1.55, -0.49, -56.0, wide),
        "CAM_BACK_RIGHT": (1.01, -0.48, -110.0, wide),
        "CAM_BACK": (0.03, 0.0, 180.0, back),
        "CAM_BACK_LEFT": (1.03, 0.48, 108.0, wide),
        "CAM_FRONT_LEFT": (1.52, 0.49, 55.0, wide),
    }
    return {
        name: Rig(fov=fov, ahead=ahead, left=left, up=1.51, yaw=yaw, pitch=0.0)
        for name, (ahead, left, yaw, fov) in rows.items()
    }


def _stereo() -> dict[str, Rig]:
    """A level pair as KITTI has it (Geiger et al. 2012): 0.54 m apart, 1.65 m above the ground, 1,242 x 375 pixels at a focal length of 721, a half of each."""
    return {
        name: Rig(width=624, height=192, fov=81.0, ahead=1.6, left=left, up=1.65, pitch=0.0)
        for name, left in (("left", 0.27), ("right", -0.27))
    }


PRESETS = {
    "front": CameraSet("front", {"front": Rig()}),
    "surround": CameraSet("surround", _surround()),
    "stereo": CameraSet("stereo", _stereo()),
}


def camera_set(name: str) -> CameraSet:
    """A preset by name, or a set from a YAML file. DataError where it is neither, or a camera is invalid."""
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if not path.is_file():
        raise DataError(f"There are no cameras '{name}'; take {', '.join(PRESETS)} or a YAML file.")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read as YAML ({error}).") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("cameras"), dict) or set(raw) - {"cameras", "rate"}:
        raise DataError(f"{path} should hold `cameras:`, a name and its numbers each, and perhaps `rate:`.")
    rate = raw.get("rate", FPS)
    if not isinstance(rate, int) or isinstance(rate, bool):
        raise DataError(f"{path}: rate should be a whole number of pictures a second, not {rate!r}.")
    return CameraSet(
        path.stem, {str(key): _camera(path, str(key), value) for key, value in raw["cameras"].items()}, rate
    )


def _camera(path: Path, name: str, raw: Any) -> Camera:
    if not isinstance(raw, dict):
        raise DataError(f"{path}, camera {name}: give its numbers, such as {{width: 512, height: 288, fov: 70}}.")
    if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise DataError(
            f"{path}: a camera's name is of letters, digits, - and _, not {name!r}; files are named after it."
        )
    raw = dict(raw)
    model = raw.pop("model", "pinhole")
    if model not in MODELS:
        raise DataError(f"{path}, camera {name}: there is no model {model!r}; there are {', '.join(MODELS)}.")
    names = {one.name for one in fields(MODELS[model])}
    if unknown := sorted(set(map(str, raw)) - names):
        raise DataError(
            f"{path}, camera {name}: there is no {', '.join(unknown)}; a camera has {', '.join(sorted(names))}."
        )
    numbers: dict[str, Any] = {}
    for key, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DataError(f"{path}, camera {name}: {key} should be a number, not {value!r}.")
        whole = key in ("width", "height")
        if whole and value != int(value):
            raise DataError(f"{path}, camera {name}: {key} should be a whole number of pixels, not {value!r}.")
        numbers[key] = int(value) if whole else float(value)
    return MODELS[model](**numbers)


def intrinsics(camera: Camera) -> np.ndarray:
    """The camera's matrix, float64 [3, 3]: pixels from x right, y down, z forward; a pixel's middle lies at +0.5. A fisheye's is OpenCV's K."""
    focal = camera.focal if isinstance(camera, Fisheye) else camera.width / 2 / math.tan(math.radians(camera.fov) / 2)
    return np.array([[focal, 0.0, camera.width / 2], [0.0, focal, camera.height / 2], [0.0, 0.0, 1.0]])


def distortion(camera: Camera) -> tuple[str, tuple[float, ...]]:
    """The name of its distortion model in Foxglove and ROS, and the coefficients."""
    if isinstance(camera, Fisheye):
        return "kannala_brandt", (camera.k1, camera.k2, camera.k3, camera.k4)
    return "plumb_bob", (0.0,) * 5


def extrinsics(camera: Camera) -> np.ndarray:
    """The transform from the camera's axes to the car's (x ahead, y left, z up, from the rear axle on the ground), float64 [4, 4]."""
    out = np.eye(4)
    out[:3, :3] = (axes_of(camera) if isinstance(camera, Fisheye) else view(camera, 0.0, 0.0, 0.0).axes).T
    out[:3, 3] = camera.ahead, camera.left, camera.up
    return out
