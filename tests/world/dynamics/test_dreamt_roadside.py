"""What stands along streets, dreamt: whatever the weights, nothing overlaps, stands on a road or hides a corner; the same again."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from tests.world.grid import graph
from world.dynamics.prefix_lm import PrefixConfig, PrefixLM
from world.dynamics.roadside import CONDITIONS, FEATURES, LIKE, ROWS, USES, Lined, boxes_of, conditions, line, rows_of
from world.errors import DataError
from world.evaluate.roadside import round_trip_errors, wrong_with
from world.scene import corner_sight, roadside
from world.scene.build import build
from world.scene.frontage import Ground
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.hd_map import HDMap
from world.scene.objects import Kind
from world.scene.roadside_tokens import KINDS, OVER
from world.scene.stretches import props_of, standings, stretches
from world.train.roadside_lessons import batch, lessons_of

TINY = PrefixConfig(FEATURES, LIKE.vocabulary, LIKE.length, CONDITIONS, width=16, heads=2, layers=1)


def network(seed: int) -> PrefixLM:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PrefixLM(TINY).eval()


@cache
def corner() -> HDMap:
    """Three streets that meet, one of them bent."""
    ends = (Junction(0, 0, True), Junction(110, 0), Junction(0, 90), Junction(-100, -20))
    return build(RoadGraph(ends, (Street(0, 1, ((55, 8),)), Street(0, 2, (), 2, 2), Street(3, 0))))


@cache
def lined(seed: int) -> Lined:
    return line(network(seed), corner(), seed)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_the_weights_nothing_is_in_the_way(seed: int) -> None:
    found = wrong_with(corner(), lined(seed).props)
    assert lined(seed).drawn > 20 and found["things"] > 10
    assert {name: found[name] for name in ("overlaps", "on_roads", "in_traffic", "blocked")} == dict.fromkeys(
        ("overlaps", "on_roads", "in_traffic", "blocked"), 0
    )
    assert found["sights"] > 0


def test_the_same_again_and_another_for_another_seed() -> None:
    again = line(network(0), corner(), 0).props
    assert again.tobytes() == lined(0).props.tobytes() != line(network(0), corner(), 7).props.tobytes()


def test_signals_and_signs_are_the_rules() -> None:
    ruled = roadside.line(corner())
    for kind in (Kind.SIGNAL, Kind.SIGN):
        assert sorted(map(tuple, lined(0).props[lined(0).props["kind"] == kind].tolist())) == sorted(
            map(tuple, ruled[ruled["kind"] == kind].tolist())
        )


def test_stretches_cover_every_side_once() -> None:
    every = stretches(build(graph()))
    ends: dict[int, float] = {}
    for one in every:
        assert one.first == pytest.approx(ends.get(id(one.side), 0.0)) and one.length <= 64 + 1e-9
        ends[id(one.side)] = one.last
        low, high = one.bounds
        assert -OVER <= low <= 0 and one.length <= high <= one.length + OVER
    assert all(ends[id(one.side)] == pytest.approx(one.side.length) for one in every)


def test_what_the_rules_put_there_comes_back_from_a_stretch() -> None:
    """As standings and props again it stands where it stood, within what tokens lose."""
    place = corner()
    ruled = roadside.line(place)
    every = stretches(place)
    found = standings(every, ruled)
    ours = [prop for stretch, own in zip(every, found, strict=True) for one in own for prop in props_of(stretch, one)]
    houses = ruled[ruled["kind"] == Kind.HOUSE]
    front = houses[np.isin(houses["street"], range(3))]
    back = np.array([prop.box for prop in ours if prop.kind == Kind.HOUSE])
    assert len(back) >= 0.9 * len(front)
    for house in back:
        assert np.hypot(front["x"] - house[0], front["y"] - house[1]).min() < 0.6
    errors = [error for stretch, own in zip(every, found, strict=True) for error in round_trip_errors(stretch, own)]
    assert np.median(errors) < 0.3


def test_lessons_tell_of_what_stood_before() -> None:
    place = corner()
    lessons = lessons_of(place, roadside.line(place), np.random.default_rng(0))
    assert lessons.rows.shape == (len(lessons), ROWS, FEATURES) and len(lessons) == len(stretches(place))
    seen = lessons.there.sum(1)
    assert seen[0] < seen.max()  # the first wave sees nothing but its ground
    rows, there, told, tokens, after = batch(lessons, np.arange(len(lessons)))
    assert tokens.shape == after.shape and (tokens[:, 0] == LIKE.vocabulary - 2).all()
    assert ((after == LIKE.vocabulary - 1).sum(1) == 1).all()
    assert np.isfinite(rows).all() and told.max() < max(CONDITIONS) and there.shape == (*seen.shape, ROWS)


def test_a_stretch_sees_how_deep_its_ground_is_free() -> None:
    """Beside the corner of two streets the ground ends where the other street begins."""
    place = corner()
    ground = Ground.of(place)
    for stretch in stretches(place):
        rows, there = rows_of(stretch, place, ground, [], boxes_of([]))
        depths = rows[(rows[:, 1] == 1) & there, 4]
        assert ((depths >= 0) & (depths <= 1)).all() and len(depths) > 5


def test_a_house_on_a_corner_hides_what_comes_round_it() -> None:
    sights = corner_sight.lines(corner())
    eye, seen = sights[0, :2], sights[0, 2:]
    middle = (eye + seen) / 2
    assert corner_sight.blocked(sights, (*middle, 0.4, 2.0, 2.0))[0]
    assert not corner_sight.blocked(sights, (*(middle + 300.0), 0.4, 2.0, 2.0)).any()


def test_uses_are_named() -> None:
    assert conditions("dense", "park") == (1, USES.index("park") + 1) and conditions(None, None) == (0, 0)
    with pytest.raises(DataError, match="car park"):
        conditions(None, "airport")
    assert len(set(KINDS)) == len(KINDS)
