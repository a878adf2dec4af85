"""The page's real end: a tiny untrained world and a tiny language model behind the interface the page uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.bench.faults.counted_device import CountedDevice
from bridge.budget.ledger import Ledger, NoRoomError
from bridge.budget.opening import CLIP
from bridge.errors import BusyError, DataError
from bridge.loop import Loop
from bridge.tick_timer import TickTimer
from tests.conftest import wait_until
from tests.fakes import FakeDirector
from tests.tiny_world import write_tiny_world
from ui.drive import PageDream, StartRequest
from ui.live import LiveDreamer
from world.errors import WeightsError
from world.frame import Frame
from world.latent.dream import LatentDream
from world.model import WorldModel


@pytest.fixture(scope="module")
def dreamer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDreamer]:
    folder = tmp_path_factory.mktemp("live")
    model = WorldModel.load(write_tiny_world(folder / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), clips=folder / "clips")
    yield dreamer
    dreamer.close()


@pytest.fixture
def drive(dreamer: LiveDreamer) -> Iterator[PageDream]:
    drive = dreamer.open(lambda: None)
    yield drive
    drive.close()


def index(drive: PageDream) -> int:
    frame = drive.view().frame
    assert frame is not None
    return frame.index


def test_it_dreams_no_faster_than_ten_frames_a_second(dreamer: LiveDreamer) -> None:
    changes: list[float] = []
    drive = dreamer.open(lambda: changes.append(time.monotonic()))
    wait_until(lambda: index(drive) >= 10)
    drive.close()
    assert np.median(np.diff(changes)) > 0.08
    time.sleep(0.3)  # the frame that was under way
    stood = index(drive)
    time.sleep(0.3)
    assert index(drive) == stood


def test_a_sentence_becomes_chips_and_controls(drive: PageDream) -> None:
    drive.say("turn left and let it rain")
    wait_until(lambda: len(drive.view().plan) == 2)
    wait_until(lambda: drive.view().weather == 2)
    assert [(chip.line, chip.text) for chip in drive.view().plan] == [("left", "turn left"), ("rain(2)", "rain")]
    frame = drive.view().frame
    assert frame is not None and frame.control.command == 2


def test_refusals_and_bad_lines_are_sentences(drive: PageDream) -> None:
    drive.say("sing")
    notes = []
    wait_until(lambda: notes.extend(drive.notes()) or notes)
    assert notes[-1].kind == "refusal"
    with pytest.raises(Exception, match="not a step"):
        drive.plan("explode")


def test_what_the_weights_have_not_seen_is_said(drive: PageDream, dreamer: LiveDreamer) -> None:
    assert dreamer.known is not None and {"clear", "left", "slower"} <= dreamer.known and "snow" not in dreamer.known
    drive.plan("snow(2);left")
    notes = []
    wait_until(lambda: notes.extend(drive.notes()) or notes)
    time.sleep(0.3)
    assert [note.text for note in [*notes, *drive.notes()] if "training" in note.text] == [
        "These weights have not seen “snow” in training; it may not show."
    ]


def test_keys_pause_step_reset_and_save(drive: PageDream) -> None:
    drive.press(frozenset({"left"}))
    wait_until(lambda: drive.view().by_keys and drive.view().frame.control.steer > 0.5)
    drive.press(frozenset())
    wait_until(lambda: not drive.view().by_keys)
    drive.step_once()
    wait_until(lambda: drive.view().paused)
    time.sleep(0.3)
    stood = index(drive)
    drive.step_once()
    wait_until(lambda: index(drive) == stood + 1)
    saved = drive.save_clip()
    assert saved.video.suffix == ".mp4" and saved.video.stat().st_size > 0 and saved.sidecar.exists()
    assert saved.seconds == pytest.approx((stood + 2) / 10)
    drive.begin(StartRequest(5, "street"))
    assert drive.seed == 5 and index(drive) < 5 and not drive.view().paused
    with pytest.raises(DataError, match="no start scene"):
        drive.begin(StartRequest(6, "moon"))
    assert drive.seed == 5


def test_who_would_break_real_time_is_told_so_at_once(dreamer: LiveDreamer, monkeypatch: pytest.MonkeyPatch) -> None:
    timer = TickTimer()
    monkeypatch.setattr(dreamer.loop, "timer", timer)
    monkeypatch.setattr(timer, "record", lambda dreams, seconds: None)
    timer._seconds = {1: 0.05}  # 0.075 with two, 0.1 and more with three and four
    first, second = dreamer.open(lambda: None), dreamer.open(lambda: None)
    assert "slower" in second.notes()[0].text
    timer._seconds[2] = 0.08
    began = time.monotonic()
    with pytest.raises(BusyError, match="try again"):
        dreamer.open(lambda: None)
    assert time.monotonic() - began < 0.1
    first.close()
    dreamer.open(lambda: None).close()
    second.close()


def test_the_pace_of_more_dreams_is_reckoned_from_fewer() -> None:
    timer = TickTimer()
    assert timer.expected(3) == 0
    timer.record(1, 0.04)
    assert timer.expected(2) == pytest.approx(0.06)
    timer.record(2, 0.05)
    assert (timer.expected(2), timer.expected(4)) == (pytest.approx(0.05), pytest.approx(0.09))
    for _ in range(200):
        timer.record(2, 0.07)
    assert timer.expected(2) == pytest.approx(0.07)


def test_every_dream_holds_a_lease_and_gives_it_back(tmp_path: Path) -> None:
    device = CountedDevice(100)
    ledger = Ledger(device)
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), ledger=ledger, dream_size=60)
    drive = dreamer.open(lambda: None)
    assert [(held.owner, held.size, held.committed) for held in ledger.leases()] == [("a dream", 60, True)]
    with pytest.raises(NoRoomError, match="no room for a dream"):
        dreamer.open(lambda: None)
    drive.close()
    assert ledger.leases() == ()
    dreamer.open(lambda: None).close()  # the refused one holds nothing
    dreamer.close()


def test_memory_that_runs_out_over_a_new_dream_is_freed_and_the_dream_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = CountedDevice(100)
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), ledger=Ledger(device), dream_size=10)
    start, failing = LatentDream.start, [True]

    def starting(dream: LatentDream, *given: Any, **named: Any) -> Frame:
        if failing and failing.pop():
            raise MemoryError
        return start(dream, *given, **named)

    monkeypatch.setattr(LatentDream, "start", starting)
    drive = dreamer.open(lambda: None)
    assert device.frees == 1
    failing.append(True)
    drive.begin(StartRequest(3, "street"))
    assert device.frees == 2 and drive.seed == 3
    assert any("Memory ran out" in note.text for note in drive.notes())
    drive.close()
    dreamer.close()


def test_missing_weights_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        LiveDreamer.load(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, it is not full."""
    monkeypatch.setattr(TickTimer, "expected", lambda timer, dreams: 0.0)


