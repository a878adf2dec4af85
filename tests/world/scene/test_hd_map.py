"""The map made from a graph: continuous, without gaps, and every lane leads on; beside netconvert's it is the same."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.grid import graph, town
from world.errors import DataError
from world.scene.build import build
from world.scene.geometry import lengths, offset, resampled, trimmed
from world.scene.graph import Junction, RoadGraph, Street, leads_on
from world.scene.hd_map import AROUND, STRAIGHT, HDMap
from world.scene.places import load_place, towns


def line(place: HDMap, lane: int) -> np.ndarray:
    row = place.lanes[lane]
    points = place.points[row["first"] : row["first"] + row["count"]]
    return np.stack([points["x"], points["y"]], 1)


def heading(place: HDMap, lane: int, end: int) -> float:
    own = line(place, lane)
    step = own[-1] - own[-2] if end else own[1] - own[0]
    return math.atan2(step[1], step[0])


def wrap(angle: Any) -> Any:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def whole(place: HDMap) -> None:
    """Everything that every map must be."""
    lanes = place.lanes
    streets, links = np.flatnonzero(lanes["junction"] < 0), np.flatnonzero(lanes["junction"] >= 0)
    assert (lanes["outs"][streets] > 0).all()
    for link in links:
        source, target = int(lanes["source"][link]), int(lanes["target"][link])
        own = line(place, link)
        assert np.hypot(*(own[0] - line(place, source)[-1])) < 0.05
        assert np.hypot(*(own[-1] - line(place, target)[0])) < 0.05
        assert abs(wrap(heading(place, link, 0) - heading(place, source, 1))) < 0.35
        assert abs(wrap(heading(place, link, 1) - heading(place, target, 0))) < 0.35
    for lane in streets:
        outs = place.successors[lanes["first_out"][lane] : lanes["first_out"][lane] + lanes["outs"][lane]]
        assert (lanes["source"][outs] == lane).all()
        if (left := int(lanes["left"][lane])) >= 0:
            assert lanes["right"][left] == lane
            assert lanes["street"][left] == lanes["street"][lane]
    pairs = {}
    for link in links:
        for row in place.conflicts[lanes["first_conflict"][link] :][: lanes["conflicts"][link]]:
            pairs[int(link), int(row["other"])] = int(row["yields"])
            assert 0 <= row["begin"] <= row["end"] <= lanes["length"][link] + 1e-6
    for (a, b), yields in pairs.items():
        beside = (
            lanes["turn"][a] == lanes["turn"][b]
            and len({int(lanes["street"][lanes["source"][k]]) for k in (a, b)}) == 1
        )
        assert pairs[b, a] == (0 if beside else 1 - yields)
    for k, walk in enumerate(place.walks):
        links_of = place.walk_links[walk["first_link"] : walk["first_link"] + walk["links_end"] + walk["links_begin"]]
        assert k not in links_of["walk"]


def inside(points: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Which points [N, 2] lie within a ring [M, 2]: an odd number of its edges to their right."""
    a, b = ring, np.roll(ring, -1, axis=0)
    spans = (a[:, 1] > points[:, None, 1]) != (b[:, 1] > points[:, None, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[:, 0] + (points[:, None, 1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return np.asarray((spans & (points[:, None, 0] < x)).sum(1) % 2 == 1)


def covered(place: HDMap, points: np.ndarray) -> np.ndarray:
    """In how many driving areas, of streets and junctions, each point lies."""
    rings = [np.concatenate([street.left, street.right[::-1]]) for street in place.streets]
    rings += [junction.outline for junction in place.junctions if len(junction.outline)]
    return np.sum([inside(points, ring) for ring in rings], axis=0)


def areas_fit(place: HDMap, gaps: bool = False) -> None:
    """Where a lane or a connection runs, but at seams, there is one driving area: no overlap and no gap; `gaps` may be, where
    lanes begin or end between two streets. A turn round at the end of a wide street may come over its kerb."""
    for lane in range(len(place.lanes)):
        found = covered(place, resampled(line(place, lane), 0.5)[2:-2])
        assert (found <= 1).all(), (lane, found)
        assert gaps or place.lanes["turn"][lane] == AROUND or (found == 1).all(), (lane, found)


def test_a_grid_is_whole() -> None:
    whole(town().map)
    areas_fit(town().map)


@pytest.mark.slow
@pytest.mark.parametrize("name", [towns()["test"][0], towns()["test"][1], towns()["train"][9], towns()["train"][15]])
def test_towns_are_whole(name: str) -> None:
    whole(load_place(name).map)
    areas_fit(load_place(name).map)


def test_the_same_graph_gives_the_same_map() -> None:
    first, second = build(graph()), build(graph())
    for name in ("lanes", "points", "conflicts", "signals", "walks", "crossings", "walk_points"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", [towns()["test"][0], towns()["train"][9], towns()["train"][15]])
def test_a_map_that_grew_is_the_map_of_the_whole(name: str) -> None:
    """Streets by and by, junctions and signals as they are met: at each step as if it had been built at once, and what is far is kept."""
    whole_graph = load_place(name).map.graph
    grown, first = None, len(whole_graph.streets) // 2
    for count in (first, first + 1, first + 5, len(whole_graph.streets)):
        part = RoadGraph(whole_graph.junctions, whole_graph.streets[:count], whole_graph.look)
        if not all(leads_on(part)):
            continue
        before, grown = grown, build(part, grown.pieces if grown else None)
        at_once = build(part)
        for field in fields(HDMap):
            one, other = getattr(grown, field.name), getattr(at_once, field.name)
            if isinstance(one, np.ndarray):
                assert one.dtype == other.dtype and one.tobytes() == other.tobytes(), field.name
        assert [m.points.tobytes() for m in grown.markings] == [m.points.tobytes() for m in at_once.markings]
        for shape, same in zip(grown.junctions, at_once.junctions, strict=True):
            assert np.array_equal(shape.outline, same.outline)
        if before is not None and count == first + 1:
            kept = sum(one is grown.pieces.junctions[k] for k, one in before.pieces.junctions.items())
            assert kept >= len(whole_graph.junctions) - 12


def test_driving_areas_of_streets_do_not_overlap() -> None:
    place = town().map
    lines = [line(place, lane) for lane in np.flatnonzero(place.lanes["junction"] < 0)]
    for k, one in enumerate(lines):
        for other in lines[k + 1 :]:
            apart = np.hypot(one[:, None, 0] - other[None, :, 0], one[:, None, 1] - other[None, :, 1])
            assert apart.min() > 3.0


def green(place: HDMap, signal: int) -> np.ndarray:
    """When a signal is not red, over all the cycles there are."""
    row, seconds = place.signals[signal], np.arange(0.0, 78.0, 0.5)
    return (seconds - row["green"]) % row["cycle"] < (row["red"] - row["green"]) % row["cycle"]


def crossing_pairs(place: HDMap) -> int:
    """How many pairs of ways straight on meet under signals; none of them may be green together."""
    lanes, met = place.lanes, 0
    for link in np.flatnonzero((lanes["signal"] >= 0) & (lanes["turn"] == STRAIGHT)):
        for row in place.conflicts[lanes["first_conflict"][link] :][: lanes["conflicts"][link]]:
            if lanes["turn"][row["other"]] == STRAIGHT and lanes["target"][row["other"]] != lanes["target"][link]:
                met += 1
                assert not (green(place, lanes["signal"][link]) & green(place, lanes["signal"][row["other"]])).any()
    return met


def star(bearings: list[float], lanes: list[tuple[int, int]] | None = None) -> RoadGraph:
    """A junction with signals whose arms have these bearings, in degrees, and lanes out and in."""
    ends = [Junction(150 * math.cos(math.radians(a)), 150 * math.sin(math.radians(a))) for a in bearings]
    each = lanes or [(1, 1)] * len(bearings)
    streets = tuple(Street(0, k + 1, (), out, into) for k, (out, into) in enumerate(each))
    return RoadGraph((Junction(0, 0, True), *ends), streets)


def test_two_that_cross_straight_on_never_have_green_together() -> None:
    assert crossing_pairs(town().map) > 0


@pytest.mark.parametrize(("arms", "cycle"), [(3, 26.0), (4, 26.0), (5, 39.0), (6, 39.0)])
def test_junctions_of_many_arms_have_as_many_phases_as_they_need(arms: int, cycle: float) -> None:
    place = build(star([7 + 360 * k / arms for k in range(arms)]))
    whole(place)
    assert set(place.signals["cycle"]) == {cycle}
    assert crossing_pairs(place) > 0 or arms == 3
    people_wait_for_their_arm(place)


@pytest.mark.slow
@given(st.lists(st.integers(0, 5), min_size=3, max_size=6, unique=True), st.data())
@settings(max_examples=40, deadline=None)
def test_any_star_is_whole_and_its_signals_agree(sixths: list[int], data: st.DataObject) -> None:
    lanes = [(data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))) for _ in sixths]
    place = build(star([60.0 * k for k in sorted(sixths)], lanes))
    whole(place)
    areas_fit(place)
    crossing_pairs(place)


def test_people_walk_where_traffic_stands() -> None:
    people_wait_for_their_arm(town().map)


def people_wait_for_their_arm(place: HDMap) -> None:
    """Nobody is shown green to cross a street while the traffic out of it is."""
    with_signal = np.flatnonzero(place.crossings["signal"] >= 0)
    assert len(with_signal)
    for crossing in place.crossings[with_signal]:
        people = place.signals[crossing["signal"]]
        over = place.crossed[crossing["first_lane"] :][: crossing["lanes"]]
        inward = [
            lane
            for lane in over["lane"]
            if place.lanes["street"][place.lanes["source"][lane]] == crossing["street"]
            and place.lanes["signal"][lane] >= 0
        ]
        for lane in inward:
            cars = place.signals[place.lanes["signal"][lane]]
            when = np.arange(0.0, float(people["cycle"]), 0.25)
            walk = (when - people["green"]) % people["cycle"] < (people["amber"] - people["green"]) % people["cycle"]
            drive = (when - cars["green"]) % cars["cycle"] < (cars["red"] - cars["green"]) % cars["cycle"]
            assert not (walk & drive).any()


def test_a_dead_end_has_a_way_round_that_a_car_can_drive() -> None:
    place = build(RoadGraph((Junction(0, 0), Junction(120, 0)), (Street(0, 1),)))
    around = np.flatnonzero(place.lanes["turn"] == AROUND)
    assert len(around) == 2
    for lane in around:
        own = resampled(line(place, lane), 1.0)
        step = np.diff(own, axis=0)
        turned = np.abs([wrap(a) for a in np.diff(np.arctan2(step[:, 1], step[:, 0]))])
        assert turned.max() < 1.0 / 3.9


@pytest.mark.parametrize(("forward", "backward"), [(1, 2), (2, 2), (1, 3), (3, 3)])
def test_where_lanes_begin_or_end_a_car_can_come_over(forward: int, backward: int) -> None:
    junctions = (Junction(0, 0), Junction(120, 0), Junction(240, 0))
    place = build(RoadGraph(junctions, (Street(0, 1), Street(1, 2, forward=forward, backward=backward))))
    for lane in np.flatnonzero(place.lanes["junction"] == 1):
        step = np.diff(line(place, lane), axis=0)
        turned = np.abs(wrap(np.diff(np.arctan2(step[:, 1], step[:, 0])))) / np.hypot(*step[1:].T)
        assert turned.max() < 1.0 / 12


@st.composite
def graphs(draw: st.DrawFn) -> RoadGraph:
    """Small planar graphs: a bent grid of which some streets are left out."""
    columns, rows = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    shift = st.floats(-14, 14)
    junctions = tuple(
        Junction(85.0 * c + draw(shift), 85.0 * r + draw(shift), draw(st.booleans()))
        for r in range(rows)
        for c in range(columns)
    )
    streets = []
    for r in range(rows):
        for c in range(columns):
            here = columns * r + c
            for there, exists in ((here + 1, c + 1 < columns), (here + columns, r + 1 < rows)):
                if exists and (not streets or draw(st.integers(0, 5))):
                    lanes = draw(st.integers(1, 3)), draw(st.integers(1, 3))
                    streets.append(Street(here, there, (), *lanes, pavement=draw(st.sampled_from([0.0, 2.0, 3.0]))))
    return RoadGraph(junctions, tuple(streets))


@pytest.mark.slow
@given(graphs())
@settings(max_examples=40, deadline=None)
def test_any_bent_grid_is_whole(made: RoadGraph) -> None:
    place = build(made)
    whole(place)
    areas_fit(place, gaps=True)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (RoadGraph((), ()), "no street"),
        (RoadGraph((Junction(0, 0),), (Street(0, 5),)), "no junction"),
        (RoadGraph((Junction(0, 0), Junction(0.2, 0)), (Street(0, 1),)), "no longer than a metre"),
        (RoadGraph((Junction(0, 0), Junction(math.nan, 0)), (Street(0, 1),)), "lies nowhere"),
        (RoadGraph((Junction(0, 0), Junction(90, 0)), (Street(0, 1, forward=0, backward=0),)), "no lane"),
        (RoadGraph((Junction(0, 0), Junction(90, 0)), (Street(0, 1, backward=0),)), "leads nowhere"),
    ],
)
def test_a_graph_that_is_no_map_is_a_sentence(made: RoadGraph, said: str) -> None:
    with pytest.raises(DataError, match=said):
        build(made)


def test_lines() -> None:
    straight = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert np.allclose(offset(straight, 2.0), [[0, 2], [10, 2]])
    assert lengths(resampled(straight, 3.0))[-1] == pytest.approx(10.0)
    assert np.allclose(trimmed(straight, 2.0, 3.0), [[2, 0], [7, 0]])


@pytest.mark.slow
@pytest.mark.sim
def test_lanes_are_netconverts() -> None:
    from world.town.compare import compare, compare_number, total
    from world.town.network import ensure

    shipped = [compare(ensure(number)) for number in (0, 9, 15, 18)]  # grids, and one to three lanes at random
    made = total(map(compare_number, range(6)))  # from junctions and streets alone: two of every plan
    for found in (*shipped, made):
        assert found.points > 1000
        assert found.lanes > 0.99
        assert found.connections > 0.95
