"""Shared by all imports: writes episodes as one dataset, and on request a second one that is held out."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from world.controls import FPS
from world.data.assemble import assemble
from world.data.schema import Episode
from world.data.writer import EpisodeWriter
from world.errors import DataError
from world.inputs import DRIVING, Inputs

SHARD_FRAMES = 2000  # a shard's video is encoded in memory
HOLD_OUT = 10  # every tenth episode is held out
TOLERANCE = 1e-3  # of an action's range, for rounding
LARGEST_HEIGHT = 144  # pixels; larger pictures are scaled down unless a size is asked for


def quiet(text: str) -> None:
    """Discards a note."""


def write_dataset(
    episodes: Iterable[Episode],
    out: Path,
    inputs: Inputs = DRIVING,
    *,
    held_out: Path | None = None,
    fps: float = FPS,
    robot_type: str = "other",
    card: str = "",
) -> tuple[int, int]:
    """Writes the episodes to `out`, and every tenth (at least the last) to `held_out` if given; returns the numbers of
    frames.

    DataError where a folder is not empty or cannot be written, actions are out of bounds, or there are too few
    episodes.
    """
    folders = [out] if held_out is None else [out, held_out]
    for folder in folders:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; choose another folder or delete it first.")
    frames = [0, 0]
    try:
        shard_sets = [_ShardSet(folder, inputs, fps) for folder in folders]
        for is_held_out, episode in _split(episodes, held_out is not None):
            check_actions(episode, inputs)
            shard_sets[is_held_out].add(episode)
            frames[is_held_out] += len(episode)
        if not frames[0]:
            raise DataError("There is nothing to import: no episode is long enough.")
        if held_out is not None and not frames[1]:
            raise DataError("There is only one episode, so none can be held out; leave --held-out away or import more.")
        for shards, split in zip(shard_sets, ("train", "validation"), strict=False):
            shards.finish(split, robot_type, card)
    except OSError as error:
        raise DataError(
            f"{out} could not be written ({error.strerror or error}); make room or choose another."
        ) from error
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder / "shards", ignore_errors=True)
        raise
    return frames[0], frames[1]


def check_actions(episode: Episode, inputs: Inputs) -> None:
    """DataError, naming the row, where an action is out of bounds or not one-hot."""
    if "action" not in episode.values:
        return
    actions = np.asarray(episode.values["action"], np.float64).reshape(len(episode), -1)
    low, high = np.array(inputs.low[: actions.shape[1]]), np.array(inputs.high[: actions.shape[1]])
    odd = (actions < low - TOLERANCE * (high - low)) | (actions > high + TOLERANCE * (high - low))
    if odd.any():
        row, axis = np.argwhere(odd)[0]
        raise DataError(
            f"The action '{inputs.names[axis]}' is {actions[row, axis]:g} in frame {row} of an episode, out of its bounds "
            f"{low[axis]:g} to {high[axis]:g}; scale it or say its bounds."
        )
    if inputs.one_hot and not np.allclose(actions.sum(1), 1):
        raise DataError("An action that is one choice of several must have exactly one 1; convert it first.")


def even_size(height: int, width: int) -> tuple[int, int]:
    """The (height, width) of an imported picture: at most LARGEST_HEIGHT high, both even as H.264 requires."""
    scale = min(1.0, LARGEST_HEIGHT / height)
    return max(2, 2 * round(height * scale / 2)), max(2, 2 * round(width * scale / 2))


def _split(episodes: Iterable[Episode], hold_out: bool) -> Iterator[tuple[int, Episode]]:
    """Yields (1, episode) for those held out, else (0, episode). Lags one episode behind: the last may be held out."""
    number, waiting, count = 0, None, 0
    for episode in episodes:
        if waiting is not None:
            number += 1
            now = int(hold_out and number % HOLD_OUT == 0)
            count += now
            yield now, waiting
        waiting = episode
    if waiting is not None:
        yield int(hold_out and not count and number > 0), waiting


class _ShardSet:
    """The shards of one dataset, opened as needed."""

    def __init__(self, folder: Path, inputs: Inputs, fps: float) -> None:
        self.folder, self.inputs, self.fps = folder, inputs, fps
        self.shards: list[Path] = []
        self._writer: EpisodeWriter | None = None
        self._frames = 0

    def add(self, episode: Episode) -> None:
        if self._writer is None or self._frames >= SHARD_FRAMES:
            self._close()
            self.shards.append(self.folder / "shards" / f"shard-{len(self.shards):05d}")
            self._writer, self._frames = EpisodeWriter(self.shards[-1], self.fps, self.inputs), 0
        self._writer.append(episode)
        self._frames += len(episode)

    def finish(self, split: str, robot_type: str, card: str) -> None:
        self._close()
        assemble(self.folder, self.shards, split=split, robot_type=robot_type, card=card)
        shutil.rmtree(self.folder / "shards")

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
