"""Clips on the disk: whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bridge.bench.faults.disk import FailingDisk, Fault
from bridge.disk import Disk, free_name
from bridge.errors import DataError, ExportError
from bridge.loop import drive_headless
from bridge.recording import clip_files
from bridge.recording.clip import Clip
from bridge.recording.clip_files import check_clip, write_clip
from bridge.session import Session
from tests.fakes import FakeDirector, FakeDream
from world.controls import Command, Weather
from world.data.video import read_video


@pytest.fixture(scope="module")
def clip() -> Clip:
    session = Session(cast(Any, lambda seed: FakeDream(seed=seed)), 3)
    session.say("left, rain, a kid")
    return drive_headless(session, 2.0, FakeDirector())


def test_the_video_shows_the_frames(clip: Clip, tmp_path: Path) -> None:
    video, beside = write_clip(clip, tmp_path / "deep" / "drive.mp4")
    frames = list(read_video(video))
    assert len(frames) == 20
    assert frames[0].shape == (288, 512, 3)
    expected = clip_files.enlarge(clip.moments[-1].frame.image).astype(float)
    assert np.abs(frames[-1] - expected).mean() < 8
    assert sorted(path.name for path in video.parent.iterdir()) == ["drive.json", "drive.mp4"]
    assert beside.name == "drive.json"


def test_the_sidecar_tells_how_it_was_made(clip: Clip, tmp_path: Path) -> None:
    _, beside = write_clip(clip, tmp_path / "drive.mp4")
    fields = json.loads(beside.read_text(encoding="utf-8"))
    assert fields["synthetic"] is True
    assert (fields["seed"], fields["scene"], fields["fps"], fields["frames"]) == (3, "old_town", 10, 20)
    assert fields["text"] == "left, rain, a kid"
    assert fields["plan"] == ["left;rain(2);ped_cross(right)"]
    assert fields["hashes"] == {"dynamics.safetensors": "0" * 64}
    assert "torch" in fields["versions"]
    assert [row["index"] for row in fields["per_frame"]] == list(range(20))
    row = fields["per_frame"][-1]
    assert (row["control"]["command"], row["control"]["weather"]) == (Command.LEFT, Weather.RAIN_2)
    assert row["motion"]["speed"] > 0
    assert set(row["readout"]) & set(row["control"]) == {"weather", "time"}  # under keys of their own
    assert {step["status"] for step in row["plan"]} <= {"pending", "running", "done", "timed_out", "cancelled"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO", "short"])
def test_a_refused_write_leaves_the_old_clip_and_no_trace(clip: Clip, tmp_path: Path, fault: Fault) -> None:
    video, beside = write_clip(clip, tmp_path / "drive.mp4")
    before = video.read_bytes(), beside.read_bytes()
    disk = FailingDisk()
    write_clip(clip, tmp_path / "other" / "drive.mp4", disk)
    for at in disk.writes if fault == "short" else range(disk.count):
        with pytest.raises(ExportError, match="not saved"):
            write_clip(clip, video, FailingDisk(at, fault))
        assert (video.read_bytes(), beside.read_bytes()) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["drive.json", "drive.mp4", "other"]


def test_a_full_device_is_one_sentence(clip: Clip, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    class Full(Disk):
        def write(self, path: Path, data: bytes) -> None:
            with full.open("wb", buffering=0) as file:
                file.write(data)

    with pytest.raises(ExportError) as caught:
        write_clip(clip, tmp_path / "drive.mp4", Full())
    assert "disk is full" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_is_not_what_was_saved_is_refused(clip: Clip, tmp_path: Path) -> None:
    video, beside = write_clip(clip, tmp_path / "drive.mp4")
    check_clip(video)
    text = beside.read_text()
    for path, data in (
        (video, video.read_bytes() + b"\0"),
        (beside, text.replace('"seed": 3', '"seed": 4').encode()),
        (beside, text.encode() + b" "),
        (beside, b"[]"),
    ):
        before = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(DataError, match="checksums"):
            check_clip(video)
        path.write_bytes(before)
    beside.write_text('{"format": 1, "per_frame": []}')  # from before there were checksums
    check_clip(video)
    beside.unlink()
    check_clip(video)


def test_paths_that_cannot_be(clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.mp4").mkdir()
    for path in ("file/drive.mp4", "taken.mp4", f"{'x' * 300}.mp4", "drive.avi", "a\0b.mp4"):
        with pytest.raises(ExportError):
            write_clip(clip, tmp_path / path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.mp4"]


def test_an_empty_clip_is_refused(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing to save"):
        write_clip(Clip((), (), 0, None, 2, {}), tmp_path / "drive.mp4")


def test_saving_twice_keeps_both(tmp_path: Path) -> None:
    session = Session(cast(Any, lambda seed: FakeDream(seed=seed)), 3)
    first, second = session.save_clip(tmp_path), session.save_clip(tmp_path)
    assert first[0] != second[0]
    assert len(list(tmp_path.iterdir())) == 4
    assert free_name(tmp_path, "new").name == "new.mp4"
