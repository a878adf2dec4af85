"""Data of others become one dataset: environments, videos with tables, LeRobot folders; bad ones are a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from examples.carracing import drive
from tests.world.data.films import shortened
from world.data import DriveDataset
from world.data.footage import first_frames, import_video
from world.data.gym import import_gym
from world.data.lerobot import import_lerobot
from world.data.sampling import between, resample
from world.data.video import VideoWriter
from world.errors import DataError
from world.inputs import DRIVING, Inputs
from world.train.in_memory import InMemoryDataset


class Ball(gymnasium.Env[Any, Any]):
    """A white square on black that the action moves; ends at the border."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, space: gymnasium.Space[Any], pixels: bool = True, render_mode: str | None = None) -> None:
        self.action_space, self.pixels, self.render_mode = space, pixels, render_mode
        self.observation_space = Box(0, 255, (24, 32, 3), np.uint8) if pixels else Box(-1, 1, (2,))
        self.actions: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.steps = 16.0, 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.actions.append(action)
        self.at = float(np.clip(self.at + np.asarray(action, np.float64).reshape(-1)[0], 2, 30))
        self.steps += 1
        return self._seen(), 0.0, False, self.steps >= 60, {}

    def render(self) -> np.ndarray:
        image = np.zeros((24, 32, 3), np.uint8)
        image[8:16, int(self.at) - 2 : int(self.at) + 2] = 255
        return image

    def _seen(self) -> np.ndarray:
        return self.render() if self.pixels else np.zeros(2, np.float32)


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Registers a Ball with this space and gives its name."""
    made: list[str] = []

    def register(space: gymnasium.Space[Any], **options: Any) -> str:
        name = f"lucidtest/Ball{len(made)}-v0"
        gymnasium.register(name, entry_point=lambda **given: Ball(space, **options, **given), order_enforce=False)
        made.append(name)
        return name

    request.addfinalizer(lambda: [gymnasium.registry.pop(name) for name in made] and None)
    return register


def test_a_box_keeps_its_width_names_and_bounds(make: Callable[..., str], tmp_path: Path) -> None:
    space = Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))
    counts = import_gym(make(space), 100, tmp_path / "a", names=("steer", "gas", "brake"), seed=3)
    dataset = DriveDataset.open(tmp_path / "a")
    assert counts == (len(dataset), 0) and len(dataset) >= 100
    assert dataset.inputs == Inputs(("steer", "gas", "brake"), (-1, 0, 0), (1, 1, 1))
    assert dataset.column("action").shape == (len(dataset), 3)
    assert dataset.fps == 10
    assert np.diff(dataset.starts).max() == 30  # 60 steps of an environment at 20 Hz
    images = dataset.images((24, 32))
    assert images.shape[1:] == (24, 32, 3)
    import_gym(make(space), 40, tmp_path / "late", seed=3, discard=10)
    late = DriveDataset.open(tmp_path / "late")
    np.testing.assert_array_equal(late.column("action")[:20], dataset.column("action")[10:30])
    import_gym(make(space), 100, tmp_path / "b", names=("steer", "gas", "brake"), seed=3)
    again = DriveDataset.open(tmp_path / "b")
    np.testing.assert_array_equal(dataset.column("action"), again.column("action"))


def test_a_discrete_action_is_one_of_several(make: Callable[..., str], tmp_path: Path) -> None:
    name = make(Discrete(3, start=-1), pixels=False)
    import_gym(name, 90, tmp_path / "set", held_out=tmp_path / "held", policy="random")
    dataset, held = DriveDataset.open(tmp_path / "set"), DriveDataset.open(tmp_path / "held")
    assert dataset.inputs.one_hot and dataset.inputs == held.inputs and len(held) > 0
    actions = dataset.column("action")
    assert set(np.unique(actions)) == {0, 1} and (actions.sum(1) == 1).all()
    moved = np.array([int(image[12].max(-1).argmax()) for image in dataset.images((24, 32))[:30]])
    wanted = np.clip(np.cumsum(2 * (actions[:29].argmax(1) - 1)), -14, 14) + 14
    assert np.abs(moved[1:] - wanted).max() <= 2  # the row's action leads to the next row's picture


def right(observation: np.ndarray) -> list[float]:
    assert observation.shape == (24, 32, 3)
    return [0.5]


def test_a_policy_of_ones_own(make: Callable[..., str], tmp_path: Path) -> None:
    name = make(Box(-1, 1, (1,)))
    import_gym(name, 60, tmp_path / "plain", policy="tests.world.data.test_imports:right")
    assert set(DriveDataset.open(tmp_path / "plain").column("action").tolist()) == {0.5}
    import_gym(name, 200, tmp_path / "varied", policy="tests.world.data.test_imports:right", vary=True)
    share = np.mean(DriveDataset.open(tmp_path / "varied").column("action") == 0.5)
    assert 0.3 < share < 0.99
    for policy, said in (("clever", "take random"), ("tests.world.data.test_imports:left", "cannot be imported")):
        with pytest.raises(DataError, match=said):
            import_gym(name, 60, tmp_path / "none", policy=policy)


def test_environments_that_cannot_be_imported(make: Callable[..., str], tmp_path: Path) -> None:
    def refused(name: str, said: str, **options: Any) -> None:
        with pytest.raises(DataError, match=said):
            import_gym(name, 20, tmp_path / "set", **options)
        assert not (tmp_path / "set/meta").exists()

    refused("Nothing-v7", "cannot be made")
    refused(make(Dict({"a": Discrete(2)})), "MultiBinary can")
    refused(make(Box(-np.inf, np.inf, (2,))), "no bounds")
    refused(make(Discrete(2)), "names were given", names=("one",))
    refused(make(Discrete(2), pixels=False), "no colour picture", pixels="obs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(DataError, match="not empty"):
        import_gym(make(Discrete(2)), 20, tmp_path / "full")


def test_the_example_keeps_to_the_road() -> None:
    grass = np.full((96, 96, 3), (100, 200, 100), np.uint8)
    grass[84:] = 0  # the dashboard of a car that stands
    for columns, turn in ((slice(20, 40), -1), (slice(40, 56), 0), (slice(56, 76), 1)):
        picture = grass.copy()
        picture[:84, columns] = 105
        steer, gas, brake = drive(picture)
        assert np.sign(round(steer, 1)) == turn and gas > 0 and brake == 0
    picture[84:94, 13] = 255
    assert drive(picture)[2] > 0  # far too fast


def test_carracing_can_be_imported(tmp_path: Path) -> None:
    pytest.importorskip("Box2D", reason="needs the extra `gym`")
    names = ("steer", "gas", "brake")
    import_gym("CarRacing-v3", 14, tmp_path / "set", names=names, policy="examples.carracing:drive", discard=2)
    dataset = DriveDataset.open(tmp_path / "set")
    assert len(dataset) == 14 and dataset.inputs == Inputs(names, (-1, 0, 0), (1, 1, 1))
    assert dataset.images((96, 96)).std() > 10


# -- video ------------------------------------------------------------------------------------------------------------


def film(path: Path, frames: int = 75, fps: float = 25.0, size: tuple[int, int] = (90, 160)) -> Path:
    """A grey that grows brighter with every frame."""
    with VideoWriter(path, fps) as writer:
        for number in range(frames):
            writer.write(np.full((*size, 3), (20 + 2 * number) % 256, np.uint8))
    return path


def table(path: Path, rows: list[list[Any]], header: str = "wheel,pedal") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_video_of_any_rate_and_shape_at_ten_frames_a_second(tmp_path: Path) -> None:
    video = film(tmp_path / "drive.mp4", size=(120, 160))
    drive = table(tmp_path / "drive.csv", [[n - 30, 0.5] for n in range(75)])
    count, _ = import_video(
        video, tmp_path / "set", actions=drive, columns="steer=wheel*-0.02,accel=pedal", size=(72, 128)
    )
    dataset = DriveDataset.open(tmp_path / "set")
    assert count == len(dataset) == 30 and dataset.inputs is DRIVING
    images = dataset.images((72, 128))
    brightness = images.mean((1, 2, 3))
    np.testing.assert_allclose(brightness, 20 + 2 * 2.5 * np.arange(30), atol=4)
    steer = dataset.column("action")[:, 0]
    assert steer[0] == pytest.approx(-0.02 * (-30 + 1), abs=0.011)  # the mean of the frames until the next one kept
    assert (np.diff(steer) < 0).all()
    drives = InMemoryDataset.load(tmp_path / "set", (72, 128), tmp_path / "cache")
    assert drives.motions[5, 2:].isnan().all() and not drives.motions[5, :2].isnan().any()
    assert (drives.fields == -1).all() and drives.moving.all()


def test_a_video_without_actions(tmp_path: Path) -> None:
    import_video(film(tmp_path / "drive.mp4"), tmp_path / "set")
    drives = InMemoryDataset.load(tmp_path / "set", (72, 128), tmp_path / "cache")
    assert drives.driving and drives.motions.isnan().all()


def test_rows_with_times_of_their_own(tmp_path: Path) -> None:
    video = film(tmp_path / "drive.mp4")
    rows = [[n / 50, n / 150, 0.1] for n in range(160)]
    drive = table(tmp_path / "drive.csv", rows, "t,throttle,tilt")
    import_video(video, tmp_path / "set", actions=drive, columns="time=t,gas=throttle,tilt=tilt", bounds="gas=0:2")
    dataset = DriveDataset.open(tmp_path / "set")
    assert dataset.inputs == Inputs(("gas", "tilt"), (0, -1), (2, 1))
    np.testing.assert_allclose(dataset.column("action")[:, 0], np.arange(30) * 5 / 150 + 2 / 150, atol=2 / 150)


def test_the_frames_a_dream_begins_with(tmp_path: Path) -> None:
    video = film(tmp_path / "drive.mp4")
    for at, first in ((0.0, 0), (1.0, 25)):
        frames = first_frames(video, at)
        assert frames.shape == (3, 90, 160, 3)
        np.testing.assert_allclose(frames.mean((1, 2, 3)), 20 + 2 * (first + np.array([0, 2.5, 5])), atol=2)
    with pytest.raises(DataError, match="begin earlier"):
        first_frames(video, 2.9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": "steer=pedals,accel=pedal"}, "has no column 'pedals'"),
        ({"columns": "steer=wheel"}, "go together"),
        ({"columns": "steer"}, "maps no column"),
        ({"columns": "steer=wheel*x,accel=pedal"}, "no number"),
        ({"rows": [[0, 0]] * 60}, "60 rows for the video's 75 frames"),
        ({"rows": [[0, 0]] * 40 + [["nan", 0]] + [[0, 0]] * 34}, "line 42: nothing finite in column 'wheel'"),
        ({"rows": [[0, 0]] * 40 + [["", 0]] + [[0, 0]] * 34}, "line 42"),
        ({"rows": [[0, 0]] * 74 + [["left", 0]]}, "'left' in column 'wheel'"),
        ({"rows": [[0, 0]] * 74 + [[30, 0]]}, "'steer' is .* out of its bounds -1 to 1"),
        ({"fps": 30}, "fewer than the 30"),
        ({"columns": "up=wheel,down=pedal", "bounds": "up=1:0"}, "bounds cannot be used"),
        ({"columns": "up=wheel,down=pedal", "bounds": "left=0:1"}, "no column that is imported"),
        ({"held": True}, "only one episode"),
    ],
)
def test_videos_and_tables_that_are_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    drive = table(tmp_path / "drive.csv", change.pop("rows", [[0, 0]] * 75))
    if change.pop("held", False):
        change["held_out"] = tmp_path / "held"
    options = {"columns": "steer=wheel,accel=pedal"} | change
    with pytest.raises(DataError, match=said):
        import_video(film(tmp_path / "drive.mp4"), tmp_path / "set", actions=drive, **options)
    assert not (tmp_path / "set/meta").exists()


def test_a_table_with_a_hole(tmp_path: Path) -> None:
    rows = [[n / 25, 0, 0] for n in range(75) if not 30 <= n < 40]
    drive = table(tmp_path / "drive.csv", rows, "time,steer,accel")
    with pytest.raises(DataError, match=r"misses rows: nothing between 1\.16 s and 1\.6 s"):
        import_video(film(tmp_path / "drive.mp4"), tmp_path / "set", actions=drive)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_video_that_is_cut_off(kind: str, tmp_path: Path) -> None:
    path = shortened(film(tmp_path / "whole.mp4", 200), tmp_path / f"drive.{kind}", 2 / 3)
    with pytest.raises(DataError, match="cut off"):
        import_video(path, tmp_path / "set")
    with pytest.raises(DataError, match="cannot be read as a video"):
        import_video(table(tmp_path / "no.mp4", [[1, 2]]), tmp_path / "set")


def test_a_dataset_of_another_rate_is_not_trained_on(tmp_path: Path) -> None:
    import_video(film(tmp_path / "drive.mp4"), tmp_path / "set", fps=5)
    with pytest.raises(DataError, match="5 frames/s and worlds are trained at 10"):
        InMemoryDataset.load(tmp_path / "set", (72, 128), tmp_path / "cache")


# -- LeRobot ----------------------------------------------------------------------------------------------------------

LENGTHS = (60, 45)  # frames of the two episodes, at 30 Hz


def actions(length: int) -> list[list[float]]:
    return [[n / length, -3.0] for n in range(length)]


def picture(episode: int, number: int) -> np.ndarray:
    return np.full((48, 64, 3), 30 + 100 * episode + number, np.uint8)


def lerobot(root: Path, version: str) -> Path:
    """A folder as LeRobot writes it, with the actions of an arm of two joints."""
    (root / "meta").mkdir(parents=True)
    key = "observation.images.wrist"
    info: dict[str, Any] = {
        "codebase_version": version,
        "robot_type": "arm",
        "fps": 30,
        "chunks_size": 1000,
        "total_episodes": len(LENGTHS),
        "total_frames": sum(LENGTHS),
        "features": {
            key: {"dtype": "video", "shape": [48, 64, 3]},
            "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["shoulder", "elbow"]}},
        },
    }
    tables = [
        pa.table(
            {
                "action": actions(length),
                "episode_index": [number] * length,
                "timestamp": [n / 30 for n in range(length)],
            }
        )
        for number, length in enumerate(LENGTHS)
    ]
    if version == "v2.1":
        info["data_path"] = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
        info["video_path"] = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
        with (root / "meta/episodes.jsonl").open("w") as file:
            for number, length in enumerate(LENGTHS):
                print(json.dumps({"episode_index": number, "tasks": ["reach"], "length": length}), file=file)
        for number, each in enumerate(tables):
            path = root / info["data_path"].format(episode_chunk=0, episode_index=number)
            video = root / info["video_path"].format(episode_chunk=0, episode_index=number, video_key=key)
            for one in (path, video):
                one.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(each, path)
            with VideoWriter(video, 30) as writer:
                for frame in range(len(each)):
                    writer.write(picture(number, frame))
    else:
        info["data_path"] = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
        info["video_path"] = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
        begins = np.cumsum([0, *LENGTHS]) / 30
        where = {"chunk_index": 0, "file_index": 0}
        entries = [
            {
                "episode_index": number,
                "tasks": ["reach"],
                "length": length,
                **{f"data/{kind}": 0 for kind in where},
                **{f"videos/{key}/{kind}": 0 for kind in where},
                f"videos/{key}/from_timestamp": begins[number],
                f"videos/{key}/to_timestamp": begins[number + 1],
            }
            for number, length in enumerate(LENGTHS)
        ]
        paths = (
            root / "meta/episodes/chunk-000/file-000.parquet",
            root / info["data_path"].format(**where),
            root / info["video_path"].format(**where, video_key=key),
        )
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(entries), paths[0])
        pq.write_table(pa.concat_tables(tables), paths[1])
        with VideoWriter(paths[2], 30) as writer:
            for number, length in enumerate(LENGTHS):
                for frame in range(length):
                    writer.write(picture(number, frame))
    (root / "meta/info.json").write_text(json.dumps(info))
    return root


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_lerobot_of_both_versions(version: str, tmp_path: Path) -> None:
    import_lerobot(lerobot(tmp_path / "arm", version), tmp_path / "set")
    dataset = DriveDataset.open(tmp_path / "set")
    assert np.diff(dataset.starts).tolist() == [20, 15] and dataset.tasks == ["reach"]
    assert dataset.inputs == Inputs(("shoulder", "elbow"), (0, -4), (59 / 60, -2))
    brightness = dataset.images((48, 64)).mean((1, 2, 3))
    np.testing.assert_allclose(brightness[:20], 30 + 3 * np.arange(20), atol=3)
    np.testing.assert_allclose(brightness[20:], 130 + 3 * np.arange(15), atol=3)
    action = dataset.column("action")
    np.testing.assert_allclose(action[:20, 0], (3 * np.arange(20) + 1) / 60, atol=1e-6)
    assert (action[:, 1] == -3).all()


def test_our_own_dataset_comes_back_as_it_was(tmp_path: Path) -> None:
    drive = table(tmp_path / "drive.csv", [[n / 75, 0.5, 8.0, 0.1] for n in range(75)], "steer,accel,speed,yaw_rate")
    import_video(film(tmp_path / "drive.mp4"), tmp_path / "first", actions=drive)
    import_lerobot(tmp_path / "first", tmp_path / "second")
    first, second = DriveDataset.open(tmp_path / "first"), DriveDataset.open(tmp_path / "second")
    assert second.inputs is DRIVING
    for name in ("action", "observation.state"):
        np.testing.assert_allclose(first.column(name), second.column(name), atol=1e-6)


def test_folders_that_are_no_lerobot_dataset(tmp_path: Path) -> None:
    root = lerobot(tmp_path / "arm", "v3.0")
    info = json.loads((root / "meta/info.json").read_text())

    def refused(said: str, **changes: Any) -> None:
        (root / "meta/info.json").write_text(json.dumps(info | changes))
        with pytest.raises(DataError, match=said):
            import_lerobot(root, tmp_path / "set")

    refused("format v1.6", codebase_version="v1.6")
    refused("has 5 frames/s", fps=5)
    refused("no actions", features={k: v for k, v in info["features"].items() if k != "action"})
    refused("Say which pictures", features=info["features"] | {"b": {"dtype": "video"}})
    video = next(root.glob("videos/*/*/*.mp4"))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    refused("cut off")
    video.unlink()
    refused("is missing")
    with pytest.raises(DataError, match="not a LeRobot dataset"):
        import_lerobot(tmp_path / "nowhere", tmp_path / "set")


# -- sampling ---------------------------------------------------------------------------------------------------------


def test_the_nearest_frames_are_kept() -> None:
    frames = [(n / 24, n) for n in range(25)]
    assert [number for _, number in resample(frames, 10)] == [0, 2, 5, 7, 10, 12, 14, 17, 19, 22, 24]


def test_what_was_done_between_frames_is_averaged() -> None:
    times, values = np.arange(6) / 20, np.arange(6.0)[:, None]
    starts = np.array([0.0, 0.1, 0.2])
    assert between(times, values, starts)[:, 0].tolist() == [0.5, 2.5, 4.5]
    assert between(times, values, starts, mean=False)[:, 0].tolist() == [0, 2, 4]
