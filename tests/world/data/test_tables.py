"""Logs as spreadsheets and loggers write them: read as they are meant, or refused with the line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.data.films import film
from world.data import DriveDataset
from world.data.clock import row_times, time_column
from world.data.footage import import_video
from world.data.tables import Columns, Table
from world.errors import DataError
from world.inputs import DRIVING

END = 3.0  # seconds of the video
SECONDS = np.arange(31) / 10


def read(path: Path, data: str | bytes, told: list[str] | None = None) -> Table:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Table.read(path, (told if told is not None else []).append)


@pytest.mark.parametrize(
    "text",
    [
        "steer, accel\n0.5, 1\n-0.25, 0\n",
        "steer,accel\r\n0.5,1\r\n-0.25,0\r\n\r\n\r\n",
        "\ufeffsteer;accel\n0,5;1\n-0,25;0\n;\n;;\n",
        'sep=;\n"steer" ; "accel"\n"0,5";"1"\n"-0,25";"0"\n',
        '"steer","accel"\n"0,5","1,0"\n"-0,25","0,0"\n',
        "steer\taccel\n0.5\t1\n\u22120.25\t0\n",
        "steer|accel\n5e-1|1\n-.25|0\n",
        "steer accel\n  0.5   1\n -0.25   0\n",
        "# drive of the third of May\nsteer,accel\n# a pause\n0.5,1\n-0.25,0\n",
        "# steer accel\n5.000e-01 1.000e+00\n-2.500e-01 0.000e+00\n",
        "steer,accel,\n0.5,TRUE,\n-0.25,false,\n",
    ],
)
def test_delimiters_decimal_signs_quotes_marks_and_comments(text: str, tmp_path: Path) -> None:
    table = read(tmp_path / "log.csv", text)
    assert table.numbers(table.source("steer")).tolist() == [0.5, -0.25]
    assert table.numbers(table.source("accel")).tolist() == [1, 0]


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_codes_of_text(code: str, tmp_path: Path) -> None:
    told: list[str] = []
    table = read(tmp_path / "log.csv", "Lenkwinkel [°];Gas\n1.234,5;0,5\n7;1\n".encode(code), told)
    assert table.numbers(table.source("lenkwinkel [°]*0.01")).tolist() == pytest.approx([12.345, 0.07])
    assert len(told) == (code == "cp1252")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a,b\n0,5,1,2\n", "line 2: 4 values for 2 columns"),
        ("0.1,0.2\n0.3,0.4\n", "has no header: line 1 holds numbers"),
        ("a;b\n0,5;1\n\n0.5;1\n0,5;1\n", r"line 4: '0\.5' has another decimal sign"),
        ("a,a\n1,2\n", "has 2 columns 'a'"),
        ("a,b\n1,2\n12 km/h,3\n", "line 3: '12 km/h' in column 'a' is no number"),
        ("a,b\n1,2\n,3\n", "line 3: nothing finite in column 'a'"),
        ("b,c\n1,2\n", "has no column 'a'; it has b, c"),
    ],
)
def test_tables_that_are_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        table = read(tmp_path / "log.csv", text)
        table.numbers(table.source("a"))


def test_a_workbook_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="save it as CSV"):
        read(tmp_path / "log.xlsx", b"PK\x03\x04")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", [2, 4]),
        ("a*0.5", [1, 2]),
        ("a+1", [3, 5]),
        ("a * -0.5 - 10", [-11, -12]),
        ("a-2", [7, 8]),  # a name with such a sign comes first
        ("a-2-1", [6, 7]),
    ],
)
def test_factors_and_offsets(text: str, values: list[float], tmp_path: Path) -> None:
    table = read(tmp_path / "log.csv", "a,a-2\n2,7\n4,8\n")
    assert table.numbers(table.source(Columns.parse(f"steer={text}").of["steer"])).tolist() == values


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_table_or_a_sentence(text: str) -> None:
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "log.csv"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            table = Table.read(path, lambda said: None)
            table.numbers(table.source(next(filter(None, table.names), "a")))
        except DataError:
            pass


def clock(path: Path, cells: list[str], name: str = "t", source: str = "", told: list[str] | None = None) -> np.ndarray:
    table = read(path, "\n".join([f"{name};a", *(f"{cell};0" for cell in cells)]))
    result = row_times(table, table.source(source or name), END, (told if told is not None else []).append)
    assert (result.seconds == np.sort(result.seconds)).all()
    return result.seconds


@pytest.mark.parametrize(
    ("unit", "begin", "said"),
    [
        (1.0, 0, ""),
        (1e3, 0, "milliseconds"),
        (1e6, 0, "microseconds"),
        (1e9, 0, "nanoseconds"),
        (1.0, 1_714_560_000, "seconds since 1970"),
        (1e3, 1_714_560_000, "milliseconds since 1970"),
        (1e6, 1_714_560_000, "microseconds since 1970"),
        (1e9, 1_714_560_000, "nanoseconds since 1970"),
        (1.0, 5_342, "a clock of their own"),
    ],
)
def test_times_in_any_unit_from_any_moment(unit: float, begin: int, said: str, tmp_path: Path) -> None:
    told: list[str] = []
    cells = [
        f"{(begin + second) * unit:.6f}" if unit == 1 else str(round((begin + second) * unit)) for second in SECONDS
    ]
    np.testing.assert_allclose(clock(tmp_path / "log.csv", cells, told=told), SECONDS, atol=1e-5)
    assert said in " ".join(told) and len(told) == bool(said)
    assert ("2024-05-01 10:40:00" in " ".join(told)) == (begin > 1e9)


def test_an_offset_is_taken_at_its_word(tmp_path: Path) -> None:
    cells = [f"{1_714_560_000_000 + 1000 * second:.0f}" for second in SECONDS]
    told: list[str] = []
    late = clock(tmp_path / "log.csv", cells, source="t*0.001-1714560001", told=told)
    np.testing.assert_allclose(late, SECONDS - 1, atol=1e-6)
    assert not told


@pytest.mark.parametrize(
    "form",
    [
        "2026-05-01T12:00:{:06.3f}Z",
        "2026-05-01 12:00:{:06.3f}",
        "2026-05-01 12:00:{:06.3f} +02:00",
        "2026-05-01 12:00:{:06.3f} CEST",
        "2026-05-01T12:00:{:06.3f}+02:00[Europe/Berlin]",
        "2026/05/01 12:00:{:05.2f}",
        "01.05.2026 12:00:{:04.1f}",
        "23:59:{:04.1f}",
        "59:{:04.1f}",
    ],
)
def test_dates_and_clocks(form: str, tmp_path: Path) -> None:
    cells = [form.format(second) for second in SECONDS]
    np.testing.assert_allclose(clock(tmp_path / "log.csv", cells), SECONDS, atol=1e-5)


def test_a_night_and_a_spreadsheets_days(tmp_path: Path) -> None:
    night = [f"{'23:59' if second < 2 else '00:00'}:{(58 + second) % 60:04.1f}" for second in SECONDS]
    np.testing.assert_allclose(clock(tmp_path / "log.csv", night), SECONDS, atol=1e-5)
    days = [f"{46_143.5 + second / 86_400:.10f}" for second in SECONDS]
    np.testing.assert_allclose(clock(tmp_path / "log.csv", days), SECONDS, atol=1e-4)


def test_rows_out_of_order_and_twice(tmp_path: Path) -> None:
    told: list[str] = []
    cells = [f"{second:.1f}" for second in SECONDS]
    mixed = [*cells[10:20], *cells[:10], *cells[20:25], cells[24], *cells[:0:-1][:6][::-1]]
    assert clock(tmp_path / "log.csv", mixed[::-1], told=told) == pytest.approx(sorted(map(float, mixed)))
    assert "sorted by their times; line 3 is the first that was late" in told[0]
    assert "have the time of another" in told[1]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["0", "1", "2", "1.5", "2.5", "3.5"], "set back from 2 s to 1.5 s at line 5"),
        (["0", "0", "0", "1", "1", "1", "2", "2", "2"], "line 3: 6 rows have the time of the row before"),
        (["2026-05-01 12:00:00", "noon"], "line 3: 'noon' is no time"),
        (["2026-10-25 02:59:59 CEST", "2026-10-25 02:00:00 CET"], "changes its time zone"),
        (["0", "", "1"], "line 3: nothing finite"),
    ],
)
def test_clocks_that_are_refused(cells: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        clock(tmp_path / "log.csv", cells)


def test_columns_that_are_called_as_times_are() -> None:
    for name in ("time", "Timestamp", "t", "time_ms", "Time [s]", "t (us)", "unix time"):
        assert time_column((name, "throttle", "times_shifted")) == name
    assert time_column(("throttle", "tilt")) is None
    assert time_column(("time", "timestamp")) is None


def test_a_header_with_blanks_is_a_cars_and_what_is_not_is_told(tmp_path: Path) -> None:
    video = film(tmp_path / "drive.mp4", np.arange(75) / 25)
    log = tmp_path / "drive.csv"
    rows = "".join(f"{1_714_560_000 + n / 50:.2f}; 0,5; 0,1; 3\n" for n in range(160))
    log.write_text("Timestamp; Steer; Accel; gear\n" + rows)
    told: list[str] = []
    import_video(video, tmp_path / "set", actions=log, size=(48, 64), note=told.append)
    dataset = DriveDataset.open(tmp_path / "set")
    assert dataset.inputs is DRIVING
    np.testing.assert_allclose(dataset.column("action"), [[0.5, 0.1]] * 30, atol=1e-6)
    assert "'Timestamp' of drive.csv is taken as its times" in told[0] and "gear" in told[1]
    log.write_text("steering,accel\n" + "0.5,0.1\n" * 75)
    import_video(video, tmp_path / "other", actions=log, size=(48, 64), note=told.append)
    assert not DriveDataset.open(tmp_path / "other").inputs.driving
    assert "no car's columns, so this becomes a world of actions of its own: steering" in told[-1]
