"""Figures of streets: what a grid has is known, what is wrong is counted, wishes are judged by the map."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.world.dynamics.test_streets import network
from tests.world.grid import BLOCK, SIDE, graph, town
from world.dynamics.growth import JunctionSpec
from world.dynamics.prefix_lm import save
from world.evaluate import roadside, streets
from world.evaluate.street_figures import blocks, faults, values_of
from world.scene.arms import centre_line
from world.scene.build import build
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.roadside_tokens import KINDS, Standing
from world.town.convert import plain, warnings_of


def test_a_grids_figures_are_known() -> None:
    own = graph()
    result = values_of(own, np.arange(SIDE * SIDE))
    assert sorted(result["degree"]) == [2.0] * 4 + [3.0] * 4 + [4.0]
    assert result["length"] == pytest.approx([BLOCK] * 12) and result["bend"] == pytest.approx([0.0] * 12)
    assert result["block"] == pytest.approx([BLOCK**2] * (SIDE - 1) ** 2)
    assert sum(result["angle"]) == pytest.approx(math.tau * SIDE**2)
    assert set(result["lanes"]) == {1.0, 2.0}


def test_a_bent_street_encloses_more() -> None:
    square = tuple(Junction(x, y) for x, y in ((0, 0), (100, 0), (100, 100), (0, 100)))
    straight = RoadGraph(square, tuple(Street(k, (k + 1) % 4) for k in range(4)))
    bent = replace(straight, streets=(Street(0, 1, ((50.0, -20.0),)), *straight.streets[1:]))
    areas = [blocks(one, [centre_line(one, street) for street in one.streets]) for one in (straight, bent)]
    assert areas[0] == pytest.approx([1e4]) and areas[1][0] > 1.02e4
    tree = replace(straight, streets=straight.streets[:3])
    assert blocks(tree, [centre_line(tree, street) for street in tree.streets]) == []


def test_a_whole_map_has_no_faults_and_streets_that_lie_on_each_other_have() -> None:
    assert not faults(town().map).any
    ends = (Junction(0, 0), Junction(120, 0), Junction(0, 4), Junction(120, 6))
    assert faults(build(RoadGraph(ends, (Street(0, 1), Street(2, 3))))).overlaps > 0


def test_wishes_are_judged_by_the_map() -> None:
    place = town().map
    middle, arrival = 4, next(k for k, s in enumerate(graph().streets) if (s.start, s.end) == (1, 4))
    for arm in ("left", "right", "straight"):
        assert streets.fulfils(place, middle, arrival, JunctionSpec(arm))
    assert streets.fulfils(place, middle, arrival, JunctionSpec("left", lanes=2))
    assert not streets.fulfils(place, middle, arrival, JunctionSpec("left", lanes=3))
    assert not streets.fulfils(place, middle, arrival, JunctionSpec(arms=3))
    corner = next(k for k, s in enumerate(graph().streets) if (s.start, s.end) == (0, 1))
    assert not streets.fulfils(place, 0, corner, JunctionSpec("left"))


def test_tables_have_a_cell_for_every_head() -> None:
    result = {
        "towns": 2, "added_milliseconds": 50.0, "milliseconds": 30.0, "faults": {"nowhere": 0, "gaps": 0, "overlaps": 1}, "warnings": 0.5,
        "true_warnings": 0.2, "divergence": {"degree": (0.1, 0.02)}, "dead_ends": {"dreamt": 0.1, "true": 0.05},
        "wishes": {"left": {"there": 0.5, "said": 1.0}},
    }  # fmt: skip
    rows = streets.table(result)
    assert all(len(row) == len(streets.HEAD) for row in rows) and rows[0][1] == "0, 1, 0"
    assert ("asked for: left", "50% (of the rest 100% said so)", "", "99%") in rows
    counts = {"things": 9, "overlaps": 0, "on_roads": 0, "in_traffic": 0, "blocked": 1, "sights": 4}
    lined = {
        "networks": 1, "dreamt": counts, "rules": counts, "left_out": 0.25, "milliseconds": 12.0,
        "divergence": {"kind": (0.1, 0.2)}, "round_trip": {"median": 0.1, "worst": 0.4},
    }  # fmt: skip
    assert all(len(row) == len(roadside.HEAD) for row in roadside.table(lined))


def test_every_distribution_of_a_roadside_takes_what_there_is() -> None:
    row = [Standing(KINDS[0], s, 8.0, 10.0, 8.0, 2) for s in (5.0, 20.0)]
    values = {name: roadside._all([row, []], name) for name in roadside.EDGES}
    assert values["gaps between fronts, m"] == [5.0] and values["fronts, m"] == [10.0, 10.0]
    assert all(len(own) for own in values.values())


def test_plain_files_hold_every_street_both_ways(tmp_path) -> None:
    nodes, edges = plain(graph(), tmp_path)
    assert nodes.read_text().count("<node ") == SIDE * SIDE
    assert edges.read_text().count("<edge ") == 2 * len(graph().streets)


@pytest.mark.sim
def test_netconvert_takes_a_grid() -> None:
    assert warnings_of(graph(signals=False)) == []


def test_what_a_drive_adds_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("world.dynamics.dreamt.JUNCTIONS", 3)
    monkeypatch.setattr("world.dynamics.extend.MOST", 2)
    save(tmp_path, "streets", network(0), {})
    assert streets.milliseconds_of_growth(tmp_path, tmp_path / "none", junctions=2) > 0
