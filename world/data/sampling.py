"""From one frame rate to another: which frames to keep, and what was done between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

import numpy as np

from world.errors import DataError

Image = TypeVar("Image")
SLACK = 0.97  # a rate of 9.99 frames/s counts as 10
HOLE = 3.5  # times the usual distance between rows that is a hole in them


def check_rate(source: float, fps: float, name: str) -> None:
    """DataError when there are too few frames: repeated ones would teach a world to stand still."""
    if source < SLACK * fps:
        raise DataError(f"{name} has {source:.3g} frames/s, fewer than the {fps:g} asked for; record it with more.")


def resampled(frames: Iterable[tuple[float, Image]], fps: float) -> Iterator[tuple[float, Image]]:
    """The frames nearest to 0, 1/fps, 2/fps ... seconds, with their own times. Times must rise."""
    wanted = 0
    before: tuple[float, Image] | None = None
    for time, image in frames:
        while time >= (at := wanted / fps) - 1e-9:
            yield before if before is not None and at - before[0] < time - at else (time, image)
            wanted += 1
        before = time, image


def between(times: np.ndarray, values: np.ndarray, starts: np.ndarray, *, mean: bool = True) -> np.ndarray:
    """What was in force from each of `starts` to the next: the mean [len(starts), n] of the rows `values` [T, n] at
    `times` [T] in that span, or the last row before it where there is none; without `mean`, the span's first row."""
    edges = np.append(starts, starts[-1] + (np.diff(starts).mean() if len(starts) > 1 else np.inf)) - 1e-6
    first = np.searchsorted(times, edges)
    out = np.empty((len(starts), values.shape[1]))
    for frame, (begin, end) in enumerate(pairwise(first)):
        if begin == end:
            out[frame] = values[max(0, begin - 1)]
        else:
            out[frame] = values[begin:end].mean(0) if mean else values[begin]
    return out


def check_times(times: np.ndarray, end: float, name: str) -> None:
    """DataError unless the rows' times rise without a hole and cover 0 to `end` seconds."""
    gaps = np.diff(times)
    if len(times) < 2 or (gaps <= 0).any():
        row = int(np.argmax(gaps <= 0)) + 2 if len(times) > 1 else 1
        raise DataError(f"The times of {name} do not rise at row {row}; sort its rows.")
    usual = float(np.median(gaps))
    if gaps.max() > HOLE * usual:
        row = int(gaps.argmax())
        raise DataError(
            f"{name} misses rows: nothing between {times[row]:g} s and {times[row + 1]:g} s (rows {row + 1} and "
            f"{row + 2}); fill them in or cut the video there."
        )
    if times[0] > HOLE * usual or times[-1] < end - HOLE * usual:
        raise DataError(
            f"{name} covers {times[0]:g} to {times[-1]:g} s of a video of {end:g} s; give rows for all of it, with times "
            "from its first frame on."
        )
