"""The way back: every frame of a drive, its plan, and futures that part anywhere in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import SessionError
from bridge.loop import Loop
from bridge.recording.clip_files import check_clip
from bridge.recording.history import MOST_KEYS, History
from bridge.recording.last_minute import jpeg
from bridge.session import Session
from tests.conftest import wait_until
from tests.fakes import FakeDirector, FakeDream
from tests.tiny_world import write_tiny_world
from ui.drive import StartRequest
from ui.live import LiveDreamer
from ui.live_drive import LiveDrive
from world.controls import Command, Weather
from world.data.video import read_video
from world.latent.dream import LatentDream
from world.model import WorldModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WorldModel:
    return WorldModel.load(write_tiny_world(tmp_path_factory.mktemp("world")))


def drive_for(
    model: WorldModel, folder: Path, frames: int, spacing: int = 10
) -> tuple[Session, History, list[np.ndarray]]:
    session = Session(lambda seed: LatentDream(model, seed, 1), seed=4)
    history = History(session, folder, lambda text: pytest.fail(text), spacing)
    history.update()
    pictures = [session.frame.image]
    for number in range(frames):
        if number == 13:
            session.plan("rain(2);left@+1")
        session.press(frozenset({"left"}) if 20 <= number < 24 else frozenset())
        session.begin_tick()
        session.tick()
        history.update()
        pictures.append(session.frame.image)
    return session, history, pictures


def test_a_drive_goes_back_to_any_frame_and_on_as_it_did(model: WorldModel, tmp_path: Path) -> None:
    session, history, pictures = drive_for(model, tmp_path, 45)
    assert (history.first, history.last) == (0, 45)
    for index in (0, 9, 17, 31, 45):
        other = session.fork()
        history.rewind(other, index)
        assert other.frame.index == index and np.array_equal(other.frame.image, pictures[index])
    other = session.fork()
    history.rewind(other, 30)
    lines = {step.line: step.status for step in other.snapshot().steps}
    assert lines["left@+1"] == "running" and lines["rain(2)"] == "running"
    assert [moment.frame.index for moment in other.clip().moments] == list(range(31))
    for _ in range(15):
        other.begin_tick()
        other.tick()
    assert np.array_equal(other.frame.image, pictures[45])
    with pytest.raises(SessionError, match="from 0 to 45"):
        history.rewind(session.fork(), 46)
    assert list(tmp_path.glob("*")) == []  # the file has no name, and goes with the process


@pytest.mark.slow
def test_a_long_drive_keeps_few_keys_and_the_whole_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.recording.history.pack", lambda session: b"k" * 1000)
    session = Session(lambda seed: FakeDream(seed=seed))  # type: ignore[arg-type,return-value]
    history = History(session, tmp_path, lambda text: pytest.fail(text), spacing=2)
    for _ in range(1200):
        history.update()
        session.begin_tick()
        session.tick()
    history.update()
    assert history.last == 1200 and len(history._keys) <= MOST_KEYS
    assert len(history.past(100)) <= 101 and history.past(100)[-1].index == 1200
    assert history.frame(600).startswith(b"\xff\xd8")
    session.began = history.update
    session.continue_from(FakeDreamStarted(1), session.timeline, (0.0, 0.0), None)  # type: ignore[arg-type]
    assert (history.first, history.last) == (0, 0)


class FakeDreamStarted(FakeDream):
    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.start()


def test_where_the_disk_refuses_the_dream_goes_on(tmp_path: Path) -> None:
    sentences: list[str] = []
    (tmp_path / "file").write_text("")
    session = Session(lambda seed: FakeDream(seed=seed))  # type: ignore[arg-type,return-value]
    history = History(session, tmp_path / "file" / "clips", sentences.append)
    for _ in range(3):
        history.update()
        session.begin_tick()
        session.tick()
    assert len(sentences) == 1 and "the dream goes on" in sentences[0]
    with pytest.raises(SessionError):
        history.frame(0)


def test_the_whole_drive_is_saved_with_its_labels(model: WorldModel, tmp_path: Path) -> None:
    _, history, _ = drive_for(model, tmp_path / "history", 25)
    video, beside, seconds = history.save(tmp_path / "whole.mp4")
    check_clip(video)
    fields = json.loads(beside.read_text())
    assert seconds == 2.6 and fields["frames"] == 26 == len(fields["per_frame"]) == sum(1 for _ in read_video(video))
    assert fields["plan"] == ["rain(2);left@+1"] and fields["per_frame"][22]["driven_by"] == "keys"


@pytest.fixture
def drive(model: WorldModel, tmp_path: Path) -> Iterator[LiveDrive]:
    dreamer = LiveDreamer(model, Loop(FakeDirector()), dream_size=1000, clips=tmp_path)
    drive = dreamer.open(lambda: None)
    yield drive
    drive.close()
    assert dreamer.ledger.reserved == 0
    dreamer.close()


def index(drive: LiveDrive, branch: int = 0) -> int:
    view = drive.futures()[branch - 1] if branch else drive.view()
    assert view.frame is not None
    return view.frame.index


@pytest.mark.slow
def test_futures_part_are_stepped_together_and_one_is_kept(drive: LiveDrive) -> None:
    wait_until(lambda: index(drive) >= 12, 20)
    drive.fork(8, 3)
    assert [index(drive, branch) for branch in (1, 2, 3)] == [8, 8, 8] and drive.view().paused
    drive.say("stop", 2)
    drive.plan("right", 3)
    drive.pause(False)
    wait_until(lambda: index(drive, 3) >= 20, 20)
    drive.pause(True)
    wait_until(lambda: all(view.paused for view in drive.futures()))
    stood = {index(drive, branch) for branch in (1, 2, 3)}
    assert len(stood) == 1
    drive.step_once()
    wait_until(lambda: {index(drive, branch) for branch in (1, 2, 3)} == {stood.pop() + 1} if stood else True)
    speeds = [view.frame.motion.speed for view in drive.futures() if view.frame]
    assert speeds[1] < speeds[0]
    commands = [view.frame.control.command for view in drive.futures() if view.frame]
    assert commands == [Command.FOLLOW, Command.STOP, Command.RIGHT]
    end = index(drive, 2)
    drive.keep_future(2)
    assert drive.futures() == () and index(drive) == end and drive.view().last == end
    past = drive.past()
    assert past[-1].speed == pytest.approx(speeds[1], abs=0.01) and [one.index for one in past] == list(range(end + 1))
    drive.fork(end - 2, 2)  # also in what was kept
    assert index(drive, 1) == end - 2
    drive.keep_future(0)
    drive.pause(False)
    wait_until(lambda: index(drive) > end, 20)


def test_without_branches_the_same_seed_and_sentence_give_the_same_future(drive: LiveDrive) -> None:
    wait_until(lambda: index(drive) >= 4, 20)
    drive.fork(None, 2)
    drive.pause(False)
    wait_until(lambda: index(drive, 2) >= 15, 20)
    drive.pause(True)
    wait_until(lambda: all(view.paused for view in drive.futures()))
    first, second = (view.frame for view in drive.futures())
    assert first is not None and second is not None
    assert first.index == second.index and np.abs(first.image.astype(int) - second.image).max() <= 1


@pytest.mark.parametrize("branch", [1, 5])
def test_there_is_no_future_without_a_fork(drive: LiveDrive, branch: int) -> None:
    for act in (
        lambda: drive.say("left", branch),
        lambda: drive.plan("left", branch),
        lambda: drive.keep_future(branch),
    ):
        with pytest.raises(SessionError, match="fork the drive first"):
            act()


def test_a_new_beginning_of_every_kind(drive: LiveDrive) -> None:
    drive.begin(StartRequest(9, weather=Weather.SNOW_2, time=3, stand=True))
    view = drive.view()
    assert (view.seed, view.scene, view.weather, view.time, index(drive), view.paused) == (9, None, 5, 3, 0, True)
    pictures = np.full((3, 90, 160, 3), 90, np.uint8)
    drive.begin(StartRequest(2, pictures=pictures, speed=5.0, stand=True))
    frame = drive.view().frame
    assert frame is not None and frame.motion.speed == 5.0
    drive.set_quality(4)
    wait_until(lambda: drive.view().quality == 4)
    drive.begin(StartRequest(3, "street", stand=True))
    assert drive.view().quality == 4 and drive.view().scene == "street"


def test_a_picture_is_encoded_once_for_page_and_history(model: WorldModel, tmp_path: Path) -> None:
    one = Session(lambda seed: LatentDream(model, seed, 1), seed=4)
    history = History(one, tmp_path, print)
    for _ in range(3):
        history.update()
        frame = one.snapshot().frame
        assert one.jpeg(frame.image) is one.jpeg(frame.image) is one.fork().jpeg(frame.image)
        assert history.frame(frame.index) == one.jpeg(frame.image) == jpeg(frame.image)
        one.tick()
    history.close()
