"""Drives on the disk as they grow: whatever is pulled out from under them, what was recorded is found again."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from bridge import export, recording
from bridge.errors import ExportError
from bridge.recording import DRIVES, FRAMES, KEPT, MANIFEST, Recorder
from bridge.recover import join, look, repair
from bridge.session import Session
from tests.conftest import wait_until
from tests.fakes import FakeDream
from ui.cli import app
from world.data.video import read_video

KILLS = int(os.environ.get("LUCIDRIVE_KILLS", "20"))
LOST = 20  # frames, two seconds of a drive


def session(seed: int = 7) -> Session:
    return Session(cast(Any, lambda number: FakeDream(seed=number)), seed)


def drive(one: Session, recorder: Recorder, frames: int) -> None:
    for _ in range(frames):
        one.begin_tick()
        one.tick()
        recorder.see()


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """25 frames of a drive that was ended."""
    one = session()
    one.do("rain(2)")
    recorder = Recorder(one, tmp_path)
    drive(one, recorder, 25)
    recorder.close()
    return tmp_path


def test_a_drive_that_ended_is_whole_and_becomes_a_clip(recorded: Path) -> None:
    (found,) = look(recorded)
    assert (found.state, found.frames, found.damaged) == ("whole", 25, ())
    video, beside = join(found, recorded)
    told = json.loads(beside.read_text("utf-8"))
    assert [moment["index"] for moment in told["per_frame"]] == list(range(1, 26))
    assert told["frames"] == sum(1 for _ in read_video(video)) == 25
    assert told["plan"] == ["rain(2)"] and told["per_frame"][-1]["control"]["weather"] == 2


def test_a_reset_begins_another_drive_and_old_ones_make_room(tmp_path: Path) -> None:
    one = session()
    recorder = Recorder(one, tmp_path)
    for _ in range(KEPT + 2):
        drive(one, recorder, FRAMES)
        one._start(8, None, None)
        recorder.see()
        wait_until(lambda: all(found.state == "whole" for found in look(tmp_path)))
    drive(one, recorder, FRAMES)
    recorder.close()
    assert [found.frames for found in look(tmp_path)] == [FRAMES + 1] * KEPT


def test_what_was_cut_off_is_repaired(recorded: Path) -> None:
    (found,) = look(recorded)
    (found.folder / MANIFEST).unlink()
    (found.folder / "00002.json").unlink()  # killed between the video's name and the sidecar's
    (found.folder / ".00003-abc.part.mp4").write_bytes(b"half")
    (cut,) = look(recorded)
    assert cut.state == "cut off"
    mended = repair(cut)
    assert (mended.state, mended.frames) == ("recovered", 2 * FRAMES)
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "00000.json",
        "00000.mp4",
        "00001.json",
        "00001.mp4",
        MANIFEST,
    ]
    assert look(recorded) == [mended]


def test_every_flip_and_truncation_is_found(recorded: Path) -> None:
    chance = random.Random(0)
    (found,) = look(recorded)
    for number in range(60):
        path = chance.choice([path for path in found.folder.iterdir() if path.name != MANIFEST])
        before = path.read_bytes()
        place = chance.randrange(len(before))
        made = [
            before[:place] + bytes([before[place] ^ 1 << chance.randrange(8)]) + before[place + 1 :],
            before[:place],
            before + b"\0",
        ][number % 3]
        path.write_bytes(made)
        (damaged,) = look(recorded)
        assert damaged.state == "damaged" and path.name in damaged.damaged
        assert damaged.frames <= 25 - 5
        path.write_bytes(before)
    assert look(recorded) == [found]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("write", range(8))
def test_a_disk_that_refuses_ends_the_recording_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, write: int
) -> None:
    done, flush = 0, export.flush

    def failing(path: Path) -> None:
        nonlocal done
        done += 1
        if done > write:
            raise OSError(code, os.strerror(code))
        flush(path)

    monkeypatch.setattr(recording, "flush", failing)
    one = session()
    recorder = Recorder(one, tmp_path)
    drive(one, recorder, 2 * FRAMES + 5)
    recorder.close()
    said = [note.text for note in one.notes() if note.kind == "error"]
    assert len(said) == 1 and "the dream goes on" in said[0]
    assert one.tick() is not None
    monkeypatch.undo()
    assert all(found.state in ("recovered", "whole") for found in map(repair, look(tmp_path)))
    assert not list(tmp_path.glob(f"{DRIVES}/*/.*"))


def _dreaming(folder: str, ticks: Any) -> None:
    one = session()
    recorder = Recorder(one, Path(folder))
    while True:
        drive(one, recorder, 1)
        ticks.value += 1
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_at_any_moment_it_loses_two_seconds_at_most(tmp_path: Path) -> None:
    """LUCIDRIVE_KILLS says how often; prints what was lost at the worst."""
    context, chance, worst = multiprocessing.get_context("fork"), random.Random(1), 0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        ticks = context.Value("i", 0)
        child = context.Process(target=_dreaming, args=(str(folder), ticks), daemon=True)
        child.start()
        wait_until(lambda ticks=ticks: ticks.value >= 1, 20)  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.6))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        mended = [repair(found) for found in look(folder)]
        assert all(found.state == "recovered" and not found.damaged for found in mended)
        worst = max(worst, ticks.value - sum(found.frames for found in mended))
        shutil.rmtree(folder)
    print(f"{KILLS} kills, {worst} frames lost at the worst")
    assert worst <= LOST


def test_the_command_lists_repairs_and_joins(recorded: Path) -> None:
    run = CliRunner().invoke
    (found,) = look(recorded)
    (found.folder / MANIFEST).unlink()
    told = run(app, ["recover", str(recorded), "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout) == [
        {"drive": found.folder.name, "state": "recovered", "seconds": 2.5, "damaged": []}
    ]
    assert run(app, ["recover", str(recorded), "--join", "last"]).exit_code == 0
    assert len(list(recorded.glob("*.mp4"))) == 1
    (found.folder / "00000.mp4").write_bytes(b"")
    assert run(app, ["recover", str(recorded)]).exit_code == 1
    assert "No drive" in run(app, ["recover", str(recorded / "nothing")]).output


def test_nothing_readable_is_no_clip(recorded: Path) -> None:
    (found,) = look(recorded)
    for path in found.folder.glob("*.mp4"):
        path.write_bytes(b"")
    (damaged,) = look(recorded)
    with pytest.raises(ExportError, match="Nothing of"):
        join(damaged, recorded)
