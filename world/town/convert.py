"""Runs a road graph through SUMO's netconvert and collects its warnings (extra `sim`)."""

from __future__ import annotations

import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from world.errors import SimulatorError
from world.scene.graph import RoadGraph


def plain(graph: RoadGraph, folder: Path) -> tuple[Path, Path]:
    """Writes SUMO's plain files of junctions and streets into a folder; their paths."""
    nodes, edges = ET.Element("nodes"), ET.Element("edges")
    for k, junction in enumerate(graph.junctions):
        kind = "traffic_light" if junction.signals else "priority"
        ET.SubElement(nodes, "node", {"id": f"n{k}", "x": f"{junction.x:.2f}", "y": f"{junction.y:.2f}", "type": kind})
    for k, street in enumerate(graph.streets):
        ends = [(graph.junctions[end].x, graph.junctions[end].y) for end in (street.start, street.end)]
        line = [ends[0], *street.bends, ends[1]]
        directions = (
            ("", street.start, street.end, street.forward, line),
            ("-", street.end, street.start, street.backward, line[::-1]),
        )
        for sign, start, end, lanes, points in directions:
            if lanes:
                values = {"id": f"{sign}e{k}", "from": f"n{start}", "to": f"n{end}", "numLanes": str(lanes)}
                values |= {"speed": f"{street.limit:.2f}", "width": f"{street.lane_width:.2f}"}
                ET.SubElement(edges, "edge", values | {"shape": " ".join(f"{x:.2f},{y:.2f}" for x, y in points)})
    paths = folder / "made.nod.xml", folder / "made.edg.xml"
    for path, root in zip(paths, (nodes, edges), strict=True):
        path.write_bytes(ET.tostring(root))
    return paths


def warnings_of(graph: RoadGraph) -> list[str]:
    """netconvert's warnings. SimulatorError where SUMO is missing or refuses the graph."""
    try:
        import sumo
    except ImportError as error:
        raise SimulatorError("netconvert comes with SUMO: run `pip install 'lucidrive[sim]'`.") from error
    with tempfile.TemporaryDirectory() as folder:
        nodes, edges = plain(graph, Path(folder))
        call = [str(Path(sumo.SUMO_HOME) / "bin" / "netconvert"), "-n", str(nodes), "-e", str(edges)]
        call += ["--no-turnarounds.except-deadend", "-o", str(Path(folder) / "made.net.xml")]
        result = subprocess.run(call, capture_output=True, text=True, check=False)
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning") and "SUMO_HOME" not in line]
    if result.returncode:
        raise SimulatorError(
            f"netconvert made no network of this graph: {result.stderr[-300:].strip() or 'it said nothing'}."
        )
    return warnings
