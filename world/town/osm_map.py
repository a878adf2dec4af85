"""Prepares a map's streets for netconvert: from any kind of file, cut to a box, with right-hand traffic.

Our traffic keeps right. A map with left-hand traffic is mirrored, so that one-way streets, roundabouts and turn lanes
keep their meaning: a dream of London shows London's streets with left and right swapped.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import quoteattr

import numpy as np

from world.errors import SimulatorError
from world.town.osm_parts import Nodes, Relation, Tags, Way, parts

Traffic = Literal["auto", "left", "right"]
MOST_STREETS = 10_000  # ways; some 20 km2 of a dense city
SUGGESTED = 3.0  # km, side of the box suggested for a larger map
KM = 111.32  # per degree of latitude
SPARE_ID = 9 * 10**14  # first id for parts of ways
NO_STREETS = frozenset(
    [
        "footway",
        "path",
        "cycleway",
        "steps",
        "bridleway",
        "corridor",
        "platform",
        "elevator",
        "escape",
        "raceway",
        "proposed",
        "construction",
        "razed",
        "abandoned",
        "bus_stop",
        "rest_area",
        "services",
    ]
)
SIDES = {"left": "right", "right": "left"}
SIDE = re.compile(r"(?<![a-z])(left|right)(?![a-z])")
NAMES = ("name", "alt_name", "old_name", "addr", "ref", "note", "destination", "description")


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box in degrees."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, text: str) -> BoundingBox:
        """Parses WEST,SOUTH,EAST,NORTH. SimulatorError for anything else."""
        try:
            box = cls(*map(float, text.split(",")))
        except (TypeError, ValueError):
            box = cls(0, 0, 0, 0)
        if not (-180 <= box.west < box.east <= 180 and -90 <= box.south < box.north <= 90):
            raise SimulatorError(
                f"'{text[:80]}' is no box; give WEST,SOUTH,EAST,NORTH in degrees, such as 13.38,52.50,13.42,52.53."
            )
        return box

    def inside(self, nodes: Nodes) -> np.ndarray:
        """Mask of the nodes inside, bool [N]."""
        wide = (self.west <= nodes.lon) & (nodes.lon <= self.east)
        return wide & (self.south <= nodes.lat) & (nodes.lat <= self.north)


@dataclass(frozen=True, slots=True)
class Streets:
    """A map's ways for cars, their nodes, and the turn restrictions."""

    nodes: Nodes
    ways: tuple[Way, ...]
    relations: tuple[Relation, ...]


def prepare(osm: Path, out: Path, box: BoundingBox | None = None, traffic: Traffic = "auto") -> bool:
    """Writes the streets of a file as plain .osm; returns whether they are mirrored. SimulatorError as `streets_of`."""
    streets = streets_of(osm, box)
    mirror = traffic == "left" or (traffic == "auto" and keeps_left(streets))
    write(mirror_streets(streets) if mirror else streets, out)
    return mirror


def streets_of(osm: Path, box: BoundingBox | None = None) -> Streets:
    """The streets of a file, inside a box if given.

    SimulatorError where it is no map, holds no streets there, or too many.
    """
    inside = _ids(nodes.ids[box.inside(nodes)] for nodes in _nodes(osm)) if box else None
    ways: list[Way] = []
    relations: list[Relation] = []
    total = count = 0
    for part in parts(osm):
        if isinstance(part, Way):
            total += 1
            if part.tags.get("highway", "footway") not in NO_STREETS and part.tags.get("area") != "yes":
                cut = list(_split(part, inside, SPARE_ID + len(ways)))
                count += len(cut)
                ways += cut if count <= MOST_STREETS else []
        elif isinstance(part, Relation) and part.tags.get("type") == "restriction" and count <= MOST_STREETS:
            relations.append(part)
    if not total:
        raise SimulatorError(f"{osm} holds no ways; export a part of the map with streets.")
    if box and not ways:
        raise SimulatorError(f"{osm} holds no streets in that box; its corners are WEST,SOUTH,EAST,NORTH in degrees.")
    if count > MOST_STREETS:
        raise SimulatorError(_too_large(osm, count, box))
    way_ids = {way.id for way in ways}
    relations = [one for one in relations if all(ref in way_ids for kind, ref, _ in one.members if kind == "way")]
    return Streets(_nodes_of(osm, ways), tuple(ways), tuple(relations))


def keeps_left(streets: Streets) -> bool:
    """Whether traffic keeps left: by its streets' tags, else by its roundabouts, else by its location."""
    tag_counts = Counter(side for way in streets.ways if (side := way.tags.get("driving_side")) in SIDES)
    if tag_counts:
        return tag_counts["left"] > tag_counts["right"]
    nodes = streets.nodes
    if not len(nodes.ids):
        return False
    places = dict(zip(nodes.ids.tolist(), zip(nodes.lon.tolist(), nodes.lat.tolist(), strict=True), strict=True))
    turns = Counter(
        _turns(way, places)
        for way in streets.ways
        if way.tags.get("junction") in ("roundabout", "circular") and way.tags.get("oneway") != "-1"
    )
    if turns["left"] != turns["right"]:
        return turns["left"] > turns["right"]
    lon, lat = float(np.median(nodes.lon)), float(np.median(nodes.lat))
    return any(box.west <= lon <= box.east and box.south <= lat <= box.north for box in _left_hand())


