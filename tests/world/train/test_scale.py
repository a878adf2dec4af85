"""Several processes, parts of a batch, less memory, less precision: the same training."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import CliRunner

from tests.tiny_world import TINY
from tests.world.data.drives import made_up_dataset
from tests.world.latent.test_dynamics import given_nothing
from tests.world.train.train_shared import PLAIN, train_shared
from ui.cli import app
from ui.commands.training import Config
from world.errors import DataError
from world.files import write_config
from world.latent.dynamics import Dynamics
from world.presets import PRESETS, narrow, preset
from world.train import dynamics as dynamics_recipe
from world.train import rollout_buffer as buffer_recipe
from world.train import tokenizer as tokenizer_recipe
from world.train import train
from world.train.distributed import DistributedContext
from world.train.loop import Schedule, TrainingLoop
from world.train.plan import plan, table

LOGS = ("tokenizer", "dynamics-pairs", "dynamics-pool", "driver")
RELATIVE = 1e-3  # sums in another order, carried through a few steps of Adam
OPPOSED = 5e-3  # likewise, of two networks that learn against each other


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_dataset(tmp_path_factory.mktemp("drives"))


@pytest.fixture(scope="module")
def alone(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process trains, batches whole."""
    out = tmp_path_factory.mktemp("alone") / "run"
    train_shared(dataset, out, PLAIN)
    return out


