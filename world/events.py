"""Names of the events, a row of events.tsv each, for the page, the plan language and the rule baseline.

| column | what it holds |
|---|---|
| event | the name of an `Event`, in small letters: the step of the plan language |
| words, words_zh | what a plan's step is called, "car cuts in" |
| label, label_zh | what its button is called, short |
| keywords | a regular expression of what a sentence about it holds, in both languages; sentences are in small letters |
| drawing | of its button: SVG shapes on 24 x 24, lines only |
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from world.controls import SIDED_EVENTS, Event
from world.errors import DataError

TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True, slots=True)
class EventRow:
    """One row of the table."""

    event: str
    words: str
    label: str
    words_zh: str
    label_zh: str
    keywords: str
    drawing: str

    @property
    def sided(self) -> bool:
        """Whether the event has a side."""
        return Event[self.event.upper()] in SIDED_EVENTS


@cache
def event_rows(table: Path = TABLE) -> tuple[EventRow, ...]:
    """The rows in the order of `Event`. DataError for a bad line, an event without a row, or a row without an event."""
    rows = {}
    for row in _read(table):
        if row.event in rows:
            raise DataError(f"{table} has a row '{row.event}' twice; keep one.")
        rows[row.event] = row
    names = [event.name.lower() for event in Event if event != Event.NONE]
    if odd := sorted(set(rows) - set(names)):
        raise DataError(f"{table} has a row '{odd[0]}', which is no Event of world/controls.py; add it there.")
    if missing := [name for name in names if name not in rows]:
        raise DataError(f"{table} has no row '{missing[0]}', which is an Event of world/controls.py; add it.")
    return tuple(rows[name] for name in names)


def _read(table: Path) -> Iterator[EventRow]:
    columns = [field.name for field in fields(EventRow)]
    with table.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(lines, None) != columns:
            raise DataError(f"{table} does not begin with the columns {', '.join(columns)}, a tab between them.")
        for number, line in enumerate(lines, 2):
            if len(line) != len(columns) or not all(line):
                raise DataError(f"Line {number} of {table} is not {' TAB '.join(columns)}, none of them empty.")
            row = EventRow(*line)
            try:
                re.compile(row.keywords)
            except re.error as error:
                raise DataError(
                    f"The keywords of '{row.event}' in {table} are no regular expression ({error})."
                ) from error
            yield row
