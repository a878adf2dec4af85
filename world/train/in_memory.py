"""A dataset in memory for training: small pictures, latents, and the control that led to every frame."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from world.controls import FPS, NULL
from world.data import DriveDataset
from world.errors import DataError
from world.files import WorldConfig, load_part, read_config, to_device
from world.inputs import Inputs
from world.latent.dynamics import FIELDS, Condition
from world.latent.rollout import Past
from world.latent.tokenizer import Tokenizer, to_float
from world.telling import Say
from world.train.distributed import precision

MOVING = 2.0  # m/s
ROUNDING = 1e-3  # of an action's range, tolerated beyond its bounds
ENCODE_BATCH = 32  # frames; more would thrash a CPU's caches
DREAMING = ("tokenizer", "dynamics")  # the parts that make pictures
LABELS = (
    "observation.state",
    "expert.action",
    "expert.target_speed",
    "label.junction_distance",
    "label.lane_offset",
    "label.heading_error",
    "label.collision",
    "label.off_road",
    "event.visible_pixels",
)
CONTROLS = tuple(f"control.{name}" for name in FIELDS)


@dataclass(frozen=True)
class InMemoryDataset:
    """All frames of a dataset, in order.

    images: uint8 [T, H, W, 3]; age: int64 [T], frames since the episode began; remaining: int64 [T], frames until it
    ends; motions: float32 [T, M], the dataset's inputs, and fields: int64 [T, 6], of the control that *led to* frame t
    (row t - 1's action, frame t's motion), NaN and NULL where unknown; meaningless where age is 0.
    """

    dataset: DriveDataset
    images: np.ndarray
    age: Tensor
    remaining: Tensor
    motions: Tensor
    fields: Tensor

    @classmethod
    def load(cls, root: Path, size: tuple[int, int], cache: Path, note: Say | None = None) -> InMemoryDataset:
        """Reads a dataset; decoded pictures are cached in `cache`.

        DataError for another frame rate or invalid values.
        """
        dataset = DriveDataset.open(root)
        if dataset.fps != FPS:
            raise DataError(
                f"{root} has {dataset.fps:g} frames/s and worlds are trained at {FPS}; import it again with --fps {FPS}."
            )
        images = _cached_images(dataset, size, cache, note)
        length = len(dataset)
        index = torch.arange(length)
        starts = torch.from_numpy(dataset.starts)
        episode = torch.bucketize(index, starts[1:-1], right=True)
        age, remaining = index - starts[episode], starts[episode + 1] - 1 - index

        def column(name: str, width: int) -> Tensor:
            if name not in dataset.names:
                return torch.full((length, width), torch.nan)
            return torch.from_numpy(dataset.column(name).copy()).reshape(length, -1)

        fields = torch.cat([column(name, 1).nan_to_num(NULL).long() for name in CONTROLS], dim=1)
        if int(fields.max()) >= 13 or int(fields.min()) < -1:
            raise DataError(f"{root} has control values outside the vocabulary; collect it again with this version.")
        action = column("action", 2 if dataset.inputs.driving else len(dataset.inputs)).float()
        if "action" in dataset.names:
            _check_bounds(action, dataset.inputs, root)
        motions = action.roll(1, 0)
        if dataset.inputs.driving:
            motions = torch.cat([motions, column("observation.state", 2).float()], dim=1)
        return cls(dataset, images, age, remaining, motions, fields.roll(1, 0))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def driving(self) -> bool:
        """Whether a car is driven, so that `motions` ends with its speed and yaw rate (NaN where unknown)."""
        return self.dataset.inputs.driving

    @property
    def labelled(self) -> bool:
        """Whether the data have the labels for readouts, driver and judge."""
        return labelled(self.dataset)

    @property
    def moving(self) -> Tensor:
        """bool [T]: whether the scene moves, or may do so."""
        if not self.driving:
            return torch.ones(len(self), dtype=torch.bool)
        return (self.motions[:, 2] > MOVING) | self.motions[:, 2].isnan()

    def batch(self, index: Tensor, device: str = "cpu") -> Tensor:
        """Pictures [B, 3, H, W] in [-1, 1]."""
        return to_float(torch.from_numpy(self.images[index.numpy()]).to(device))

    def column(self, name: str) -> Tensor:
        """A column of the dataset [T] or [T, n]. DataError where there is none."""
        return torch.from_numpy(self.dataset.column(name).copy())


@dataclass(frozen=True)
class Latents:
    """clean: float16 [T, N, C], the frames' latents."""

    clean: Tensor

    def past(self, drives: InMemoryDataset, index: Tensor, device: str) -> Past:
        """The two frames before the frames `index`, whose age is at least 1; the first one twice where there is only
        one.
        """
        before = (index - 1) - (drives.age[index] > 1).long()
        return Past(self.clean[before].to(device).float(), self.clean[index - 1].to(device).float())

    def condition(self, drives: InMemoryDataset, index: Tensor, device: str = "cpu") -> Condition:
        """The condition of the frames `index`, whose age is at least 1, with their true past."""
        past, one = self.past(drives, index, device), torch.ones(len(index), device=device)
        motions, fields = drives.motions[index].to(device), drives.fields[index].to(device)
        return Condition(past.last, past.before, one, motions, fields)


