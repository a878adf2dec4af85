"""The dataset format: what is written is read back, and LeRobot's rules hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from world.data import DriveDataset, Episode, EpisodeWriter, assemble
from world.data.schema import IMAGE
from world.errors import DataError


def episode(frames: int, shade: int) -> Episode:
    images = np.full((frames, 48, 64, 3), shade, np.uint8)
    values = {"action": np.full((frames, 2), shade / 255, np.float32), "control.command": np.arange(frames)}
    return Episode(images, values, f"shade {shade}")


@pytest.fixture
def dataset(tmp_path: Path) -> DriveDataset:
    shards = []
    for number in range(2):
        shards.append(tmp_path / f"shard-{number}")
        with EpisodeWriter(shards[-1]) as writer:
            writer.append(episode(7, 40 + 60 * number))
            writer.append(episode(5, 200))
    return DriveDataset.open(assemble(tmp_path / "set", shards))


def test_reads_back_what_was_written(dataset: DriveDataset) -> None:
    assert len(dataset) == 24
    assert dataset.starts.tolist() == [0, 7, 12, 19, 24]
    assert dataset.column("control.command").tolist()[:9] == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert dataset.column("action").shape == (24, 2)
    images = dataset.images((24, 32))
    assert images.shape == (24, 24, 32, 3)
    np.testing.assert_allclose(images[[0, 8, 13]].mean((1, 2, 3)), [40, 200, 100], atol=4)


def test_follows_the_rules_of_lerobot_v3(dataset: DriveDataset) -> None:
    info = json.loads((dataset.root / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["features"][IMAGE]["dtype"] == "video"
    rows = pq.read_table(dataset.root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for row in rows:
        data = dataset.root / info["data_path"].format(
            chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
        )
        table = pq.read_table(data)
        mine = [
            index
            for index, number in zip(table["index"].to_pylist(), table["episode_index"].to_pylist(), strict=True)
            if number == row["episode_index"]
        ]
        assert mine == list(range(row["dataset_from_index"], row["dataset_to_index"]))
        assert row[f"videos/{IMAGE}/to_timestamp"] - row[f"videos/{IMAGE}/from_timestamp"] == pytest.approx(
            row["length"] / 10
        )
    tasks = pq.read_table(dataset.root / "meta/tasks.parquet")
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]
    assert dataset.tasks == ["shade 40", "shade 200", "shade 100"]
    stats = json.loads((dataset.root / "meta/stats.json").read_text())
    assert stats["control.command"]["max"] == [6]


def test_a_shard_without_its_marker_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), EpisodeWriter(tmp_path / "shard") as writer:
        writer.append(episode(5, 9))
        raise ZeroDivisionError
    with pytest.raises(DataError, match="not finished"):
        assemble(tmp_path / "set", [tmp_path / "shard"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"speed": np.zeros(5)}, "not a column"),
        ({"action": np.zeros((4, 2))}, "4 rows for 5 frames"),
        ({"action": np.full((5, 2), np.nan)}, "not finite"),
    ],
)
def test_bad_columns_are_refused(values: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Episode(np.zeros((5, 48, 64, 3), np.uint8), values)


def test_a_cut_video_is_named(dataset: DriveDataset) -> None:
    path = sorted(dataset.root.glob("videos/*/*/*.mp4"))[1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cut off"):
        dataset.images((24, 32))


def test_not_a_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lucidrive collect"):
        DriveDataset.open(tmp_path)
