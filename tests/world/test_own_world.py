"""A world in which no car is driven: its own actions, keys, no plans; from an imported dataset to a dream on the page."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bridge.errors import SessionError
from bridge.keyboard import Keyboard, default_bindings, parse_keys
from bridge.session import Session
from bridge.snapshot import Beginning
from tests.bridge.sessions import begin
from tests.conftest import wait_until
from tests.tiny_world import TINY, write_tiny_world
from ui.live import LiveDreamer
from world.controls import NULL, Control
from world.data import DriveDataset, Episode, EpisodeWriter, assemble
from world.data.imports import write_dataset
from world.errors import DataError, WeightsError
from world.evaluate.future import evaluate_future
from world.files import WorldConfig, read_config, write_config
from world.inputs import DRIVING, Inputs
from world.latent.dream import LatentDream
from world.model import WorldModel
from world.train import train
from world.train.card import future_table
from world.train.in_memory import InMemoryDataset
from world.train.release import release

RACING = Inputs(("steer", "gas", "brake"), (-1, 0, 0), (1, 1, 1))
PADDLE = Inputs(("noop", "up", "down"), (0, 0, 0), (1, 1, 1), one_hot=True)
OWN = replace(TINY, dynamics=replace(TINY.dynamics, inputs=RACING))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WorldModel:
    return WorldModel.load(write_tiny_world(tmp_path_factory.mktemp("own"), config=OWN))


def sliding(seed: int, frames: int = 60) -> Episode:
    """A bright bar on stripes that moves as `steer` says."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform([-1, 0, 0], 1, (frames, 3)).astype(np.float32)
    at = 64 + np.cumsum(np.append(0, 4 * actions[:-1, 0]))
    images = np.zeros((frames, 72, 128, 3), np.uint8)
    images[:, ::8] = 90
    for image, column in zip(images, at.clip(8, 120).astype(int), strict=True):
        image[20:50, column - 6 : column + 6] = (240, 200, 80)
    return Episode(images, {"action": actions}, "slide")


def test_rest_is_doing_nothing() -> None:
    assert RACING.rest == (0, 0, 0) and PADDLE.rest == (1, 0, 0)
    assert Inputs(("heat",), (2,), (5,)).rest == (2,)
    for bad in (((), (), ()), (("a", "a"), (0, 0), (1, 1)), (("a",), (1,), (1,)), (("a",), (0, 0), (1,))):
        with pytest.raises(ValueError):
            Inputs(*bad)


def test_a_dream_is_told_its_own_actions(model: WorldModel, tmp_path: Path) -> None:
    assert not model.driving
    dreams = [LatentDream(model, 1) for _ in range(3)]
    for dream in dreams:
        dream.start(scene="street")
    for _ in range(2):
        frames = [
            dream.step(Control(action=action))
            for dream, action in zip(dreams, ((-1.0, 1.0, 0.0), (-1.0, 1.0, 0.0), (1.0, 0.0, 1.0)), strict=True)
        ]
    assert np.array_equal(frames[0].image, frames[1].image) and not np.array_equal(frames[0].image, frames[2].image)
    assert math.isnan(frames[0].readout.speed) and frames[0].readout.weather == NULL
    with pytest.raises(DataError, match="3 values"):
        dreams[0].step(Control(action=(1.0,)))
    with pytest.raises(DataError, match="no driver"):
        assert model.driver
    dreams[1].save(tmp_path / "dream.safetensors")
    again = LatentDream.load(model, tmp_path / "dream.safetensors")
    assert again.frame is not None and again.frame.control == frames[1].control
    rest = Control(action=RACING.rest)
    assert np.array_equal(again.step(rest).image, dreams[1].step(rest).image)


def test_it_starts_from_nothing_too(model: WorldModel) -> None:
    dream = LatentDream(model)
    assert dream.start(Control()).image.shape == (72, 128, 3)
    assert dream.step(Control()).index == 1


@pytest.mark.parametrize(
    ("inputs", "held", "action"),
    [
        (RACING, "left up", (-1, 1, 0)),
        (RACING, "right down", (1, 0, 1)),
        (RACING, "", (0, 0, 0)),
        (Inputs(("turn", "drive"), (-2, -1), (2, 1)), "left down", (-2, -1)),
        (Inputs(("turn",), (-2,), (2,)), "up right", (2,)),
        (PADDLE, "down", (0, 0, 1)),
        (PADDLE, "left", (1, 0, 0)),
        (Inputs(("0", "1", "2"), (0,) * 3, (1,) * 3, one_hot=True), "right left", (0, 1, 0)),
    ],
)
def test_what_keys_mean(inputs: Inputs, held: str, action: tuple[float, ...]) -> None:
    assert Keyboard(inputs).action(frozenset(held.split())) == action


