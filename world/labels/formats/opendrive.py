"""A place as an OpenDRIVE 1.7 road network, by `scenariogeneration`: streets with lanes and pavements, connections through junctions, signals.

Coordinates are the scene's. Bends are cubic curves through points and headings of the line; lanes lie within 15 cm of the scene's.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from world.labels.formats.writer import DriveInfo, Writer
from world.labels.lines import beside, headings, simpler
from world.labels.near import NearLane, lane_of
from world.labels.record import Record
from world.scene.hd_map import HDMap, StreetShape
from world.scene.query import wrap
from world.scene.state import Place

WITHIN, STRAIGHT = 0.02, 1e-4  # m of error when points are left out; rad of heading up to which a piece is a line
CONNECTING = 10_000  # a connection through a junction is the road of this number plus the lane's
LIGHT = "1000001"  # OpenDRIVE's type of a traffic light of three colours


class OpenDrive(Writer):
    """The format `opendrive`. One road network per place, written with its first drive."""

    package, wants = "scenariogeneration", "OpenDRIVE and OpenSCENARIO"
    draws, bytes_a_pixel = False, 0.1

    def begin(self, drive: DriveInfo) -> None:
        """Writes the place's network if it is new."""
        path = self.folder / file_of(drive.place)
        if not path.exists():
            write(drive.place, path)

    def add(self, record: Record) -> None:
        """Does nothing: a road network is static."""


def file_of(place: Place) -> str:
    """The file name of a place: its own name, with a dash for any sign but letters, digits, - and _."""
    return "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in place.name) + ".xodr"


def write(place: Place, path: Path) -> None:
    """Writes the whole map of a place as one .xodr file."""
    from scenariogeneration import xodr

    out, map_ = xodr.OpenDrive(place.name, revMinor="7"), place.map
    for shape in map_.streets:
        out.add_road(_street(xodr, map_, shape))
    junctions: dict[int, list[NearLane]] = {}
    for number in np.flatnonzero(map_.lanes["junction"] >= 0).tolist():
        lane = lane_of(map_, number)
        junctions.setdefault(lane.junction, []).append(lane)
        out.add_road(_connection(xodr, map_, lane))
    for number, lanes in sorted(junctions.items()):
        junction = xodr.Junction(f"junction {number}", number)
        for lane in lanes:
            source = map_.lanes[lane.before[0]]
            link = xodr.Connection(int(source["street"]), CONNECTING + lane.number, xodr.ContactPoint.start)
            junction.add_connection(link.add_lanelink(_id(map_, lane.before[0]), -1))
        out.add_junction(junction)
    out.write_xml(str(path))


def _street(xodr: Any, map_: HDMap, shape: StreetShape) -> Any:
    street, view = map_.graph.streets[shape.street], plan(xodr, shape.centre)
    section = xodr.LaneSection(0, xodr.Lane(a=0))
    both = street.forward and street.backward
    section.centerlane.add_roadmark(_paint(xodr, "solid solid" if both else "solid"))
    for forward, count in ((True, street.forward), (False, street.backward)):
        for k in range(count):
            lane = xodr.Lane(a=street.lane_width)
            lane.add_roadmark(_paint(xodr, "broken" if k + 1 < count else "solid"))
            (section.add_right_lane if forward else section.add_left_lane)(lane)
        if street.pavement > 0:
            walk = xodr.Lane(xodr.LaneType.sidewalk, a=street.pavement)
            (section.add_right_lane if forward else section.add_left_lane)(walk)
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    road = xodr.Road(shape.street, view, lanes, name=f"street {shape.street}")
    road.add_type(xodr.RoadType.town, speed=street.limit, speed_unit="m/s")
    junctions = set(map_.lanes["junction"][map_.lanes["junction"] >= 0].tolist())
    if street.start in junctions:
        road.add_predecessor(xodr.ElementType.junction, street.start)
    if street.end in junctions:
        road.add_successor(xodr.ElementType.junction, street.end)
    _lights(xodr, map_, road, shape)
    return road


