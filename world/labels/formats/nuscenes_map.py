"""A place as a map of nuScenes' expansion, version 1.3: nodes, polygons and lines, the layers made of them, and the graph of lanes.

`NuScenesMap` accepts only the names of its own four maps; `nuscenes.map_expansion.map_api.locations.append(NAME)` adds ours.
"""

from __future__ import annotations

import math
from hashlib import md5
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from world.labels.lines import band, beside, length, simpler
from world.labels.near import drivable, lane_of
from world.scene.hd_map import PAVEMENT, HDMap
from world.scene.state import Place

FINE, EDGE = 10, 20.0  # pixels a m of the mask; m round the place
STOP, RADIUS = 0.4, 999.0  # m of a stop line along its lane; of the arcs beside straight lines, which have no length
POLYGONS = (
    "road_segment",
    "road_block",
    "lane",
    "ped_crossing",
    "walkway",
    "stop_line",
    "carpark_area",
    "lane_connector",
)
LINES = ("road_divider", "lane_divider", "traffic_light")


def token(*parts: Any) -> str:
    """A deterministic token of some parts."""
    return md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def origin(place: Place) -> np.ndarray:
    """The point of the world at nuScenes' (0, 0), float64 [2]: beyond the place's south-western corner, as its coordinates are positive."""
    west, south, _, _ = place.map.bounds
    return np.array([west - EDGE, south - EDGE])


def extent(place: Place) -> tuple[float, float]:
    """Width and height of the map's canvas, m: the place with EDGE on all sides."""
    west, south, east, north = place.map.bounds
    return east - west + 2 * EDGE, north - south + 2 * EDGE


def mask(place: Place) -> Image.Image:
    """A picture that is white where one can drive or walk, a pixel every 10 cm; north is up."""
    width, height = (math.ceil(FINE * side) for side in extent(place))
    picture, base = Image.new("L", (width, height)), origin(place)
    draw = ImageDraw.Draw(picture)
    for area in (*drivable(place.map), *(band(line, wide) for line, wide in _pavements(place.map))):
        points = (area - base) * FINE
        draw.polygon([(x, height - y) for x, y in points.tolist()], fill=255)
    return picture


