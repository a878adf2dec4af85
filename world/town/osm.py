"""A town from an OpenStreetMap file, by SUMO's netconvert: pavements, crossings and traffic lights are guessed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from world.errors import SimulatorError
from world.town.network import STREETS, Network, load, run_sumo

OPTIONS = (
    *("--keep-edges.by-vclass", "passenger", "--keep-edges.components", "1", "--remove-edges.isolated"),
    *("--geometry.remove", "--junctions.join", "--roundabouts.guess", "--output.street-names", "false"),
)


def from_osm(osm: Path, out: Path) -> Network:
    """Make a network file of a map; returns what it holds.

    Raises SimulatorError for a file that is no map, a map without streets to drive in, or a place that cannot be written.
    """
    _check(osm)
    aside = out.with_name(f".{out.name}.tmp")
    try:
        run_sumo("netconvert", ("--osm-files", str(osm), *OPTIONS, *STREETS), aside, f"netconvert refused {osm}")
        network = load(aside)
        aside.replace(out)
    except SimulatorError as error:
        if "leads on" in str(error) or "not a SUMO network" in str(error):
            raise SimulatorError(
                f"{osm} has no streets for cars that lead on; take a larger part of the map."
            ) from error
        raise
    finally:
        aside.unlink(missing_ok=True)
    return network


def _check(osm: Path) -> None:
    if not osm.is_file():
        raise SimulatorError(f"There is no file {osm}; export a part of OpenStreetMap as .osm first.")
    ways = 0
    try:
        for number, (_, element) in enumerate(ET.iterparse(osm, events=("start",))):
            if number == 0 and element.tag != "osm":
                raise SimulatorError(
                    f"{osm} is no OpenStreetMap file (it begins with <{element.tag}>); export it as .osm."
                )
            ways += element.tag == "way"
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{osm} is damaged or no OpenStreetMap XML ({error}); export it again as .osm.") from error
    if not ways:
        raise SimulatorError(f"{osm} holds no ways; export a part of the map with streets.")
