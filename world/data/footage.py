"""Imports a video, with or without a table of the driver's actions, as a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from world.controls import FPS
from world.data.clock import row_times, time_column
from world.data.imports import check_actions, quiet, write_dataset
from world.data.picture import Picture
from world.data.sampling import PATIENCE, between, check_rate, check_times, resample, split_at_gaps
from world.data.schema import Episode
from world.data.tables import Columns, Table
from world.data.video import fit, read_pictures, video_streams
from world.errors import DataError
from world.inputs import DRIVING, Inputs
from world.readout import FRAMES
from world.telling import Count, Say

SIZE = (144, 256)  # H, W of the town's pictures
EPISODE_FRAMES = 300
SHORTEST = 12  # frames without a gap: shorter episodes have too little context to train on
TIME = "time"  # the name that a table's column of times is mapped to
ACTION, STATE = ("steer", "accel"), ("speed", "yaw_rate")  # m/s, rad/s


def import_video(
    video: Path,
    out: Path,
    *,
    actions: Path | None = None,
    columns: str = "",
    bounds: str = "",
    fps: float = FPS,
    size: tuple[int, int] = SIZE,
    stream: int | None = None,
    held_out: Path | None = None,
    progress: Count | None = None,
    note: Say = quiet,
) -> tuple[int, int]:
    """Imports one video at `fps`, cropped to the aspect of `size` (H, W); returns the numbers of frames written and
    held out.

    actions: a table with one row per frame, or with a column of times (world/data/clock.py). columns: our names mapped
    to the table's (default: the same names). Steer and accel in [-1, 1], with or without speed and yaw_rate, make a
    car's dataset; other names make one with its own actions, within `bounds` (`gas=0:1`, default -1 to 1). stream:
    which of the file's videos. Missing frames split it into episodes; `note` gets a sentence for each assumption.
    DataError where video or table cannot be used.
    """
    streams = video_streams(video)
    if stream is None and len(streams) > 1:
        which = ", ".join(f"{number} ({description})" for number, description in enumerate(streams))
        note(f"{video.name} holds the videos {which}; 0 is taken. Another is taken with --stream.")
    times = np.array([time for time, _ in read_pictures(video, stream)])  # reads it whole before anything is written
    rate = _rate(times, fps, video.name)
    segments = _segments(times, fps, video.name, note)
    table = _read_table(actions, Columns.parse(columns), times, segments, video.name, note) if actions else {}
    inputs = _inputs(tuple(table), bounds, note)
    values = _values(table, inputs)
    if values:
        check_actions(Episode(np.zeros((sum(map(len, segments)), 2, 2, 3), np.uint8), values), inputs)
    card = f"# {video.name}\n\nMade by `lucidrive import video`: {rate:.3g} frames/s to {fps:g}, "
    card += f"actions {', '.join(table) or 'not known'}, {len(segments)} uninterrupted.\n"
    return write_dataset(
        _episodes(video, stream, segments, values, fps, size, progress),
        out,
        inputs,
        held_out=held_out,
        fps=fps,
        card=card,
    )


def first_frames(video: Path, at: float = 0.0) -> np.ndarray:
    """The frames that a dream begins with, uint8 [FRAMES, H, W, 3], a tenth of a second apart from `at` seconds on.

    DataError where the video is too short, too slow or has a gap there.
    """
    times: list[float] = []

    def later() -> Iterator[tuple[float, Picture]]:
        for time, picture in read_pictures(video):
            if time >= at:
                times.append(time)
                yield time - at, picture

    pictures = [picture for _, picture in islice(resample(later(), FPS), FRAMES)]
    if len(pictures) < FRAMES:
        raise DataError(f"{video.name} has no {FRAMES / FPS:g} s after {at:g} s; begin earlier.")
    gaps = np.diff([at, *times])
    check_rate(1 / max(1e-6, float(gaps[1:].min())), FPS, video.name)
    if gaps.max() > PATIENCE / FPS:
        row = int(gaps.argmax())
        raise DataError(
            f"{video.name} shows nothing between {[at, *times][row]:g} s and {times[row]:g} s; begin elsewhere with --at."
        )
    check_rate(float(1 / gaps[1:].mean()), FPS, video.name)
    return np.stack([picture.rgb() for picture in pictures])


@dataclass(frozen=True, slots=True)
class VideoSegment:
    """An uninterrupted range of the video's frames, and the times in seconds of those that are sampled."""

    frames: slice
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)


def _rate(times: np.ndarray, fps: float, name: str) -> float:
    """Frames per second, gaps excluded. DataError for too few."""
    gaps = np.diff(times)
    if not len(gaps):
        raise DataError(f"{name} shows {len(times)} frames; give a video of a second or more.")
    check_rate(float(1 / max(1e-6, np.median(gaps))), fps, name)
    rate = float(1 / gaps[(gaps >= 0) & (gaps <= PATIENCE / fps)].mean())
    check_rate(rate, fps, name)
    return rate


def _segments(times: np.ndarray, fps: float, name: str, note: Say) -> list[VideoSegment]:
    parts = split_at_gaps(times, fps)
    for before, after in pairwise(parts):
        last, next_ = times[before.stop - 1], times[after.start]
        gap = f"shows nothing between {last:.2f} s and {next_:.2f} s"
        if next_ < last:
            gap = f"has a clock that is set back from {last:.2f} s to {next_:.2f} s"
        note(f"{name} {gap}; one episode ends there and another begins.")
    segments = []
    for part in parts:
        span = times[part] - times[part.start]
        sampled = np.array([time for time, _ in resample(((float(time), None) for time in span), fps)])
        if len(sampled) >= SHORTEST:
            segments.append(VideoSegment(part, sampled + times[part.start]))
        else:
            note(f"{name} has only {len(sampled)} frames from {times[part.start]:.2f} s on, which are left out.")
    if not segments:
        raise DataError(f"{name} shows nowhere {SHORTEST / fps:g} s without a hole; record it anew.")
    return segments


