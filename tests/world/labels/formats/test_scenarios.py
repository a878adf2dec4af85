"""Road networks and scenarios: ASAM's checkers find nothing wrong, lanes lie where the scene's do, and everybody is where they were."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.world.labels.drives import states
from world.labels.cameras import PRESETS
from world.labels.formats.opendrive import CONNECTING, OpenDrive, file_of, write
from world.labels.formats.openscenario import OpenScenario
from world.labels.formats.writer import DriveInfo
from world.labels.record import Record, records
from world.render.renderer import plain_renderer
from world.scene.places import load_place

pytest.importorskip("scenariogeneration", reason="scenariogeneration, which writes the formats, is not installed")
COUNT = 12


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("opendrive") / "town-1.xodr"
    write(load_place("town-1"), path)
    return path


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    folder = tmp_path_factory.mktemp("openscenario")
    steps = states("town-1", 1, COUNT)
    found = list(records(steps, PRESETS["front"], plain_renderer(), draw=False))
    assert not any(record.views for record in found)
    with OpenScenario(folder, PRESETS["front"]) as writer:
        writer.begin(DriveInfo("drive-1", steps[0].places[0], "go on", 1))
        for record in found:
            writer.add(record)
        writer.end()
    return folder, found


def test_asams_checker_passes_the_road_network(network: Path, tmp_path: Path) -> None:
    main = pytest.importorskip("qc_opendrive.main", reason="asam-qc-opendrive, ASAM's checker, is not installed")
    found = _checked(main, network, tmp_path)
    assert not found, found[:8]


def test_asams_checker_passes_the_scenario(driven: tuple[Path, list[Record]], tmp_path: Path) -> None:
    main = pytest.importorskip(
        "qc_openscenario.main", reason="asam-qc-openscenarioxml, ASAM's checker, is not installed"
    )
    found = _checked(main, driven[0] / "drive-1.xosc", tmp_path)
    assert not found, found[:8]


def _checked(main: Any, path: Path, folder: Path) -> list[str]:
    """The issues that a checker bundle of ASAM's quality framework raises, and the checks that failed; some are of later versions alone, and skipped."""
    from qc_baselib import Configuration, Result, StatusType

    wanted, result, bundle = Configuration(), Result(), main.constants.BUNDLE_NAME
    wanted.set_config_param(name="InputFile", value=str(path))
    wanted.register_checker_bundle(checker_bundle_name=bundle)
    wanted.set_checker_bundle_param(checker_bundle_name=bundle, name="resultFile", value=str(folder / "result.xqar"))
    result.register_checker_bundle(name=bundle, description="", version="1", summary="")
    main.run_checks(wanted, result)
    out = []
    done = {name: result.get_checker_status(name) for name in result.get_checker_ids(bundle)}
    assert sum(status is StatusType.COMPLETED for status in done.values()) > 0.9 * len(done)
    for name, status in done.items():
        if status is StatusType.ERROR:
            out.append(f"{name} failed")
        out += [f"{name}: {issue.description}" for issue in result.get_issues(bundle, name)]
    return out


def test_lanes_lie_where_the_scenes_do(network: Path) -> None:
    map_ = load_place("town-1").map
    roads = {int(road.get("id", "")): road for road in ElementTree.parse(network).getroot().iter("road")}
    assert len(roads) == len(map_.streets) + int((map_.lanes["junction"] >= 0).sum())
    off = []
    for number, row in enumerate(map_.lanes[:: max(1, len(map_.lanes) // 150)]):
        number = number * max(1, len(map_.lanes) // 150)
        line = map_.points[int(row["first"]) : int(row["first"]) + int(row["count"])]
        if row["junction"] >= 0:
            points, away = _points(roads[CONNECTING + number]), -float(row["width"]) / 2
        else:
            street = map_.graph.streets[int(row["street"])]
            places = street.forward - int(row["number"]) if row["forward"] else street.backward - int(row["number"])
            points = _points(roads[int(row["street"])])
            away = (-1 if row["forward"] else 1) * (places - 0.5) * street.lane_width
        x, y = points[:, 0] - away * np.sin(points[:, 2]), points[:, 1] + away * np.cos(points[:, 2])
        off += [float(np.hypot(x - point["x"], y - point["y"]).min()) for point in line]
    assert np.quantile(off, 0.99) < 0.15


def _points(road: ElementTree.Element) -> np.ndarray:
    """x, y, heading [N, 3] every few cm along a road's reference line, as the standard defines its pieces."""
    out = []
    for piece in road.iter("geometry"):
        x, y, turn, length = (float(piece.get(name, "")) for name in ("x", "y", "hdg", "length"))
        share = np.linspace(0, 1, max(3, int(length / 0.1)))
        cubic = piece.find("paramPoly3")
        if cubic is None:
            u, v, slope = share * length, np.zeros_like(share), np.zeros_like(share)
        else:
            a = {name: float(value) for name, value in cubic.attrib.items() if name != "pRange"}
            p = share if cubic.get("pRange") == "normalized" else share * length
            u, v = (a[f"a{k}"] + p * (a[f"b{k}"] + p * (a[f"c{k}"] + p * a[f"d{k}"])) for k in "UV")
            du, dv = (a[f"b{k}"] + p * (2 * a[f"c{k}"] + 3 * p * a[f"d{k}"]) for k in "UV")
            slope = np.arctan2(dv, du)
        cos, sin = math.cos(turn), math.sin(turn)
        out.append(np.stack([x + u * cos - v * sin, y + u * sin + v * cos, turn + slope], 1))
    return np.concatenate(out)


def test_everybody_follows_what_they_did(driven: tuple[Path, list[Record]]) -> None:
    from scenariogeneration import xosc

    folder, found = driven
    root = ElementTree.parse(folder / "drive-1.xosc").getroot()
    again = xosc.Scenario.parse(root)  # the library's own reader
    names = {one.name for one in again.entities.scenario_objects}
    assert "ego" in names and len(names) > 5
    road = root.find("RoadNetwork/LogicFile")
    assert road is not None and (folder / road.get("filepath", "")).is_file()
    groups = {group.get("name"): group for group in root.iter("ManeuverGroup")}
    vertices = list(groups["group of ego"].iter("Vertex"))
    assert len(vertices) == len(found)
    for vertex, record in zip(vertices, found, strict=True):
        place = vertex.find("Position/WorldPosition")
        assert place is not None and float(vertex.get("time", "")) == pytest.approx(record.seconds)
        assert float(place.get("x", "")) == pytest.approx(record.ego.x, abs=1e-3)
        assert float(place.get("h", "")) == pytest.approx(record.ego.heading, abs=1e-3)


def test_a_place_is_written_once(tmp_path: Path) -> None:
    place = load_place("town-1")
    with OpenDrive(tmp_path, PRESETS["front"]) as writer:
        for name in ("a", "b"):
            writer.begin(DriveInfo(name, place, "go on"))
            writer.end()
    assert [path.name for path in tmp_path.iterdir()] == [file_of(place)] == ["town-1.xodr"]
