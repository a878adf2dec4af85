"""A control set is read back as NVIDIA's toolkit reads it: a sample a tar, its keys, shapes and conventions; boxes and the map lie where the picture shows them."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.world.labels.drives import states
from tests.world.labels.formats.lots import FRONT, made, write
from world.data.video import read_video
from world.errors import DataError
from world.labels.cameras import CameraSet
from world.labels.classes import PALETTE, SemanticClass
from world.labels.formats.cosmos import CHUNK, RATE, Cosmos, ftheta, pinhole
from world.labels.formats.cosmos_control import near_is_bright, pixels
from world.labels.formats.cosmos_map import LAYERS, layers
from world.labels.record import see
from world.render.camera import Rig, view
from world.render.renderer import plain_renderer
from world.scene.objects import Kind

pytestmark = pytest.mark.slow

COUNT = 3  # moments a drive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(Cosmos, tmp_path_factory.mktemp("cosmos"), FRONT, COUNT)


def sample(path: Path) -> dict[str, Any]:
    """What WebDataset makes of a tar of one sample: what follows the first dot of a name is its key."""
    out: dict[str, Any] = {}
    with tarfile.open(path) as tar:
        for entry in tar:
            clip, _, key = entry.name.partition(".")
            assert clip == path.stem
            data = tar.extractfile(entry).read()  # type: ignore[union-attr]
            out[key] = np.load(io.BytesIO(data)) if key.endswith(".npy") else json.loads(data)
    return out


def clips(folder: Path) -> Iterator[tuple[str, Any]]:
    for drive, found in made("front", COUNT):
        yield drive.name, found


def test_poses_are_thirty_a_second_and_join_camera_and_car(folder: Path) -> None:
    for clip, found in clips(folder):
        cars, poses = sample(folder / "vehicle_pose" / f"{clip}.tar"), sample(folder / "pose" / f"{clip}.tar")
        frames = (len(found) - 1) * RATE // FRONT.rate + 1
        assert sorted(cars) == [f"{frame:06d}.vehicle_pose.npy" for frame in range(frames)]
        assert set(poses) == {f"{frame:06d}.pose.{name}.npy" for frame in range(frames) for name in FRONT.cameras}
        for record in found:
            car = cars[f"{round(record.seconds * RATE):06d}.vehicle_pose.npy"]
            assert car[:2, 3] == pytest.approx([record.ego.x, record.ego.y])
            assert car[:2, 0] == pytest.approx([math.cos(record.ego.heading), math.sin(record.ego.heading)])
            camera = poses[f"{round(record.seconds * RATE):06d}.pose.front.npy"]
            rig = FRONT.cameras["front"]
            assert isinstance(rig, Rig)
            here = view(rig, record.ego.x, record.ego.y, record.ego.heading)
            assert camera[:3, 3] == pytest.approx(here.eye) and pytest.approx(here.axes) == camera[:3, :3].T
        steps = [
            np.linalg.norm(cars[f"{k + 1:06d}.vehicle_pose.npy"] - cars[f"{k:06d}.vehicle_pose.npy"]) for k in range(3)
        ]
        assert steps == pytest.approx([steps[0]] * 3, rel=1e-3)  # straight on between two records


def test_cuboids_project_onto_their_masks(folder: Path) -> None:
    """The toolkit's own way: corners by object_to_world and object_lwh, into the camera by its pose, onto pixels by its intrinsics."""
    boxes = 0
    for clip, found in clips(folder):
        poses = sample(folder / "pose" / f"{clip}.tar")
        fx, fy, cx, cy, width, height = sample(folder / "pinhole_intrinsic" / f"{clip}.tar")[
            "pinhole_intrinsic.front.npy"
        ]
        objects = sample(folder / "all_object_info" / f"{clip}.tar")
        assert sorted(objects) == [f"{3 * k:06d}.all_object_info.json" for k in range(len(found))]
        for record in found:
            frame, truth = round(record.seconds * RATE), record.views["front"].truth
            assert truth.depth.shape == (height, width)
            to_camera = np.linalg.inv(poses[f"{frame:06d}.pose.front.npy"])
            told = objects[f"{frame:06d}.all_object_info.json"]
            for box in truth.boxes:
                one = told[str(box.track.number)]
                length, wide, high = one["object_lwh"]
                own = (
                    np.array([(x * length, y * wide, z * high, 2) for x in (1, -1) for y in (1, -1) for z in (1, -1)])
                    / 2
                )
                seen = (to_camera @ np.array(one["object_to_world"]) @ own.T)[:3]
                if seen[2].min() < 1:
                    continue
                u, v = fx * seen[0] / seen[2] + cx, fy * seen[1] / seen[2] + cy
                rows, columns = np.nonzero(
                    truth.instance == box.track.number + 1
                )  # middles of pixels are whole numbers
                room = 0.5 + 0.35 * fx / seen[2].min()  # mirrors and elbows
                assert u.min() - room <= columns.min() and columns.max() <= u.max() + room
                assert v.min() - room <= rows.min() and rows.max() <= v.max() + room
                boxes += 1
                assert one["object_type"] in ("Car", "Truck", "Bus", "Pedestrian", "Cyclist", "Others")
                assert (one["object_type"] == "Pedestrian") == (box.track.kind in (Kind.PERSON, Kind.CHILD))
            parked = [one for one in record.tracks if one.prop >= 0 and str(one.number) in told]
            assert parked and not any(told[str(one.number)]["object_is_moving"] for one in parked)
    assert boxes > 10


