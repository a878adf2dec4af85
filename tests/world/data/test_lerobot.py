"""LeRobot datasets as others write, merge and convert them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.world.data.films import film
from world.data import DriveDataset
from world.data.lerobot import import_lerobot
from world.errors import DataError

KEY = "observation.images.wrist"
FPS = 20
LENGTHS = (40, 30, 50)
V2 = {
    "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
    "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
}
V3 = {
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
}


def shade(episode: int, frame: int) -> int:
    return 20 + 70 * episode + frame


def pictures(episodes: list[int]) -> list[np.ndarray]:
    return [
        np.full((48, 64, 3), shade(episode, frame), np.uint8)
        for episode in episodes
        for frame in range(LENGTHS[episode])
    ]


def rows(episode: int, name: str = "action", kind: pa.DataType | None = None) -> pa.Table:
    length = LENGTHS[episode]
    values = pa.array([[shade(episode, frame), -frame] for frame in range(length)], kind or pa.list_(pa.float32(), 2))
    return pa.table(
        {
            name: values,
            "timestamp": np.arange(length, dtype=np.float32) / FPS,
            "episode_index": np.full(length, episode, np.int64),
        }
    )


def info(root: Path, version: str, paths: dict[str, str], action: str = "action", camera: str = "video") -> None:
    features = {
        KEY: {"dtype": camera, "shape": [48, 64, 3]},
        action: {"dtype": "float32", "shape": [2], "names": ["shoulder", "elbow"]},
    }
    told = {"codebase_version": version, "fps": FPS, "total_episodes": len(LENGTHS), "features": features, **paths}
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta/info.json").write_text(json.dumps(told))


def write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def v3(root: Path, order: list[int], table: pa.Table | None = None, **options: Any) -> Path:
    """All in one file, the episodes in the video (and the tables) in another order than by their numbers."""
    where = {"chunk_index": 0, "file_index": 0}
    tables = [rows(episode) for episode in order]
    write(root / V3["data_path"].format(**where), pa.concat_tables(tables) if table is None else table)
    path = root / V3["video_path"].format(**where, video_key=KEY)
    path.parent.mkdir(parents=True)
    images = pictures(order)
    film(path, np.arange(len(images)) / FPS, lambda number: images[number], options={"g": "15", "bf": "2"})
    begins = dict(zip(order, np.cumsum([0, *(LENGTHS[episode] for episode in order)]) / FPS, strict=False))
    entries = [
        {
            "episode_index": episode,
            "tasks": ["reach"],
            "length": LENGTHS[episode],
            "data/chunk_index": 0,
            "data/file_index": 0,
            f"videos/{KEY}/chunk_index": 0,
            f"videos/{KEY}/file_index": 0,
            f"videos/{KEY}/from_timestamp": begins.get(episode, 0.0),
            "stats/action/min": [[0.0], [0.0, 0.0], [0.0]][episode % 3],
        }
        for episode in range(len(LENGTHS))
    ]
    write(root / "meta/episodes/chunk-000/file-000.parquet", pa.Table.from_pylist(entries))
    info(root, "v3.0", V3, **options)
    return root


def v2(root: Path, version: str, name: str = "action", kind: pa.DataType | None = None) -> Path:
    info(root, version, V2, name)
    lines = [json.dumps({"episode_index": episode, "tasks": ["reach"]}) for episode in range(len(LENGTHS))]
    (root / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    for episode in range(len(LENGTHS)):
        where = {"episode_chunk": 0, "episode_index": episode}
        write(root / V2["data_path"].format(**where), rows(episode, name, kind))
        path = root / V2["video_path"].format(**where, video_key=KEY)
        path.parent.mkdir(parents=True, exist_ok=True)
        images = pictures([episode])
        film(path, np.arange(len(images)) / FPS, lambda number, images=images: images[number])
    return root


def check(out: Path, episodes: tuple[int, ...] = (0, 1, 2)) -> None:
    """Every second frame, and the mean action of two."""
    dataset = DriveDataset.open(out)
    assert np.diff(dataset.starts).tolist() == [LENGTHS[episode] // 2 for episode in episodes]
    wanted = [shade(episode, frame) for episode in episodes for frame in range(0, LENGTHS[episode], 2)]
    np.testing.assert_allclose(dataset.images((48, 64)).mean((1, 2, 3)), wanted, atol=3)
    np.testing.assert_allclose(dataset.column("action")[:, 0], np.array(wanted) + 0.5, atol=1e-5)
    assert dataset.inputs.names == ("shoulder", "elbow")


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_episodes_are_sought_wherever_they_lie(order: list[int], tmp_path: Path) -> None:
    import_lerobot(v3(tmp_path / "arm", order), tmp_path / "set")
    check(tmp_path / "set")


def test_a_place_in_the_video_that_is_not_there(tmp_path: Path) -> None:
    root = v3(tmp_path / "arm", [0, 1, 2])
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    entries = pq.read_table(path).to_pylist()
    entries[1][f"videos/{KEY}/from_timestamp"] = 5.5
    write(path, pa.Table.from_pylist(entries))
    with pytest.raises(DataError, match="cut off or has a hole: no picture at"):
        import_lerobot(root, tmp_path / "set")


@pytest.mark.parametrize("version", ["v2.0", "v2.1"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("action", pa.list_(pa.float64())),
        ("actions", pa.list_(pa.int64(), 2)),
        ("action.joints", pa.list_(pa.float32())),
    ],
)
def test_versions_names_and_kinds_of_numbers(version: str, name: str, kind: pa.DataType, tmp_path: Path) -> None:
    import_lerobot(v2(tmp_path / "arm", version, name, kind), tmp_path / "set")
    check(tmp_path / "set")


def test_another_feature_is_the_action_where_it_is_named(tmp_path: Path) -> None:
    root = v2(tmp_path / "arm", "v2.1", "command")
    with pytest.raises(DataError, match="has no actions; name what moves it with --action"):
        import_lerobot(root, tmp_path / "set")
    with pytest.raises(DataError, match="--action with one of command"):
        import_lerobot(root, tmp_path / "set", action="state")
    import_lerobot(root, tmp_path / "set", action="command", camera="wrist")
    check(tmp_path / "set")


@pytest.mark.parametrize("by_path", [False, True])
def test_pictures_instead_of_a_video(by_path: bool, tmp_path: Path) -> None:
    cells = []
    for number, image in enumerate(pictures([0, 1, 2])):
        encoded = io.BytesIO()
        Image.fromarray(image).save(encoded, "PNG")
        cells.append({"bytes": None if by_path else encoded.getvalue(), "path": f"images/{number}.png"})
        if by_path:
            (tmp_path / "arm/images").mkdir(parents=True, exist_ok=True)
            (tmp_path / f"arm/images/{number}.png").write_bytes(encoded.getvalue())
    table = pa.concat_tables([rows(episode) for episode in range(3)]).append_column(KEY, pa.array(cells))
    import_lerobot(v3(tmp_path / "arm", [0, 1, 2], table, camera="image"), tmp_path / "set")
    check(tmp_path / "set")


def test_episodes_without_frames_are_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    table = pa.concat_tables([rows(0), rows(2)])
    import_lerobot(v3(tmp_path / "arm", [0, 2], table), tmp_path / "set", note=told.append)
    check(tmp_path / "set", (0, 2))
    assert told == ["arm has 1 episodes without frames, which are left out."]


def test_a_packed_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, read = v3(tmp_path / "arm", [0, 1, 2]), []
    whole = pq.read_table

    def counting(path: Path, *arguments: Any, **options: Any) -> pa.Table:
        read.append(Path(path))
        return whole(path, *arguments, **options)

    monkeypatch.setattr(pq, "read_table", counting)
    import_lerobot(root, tmp_path / "set")
    assert len([path for path in read if path.is_relative_to(root / "data")]) == 2  # for the bounds, for the episodes
