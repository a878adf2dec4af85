"""`lucidrive clips --labels`: the ground truth of a clip's own pictures, beside it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge.factory.jobs import Request, of_plain
from bridge.factory.run import make
from tests.bridge.factory.tiny_factory import sums, tiny_request
from world.data.video import read_video
from world.labels.classes import SemanticClass

pytestmark = pytest.mark.slow


def request() -> Request:
    return tiny_request("follow rain(2)@junction", seeds=2, labels=True)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "labelled"
    make(request(), out, workers=0)
    return out


def test_each_picture_of_an_accepted_clip_has_boxes_depth_and_masks(labelled: Path) -> None:
    videos = sorted((labelled / "clips").glob("*.mp4"))
    assert len(videos) == 2 and not list((labelled / "rejected").glob("*.tar"))
    for video in videos:
        pictures = list(read_video(video))
        with tarfile.open(video.with_suffix(".labels.tar")) as tar:
            files = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
        keys = sorted({name.partition(".")[0] for name in files})
        assert len(keys) == len(pictures) == 15
        for key, picture in zip(keys, pictures, strict=True):
            fields = json.loads(files[f"{key}.json"])
            depth = np.load(io.BytesIO(files[f"{key}.depth.npy"]))
            semantic = np.asarray(Image.open(io.BytesIO(files[f"{key}.semantic.png"])))
            instance = np.load(io.BytesIO(files[f"{key}.instance.npy"]))
            jpg = np.asarray(Image.open(io.BytesIO(files[f"{key}.jpg"])))
            assert depth.shape == semantic.shape == instance.shape == picture.shape[:2]
            assert (np.isinf(depth) == (semantic == SemanticClass.SKY)).mean() > 0.99
            assert {box["track"] + 1 for box in fields["boxes"]} == set(np.unique(instance)) - {0}
            assert np.abs(jpg.astype(float) - picture).mean() < 6  # both are of the same drawing
            assert fields["seed"] == json.loads(video.with_suffix(".json").read_bytes())["seed"]


def test_clips_are_the_same_with_labels_and_without(labelled: Path, tmp_path: Path) -> None:
    bare = request().common() | {"labels": None}
    assert {**tiny_request().common(), "labels": None} == bare
    make(tiny_request("follow rain(2)@junction", seeds=2), tmp_path / "out", workers=0)
    one, other = ([path.read_bytes() for path in sorted_videos(out)] for out in (labelled, tmp_path / "out"))
    assert sorted(one) == sorted(other)


def sorted_videos(out: Path) -> list[Path]:
    return sorted((out / "clips").glob("*.mp4"))


def test_damaged_or_missing_labels_are_made_again(labelled: Path, tmp_path: Path) -> None:
    out, before = tmp_path / "out", sums(labelled)
    for path in sorted(labelled.rglob("*")):
        if path.is_file():
            (out / path.relative_to(labelled)).parent.mkdir(parents=True, exist_ok=True)
            (out / path.relative_to(labelled)).write_bytes(path.read_bytes())
    first, second = sorted((out / "clips").glob("*.labels.tar"))
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    make(request(), out, workers=0)
    assert sums(out) == before


def test_a_request_with_labels_survives_its_json() -> None:
    again = of_plain(json.loads(json.dumps(request().plain())), request().start)
    assert again == request() and not of_plain(json.loads(json.dumps(tiny_request().plain())), request().start).labels
