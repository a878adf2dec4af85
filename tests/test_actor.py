"""What paints an event's actor where it is said to be."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.drives import made_up_dataset
from tests.tiny_world import TINY, write_tiny_world
from world.actor import Actor, ActorConfig, covered, look
from world.controls import Event
from world.latent.dynamics import FIELD_EVENT
from world.layout import BOX, LOOK, unknown
from world.model import WorldModel
from world.train import train

WHERE = torch.tensor([0.25, 0.25, 0.5, 0.75])
PIXELS = slice(18, 54), slice(32, 64)  # of 72x128


def asked(event: Event, rows: int = 1) -> torch.Tensor:
    fields = torch.full((rows, 6), -1)
    fields[:, FIELD_EVENT] = int(event)
    return fields


def told(rows: int = 1) -> torch.Tensor:
    layout = unknown(rows)
    layout[:, BOX] = WHERE
    return layout


@pytest.fixture(scope="module")
def actor() -> Actor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Actor(ActorConfig(channels=8))


def test_a_box_covers_pixels_by_their_share() -> None:
    whole, part = covered(torch.stack([WHERE, torch.tensor([0.0, 0.0, 1.5 / 128, 0.5 / 72])]), 72, 128)
    assert float(whole.sum()) == pytest.approx(36 * 32) and whole[PIXELS].min() == 1.0
    assert part[0, :2].tolist() == pytest.approx([0.5, 0.25]) and float(part.sum()) == pytest.approx(0.75)


def test_a_look_is_how_much_brighter_the_actor_is() -> None:
    picture = torch.zeros(1, 3, 72, 128)
    picture[0, 0][PIXELS] = 1.0  # twice as red
    red, green, blue = look(picture, WHERE[None])[0].tolist()
    assert red == pytest.approx(math.log(1.03 / 0.53), abs=1e-3) and green == blue == pytest.approx(0.0, abs=1e-5)


def test_only_the_box_of_who_is_asked_for_is_painted(actor: Actor) -> None:
    picture = torch.rand(3, 3, 72, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    layout, fields = told(3), asked(Event.ANIMAL, 3)
    fields[1, FIELD_EVENT] = int(Event.NONE)
    layout[2, BOX] = torch.nan
    with torch.no_grad():
        painted = actor(picture, layout, unknown(3), fields)
    assert torch.equal(painted[1:], picture[1:])
    changed = (painted[0] != picture[0]).any(0)
    assert changed[PIXELS].float().mean() > 0.99
    changed[PIXELS] = False
    assert not changed.any()
    layout[:, BOX] = torch.tensor([0.5, 0.5, 0.503, 0.503])  # less than a pixel
    assert torch.equal(actor(picture, layout, unknown(3), fields), picture)


def test_it_learns_what_each_actor_looks_like() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        actor = Actor(ActorConfig(channels=8))
    optimizer = torch.optim.Adam(actor.parameters(), lr=5e-3)
    true = torch.zeros(2, 3, 72, 128)
    true[0, 0][PIXELS], true[1, 2][PIXELS] = 0.8, 0.8
    layout, fields = told(2), torch.cat([asked(Event.STALLED), asked(Event.DEBRIS)])
    layout[:, LOOK] = 0.0
    errors = []
    for _ in range(60):
        error = (actor(torch.zeros_like(true), layout, unknown(2), fields) - true).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.1 * errors[0]


def test_of_data_that_tell_of_no_actors_the_part_is_saved_as_it_begins(tmp_path: Path) -> None:
    data = made_up_dataset(tmp_path / "set")
    out = write_tiny_world(tmp_path / "w", config=replace(TINY, dynamics=replace(TINY.dynamics, layout_rows=6)))
    (out / "actor.safetensors").unlink()
    train("actor", data, data, out, minutes=0.01)
    assert "actor" in WorldModel.load(out)._parts
