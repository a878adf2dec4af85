"""The buffer of dreams that a dynamics learns from, and its critic."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tests.tiny_world import TINY, write_tiny_world
from tests.world.data.drives import made_up_dataset
from world.errors import WeightsError
from world.files import go_on, seeded
from world.model import WorldModel
from world.train import rollout_buffer as pooling
from world.train.discriminator import Discriminator, hinge
from world.train.distributed import DistributedContext
from world.train.in_memory import InMemoryDataset, encode_all
from world.train.recipe import Recipe
from world.train.rollout_buffer import RolloutBuffer, ahead


def test_what_lies_ahead_is_the_mean_of_the_frames_to_come() -> None:
    assert ahead(torch.tensor([0.0, 0.0, 4.0, 0.0]), 2).tolist() == [0.0, 2.0, 2.0, 0.0]


def test_a_critic_learns_what_is_true() -> None:
    generator = seeded(0, "cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = Discriminator()
    optimizer = torch.optim.AdamW(critic.parameters(), lr=2e-3)
    fields = torch.zeros(8, 6, dtype=torch.int64)

    def said(flat: bool) -> torch.Tensor:
        pictures = torch.rand(8, 3, 32, 64, generator=generator) * (0.1 if flat else 1.0)
        return critic(pictures, pictures, fields)

    for _ in range(30):
        critic.renew()
        loss = hinge(said(False), said(True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert said(False).mean() > said(True).mean() + 0.5


@pytest.mark.slow
def test_dreams_of_a_group_go_on_together_and_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GROUPS": 1, "DREAMS": 4, "LENGTHS": (4, 4), "STEPS": (2,)}.items():
        monkeypatch.setattr(pooling, name, value)
    drives = InMemoryDataset.load(made_up_dataset(tmp_path / "drives"), (72, 128), tmp_path)
    model = WorldModel.load(write_tiny_world(tmp_path / "weights"))
    dynamics = model.dynamics.requires_grad_(True)
    latents = encode_all(drives, model.tokenizer, "cpu", tmp_path, model.hashes)
    weights = (drives.age >= 1).double()
    buffer = RolloutBuffer(
        model.tokenizer,
        dynamics,
        drives,
        latents,
        weights,
        torch.ones(32),
        DistributedContext(),
        seeded(0, "cpu"),
        Recipe(),
    )
    seen, lengths = [], []
    for _ in range(9):
        for losses in buffer.step(0.0):
            losses["loss"].backward()
        (group,) = buffer.groups
        seen.append((group.age, group.at.clone(), group.caches[0].keys.shape[-2]))
        lengths.append(group.length)
    for (age, at, cached), (next_age, next_at, next_cached) in pairwise(seen):
        if next_age > 1:  # the same dreams, a frame on, that remember one frame more
            assert next_age == age + 1
            assert torch.equal(next_at, at + 1)
            assert next_cached == min(cached + 1, TINY.dynamics.context)
        else:
            assert next_cached == 1
    assert [age for age, _, _ in seen].count(1) >= 2
    assert max(lengths) <= 4
    assert model.dynamics.residual.weight.grad is not None
    assert buffer.discriminator.fine.bias is not None and buffer.discriminator.fine.bias.abs().sum() > 0
    assert (drives.age[group.at - 1] >= group.age).all()  # none has left its drive


def test_weights_of_other_shapes_cannot_be_gone_on_with(tmp_path: Path) -> None:
    weights = write_tiny_world(tmp_path)
    module = TINY.build()["dynamics"]
    go_on(weights, "dynamics", module)
    assert module.training and all(value.requires_grad for value in module.parameters())
    with pytest.raises(WeightsError, match="another configuration"):
        go_on(weights, "dynamics", TINY.build()["tokenizer"])
