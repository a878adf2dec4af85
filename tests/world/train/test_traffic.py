"""Training of traffic: what is trained is what drives, tokens say what was done, and a killed run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from world.controls import Control
from world.dream import step_all
from world.dynamics.traffic import load_traffic
from world.dynamics.traffic_net import PERSON, SIZES, VEHICLE, Size, forward
from world.errors import DataError
from world.scene.motion_tokens import ACCELERATIONS, STEP_OUT, STOP
from world.scene_dream import SceneDream
from world.scene_world import Others, SceneWorld
from world.train.distributed import DistributedContext
from world.train.traffic import TrafficRecipe, train_traffic
from world.train.traffic_drives import DriveJob, rule_samples
from world.train.traffic_network import Net, loss_of
from world.train.traffic_samples import TrafficSamples, load, save

TINY = TrafficRecipe(drives=1, seconds=6.0, sumo=0, rounds=1, own_drives=1, held=1, batch=16)
STEPS = DistributedContext(step_seconds=1.0)  # so that minutes are steps


@pytest.mark.parametrize("size", [VEHICLE, PERSON])
def test_the_network_that_is_trained_is_the_one_that_drives(size: Size) -> None:
    torch.manual_seed(1)
    net = Net(size)
    for name, parameter in net.named_parameters():
        if name.endswith("bias") or name == "nobody":
            torch.nn.init.normal_(parameter, std=0.3)
        parameter.data = parameter.data.half().float()
    random = np.random.default_rng(0)
    own = random.normal(size=(7, size.own)).astype(np.float32)
    near = random.normal(size=(7, size.most, size.near)).astype(np.float32)
    count = np.array([0, 1, 2, 5, size.most, 3, 9])
    logits = forward(net.network(), own, near, count)
    with torch.inference_mode():
        same = net(*(torch.from_numpy(one) for one in (own, near, count))).numpy()
    assert np.allclose(logits, same, atol=2e-4)
    assert 0.5e6 < sum(value.numel() for value in net.parameters()) < 0.7e6


def test_tokens_that_are_not_known_cost_nothing() -> None:
    logits = torch.randn(4, VEHICLE.first + VEHICLE.second)
    first, none = torch.tensor([1, 2, 3, 4]), torch.full((4,), -1)
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0])
    parts = loss_of(logits, first, none, weight, VEHICLE)
    assert float(parts["second"]) == 0.0 < float(parts["first"])
    other = first.clone()
    other[3] = 9  # of no weight
    assert torch.equal(loss_of(logits, other, none, weight, VEHICLE)["loss"], parts["loss"])


def test_drives_by_rules_are_the_same_again_and_saved_ones_too(tmp_path: Path) -> None:
    first, again = (rule_samples(DriveJob(5, 8.0)) for _ in range(2))
    vehicles, people = first["vehicles"], first["people"]
    assert len(vehicles) > 30 and len(people) > 10
    assert np.array_equal(vehicles.own, again["vehicles"].own) and np.array_equal(people.first, again["people"].first)
    fast = vehicles.own[:, 0].astype(float) * 10 > 5.0  # who cannot stand within half a second
    assert fast.any() and not (vehicles.first[fast] == STOP).any() and (vehicles.first == STOP).any()
    assert vehicles.first.max() <= len(ACCELERATIONS) and people.second.max() <= STEP_OUT
    save(first, tmp_path / "one.npz")
    assert np.array_equal(load(tmp_path / "one.npz")["vehicles"].near, vehicles.near)
    (tmp_path / "one.npz").write_bytes(b"no traffic")
    with pytest.raises(DataError, match="delete it"):
        load(tmp_path / "one.npz")


@pytest.mark.slow
def test_a_killed_run_goes_on_and_its_weights_drive(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_traffic(tmp_path, 0.4, recipe=TINY, compute=STEPS, workers=1, report=_killer)
    assert (tmp_path / "data" / "rules").is_dir() and not (tmp_path / "traffic").exists()
    said: list[str] = []
    made = train_traffic(
        tmp_path, 0.4, recipe=TINY, compute=STEPS, workers=1, report=lambda share, text: said.append(text)
    )
    assert not any(text == "drives by rules" for text in said) and any("its own drives" in text for text in said)
    traffic = load_traffic(made)
    assert traffic.vehicles.tokens.shape == (160, VEHICLE.first + VEHICLE.second)
    assert json.loads((made / "config.json").read_text())["trained"]["recipe"]["rounds"] == 1
    assert "vehicles-round-1" in (made / "README.md").read_text()
    _dreams_alike(made)


def _dreams_alike(weights: Path) -> None:
    """Dreams of a world with these weights go on the same alone, together, and from what was saved."""
    world = SceneWorld(("town-20", "town-21"), painter=None, others=Others(weights))

    def begun(seed: int) -> SceneDream:
        dream = SceneDream(world, seed, quality=0)
        dream.start()
        return dream

    together, alone = [begun(1), begun(2)], begun(2)
    for _ in range(4):
        step_all(together, [Control(), Control()])
        alone.step(Control())
    assert together[1].state_now.hash() == alone.state_now.hash()
    tensors, values = alone.state()
    assert values["weights"]["traffic"] == world.hashes["traffic"]
    again = SceneDream.from_state(world, tensors, values)
    again.step(Control())
    alone.step(Control())
    assert again.state_now.hash() == alone.state_now.hash()
    assert "traffic" not in SceneWorld(("town-20",), painter=None).hashes


def _killer(share: float, text: str) -> None:
    if text.startswith("its own drives"):
        raise KeyboardInterrupt


def test_a_recipe_without_drives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one to train on"):
        train_traffic(tmp_path, 1.0, recipe=TrafficRecipe(drives=0))
    assert not any(tmp_path.iterdir())


def test_none_at_all_have_the_shapes_of_some() -> None:
    for size in SIZES.values():
        assert len(TrafficSamples.concatenate([], size)) == 0 and TrafficSamples.concatenate([], size).own.shape == (
            0,
            size.own,
        )
