"""A town from an OpenDRIVE road network, by SUMO's netconvert; what the file lacks (mostly crossings) is guessed."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from world.errors import DataError, SimulatorError
from world.scene.build import build
from world.scene.graph import without_traps
from world.scene.pairing import meeting, reaching
from world.scene.sumo import graph_of
from world.town.network import STREETS, RoadNetwork, load, run_sumo

OPTIONS = (
    *("--keep-edges.by-vclass", "passenger", "--keep-edges.components", "1", "--remove-edges.isolated"),
    *("--offset.disable-normalization", "true", "--opendrive.curve-resolution", "1", "--output.street-names", "false"),
)


def from_opendrive(source: Path, out: Path) -> RoadNetwork:
    """Writes a network file of a road network, in its own coordinates; returns the network.

    SimulatorError where the file is no OpenDRIVE, its streets cannot be driven in, SUMO is missing, or `out` cannot be
    written.
    """
    _check(source)
    with tempfile.TemporaryDirectory(prefix="lucidrive-map-") as folder:
        network_file = Path(folder) / "made.net.xml"
        options = ("--opendrive-files", str(source), *OPTIONS, *STREETS)
        run_sumo("netconvert", options, network_file, f"netconvert refused {source}")
        try:
            reach_junctions(network_file)
            network = load(network_file)
            build(without_traps(graph_of(network_file)))
        except (DataError, SimulatorError) as error:
            raise SimulatorError(
                f"{source} has no streets for cars that lead on; give a road network with driving lanes that meet in junctions."
            ) from error
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            aside = out.with_name(f".{out.name}.tmp")
            aside.write_bytes(network_file.read_bytes())
            aside.replace(out)
        except OSError as error:
            raise SimulatorError(f"{out} cannot be written ({error.strerror}); choose another place.") from error
    return network


def reach_junctions(path: Path) -> None:
    """Extends every street of a network file to its junctions.

    OpenDRIVE roads end at a junction's mouths; netconvert places the junction in their centre, which need not lie on
    any of them.
    """
    tree = ET.parse(path)
    streets = [
        (edge, points)
        for edge in tree.getroot().iter("edge")
        if edge.get("function", "normal") == "normal" and len(points := _points(edge.get("shape", ""))) > 1
    ]
    places = meeting([(edge.attrib["from"], edge.attrib["to"], points) for edge, points in streets])
    for junction in tree.getroot().iter("junction"):
        if junction.get("id") in places:
            x, y = places[junction.attrib["id"]]
            junction.set("x", f"{x:.2f}")
            junction.set("y", f"{y:.2f}")
    for edge, points in streets:
        edge.set("shape", _text(reaching(points, places[edge.attrib["from"]], places[edge.attrib["to"]]).tolist()))
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _check(source: Path) -> None:
    """SimulatorError where a file is no OpenDRIVE, or its traffic keeps left."""
    try:
        root = ET.parse(source).getroot()
    except OSError as error:
        raise SimulatorError(f"{source} cannot be read ({error.strerror}); give the path of an .xodr file.") from error
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{source} is damaged or no XML ({error}); export it again.") from error
    if root.tag != "OpenDRIVE":
        raise SimulatorError(f"{source} is no OpenDRIVE (it begins with <{root.tag}>); give an .xodr file.")
    rules = [road.get("rule", "RHT") for road in root.iter("road")]
    if rules.count("LHT") > len(rules) / 2:
        raise SimulatorError(
            f"Traffic keeps left in {source}, which netconvert does not read; give a network whose traffic keeps right."
        )


def _points(text: str) -> np.ndarray:
    return np.array([[float(v) for v in p.split(",")[:2]] for p in text.split()], np.float64).reshape(-1, 2)


def _text(points: Iterable[Iterable[float]]) -> str:
    return " ".join(f"{x:.3f},{y:.3f}" for x, y in points)
