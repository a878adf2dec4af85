"""nuScenes key frames as captures: pictures with scenes from which the renderer learns a look (docs/real-look.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from world import weather
from world.errors import DataError
from world.nuscenes.flat import along, conditions, crop_for_rig, flat, kind_of
from world.nuscenes.places import Map
from world.nuscenes.tables import AnnotatedBox, CameraImage, Dataset, KeyFrame
from world.scene.objects import Kind
from world.scene.places import save
from world.scene.state import AGENTS
from world.telling import Count
from world.train.pictures import FILE, FORMAT, MOUNT

LARGE = 512  # largest width of a picture in pixels


def write(
    dataset: Dataset, scenes: Iterable[tuple[str, Map]], folder: Path, note: Count = lambda number, many: None
) -> int:
    """Writes captures of every camera's key frames, and the maps, to a new folder; returns their number.

    DataError where the folder is not empty or cannot be written.
    """
    check_new(folder)
    scenes, rows = list(scenes), list[dict[str, Any]]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, its) in enumerate(scenes):
            if not (folder / its.file).exists():
                save(its.graph, folder / its.file)
            moments = dataset.moments(name)
            about = _conditions(dataset.description(name))
            for moment in moments:
                seconds = round(moment.seconds - moments[0].seconds, 3)
                for picture in moment.pictures:
                    file = f"{len(rows):06d}.png"
                    mount = _picture(picture, its.mirrored, folder / file)
                    row = _scene_row(moment, picture, its.mirrored)
                    rows.append(
                        {"picture": file, "map": its.file, "camera": mount, "seconds": seconds, "roadside": False}
                        | about
                        | row
                    )
            note(number + 1, len(scenes))
        (folder / FILE).write_text(json.dumps({"format": FORMAT, "frames": rows}) + "\n")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error}); choose another folder.") from error
    return len(rows)


def check_new(folder: Path) -> None:
    """DataError where the folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something already; choose a new folder for the captures.")


def _conditions(description: str) -> dict[str, dict[str, float]]:
    control = conditions(description)
    amounts = weather.goal(control.weather, control.time)
    return {
        "weather": {name: amounts[name] for name in weather.AMOUNTS[:3]},
        "time_of_day": {name: amounts[name] for name in weather.AMOUNTS[3:]},
    }


def _picture(picture: CameraImage, mirrored: bool, out: Path) -> dict[str, float]:
    """Writes the part of a picture that our camera sees, scaled down; its mount. DataError where it cannot be read."""
    try:
        with Image.open(picture.file) as file:
            image = file.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{picture.file} cannot be read ({error}); unpack the pictures of the dataset into its folder."
        ) from error
    rig, box = crop_for_rig(picture, image.size, mirrored)
    image = (ImageOps.mirror(image) if mirrored else image).crop(box)
    if image.width > LARGE:
        image = image.resize((LARGE, round(image.height * LARGE / image.width)), Image.Resampling.LANCZOS)
    image.save(out)
    return {name: getattr(rig, name) for name in MOUNT}


def _scene_row(moment: KeyFrame, picture: CameraImage, mirrored: bool) -> dict[str, Any]:
    """The ego car and the boxes at the time of the picture."""
    x, y, heading = flat(picture.ego, mirrored)
    car = {"x": x, "y": y, "heading": heading, "speed": picture.speed}
    near = sorted(moment.boxes, key=lambda box: math.hypot(box.pose.x - picture.ego.x, box.pose.y - picture.ego.y))
    visible = [(box, kind) for box in near if box.points and (kind := kind_of(box)) != Kind.NONE][:AGENTS]
    late = picture.ego.seconds - moment.seconds
    return {
        "car": {name: round(value, 4) for name, value in car.items()},
        "objects": [_object(box, kind, late, mirrored) for box, kind in visible],
    }


def _object(box: AnnotatedBox, kind: Kind, late: float, mirrored: bool) -> dict[str, Any]:
    x, y, heading = flat(box.pose, mirrored)
    shift = late * box.velocity[0] * (-1 if mirrored else 1), late * box.velocity[1]
    length, width, height = box.size
    numbers = {"x": x + shift[0], "y": y + shift[1], "heading": heading, "speed": along(box)}
    sizes = {"length": length, "width": width, "height": height}
    values = {name: round(value, 4) for name, value in (numbers | sizes).items()}
    return {"class": kind.name.lower(), "id": box.number} | values
