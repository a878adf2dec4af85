"""Streets that are grown: whatever the weights, the map is whole; wishes are there or it is said; the same again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.scene.test_hd_map import areas_fit, whole
from world.dynamics.growth import FEATURES, ROWS, SECTORS, GraphArrays, Growth, JunctionSpec
from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, save
from world.dynamics.streets import LIKE, begun, expand, grow, load_streets
from world.dynamics.writing import Writing, drawn
from world.errors import DataError, WeightsError
from world.evaluate.streets import fulfils
from world.scene.arms import centre_line
from world.scene.build import build
from world.scene.character import CONDITIONS, Character, character_of
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.tokens import bends

TINY = PrefixConfig(FEATURES, LIKE.vocabulary, LIKE.length, CONDITIONS, width=16, heads=2, layers=1)


def network(seed: int) -> PrefixLM:
    """An untrained network, whose streets go anywhere."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PrefixLM(TINY).eval()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_weights_the_map_is_whole(seed: int) -> None:
    growth = grow(network(seed), seed, Character(lanes=1 + seed), 16)
    place = build(growth.graph)
    whole(place)
    areas_fit(place, gaps=True)
    assert len(growth.graph.streets) == len(growth.lines) > 8
    assert all(max(s.forward, s.backward) <= 1 + seed for s in growth.graph.streets)


def test_some_streets_are_one_way_and_one_gets_everywhere_and_back() -> None:
    """Every street can be reached from the first, and the first from it, along streets in the way that their lanes go."""
    one_way = 0
    for seed in range(3):
        graph = grow(network(seed), seed, Character(lanes=2), 16).graph
        one_way += sum(not (s.forward and s.backward) for s in graph.streets)
        for back in (False, True):
            ways = {(s.start, s.end) for s in graph.streets if s.forward}
            ways |= {(s.end, s.start) for s in graph.streets if s.backward}
            reached, edge = {0}, [0]
            while edge:
                here = edge.pop()
                more = {b if not back else a for a, b in ways if (a if not back else b) == here} - reached
                reached |= more
                edge += more
            assert reached == set(range(len(graph.junctions)))
    assert one_way


def test_the_same_again_and_another_for_another_seed() -> None:
    model = network(0)
    assert grow(model, 5, junctions=8).graph == grow(model, 5, junctions=8).graph != grow(model, 6, junctions=8).graph


def test_what_is_there_stays_as_it_is() -> None:
    model = network(1)
    before = grow(model, 3, junctions=6)
    after = grow(model, 3, junctions=12, growth=before)
    assert after.graph.streets[: len(before.graph.streets)] == before.graph.streets
    assert all(after.graph.junctions[k] == before.graph.junctions[k] for k in before.grown)
    assert before.grown < after.grown


def test_growing_on_is_growing_at_once() -> None:
    model = network(1)
    assert grow(model, 3, junctions=12, growth=grow(model, 3, junctions=6)).graph == grow(model, 3, junctions=12).graph


WISHES = [
    *map(JunctionSpec, SECTORS),
    JunctionSpec("left", lanes=3),
    JunctionSpec(arms=3),
    JunctionSpec("straight", arms=3),
    JunctionSpec("right", within=110.0),
]


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_what_is_wished_for_at_a_free_junction_is_there(wish: JunctionSpec) -> None:
    for seed in range(3):
        growth, granted = expand(network(seed), begun(seed=seed), 1, seed, wish=wish)
        assert granted and fulfils(build(growth.graph), 1, 0, wish)


def test_where_there_is_no_room_it_is_said() -> None:
    """The junction in question lies between walls of streets that are finished."""
    junctions = [
        Junction(0, 0),
        Junction(80, 0),
        Junction(-20, 60),
        Junction(150, 60),
        Junction(150, -60),
        Junction(-20, -60),
    ]
    streets = (Street(0, 1), Street(2, 3), Street(3, 4), Street(4, 5))
    graph = RoadGraph(tuple(junctions), streets)
    growth = Growth(graph, frozenset(range(6)) - {1}, tuple(centre_line(graph, street) for street in streets))
    made, granted = expand(network(0), growth, 1, 0, wish=JunctionSpec("left"))
    assert not granted and made.graph.streets == streets and made.open == []


def test_a_junction_is_grown_once() -> None:
    growth, _ = expand(network(0), begun(), 1, 0)
    with pytest.raises(DataError, match="has all its streets"):
        expand(network(0), growth, 1, 0)


