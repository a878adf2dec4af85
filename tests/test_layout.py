"""Worlds that are told what is where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.drives import made_up_dataset
from tests.test_dynamics import given_nothing
from tests.tiny_world import TINY, write_tiny_world
from world.controls import Event
from world.data.schema import COLUMNS
from world.errors import WeightsError
from world.files import go_on
from world.latent.dynamics import FIELD_EVENT, Dynamics
from world.layout import AIR, ATTENTION, BOX, LOOK, ROAD, attention, parts_of, road, unknown
from world.train.drives import Drives

TOLD = replace(TINY.dynamics, layout_rows=6)


def test_a_box_touches_patches_and_has_its_sides_in_them() -> None:
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0625, 0.55, 0.25, 0.6], [0.0] * 4, [torch.nan] * 4])
    touched, within = parts_of(boxes, 6, 8)
    assert touched[0].all() and torch.equal(within[0], torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(48, 4))
    assert touched[1].nonzero()[:, 0].tolist() == [24, 25]
    assert torch.allclose(within[1, 24:26], torch.tensor([[0.5, 0.3, 1.0, 0.6], [0.0, 0.3, 1.0, 0.6]]), atol=1e-6)
    assert not touched[2:].any()


def test_an_error_counts_more_where_the_actor_is() -> None:
    told = unknown(2)
    told[0, BOX] = torch.tensor([0.0, 0.0, 0.125, 1.0])
    there, nowhere = attention(told, 6, 8).view(2, 6, 8)
    assert torch.allclose(there[:, 0], torch.full((6,), ATTENTION)) and torch.equal(there[:, 1:], torch.ones(6, 7))
    assert torch.equal(nowhere, torch.ones(6, 8))


def test_the_road_in_numbers() -> None:
    told = road(torch.tensor([0.0, 20.0]), torch.tensor([5, 2]), torch.tensor([1, 0]), torch.tensor([0, 2]))
    assert torch.allclose(told, torch.tensor([[1.0, 1, 0, 1, 1, 0], [0.3679, 0, 1, 0, 0, 2]]), atol=1e-4)


def test_it_begins_as_if_told_nothing_and_learns_where_the_actor_is() -> None:
    torch.manual_seed(0)
    model = Dynamics(TOLD)
    torch.nn.init.normal_(model.residual.weight, std=0.1)
    given = given_nothing(2)
    given.fields_B6[:, FIELD_EVENT] = int(Event.STALLED)
    noise, tau, step = torch.randn(2, 48, 32), torch.zeros(2), torch.full((2,), 1 / 8)
    silent = model(noise, tau, step, given)
    given.layout_BL = unknown(2)
    given.layout_BL[:, BOX] = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    given.layout_BL[:, ROAD] = 1.0
    assert torch.equal(model(noise, tau, step, given), silent)
    wanted = given.anchor_BNC + parts_of(given.layout_BL[:, BOX], 6, 8)[0][..., None].float()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    errors = []
    for _ in range(60):
        error = (model(torch.randn(2, 48, 32), tau, step, given) - wanted).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.3 * errors[0]


def test_weights_that_were_told_nothing_can_be_gone_on_with(tmp_path: Path) -> None:
    begin = write_tiny_world(tmp_path)
    model = Dynamics(TOLD)
    go_on(begin, "dynamics", model)
    assert not model.road_in.weight.any()
    with pytest.raises(WeightsError):
        go_on(begin, "dynamics", Dynamics(replace(TOLD, dim=64)))


def test_what_the_data_tell_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made_up_dataset(tmp_path / "set")
    plain = Drives.load(root, (72, 128), tmp_path)
    told = {
        "event.box": np.tile(np.array([0.1, 0.2, 0.3, 0.4], np.float32), (len(plain), 1)),
        "label.junction_distance": np.zeros(len(plain), np.float32),
        "label.junction_arms": np.full(len(plain), 3),
        "label.lanes_left": np.zeros(len(plain), np.int64),
        "label.lanes_right": np.ones(len(plain), np.int64),
    }
    assert set(told) <= set(COLUMNS)
    dataset = plain.dataset
    column, names = type(dataset).column, dataset.names
    monkeypatch.setattr(type(dataset), "column", lambda self, name: told[name] if name in told else column(self, name))
    layout = Drives.load(root, (72, 128), tmp_path / "told").layout
    assert layout[3, LOOK].isfinite().all()
    assert torch.allclose(layout[3, : LOOK.start], torch.tensor([0.1, 0.2, 0.3, 0.4, 1, 1, 1, 0, 0, 1]))
    monkeypatch.setattr(type(dataset), "names", property(lambda self: tuple(set(names) - {"event.box"})))
    assert Drives.load(root, (72, 128), tmp_path).layout[:, : AIR.start].isnan().all()