def test_map_layers_have_the_toolkits_shapes(folder: Path) -> None:
    for clip, _ in clips(folder):
        for layer, form in LAYERS.items():
            found = sample(folder / f"3d_{layer}" / f"{clip}.tar")[f"{layer}.json"]["labels"]
            assert found or layer == "road_markings"
            for one in found:
                shape = one["labelData"]["shape3d"]
                lines = shape[form]["polylines"] if layer == "lanes" else [shape[form]]
                for line in lines:
                    points = np.array(line["vertices"])
                    assert points.shape[1:] == (3,) and np.isfinite(points).all() and len(points) >= 2
                    assert form != "cuboid3d" or len(points) == 8
            if layer == "lanelines":
                about = [{a["name"]: a for a in one["labelData"]["shape3d"]["attributes"]} for one in found]
                colours = {colour for one in about for colour in one["colors"]["enumsList"]["enumsList"]}
                assert colours == {"WHITE", "YELLOW"}


def test_lights_have_a_colour_in_every_frame(folder: Path) -> None:
    clip, found = next(clips(folder))
    lights = sample(folder / "3d_traffic_lights" / f"{clip}.tar")["traffic_lights.json"]["labels"]
    states_of = sample(folder / "3d_traffic_lights_status" / f"{clip}.tar")["aggregated_states.json"][
        "traffic_light_states"
    ]
    ids = [a["text"] for one in lights for a in one["labelData"]["shape3d"]["attributes"] if a["name"] == "feature_id"]
    assert sorted(ids) == sorted(states_of)
    frames = (len(found) - 1) * RATE // FRONT.rate + 1
    told = [state for one in states_of.values() for state in one["state"]]
    assert all(len(one["state"]) == frames for one in states_of.values())
    assert {"red", "green"} & set(told) <= set(told) <= {"red", "yellow", "green", "unknown"}


def test_heads_and_faces_lie_where_the_picture_shows_them() -> None:
    """From a car a little before the post, the middle of a light's or sign's box falls on its pixels."""
    (now,) = states("town-0", 0, 1)
    rig, place, away = Rig(256, 144, pitch=12.0), now.places[0], 5.6
    found = layers(place, np.array([[now.ego[0]["x"], now.ego[0]["y"]]]))
    for layer, wanted in (
        ("traffic_lights", SemanticClass.TRAFFIC_LIGHT),
        ("traffic_signs", SemanticClass.TRAFFIC_SIGN),
    ):
        right = []
        for shape in found[layer][:20]:
            heading = float(place.props["heading"][np.searchsorted(place.numbers, shape.number)])
            middle, ego = shape.lines[0].mean(0), now.ego.copy()
            ego["x"], ego["y"] = middle[0] - away * math.cos(heading), middle[1] - away * math.sin(heading)
            ego["heading"] = heading
            there = replace(now, ego=ego, agents=np.zeros_like(now.agents))
            here = view(rig, float(ego["x"][0]), float(ego["y"][0]), heading)
            own = (middle - here.eye) @ here.axes.T
            column, row = pixels(rig, own[None])[0][0].astype(int)
            truth = see(rig, there, plain_renderer()).truth
            if truth.depth[row, column] > own[2] - 0.5:  # no lamp's post stands before it
                right.append(truth.semantic[row, column] == wanted)
        assert len(right) > 2 and all(right)