def test_keys_of_ones_own() -> None:
    keys = parse_keys("left=brake:0.5, up=gas", RACING)
    assert keys == {"left": ("brake", 0.5), "up": ("gas", 1)} and set(default_bindings(RACING)) == {
        "left",
        "right",
        "up",
        "down",
    }
    assert Keyboard(RACING, keys).action(frozenset({"left", "right"})) == (0, 0, 0.5)
    for text in ("jump=gas", "left=wheel", "left", "left=gas:2", "left=gas:fast"):
        with pytest.raises(SessionError):
            parse_keys(text, RACING)


def test_a_session_obeys_keys_alone(model: WorldModel) -> None:
    session = Session(lambda seed: LatentDream(model, seed))
    assert session.frame.control.action == RACING.rest
    session.press(frozenset({"left", "up"}))
    session.begin_tick()
    frame = session.tick()
    assert frame is not None and frame.control.action == (-1, 1, 0)
    now = session.snapshot()
    assert now.by_keys and now.weather == now.time == NULL
    for ask in (lambda: session.say("turn left"), lambda: session.plan("rain(2)")):
        with pytest.raises(SessionError, match="obeys the keys"):
            ask()


def test_a_session_begins_in_a_film(model: WorldModel) -> None:
    film = sliding(3).images[:3]
    session = Session(lambda seed: LatentDream(model, seed), beginning=Beginning(film, 8.0))
    assert np.array_equal(session.frame.image, film[2]) and session.frame.motion.speed == 8.0
    begin(session, 1, "street")
    assert not np.array_equal(session.frame.image, film[2])


def test_a_clip_of_it_keeps_its_shape_and_actions(model: WorldModel, tmp_path: Path) -> None:
    session = Session(lambda seed: LatentDream(model, seed))
    session.press(frozenset({"right"}))
    for _ in range(3):
        session.begin_tick()
        session.tick()
    _, beside, _ = session.save_clip(tmp_path)
    moments = json.loads(beside.read_text())["per_frame"]
    assert moments[-1]["control"]["action"] == [1.0, 0.0, 0.0] and moments[-1]["readout"]["speed"] is None


def test_the_page_offers_keys_alone(tmp_path: Path) -> None:
    folder = write_tiny_world(tmp_path / "own", config=OWN)
    dreamer = LiveDreamer.load(folder, keys="up=gas:0.5")
    try:
        assert not dreamer.driving and dreamer.known == frozenset()
        drive = dreamer.open(lambda: None)
        drive.press(frozenset({"up"}))
        wait_until(lambda: drive.view().frame.control.action == (0, 0.5, 0))
        assert drive.view().by_keys and drive.view().weather == NULL
        with pytest.raises(SessionError, match="obeys the keys"):
            drive.say("let it rain")
        drive.close()
    finally:
        dreamer.close()


# -- data and training --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sliding")
    write_dataset([sliding(seed) for seed in range(4)], root / "set", RACING, held_out=root / "held")
    return root


def test_the_dataset_says_its_actions(dataset: Path, tmp_path: Path) -> None:
    assert len(DriveDataset.open(dataset / "held")) == 60
    info = json.loads((dataset / "set/meta/info.json").read_text())
    assert info["features"]["action"] == {
        "dtype": "float32",
        "shape": [3],
        "names": ["steer", "gas", "brake"],
        "low": [-1, 0, 0],
        "high": [1, 1, 1],
        "one_hot": False,
    }
    drives = InMemoryDataset.load(dataset / "set", (72, 128), tmp_path)
    action = torch.from_numpy(drives.dataset.column("action").copy())
    assert not drives.driving and torch.equal(drives.motions[5], action[4])


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (np.full((20, 3), 2.0), "'steer' is 2 in frame 0 .* out of its bounds -1 to 1"),
        (np.full((20, 2), 0.5), "must have 3 values"),
    ],
)
def test_actions_that_do_not_fit(actions: np.ndarray, said: str, tmp_path: Path) -> None:
    episode = Episode(np.zeros((20, 48, 64, 3), np.uint8), {"action": actions})
    with pytest.raises(DataError, match=said):
        write_dataset([episode], tmp_path / "set", RACING)
    two = np.eye(3)[[0] * 20] + np.eye(3)[[1] * 20]
    with pytest.raises(DataError, match="exactly one 1"):
        write_dataset([replace(episode, values={"action": two})], tmp_path / "two", PADDLE)
    assert not (tmp_path / "set/meta").exists() and not (tmp_path / "two/shards").exists()


