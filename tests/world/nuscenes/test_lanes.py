"""nuScenes' maps: arcs are traced, streets and junctions are found in lanes, and a map whose traffic keeps left is mirrored."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.world.town.test_opendrive import off_lanes
from world.errors import DataError
from world.labels.formats.nuscenes_map import MapTables, origin
from world.labels.formats.writer import dumps
from world.nuscenes.lanes import line_of, read_lanes
from world.nuscenes.streets import streets_of
from world.scene.build import build
from world.scene.places import load, load_place, save


def tables(town: str) -> dict[str, Any]:
    return dict(json.loads(dumps(MapTables(load_place(town)).tables)))


def read(folder: Path, text: object) -> Any:
    path = folder / "town.json"
    path.write_text(json.dumps(text))
    return read_lanes(path)


@pytest.mark.slow
@pytest.mark.parametrize("town", ["town-3", "town-21"])
def test_a_place_comes_back_lane_by_lane(tmp_path: Path, town: str) -> None:
    place = load_place(town)
    result = read(tmp_path, tables(town))
    graph, was = streets_of(result), place.map.graph
    assert not result.mirrored and not graph.parked
    assert len(graph.streets) == len(was.streets) and len(graph.junctions) == len(was.junctions)
    for name in ("forward", "pavement", "lane_width", "crossing_start"):
        both = [sorted(round(float(getattr(street, name)), 1) for street in one.streets) for one in (graph, was)]
        assert both[0] == both[1]
    assert sum(j.signals for j in graph.junctions) == sum(j.signals for j in was.junctions)
    again = build(graph)
    again.points["x"] += origin(place)[0]
    again.points["y"] += origin(place)[1]
    for ours, theirs in ((again, place.map), (place.map, again)):
        assert np.quantile(off_lanes(ours, theirs), 0.99) < 0.15
    save(graph, tmp_path / "town.json.gz")
    assert not load(tmp_path / "town.json.gz").parked


@pytest.mark.slow
def test_traffic_that_keeps_left_is_mirrored(tmp_path: Path) -> None:
    text = tables("town-0")
    right = read(tmp_path, text)
    for node in text["node"]:
        node["x"] = -node["x"]
    for path in text["arcline_path_3"].values():
        for piece in path:
            for end in ("start_pose", "end_pose"):
                x, y, turn = piece[end]
                piece[end] = [-x, y, math.pi - turn]
    left = read(tmp_path, text)
    assert left.mirrored and left.lanes.keys() == right.lanes.keys()
    for token, lane in right.lanes.items():
        np.testing.assert_allclose(left.lanes[token].line, lane.line, atol=1e-6)
    one, other = (build(streets_of(result)).points for result in (left, right))
    np.testing.assert_allclose(one["x"], other["x"], atol=1e-3)


def test_arcs_are_traced() -> None:
    def piece(shape: str, lengths: list[float]) -> dict[str, Any]:
        return {"start_pose": [0, 0, 0], "shape": shape, "radius": 10.0, "segment_length": lengths}

    quarter = 5 * math.pi
    line = line_of([piece("LSR", [quarter, 4.0, quarter])])
    radii = np.hypot(line[:, 0], line[:, 1] - 10)
    on_arc = line[:, 1] < 10 - 1e-9
    np.testing.assert_allclose(radii[on_arc], 10.0)
    np.testing.assert_allclose(line[-1], (20.0, 24.0), atol=1e-9)
    np.testing.assert_allclose(line_of([piece("RSL", [quarter, 0.0, 0.0])])[-1], (10.0, -10.0), atol=1e-9)


def test_its_kit_traces_the_same() -> None:
    kit = pytest.importorskip("nuscenes.map_expansion.arcline_path_utils", reason="nuscenes-devkit is not installed")
    chance = np.random.default_rng(0)
    for shape in ("LSL", "LSR", "RSL", "RSR", "LRL", "RLR"):
        lengths = chance.uniform(1, 12, 3).tolist()
        path = {
            "start_pose": chance.uniform(-3, 3, 3).tolist(),
            "end_pose": [0.0, 0.0, 0.0],
            "shape": shape,
            "radius": 12.0,
            "segment_length": lengths,
        }
        theirs = np.array(kit.discretize(path, 0.25))[:, :2]
        ours = line_of([path])
        away = np.hypot(*(theirs[:, None] - ours).transpose(2, 0, 1)).min(0)
        assert away[:-1].max() < 0.2


def test_what_is_no_map_is_refused(tmp_path: Path) -> None:
    text = tables("town-0")
    with pytest.raises(DataError, match="no 'arcline_path_3'"):
        read(tmp_path, {key: value for key, value in text.items() if key != "arcline_path_3"})
    with pytest.raises(DataError, match="no map of nuScenes"):
        read(tmp_path, [1])
    with pytest.raises(DataError, match="cannot be read"):
        read_lanes(tmp_path / "none.json")
