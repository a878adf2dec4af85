"""Reads logs of spreadsheets and loggers: text in columns of any encoding, delimiter, decimal sign and comment style."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from world.errors import DataError
from world.telling import Say

DELIMITERS = (";", "\t", "|", ",", " ")
COMMENTS = ("#", "%", "//")
UNSIGNED = r"\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
RECIPE = re.compile(rf"(?:\*\s*(?P<factor>[+-]?{UNSIGNED}))?\s*(?P<offset>[+-]{UNSIGNED})?")
ODD = str.maketrans({"\u2212": "-", "\u00a0": "", "\u202f": "", "'": ""})  # minus sign; digit separators
WORDS = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
ENOUGH = 20  # rows to detect the delimiter by


@dataclass(frozen=True, slots=True)
class Columns:
    """Our columns mapped to a table's, with a scale: `COLUMN*FACTOR+OFFSET`."""

    of: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Columns:
        """Parses `steer=wheel_angle*-0.002,accel=throttle,time=t-1700000000`. DataError for anything else."""
        sources = {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, equals, source = map(str.strip, part.partition("="))
            if not equals or not name or not source:
                raise DataError(f"'{part}' maps no column; write steer=wheel_angle,accel=throttle.")
            if name in sources:
                raise DataError(f"'{name}' is mapped twice; name each column of ours once.")
            sources[name] = source
        return cls(sources)


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """One column: its index in the table, and the factor and offset of its numbers."""

    column: int
    factor: float = 1.0
    offset: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A log as text: the names of its columns, its rows of cells, and their line numbers."""

    name: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @classmethod
    def read(cls, path: Path, note: Say) -> Table:
        """Reads the file; `note` gets a sentence for each assumption.

        DataError, naming the line, where it is no table.
        """
        lines = list(enumerate(io.StringIO(_text(path, note), newline=None), 1))
        lines = [(number, line.rstrip("\n")) for number, line in lines if line.strip(" \n\t;,|\x00")]
        delimiter = None
        if lines and (hint := re.fullmatch(r"sep=(.)", lines[0][1].strip())):  # a spreadsheet's hint
            delimiter, lines = hint[1], lines[1:]
        comments = [(number, line) for number, line in lines if line.lstrip().startswith(COMMENTS)]
        lines = [(number, line) for number, line in lines if not line.lstrip().startswith(COMMENTS)]
        if not lines:
            raise DataError(f"{path.name} is empty; give a table with a header and a row for every moment.")
        delimiter = delimiter or _delimiter([line for _, line in lines[:ENOUGH]])
        cells = _split(lines, delimiter, path.name)
        if all(_is_number(cell) for cell in cells[0][1]):  # a header in a comment, as numpy writes it
            before = [line.lstrip("#%/ \t") for number, line in comments if number < cells[0][0]]
            header = _split([(0, before[-1])], delimiter, path.name)[0][1] if before else ()
            if len(header) != len(cells[0][1]):
                raise DataError(f"{path.name} has no header: line {cells[0][0]} holds numbers; name its columns there.")
        else:
            (_, header), cells = cells[0], cells[1:]
        for number, row in cells:
            if any(row[len(header) :]):
                raise DataError(
                    f"{path.name}, line {number}: {len(row)} values for {len(header)} columns; values with a comma need "
                    "quotes or another delimiter."
                )
        return cls(path.name, header, tuple(row for _, row in cells), tuple(number for number, _ in cells))

    def source(self, text: str) -> ColumnSource:
        """The column of `COLUMN*FACTOR+OFFSET`; its name may contain such signs. DataError where there is none."""
        for name in sorted(self.names, key=lambda name: (len(name), text.startswith(name)), reverse=True):
            recipe = RECIPE.fullmatch(text[len(name) :].strip())
            if name and text[: len(name)].casefold() == name.casefold() and recipe:
                same = [place for place, other in enumerate(self.names) if other == name]
                if len(same) > 1:
                    raise DataError(f"{self.name} has {len(same)} columns '{name}'; give each a name of its own.")
                factor, offset = (_plain(recipe[part]) for part in ("factor", "offset"))
                return ColumnSource(same[0], 1.0 if factor is None else factor, offset)
        column, star, by = text.partition("*")
        if star and column.strip() in self.names:
            raise DataError(f"'{text}' multiplies by '{by}', which is no number; write steer=angle*0.01.")
        column = re.sub(rf"[+-]{UNSIGNED}$", "", column).strip() or column
        raise DataError(f"{self.name} has no column '{column}'; it has {', '.join(filter(None, self.names))}.")

    def cells(self, column: int) -> list[str]:
        """The texts of a column, "" where a row is too short."""
        return [row[column] if column < len(row) else "" for row in self.rows]

    def numbers(self, source: ColumnSource) -> np.ndarray:
        """float64 [rows]. DataError, naming the line, for a cell that is missing, no number or not finite."""
        cells, column = self.cells(source.column), self.names[source.column]
        comma = _comma(cells, self.lines, self.name)
        values = [_number(cell, comma) for cell in cells]
        for line, cell, value in zip(self.lines, cells, values, strict=True):
            if value is None:
                raise DataError(
                    f"{self.name}, line {line}: '{cell}' in column '{column}' is no number; mend that line."
                )
            if not math.isfinite(value):
                raise DataError(
                    f"{self.name}, line {line}: nothing finite in column '{column}'; fill it in or cut the video there."
                )
        return np.array(values, np.float64) * source.factor + (source.offset or 0.0)


def _text(path: Path, note: Say) -> str:
    """A file's text, by its byte-order mark, as UTF-8, or as Windows-1252. DataError where it is no text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror or error}); check the file.") from error
    if data.startswith((b"PK", b"\xd0\xcf\x11\xe0", b"PAR1")):
        raise DataError(f"{path.name} is a spreadsheet or another binary file; save it as CSV.")
    code = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(code)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        note(f"{path.name} is not UTF-8 and is read as Windows' Western code page.")
    if "\x00" in text:
        raise DataError(f"{path.name} cannot be read as a CSV (it is no text); save it as UTF-8 text with a header.")
    return text


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that every line has; a comma last, as it may be a decimal sign."""
    widths = {delimiter: [len(_parts(line, delimiter)) for line in lines] for delimiter in DELIMITERS}
    for delimiter in DELIMITERS[:3]:
        if min(widths[delimiter]) > 1:
            return delimiter
    return " " if widths[","][0] == 1 and len(set(widths[" "])) == 1 else ","


def _parts(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _split(lines: Sequence[tuple[int, str]], delimiter: str, name: str) -> list[tuple[int, tuple[str, ...]]]:
    """Each row's line number and stripped cells."""
    if delimiter == " ":
        return [(number, tuple(line.split())) for number, line in lines]
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=delimiter, skipinitialspace=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    row = 0
    try:
        for cells in reader:
            rows.append((lines[row][0], tuple(cell.strip() for cell in cells)))
            row = reader.line_num
    except csv.Error as error:
        raise DataError(f"{name}, line {lines[row][0]} cannot be read as a CSV ({error}); mend that line.") from error
    return rows


def _comma(cells: Sequence[str], lines: Sequence[int], name: str) -> bool:
    """Whether a column's decimal sign is a comma. DataError, naming the line, where signs are mixed."""
    signs = [max((cell.rfind(","), ","), (cell.rfind("."), "."))[1] if set(cell) & set(",.") else "" for cell in cells]
    if "," in signs and "." in signs:
        odd = "." if signs.count(".") < signs.count(",") else ","
        row = signs.index(odd)
        raise DataError(
            f"{name}, line {lines[row]}: '{cells[row]}' has another decimal sign than other lines; write all alike."
        )
    return "," in signs


def _number(cell: str, comma: bool) -> float | None:
    """NaN for an empty cell; None for what is no number."""
    text = cell.strip().strip('"').translate(ODD)
    if comma:
        text = text.replace(".", "").replace(",", ".")
    elif "." in text:
        text = text.replace(",", "")
    if text.casefold() in WORDS:
        return WORDS[text.casefold()]
    try:
        return float(text or "nan")
    except ValueError:
        return None


def _plain(text: str | None) -> float | None:
    return float(text.replace(" ", "")) if text else None


def _is_number(cell: str) -> bool:
    value = _number(cell, "," in cell)
    return value is not None and math.isfinite(value)
