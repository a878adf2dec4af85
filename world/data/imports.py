"""What all imports share: episodes of any origin become one dataset, and where asked a second one that is held out."""

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
HOLD_OUT = 10  # every so many-th episode is held out
TOLERANCE = 1e-3  # of an action's range: rounding is not a fault
LARGEST_HEIGHT = 144  # pixels; larger pictures are scaled down unless a size is asked for


def quiet(text: str) -> None:
    """For whoever asks for no notes."""


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
    """Writes the episodes to `out`, and every tenth (at least the last) to `held_out` where given; counts of frames.

    DataError for a folder that holds something already, actions out of bounds, or too few episodes to hold one out.
    """
    folders = [out] if held_out is None else [out, held_out]
    for folder in folders:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; choose another folder or delete it first.")
    frames = [0, 0]
    try:
        shelves = [_Shelf(folder, inputs, fps) for folder in folders]
        for held, episode in _apart(episodes, held_out is not None):
            check_actions(episode, inputs)
            shelves[held].add(episode)
            frames[held] += len(episode)
        if not frames[0]:
            raise DataError("There is nothing to import: no episode is long enough.")
        if held_out is not None and not frames[1]:
            raise DataError("There is only one episode, so none can be held out; leave --held-out away or import more.")
        for shelf, split in zip(shelves, ("train", "validation"), strict=False):
            shelf.finish(split, robot_type, card)
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
    """DataError, with the row, for an action that is out of its bounds or no choice."""
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
    """The size a picture is kept at: at most LARGEST_HEIGHT high, both sides even as H.264 wants them."""
    scale = min(1.0, LARGEST_HEIGHT / height)
    return max(2, 2 * round(height * scale / 2)), max(2, 2 * round(width * scale / 2))


def _apart(episodes: Iterable[Episode], hold_out: bool) -> Iterator[tuple[int, Episode]]:
    """(1, episode) for those to be held out, else (0, episode). One episode is kept waiting: it may be the last."""
    number, waiting, held = 0, None, 0
    for episode in episodes:
        if waiting is not None:
            number += 1
            now = int(hold_out and number % HOLD_OUT == 0)
            held += now
            yield now, waiting
        waiting = episode
    if waiting is not None:
        yield int(hold_out and not held and number > 0), waiting


class _Shelf:
    """Shards of one dataset, begun as they are needed."""

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