@pytest.mark.usefixtures("quick")
def test_no_more_tabs_than_may_be(tmp_path: Path) -> None:
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(FakeDirector()), ledger=Ledger(CountedDevice(100)), dream_size=10, tabs=2)
    begin = [dreamer.admit(), dreamer.admit()]
    with pytest.raises(BusyError, match="full"):
        dreamer.admit()
    drives = [one(lambda: None) for one in begin]
    drives[0].close()
    dreamer.open(lambda: None).close()
    drives[1].close()
    dreamer.close()


@pytest.mark.usefixtures("quick")
def test_a_drive_goes_on_in_another_tab(dreamer: LiveDreamer, drive: PageDream) -> None:
    wait_until(lambda: index(drive) >= 3)
    drive.plan("left")
    wait_until(lambda: drive.view().plan)
    drive.pause(True)
    time.sleep(0.3)
    kept = drive.save_dream()
    other = dreamer.open(lambda: None)
    other.load_dream(kept.read_bytes())
    wait_until(lambda: index(other) > index(drive))
    assert other.seed == drive.seed and [chip.line for chip in other.view().plan] == ["left"]
    with pytest.raises(DataError, match="no saved drive"):
        other.load_dream(b"something else")
    other.close()


def test_a_clip_is_saved_under_a_lease(tmp_path: Path) -> None:
    device = CountedDevice(CLIP + 10)
    model = WorldModel.load(write_tiny_world(tmp_path / "world"))
    dreamer = LiveDreamer(model, Loop(None), ledger=Ledger(device), dream_size=10, clips=tmp_path)
    drive = dreamer.open(lambda: None)
    drive.save_clip()
    device.tenant = 1
    with pytest.raises(NoRoomError, match="no room for a clip"):
        drive.save_clip()
    drive.close()
    dreamer.close()
