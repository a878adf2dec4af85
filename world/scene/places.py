"""Places to drive in: the shipped towns, imported maps, and the file format of a road graph."""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from world.errors import DataError, SimulatorError
from world.scene import roadside
from world.scene.build import build
from world.scene.graph import LOOKS, Junction, RoadGraph, Street, without_traps
from world.scene.state import Place
from world.scene.sumo import graph_of

FOLDER = Path(__file__).parent / "towns"
ENDING = ".json.gz"
ENDINGS = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf", ".osm.xml")  # OpenStreetMap's
OPENDRIVE = ".xodr"
VERSION = 1
_LENGTHS = ("lane_width", "pavement", "limit")  # kept as hundredths


def save(graph: RoadGraph, path: Path) -> None:
    """Write a graph as compressed JSON, positions in whole cm. Equal graphs make equal files."""
    streets = []
    for street in graph.streets:
        row: list[Any] = []
        for field in fields(Street):
            value = getattr(street, field.name)
            if field.name == "bends":
                value = [_hundredths(v) for point in value for v in point]
            elif field.name in _LENGTHS:
                value = _hundredths(value)
            row.append(int(value) if isinstance(value, bool) else value)
        streets.append(row)
    junctions = [[_hundredths(j.x), _hundredths(j.y), int(j.signals)] for j in graph.junctions]
    text = {"version": VERSION, "look": graph.look, "junctions": junctions, "streets": streets}
    if not graph.parked:
        text["parked"] = False
    path.write_bytes(gzip.compress(json.dumps(text, separators=(",", ":")).encode(), mtime=0))


def _hundredths(value: float) -> int:
    return round(100 * value)


def load(path: Path) -> RoadGraph:
    """The graph of a file that `save` made. DataError where it is missing or damaged."""
    try:
        text = json.loads(gzip.decompress(path.read_bytes()))
        if text["version"] != VERSION or text["look"] not in LOOKS:
            raise ValueError("another version")
        graph = RoadGraph(
            tuple(Junction(x / 100, y / 100, bool(signals)) for x, y, signals in text["junctions"]),
            tuple(_street(row) for row in text["streets"]),
            text["look"],
            bool(text.get("parked", True)),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read as a place ({error}); install lucidrive again.") from error
    if any(not 0 <= end < len(graph.junctions) for street in graph.streets for end in (street.start, street.end)):
        raise DataError(f"{path} names a junction that it does not hold; install lucidrive again.")
    return graph


def _street(row: list[Any]) -> Street:
    values = {field.name: value for field, value in zip(fields(Street), row, strict=True)}
    flat = [value / 100 for value in values["bends"]]
    values["bends"] = tuple(zip(flat[::2], flat[1::2], strict=True))
    values |= {name: values[name] / 100 for name in _LENGTHS}
    values |= {name: bool(values[name]) for name in ("crossing_start", "crossing_end")}
    return Street(**values)


def towns() -> dict[str, tuple[str, ...]]:
    """The shipped towns by split: train, validation, test."""
    from world.town.network import SPLITS

    return {split: tuple(f"town-{town}" for town in numbers) for split, numbers in SPLITS.items()}


@lru_cache(maxsize=32)
def load_place(name_or_path: str) -> Place:
    """A shipped town by name, or the place of a file: SUMO (.net.xml), OpenDRIVE (.xodr), an import (.json.gz) or OpenStreetMap (.osm, plain or
    packed by gzip or bzip2, or .osm.pbf). `map.osm.pbf@WEST,SOUTH,EAST,NORTH` is a box of a map.

    Raises DataError where there is no such place or the file holds no streets.
    """
    graph = _graph(name_or_path)
    place = build(graph)
    return Place(name_or_path, place, roadside.line(place))


def _graph(name: str) -> RoadGraph:
    shipped = [town for names in towns().values() for town in names]
    if name in shipped:
        return load(FOLDER / f"{name}{ENDING}")
    if name.endswith(".net.xml"):
        return without_traps(graph_of(Path(name)))
    if name.endswith(ENDING):
        return load(Path(name))
    if name.lower().endswith(OPENDRIVE):
        return _from_opendrive(Path(name))
    file, _, box = name.rpartition("@") if "@" in name and not Path(name).exists() else (name, "", "")
    if file.lower().endswith(ENDINGS):
        return _from_osm(Path(file), box)
    shipped.sort(key=lambda town: int(town.rpartition("-")[2]))
    raise DataError(
        f"There is no place '{name}'; there are {', '.join(shipped)}, and files .net.xml, .xodr, .osm, .osm.gz, .osm.bz2, .osm.pbf and .json.gz."
    )


def _from_opendrive(path: Path) -> RoadGraph:
    from world.town.opendrive import from_opendrive

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "map.net.xml"
        try:
            from_opendrive(path, target)
        except SimulatorError as error:
            raise DataError(str(error)) from error
        return without_traps(graph_of(target))


def _from_osm(path: Path, box: str = "") -> RoadGraph:
    from world.town.osm import from_osm
    from world.town.osm_map import BoundingBox

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "map.net.xml"
        try:
            from_osm(path, target, BoundingBox.of(box) if box else None)
        except SimulatorError as error:
            raise DataError(str(error)) from error
        return without_traps(graph_of(target))
