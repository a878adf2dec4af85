"""Formats of single pictures and of recordings are opened by their own readers, which find what was true."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.world.labels.formats.lots import FRONT, PAIR, made, write
from world.errors import DataError
from world.labels.cameras import PRESETS, CameraSet, camera_set
from world.labels.classes import SemanticClass
from world.labels.formats.coco import Coco
from world.labels.formats.kitti import TYPES, Kitti
from world.labels.formats.mcap import Mcap
from world.labels.formats.rerun import Rerun
from world.labels.formats.webdataset import WebDataset
from world.labels.poses import of_heading, of_matrix
from world.render.camera import Rig


def pictures() -> int:
    """Of all drives and cameras."""
    return sum(len(record.views) for _, found in made("front") for record in found)


def test_coco(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools, COCO's own reader, is not installed")
    write(Coco, tmp_path, FRONT)
    found = coco.COCO(str(tmp_path / "annotations" / "instances.json"))
    assert len(found.imgs) == pictures()
    records = {(drive.name, one.index): one for drive, several in made("front") for one in several}
    boxes = 0
    for image in found.imgs.values():
        seen = records[image["drive"], image["frame_index"]].views[image["camera"]]
        marks = found.loadAnns(found.getAnnIds(imgIds=image["id"]))
        assert [mark["track_id"] for mark in marks] == [box.track.number for box in seen.truth.boxes]
        for mark in marks:
            mask = found.annToMask(mark)
            assert (mask == (seen.truth.instance == mark["track_id"] + 1)).all()
            assert mark["area"] == mask.sum() and found.cats[mark["category_id"]]["name"]
        boxes += len(marks)
        picture = np.asarray(Image.open(tmp_path / "images" / image["file_name"]))
        assert np.abs(picture.astype(int) - seen.picture).mean() < 4
        beside = Path(image["file_name"]).with_suffix(".png")
        depth = np.asarray(Image.open(tmp_path / "depth" / beside)) / 256
        near = depth > 0
        assert near.any() and np.abs(depth - seen.truth.depth)[near].max() <= 1 / 512 + 1e-6
        assert (np.asarray(Image.open(tmp_path / "semantic" / beside)) == seen.truth.semantic).all()
    assert boxes > 10


@pytest.mark.slow
def test_kitti(tmp_path: Path) -> None:
    """By the layout that its development kit documents: a 3D box, put into the picture by P2, is where its 2D box is."""
    write(Kitti, tmp_path, PAIR)
    rows = [json.loads(line) for line in (tmp_path / "frames.jsonl").read_text().splitlines()]
    records = {(drive.name, one.index): one for drive, several in made("pair") for one in several}
    assert len(rows) == len(records)
    boxes = 0
    for row in rows:
        seen = records[row["drive"], row["frame_index"]].views["left"]
        folder = tmp_path / "training"
        matrices = _calibration(folder / "calib" / f"{row['number']}.txt")
        told = [box for box in seen.truth.boxes if box.track.kind in TYPES]
        lines = (folder / "label_2" / f"{row['number']}.txt").read_text().splitlines()
        assert len(lines) == len(told)
        for line, box in zip(lines, told, strict=True):
            kind, cut, hidden, *numbers = line.split()
            assert kind == TYPES[box.track.kind] and 0 <= float(cut) <= 1 and hidden in "012"
            _, left, top, right, bottom, height, width, length, x, y, z, turned = map(float, numbers)
            pixels = _corners((length, width, height), (x, y, z), turned) @ matrices["P2"].T
            if float(cut) < 0.01 and z > 5:
                pixels = pixels[:, :2] / pixels[:, 2:]
                assert [*pixels.min(0), *pixels.max(0)] == pytest.approx([left, top, right, bottom], abs=1.5)
                boxes += 1
        assert (np.asarray(Image.open(folder / "image_2" / f"{row['number']}.png")) == seen.picture).all()
        assert -matrices["P3"][0, 3] / matrices["P3"][0, 0] == pytest.approx(0.54)
    assert boxes > 5


def _calibration(path: Path) -> dict[str, np.ndarray]:
    rows = (line.partition(":") for line in path.read_text().splitlines())
    found = {name: np.array(values.split(), float) for name, _, values in rows}
    return {name: values.reshape(3, -1) for name, values in found.items()}


def _corners(size: tuple[float, ...], at: tuple[float, ...], turned: float) -> np.ndarray:
    """As KITTI's development kit has them, homogeneous [8, 4]."""
    length, width, height = size
    x = length / 2 * np.array([1, 1, -1, -1, 1, 1, -1, -1])
    y = height * np.array([0, 0, 0, 0, -1, -1, -1, -1])
    z = width / 2 * np.array([1, -1, -1, 1, 1, -1, -1, 1])
    cos, sin = math.cos(turned), math.sin(turned)
    return np.stack([cos * x + sin * z + at[0], y + at[1], -sin * x + cos * z + at[2], np.ones(8)], 1)


