"""Parses a log's times: seconds, fractions of them, Unix times, dates or times of day, as seconds of the video."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from world.data.tables import ColumnSource, Table
from world.errors import DataError
from world.telling import Say

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DAY = 86_400.0
UNIT_NAMES = {1.0: "seconds", 1e-3: "milliseconds", 1e-6: "microseconds", 1e-9: "nanoseconds", DAY: "days"}
NAMES = (
    "time",
    "timestamp",
    "timestamps",
    "t",
    "ts",
    "seconds",
    "secs",
    "epoch",
    "unixtime",
    "datetime",
    "utc",
    "date",
)
EPOCH = 1e8  # s; larger numbers are Unix times
SLOWEST = 1.0  # s between rows at most
COARSE = 0.05  # share of rows that may repeat the previous row's time
ZONE = re.compile(r"\s*(?:\[?([A-Za-z]+/[A-Za-z_/+-]+)\]?|\b(?!AM|PM)([A-Z]{2,5}))$")


@dataclass(frozen=True, slots=True)
class RowTimes:
    """Rows sorted by time, in seconds from the video's first frame."""

    seconds: np.ndarray  # float64 [rows], never falling
    order: np.ndarray  # int64 [rows]: row indices in the table


def time_column(names: tuple[str, ...]) -> str | None:
    """The only column with a name of times, units apart; None where there is none or several."""
    candidates = [name for name in names if _stem(name)[0] in NAMES]
    return candidates[0] if len(candidates) == 1 else None


def row_times(table: Table, source: ColumnSource, end: float, note: Say) -> RowTimes:
    """The rows' times. end: length of the video in seconds. Without an offset in `source`, a clock that does not start
    with the video is aligned by its first row.

    DataError, naming the line, for a cell that is no time, a clock that jumps back, and one too coarse.
    """
    cells, column = table.cells(source.column), table.names[source.column]
    example = next((cell for cell in cells if cell), "")
    is_date = bool(re.search(r"\d[:T/-]\d", example))
    seconds = _dates(table, source.column) if is_date else table.numbers(source)
    if not len(seconds):
        raise DataError(f"{table.name} has no rows; give one for every moment of the video.")
    unit = 1.0 if is_date or source.factor != 1 else _unit(seconds, column, end)
    seconds, order = _sort(seconds * unit, table, note)
    if source.offset is None and seconds[0] > end:
        kind, first = f"{UNIT_NAMES[unit]} on a clock of their own", f"{seconds[0]:g} s"
        if is_date and seconds[0] < EPOCH:
            kind, first = "times of day", next(cell for cell in cells if cell)
        elif seconds[0] >= EPOCH:
            kind = "dates" if is_date else f"{UNIT_NAMES[unit]} since 1970"
            first = f"{datetime.fromtimestamp(seconds[0], UTC):%Y-%m-%d %H:%M:%S}"
        factor = source.factor * unit
        note(
            f"The times of {table.name} are {kind}; its first row ({first}) is taken as the video's first frame. Say it "
            f"otherwise with --columns 'time={column}{'' if factor == 1 else f'*{factor:g}'}-OFFSET'."
        )
        seconds = seconds - seconds[0]
    elif unit != 1:
        note(f"The times of {table.name} are {UNIT_NAMES[unit]}.")
    return RowTimes(seconds, order)


def _stem(name: str) -> tuple[str, str]:
    """Name and unit: `Time [ms]` and `time_ms` give ("time", "ms")."""
    match = re.fullmatch(
        r"(.*?)[\s_]*[\[(]?\b(ms|us|\u00b5s|ns|s|sec)?\b[\])]?", name.casefold().replace("_", " ").strip()
    )
    stem, unit = (match[1], match[2]) if match else (name.casefold(), None)
    return stem.replace(" ", ""), {"\u00b5s": "us", "sec": "s"}.get(unit or "", unit or "")


def _unit(values: np.ndarray, column: str, end: float) -> float:
    """The unit in seconds: by magnitude for Unix times, else by the column's name, else by the plausible distance of
    rows. Spreadsheets count days from 1900.
    """
    for factor in UNITS.values():
        if EPOCH <= values.min() * factor < 100 * EPOCH:
            return factor
    if (unit := _stem(column)[1]) in UNITS:
        return UNITS[unit]
    gaps = np.abs(np.diff(values))
    usual = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 0.0
    if 20_000 < values.min() < 100_000 and usual < SLOWEST / DAY:
        return DAY
    for factor in UNITS.values():
        if usual * factor <= SLOWEST:
            return factor if np.ptp(values) * factor >= end / 2 else 1.0
    return 1.0


def _sort(seconds: np.ndarray, table: Table, note: Say) -> tuple[np.ndarray, np.ndarray]:
    back = np.flatnonzero(np.diff(seconds) < 0) + 1
    order = np.argsort(seconds, kind="stable")
    if len(back) == 1 and seconds[-1] > seconds[0]:
        line = table.lines[back[0]]
        raise DataError(
            f"The clock of {table.name} is set back from {seconds[back[0] - 1]:.10g} s to {seconds[back[0]]:.10g} s at line "
            f"{line}; mend the times, or cut table and video there."
        )
    if len(back):
        note(
            f"The rows of {table.name} are sorted by their times; line {table.lines[back[0]]} is the first that was late."
        )
    seconds = seconds[order]
    same = np.flatnonzero(np.diff(seconds) == 0) + 1
    if len(same) > COARSE * len(seconds):
        raise DataError(
            f"{table.name}, line {table.lines[order[same[0]]]}: {len(same)} rows have the time of the row before; map a column "
            "with a finer clock."
        )
    if len(same):
        note(f"{len(same)} rows of {table.name} have the time of another, from line {table.lines[order[same[0]]]} on.")
    return seconds, order


def _dates(table: Table, column: int) -> np.ndarray:
    """Unix times of ISO 8601 dates or of DD.MM.YYYY, with or without a zone; or seconds since midnight of times of day.

    DataError where a cell is no time, or the time zone changes.
    """
    seconds: list[float] = []
    zones: set[str] = set()
    for line, cell in zip(table.lines, table.cells(column), strict=True):
        text = cell.strip().replace(",", ".")
        if (zone := ZONE.search(text)) and not text.endswith("Z"):
            zones.add(zone[1] or zone[2])
            text = text[: zone.start()]
        text = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text).replace("/", "-")
        if clock := re.fullmatch(r"(?:(\d{1,2}):)?(\d{1,2}):(\d\d(?:\.\d*)?)", text):
            seconds.append(3600.0 * int(clock[1] or 0) + 60.0 * int(clock[2]) + float(clock[3]))
            continue
        text = re.sub(r"^(\d\d)\.(\d\d)\.(\d{4})", r"\3-\2-\1", text)
        fraction = re.search(r"(?<=\d:\d\d)\.\d+", text)
        try:
            whole = datetime.fromisoformat(text.replace(fraction[0], "", 1) if fraction else text)
        except ValueError as error:
            raise DataError(
                f"{table.name}, line {line}: '{cell}' is no time that can be read; write seconds, or 2026-05-01 12:00:00.5."
            ) from error
        whole = whole if whole.tzinfo else whole.replace(tzinfo=UTC)  # only differences count
        seconds.append(whole.timestamp() + float(fraction[0] if fraction else 0))
    if len(zones) > 1:
        raise DataError(f"{table.name} changes its time zone ({', '.join(sorted(zones))}); write all times in one.")
    return np.unwrap(seconds, period=DAY) if max(seconds, default=0.0) < DAY else np.array(seconds, np.float64)
