"""Pictures with scenes from elsewhere: what is written comes back, pictures turn back into light, mistakes are named, looks are learnt."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.errors import DataError, WeightsError
from world.render.camera import Rig
from world.render.painter import Painter, PainterConfig
from world.render.renderer import Renderer, developed
from world.render.undevelop import CLEAR, UNKNOWN, undevelop
from world.scene.objects import Kind, Lights
from world.scene.places import load_place
from world.scene.state import SceneState
from world.train.distributed import DistributedContext
from world.train.painter import Pages, train_painter
from world.train.pictures import AGENTS, captures, stamp, write_captures

RIG = Rig(width=64, height=32, yaw=5.0)
CONFIG = PainterConfig(4, (8, 16), 8, 8)
RENDERER = Renderer()


def _state(seed: int = 3, weather: Weather = Weather.CLEAR, time: TimeOfDay = TimeOfDay.DAY) -> SceneState:
    return start(load_place("town-20"), seed, Control(weather=int(weather), time=int(time)))


def _red(state: SceneState) -> np.ndarray:
    """A look: all, the sky too, half as bright again and without blue."""
    shot = RENDERER.shot(state, RIG)
    return developed(shot.plain * np.float32([1.5, 1.5, 0.2]), shot, state)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("captures")
    states = [_state(), _state(4, Weather.RAIN_2, TimeOfDay.NIGHT), _state(5), _state(6)]
    write_captures(out, [(state, RIG, _red(state)) for state in states])
    return out


@pytest.fixture
def written(folder, tmp_path) -> dict[str, Any]:
    """What captures.json holds, beside its pictures in tmp_path."""
    for path in folder.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return dict(json.loads((folder / "captures.json").read_text()))


def _read(tmp_path: Path, text: object) -> list:
    (tmp_path / "captures.json").write_text(json.dumps(text))
    return captures(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_scenes_come_back_as_they_were_drawn(folder, number: int) -> None:
    capture = captures(folder)[number]
    state = (_state(), _state(4, Weather.RAIN_2, TimeOfDay.NIGHT))[number]
    there, back = (RENDERER.shot(one, RIG) for one in (state, capture.state))
    assert capture.rig == RIG and np.array_equal(capture.image(), _red(state))
    assert (there.gbuffer.instance == back.gbuffer.instance).mean() > 0.99
    assert np.abs(there.picture.astype(int) - back.picture).mean() < 0.3


@pytest.mark.slow
def test_a_picture_turns_back_into_light() -> None:
    state = _state()
    shot = RENDERER.shot(state, RIG)
    result = undevelop(shot.picture, shot.gbuffer, shot.view, shot.light, state.amounts[0])
    wanted = shot.plain * np.float32(shot.light.exposure)
    middling = (wanted > 0.05) & (wanted < 2.0) & (result != UNKNOWN)
    assert middling.mean() > 0.5
    assert np.median(np.abs(result[middling] / wanted[middling] - 1)) < 0.02
    assert np.quantile(np.abs(result[middling] / wanted[middling] - 1), 0.9) < 0.08


def test_what_fog_hides_is_not_known() -> None:
    state = _state(weather=Weather.FOG_2)
    shot = RENDERER.shot(state, RIG)
    result = undevelop(shot.picture, shot.gbuffer, shot.view, shot.light, state.amounts[0])
    full, edge = shot.gbuffer.coverage == 1, shot.light.extinction / -np.log(CLEAR)
    near, far = (full & at for at in (shot.gbuffer.inverse_depth > 2 * edge, shot.gbuffer.inverse_depth < 0.5 * edge))
    assert near.any() and (result[near] >= 0).all()
    assert far.any() and (result[far] == UNKNOWN).all()
    wanted = shot.plain * np.float32(shot.light.exposure)
    assert np.median(np.abs(result[near] / wanted[near] - 1)) < 0.06


def test_what_is_not_told_is_drawn_by_ids(written, tmp_path) -> None:
    frame = written["frames"][1]
    frame |= {"weather": "snow_2", "time_of_day": "night"}
    frame["objects"] = [
        {"class": name, "id": its, "x": 1.0, "y": 2.0, "heading": 0.5, "length": 4.4, "width": 1.8, "height": 1.5}
        for name, its in (("car", 7), ("car", 8), ("person", 9))
    ]
    state = _read(tmp_path, written)[1].state
    agents = state.agents[0]
    assert agents["kind"][:4].tolist() == [Kind.CAR, Kind.CAR, Kind.PERSON, Kind.NONE]
    assert agents["lights"][:3].tolist() == [Lights.HEAD, Lights.HEAD, Lights.NONE]
    assert agents["look"][0] != agents["look"][1]
    np.testing.assert_allclose(state.amounts[0], [0, 2 / 3, 0, 1, 0, 0])
    frame["objects"].reverse()
    again = _read(tmp_path, written)[1].state.agents[0]
    assert again["look"][2] == agents["look"][0]


def test_a_map_of_ones_own_lies_beside_the_pictures(written, tmp_path) -> None:
    town = Path(__file__).parents[3] / "world" / "scene" / "towns" / "town-20.json.gz"
    (tmp_path / "mine.json.gz").write_bytes(town.read_bytes())
    written["frames"][0]["map"] = "mine.json.gz"
    assert _read(tmp_path, written)[0].state.places[0].name == "mine"


def test_what_may_not_be_the_pictures_own_counts_nothing(written, tmp_path) -> None:
    written["frames"][0]["roadside"] = False
    result = _read(tmp_path, written)[0]
    shot, light = RENDERER.shot(result.state, result.rig), result.lesson(RENDERER).layers["picture"]
    stands = shot.gbuffer.instance > 0
    assert stands.any() and not stands.all()
    assert (light[stands] == UNKNOWN).all() and (light[~stands] != UNKNOWN).any()
    written["frames"][0]["roadside"] = "no"
    with pytest.raises(DataError, match='roadside is "no"; it must be true or false'):
        _read(tmp_path, written)


def _put(*path: str | int, value: object = None) -> Any:
    def change(text: dict[str, Any]) -> None:
        at: Any = text["frames"][1]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.update(format=2), "format is 2"),
        (lambda text: text.update(frames=[]), "holds no frames"),
        (lambda text: text.update(frames=[3]), "frame 0 is 3; it must be an object"),
        (lambda text: text["frames"][1].pop("car"), "frame 1, car is null"),
        (_put("camra", value={}), "frame 1 has a field 'camra'"),
        (_put("picture", value="no.png"), "frame 1: picture is \"no.png\"; there is no such file"),
        (_put("picture", value="../../etc/passwd"), "there is no such file"),
        (_put("picture", value="captures.json"), "is no picture that can be read"),
        (_put("map", value="atlantis"), "frame 1: map is \"atlantis\""),
        (_put("map", value="000000.png"), "frame 1, map: There is no place"),
        (_put("camera", "fov", value=200), "frame 1, camera: A camera's field of view"),
        (_put("camera", "width", value=20), "frame 1, camera has a field 'width'"),
        (_put("car", "x", value="3"), "frame 1, car: x is \"3\"; it must be a number"),
        (_put("car", "heading", value=float("nan")), "heading is NaN"),
        (_put("car", "speed", value=-1), "speed is -1; it must be a number from 0 to 100"),
        (_put("seconds", value=True), "seconds is true"),
        (_put("weather", value="hail"), "weather is \"hail\"; it must be one of clear, rain_1"),
        (_put("weather", value={"rain": 2}), "frame 1, weather: rain is 2"),
        (_put("time_of_day", value=["day"]), "time_of_day is"),
        (_put("objects", value={}), "objects is {}; it must be a list"),
        (_put("objects", 0, "class", value="tank"), "frame 1, object 0: class is \"tank\""),
        (_put("objects", 0, "length", value=0), "object 0: length is 0"),
        (_put("objects", 0, "id", value=1.5), "id is 1.5; it must be a whole number"),
        (_put("objects", 0, "lights", value=["disco"]), "lights is"),
        (_put("objects", value=[{}]), "object 0: there is no class"),
        (lambda text: text["frames"][1]["objects"].append(text["frames"][1]["objects"][0]), "has its own"),
        (lambda text: text["frames"][1].update(objects=[{}] * (AGENTS + 1)), f"keep the {AGENTS} nearest"),
    ],
)  # fmt: skip
def test_mistakes_are_named(written, tmp_path, change, says: str) -> None:
    change(written)
    with pytest.raises(DataError) as caught:
        _read(tmp_path, written)
    assert says in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("size", [(10, 10), (24, 64)])
def test_small_pictures_are_refused(written, tmp_path, size: tuple[int, int]) -> None:
    for frame in written["frames"]:
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / frame["picture"])
    with pytest.raises(DataError, match="smaller than 256 x 144"):
        _read(tmp_path, written)


def test_a_folder_that_changes_is_another(written, tmp_path) -> None:
    _read(tmp_path, written)
    before = stamp(tmp_path)
    Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(tmp_path / "000002.png")
    assert stamp(tmp_path) != before


def _train(folder: Path, held: Path, out: Path, **options: Any) -> list[dict[str, str]]:
    compute = DistributedContext("cpu", step_seconds=0.01)
    cache = out.parent / "cache"
    train_painter(folder, held, out, 40 * 0.01 / 60, config=CONFIG, compute=compute, cache=cache, **options)
    return list(csv.DictReader((out / "painter.csv").read_text().splitlines()))


@pytest.mark.slow
def test_a_painter_goes_on_with_pictures_and_learns_their_sky(folder, tmp_path) -> None:
    held = tmp_path / "held"
    states = [start(load_place("town-18"), seed, Control(time=int(TimeOfDay.DAY))) for seed in (1, 2)]
    write_captures(held, [(state, RIG, _red(state)) for state in states])
    rows = _train(folder, held, tmp_path / "first")
    assert float(rows[-1]["validation_loss"]) < 0.6 * float(rows[-1]["validation_plain"])
    again = _train(folder, held, tmp_path / "second", begin=tmp_path / "first", sky=True)
    assert float(again[0]["loss"]) < 0.8 * float(rows[0]["loss"])
    painters = [Painter.load(tmp_path / name) for name in ("first", "second")]
    assert [one.config.sky for one in painters] == [False, True]
    assert json.loads((tmp_path / "second" / "config.json").read_text())["trained"]["begin"] == painters[0].sha256
    wanted = captures(held)[0]
    errors = []
    for painter in painters:
        shot = Renderer(painter).shot(wanted.state, RIG)
        bare = shot.gbuffer.coverage == 0
        errors.append(np.abs(shot.picture[bare].astype(float) - wanted.image()[bare]).mean())
    assert errors[1] < 0.6 * errors[0]
    with pytest.raises(WeightsError, match="holds no painter that fits"):
        _train(folder, held, tmp_path / "third", begin=held)
    with pytest.raises(DataError, match="held out at once"):
        _train(folder, folder, tmp_path / "third")


def test_pages_keep_what_is_not_known(tmp_path) -> None:
    state = _state(weather=Weather.FOG_3)
    write_captures(tmp_path, [(state, RIG, RENDERER.draw(state, RIG))])
    light = Pages.load(tmp_path, tmp_path / "cache").batch(np.array([0]), None, "cpu")[2]
    assert (light == UNKNOWN).any() and (light >= 0).any()