def _read_table(
    path: Path, columns: Columns, times: np.ndarray, segments: list[VideoSegment], video: str, note: Say
) -> dict[str, np.ndarray]:
    """A table's columns under our names: name -> one value per sampled frame, the mean of the rows until the next
    frame.

    times: of the video's frames in seconds. DataError, naming the line, for a cell that is missing, no number or not
    finite, and for gaps.
    """
    table = Table.read(path, note)
    mapping = dict(columns.of) or _default_mapping(table, note)
    sources = {name: table.source(text) for name, text in mapping.items()}
    clock = sources.pop(TIME, None)
    if not sources:
        raise DataError(f"{path.name} gives no action; map one: --columns steer=wheel_angle,accel=throttle.")
    values = np.stack([table.numbers(source) for source in sources.values()], axis=1)
    if clock is None:
        if len(values) != len(times):
            raise DataError(
                f"{path.name} has {len(values)} rows for the video's {len(times)} frames; give every frame a row, or map a "
                "column of times: --columns time=..."
            )
        parts = [between(times[segment.frames], values[segment.frames], segment.times) for segment in segments]
    else:
        if (np.diff(times) < 0).any():
            raise DataError(f"{video} has a clock that is set back, so {path.name} cannot follow it; cut both there.")
        clock_times = row_times(table, clock, float(times[-1]), note)
        spans = [(float(times[segment.frames][0]), float(times[segment.frames][-1])) for segment in segments]
        check_times(clock_times.seconds, spans, path.name, [table.lines[row] for row in clock_times.order])
        parts = [between(clock_times.seconds, values[clock_times.order], segment.times) for segment in segments]
    return dict(zip(sources, np.concatenate(parts).T, strict=True))


def _default_mapping(table: Table, note: Say) -> dict[str, str]:
    """Maps every named column to itself and a column of times to TIME; of a car's log only a car's columns."""
    names = [name for name in table.names if name]
    mapping = {}
    if clock := time_column(table.names):
        mapping[TIME] = clock
        if clock != TIME:
            note(f"The column '{clock}' of {table.name} is taken as its times.")
        names.remove(clock)
    cars = {name: name.casefold() for name in names if name.casefold() in (*ACTION, *STATE)}
    if set(ACTION) <= set(cars.values()):
        if others := [name for name in names if name not in cars]:
            note(
                f"{table.name} is a car's log; {', '.join(others)} are no columns of a car's and are left out. Map them with "
                "--columns for a world of actions of its own."
            )
        return mapping | {ours: theirs for theirs, ours in cars.items()}
    return mapping | {name: name for name in names}


def _inputs(names: tuple[str, ...], bounds: str, note: Say) -> Inputs:
    """A car's inputs, where the names are a car's; else those of the table. DataError where bounds cannot be used."""
    if set(names) <= {*ACTION, *STATE}:
        for pair in (ACTION, STATE):
            if len(set(names) & set(pair)) == 1:
                raise DataError(f"A car's {pair[0]} and {pair[1]} go together; map both, or neither.")
        return DRIVING
    note(
        f"These are no car's columns, so this becomes a world of actions of its own: "
        f"{', '.join(name for name in names if name not in (*ACTION, *STATE))}. A car's are steer and accel."
    )
    limits = {name: (-1.0, 1.0) for name in names}
    for part in filter(None, bounds.split(",")):
        name, _, span = part.strip().partition("=")
        low, _, high = span.partition(":")
        if name not in names:
            raise DataError(f"There are bounds for '{name}', which is no column that is imported; check its name.")
        try:
            limits[name] = float(low), float(high)
        except ValueError as error:
            raise DataError(f"'{part}' is no bounds; write gas=0:1.") from error
    try:
        return Inputs(names, tuple(low for low, _ in limits.values()), tuple(high for _, high in limits.values()))
    except ValueError as error:
        raise DataError(f"The bounds cannot be used: {error}.") from error


def _values(table: dict[str, np.ndarray], inputs: Inputs) -> dict[str, np.ndarray]:
    """The dataset's columns."""
    if not table:
        return {}
    groups = {"action": ACTION, "observation.state": STATE} if inputs.driving else {"action": inputs.names}
    return {
        column: np.stack([table[name] for name in names], axis=1)
        for column, names in groups.items()
        if names[0] in table
    }


def _episodes(
    video: Path,
    stream: int | None,
    segments: list[VideoSegment],
    values: dict[str, np.ndarray],
    fps: float,
    size: tuple[int, int],
    progress: Count | None,
) -> Iterator[Episode]:
    row, total, at = 0, sum(map(len, segments)), 0
    pictures = read_pictures(video, stream)
    for segment in segments:
        frames = islice(pictures, segment.frames.start - at, segment.frames.stop - at)
        at = segment.frames.stop
        begin = float(segment.times[0])
        images: list[np.ndarray] = []
        remaining = len(segment)
        for _, picture in resample(((time - begin, picture) for time, picture in frames), fps):
            images.append(fit(picture.rgb(), size))
            remaining -= 1
            if len(images) == EPISODE_FRAMES or not remaining:
                rows = slice(row, row + len(images))
                yield Episode(np.stack(images), {name: value[rows] for name, value in values.items()}, video.stem)
                row, images = row + len(images), []
                if progress:
                    progress(row, total)
