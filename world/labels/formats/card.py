"""The card of a labelled dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from world.labels.cameras import CameraSet, distortion
from world.labels.fisheye import Fisheye

HOW = {
    "coco": "`annotations/instances.json`; depth (1/256 m) and classes (Cityscapes' ids) as PNGs beside the pictures",
    "kitti": "KITTI's object data set; `frames.jsonl` says which drive and moment a number is; depth in 1/256 m",
    "nuscenes": "version `v1.0-lucidrive`; `num_lidar_pts` is pixels in sight; for the map expansion append the place's name to `map_api.locations` first",
    "mcap": "a file a drive, for Foxglove",
    "rerun": "a recording a drive, for Rerun",
    "webdataset": "tar files, a sample a picture of a camera",
    "lerobot": "LeRobotDataset v3, an episode a drive; `labels/` beside it holds what is no column",
    "opendrive": "a road network a place, in the scene's coordinates",
    "cosmos": "a control set in RDS-HQ's layout, for Cosmos-Drive-Dreams and Cosmos-Transfer2.5; `hdmap/`, `depth/` and `seg/` are control videos",
    "openscenario": "a scenario a drive and the road network that it is on; traffic lights' phases are not in it",
}


def card(counts: Mapping[str, Any], cameras: CameraSet | None, hashes: Mapping[str, str]) -> str:
    """The card as Markdown. counts: clips, moments, pictures, boxes, formats; cameras: None without pictures; hashes: of the world, by name."""
    lines = [
        "# A labelled dataset, synthetic",
        "",
        f"Drives: {counts['clips']}; moments: {counts['moments']}; pictures: {counts['pictures']}; boxes: {counts['boxes']}. Driven and drawn by lucidrive in its",
        "scene worlds: nothing here was filmed, and nothing of it happened. Labels are read off the scene that the pictures are drawn from.",
        "",
        "| folder | what it is |",
        "|---|---|",
        *(f"| `{name}/` | {HOW[name]} |" for name in counts["formats"]),
    ]
    if cameras is not None:
        lines += [
            "",
            f"Cameras, {cameras.rate} pictures a second:",
            "",
            "| name | lens | pixels | field of view |",
            "|---|---|---|---|",
        ]
        for name, camera in cameras.cameras.items():
            lens = distortion(camera)[0] if isinstance(camera, Fisheye) else "pinhole"
            lines.append(f"| `{name}` | {lens} | {camera.width} x {camera.height} | {camera.fov:g} degrees |")
    lines += [
        "",
        "Boxes are of whoever has a pixel in the picture; `visible` is the share of their own pixels that nothing hides. Mirrors, elbows and a swinging leg may stand",
        "out of a box by 35 cm. A pixel on an outline has the depth and class of what fills most of it. Rain, snow, fog and glare are in the pictures and in no label.",
        "",
        "The world, by the sha256 of its version:",
        "",
        *(f"* `{name}` {digest}" for name, digest in sorted(hashes.items())),
        "",
        "Apache-2.0.",
        "",
    ]
    return "\n".join(lines)
