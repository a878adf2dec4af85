"""A town from an OpenStreetMap file, by SUMO's netconvert; pavements, crossings and traffic lights are guessed."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from world.errors import SimulatorError
from world.town.network import STREETS, RoadNetwork, load, run_sumo
from world.town.osm_map import BoundingBox, Traffic, prepare

log = logging.getLogger(__name__)

OPTIONS = (
    *("--keep-edges.by-vclass", "passenger", "--keep-edges.components", "1", "--remove-edges.isolated"),
    *("--geometry.remove", "--junctions.join", "--roundabouts.guess", "--output.street-names", "false"),
)
MIRRORED = "Traffic keeps left there, and ours keeps right: %s is mirrored, with left and right changed over."


def from_osm(osm: Path, out: Path, box: BoundingBox | None = None, traffic: Traffic = "auto") -> RoadNetwork:
    """Writes a network file of a map, or of a box of it; returns the network. traffic: the side it keeps to there.

    SimulatorError where the file is no map, has no streets to drive in or too many, or `out` cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="lucidrive-map-") as folder:
        streets = Path(folder) / "map.osm"
        if prepare(osm, streets, box, traffic):
            log.warning(MIRRORED, osm)
        return _convert(osm, streets, out)


def _convert(osm: Path, streets: Path, out: Path) -> RoadNetwork:
    aside = out.with_name(f".{out.name}.tmp")
    try:
        run_sumo("netconvert", ("--osm-files", str(streets), *OPTIONS, *STREETS), aside, f"netconvert refused {osm}")
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
