"""Reads a map of nuScenes' expansion (v1.3): lanes with their successors, and the polygons around them.

Our traffic keeps right: a map with left-hand traffic, as in Singapore, is mirrored (east and west swapped).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from world.errors import DataError
from world.labels.lines import length

STEP = 1.0  # m along an arc
WIDTHS = 2.6, 4.2  # m, limits of a lane's width: lanes flare at junctions
NEIGHBOUR = 6.0  # m, largest distance between the centres of adjacent lanes
ALONG = 0.9  # cosine between the directions of adjacent lanes


@dataclass(frozen=True, eq=False)
class MapLane:
    """A lane.

    line: float64 [N, 2], its centre; width in m; connector: within a junction; after: tokens of its successors.
    """

    token: str
    line: np.ndarray
    width: float
    connector: bool
    after: tuple[str, ...]

    @property
    def middle(self) -> np.ndarray:
        """float64 [4]: x, y of the halfway point, and the unit direction there."""
        distance = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.line, axis=0).T))])
        half = [
            np.interp(distance[-1] / 2 + by, distance, self.line[:, axis]) for by in (0, 0.5, -0.5) for axis in (0, 1)
        ]
        direction = np.array(half[2:4]) - half[4:6]
        return np.array([*half[:2], *(direction / max(1e-9, float(np.hypot(*direction))))])


@dataclass(frozen=True, eq=False)
class Lanes:
    """A map. lanes: by token; polygons float64 [N, 2] of intersections, crossings and walkways.

    lights: float64 [N, 2], centres of the stop lines at traffic lights; mirrored: whether east and west are swapped.
    """

    lanes: Mapping[str, MapLane]
    intersections: tuple[np.ndarray, ...]
    crossings: tuple[np.ndarray, ...]
    walkways: tuple[np.ndarray, ...]
    lights: np.ndarray
    mirrored: bool = False


def read_lanes(path: Path) -> Lanes:
    """The map of a file, mirrored where its traffic keeps left. DataError where it cannot be read or is no map."""
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))
        lanes = _Tables(tables).lanes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); unpack nuScenes' map expansion again.") from error
    except KeyError as error:
        raise DataError(f"{path} has no {error}; take version 1.3 of nuScenes' map expansion.") from error
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"{path} is no map of nuScenes' expansion ({error}); unpack it again.") from error
    return _mirror(lanes) if _keeps_left(lanes.lanes.values()) else lanes


class _Tables:
    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = tables
        self._nodes = {row["token"]: (float(row["x"]), float(row["y"])) for row in tables["node"]}
        self._polygons = {row["token"]: row["exterior_node_tokens"] for row in tables["polygon"]}

    def lanes(self) -> Lanes:
        paths, leads = self._tables["arcline_path_3"], self._tables["connectivity"]
        lanes = {}
        for layer in ("lane", "lane_connector"):
            for row in self._tables[layer]:
                token = row["token"]
                if not paths.get(token) or row.get("lane_type", "CAR") != "CAR":
                    continue
                line = line_of(paths[token])
                if (long := length(line)) < 0.1:
                    continue
                area = _area(self._polygon(row)) if row.get("polygon_token") in self._polygons else 0.0
                wide = min(WIDTHS[1], max(WIDTHS[0], area / long))
                after = tuple(leads.get(token, {}).get("outgoing", ()))
                lanes[token] = MapLane(token, line, wide, layer == "lane_connector", after)
        whole = {
            token: replace(lane, after=tuple(one for one in lane.after if one in lanes))
            for token, lane in lanes.items()
        }
        lit = [row for row in self._tables["stop_line"] if row.get("traffic_light_tokens")]
        return Lanes(
            whole,
            tuple(self._polygon(row) for row in self._tables["road_segment"] if row["is_intersection"]),
            tuple(map(self._polygon, self._tables["ped_crossing"])),
            tuple(map(self._polygon, self._tables["walkway"])),
            np.array([self._polygon(row).mean(0) for row in lit]).reshape(-1, 2),
        )

    def _polygon(self, row: dict[str, Any]) -> np.ndarray:
        return np.array([self._nodes[node] for node in self._polygons[row["polygon_token"]]]).reshape(-1, 2)


def line_of(path: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """The points [N, 2] of consecutive arcline paths, each of three left (L), right (R) or straight (S) segments
    (Dubins 1957).
    """
    points: list[tuple[float, float]] = []
    for piece in path:
        x, y, turn = (float(value) for value in piece["start_pose"])
        points.append((x, y))
        for kind, long in zip(piece["shape"], piece["segment_length"], strict=True):
            bend = {"L": 1.0, "S": 0.0, "R": -1.0}[kind] / float(piece["radius"])
            steps = max(1, math.ceil(long / STEP)) if bend else 1
            for _ in range(steps if long > 1e-6 else 0):
                on = long / steps
                chord = on * (math.sin(bend * on / 2) / (bend * on / 2) if bend else 1.0)
                x, y = x + chord * math.cos(turn + bend * on / 2), y + chord * math.sin(turn + bend * on / 2)
                turn += bend * on
                points.append((x, y))
    line = np.array(points).reshape(-1, 2)
    apart = np.hypot(*np.diff(line, axis=0).T) > 1e-3
    return line[np.concatenate([[True], apart])]


def side_by_side(lanes: list[MapLane]) -> tuple[np.ndarray, np.ndarray]:
    """Two bool arrays [N, N]: pairs of adjacent lanes in the same direction, and in opposite directions."""
    rows = np.array([lane.middle for lane in lanes]).reshape(-1, 4)
    near = np.zeros((len(rows), len(rows)), bool)
    for k, (x, y, dir_x, dir_y) in enumerate(rows.tolist()):
        east, north = rows[:, 0] - x, rows[:, 1] - y
        ahead = np.abs(east * dir_x + north * dir_y)
        near[k] = (np.abs(north * dir_x - east * dir_y) < NEIGHBOUR) & (ahead < 0.5 * length(lanes[k].line))
    alike = rows[:, 2:] @ rows[:, 2:].T
    return near & near.T & (alike > ALONG) & ~np.eye(len(rows), dtype=bool), near & near.T & (alike < -ALONG)


def _keeps_left(lanes: Iterable[MapLane]) -> bool:
    """Whether oncoming lanes lie to the right of most lanes."""
    streets = [lane for lane in lanes if not lane.connector]
    _, against = side_by_side(streets)
    rows = np.array([lane.middle for lane in streets]).reshape(-1, 4)
    one, other = np.nonzero(against)
    east, north = (rows[other] - rows[one])[:, :2].T
    return bool(np.sign(rows[one, 2] * north - rows[one, 3] * east).sum() < 0)


def _mirror(source: Lanes) -> Lanes:
    over = np.array([-1.0, 1.0])

    def flip(areas: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        return tuple(area * over for area in areas)

    lanes = {token: replace(lane, line=lane.line * over) for token, lane in source.lanes.items()}
    areas = flip(source.intersections), flip(source.crossings), flip(source.walkways)
    return Lanes(lanes, *areas, source.lights * over, mirrored=True)


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
