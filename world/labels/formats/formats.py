"""All formats by name."""

from __future__ import annotations

from world.labels.formats.coco import Coco
from world.labels.formats.cosmos import Cosmos
from world.labels.formats.kitti import Kitti
from world.labels.formats.lerobot import LeRobot
from world.labels.formats.mcap import Mcap
from world.labels.formats.nuscenes import NuScenes
from world.labels.formats.opendrive import OpenDrive
from world.labels.formats.openscenario import OpenScenario
from world.labels.formats.rerun import Rerun
from world.labels.formats.webdataset import WebDataset
from world.labels.formats.writer import Writer

FORMATS: dict[str, type[Writer]] = {
    "coco": Coco,
    "kitti": Kitti,
    "nuscenes": NuScenes,
    "mcap": Mcap,
    "rerun": Rerun,
    "webdataset": WebDataset,
    "lerobot": LeRobot,
    "opendrive": OpenDrive,
    "openscenario": OpenScenario,
    "cosmos": Cosmos,
}
