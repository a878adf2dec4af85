"""Conversion of frame rates: which frames to keep, and the actions between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, pairwise
from typing import TypeVar

import numpy as np

from world.errors import DataError

Image = TypeVar("Image")
SLACK = 0.97  # a rate of 9.99 frames/s counts as 10
HOLE = 3.5  # of the median distance between rows: a larger one is a gap
PATIENCE = 2.5  # frame periods without a frame: a gap in the video


def check_rate(source: float, fps: float, name: str) -> None:
    """DataError where there are too few frames: repeated ones would teach a world model to stand still."""
    if source < SLACK * fps:
        raise DataError(f"{name} has {source:.3g} frames/s, fewer than the {fps:g} asked for; record it with more.")


def resample(frames: Iterable[tuple[float, Image]], fps: float) -> Iterator[tuple[float, Image]]:
    """Yields the frames nearest to 0, 1/fps, 2/fps ... seconds, with their own times. Times must rise."""
    return nearest(frames, (number / fps for number in count()))


def nearest(frames: Iterable[tuple[float, Image]], moments: Iterable[float]) -> Iterator[tuple[float, Image]]:
    """Yields the frame nearest to each of `moments`, with its own time, until the frames end. Both times must rise."""
    marks = iter(moments)
    at = next(marks, None)
    before: tuple[float, Image] | None = None
    for time, image in frames:
        while at is not None and time >= at - 1e-9:
            yield before if before is not None and at - before[0] < time - at else (time, image)
            at = next(marks, None)
        if at is None:
            return
        before = time, image


def split_at_gaps(times: np.ndarray, fps: float) -> list[slice]:
    """Ranges of frames at `times` (seconds), split at gaps too long for `fps` and where the clock jumps back."""
    gaps = np.diff(times)
    cuts = np.flatnonzero((gaps > PATIENCE / fps) | (gaps < 0)) + 1
    return [slice(int(a), int(b)) for a, b in pairwise([0, *cuts, len(times)])]


def between(times: np.ndarray, values: np.ndarray, starts: np.ndarray, *, mean: bool = True) -> np.ndarray:
    """Values from each of `starts` until the next, [len(starts), n].

    The mean of the rows `values` [T, n] at `times` [T] in that span, or the last row before it where there is none;
    without `mean`, the span's first row.
    """
    edges = np.append(starts, starts[-1] + (np.diff(starts).mean() if len(starts) > 1 else np.inf)) - 1e-6
    first = np.searchsorted(times, edges)
    out = np.empty((len(starts), values.shape[1]))
    for frame, (begin, end) in enumerate(pairwise(first)):
        if begin == end:
            out[frame] = values[max(0, begin - 1)]
        else:
            out[frame] = values[begin:end].mean(0) if mean else values[begin]
    return out


def check_times(times: np.ndarray, spans: Sequence[tuple[float, float]], name: str, lines: Sequence[int]) -> None:
    """DataError, naming the lines, where the sorted `times` do not cover the spans (seconds) without a gap."""
    gaps = np.diff(times)
    usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 0.0
    for row in np.flatnonzero(gaps > HOLE * usual).tolist():
        low, high = float(times[row]), float(times[row + 1])
        if any(low < end - usual and high > begin + usual for begin, end in spans):
            raise DataError(
                f"{name} misses rows: nothing between {low:g} s and {high:g} s (lines {lines[row]} and "
                f"{lines[row + 1]}); fill them in or cut the video there."
            )
    begin, end = spans[0][0], spans[-1][1]
    if len(times) < 2 or times[0] > begin + HOLE * usual or times[-1] < end - HOLE * usual:
        raise DataError(
            f"{name} covers {times[0]:g} to {times[-1]:g} s of a video of {end:g} s; give rows for all of it, with times "
            "from its first frame on, or an offset: --columns 'time=NAME*FACTOR-OFFSET'."
        )