def test_paint_lies_on_the_road_that_the_picture_shows() -> None:
    (now,) = states("town-0", 0, 1)
    rig, ego = Rig(512, 288), now.ego[0]
    seen = see(rig, now, plain_renderer()).truth
    here = view(rig, float(ego["x"]), float(ego["y"]), float(ego["heading"]))
    found = layers(now.places[0], np.array([[ego["x"], ego["y"]]]))
    right = []
    for layer in ("lanelines", "wait_lines", "crosswalks"):
        for shape in found[layer]:
            line = shape.lines[0]
            points = np.concatenate([a + (b - a) * np.linspace(0, 1, 200)[:, None] for a, b in pairwise(line)])
            own = (points - here.eye) @ here.axes.T
            where, sure = pixels(rig, own)
            sure &= (where >= 0).all(1) & (where < (rig.width, rig.height)).all(1) & (own[:, 2] < 30)
            columns, rows = where[sure].astype(int).T
            open_ = abs(seen.depth[rows, columns] - own[sure, 2]) < 0.5  # nothing stands before it
            right += (seen.semantic[rows, columns] == SemanticClass.ROAD)[open_].tolist()
    assert len(right) > 200 and np.mean(right) > 0.97


def test_intrinsics_say_where_a_point_is_seen() -> None:
    rig = Rig(128, 72)
    points = np.array([[0.3, -0.2, 1.0], [-0.6, 0.3, 1.0], [0.0, 0.0, 1.0]])
    where, _ = pixels(rig, points)
    fx, fy, cx, cy, *_ = pinhole(rig)
    assert np.stack([fx * points[:, 0] + cx, fy * points[:, 1] + cy], 1) == pytest.approx(where - 0.5)
    for camera in (rig, FRONT.cameras["fish"]):
        cx, cy, width, height, *bent, backwards = ftheta(camera)
        assert (width, height, backwards) == (camera.width, camera.height, 0)
        aside = np.hypot(points[:, 0], points[:, 1])
        radius = np.polyval(bent[::-1], np.arctan2(aside, points[:, 2]))
        middle = np.array([cx, cy]) + radius[:, None] * points[:, :2] / np.maximum(aside, 1e-9)[:, None]
        assert middle == pytest.approx(pixels(camera, points)[0] - 0.5, abs=0.05)


def test_control_videos_go_with_the_picture(folder: Path) -> None:
    for clip, found in clips(folder):
        for name, lens in (("front", "pinhole_front"), ("fish", "ftheta_fish")):
            films = {
                kind: np.stack(list(read_video(folder / kind / lens / f"{clip}_0.mp4"))).astype(int)
                for kind in ("hdmap", "depth", "seg")
            }
            picture = np.stack(list(read_video(folder / lens / f"{clip}.mp4"))).astype(int)
            assert {film.shape for film in films.values()} == {picture.shape} and len(picture) == len(found)
            for number, record in enumerate(found):
                seen = record.views[name]
                assert np.abs(films["depth"][number] - near_is_bright(seen.truth.depth)).mean() < 4
                road = films["seg"][number][seen.truth.semantic == SemanticClass.ROAD]
                assert np.median(road, 0) == pytest.approx(PALETTE[SemanticClass.ROAD], abs=12)
                lines = films["hdmap"][number]
                assert 0.01 < (lines.max(-1) > 40).mean() < 0.6
                sky = lines[seen.truth.semantic == SemanticClass.SKY]
                assert not len(sky) or (sky.max(-1) > 40).mean() < 0.2
        caption = (folder / "captions" / f"{clip}.txt").read_text()
        assert "by day, in clear weather" in caption and caption.endswith("go on")
    about = json.loads((folder / "dataset_lucidrive.json").read_text())
    assert about["CAMERAS"] == list(FRONT.cameras) and about["NOT_POST_TRAINING"]["TARGET_CHUNK_FRAME"] == CHUNK


def test_odd_sides_are_refused() -> None:
    with pytest.raises(DataError, match="take even sides"):
        Cosmos.check(CameraSet("odd", {"a": Rig(65, 40)}))
