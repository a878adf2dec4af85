"""A scene world on the page: only shipped places can be reached, whatever a message or a drive's file says."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge.errors import DataError, SessionError, WeightsError
from bridge.loop import Loop
from bridge.recording.state import pack, unpack
from bridge.session import Session
from tests.fakes import FakeDirector
from ui.drive import PageDream, StartRequest
from ui.live import LiveDreamer
from ui.live_drive import LiveDrive
from ui.places import offered, picture_of
from world.controls import TimeOfDay, Weather
from world.dream import open_dream
from world.perceive import scene
from world.perceive.network import PerceiveConfig, Perceiver, load
from world.render.camera import Pose
from world.scene.places import ENDING, FOLDER, towns
from world.scene_dream import SceneDream
from world.scene_world import SIZES, SceneWorld


@pytest.fixture(scope="module")
def model() -> SceneWorld:
    return SceneWorld()


@pytest.fixture(scope="module")
def own_map(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A readable map beside the shipped ones."""
    path = tmp_path_factory.mktemp("maps") / f"own{ENDING}"
    shutil.copy(FOLDER / f"town-3{ENDING}", path)
    return str(path)


@pytest.fixture
def drive(model: SceneWorld, tmp_path: Path) -> Iterator[PageDream]:
    dreamer = LiveDreamer(model, Loop(FakeDirector()), clips=tmp_path, quality=1)
    dreamer.check()  # as a server does before it lets anybody in: compiling takes longer than a page waits
    drive = dreamer.open(lambda: None)
    yield drive
    drive.close()
    dreamer.close()


def session_in(model: SceneWorld, place: str) -> Session:
    return Session(lambda seed: open_dream(model, seed, 1), 4, place)


@pytest.mark.slow
def test_a_map_file_is_no_start_scene_of_the_page(drive: PageDream, model: SceneWorld, own_map: str) -> None:
    with pytest.raises(DataError, match="no start scene"):
        drive.begin(StartRequest(3, own_map))
    drive.begin(StartRequest(3, model.scenes[1]))
    assert drive.view().scene == model.scenes[1]


@pytest.mark.slow
def test_a_drive_in_a_map_file_goes_on_at_the_command_line_alone(
    drive: PageDream, model: SceneWorld, own_map: str
) -> None:
    sent = pack(session_in(model, own_map))
    before = drive.view().scene
    with pytest.raises(DataError, match="map of its own"):
        drive.load_dream(sent)
    assert drive.view().scene == before
    mine = session_in(model, "town-21")
    unpack(mine, sent)
    assert mine.dream.state()[1]["place"] == own_map


@pytest.mark.slow
def test_a_drive_in_any_shipped_town_goes_on_on_the_page(drive: PageDream, model: SceneWorld) -> None:
    drive.load_dream(pack(session_in(model, "town-3")))


def test_every_shipped_town_is_offered_with_a_picture_and_no_file_is(model: SceneWorld, own_map: str) -> None:
    names = offered(model)
    assert set(names) == set(chain(*towns().values()))
    pictures = {picture_of(model, name) for name in names}
    assert None not in pictures and len(pictures) == len(names)
    assert picture_of(model, own_map) is None


@pytest.mark.slow
def test_a_drive_may_begin_in_a_town_that_no_seed_would_choose(drive: PageDream, model: SceneWorld) -> None:
    assert "town-3" not in model.scenes
    drive.begin(StartRequest(3, "town-3"))
    assert drive.view().scene == "town-3"


@pytest.mark.slow
def test_a_drive_begins_in_a_picture_where_there_is_a_network_that_reads_it(
    drive: PageDream, model: SceneWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model, "scenes", model.scenes[:1])  # the place that is there already
    assert drive.view().scene in model.scenes
    picture = np.random.default_rng(0).integers(0, 256, (1, 90, 160, 3), dtype=np.uint8)
    monkeypatch.setattr(scene, "load", lambda: load(tmp_path))
    with pytest.raises(WeightsError, match="lucidrive train perceive"):
        drive.begin(StartRequest(3, pictures=picture, speed=5.0))
    perceiver = Perceiver(PerceiveConfig((8, 8, 16, 16), (0, 1, 1, 1), 8)).eval()
    monkeypatch.setattr(scene, "load", lambda: perceiver)
    drive.begin(StartRequest(3, pictures=picture, speed=5.0))
    assert drive.view().scene is None


@pytest.mark.slow
def test_a_drive_begins_where_a_sentence_says_and_says_so(drive: PageDream) -> None:
    drive.begin(StartRequest(5, where="a suburb at night, two lanes", stand=True))
    view = drive.view()
    assert (view.scene, view.where, view.time) == (
        "dreamt:5:suburban:2",
        "a suburb at night, two lanes",
        TimeOfDay.NIGHT,
    )
    assert view.frame is not None and view.frame.readout.time == TimeOfDay.NIGHT
    kept = drive.save_dream().read_bytes()
    drive.begin(StartRequest(5, where="in the rain", stand=True))
    assert drive.view().weather == Weather.RAIN_2 and drive.view().scene in offered_by(drive)
    drive.load_dream(kept)
    assert (drive.view().scene, drive.view().where) == ("dreamt:5:suburban:2", "")
    drive.begin(StartRequest(6, where="town:3"))
    assert drive.view().scene == "town-3"


def offered_by(drive: PageDream) -> tuple[str, ...]:
    return offered(drive.session.dream.model)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "where",
    ["a suburb with flamingos", "nine lanes", "a grid, radial", "dreamt:1:purple", "osm:/etc/passwd", "town:999"],
)
def test_where_no_drive_can_begin_is_a_sentence_and_the_drive_goes_on(drive: PageDream, where: str) -> None:
    before = drive.view()
    with pytest.raises(DataError):
        drive.begin(StartRequest(7, where=where))
    assert (drive.view().scene, drive.view().seed) == (before.scene, before.seed)


@pytest.mark.slow
def test_six_cameras_see_all_around_while_it_goes_on(drive: PageDream) -> None:
    assert isinstance(drive, LiveDrive)
    drive.pause(False)
    with Image.open(io.BytesIO(drive.surround())) as picture:
        seen = np.asarray(picture, np.float32)
    height, width = SIZES[1]
    assert seen.shape == (2 * height, 3 * width, 3)
    six = [part for row in np.split(seen, 2) for part in np.split(row, 3, axis=1)]
    apart = [np.abs(one - other).mean() for k, one in enumerate(six) for other in six[:k]]
    assert min(apart) > 2  # no two look the same way


def test_one_looks_around_while_it_stands_still_and_the_drive_does_not_change(
    drive: PageDream, model: SceneWorld
) -> None:
    assert isinstance(drive, LiveDrive)
    drive.pause(False)
    ego = drive.session.dream.state_now.ego[0]  # type: ignore[union-attr]
    pose = Pose(float(ego["x"]) - 8.0, float(ego["y"]), 6.0, 0.3, -0.3)
    with pytest.raises(SessionError, match="pause it"):
        drive.look_around(pose)
    drive.pause(True)
    drive.session.between_frames(lambda: None)
    dream = drive.session.dream
    assert isinstance(dream, SceneDream)
    before = dream.state_now.hash()
    pictures = {drive.look_around(pose), drive.look_around(replace(pose, z=40.0, pitch=-1.0))}
    assert len(pictures) == 2 and drive.session.dream.state_now.hash() == before  # type: ignore[union-attr]
