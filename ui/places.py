"""The places that the page offers, and what each looks like where its drives begin.

A place takes seconds to build, in which no drive would go on; so the offered ones' pictures come along. `python -m ui.places`
draws them again.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from world.dream import AnyWorld, open_dream
from world.places import usual_places
from world.scene.places import towns
from world.scene_world import SceneWorld

FOLDER = Path(__file__).parent / "static" / "places"
SMALL = (256, 144)  # width and height of a picture on the page


def offered(model: AnyWorld) -> tuple[str, ...]:
    """Names of places where a drive may begin: the scene world's own, then every shipped town, in order."""
    if not isinstance(model, SceneWorld):
        return model.scenes
    shipped = sorted((town for split in towns().values() for town in split), key=_number)
    return (*(name for name in model.scenes if name not in shipped), *shipped)


def picture_of(model: AnyWorld, name: str) -> bytes | None:
    """A JPEG of the place; None for a name that is not offered, or without a picture."""
    if name not in offered(model):
        return None
    if isinstance(model, SceneWorld):
        path = _file(name)
        return path.read_bytes() if path.parent == FOLDER and path.is_file() else None
    return jpeg(model.scene(name)[0][-1], 92)


def jpeg(image: np.ndarray, quality: int) -> bytes:
    """A JPEG of uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def draw_all(folder: Path = FOLDER) -> None:
    """Every place that is offered, at its start of seed 0, drawn large and made small."""
    model = SceneWorld(usual_places())
    for name in offered(model):
        dream = open_dream(model, 0, 8)
        large = Image.fromarray(dream.start(scene=name).image)
        small = np.asarray(large.resize(SMALL, Image.Resampling.LANCZOS))
        _file(name, folder).write_bytes(jpeg(small, 80))


def _file(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"{name.replace(':', '-')}.jpg"


def _number(town: str) -> int:
    return int(town.rpartition("-")[2])


if __name__ == "__main__":
    draw_all()
