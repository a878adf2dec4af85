"""An OpenDRIVE network becomes a place: of one of ours, written as OpenDRIVE, the same lanes come back and can be driven on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.world.labels.drives import on
from ui.cli import app
from world.dynamics.start import start
from world.errors import DataError, SimulatorError
from world.labels.formats.opendrive import write
from world.scene.facts import facts
from world.scene.hd_map import HDMap
from world.scene.places import load_place
from world.town import opendrive
from world.town.opendrive import from_opendrive

NO_ROAD = "<OpenDRIVE><header revMajor='1' revMinor='7'/></OpenDRIVE>"


def off_lanes(one: HDMap, other: HDMap) -> np.ndarray:
    """m from points of one map's street lanes to the nearest point of the other's lanes; these stand 2 m apart at most."""
    own = one.points[one.lanes["junction"][one.point_lane] < 0][::5]
    away = []
    for point in own:
        x, y = other.points["x"] - point["x"], other.points["y"] - point["y"]
        aside = np.abs(y * math.cos(point["heading"]) - x * math.sin(point["heading"]))
        away.append(aside[np.hypot(x, y) < 2.5].min(initial=9.0))
    return np.array(away)


@pytest.mark.sim
@pytest.mark.parametrize("town", ["town-3", "town-21"])
def test_a_place_comes_back_lane_by_lane(tmp_path: Path, town: str) -> None:
    pytest.importorskip("sumo")
    pytest.importorskip("scenariogeneration", reason="scenariogeneration, which writes OpenDRIVE, is not installed")
    source, out, place = tmp_path / "own.xodr", tmp_path / "own.net.xml", load_place(town)
    write(place, source)
    result = CliRunner().invoke(app, ["import", "opendrive", str(source), "--out", str(out)])
    assert result.exit_code == 0 and f"--place {out}" in result.output
    again = load_place(str(out))
    for ours, theirs in ((again.map, place.map), (place.map, again.map)):
        assert np.quantile(off_lanes(ours, theirs), 0.99) < 0.15
    one, other = again.map.graph, place.map.graph
    assert len(one.streets) == len(other.streets) and len(one.junctions) == len(other.junctions)
    assert sum(j.signals for j in one.junctions) == sum(j.signals for j in other.junctions)
    state = start(again, 3, None, 8.0)
    after = on(state, 40)
    assert after.ego["driven"][0] > 20 and not facts(after).off_road
    assert len(load_place(str(source)).map.lanes) == len(again.map.lanes)  # as it is, too


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "damaged or no XML"),
        ("<net/>", "no OpenDRIVE"),
        ("<OpenDRIVE><road rule='LHT'/></OpenDRIVE>", "keeps left"),
    ],
)
def test_what_is_no_such_network_is_refused(tmp_path: Path, content: str, said: str) -> None:
    source = tmp_path / "own.xodr"
    source.write_text(content)
    with pytest.raises(SimulatorError, match=said):
        from_opendrive(source, tmp_path / "own.net.xml")
    with pytest.raises(DataError, match=said):
        load_place(str(source))
    assert not (tmp_path / "own.net.xml").exists()


@pytest.mark.sim
def test_a_network_without_streets_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sumo")
    source = tmp_path / "own.xodr"
    source.write_text(NO_ROAD)
    with pytest.raises(SimulatorError, match=r"own\.xodr"):
        from_opendrive(source, tmp_path / "own.net.xml")


def test_without_sumo_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise SimulatorError("The town needs SUMO, which is not installed: run `pip install 'lucidrive[sim]'`.")

    monkeypatch.setattr(opendrive, "run_sumo", missing)
    source = tmp_path / "own.xodr"
    source.write_text(NO_ROAD)
    result = CliRunner().invoke(app, ["import", "opendrive", str(source), "--out", str(tmp_path / "own.net.xml")])
    assert result.exit_code and "pip install" in result.stderr


def test_a_network_is_known_by_its_ending(tmp_path: Path) -> None:
    source = tmp_path / "own.xodr"
    source.write_text(NO_ROAD)
    result = CliRunner().invoke(app, ["import", "opendrive", str(source), "--out", str(tmp_path / "own.xml")])
    assert result.exit_code and ".net.xml" in result.stderr