class MapTables:
    """The JSON of one place's map."""

    def __init__(self, place: Place) -> None:
        self._place, self._base = place, origin(place)
        self.tables: dict[str, Any] = {
            name: [] for name in ("polygon", "line", "node", "drivable_area", *POLYGONS, *LINES)
        }
        self.tables |= {"version": "1.3", "canvas_edge": list(extent(place)), "arcline_path_3": {}, "connectivity": {}}
        self._roads()
        self._lanes()
        self._walks()
        self._signals()

    def _token(self, *parts: Any) -> str:
        return token(self._place.name, *parts)

    def _nodes(self, points: np.ndarray, *parts: Any) -> list[str]:
        tokens = []
        for k, (x, y) in enumerate((points - self._base).tolist()):
            tokens.append(self._token("node", *parts, k))
            self.tables["node"].append({"token": tokens[-1], "x": round(x, 4), "y": round(y, 4)})
        return tokens

    def _polygon(self, points: np.ndarray, *parts: Any) -> str:
        row = {
            "token": self._token("polygon", *parts),
            "exterior_node_tokens": self._nodes(points, *parts),
            "holes": [],
        }
        self.tables["polygon"].append(row)
        return str(row["token"])

    def _line(self, points: np.ndarray, *parts: Any) -> str:
        row = {"token": self._token("line", *parts), "node_tokens": self._nodes(points, *parts)}
        self.tables["line"].append(row)
        return str(row["token"])

    def _add(self, layer: str, *parts: Any, **fields: Any) -> str:
        row = {"token": self._token(layer, *parts), **fields}
        self.tables[layer].append(row)
        return str(row["token"])

    def _roads(self) -> None:
        place = self._place.map
        areas, whole = [], self._token("drivable_area", 0)
        for k, area in enumerate(drivable(place)):
            polygon = self._polygon(_corners(area), "road", k)
            areas.append(polygon)
            crossing = k >= len(place.streets)
            name = k - len(place.streets) if crossing else place.streets[k].street
            about = {"is_intersection": crossing, "drivable_area_token": whole}
            self._add("road_segment", "junction" if crossing else "street", name, polygon_token=polygon, **about)
        self.tables["drivable_area"].append({"token": whole, "polygon_tokens": areas})
        for shape in place.streets:
            street = place.graph.streets[shape.street]
            segment = self._token("road_segment", "street", shape.street)
            if street.forward and street.backward:
                line = self._line(simpler(shape.centre), "divider", shape.street)
                self._add("road_divider", shape.street, line_token=line, road_segment_token=segment)
            for forward, edges in ((True, (shape.centre, shape.right)), (False, (shape.left, shape.centre))):
                if not (street.forward if forward else street.backward):
                    continue
                if not street.forward or not street.backward:
                    edges = shape.left, shape.right
                self._block(shape.street, forward, *edges, segment)

    def _block(self, street: int, forward: bool, left: np.ndarray, right: np.ndarray, segment: str) -> None:
        parts = street, int(forward)
        outline = np.concatenate([simpler(right), simpler(left)[::-1]])
        begin, end = np.stack([left[0], right[0]]), np.stack([left[-1], right[-1]])
        self._add(
            "road_block",
            *parts,
            polygon_token=self._polygon(outline, "block", *parts),
            from_edge_line_token=self._line(begin if forward else end, "from", *parts),
            to_edge_line_token=self._line(end if forward else begin, "to", *parts),
            road_segment_token=segment,
        )

    def _lanes(self) -> None:
        place = self._place.map
        for number in range(len(place.lanes)):
            lane = lane_of(place, number)
            line = simpler(lane.line)
            outline = self._polygon(band(line, lane.width), "lane", number)
            name = self._token("lane", number)
            self.tables["connectivity"][name] = {
                "incoming": [self._token("lane", other) for other in lane.before],
                "outgoing": [self._token("lane", other) for other in lane.after],
            }
            self.tables["arcline_path_3"][name] = self._arcs(line)
            if lane.junction >= 0:
                self.tables["lane_connector"].append({"token": name, "polygon_token": outline})
                continue
            sides = {}
            for side, other, away in (("left", lane.left, lane.width / 2), ("right", lane.right, -lane.width / 2)):
                edge = beside(line, away)
                nodes = self._nodes(edge, "side", number, side)
                paint = "SINGLE_SOLID_WHITE" if other < 0 else "SINGLE_DASHED_WHITE"
                sides[side] = [{"node_token": node, "segment_type": paint} for node in nodes]
                if side == "left" and other >= 0:
                    divider = self._line(edge, "lane_divider", number)
                    segments = [
                        {"node_token": node, "segment_type": paint} for node in self.tables["line"][-1]["node_tokens"]
                    ]
                    self._add("lane_divider", number, line_token=divider, lane_divider_segments=segments)
            self._add(
                "lane",
                number,
                polygon_token=outline,
                lane_type="CAR",
                from_edge_line_token=self._line(_across(line, 0, lane.width), "lane from", number),
                to_edge_line_token=self._line(_across(line, -1, lane.width), "lane to", number),
                left_lane_divider_segments=sides["left"],
                right_lane_divider_segments=sides["right"],
            )

    def _arcs(self, line: np.ndarray) -> list[dict[str, Any]]:
        """A straight piece between two points each: arcs of no length on both sides of it."""
        out = []
        for a, b in zip(line - self._base, line[1:] - self._base, strict=False):
            heading = math.atan2(b[1] - a[1], b[0] - a[0])
            ends = {"start_pose": [*a.tolist(), heading], "end_pose": [*b.tolist(), heading]}
            out.append(ends | {"shape": "LSL", "radius": RADIUS, "segment_length": [0.0, float(math.dist(a, b)), 0.0]})
        return out

    def _walks(self) -> None:
        place = self._place.map
        for k, (line, wide) in enumerate(_pavements(place)):
            self._add("walkway", k, polygon_token=self._polygon(band(line, wide), "walkway", k))
        for k, one in enumerate(place.crossings):
            line = np.array([[one["x0"], one["y0"]], [one["x1"], one["y1"]]])
            polygon = self._polygon(band(line, float(one["width"])), "crossing", k)
            segment = self._token("road_segment", "street", int(one["street"]))
            self._add("ped_crossing", k, polygon_token=polygon, road_segment_token=segment)

    def _signals(self) -> None:
        place = self._place.map
        for number, one in enumerate(place.signals):
            lanes = np.flatnonzero((place.lanes["signal"] == number) & (place.lanes["junction"] >= 0))
            if not len(lanes):
                continue
            here = np.array([one["x"], one["y"]])
            pose = dict(zip(("tx", "ty", "tz"), (*(here - self._base).tolist(), 2.5), strict=True))
            first = place.lanes[int(place.lanes["source"][lanes[0]])]
            self._add(
                "traffic_light",
                number,
                line_token=self._line(np.stack([here, here + 0.1]), "signal", number),
                traffic_light_type="VERTICAL",
                from_road_block_token=self._token("road_block", int(first["street"]), int(first["forward"])),
                items=[],
                pose=pose | {"rx": 0.0, "ry": 0.0, "rz": float(one["heading"]) + math.pi},
            )
        for number in np.flatnonzero(place.lanes["junction"] < 0).tolist():
            lane = lane_of(place, number)
            lights = sorted({int(place.lanes["signal"][after]) for after in lane.after} - {-1})
            if lights:
                direction = (lane.line[-1] - lane.line[-2]) / max(1e-9, math.dist(lane.line[-1], lane.line[-2]))
                row = place.lanes[number]
                self._add(
                    "stop_line",
                    number,
                    polygon_token=self._polygon(
                        band(np.stack([lane.line[-1] - STOP * direction, lane.line[-1]]), lane.width), "stop", number
                    ),
                    stop_line_type="TRAFFIC_LIGHT",
                    ped_crossing_tokens=[],
                    traffic_light_tokens=[self._token("traffic_light", light) for light in lights],
                    road_block_token=self._token("road_block", int(row["street"]), int(row["forward"])),
                )


def _pavements(place: HDMap) -> list[tuple[np.ndarray, float]]:
    """Middle lines [N, 2] and widths."""
    out = []
    for walk in place.walks[place.walks["kind"] == PAVEMENT]:
        first, count = int(walk["first"]), int(walk["count"])
        points = place.walk_points[first : first + count]
        line = simpler(np.stack([points["x"], points["y"]], 1))
        if length(line) > 0.1:
            out.append((line, float(walk["width"])))
    return out


def _corners(area: np.ndarray) -> np.ndarray:
    """A polygon of fewer points, within 3 cm."""
    half = len(area) // 2
    return np.concatenate([simpler(area[: half + 1]), simpler(area[half:])[1:]])


def _across(line: np.ndarray, at: int, width: float) -> np.ndarray:
    return np.stack([beside(line, width / 2)[at], beside(line, -width / 2)[at]])
