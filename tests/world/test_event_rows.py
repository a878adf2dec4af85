"""The table of events: a row each, in the order of `Event`; a bad table is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from world.controls import SIDED_EVENTS, Event
from world.errors import DataError
from world.events import TABLE, event_rows

LINES = TABLE.read_text("utf-8").splitlines(keepends=True)


def test_every_event_has_its_row_with_drawing_and_keywords() -> None:
    rows = event_rows()
    assert [row.event for row in rows] == [event.name.lower() for event in Event if event != Event.NONE]
    assert {row.event for row in rows if row.sided} == {event.name.lower() for event in SIDED_EVENTS}
    assert all(row.drawing.startswith("<") and row.drawing.endswith("/>") for row in rows)


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("".join([LINES[0], *reversed(LINES[1:])]), "utf-8")
    assert event_rows(path) == event_rows()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (LINES[1:], "does not begin with the columns event, words, label"),
        ([*LINES, "meteor\tmeteor\n"], f"Line {len(LINES) + 1} of .* none of them empty"),
        ([LINES[0], LINES[1].replace("Person crosses", "")], "Line 2 of .* none of them empty"),
        ([*LINES, LINES[-1].replace("road_work", "meteor")], "a row 'meteor', which is no Event of world/controls.py"),
        (LINES[:-1], "no row 'road_work', which is an Event of world/controls.py"),
        ([*LINES, LINES[1]], "'ped_cross' twice"),
        ([LINES[0], LINES[1].replace("pedestrian|", "("), *LINES[2:]], "keywords of 'ped_cross' .* regular expression"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(tmp_path: Path, lines: list[str], sentence: str) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(DataError, match=sentence):
        event_rows(path)
