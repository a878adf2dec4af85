"""What a run leaves: LeRobotDataset v3 by its format's rules, MCAP, WebDataset, pictures, report and card; and it can be trained on."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bridge.errors import SessionError
from bridge.factory.deliver import check_formats, deliver
from bridge.factory.dreaming import TRIALS
from bridge.factory.export.clips import stored_clips
from bridge.factory.run import make
from bridge.factory.store import Store
from tests.bridge.factory.tiny_factory import sums, tiny_request
from tests.tiny_world import TINY
from world.data import DriveDataset
from world.data.lerobot import import_lerobot
from world.data.schema import CLIPS, COLUMNS, IMAGE
from world.data.video import read_video
from world.files import write_config
from world.scene_world import SceneWorld
from world.train import train
from world.train.distributed import DistributedContext

pytestmark = pytest.mark.slow

FORMATS = ("lerobot", "mcap", "webdataset")
FRAMES = 25


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three accepted clips, three jobs given up, in every format."""
    out = tmp_path_factory.mktemp("runs") / "out"
    request = tiny_request(seconds=FRAMES / 10)
    make(request, out, workers=0)
    with Store(out, request) as store:
        deliver(store, FORMATS)
    return out


def test_the_dataset_keeps_the_rules_of_its_format(out: Path) -> None:
    root = out / "dataset"
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["robot_type"]) == ("v3.0", 10, "lucidrive-scene")
    assert (info["total_episodes"], info["total_frames"], info["splits"]) == (3, 3 * FRAMES, {"train": "0:3"})
    episodes = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    tasks = pq.read_table(root / "meta/tasks.parquet").to_pandas()
    assert list(tasks.index) == ["follow"]
    begin = 0
    for number, episode in enumerate(episodes):
        assert (episode["episode_index"], episode["length"], episode["dataset_from_index"]) == (number, FRAMES, begin)
        begin = episode["dataset_to_index"]
        where = {name: episode[f"data/{name}"] for name in ("chunk_index", "file_index")}
        table = pq.read_table(root / info["data_path"].format(**where))
        places = {f"videos/{IMAGE}/{name}": episode[f"videos/{IMAGE}/{name}"] for name in ("chunk_index", "file_index")}
        video = root / info["video_path"].format(
            video_key=IMAGE, **{name.rpartition("/")[2]: value for name, value in places.items()}
        )
        first, last = (episode[f"videos/{IMAGE}/{name}_timestamp"] for name in ("from", "to"))
        assert (first, last) == (0.0, FRAMES / 10)
        assert len(list(read_video(video))) == len(table) == FRAMES
        assert set(table.column_names) == set(info["features"]) - {IMAGE}
        assert table["index"].to_pylist() == list(range(begin - FRAMES, begin))
        assert table["episode_index"].to_pylist() == [number] * FRAMES
        assert np.allclose(table["timestamp"].to_pylist(), np.arange(FRAMES) / 10)
    for name, feature in info["features"].items():
        column = {**COLUMNS, **CLIPS}.get(name)
        if column is not None:
            assert (feature["dtype"], tuple(feature["shape"])) == (column.dtype, column.shape)
    stats = json.loads((root / "meta/stats.json").read_text())
    assert set(stats) == set(info["features"])
    assert info["features"][IMAGE]["shape"] == [144, 256, 3]


def test_every_row_is_marked_synthetic_and_facts_are_apart_from_what_was_commanded(out: Path) -> None:
    dataset = DriveDataset.open(out / "dataset")
    assert (dataset.column("synthetic") == 1).all()
    assert {"facts.event", "facts.ahead", "readout.speed", "control.weather"} <= set(dataset.names)
    clip = next(stored_clips(out))
    rows = clip.fields["per_frame"]
    episode = slice(0, FRAMES)
    assert np.allclose(dataset.column("observation.state")[episode, 0], [row["motion"]["speed"] for row in rows])
    steer = [row["control"]["steer"] for row in rows]
    assert np.allclose(dataset.column("action")[episode, 0], [*steer[1:], steer[-1]], atol=1e-6)
    assert dataset.column("facts.level")[episode].tolist() == clip.fields["facts"]["level"]


def test_it_can_be_imported_again(out: Path, tmp_path: Path) -> None:
    assert import_lerobot(out / "dataset", tmp_path / "again")[0] == 3 * FRAMES