def mirror_streets(streets: Streets) -> Streets:
    """The streets with east and west, left and right swapped."""
    nodes = streets.nodes
    middle = float(nodes.lon.min() + nodes.lon.max()) if len(nodes.ids) else 0.0
    tags = {place: swap_sides(own) for place, own in nodes.tags.items()}
    return Streets(
        replace(nodes, lon=middle - nodes.lon, tags=tags),
        tuple(replace(way, tags=swap_sides(way.tags)) for way in streets.ways),
        tuple(replace(one, tags=swap_sides(one.tags)) for one in streets.relations),
    )


def swap_sides(tags: Mapping[str, str]) -> Tags:
    """Tags with left and right swapped: `sidewalk:left`, `no_right_turn`, `turn:lanes`."""
    out: Tags = {}
    for key, value in tags.items():
        words = key.split(":")
        if words[0] in NAMES:
            out[key] = value
            continue
        if "lanes" in words:
            value = "|".join(reversed(value.split("|")))
        out[":".join(SIDES.get(word, word) for word in words)] = SIDE.sub(lambda side: SIDES[side[1]], value)
    return out


def write(streets: Streets, out: Path) -> None:
    """Writes the streets as .osm. SimulatorError where the file cannot be written."""
    try:
        with out.open("w", encoding="utf-8") as file:
            file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
            file.writelines(f"{line}\n" for line in _lines(streets))
            file.write("</osm>\n")
    except OSError as error:
        raise SimulatorError(f"{out} cannot be written ({error.strerror}); choose another place.") from error


def _lines(streets: Streets) -> Iterator[str]:
    nodes = streets.nodes
    for place, (one, lat, lon) in enumerate(zip(nodes.ids.tolist(), nodes.lat, nodes.lon, strict=True)):
        yield f'<node id="{one}" lat="{lat:.7f}" lon="{lon:.7f}">{_tags(nodes.tags.get(place, {}))}</node>'
    for way in streets.ways:
        refs = "".join(f'<nd ref="{ref}"/>' for ref in way.refs)
        yield f'<way id="{way.id}">{refs}{_tags(way.tags)}</way>'
    for one in streets.relations:
        members = "".join(
            f'<member type={quoteattr(kind)} ref="{ref}" role={quoteattr(role)}/>' for kind, ref, role in one.members
        )
        yield f'<relation id="{one.id}">{members}{_tags(one.tags)}</relation>'


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())


def _nodes(osm: Path) -> Iterator[Nodes]:
    return (part for part in parts(osm) if isinstance(part, Nodes))


def _ids(batches: Iterable[np.ndarray]) -> np.ndarray:
    """Sorted unique ids, int64."""
    return np.unique(np.concatenate([np.zeros(0, np.int64), *batches]))


def _split(way: Way, inside: np.ndarray | None, spare: int) -> Iterator[Way]:
    """The parts of a way whose nodes are all inside."""
    if inside is None:
        yield way
        return
    within = np.isin(np.array(way.refs, np.int64), inside).tolist()
    parts = [
        tuple(ref for ref, _ in run)
        for there, run in groupby(zip(way.refs, within, strict=True), key=lambda pair: pair[1])
        if there
    ]
    for number, refs in enumerate(run for run in parts if len(run) > 1):
        yield Way(spare + number if number else way.id, refs, way.tags)


def _nodes_of(osm: Path, ways: Iterable[Way]) -> Nodes:
    node_ids = _ids(np.array(way.refs, np.int64) for way in ways)
    ids, lat, lon = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0)]
    tags: dict[int, Tags] = {}
    count = 0
    for nodes in _nodes(osm):
        rows = np.flatnonzero(np.isin(nodes.ids, node_ids, assume_unique=False))
        tags |= {count + k: nodes.tags[place] for k, place in enumerate(rows.tolist()) if place in nodes.tags}
        ids.append(nodes.ids[rows])
        lat.append(nodes.lat[rows])
        lon.append(nodes.lon[rows])
        count += len(rows)
    return Nodes(np.concatenate(ids), np.concatenate(lat), np.concatenate(lon), tags)


def _too_large(osm: Path, count: int, box: BoundingBox | None) -> str:
    """The sentence with the map's size, and a box around most of it."""
    samples = []
    for nodes in _nodes(osm):
        there = slice(None) if box is None else box.inside(nodes)
        samples.append((nodes.lon[there], nodes.lat[there]))
    lon, lat = (np.concatenate(column) for column in zip(*samples, strict=True))
    x, y = float(np.median(lon)), float(np.median(lat))
    narrow = math.cos(math.radians(y))
    wide, high = (float(lon.max() - lon.min()) * KM * narrow, float(lat.max() - lat.min()) * KM)
    half_y, half_x = SUGGESTED / 2 / KM, SUGGESTED / 2 / KM / max(narrow, 0.01)
    suggestion = f"{x - half_x:.3f},{y - half_y:.3f},{x + half_x:.3f},{y + half_y:.3f}"
    return (
        f"{osm} covers {wide:,.1f} x {high:,.1f} km with {count:,} streets, and a dream's map has {MOST_STREETS:,} at most: "
        f"cut it to a box, such as --box {suggestion} (for a scene: {osm}@{suggestion})."
    )


def _turns(way: Way, places: Mapping[int, tuple[float, float]]) -> str:
    """The side that traffic keeps to on a roundabout: right where it runs counter-clockwise. "" where unclear."""
    points = np.array([places[ref] for ref in way.refs if ref in places])
    if len(points) < 3:
        return ""
    steps = np.diff(points, axis=0)
    bend = float((steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]).sum())
    return "right" if bend > 0 else "left"


@cache
def _left_hand() -> tuple[BoundingBox, ...]:
    with (Path(__file__).parent / "left_hand.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return tuple(BoundingBox(*map(float, row[1:])) for row in rows)
