"""What the page shows of a clip beside its film: a map of the drive, and its labels. For both the clip is driven again as it was.

They are kept in a folder of their own in the order's, which the factory neither hashes nor reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bridge.disk import write_files
from bridge.errors import DataError
from bridge.factory.dreaming import Rollout
from bridge.factory.export.clips import StoredClip
from bridge.factory.export.replay import Labeller, ReplaySpec
from bridge.factory.pool import memory_of
from bridge.factory.store import CLIPS, REJECTED, open_request
from bridge.recording.clip_files import encode_pictures
from ui.road_map import course
from world.controls import FPS
from world.data.video import read_video
from world.labels.cameras import PRESETS
from world.labels.classes import PALETTE, SemanticClass, coloured
from world.labels.record import see
from world.labels.truth import Box, Truth
from world.scene_world import SceneWorld
from world.telling import Say

FOLDER = ".page"  # of an order's folder
What = Literal["map", "labels"]
LAYERS = ("instance", "semantic", "depth")  # films in which a label lies over the picture
FILES: dict[What, tuple[str, ...]] = {
    "map": (".map.json",),
    "labels": (".boxes.json", *(f".{layer}.mp4" for layer in LAYERS)),
}
CRF = 16  # of those films: edges of labels are hard
DARK, COVER = 0.45, 0.62  # of the picture below a label, and how much the label covers
NEAREST, FARTHEST = 2.0, 200.0  # m, of the colours of depth
RAMP = np.array(  # from near to far
    [(255, 244, 196), (250, 190, 90), (226, 98, 74), (152, 50, 110), (78, 36, 112), (28, 22, 66)], np.float32
)
GOLDEN = 0.618034  # of a turn of hue from one number to the next: neighbours differ


@dataclass(frozen=True, slots=True)
class ClipView:
    """A `ui.tasks.Task`. folder: of the run; stem: of its clip."""

    folder: Path
    stem: str
    what: What

    @property
    def files(self) -> tuple[Path, ...]:
        """Paths of what it makes."""
        return tuple(self.folder / FOLDER / f"{self.stem}{suffix}" for suffix in FILES[self.what])

    @property
    def ready(self) -> bool:
        """Whether they are all there."""
        return all(path.is_file() for path in self.files)

    @property
    def memory(self) -> int:
        """Bytes that a process needs to make it. LucidriveError where the run cannot be driven again."""
        return worker_memory(self.folder)

    def make(self, tell: Say) -> None:
        """Drives the clip again and writes its files. DataError, WeightsError, ExportError."""
        tell("driving it again")
        labeller, clip = _labeller(self.folder), clip_of(self.folder, self.stem)
        rollout = labeller.replay(clip)
        if self.what == "map":
            files = [_json(asdict(course(rollout.states)) | {"fps": FPS})]
        else:
            files = list(labels_of(labeller.world, clip, rollout, tell))
        (self.folder / FOLDER).mkdir(exist_ok=True)
        write_files(dict(zip(self.files, files, strict=True)))


def worker_memory(folder: Path) -> int:
    """Bytes that a process needs to drive a run's clips again. LucidriveError where they cannot be."""
    return memory_of(open_request(folder, None, True))[0]


@lru_cache(maxsize=1)
def _labeller(folder: Path) -> Labeller:
    """Drives a run's clips again, plainly shaded."""
    return Labeller(ReplaySpec(open_request(folder, None, True), (), PRESETS["front"], True, None))


def clip_of(folder: Path, stem: str) -> StoredClip:
    """A clip of the run, accepted or not, by the stem of its files. DataError where there is none."""
    for name in (CLIPS, REJECTED):
        beside = folder / name / f"{stem}.json"
        if beside.is_file():
            return StoredClip.read(beside)
    raise DataError("There is no such clip any more; choose another one.")