def _connection(xodr: Any, map_: HDMap, connection: NearLane) -> Any:
    lane = xodr.Lane(a=connection.width)
    section = xodr.LaneSection(0, xodr.Lane(a=0))
    section.add_right_lane(lane)
    lane.add_link("predecessor", _id(map_, connection.before[0]))
    lane.add_link("successor", _id(map_, connection.after[0]))
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    # It begins and ends with the headings of the streets' ends, so that there is no gap.
    turns = connection.headings.copy()
    for at, heading in ((0, _mouth(map_, connection.before[0], True)), (-1, _mouth(map_, connection.after[0], False))):
        turns[at] += wrap(heading - turns[at])
    view = plan(xodr, beside(connection.line, connection.width / 2, turns), turns)
    road = xodr.Road(CONNECTING + connection.number, view, lanes, connection.junction, f"way {connection.number}")
    for number, add in ((connection.before[0], road.add_predecessor), (connection.after[0], road.add_successor)):
        row = map_.lanes[number]
        at_end = bool(row["forward"]) == (number == connection.before[0])
        point = xodr.ContactPoint.end if at_end else xodr.ContactPoint.start
        add(xodr.ElementType.road, int(row["street"]), point)
    return road


def _mouth(map_: HDMap, number: int, end: bool) -> float:
    """The heading of a street at the end or beginning of a lane."""
    row = map_.lanes[number]
    shape = next(shape for shape in map_.streets if shape.street == row["street"])
    turns = headings(shape.centre)
    return float(turns[-1 if end else 0]) if row["forward"] else float(turns[0 if end else -1]) + math.pi


def _lights(xodr: Any, map_: HDMap, road: Any, shape: StreetShape) -> None:
    """Adds the traffic lights at the ends of a street."""
    for forward in (True, False):
        mine = np.flatnonzero((map_.lanes["street"] == shape.street) & (map_.lanes["forward"] == int(forward)))
        lights = {
            int(map_.lanes["signal"][orientation]) for lane in mine for orientation in lane_of(map_, int(lane)).after
        } - {-1}
        for light in sorted(lights):
            post = map_.signals[light]
            s = road.planview.get_total_length() if forward else 0.0
            end, turn = (
                (shape.centre[-1], headings(shape.centre)[-1])
                if forward
                else (shape.centre[0], headings(shape.centre)[0])
            )
            t = -(post["x"] - end[0]) * math.sin(turn) + (post["y"] - end[1]) * math.cos(turn)
            orientation = xodr.Orientation.positive if forward else xodr.Orientation.negative
            head = xodr.Signal(s, float(t), "DE", LIGHT, dynamic=xodr.Dynamic.yes, orientation=orientation, zOffset=2.5)
            road.add_signal(head)
            head.id = str(light)  # `add_signal` numbers through all files


def _id(map_: HDMap, number: int) -> int:
    """OpenDRIVE's number of a street's lane: -1, -2 ... to the right of the middle, 1, 2 ... to its left."""
    row = map_.lanes[number]
    street = map_.graph.streets[int(row["street"])]
    if row["forward"]:
        return int(row["number"]) - street.forward
    return street.backward - int(row["number"])


def _paint(xodr: Any, kind: str) -> Any:
    return xodr.RoadMark(getattr(xodr.RoadMarkType, kind.replace(" ", "_")), width=0.12)


def plan(xodr: Any, line: np.ndarray, turns: np.ndarray | None = None) -> Any:
    """A line [N, 2] with its headings [N] as straight pieces and cubic (Hermite) curves with continuous heading."""
    turns = headings(line) if turns is None else turns
    apart = np.sort(np.unique(line, axis=0, return_index=True)[1])
    line, turns = line[apart], turns[apart]
    points = simpler(line, WITHIN)
    where = [int(np.flatnonzero((line == point).all(1))[0]) for point in points]
    view = xodr.PlanView()
    for a, b in pairwise(where):
        (x, y), (x1, y1) = line[a], line[b]
        chord, away = math.atan2(y1 - y, x1 - x), math.dist(line[a], line[b])
        begin, finish = float(turns[a]), float(turns[b])
        if max(abs(wrap(begin - chord)), abs(wrap(finish - chord))) < STRAIGHT:
            view.add_fixed_geometry(xodr.Line(away), x, y, chord)
            continue
        u, v = away * math.cos(chord - begin), away * math.sin(chord - begin)
        u1, v1 = away * math.cos(finish - begin), away * math.sin(finish - begin)
        cubic = (0, away, 3 * u - 2 * away - u1, away + u1 - 2 * u, 0, 0, 3 * v - v1, v1 - 2 * v)
        view.add_fixed_geometry(xodr.ParamPoly3(*cubic), x, y, begin)
    return view
