"""Training of the scene driver: what is trained is what drives, and a killed run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from world.dynamics.observe import CROSSER, CROSSERS, OWN, USER, USERS
from world.dynamics.policy import load_policy, residual
from world.errors import DataError
from world.train.scene_driver import DriverRecipe, PolicyNetwork, loss_of, train_scene_driver
from world.train.scene_drives import DriverSamples, drives

TINY = DriverRecipe(rounds=2, drives=1, seconds=3.0, steps=2, last_steps=2, batch=8)


def test_the_network_that_is_trained_is_the_one_that_drives() -> None:
    torch.manual_seed(1)
    network = PolicyNetwork()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
        parameter.data = parameter.data.half().float()
    rng = np.random.default_rng(0)
    own = rng.normal(size=OWN).astype(np.float32)
    users = rng.normal(size=(USERS, USER)).astype(np.float32)
    crossers = rng.normal(size=(CROSSERS, CROSSER)).astype(np.float32)
    for counts in ((0, 0), (3, 0), (USERS, CROSSERS)):
        out = np.empty(2, np.float32)
        residual(network.policy(), own, users, counts[0], crossers, counts[1], out)
        batch = (torch.from_numpy(one)[None] for one in (own, users, crossers, np.array(counts)))
        assert np.allclose(out, network(*batch)[0].detach().numpy(), atol=1e-4)


def test_before_training_nothing_is_added() -> None:
    shapes = ((4, OWN), (4, USERS, USER), (4, CROSSERS, CROSSER))
    added = PolicyNetwork()(*(torch.randn(shape) for shape in shapes), torch.ones(4, 2, dtype=torch.int64))
    assert not added.any()


def test_what_the_pedals_cannot_do_costs_nothing_and_missed_braking_most() -> None:
    own = torch.zeros(1, OWN)
    own[0, -1] = 0.5  # the base accelerates

    def loss(added: float, label: float) -> float:
        return float(loss_of(torch.tensor([[0.0, added]]), own, torch.tensor([[0.0, label]]), 4.0))

    assert loss(-3.0, -1.0) == 0.0  # braking harder than fully
    assert loss(-0.6, -0.6) > loss(-1.6, -0.6) > loss(0.5, 0.5)


@pytest.mark.slow
def test_drives_are_the_same_again_and_saved_ones_too(tmp_path: Path) -> None:
    first, again = (drives([5, 6], 2.0, None) for _ in range(2))
    assert len(first) > 5 and np.array_equal(first.own, again.own) and np.array_equal(first.labels, again.labels)
    first.save(tmp_path / "round.npz")
    assert np.array_equal(DriverSamples.load(tmp_path / "round.npz").users, first.users)
    (tmp_path / "round.npz").write_bytes(b"no drives")
    with pytest.raises(DataError, match="delete it"):
        DriverSamples.load(tmp_path / "round.npz")


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    seen: list[str] = []
    train_scene_driver(tmp_path / "whole", TINY, report=lambda share, text: seen.append(text))
    with pytest.raises(KeyboardInterrupt):
        train_scene_driver(tmp_path / "killed", TINY, report=_killer)
    rest: list[str] = []
    made = train_scene_driver(tmp_path / "killed", TINY, report=lambda share, text: rest.append(text))
    assert len(rest) < len(seen)
    assert load_policy(made).action.shape == (load_policy(tmp_path / "whole" / "driver").action.shape)
    assert (tmp_path / "killed" / "round-00.npz").exists()


def _killer(share: float, text: str) -> None:
    if text.startswith("round 2"):
        raise KeyboardInterrupt
