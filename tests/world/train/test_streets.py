"""Training what dreams streets and roadsides: lessons are what a network holds, and a killed run goes on."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.world.dynamics.test_streets import TINY
from tests.world.grid import graph
from world.dynamics.growth import FEATURES, ROWS
from world.dynamics.prefix_lm import PrefixLM, load
from world.dynamics.streets import load_streets
from world.errors import DataError
from world.files import sha256
from world.scene.character import Character
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.places import ENDING, save
from world.scene.tokens import decode_arms
from world.town.network import SPLITS
from world.town.plans import ABOUT, FIRST, VERSION, collect, generate, networks, plan
from world.train.distributed import DistributedContext
from world.train.networks import batch, inner_of, lesson, network_of
from world.train.prefix_lm_card import POINTS, write_prefix_lm_card
from world.train.streets import map_network, train_streets


def grid(side: int = 6) -> RoadGraph:
    junctions = tuple(Junction(90.0 * c, 90.0 * r, (c + r) % 2 == 0) for r in range(side) for c in range(side))
    streets = [Street(k, k + 1) for k in range(side * side) if k % side < side - 1]
    return RoadGraph(junctions, (*streets, *(Street(k, k + side, (), 2, 2) for k in range(side * (side - 1)))))


def test_junctions_at_the_edge_teach_nothing() -> None:
    network = network_of(Character("grid"), grid())
    assert sorted(network.inner.tolist()) == [6 * r + c for r in range(1, 5) for c in range(1, 5)]
    assert len(inner_of(network_of(Character(), graph()).whole)) == 1


def test_lessons_hold_the_arms_that_are_missing() -> None:
    network, random = network_of(Character("grid", "dense", 2), grid()), np.random.default_rng(0)
    lessons = [one for _ in range(40) if (one := lesson(network, random))]
    counts = set()
    for one in lessons:
        _, arms = decode_arms(one.tokens)
        there = one.rows[one.there]
        assert len(arms) + int(there[:, 8].sum()) == 4  # new ones and those that touch it
        counts.add(len(arms))
        assert all(60 < arm.length < 130 for arm in arms)
        turns = sorted(arm.direction for arm in arms)
        assert all(b - a > math.radians(40) for a, b in itertools.pairwise(turns))
    assert len(counts) > 2 and any(0 in one.conditions for one in lessons)


def test_a_batch_has_what_comes_after_each_token() -> None:
    rows, there, told, tokens, after = batch([network_of(Character(), grid())], 5, np.random.default_rng(1))
    assert rows.shape == (5, ROWS, FEATURES) and there.shape == (5, ROWS) and told.shape == (5, 3)
    for k in range(5):
        own = after[k][after[k] >= 0]
        assert (tokens[k, 1 : len(own)] == own[:-1]).all()


def folder_of(path: Path, split: str, count: int) -> None:
    path.mkdir(parents=True)
    (path / ABOUT).write_text(json.dumps({"version": VERSION, "split": split}))
    for number in range(count):
        save(replace(grid(), look="dense"), path / f"{number:06d}-dense-grid-2{ENDING}")


def test_networks_of_other_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say"):
        networks(tmp_path, "train")
    folder_of(tmp_path / "train", "train", 1)
    assert [character for character, _ in networks(tmp_path / "train", "train")] == [Character("grid", "dense", 2)]
    with pytest.raises(DataError, match="of train"):
        networks(tmp_path / "train", "test")
    with pytest.raises(DataError, match="of train"):
        collect(tmp_path / "train", 1, "test")
    with pytest.raises(DataError, match="no split"):
        plan("all", 0)


def test_no_split_shares_a_seed_with_another_or_with_a_town() -> None:
    seeds = {int(plan(split, n)[1][plan(split, n)[1].index("--seed") + 1]) for split in FIRST for n in range(50)}
    assert len(seeds) == 150
    assert not seeds & {1000 + town for towns in SPLITS.values() for town in towns}


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        folder_of(tmp_path / "networks" / split, split, 2)

    def train(minutes: float) -> None:
        compute = DistributedContext(step_seconds=1.0, mixed_precision="fp32")
        train_streets(
            tmp_path / "out", minutes, count=2, held=2, data=tmp_path / "networks", config=TINY, size=4, compute=compute
        )

    train(0.05)
    train(0.1)
    load.cache_clear()
    assert all(value.isfinite().all() for value in load_streets(tmp_path / "out").state_dict().values())
    trained = json.loads((tmp_path / "out" / "config.json").read_text())["trained"]
    assert trained["steps"] == 6 and trained["networks"] == 2 + len(SPLITS["train"])
    assert "validation_loss" in (tmp_path / "out" / "streets.csv").read_text().splitlines()[0]
    card = (tmp_path / "out" / "README.md").read_text()
    last = (tmp_path / "out" / "streets.csv").read_text().splitlines()[-1].split(",")
    assert f"| {last[0]} | {float(last[1]) / 60:.1f} | {float(last[-1]):.3f} |" in card and "| steps | 6 |" in card


@pytest.mark.slow
def test_real_streets_teach_too_and_weights_are_gone_on_from(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        folder_of(tmp_path / "networks" / split, split, 2)
    real, alone = tmp_path / f"city{ENDING}", tmp_path / f"alone{ENDING}"
    save(grid(), real)
    save(RoadGraph((Junction(0, 0), Junction(120, 0)), (Street(0, 1),)), alone)
    assert map_network(real).character == Character() and len(map_network(real).inner) == 16
    sizes = {"count": 2, "held": 2, "data": tmp_path / "networks", "config": TINY, "size": 4}
    compute = DistributedContext(step_seconds=1.0, mixed_precision="fp32")
    first = train_streets(tmp_path / "first", 0.05, **sizes, compute=compute)
    further = train_streets(tmp_path / "further", 0.05, **sizes, compute=compute, maps=[real], begin=first)
    trained = json.loads((further / "config.json").read_text())["trained"]
    assert trained["maps"] == real.name and trained["begun from"] == sha256(first / "streets.safetensors")[:12]
    before, after = (load_streets(folder).state_dict() for folder in (first, further))
    gone = max(float((before[name] - after[name]).abs().max()) for name in before)
    assert 0 < gone < 0.02  # three gentle steps away, not anywhere
    with pytest.raises(DataError, match="larger part"):
        train_streets(tmp_path / "none", 0.05, **sizes, compute=compute, maps=[alone])


def test_a_card_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    (tmp_path / "streets.csv").write_text("step,seconds,rate,loss,validation_loss\n" + "7,60,,,1.5\n" * 30)
    card = write_prefix_lm_card(tmp_path, "streets", "Dreams.", PrefixLM(TINY), {"steps": 7})
    assert card.read_text().count("| 7 | 1.0 | 1.500 |") in range(1, POINTS + 1)
    card.write_text(card.read_text() + "By hand.\n")
    again = write_prefix_lm_card(tmp_path, "streets", "Dreams again.", PrefixLM(TINY), {"steps": 8}).read_text()
    assert again.endswith("By hand.\n") and "Dreams again." in again and "| steps | 8 |" in again


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one"):
        train_streets(tmp_path, 1.0, count=0)


def test_lessons_hold_one_way_streets() -> None:
    """Every arm of a network's junction comes back with its lanes, those that lead only in or only out among them."""
    streets = tuple(replace(s, backward=0) if k % 3 == 0 else s for k, s in enumerate(grid().streets))
    network, random = network_of(Character("grid"), replace(grid(), streets=streets)), np.random.default_rng(0)
    lessons = [one for _ in range(60) if (one := lesson(network, random))]
    arms = [arm for one in lessons for arm in decode_arms(one.tokens)[1]]
    assert any(arm.out == 0 for arm in arms) and any(arm.into == 0 for arm in arms)
    assert all(arm.out or arm.into for arm in arms)


@pytest.mark.sim
def test_some_networks_have_one_way_streets() -> None:
    pytest.importorskip("sumo")
    one_way = next(n for n in range(20) if "--bidi-probability" in plan("train", n)[1])
    _, made_graph = generate("train", one_way)
    assert any(not (street.forward and street.backward) for street in made_graph.streets)