@pytest.mark.parametrize(("value", "said"), [(3.0, "at 3 in row 25"), (np.nan, "at nan in row 25")])
def test_a_dataset_with_odd_actions_is_not_trained_on(value: float, said: str, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset / "held", tmp_path / "set")
    path = next((tmp_path / "set/data").glob("*/*.parquet"))
    rows = pq.read_table(path)
    actions = np.array(rows["action"].to_pylist(), np.float32)
    actions[25, 1] = value
    column = pa.FixedSizeListArray.from_arrays(pa.array(actions.reshape(-1)), 3)
    pq.write_table(rows.set_column(rows.column_names.index("action"), "action", column), path)
    with pytest.raises(DataError, match=f"'gas' {said}, out of its bounds 0 to 1"):
        InMemoryDataset.load(tmp_path / "set", (72, 128), tmp_path / "cache")


def test_shards_of_different_actions_do_not_join(tmp_path: Path) -> None:
    for name, inputs, width in (("a", DRIVING, 2), ("b", RACING, 3)):
        with EpisodeWriter(tmp_path / name, inputs=inputs) as writer:
            writer.append(Episode(np.zeros((5, 48, 64, 3), np.uint8), {"action": np.zeros((5, width))}))
    with pytest.raises(DataError, match="kind of action"):
        assemble(tmp_path / "set", [tmp_path / "a", tmp_path / "b"])


def test_weights_and_data_must_agree(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    write_config(out, TINY, {"tokenizer": {}})
    with pytest.raises(DataError, match="steer, accel, speed, yaw_rate, and the data has steer, gas, brake"):
        train("dynamics", dataset / "set", dataset / "held", out, minutes=0.01)
    config = json.loads((out / "config.json").read_text())
    config["parts"]["dynamics"]["inputs"] = {"names": ["a"], "low": [0], "high": [1], "one_hot": False, "x": 1}
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="damaged"):
        read_config(out)
    assert isinstance(OWN, WorldConfig) and "driver" not in OWN.build()


@pytest.mark.slow
def test_from_an_import_to_a_dream(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    write_config(out, TINY, {})
    train("tokenizer", dataset / "set", dataset / "held", out, minutes=0.02)
    half = out / "checkpoints/tokenizer.new"
    half.mkdir()
    (half / "tensors.safetensors").write_bytes(b"killed while it was written")
    train("tokenizer", dataset / "set", dataset / "held", out, minutes=0.03)  # goes on from the last good one
    train("dynamics", dataset / "set", dataset / "held", out, minutes=0.02)
    with pytest.raises(DataError, match="no driver to train"):
        train("driver", dataset / "set", dataset / "held", out, minutes=0.01)
    assert read_config(out)[0].dynamics.inputs == RACING
    scores = evaluate_future(out, dataset / "held", tmp_path / "cache", clips=4)
    assert {len(row) for row in scores["dream_psnr"].values()} == {4} and len(future_table(scores)) == 5
    release(out, dataset / "held", tmp_path / "weights")
    model = WorldModel.load(tmp_path / "weights")
    assert len(model.scenes) == 8
    dream = LatentDream(model)
    assert dream.start(scene=model.scenes[0]).control.weather == NULL
    assert dream.step(Control(action=(0.5, 0.0, 0.0))).image.shape == (72, 128, 3)


def test_other_data_are_not_measured_on(model: WorldModel, dataset: Path, tmp_path: Path) -> None:
    paddle = Episode(np.zeros((20, 72, 128, 3), np.uint8), {"action": np.tile((1.0, 0.0, 0.0), (20, 1))})
    write_dataset([paddle], tmp_path / "set", PADDLE)
    folder = write_tiny_world(tmp_path / "own", config=OWN)
    with pytest.raises(DataError, match=r"trained on steer, gas, brake and .* noop, up, down"):
        evaluate_future(folder, tmp_path / "set", tmp_path / "cache")
