"""The map near the car: lanes with their connections, drivable area, colours of signals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.scene.hd_map import AROUND, LEFT, NO_TURN, RIGHT, STRAIGHT, HDMap
from world.scene.query import AMBER, GREEN, RED, signal_colour
from world.scene.state import SceneState

REACH = 60.0  # m round the car
COLOURS = {GREEN: "green", AMBER: "amber", RED: "red"}
TURNS = {NO_TURN: "none", STRAIGHT: "straight", LEFT: "left", RIGHT: "right", AROUND: "around"}


@dataclass(frozen=True, slots=True)
class Signal:
    """A traffic light at a moment. number: its index on the map; x, y: m, of its post; heading: rad, of the traffic that it faces;
    people: whether it is for pedestrians; lanes: numbers of the connections that it controls."""

    number: int
    x: float
    y: float
    heading: float
    colour: str
    people: bool
    lanes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class NearLane:
    """A lane of a street or (junction >= 0) a connection through a junction. number: its index on the map; line float64 [N, 2] and headings [N]: of its middle, m and rad;
    width m, limit m/s; turn: one of TURNS; before, after, left, right, opposite: numbers of other lanes, () and -1 for none."""

    number: int
    junction: int
    line: np.ndarray
    headings: np.ndarray
    width: float
    limit: float
    turn: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    left: int
    right: int
    opposite: int
    signal: int


def signals_near(state: SceneState, row: int = 0, reach: float = REACH) -> tuple[Signal, ...]:
    """Traffic lights within `reach` m, by number."""
    place, ego, seconds = state.places[row].map, state.ego[row], 0.1 * float(state.clock[row])
    signals = place.signals
    away = np.hypot(signals["x"] - ego["x"], signals["y"] - ego["y"])
    on_foot = set(place.crossings["signal"].tolist())
    out = []
    for number in np.flatnonzero(away <= reach):
        one = signals[number]
        lanes = np.flatnonzero((place.lanes["signal"] == number) & (place.lanes["junction"] >= 0))
        colour = COLOURS[int(signal_colour(signals, int(number), seconds))]
        pose = float(one["x"]), float(one["y"]), float(one["heading"])
        people = int(number) in on_foot and not len(lanes)
        out.append(Signal(int(number), *pose, colour, people, tuple(lanes.tolist())))
    return tuple(out)


def lane_of(place: HDMap, number: int) -> NearLane:
    """The map's lane of a number, with the numbers of its predecessors, successors and neighbours."""
    row = place.lanes[number]
    first, count = int(row["first"]), int(row["count"])
    points = place.points[first : first + count]
    line, headings = np.stack([points["x"], points["y"]], 1), np.unwrap(points["heading"])
    before: tuple[int, ...]
    after: tuple[int, ...]
    if row["junction"] >= 0:
        before, after = (int(row["source"]),), (int(row["target"]),)
    else:
        out, outs = int(row["first_out"]), int(row["outs"])
        after = tuple(place.successors[out : out + outs].tolist())
        into = (place.lanes["target"] == number) & (place.lanes["junction"] >= 0)
        before = tuple(np.flatnonzero(into).tolist())
    numbers = {name: int(row[name]) for name in ("left", "right", "opposite", "signal")}
    width, limit = float(row["width"]), float(row["limit"])
    return NearLane(
        number, int(row["junction"]), line, headings, width, limit, TURNS[int(row["turn"])], before, after, **numbers
    )


def lanes_near(state: SceneState, row: int = 0, reach: float = REACH) -> tuple[NearLane, ...]:
    """Whole lanes with a point within `reach` m, by number."""
    place, ego = state.places[row].map, state.ego[row]
    close = np.hypot(place.points["x"] - ego["x"], place.points["y"] - ego["y"]) <= reach
    return tuple(lane_of(place, int(number)) for number in np.unique(place.point_lane[close]))


def drivable(place: HDMap) -> tuple[np.ndarray, ...]:
    """Polygons float64 [N, 2] between the kerbs, one per street and junction. They touch, and overlap only by rounding."""
    streets = [np.concatenate([shape.left, shape.right[::-1]]) for shape in place.streets]
    return (*streets, *(shape.outline for shape in place.junctions if len(shape.outline) >= 3))


def drivable_near(state: SceneState, row: int = 0, reach: float = REACH) -> tuple[np.ndarray, ...]:
    """Whole polygons of the drivable area that come within `reach` m."""
    ego = state.ego[row]
    here = float(ego["x"]), float(ego["y"])
    return tuple(area for area in drivable(state.places[row].map) if _away(area, here) <= reach)


def _away(area: np.ndarray, here: tuple[float, float]) -> float:
    """m from a point to the outline of a polygon, 0 inside its bounding box."""
    low, high = area.min(0), area.max(0)
    beyond = np.maximum(np.maximum(low - here, here - high), 0.0)
    return math.hypot(*beyond)