def test_kitti_refuses_cameras_that_it_has_no_place_for() -> None:
    Kitti.check(camera_set("stereo"))
    for name in ("front", "surround"):
        with pytest.raises(DataError, match="--cameras stereo"):
            Kitti.check(PRESETS[name])
    with pytest.raises(DataError, match="differ in `left:` alone"):
        Kitti.check(CameraSet("odd", {"a": Rig(pitch=0.0), "b": Rig(pitch=0.0, fov=50.0)}))


@pytest.mark.slow
def test_mcap(tmp_path: Path) -> None:
    reader = pytest.importorskip("mcap.reader", reason="mcap, the format's own reader, is not installed")
    schemas = pytest.importorskip("jsonschema", reason="jsonschema, which checks messages, is not installed")
    write(Mcap, tmp_path, FRONT)
    for drive, found in made("front"):
        with (tmp_path / f"{drive.name}.mcap").open("rb") as file:
            several = list(reader.make_reader(file).iter_messages())
        messages: dict[str, list[Any]] = {}
        for schema, channel, message in several:
            rules = json.loads(schema.data)
            assert not _lists_of_types(rules)
            schemas.validate(json.loads(message.data), rules)
            messages.setdefault(channel.topic, []).append((message.log_time, json.loads(message.data)))
        assert {"/tf", "/scene", "/ego", "/facts", "/signals"} < set(messages)
        for record, (time, scene) in zip(found, messages["/scene"], strict=True):
            assert time == round(record.seconds * 1e9)
            there = [one["id"] for one in scene["entities"] if one["cubes"]]
            assert there == [str(track.number) for track in record.tracks]
        for name, camera in FRONT.cameras.items():
            kinds = {one["distortion_model"] for _, one in messages[f"/{name}/calibration"]}
            assert kinds == {"kannala_brandt" if name == "fish" else "plumb_bob"}
            assert len(messages[f"/{name}/image"]) == len(messages[f"/{name}/depth"]) == len(found)
            outlines = [len(one["points"]) for _, one in messages[f"/{name}/annotations"]]
            assert outlines == [len(record.views[name].truth.boxes) for record in found]
            assert messages[f"/{name}/calibration"][0][1]["width"] == camera.width


def _lists_of_types(rules: Any) -> bool:
    if isinstance(rules, dict):
        return isinstance(rules.get("type"), list) or any(_lists_of_types(value) for value in rules.values())
    return isinstance(rules, list) and any(map(_lists_of_types, rules))


def test_rerun(tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="rerun-sdk, which writes and reads the format, is not installed")
    write(Rerun, tmp_path, FRONT)
    for drive, _ in made("front"):
        path = tmp_path / f"{drive.name}.rrd"
        for what in ("verify", "stats"):
            done = subprocess.run(
                [sys.executable, "-m", "rerun", "rrd", what, str(path)], capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
        done = subprocess.run(
            [sys.executable, "-m", "rerun", "rrd", "print", str(path)], capture_output=True, text=True, timeout=120
        )
        for entity in ("/world/car/front/picture", "/world/car/fish/boxes", "/world/tracks", "/ego/speed"):
            assert entity in done.stdout


def test_webdataset(tmp_path: Path) -> None:
    reader = pytest.importorskip("webdataset", reason="webdataset, a reader of the format, is not installed")
    write(WebDataset, tmp_path, FRONT)
    tars = sorted(map(str, tmp_path.glob("*.tar")))
    records = {(drive.name, one.index): one for drive, several in made("front") for one in several}
    count = 0
    for sample in reader.WebDataset(tars, shardshuffle=False):
        fields = json.loads(sample["json"])
        seen = records[fields["drive"], fields["index"]].views[fields["camera"]]
        depth = np.load(io.BytesIO(sample["depth.npy"]))
        assert depth.dtype == np.float16 and np.isinf(depth[seen.truth.semantic == SemanticClass.SKY]).all()
        assert (np.load(io.BytesIO(sample["instance.npy"])) == seen.truth.instance).all()
        assert [box["track"] for box in fields["boxes"]] == [box.track.number for box in seen.truth.boxes]
        assert np.load(io.BytesIO(sample["flow.npy"])).shape == (*depth.shape, 2)
        count += 1
    assert count == pictures()
    again = tmp_path / "again"
    write(WebDataset, again, FRONT)
    assert [Path(path).read_bytes() for path in tars] == [path.read_bytes() for path in sorted(again.glob("*.tar"))]


def test_webdataset_by_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets, a reader of the format, is not installed")
    write(WebDataset, tmp_path, FRONT)
    tars = sorted(map(str, tmp_path.glob("*.tar")))
    loaded = datasets.load_dataset("webdataset", data_files=tars, split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == pictures()
    assert {loaded[k]["jpg"].size for k in range(2)} == {(64, 64), (128, 72)}


def test_quaternions_turn_as_their_matrices_do() -> None:
    for heading in (-3.0, -1.0, 0.0, 0.5, 2.5):
        cos, sin = math.cos(heading), math.sin(heading)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        same = np.array(of_matrix(turn)) @ of_heading(heading)
        assert abs(same) == pytest.approx(1.0)
    odd = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # a camera's axes in the car's
    w, x, y, z = of_matrix(odd)
    back = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    assert back == pytest.approx(odd)
