"""Labelled drives as a LeRobotDataset v3: its tables, videos and files beside are opened by what reads them, and hold what was true."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.world.labels.formats.lots import FRONT, made, write
from world.data import DriveDataset
from world.data.lerobot import import_lerobot
from world.data.video import read_video
from world.errors import DataError
from world.labels.cameras import CameraSet
from world.labels.formats.lerobot import AGENT, AGENTS, BOX, NOBODY, LeRobot
from world.render.camera import Rig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(LeRobot, tmp_path_factory.mktemp("lerobot"), FRONT)


@pytest.mark.slow
def test_every_camera_is_a_video_and_labels_are_features(folder: Path) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    drives = made("front")
    assert info["total_episodes"] == len(drives)
    assert info["total_frames"] == sum(len(found) for _, found in drives)
    assert {name for name, each in info["features"].items() if each["dtype"] == "video"} == {
        f"observation.images.{name}" for name in FRONT.cameras
    }
    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for episode, (drive, found) in zip(episodes, drives, strict=True):
        where = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
        rows = pq.read_table(folder / info["data_path"].format(**where)).to_pylist()
        assert set(rows[0]) == {name for name, each in info["features"].items() if each["dtype"] != "video"}
        for name in FRONT.cameras:
            video = folder / info["video_path"].format(video_key=f"observation.images.{name}", **where)
            for picture, record in zip(read_video(video), found, strict=True):
                assert np.abs(picture.astype(int) - record.views[name].picture).mean() < 8
        for row, record in zip(rows, found, strict=True):
            assert row["observation.state"] == pytest.approx([record.ego.speed, record.ego.yaw_rate], abs=1e-5)
            agents = np.reshape(row["label.agents"], (AGENTS, len(AGENT)))
            for agent, track in zip(agents, record.tracks, strict=False):
                apart = math.dist(track.centre[:2], (record.ego.x, record.ego.y))
                assert agent[0] == track.number and math.hypot(agent[2], agent[3]) == pytest.approx(apart, abs=1e-2)
            assert (agents[len(record.tracks) :] == NOBODY).all()
            for name, seen in record.views.items():
                boxes = np.reshape(row[f"label.boxes.{name}"], (AGENTS, len(BOX)))
                assert [tuple(box[2:6]) for box in boxes if box[0] >= 0] == [
                    one.seen for one in seen.truth.boxes[:AGENTS]
                ]
                with np.load(folder / "labels" / drive.name / name / f"{record.index:06d}.npz") as beside:
                    assert (beside["instance"] == seen.truth.instance).all()
                    assert (beside["depth"] == seen.truth.depth.astype(np.float16)).all()
        assert rows[0]["action"] == pytest.approx([found[1].ego.steer, found[1].ego.accel], abs=1e-5)


def test_datasets_reads_its_tables(folder: Path) -> None:
    """The library that LeRobot reads them by."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    paths = sorted(map(str, folder.glob("data/*/*.parquet")))
    found = datasets.Dataset.from_parquet(paths, cache_dir=str(folder.parent / "cache"))
    assert found["index"][:] == list(range(sum(len(several) for _, several in made("front"))))
    assert len(found[0]["label.agents"]) == AGENTS * len(AGENT)


def test_one_of_its_cameras_comes_in_again(folder: Path, tmp_path: Path) -> None:
    import_lerobot(folder, tmp_path / "ours", camera="observation.images.front")
    assert DriveDataset.open(tmp_path / "ours").starts.size > 1


def test_odd_pictures_are_told_before_any_work() -> None:
    odd = CameraSet("odd", {"front": replace(Rig(), width=129)})
    with pytest.raises(DataError, match="even"):
        LeRobot.check(odd)


def test_the_columns_have_their_type(folder: Path) -> None:
    schema = pq.read_schema(next(folder.glob("data/*/*.parquet")))
    assert schema.field("label.agents").type == pa.list_(pa.float64(), AGENTS * len(AGENT))
    assert schema.field("timestamp").type == pa.float32()