def _check_bounds(action: Tensor, inputs: Inputs, root: Path) -> None:
    low, high = (torch.tensor(bound[: action.shape[1]]) for bound in (inputs.low, inputs.high))
    slack = ROUNDING * (high - low)
    odd = ~((action >= low - slack) & (action <= high + slack))  # NaN too
    if odd.any():
        row, axis = odd.nonzero()[0].tolist()
        raise DataError(
            f"{root} has the action '{inputs.names[axis]}' at {float(action[row, axis]):g} in row {row}, out of its bounds "
            f"{inputs.low[axis]:g} to {inputs.high[axis]:g}; repair those rows and import them again."
        )


def labelled(dataset: DriveDataset) -> bool:
    """Whether these are a car's drives with the town's labels."""
    return dataset.inputs.driving and all(name in dataset.names for name in LABELS)


def trained_parts(
    folder: Path, names: Sequence[str], device: str
) -> tuple[WorldConfig, dict[str, Any], dict[str, str]]:
    """The configuration of a weights folder, its parts `names` on the device, and every file's SHA-256.

    WeightsError where a part is missing or damaged.
    """
    config, raw = read_config(folder)
    modules = config.build()
    parts = {name: load_part(folder, name, modules[name], raw) for name in names}
    return config, to_device(parts, device), raw["files"]


def cache_key(hashes: Mapping[str, str], names: Sequence[str]) -> str:
    """Identifies the weights of the parts `names` in names of cached files. hashes: file name -> SHA-256."""
    files = [f"{name}.safetensors" for name in names]
    return "".join(hashes[file][:8] for file in files if file in hashes)


@torch.inference_mode()
def encode_all(
    drives: InMemoryDataset,
    tokenizer: Tokenizer,
    device: str,
    cache: Path,
    hashes: Mapping[str, str],
    note: Say | None = None,
) -> Latents:
    """The latents of all frames, cached in `cache`. hashes: SHA-256 of the weights' files."""
    path = cache / f"latents-{cache_key(hashes, ('tokenizer',))}-{fingerprint(drives.dataset, '')}.npy"
    if not path.exists():
        out = np.empty((len(drives), tokenizer.config.tokens, tokenizer.config.channels), np.float16)
        for index in torch.arange(len(drives)).split(ENCODE_BATCH):
            with precision(device):
                out[index] = tokenizer.encode(drives.batch(index, device)).cpu().half()
            if note and int(index[0]) % (ENCODE_BATCH * 80) == 0:
                note(f"encoding frames, {int(index[0]) / len(drives):.0%}")
        save_array(path, out)
    return Latents(torch.from_numpy(np.load(path, mmap_mode="r+")))


def _cached_images(dataset: DriveDataset, size: tuple[int, int], cache: Path, note: Say | None) -> np.ndarray:
    path = cache / f"images-{fingerprint(dataset, str(size))}.npy"
    if not path.exists():
        save_array(
            path, dataset.images(size, lambda row, total: note(f"decoding video, {row / total:.0%}") if note else None)
        )
    return np.load(path, mmap_mode="r")


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a .npy file aside and renames it, so that a killed run leaves no partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp.npy")
    np.save(aside, array)
    aside.replace(path)


def fingerprint(dataset: DriveDataset, extra: str) -> str:
    """Twelve hexadecimal digits that identify the number of frames, names and sizes of the videos, and `extra`."""
    videos = [
        (str(path.relative_to(dataset.root)), path.stat().st_size)
        for path in sorted(dataset.root.glob("videos/*/*/*.mp4"))
    ]
    return hashlib.sha256(f"{len(dataset)} {videos} {extra}".encode()).hexdigest()[:12]