def labels_of(world: SceneWorld, clip: StoredClip, rollout: Rollout, tell: Say) -> Iterator[bytes]:
    """Contents of the files in FILES["labels"], in that order. DataError for a clip without a film."""
    if not clip.video.is_file():
        raise DataError("This clip was rejected before it was painted; there is no picture to label.")
    height, width, _ = clip.shape
    rig = replace(world.rig, height=height, width=width)
    boxes: list[list[dict[str, Any]]] = []
    films: dict[str, list[np.ndarray]] = {layer: [] for layer in LAYERS}
    classes: set[int] = set()
    for number, (state, picture) in enumerate(zip(rollout.states, read_video(clip.video), strict=True)):
        truth = see(rig, state, world.renderer).truth
        actor = int(state.event[0]["actor"])
        boxes.append([_box(box, actor, (state.ego[0]["x"], state.ego[0]["y"])) for box in truth.boxes])
        classes.update(np.unique(truth.semantic).tolist())
        for layer, film in films.items():
            film.append(painted(layer, truth, picture))
        tell(f"picture {number + 1} of {len(rollout.states)}")
    legend = {
        "classes": {
            SemanticClass(one).name.lower(): PALETTE.get(SemanticClass(one), (0, 0, 0)) for one in sorted(classes)
        }
    }
    ramp = {"depth": (NEAREST, FARTHEST), "ramp": RAMP.astype(int).tolist()}
    yield _json({"fps": FPS, "width": width, "height": height, "frames": boxes, **legend, **ramp})
    for film in films.values():
        yield encode_pictures(film, CRF)


def _box(box: Box, actor: int, car: Sequence[float]) -> dict[str, Any]:
    """A box for the page: pixels, the visible share, m from our car."""
    x, y, _ = box.track.centre
    return {
        "kind": box.track.kind.name.lower(),
        "box": box.seen,
        "visible": round(box.visible, 2),
        "away": round(float(np.hypot(x - car[0], y - car[1])), 1),
        "actor": box.track.number == actor,
    }


def painted(layer: str, truth: Truth, picture: np.ndarray) -> np.ndarray:
    """A label over the picture, uint8 [H, W, 3], which is made grey and dark."""
    grey = np.repeat(picture.astype(np.float32).mean(2, keepdims=True), 3, axis=2)
    if layer == "depth":
        colours, cover = depth_colours(truth.depth), np.full(truth.depth.shape, 1.0, np.float32)
    elif layer == "semantic":
        colours, cover = coloured(truth.semantic).astype(np.float32), np.full(truth.depth.shape, COVER, np.float32)
    else:
        colours = instance_colours(truth.instance)
        cover = np.where(truth.instance > 0, np.float32(COVER + 0.1), np.float32(0))
    base = grey * (1 - DARK) if layer == "instance" else grey
    return np.clip(base + (colours - base) * cover[..., None], 0, 255).astype(np.uint8)


def depth_colours(depth: np.ndarray) -> np.ndarray:
    """float32 [H, W, 3] of a depth [H, W] in m, by its logarithm; the sky is black."""
    share = np.log(np.clip(depth, NEAREST, FARTHEST) / NEAREST) / np.log(FARTHEST / NEAREST) * (len(RAMP) - 1)
    below = np.minimum(share.astype(int), len(RAMP) - 2)
    colours = RAMP[below] + (RAMP[below + 1] - RAMP[below]) * (share - below)[..., None]
    return np.where(np.isfinite(depth)[..., None], colours, 0).astype(np.float32)


def instance_colours(instance: np.ndarray) -> np.ndarray:
    """float32 [H, W, 3] of instances [H, W]; a number keeps its colour through a drive, and none is black."""
    numbers, where = np.unique(instance, return_inverse=True)
    hue = 2 * np.pi * (numbers[:, None] * GOLDEN + np.array([0, 1 / 3, 2 / 3]))
    colours = np.where(numbers[:, None] > 0, 150 + 105 * np.cos(hue), 0)
    return np.asarray(colours[where.reshape(instance.shape)], np.float32)


def _json(fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
