"""The clip factory with the weights that came along: what it makes is a clip that the judge knows, the same every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.factory.export.clips import kept
from bridge.factory.jobs import Request
from bridge.factory.measures import Trust
from bridge.factory.orders import Order, Wish
from bridge.factory.scenario import of_line
from bridge.factory.start import Start, fitting
from bridge.factory.worker import Place, Worker, judge_hashes
from tests.tiny_factory import sums
from world.files import EMBEDDED, read_config
from world.model import WorldModel

LINE = "clear;day;hard_brake@+1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("real") / "out"
    order = Order.of(Wish(LINE, number=4, seconds=5.0, retries=0), out)
    order.make(workers=0)
    order.deliver(("lerobot",))
    return out


@pytest.mark.slow
def test_the_judge_finds_what_was_asked_for(made: Path) -> None:
    found = json.loads((made / "report.json").read_text())
    assert found["all"]["accepted"] >= 2  # of four: its yield was measured as nearly all
    assert found["judge"]["real_clips"]["event"]["hard_brake"]["found"] > 0.9
    clip = next(kept(made))
    event = next(one for one in clip.fields["check"]["findings"] if one["kind"] == "event")
    assert event["found"]
    assert 1.0 <= event["at"] <= 5.0
    assert clip.fields["check"]["picture"]["drift"] > 0
    assert clip.fields["hashes"] == dict(read_config(EMBEDDED)[1]["files"])


@pytest.mark.slow
def test_the_same_order_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    order = Order.of(Wish(LINE, number=4, seconds=5.0, retries=0), tmp_path / "again")
    order.make(workers=1)
    order.deliver(("lerobot",))
    assert sums(tmp_path / "again") == sums(made)


def test_a_dream_begins_in_the_scene_that_fits() -> None:
    model = WorldModel.load()
    for line, scenes in (
        ("rain(2);dusk", {"dusk-rain-1"}),
        ("fog(3);night", {"night-fog-1"}),
        ("clear;dawn", {"dawn-clear-1", "dawn-clear-2", "dawn-clear-3"}),
        (
            "rain(1);night",
            {"night-clear-1", "night-clear-2", "night-clear-3", "night-fog-1"},
        ),  # there is none with rain
        ("snow(2)", {"dawn-snow-1", "day-snow-1"}),
    ):
        assert {fitting(model, of_line(line), seed) for seed in range(40)} == scenes, line
    assert len({fitting(model, of_line("left"), seed) for seed in range(200)}) == len(model.scenes)


def test_weights_and_checks_are_part_of_what_a_run_is() -> None:
    request = Request(((of_line(LINE), 0),), 2.0, dict(read_config(EMBEDDED)[1]["files"]), judge_hashes(None))
    assert request.common()["checks"]
    worker = Worker(Place(), request)
    assert worker.judging.trust.needed == Trust.of().needed != {}
    assert worker.judging.real is not None
    assert Start().key == "scenes"
