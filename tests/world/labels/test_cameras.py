"""Sets of cameras: presets, files of one's own, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from world.errors import DataError
from world.labels.cameras import PRESETS, camera_set, extrinsics, intrinsics
from world.render.camera import Rig, view


def test_presets_are_there() -> None:
    assert len(camera_set("surround").cameras) == 6
    left, right = camera_set("stereo").cameras.values()
    assert left.left - right.left == pytest.approx(0.54)
    assert list(camera_set("front").cameras) == ["front"]


def test_a_point_is_seen_where_the_matrices_put_it() -> None:
    for rig in (*PRESETS["surround"].cameras.values(), Rig(yaw=20.0, pitch=-8.0, roll=3.0, left=0.3)):
        here = view(rig, 0.0, 0.0, 0.0)
        point = here.eye + 10 * here.axes[2] + 2 * here.axes[0] - here.axes[1]
        ahead = np.linalg.inv(extrinsics(rig)) @ [*point, 1.0]
        assert ahead[:3] == pytest.approx([2.0, -1.0, 10.0])
        x, y, w = intrinsics(rig) @ ahead[:3]
        assert (x / w, y / w) == pytest.approx((rig.width / 2 + here.focal * 0.2, rig.height / 2 - here.focal * 0.1))


def test_a_set_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("rate: 5\ncameras:\n  roof: {width: 320, height: 180, fov: 90, up: 2.1}\n  rear: {yaw: 180}\n")
    found = camera_set(str(path))
    assert (found.name, found.rate, list(found.cameras)) == ("mine", 5, ["roof", "rear"])
    assert found.cameras["roof"] == Rig(width=320, height=180, fov=90.0, up=2.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cameras: [1]", "should hold `cameras:`"),
        ("cameras: {}", "1 to 16 cameras"),
        ("cameras: {a: {zoom: 2}}", "there is no zoom"),
        ("cameras: {a: {fov: wide}}", "fov should be a number"),
        ("cameras: {a: {width: 12.5}}", "whole number of pixels"),
        ("cameras: {a: {fov: 300}}", "between 1 and 170"),
        ("cameras: {a: {}}\nrate: 3", "pictures a second, not 3"),
        ("cameras: {a: {}}\nrate: fast", "whole number of pictures"),
        ("cameras: {a: [", "cannot be read as YAML"),
        ("cameras: {a: 3}", "give its numbers"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        camera_set(str(path))


def test_cameras_that_are_not_there() -> None:
    with pytest.raises(DataError, match="front, surround, stereo or a YAML file"):
        camera_set("periscope")
