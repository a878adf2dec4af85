"""What a long drive in dreamt streets is measured by: it can say yes, and no."""

from __future__ import annotations

import numpy as np
import pytest

from world.dynamics import dreamt
from world.dynamics.growth import Growth
from world.dynamics.stock import Stock
from world.evaluate import dreamt_hour as measured
from world.evaluate import scene
from world.scene.arms import centre_line
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.objects import PROP, Kind
from world.scene_world import SceneWorld


@pytest.fixture(scope="module")
def world() -> SceneWorld:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dreamt, "JUNCTIONS", 6)
        patch.setattr("world.dynamics.extend.MOST", 3)
        world = measured.dreamt_world("dreamt:77:suburban:1", None)
        world.place(world.scenes[0])
        yield world


@pytest.mark.slow
def test_a_long_drive_is_told_of_as_ratios(world: SceneWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "LOOK", 50)
    result = measured.dreamt_hour(world, 1, seconds=18.0)
    assert result["metres"] > 20 and result["junctions"] >= 6 and result["streets"] == result["streets_on_the_map"] > 5
    assert result["memory_mib"] > 50 and 0.5 < result["kib_a_street"] < 20 and result["asked"] > 0
    assert all(result[name] > 0 for name in ("picture", "step", "memory", "longest_step_ms", "longest_picture_ms"))
    rows = scene.table({"dreamt_hour": result})
    assert any("places that come twice" in what and value == "0" for what, value, _ in rows)


def test_a_place_is_the_same_when_seen_again(world: SceneWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "LOOKED", 5.0)
    result = measured.dreamt_again(world, 1, away=(6.0,))
    assert set(result) == {"6_s", "loaded"} and min(result.values()) >= 40
    assert len(scene.table({"dreamt_again": result})) == 2


def test_junctions_that_look_alike_are_counted() -> None:
    """Twice the same three arms, the second time turned and elsewhere, with a tree that stands as far away, or further."""
    ways = np.array([(80.0, 0.0), (-10.0, 60.0), (-70.0, -20.0)])
    turned = ways @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    xy = np.concatenate([[(0.0, 0.0)], ways, [(900.0, 0.0)], turned + np.array([900.0, 0.0])])
    streets = tuple(Street(first, first + k) for first in (0, 4) for k in (1, 2, 3))
    graph = RoadGraph(tuple(Junction(*at) for at in xy.tolist()), streets)
    growth = Growth(graph, frozenset({0, 4}), tuple(centre_line(graph, street) for street in streets))
    props = np.zeros(2, PROP)
    props["kind"], props["x"], props["y"] = int(Kind.TREE), (20.0, 900.0), (0.0, 20.0)
    assert measured.repeated(growth, Stock.of(props)) == 1
    props["y"][1] = 25.0
    assert measured.repeated(growth, Stock.of(props)) == 0