@given(st.floats(-0.2, 0.2), st.floats(-math.pi, math.pi), st.floats(50, 300))
@settings(deadline=None, max_examples=30)
def test_a_bend_lies_where_it_is_said(bend: float, way: float, length: float) -> None:
    end = (length * math.cos(way), length * math.sin(way))
    points = bends((0.0, 0.0), end, bend)
    if points:
        x, y = points[1]
        left = -math.sin(way) * x + math.cos(way) * y
        assert left == pytest.approx(bend * length, abs=1e-6)


def test_what_a_junction_sees_does_not_depend_on_where_north_is() -> None:
    growth = grow(network(2), 1, junctions=6)

    def seen(turn: float) -> np.ndarray:
        cos, sin = math.cos(turn), math.sin(turn)
        moved = RoadGraph(
            tuple(Junction(cos * j.x - sin * j.y, sin * j.x + cos * j.y, j.signals) for j in growth.graph.junctions),
            tuple(Street(s.start, s.end, (), s.forward, s.backward) for s in growth.graph.streets),
        )
        here = GraphArrays.of(moved, growth.grown, [centre_line(moved, s) for s in moved.streets])
        junction = growth.open[0]
        street = next(k for k, s in enumerate(moved.streets) if junction in (s.start, s.end))
        rows, there = here.rows(np.arange(len(moved.streets)), junction, here.arrival(street, junction))
        assert rows.shape == (ROWS, FEATURES) and 2 < there.sum() <= len(moved.streets)
        return rows

    apart = np.abs(seen(0.0)[:, None] - seen(1.2)[None]).max(2)  # rows have no order
    assert apart.min(0).max() < 1e-3 and apart.min(1).max() < 1e-3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"arm": "up"}, "No arm"),
        ({"lanes": 9}, "1 to 4 lanes"),
        ({"arms": 0}, "1 to 5 arms"),
        ({"within": 20.0}, "60 m or more"),
        ({"arm": "left", "arms": 2}, "three or more"),
    ],
)
def test_an_impossible_wish_is_a_sentence(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        JunctionSpec(**wrong)  # type: ignore[arg-type]


def test_characters_are_said_in_words() -> None:
    assert character_of(["2", "dense", "grid"]) == Character("grid", "dense", 2)
    assert character_of([]).conditions == (0, 0, 0)
    for words in (["rural"], ["grid", "organic"], ["9"]):
        with pytest.raises(DataError):
            character_of(words)


def test_weights_come_back_and_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="lucidrive train streets"):
        load_streets(tmp_path)
    model = network(3)
    save(tmp_path / "own", "streets", model, {})
    back = load_streets(tmp_path / "own")
    assert all(torch.equal(value.half().float(), back.state_dict()[name]) for name, value in model.state_dict().items())
    other = PrefixLM(PrefixConfig(FEATURES + 1, LIKE.vocabulary, LIKE.length, CONDITIONS, 16, 2, 1))
    save(tmp_path / "other", "streets", other, {})
    with pytest.raises(WeightsError, match="another tokenizer"):
        load_streets(tmp_path / "other")


@pytest.mark.slow
def test_tokens_one_by_one_are_tokens_at_once() -> None:
    """What is written a token at a time is what the whole sequence gives; nobody's logits depend on those beside it, or on what was taken back."""
    model, random = network(4), torch.Generator().manual_seed(0)
    rows = torch.randn(3, ROWS, FEATURES, generator=random)
    there = torch.arange(ROWS)[None] < torch.tensor([[5], [ROWS], [1]])
    told, tokens = (
        torch.tensor([[1, 2, 0], [0, 0, 3], [2, 1, 1]]),
        torch.randint(LIKE.vocabulary, (3, 6), generator=random),
    )
    with torch.inference_mode():
        at_once = model(rows, there, told, tokens).numpy()
    begun = rows.numpy(), there.numpy(), told.numpy()
    together, alone = Writing(model, *begun), Writing(model, *begun)
    only = np.array([False, True, False])
    for k in range(tokens.shape[1]):
        logits = together.next(tokens[:, k].numpy())
        assert np.allclose(logits, at_once[:, k], atol=1e-4)
        alone.next(tokens[:, k - 1].numpy())
        alone.count = k
        assert np.array_equal(alone.next(tokens[:, k].numpy(), only)[1], logits[1])


@given(st.lists(st.floats(-20, 20), min_size=4, max_size=12), st.integers(1, 4095), st.floats(0, 1, exclude_max=True))
def test_what_is_drawn_is_allowed(logits: list[float], which: int, share: float) -> None:
    among = np.flatnonzero([which >> k & 1 for k in range(len(logits))] + [1])[: len(logits)]
    values = np.array([*logits, 0.0], np.float32)
    assert drawn(values, among, 0.85, share) in among
    assert values[drawn(values, among, 1e-4, 0.5)] > values[among].max() - 0.01
