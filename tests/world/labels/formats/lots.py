"""Two short drives, written in a format: what its reader must find is in the records."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tests.world.labels.drives import states
from world.labels.cameras import CameraSet
from world.labels.fisheye import Fisheye
from world.labels.formats.writer import DriveInfo, Writer
from world.labels.record import Record, records
from world.render.camera import Rig
from world.render.renderer import plain_renderer

LEVEL = {"width": 128, "height": 72, "pitch": 0.0}
FRONT = CameraSet("front", {"front": Rig(**LEVEL), "fish": Fisheye(width=64, height=64)}, rate=10)
PAIR = CameraSet("pair", {"left": Rig(left=0.27, **LEVEL), "right": Rig(left=-0.27, **LEVEL)}, rate=10)
ROUND = CameraSet("round", {"CAM_FRONT": Rig(128, 72), "CAM_BACK": Rig(128, 72, yaw=180.0)}, rate=10)
DRIVES = (("town-0", 0), ("town-1", 1))


@lru_cache(maxsize=8)
def made(name: str, count: int = 2) -> tuple[tuple[DriveInfo, tuple[Record, ...]], ...]:
    """The drives of a set of cameras, by its name."""
    cameras = {one.name: one for one in (FRONT, PAIR, ROUND)}[name]
    out = []
    for town, seed in DRIVES:
        steps = states(town, seed, count)
        drive = DriveInfo(f"drive-{seed}", steps[0].places[0], "go on", seed)
        out.append((drive, tuple(records(steps, cameras, plain_renderer()))))
    return tuple(out)


def write(kind: type[Writer], folder: Path, cameras: CameraSet, count: int = 2) -> Path:
    kind.check(cameras)
    with kind(folder, cameras) as writer:
        for drive, found in made(cameras.name, count):
            writer.begin(drive)
            for record in found:
                writer.add(record)
            writer.end()
    return folder
