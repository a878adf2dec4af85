"""nuScenes' own development kit opens what we write: tables, boxes in pictures, mask, expansion of the map, CAN bus."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.world.labels.formats.lots import DRIVES, ROUND, made, write
from world.errors import DataError
from world.labels.cameras import CameraSet
from world.labels.fisheye import Fisheye
from world.labels.formats.nuscenes import FIRST, REACH, VERSION, NuScenes
from world.labels.formats.nuscenes_map import origin
from world.render.camera import Rig

COUNT = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip(
        "nuscenes.nuscenes",
        reason="nuscenes-devkit, the format's own reader, is not installed (it wants numpy<2 in its metadata)",
    )
    return write(NuScenes, tmp_path_factory.mktemp("nuscenes"), ROUND, COUNT)


def test_its_kit_finds_drives_pictures_and_boxes(folder: Path) -> None:
    from nuscenes.nuscenes import NuScenes as Kit
    from nuscenes.utils.geometry_utils import BoxVisibility, view_points

    kit = Kit(VERSION, str(folder), verbose=False)
    assert [scene["name"] for scene in kit.scene] == [f"scene-{FIRST + k}" for k in range(len(DRIVES))]
    seen = 0
    for scene, (drive, found) in zip(kit.scene, made("round", COUNT), strict=True):
        base = origin(drive.place)
        sample = kit.get("sample", scene["first_sample_token"])
        keys = found[::5]
        assert scene["nbr_samples"] == len(keys)
        for record in keys:
            near = [
                t for t in record.tracks if math.hypot(t.centre[0] - record.ego.x, t.centre[1] - record.ego.y) <= REACH
            ]
            assert len(sample["anns"]) == len(near)
            boxes = {tuple(np.round(kit.get_box(mark).center[:2] + base, 3)) for mark in sample["anns"]}
            assert boxes == {tuple(np.round(track.centre[:2], 3)) for track in near}
            for name in ROUND.cameras:
                path, inside, matrix = kit.get_sample_data(sample["data"][name], box_vis_level=BoxVisibility.ALL)
                with Image.open(path) as picture:
                    assert picture.size == (128, 72)
                shown = {tuple(np.round(box.track.centre[:2], 3)): box for box in record.views[name].truth.boxes}
                for box in inside:
                    world = kit.get("sample_annotation", box.token)["translation"]
                    ours = shown.get(tuple(np.round(np.array(world[:2]) + base, 3)))
                    if ours is not None:
                        pixels = view_points(box.corners(), matrix, normalize=True)[:2]
                        assert [*pixels.min(1), *pixels.max(1)] == pytest.approx(ours.whole, abs=0.05)
                        seen += 1
            sample = kit.get("sample", sample["next"]) if sample["next"] else None
        assert sample is None
    assert seen > 3
    for mark in kit.sample_annotation:
        assert np.isfinite(kit.box_velocity(mark["token"])).all() or not (mark["prev"] or mark["next"])
    for data in kit.sample_data:
        assert Path(kit.get_sample_data_path(data["token"])).is_file() and len(kit.get_boxes(data["token"]))


def test_our_car_drives_on_the_mask(folder: Path) -> None:
    from nuscenes.nuscenes import NuScenes as Kit

    kit = Kit(VERSION, str(folder), verbose=False)
    assert len(kit.map) == len(DRIVES)
    for data in kit.sample_data[::3]:
        log = kit.get("log", kit.get("scene", kit.get("sample", data["sample_token"])["scene_token"])["log_token"])
        x, y, _ = kit.get("ego_pose", data["ego_pose_token"])["translation"]
        area = kit.get("map", log["map_token"])["mask"]
        assert area.is_on_mask(x, y).all()
        assert not area.is_on_mask(-50.0, -50.0).any()


def test_the_expansion_opens_and_lanes_lead_on(folder: Path) -> None:
    from nuscenes.map_expansion import map_api

    for town, (drive, found) in zip(("town-0", "town-1"), made("round", COUNT), strict=True):
        map_api.locations.append(town)
        place = map_api.NuScenesMap(str(folder), town)
        x, y = np.array([found[0].ego.x, found[0].ego.y]) - origin(drive.place)
        assert place.layers_on_point(x, y)["drivable_area"]
        lane = place.get_closest_lane(x, y, radius=3)
        assert lane
        after = place.get_outgoing_lane_ids(lane)
        assert all(lane in place.get_incoming_lane_ids(other) for other in after)
        line = np.array(place.discretize_lanes([lane], 0.5)[lane])
        assert (
            np.hypot(line[:, 0] - x, line[:, 1] - y).min() < 3
            and (np.hypot(*np.diff(line[:, :2], axis=0).T) < 0.6).all()
        )
        for name in ("lane", "ped_crossing", "walkway", "road_segment", "road_block", "stop_line"):
            several = getattr(place, name)
            assert several
            shape = place.extract_polygon(several[0]["polygon_token"])
            assert shape.is_valid and shape.area > 0.1
        assert all(stop["cue"] for stop in place.stop_line)


def test_the_bus_says_how_we_drove(folder: Path) -> None:
    from nuscenes.can_bus.can_bus_api import NuScenesCanBus

    bus = NuScenesCanBus(str(folder))
    for k, (_, found) in enumerate(made("round", COUNT)):
        name = f"scene-{FIRST + k}"
        speeds = [message["vehicle_speed"] / 3.6 for message in bus.get_messages(name, "vehicle_monitor")]
        assert speeds == pytest.approx([record.ego.speed for record in found])
        route, driven = bus.get_pose_and_route(name)
        assert route == pytest.approx(driven) and bus.get_messages(name, "meta")["pose"]["message_count"] == COUNT


def test_cameras_that_it_has_no_place_for() -> None:
    with pytest.raises(DataError, match="pinhole cameras alone"):
        NuScenes.check(CameraSet("wide", {"a": Fisheye()}))
    with pytest.raises(DataError, match="rate: 2 or 10, not 5"):
        NuScenes.check(CameraSet("slow", {"a": Rig()}, rate=5))