def losses(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and losses by what was trained."""
    result = {}
    for name in LOGS:
        rows = csv.DictReader((folder / f"{name}.csv").read_text().splitlines())
        result[name] = [(int(row["step"]), float(row["loss"])) for row in rows if row["loss"]]
    return result


def assert_alike(one: Path, other: Path) -> None:
    """The same losses, and the same means of the gradients so far (Adam's first moments)."""
    first, second = losses(one), losses(other)
    for name in LOGS:
        assert [step for step, _ in first[name]] == [step for step, _ in second[name]]
        near = OPPOSED if name == "dynamics-pool" else RELATIVE
        assert [loss for _, loss in second[name]] == pytest.approx([loss for _, loss in first[name]], rel=near), name
        mean, its = (moments(folder / "checkpoints" / name) for folder in (one, other))
        assert (mean - its).norm() < 50 * RELATIVE * mean.norm(), name


def moments(checkpoint: Path) -> Tensor:
    tensors = load_file(checkpoint / "tensors.safetensors")
    return torch.cat([value.flatten() for key, value in sorted(tensors.items()) if key.endswith("exp_avg")])


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(dataset: Path, alone: Path, tmp_path: Path) -> None:
    launch = "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0"
    options = "--mixed_precision no --dynamo_backend no -m tests.world.train.train_shared"  # which asks for CPUs: gloo
    done = subprocess.run(
        [sys.executable, *launch.split(), *options.split(), str(dataset), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "2 processes" in done.stdout
    assert_alike(alone, tmp_path / "run")


@pytest.mark.slow
def test_a_batch_in_parts_takes_the_same_steps(dataset: Path, alone: Path, tmp_path: Path) -> None:
    parts = replace(PLAIN, accumulate=4, checkpointing=True)
    train_shared(dataset, tmp_path / "run", parts)
    assert_alike(alone, tmp_path / "run")


def gradients(compute: DistributedContext) -> tuple[Tensor, list[Tensor]]:
    """A loss of a tiny dynamics, and its gradients."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Dynamics(TINY.dynamics)
        for value in model.parameters():
            nn.init.normal_(value, std=0.1)
        noise = torch.randn(2, TINY.dynamics.tokens, TINY.dynamics.channels)
    compute.prepare(model)
    with compute.autocast():
        loss = model(noise, torch.zeros(2), torch.ones(2), given_nothing(2)).square().mean()
    loss.backward()
    return loss.detach(), [value.grad for value in model.parameters() if value.grad is not None]


def test_checkpointing_gives_the_same_gradients() -> None:
    plain, checkpointed = gradients(PLAIN), gradients(DistributedContext(mixed_precision="fp32", checkpointing=True))
    torch.testing.assert_close(plain, checkpointed)


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_blocks_give_the_same_gradients() -> None:
    torch.testing.assert_close(
        gradients(PLAIN), gradients(DistributedContext(mixed_precision="fp32", compile=True)), rtol=1e-3, atol=1e-5
    )


def test_bf16_computes_in_it_and_keeps_weights_in_float32() -> None:
    loss, grads = gradients(DistributedContext(mixed_precision="bf16"))
    plain, _ = gradients(PLAIN)
    assert loss == pytest.approx(float(plain), rel=0.05)
    assert loss != plain
    assert all(grad.dtype == torch.float32 for grad in grads)
    with pytest.raises(DataError, match="no precision 'fp8'"):
        DistributedContext(mixed_precision="fp8")


def test_every_row_belongs_to_one_part_of_one_process() -> None:
    shares = [
        torch.cat(list(DistributedContext(accumulate=2, rank=rank, processes=3).shares(24, together=2))).tolist()
        for rank in range(3)
    ]
    assert sorted(row for share in shares for row in share) == list(range(24))
    assert all(row + 1 in share for share in shares for row in share[::2])  # clips of two stay whole
    pairs = torch.cat(list(DistributedContext(accumulate=2, rank=1, processes=3).shares(12))).sort().values
    assert torch.equal(pairs, DistributedContext(rank=1, processes=3).own(12))
    with pytest.raises(DataError, match="cannot be shared by 3 processes"):
        list(DistributedContext(processes=3).shares(32))


def test_ctrl_c_ends_the_step_and_keeps_it(tmp_path: Path) -> None:
    def loop() -> TrainingLoop:
        return TrainingLoop(
            "line", tmp_path, nn.Linear(1, 1), Schedule(1.0, rate=0.1), DistributedContext(step_seconds=6.0)
        )

    def loss_of(step: int) -> Iterator[dict[str, Tensor]]:
        if step == 3 and first.step == 3:
            signal.raise_signal(signal.SIGINT)
        yield {"loss": running.model(torch.ones(1, 1)).sum()}

    before = signal.getsignal(signal.SIGINT)
    running = first = loop()
    with pytest.raises(KeyboardInterrupt):
        first.run(loss_of)
    assert signal.getsignal(signal.SIGINT) is before
    weight = first.model.weight
    running = second = loop()
    assert second.step == 4
    assert torch.equal(second.model.weight, weight)
    first.step = 0
    second.run(loss_of)
    assert second.step == 10


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_plan_says_what_a_config_takes(name: str) -> None:
    made = plan(preset(name))
    sizes = {"embedded": (10e6, 20e6), "small": (1e6, 5e6), "wide": (20e6, 30e6), "rtx5090": (0.9e9, 1.1e9)}
    assert sizes[name][0] < made.parameters < sizes[name][1]
    dynamics = next(part for part in made.parts if part.name == "dynamics")
    assert dynamics.checkpointed_bytes < dynamics.activation_bytes / 2
    linear = 2 * preset(name).dynamics.tokens * dynamics.parameters
    assert 0.6 * linear < dynamics.flops < 1.4 * linear  # two for every weight and token; FiLM once a frame; attention
    assert made.dream_flops > 2 * dynamics.flops
    assert dict(table(preset(name), made, 32))["parameters"] == f"{made.parameters / 1e6:,.1f} M"


@pytest.mark.slow
def test_the_configs_keep_their_promises() -> None:
    assert set(Config) == set(PRESETS)
    wide, large = preset("wide"), preset("rtx5090")
    scenes = 24 * 3 * wide.tokenizer.height * wide.tokenizer.width * 3
    assert 2 * plan(wide).parameters + scenes < 60e6
    assert (large.tokenizer.height, large.tokenizer.width) == (288, 512)
    dynamics = next(part for part in plan(large).parts if part.name == "dynamics")
    parts = dynamics.parts_within(32e9, frozen=0)
    assert parts is not None
    assert dynamics.parts_within(10e9, frozen=0) is None
    with pytest.raises(DataError, match="no config 'huge'"):
        preset("huge")


@pytest.mark.slow
def test_a_plan_is_printed_and_is_json() -> None:
    runner = CliRunner()
    shown = runner.invoke(app, ["train", "plan", "--config", "rtx5090"])
    assert shown.exit_code == 0
    assert "--checkpointing" in shown.stdout
    made = json.loads(runner.invoke(app, ["train", "plan", "--config", "embedded", "--json"]).stdout)
    assert made["parameters"] == sum(part["parameters"] for part in made["parts"])


@pytest.mark.slow
def test_a_narrow_rtx5090_takes_a_step_of_everything(dataset: Path, tmp_path: Path) -> None:
    config = narrow(preset("rtx5090"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffer_recipe, "DREAMS", 4)
        for name, value in {"PAIRS": 8, "CLIPS": 2, "VALIDATION_CLIPS": 2}.items():
            patch.setattr(dynamics_recipe, name, value)
        for name, value in {"BATCH": 4, "PCA_PATCHES": 5760}.items():
            patch.setattr(tokenizer_recipe, name, value)
        compute = DistributedContext(mixed_precision="bf16", checkpointing=True, accumulate=2, step_seconds=60.0)
        write_config(tmp_path, config, {})
        for part in ("tokenizer", "dynamics"):
            train(part, dataset, dataset, tmp_path, minutes=0.5, compute=compute)
    for name in ("tokenizer", "dynamics-pairs", "dynamics-pool"):
        rows = list(csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines()))
        assert rows[0]["step"] == "1"
    assert all(value.isfinite().all() for value in load_file(tmp_path / "dynamics.safetensors").values())
