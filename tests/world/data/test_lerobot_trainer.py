"""LeRobot itself, in an environment of its own: it opens our datasets, its trainer learns from them, and we read what it writes.

Runs by `make test-lerobot`, which makes the virtual environment that it needs.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.world.labels.formats.lots import FRONT, made, write
from world.data import DriveDataset, Episode, EpisodeWriter, assemble
from world.data.lerobot import import_lerobot
from world.inputs import DRIVING, Inputs
from world.labels.formats.lerobot import LeRobot

PYTHON = os.environ.get("LUCIDRIVE_LEROBOT", "")
ARM = Inputs(("shoulder", "elbow"), (-2.0, 0.0), (2.0, 1.0))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="needs a LeRobot of its own: make test-lerobot"),
]

OPEN = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
data = LeRobotDataset("lucidrive/test", root=sys.argv[1], video_backend="pyav")
item = data[len(data) - 1]
print(json.dumps({
    "frames": len(data), "episodes": data.num_episodes, "task": item["task"], "fps": data.fps,
    "action": item["action"].tolist(), "shade": float(item["observation.images.front"].mean()),
    "stats": {name: sorted(each) for name, each in data.meta.stats.items()},
}))
"""

WRITE = """
import sys
from pathlib import Path
import numpy as np
from lerobot.datasets.aggregate import aggregate_datasets
from lerobot.datasets.lerobot_dataset import LeRobotDataset
room = Path(sys.argv[1])
features = {
    "observation.images.wrist": {"dtype": "video", "shape": (48, 64, 3), "names": ["height", "width", "channels"]},
    "action": {"dtype": "float32", "shape": (2,), "names": ["shoulder", "elbow"]},
}
for number in range(2):
    data = LeRobotDataset.create(f"test/{number}", 20, features, root=room / str(number), vcodec="h264")
    for episode in range(2):
        for frame in range(40):
            shade = 20 + 60 * (2 * number + episode) + frame
            data.add_frame({
                "observation.images.wrist": np.full((48, 64, 3), shade, np.uint8),
                "action": np.array([shade, -frame], np.float32), "task": "reach",
            })
        data.save_episode()
    data.finalize()
aggregate_datasets([f"test/{n}" for n in (1, 0)], "test/both", [room / str(n) for n in (1, 0)], room / "both")
"""


def run(*arguments: str, room: Path) -> str:
    """What LeRobot's Python prints. Offline, and nothing of it outlives the test."""
    settings = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(room / "hub"),
        "HF_LEROBOT_HOME": str(room / "sets"),
        "WANDB_MODE": "disabled",
    }
    told = subprocess.run([PYTHON, *arguments], env=os.environ | settings, capture_output=True, text=True, cwd=room)
    assert told.returncode == 0, told.stderr[-3000:]
    return told.stdout


def dataset(root: Path, inputs: Inputs) -> Path:
    """Two episodes of 24 frames that grow brighter, a car's or an arm's."""
    with EpisodeWriter(root / "shard", inputs=inputs) as writer:
        for number in range(2):
            images = np.stack([np.full((96, 96, 3), 40 + 80 * number + frame, np.uint8) for frame in range(24)])
            values: dict[str, Any] = {"action": np.linspace([-1, 0], [1, 1], 24)}
            if inputs.driving:
                values["observation.state"] = np.linspace([0, 0], [9, 0.1], 24)
            writer.append(Episode(images, values, f"drive {number}"))
    return assemble(root / "set", [root / "shard"])


@pytest.mark.parametrize("inputs", [DRIVING, ARM], ids=["car", "arm"])
def test_it_opens_our_datasets(inputs: Inputs, tmp_path: Path) -> None:
    told = json.loads(run("-c", OPEN, str(dataset(tmp_path, inputs)), room=tmp_path).splitlines()[-1])
    assert (told["frames"], told["episodes"], told["task"], told["fps"]) == (48, 2, "drive 1", 10)
    assert told["action"] == pytest.approx([1, 1])
    assert told["shade"] == pytest.approx((40 + 80 + 23) / 255, abs=0.01)
    for name in ("observation.images.front", "action", "timestamp"):
        assert set(told["stats"][name]) == {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}


OPEN_LABELS = """
import json, sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
data = LeRobotDataset("lucidrive/test", root=sys.argv[1], video_backend="pyav")
item = data[len(data) - 1]
print(json.dumps({
    "frames": len(data), "cameras": data.meta.camera_keys, "agents": item["label.agents"].tolist(),
    "shades": {name: float(item[name].mean()) for name in data.meta.camera_keys},
}))
"""


def test_it_opens_labelled_drives(tmp_path: Path) -> None:
    write(LeRobot, tmp_path / "set", FRONT)
    told = json.loads(run("-c", OPEN_LABELS, str(tmp_path / "set"), room=tmp_path).splitlines()[-1])
    last = made("front")[-1][1][-1]
    assert told["frames"] == sum(len(result) for _, result in made("front"))
    assert told["cameras"] == [f"observation.images.{name}" for name in FRONT.cameras]
    assert told["agents"][0] == last.tracks[0].number
    for name, seen in last.views.items():
        assert told["shades"][f"observation.images.{name}"] == pytest.approx(seen.picture.mean() / 255, abs=0.02)


def test_its_trainer_takes_ten_steps_on_a_set_of_ours(tmp_path: Path) -> None:
    small = ("dim_model=64", "n_heads=4", "dim_feedforward=128", "n_encoder_layers=1", "n_vae_encoder_layers=1")
    options = [f"--policy.{option}" for option in (*small, "chunk_size=8", "n_action_steps=8", "latent_dim=8")]
    scaling = json.dumps({"VISUAL": "MEAN_STD", "STATE": "QUANTILES", "ACTION": "QUANTILES"})
    options += [
        "--policy.type=act",
        "--policy.device=cpu",
        "--policy.push_to_hub=false",
        f"--policy.normalization_mapping={scaling}",
    ]
    options += ["--policy.pretrained_backbone_weights=null", "--steps=10", "--batch_size=2", "--num_workers=0"]
    options += [
        f"--dataset.root={dataset(tmp_path, DRIVING)}",
        "--dataset.repo_id=lucidrive/test",
        "--dataset.video_backend=pyav",
    ]
    options += [
        f"--output_dir={tmp_path / 'trained'}",
        "--save_freq=10",
        "--log_freq=5",
        "--eval_freq=0",
        "--wandb.enable=false",
    ]
    run("-m", "lerobot.scripts.lerobot_train", *options, room=tmp_path)
    assert list((tmp_path / "trained/checkpoints/000010").rglob("model.safetensors"))


def test_we_read_what_it_writes_and_merges(tmp_path: Path) -> None:
    run("-c", WRITE, str(tmp_path), room=tmp_path)
    import_lerobot(tmp_path / "both", tmp_path / "ours")
    ours = DriveDataset.open(tmp_path / "ours")
    assert np.diff(ours.starts).tolist() == [20] * 4 and ours.tasks == ["reach"]
    shades = ours.images((48, 64)).mean((1, 2, 3))
    np.testing.assert_allclose(shades, ours.column("action")[:, 0], atol=4)  # the mean of two frames' shades
    assert shades[::20].argsort().tolist() == [2, 3, 0, 1]
