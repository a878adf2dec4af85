"""A nuScenes dataset of ours, read: everybody is where they were, cameras see what they saw, and drives and captures come of it."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from bridge.recording.state import load_state
from bridge.session import Session
from tests.world.labels.drives import states
from tests.world.labels.formats.lots import ROUND, made, write
from ui.cli import app
from world.controls import Control, TimeOfDay, Weather
from world.errors import DataError
from world.labels.cameras import CameraSet
from world.labels.formats.nuscenes import CATEGORIES, REACH, VERSION, NuScenes
from world.labels.formats.nuscenes_map import origin
from world.labels.formats.writer import DriveInfo
from world.labels.poses import of_heading
from world.labels.record import records
from world.nuscenes.captures import write as write_captures
from world.nuscenes.flat import conditions, crop_for_rig, flat, kind_of
from world.nuscenes.places import first_moment, maps_of, save_places
from world.nuscenes.tables import AnnotatedBox, CameraImage, Dataset, StampedPose, turn_of
from world.render.camera import Rig, view
from world.render.renderer import plain_renderer
from world.scene.objects import VEHICLES, Kind
from world.scene_dream import SceneDream
from world.scene_world import USUAL, SceneWorld
from world.train.pictures import captures

pytestmark = pytest.mark.slow

COUNT = 11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(NuScenes, tmp_path_factory.mktemp("nuscenes"), ROUND, COUNT)


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return Dataset(folder)


def test_everybody_is_where_they_were(dataset: Dataset) -> None:
    for name, (drive, result) in zip(sorted(dataset.scenes), made("round", COUNT), strict=True):
        moments = dataset.moments(name)
        assert len(moments) == len(result[::5])
        for moment, record in zip(moments, result[::5], strict=True):
            base = origin(drive.place)
            assert (moment.ego.x, moment.ego.y) == pytest.approx(
                (np.array([record.ego.x, record.ego.y]) - base).tolist()
            )
            assert math.sin(moment.ego.heading - record.ego.heading) == pytest.approx(0, abs=1e-9)
            assert moment.speed == pytest.approx(record.ego.speed, abs=0.3)
            near = [
                t for t in record.tracks if math.hypot(t.centre[0] - record.ego.x, t.centre[1] - record.ego.y) <= REACH
            ]
            theirs = sorted((box.pose.x, box.pose.y) for box in moment.boxes)
            ours = sorted(tuple((np.array(track.centre[:2]) - base).tolist()) for track in near)
            np.testing.assert_allclose(theirs, ours, atol=1e-6)
            alike = {Kind.FIRE_ENGINE: Kind.LORRY}
            assert sorted(kind_of(box) for box in moment.boxes) == sorted(alike.get(t.kind, t.kind) for t in near)


def test_its_kit_says_the_same(folder: Path, dataset: Dataset) -> None:
    kits = pytest.importorskip("nuscenes.nuscenes", reason="nuscenes-devkit is not installed")
    kit = kits.NuScenes(VERSION, str(folder), verbose=False)
    for scene in kit.scene:
        sample = kit.get("sample", scene["first_sample_token"])
        for moment in dataset.moments(scene["name"]):
            for token, box in zip(sample["anns"], moment.boxes, strict=True):
                theirs = kit.get_box(token)
                np.testing.assert_allclose(theirs.rotation_matrix, box.pose.turn, atol=1e-9)
                velocity = kit.box_velocity(token)
                if np.isfinite(velocity).all():
                    np.testing.assert_allclose(velocity[:2], box.velocity, atol=1e-6)
            sample = kit.get("sample", sample["next"]) if sample["next"] else None


def test_a_drive_begins_as_it_did(dataset: Dataset, tmp_path: Path) -> None:
    name = sorted(dataset.scenes)[0]
    maps = maps_of(dataset, [name])
    place = save_places(maps, tmp_path)[name]
    state = first_moment(dataset, name, maps[name], place)
    moment = dataset.moments(name)[0]
    ego, agents = state.ego[0], state.agents[0]
    assert (ego["x"], ego["y"], ego["speed"]) == pytest.approx((moment.ego.x, moment.ego.y, moment.speed))
    assert ego["lane"] >= 0 and abs(ego["left"]) < 1.0
    there = agents[agents["kind"] != 0]
    boxes = {(round(box.pose.x, 6), round(box.pose.y, 6)) for box in moment.boxes}
    assert {(round(float(a["x"]), 6), round(float(a["y"]), 6)) for a in there} <= boxes and len(there) > 5
    assert len(set(there["id"])) == len(there)
    moving = there[(there["speed"] > 2.0) & np.isin(there["kind"], [int(kind) for kind in VEHICLES])]
    assert len(moving) and (moving["lane"] >= 0).all()
    assert not np.isin(state.places[0].props["kind"], [int(kind) for kind in VEHICLES]).any()


def test_captures_show_what_was_seen(tmp_path: Path) -> None:
    rigs = {"CAM_FRONT": Rig(), "CAM_BACK": Rig(fov=89.3, ahead=0.1, left=0.2, up=1.6, yaw=178.0, pitch=-4.0, roll=2.0)}
    cameras, steps = CameraSet("large", rigs, 2), states("town-0", 0, 6)
    seen = list(records(steps, cameras, plain_renderer()))
    with NuScenes(tmp_path / "large", cameras) as writer:
        writer.begin(DriveInfo("drive", steps[0].places[0], "go on"))
        for record in seen:
            writer.add(record)
        writer.end()
    dataset = Dataset(tmp_path / "large")
    [(name, its)] = maps_of(dataset, list(dataset.scenes)).items()
    assert write_captures(dataset, [(name, its)], tmp_path / "set") == len(seen) * len(rigs)
    result, base = captures(tmp_path / "set"), origin(steps[0].places[0])
    for capture, (record, camera) in zip(result, [(r, c) for r in seen for c in rigs], strict=True):
        for field, value in asdict(rigs[camera]).items():
            assert getattr(capture.rig, field) == pytest.approx(value, abs=1e-3), field
        assert np.abs(capture.image().astype(int) - record.views[camera].picture).mean() < 3  # JPEG
        ego, agents = capture.state.ego[0], capture.state.agents[0]
        assert (ego["x"] + base[0], ego["y"] + base[1]) == pytest.approx((record.ego.x, record.ego.y), abs=1e-3)
        shown = {b.track.number for one in record.views.values() for b in one.truth.boxes if b.track.kind in CATEGORIES}
        assert (agents["kind"] != 0).sum() <= len(shown)
        where = {
            (round(float(a["x"] + base[0]), 2), round(float(a["y"] + base[1]), 2)) for a in agents[agents["kind"] != 0]
        }
        assert where <= {(round(t.centre[0], 2), round(t.centre[1], 2)) for t in record.tracks}
    with pytest.raises(DataError, match="holds something already"):
        write_captures(dataset, [], tmp_path / "set")


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_camera_of_ours_sees_what_theirs_did(mirrored: bool) -> None:
    chance = np.random.default_rng(3)
    tilt = turn_of([1.0, 0.004, -0.01, 0.0])
    ego = StampedPose(400.0, 900.0, 0.0, turn_of(list(of_heading(2.2))) @ tilt, 0.0)
    axes = np.array([[0.0, 0.05, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.05]])
    axes, _ = np.linalg.qr(axes @ turn_of([1.0, 0.02, 0.3, -0.03]))
    axes = axes * np.sign(np.diag(axes.T @ np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])))
    matrix = np.array([[1260.0, 0.0, 816.0], [0.0, 1260.0, 491.0], [0.0, 0.0, 1.0]])
    picture = CameraImage("CAM_FRONT", Path("none"), np.array([1.7, 0.1, 1.5]), axes, matrix, ego, 0.0)
    rig, (left, upper, right, lower) = crop_for_rig(picture, (1600, 900), mirrored)
    assert (
        0 <= left < right <= 1600
        and 0 <= upper < lower <= 900
        and (rig.width, rig.height) == (right - left, lower - upper)
    )
    ours = view(rig, *flat(ego, mirrored))
    for away in chance.uniform((-6, -4, 8), (6, 4, 40), (20, 3)):
        world = np.array([ego.x, ego.y, ego.z]) + ego.turn @ (picture.eye + axes @ away)
        theirs = (matrix @ away)[:2] / away[2]
        here = world * np.array([-1.0, 1.0, 1.0]) if mirrored else world
        x, y, z = ours.axes @ (here - ours.eye)
        pixel = np.array([rig.width / 2 + ours.focal * x / z + left, rig.height / 2 + ours.focal * y / z + upper])
        theirs[0] = 1600 - theirs[0] if mirrored else theirs[0]
        np.testing.assert_allclose(pixel, theirs, atol=0.75)  # borders are whole pixels


def test_descriptions_tell_the_conditions() -> None:
    def told(text: str) -> tuple[Weather, TimeOfDay]:
        control = conditions(text)
        return Weather(control.weather), TimeOfDay(control.time)

    assert told("Parked truck, construction, intersection") == (Weather.CLEAR, TimeOfDay.DAY)
    assert told("Night, rain, many peds") == (Weather.RAIN_2, TimeOfDay.NIGHT)
    assert told("After rain, bus stop") == (Weather.RAIN_1, TimeOfDay.DAY)
    assert told("follow, fog_3, dusk") == (Weather.FOG_3, TimeOfDay.DUSK)
    assert told("Training near the nightclub, brainless driver") == (Weather.CLEAR, TimeOfDay.DAY)


def test_who_somebody_is() -> None:
    pose = StampedPose(0, 0, 0, np.eye(3), 0.0)

    def kind(category: str, size: tuple[float, float, float] = (4.5, 1.8, 1.5), *attributes: str) -> Kind:
        return kind_of(AnnotatedBox(1, category, frozenset(attributes), pose, size, (0.0, 0.0), 1))

    assert kind("vehicle.car") == Kind.CAR and kind("vehicle.car", (5.7, 2.0, 2.4)) == Kind.VAN
    assert kind("vehicle.bus.bendy") == Kind.BUS and kind("human.pedestrian.police_officer") == Kind.PERSON
    assert kind("human.pedestrian.child") == Kind.CHILD and kind("human.pedestrian.stroller") == Kind.NONE
    assert kind("vehicle.bicycle", (1.8, 0.6, 1.7), "cycle.without_rider") == Kind.NONE
    assert kind("static_object.bicycle_rack") == kind("vehicle.ego") == Kind.NONE


def test_the_command_makes_drives_that_go_on(folder: Path, tmp_path: Path) -> None:
    name = sorted(Dataset(folder).scenes)[1]
    result = CliRunner().invoke(
        app, ["import", "nuscenes", str(folder), "--scene", name, "--out", str(tmp_path / "in")]
    )
    assert result.exit_code == 0, result.exception
    drive, [place] = tmp_path / "in" / f"{name}.dream", list((tmp_path / "in").glob("*.json.gz"))
    assert f"--load-state {drive}" in result.output and str(place) in result.output
    world = SceneWorld((str(place),), painter=None, others=USUAL)
    session = Session(lambda seed: SceneDream(world, seed, 0), 0)
    load_state(session, drive)
    dream = session.dream
    assert isinstance(dream, SceneDream)
    before = dream.state_now
    moment = Dataset(folder).moments(name)[0]
    assert before.ego["x"][0] == pytest.approx(moment.ego.x) and dream.quality == 2
    dream.quality = 0
    for _ in range(10):
        dream.step(Control(accel=0.1))
    after = dream.state_now
    assert after.clock[0] == 10 and after.ego["driven"][0] > 1.0
    both = np.intersect1d(before.agents["id"][0], after.agents["id"][0])
    assert (both > 0).sum() > 3  # they live on


def test_what_is_missing_is_said_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no nuScenes dataset"):
        Dataset(tmp_path)
    shutil.copytree(folder / VERSION, tmp_path / "v1.0-mini")
    dataset = Dataset(tmp_path)
    with pytest.raises(DataError, match=r"no scene 'scene-0061'.*there are scene-2001, scene-2002"):
        dataset.location("scene-0061")
    with pytest.raises(DataError, match="map expansion"):
        maps_of(dataset, ["scene-2001"])
    with pytest.raises(DataError, match=r"has no v1\.0-test; there is v1\.0-mini"):
        Dataset(tmp_path, "v1.0-test")
    shutil.copytree(folder / VERSION, tmp_path / "v1.0-test")
    with pytest.raises(DataError, match="say which with --version"):
        Dataset(tmp_path)
    (tmp_path / "v1.0-mini" / "sample.json").unlink()
    with pytest.raises(DataError, match=r"sample\.json is missing"):
        Dataset(tmp_path, "v1.0-mini")
    (tmp_path / "v1.0-mini" / "sample.json").write_text("{")
    with pytest.raises(DataError, match="no table of nuScenes"):
        Dataset(tmp_path, "v1.0-mini")
    (tmp_path / "v1.0-mini" / "sample.json").write_text("[]")
    with pytest.raises(DataError, match="has no row"):
        Dataset(tmp_path, "v1.0-mini").moments("scene-2001")


def test_a_picture_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    maps = maps_of(dataset, ["scene-2001"])
    picture = dataset.moments("scene-2001")[0].pictures[0].file
    with Image.open(picture) as image:
        assert image.size == (128, 72)
    picture.write_bytes(b"")
    with pytest.raises(DataError, match=picture.name):
        write_captures(dataset, [("scene-2001", maps["scene-2001"])], tmp_path / "captures")
    assert json.loads((tmp_path / "set" / VERSION / "scene.json").read_text())
