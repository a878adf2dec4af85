"""A video and, where there is one, the table of what the driver did, as a dataset."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from world.controls import FPS
from world.data.imports import check_actions, write_dataset
from world.data.sampling import between, check_rate, check_times, resampled
from world.data.schema import Episode
from world.data.video import fit, frame_rate, read_timed
from world.errors import DataError
from world.inputs import DRIVING, Inputs
from world.readout import FRAMES

SIZE = (144, 256)  # as the town's pictures
EPISODE_FRAMES = 300
TIME = "time"  # the name under which a table's column of seconds is mapped
ACTION, STATE = ("steer", "accel"), ("speed", "yaw_rate")  # m/s, rad/s
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a table is which of ours, and what to multiply it by."""

    of: Mapping[str, tuple[str, float]]

    @classmethod
    def parse(cls, text: str) -> Columns:
        """`steer=wheel_angle*-0.002,accel=throttle`; DataError for anything else."""
        found = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, equals, source = part.partition("=")
            column, _, factor = source.partition("*")
            try:
                found[name.strip()] = column.strip(), float(factor or 1.0)
            except ValueError as error:
                raise DataError(
                    f"'{part}' multiplies by '{factor}', which is no number; write steer=angle*0.01."
                ) from error
            if not equals or not name.strip() or not column.strip():
                raise DataError(f"'{part}' maps no column; write steer=wheel_angle,accel=throttle.")
        return cls(found)


def import_video(
    video: Path,
    out: Path,
    *,
    actions: Path | None = None,
    columns: str = "",
    bounds: str = "",
    fps: float = FPS,
    size: tuple[int, int] = SIZE,
    held_out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[int, int]:
    """One video as a dataset at `fps`, cropped to the shape of `size` (H, W); counts of frames there and held out.

    `actions`: a CSV with one row a frame, or with a column mapped to `time` (seconds from the first frame). `columns` maps
    ours to the table's (default: the same names). Steer and accel in [-1, 1], with or without speed and yaw_rate, make a
    car's dataset; other names make one with actions of its own, within `bounds` (`gas=0:1`, default -1 to 1).
    """
    rate = frame_rate(video)
    check_rate(rate, fps, video.name)
    times = np.array([time for time, _ in read_timed(video, (2, 2))])  # reads it whole before anything is written
    kept = np.array([time for time, _ in resampled(((time, None) for time in times), fps)])
    table = read_table(actions, Columns.parse(columns), times, kept) if actions else {}
    inputs = _inputs(tuple(table), bounds)
    values = _values(table, inputs)
    if values:
        check_actions(Episode(np.zeros((len(kept), 2, 2, 3), np.uint8), values), inputs)
    card = f"# {video.name}\n\nMade by `lucidrive import video`: {rate:.3g} frames/s to {fps:g}, "
    card += f"actions {', '.join(table) or 'not known'}.\n"
    return write_dataset(
        _episodes(video, kept, values, fps, size, progress), out, inputs, held_out=held_out, fps=fps, card=card
    )


def first_frames(video: Path, at: float = 0.0) -> np.ndarray:
    """The frames that a dream begins with, uint8 [FRAMES, H, W, 3], a tenth of a second apart from `at` seconds on."""
    check_rate(frame_rate(video), FPS, video.name)
    later = ((time - at, image) for time, image in read_timed(video) if time >= at)
    frames = [image for _, image in islice(resampled(later, FPS), FRAMES)]
    if len(frames) < FRAMES:
        raise DataError(f"{video.name} has no {FRAMES / FPS:g} s after {at:g} s; begin earlier.")
    return np.stack(frames)


def read_table(path: Path, columns: Columns, times: np.ndarray, kept: np.ndarray) -> dict[str, np.ndarray]:
    """Our columns out of a CSV of a video with frames at `times` (seconds): name -> a value for each of `kept`, the mean
    of the rows from that time to the next.

    DataError, with the row, for what is missing, no number, not finite or full of holes.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path.name} cannot be read as a CSV ({error}); save it as UTF-8 text with a header."
        ) from error
    mapped = dict(columns.of) or {name: (name, 1.0) for name in names if name}
    for source, _ in mapped.values():
        if source not in names:
            raise DataError(f"{path.name} has no column '{source}'; it has {', '.join(names) or 'no header'}.")
    table = {
        name: np.array([_number(row[source], path.name, number, source) for number, row in enumerate(rows, 2)]) * factor
        for name, (source, factor) in mapped.items()
    }
    seconds = table.pop(TIME, None)
    if not table:
        raise DataError(f"{path.name} gives no action; map one: --columns steer=wheel_angle,accel=throttle.")
    if seconds is None:
        if len(rows) != len(times):
            raise DataError(
                f"{path.name} has {len(rows)} rows for the video's {len(times)} frames; give every frame a row, or map a "
                "column of seconds: --columns time=..."
            )
        seconds = times
    else:
        check_times(seconds, float(times[-1]), path.name)
    joined = between(seconds, np.stack(list(table.values()), axis=1), kept)
    return dict(zip(table, joined.T, strict=True))


def _number(text: str | None, name: str, row: int, column: str) -> float:
    try:
        value = float(text or "nan")
    except ValueError as error:
        raise DataError(f"{name}, line {row}: '{text}' in column '{column}' is no number; mend that line.") from error
    if not math.isfinite(value):
        raise DataError(f"{name}, line {row}: nothing finite in column '{column}'; fill it in or cut the video there.")
    return value


def _inputs(names: tuple[str, ...], bounds: str) -> Inputs:
    """A car's, where the names are a car's; else those of the table."""
    if set(names) <= {*ACTION, *STATE}:
        for pair in (ACTION, STATE):
            if len(set(names) & set(pair)) == 1:
                raise DataError(f"A car's {pair[0]} and {pair[1]} go together; map both, or neither.")
        return DRIVING
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
    kept: np.ndarray,
    values: dict[str, np.ndarray],
    fps: float,
    size: tuple[int, int],
    progress: Progress | None,
) -> Iterator[Episode]:
    images: list[np.ndarray] = []
    done = 0
    for _, image in resampled(read_timed(video), fps):
        images.append(fit(image, size))
        if len(images) == EPISODE_FRAMES or done + len(images) == len(kept):
            rows = slice(done, done + len(images))
            yield Episode(np.stack(images), {name: value[rows] for name, value in values.items()}, video.stem)
            done, images = done + len(images), []
            if progress:
                progress(done, len(kept))
