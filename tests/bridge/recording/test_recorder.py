"""Drives on the disk as they grow: whatever is pulled out from under them, what was recorded is found again."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from bridge.bench.faults import damage, disk, kills
from bridge.bench.faults.disk import FailingDisk
from bridge.disk import SAVING, mend
from bridge.errors import ExportError
from bridge.recording.clip import Clip, Moment
from bridge.recording.recorder import FRAMES, MANIFEST, MOST_DRIVES, Recorder
from bridge.recording.recover import join, look, repair
from bridge.session import Session
from tests.bridge.sessions import begin
from tests.conftest import wait_until
from tests.fakes import FakeDream
from tests.tiny_world import write_tiny_world
from ui.cli import app
from world.data.video import read_video
from world.model import WorldModel

KILLS = int(os.environ.get("LUCIDRIVE_KILLS", "8"))


def session(seed: int = 7) -> Session:
    return Session(cast(Any, lambda number: FakeDream(seed=number)), seed)


def run_drive(one: Session, recorder: Recorder, frames: int) -> None:
    for _ in range(frames):
        one.begin_tick()
        one.tick()
        recorder.update()


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """25 frames of a drive that was ended."""
    one = session()
    one.plan("rain(2)")
    recorder = Recorder(one, tmp_path)
    run_drive(one, recorder, 25)
    recorder.close()
    return tmp_path


def test_a_drive_that_ended_is_whole_and_becomes_a_clip(recorded: Path) -> None:
    (drive,) = look(recorded)
    assert (drive.state, drive.frames, drive.damaged) == ("whole", 25, ())
    video, beside = join(drive, recorded)
    fields = json.loads(beside.read_text("utf-8"))
    assert [moment["index"] for moment in fields["per_frame"]] == list(range(1, 26))
    assert fields["frames"] == sum(1 for _ in read_video(video)) == 25
    assert fields["plan"] == ["rain(2)"] and fields["per_frame"][-1]["control"]["weather"] == 2


def test_a_reset_begins_another_drive_and_old_ones_make_room(tmp_path: Path) -> None:
    one = session()
    recorder = Recorder(one, tmp_path)
    for number in range(1, MOST_DRIVES + 3):
        run_drive(one, recorder, FRAMES)
        begin(one, 8)
        recorder.update()
        states = ["whole"] * min(
            number, MOST_DRIVES
        )  # its folder is made by a thread: an empty list is no drive that ended
        wait_until(lambda states=states: [drive.state for drive in look(tmp_path)] == states)  # type: ignore[misc]
    run_drive(one, recorder, FRAMES)
    recorder.close()
    wait_until(lambda: [drive.frames for drive in look(tmp_path)] == [FRAMES + 1] * MOST_DRIVES)


def test_what_was_cut_off_is_repaired(recorded: Path) -> None:
    (drive,) = look(recorded)
    (drive.folder / MANIFEST).unlink()
    (drive.folder / "00002.json").unlink()  # killed between the video's name and the sidecar's
    (drive.folder / f"{SAVING}1999999999-ab" / "new").mkdir(parents=True)
    (interrupted,) = look(recorded)
    assert interrupted.state == "cut off"
    mended = repair(interrupted)
    assert (mended.state, mended.frames) == ("recovered", 2 * FRAMES)
    assert sorted(path.name for path in drive.folder.iterdir()) == [
        "00000.json",
        "00000.mp4",
        "00001.json",
        "00001.mp4",
        MANIFEST,
    ]
    assert look(recorded) == [mended]


def test_every_flip_and_truncation_is_found(recorded: Path) -> None:
    chance = random.Random(0)
    (drive,) = look(recorded)
    for number in range(60):
        path = chance.choice([path for path in drive.folder.iterdir() if path.name != MANIFEST])
        before = path.read_bytes()
        place = chance.randrange(len(before))
        data = [
            before[:place] + bytes([before[place] ^ 1 << chance.randrange(8)]) + before[place + 1 :],
            before[:place],
            before + b"\0",
        ][number % 3]
        path.write_bytes(data)
        (damaged,) = look(recorded)
        assert damaged.state == "damaged" and path.name in damaged.damaged
        assert damaged.frames <= 25 - 5
        path.write_bytes(before)
    assert look(recorded) == [drive]


def record_moments(frames: int = 30) -> tuple[list[Moment], Clip]:
    one = session()
    one.record_all()
    for _ in range(frames - 1):
        one.begin_tick()
        one.tick()
    return list(one.clip().moments), one.newest()[1]


@pytest.mark.slow
def test_a_disk_that_refuses_at_any_operation_changes_nothing_and_is_told_of(tmp_path: Path) -> None:
    result = disk.measure(WorldModel.load(write_tiny_world(tmp_path / "world")), *record_moments(), tmp_path)
    assert result.met, result.measured
    assert result.numbers["faults"] > 100


def test_a_recording_on_a_full_disk_ends_with_a_sentence_and_the_dream_goes_on(tmp_path: Path) -> None:
    one = session()
    recorder = Recorder(one, tmp_path, FailingDisk(9, "ENOSPC"))
    run_drive(one, recorder, 2 * FRAMES + 5)
    recorder.close()
    errors = [note.text for note in one.notes() if note.kind == "error"]
    assert len(errors) == 1 and "the disk is full" in errors[0] and "the dream goes on" in errors[0]
    assert one.tick() is not None
    assert [repair(drive).state for drive in look(tmp_path)] == ["recovered"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_at_any_moment_it_loses_two_seconds_at_most(tmp_path: Path) -> None:
    """LUCIDRIVE_KILLS says how often."""
    moments, info = record_moments()
    at_random, at_points = kills.measure(moments, info, tmp_path, KILLS)
    assert at_random.met, at_random.measured
    assert at_points.met, at_points.measured
    assert at_points.numbers["kills"] > 30


def test_what_was_being_written_is_finished_or_taken_back(tmp_path: Path) -> None:
    old, new = tmp_path / "a.txt", tmp_path / f"{SAVING}1999999999-ab"
    old.write_text("old")
    (new / "new").mkdir(parents=True)
    (new / "new" / "a.txt").write_text("ne")
    mend(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and old.read_text() == "old"
    (new / "ready").mkdir(parents=True)
    (new / "ready" / "a.txt").write_text("new")
    mend(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and old.read_text() == "new"
    mine = tmp_path / f"{SAVING}{os.getpid()}-ab"
    mine.mkdir()
    mend(tmp_path)
    assert mine.exists()  # of a process that runs


def test_nothing_half_written_stays_beside_a_whole_drive(recorded: Path) -> None:
    (drive,) = look(recorded)
    (drive.folder / f"{SAVING}1999999999-ab" / "ready").mkdir(parents=True)
    before = sorted(path.name for path in drive.folder.iterdir() if not path.name.startswith(SAVING))
    assert repair(drive).state == "whole"
    assert sorted(path.name for path in drive.folder.iterdir()) == before


def test_a_drive_that_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    one = session()
    recorder = Recorder(one, tmp_path)
    run_drive(one, recorder, FRAMES)
    wait_until(lambda: [drive.frames for drive in look(tmp_path)] == [FRAMES])
    (drive,) = look(tmp_path)
    assert (repair(drive).state, drive.state) == ("recording", "recording")
    recorder.close()
    assert [drive.state for drive in look(tmp_path)] == ["whole"]


@pytest.mark.slow
def test_damaged_weights_states_and_clips_are_refused(tmp_path: Path) -> None:
    world = write_tiny_world(tmp_path / "world")
    results = damage.measure(WorldModel.load(world), world, *record_moments(), tmp_path, 80)
    assert all(one.met for one in results), [one.measured for one in results]


def test_the_command_lists_repairs_and_joins(recorded: Path) -> None:
    run = CliRunner().invoke
    (drive,) = look(recorded)
    (drive.folder / MANIFEST).unlink()
    process = run(app, ["recover", str(recorded), "--json"])
    assert process.exit_code == 0
    assert json.loads(process.stdout) == [
        {"drive": drive.folder.name, "state": "recovered", "seconds": 2.5, "damaged": []}
    ]
    assert run(app, ["recover", str(recorded), "--join", "last"]).exit_code == 0
    assert len(list(recorded.glob("*.mp4"))) == 1
    (drive.folder / "00000.mp4").write_bytes(b"")
    assert run(app, ["recover", str(recorded)]).exit_code == 1
    assert "No drive" in run(app, ["recover", str(recorded / "nothing")]).output


def test_nothing_readable_is_no_clip(recorded: Path) -> None:
    (drive,) = look(recorded)
    for path in drive.folder.glob("*.mp4"):
        path.write_bytes(b"")
    (damaged,) = look(recorded)
    with pytest.raises(ExportError, match="Nothing of"):
        join(damaged, recorded)