def test_a_world_can_be_trained_on_it_as_it_is(out: Path, tmp_path: Path) -> None:
    write_config(tmp_path, TINY, {})
    one = DistributedContext(mixed_precision="fp32", step_seconds=60)
    for part in ("tokenizer", "dynamics"):
        train(part, out / "dataset", out / "dataset", tmp_path, minutes=1.0, compute=one)
    assert (tmp_path / "dynamics.safetensors").stat().st_size > 10_000


def test_mcap_files_open_with_the_reader(out: Path) -> None:
    pytest.importorskip("mcap")
    from mcap.reader import make_reader

    paths = sorted((out / "mcap").glob("*.mcap"))
    assert len(paths) == 3
    with paths[0].open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert summary is not None
        topics = {channel.topic: summary.schemas[channel.schema_id].name for channel in summary.channels.values()}
        assert topics["/camera/front"] == "foxglove.CompressedImage"
        assert set(topics) == {"/camera/front", "/commanded", "/motion", "/facts", "/readout", "/plan"}
        assert all(json.loads(schema.data)["type"] == "object" for schema in summary.schemas.values())
        by_topic: dict[str, list[tuple[int, Any]]] = {}
        for _, channel, message in reader.iter_messages():
            by_topic.setdefault(channel.topic, []).append((message.log_time, json.loads(message.data)))
        about = next(iter(reader.iter_metadata()))
    assert about.metadata["synthetic"] == "true"
    assert {len(messages) for messages in by_topic.values()} == {FRAMES}
    assert [time for time, _ in by_topic["/commanded"]] == [number * 10**8 for number in range(FRAMES)]
    import base64

    picture = Image.open(io.BytesIO(base64.b64decode(by_topic["/camera/front"][3][1]["data"])))
    assert picture.size == (256, 144)
    assert "weather" in by_topic["/commanded"][0][1]
    assert "event" in by_topic["/facts"][0][1]


def test_webdataset_shards_hold_clips_by_their_keys(out: Path) -> None:
    with tarfile.open(out / "webdataset" / "clips-000000.tar") as tar:
        names = tar.getnames()
        assert len(names) == 9
        keys = [name.partition(".")[0] for name in names]
        assert [keys[at] for at in range(0, 9, 3)] == sorted(set(keys))
        labels = tar.extractfile(next(name for name in names if name.endswith(".json")))
        assert labels is not None
        assert json.load(labels)["synthetic"] is True


def test_pictures_report_manifest_and_card(out: Path) -> None:
    for name, width in (("sheet.png", 6 * 256), ("coverage.png", 100)):
        with Image.open(out / name) as picture:
            assert picture.size[0] > width
    report = json.loads((out / "report.json").read_text())
    assert set(report["all"].pop("judge")) == {"weather", "time"}
    assert report["all"] == {
        "jobs": 6, "accepted": 3, "takes": 9, "yield": 0.3333, "reasons": {"rain(2)": 6},
        "first": 0.5, "trials": 3 + 6 * TRIALS,
    }  # fmt: skip
    assert report["scenarios"]["rain(2)@junction"]["accepted"] == 0
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 9
    every = sums(out)
    assert all(every[name] == digest for row in rows for name, digest in row["files"].items())
    assert all(row["synthetic"] for row in rows)
    card = (out / "README.md").read_text()
    for word in ("apache-2.0", "synthetic", "3 of 3", "--resume", *SceneWorld().hashes.values()):
        assert word in card
    assert (out / "dataset" / "README.md").read_text() == card


def test_what_is_delivered_is_not_made_twice_and_is_the_same_when_it_is(out: Path) -> None:
    before = sums(out)
    stamp = (out / "report.json").stat().st_mtime_ns
    with Store(out, tiny_request(seconds=FRAMES / 10)) as store:
        deliver(store, FORMATS)
        assert (out / "report.json").stat().st_mtime_ns == stamp
        (out / "delivered.json").unlink()
        deliver(store, FORMATS)
    assert (out / "report.json").stat().st_mtime_ns > stamp
    assert sums(out) == before


def test_a_run_without_an_accepted_clip_still_reports(tmp_path: Path) -> None:
    request = tiny_request("rain(2)@junction", seeds=1, retries=0)
    make(request, tmp_path / "out", workers=0)
    with Store(tmp_path / "out", request) as store:
        report = deliver(store, ("lerobot",))
    assert report["all"]["yield"] == 0.0
    assert not (tmp_path / "out" / "dataset").exists()
    assert "0 clips" in (tmp_path / "out" / "README.md").read_text()


def test_a_format_that_there_is_not() -> None:
    with pytest.raises(SessionError, match="no format 'rosbag'; there are: lerobot, mcap"):
        check_formats(["rosbag"])
    assert check_formats([]) == ("lerobot",)
