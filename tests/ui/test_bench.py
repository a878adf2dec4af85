"""What `lucidrive bench ui` says of its figures; the figures themselves need a browser and minutes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.bench.page import BenchError
from ui import bench
from ui.bench import PageTimings, met, table

GOOD = PageTimings(30.0, 1.4, 20.0, 80.0, 180.0, 240.0, 2.5, 12.0, (6.0, 6.1, 6.0, 5.9), 0, 0, {"cores": 2})


def test_every_figure_has_a_row_and_those_with_an_aim_say_it() -> None:
    rows = table(GOOD)
    assert len(rows) == 10 and ("pictures shown a second", "20", ">= 20") in rows
    assert ("growth of the server's resident memory in 30 minutes, MiB", "12", "<= 30") in rows
    assert ("pictures a second in 4 tabs at once", "6, 6.1, 6, 5.9", "") in rows


@pytest.mark.parametrize(
    "worse",
    [
        {"pictures_per_second": 19.0},
        {"gap_p99_ms": 91.0},
        {"key_to_picture_ms": 251.0},
        {"usable_seconds": 2.1},
        {"heap_growth_mib": 31.0},
        {"rss_growth_mib": 31.0},
        {"frozen_tabs": 1},
    ],
)
def test_one_missed_aim_is_enough(worse: dict[str, float]) -> None:
    assert met(GOOD) and not met(replace(GOOD, **worse))  # type: ignore[arg-type]


def test_without_a_browser_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.shutil, "which", lambda name: None)
    with pytest.raises(BenchError, match="install one of chromium"):
        bench.chromium()
