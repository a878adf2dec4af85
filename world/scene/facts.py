"""Exact facts of a scene, not estimated from pixels: collision, off-road, lane offset, junction ahead, event in sight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numba import njit

from world.controls import TimeOfDay, Weather
from world.kinematics import EGO_LENGTH, REAR_AXLE_TO_FRONT
from world.scene.hd_map import HDMap
from world.scene.query import overlap
from world.scene.state import SceneState

NO_JUNCTION = 60.0  # m, at most, to a junction that is reported
CENTRE = REAR_AXLE_TO_FRONT - EGO_LENGTH / 2  # m from the rear axle to the middle of our car
NEAR = 12.0  # m: no lane is wider
SHOULDER = 0.35  # m beyond a lane's border that still are road


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one drive, exact. Distances in m (junction: of the front bumper, 0 inside one, 60 for none), speeds in m/s.

    lane_offset: left of the lane's centre is positive; event_visible: its actor is in the picture; contact: the id of the
    road user that the car touches, -1 for none.
    """

    speed: float
    yaw_rate: float
    junction_distance: float
    lane_offset: float
    contact: int
    off_road: bool
    event_visible: bool
    weather: int
    time: int

    @property
    def collision(self) -> bool:
        """Whether the car touches a road user."""
        return self.contact >= 0


@njit(cache=True)
def touching(agents, x: float, y: float, heading: float, length: float, width: float) -> int:
    """The first agent whose box overlaps a box; its slot, -1 for none. (x, y): the box's middle."""
    for n in range(len(agents)):
        a = agents[n]
        if a.kind != 0 and overlap(x, y, heading, length, width, a.x, a.y, a.heading, a.length, a.width):
            return n
    return -1


@njit(cache=True)
def _beside_road(lanes, points, grid, cell_first, cell_count, cell_items, point_lane, x: float, y: float) -> float:
    """m from the border of the nearest lane to a point; negative on the road."""
    low_x, low_y, size = grid
    rows, columns = cell_first.shape
    first_row, last_row = math.floor((y - NEAR - low_y) / size), math.floor((y + NEAR - low_y) / size)
    first_column, last_column = math.floor((x - NEAR - low_x) / size), math.floor((x + NEAR - low_x) / size)
    best = 1e9
    for row in range(max(0, first_row), min(rows, last_row + 1)):
        for column in range(max(0, first_column), min(columns, last_column + 1)):
            first = cell_first[row, column]
            for k in cell_items[first : first + cell_count[row, column]]:
                dx, dy = points[k].x - x, points[k].y - y
                if abs(dx) > NEAR or abs(dy) > NEAR:
                    continue
                cos, sin = math.cos(points[k].heading), math.sin(points[k].heading)
                if abs(dx * cos + dy * sin) > 1.6:
                    continue
                best = min(best, abs(dy * cos - dx * sin) - 0.5 * lanes[point_lane[k]].width)
    return best


def off_road(place: HDMap, x: float, y: float) -> bool:
    """Whether a point (the middle of our car) is on no lane and in no junction."""
    index = (place.grid, place.cell_first, place.cell_count, place.cell_items, place.point_lane)
    if _beside_road(place.lanes, place.points, *index, x, y) <= SHOULDER:
        return False
    low, high = _bounds(place)
    near = np.flatnonzero(((low <= (x, y)) & (high >= (x, y))).all(1))
    return not any(inside(place.junctions[k].outline, x, y) for k in near)


_BOUNDS: WeakKeyDictionary[HDMap, tuple[np.ndarray, np.ndarray]] = WeakKeyDictionary()


def _bounds(place: HDMap) -> tuple[np.ndarray, np.ndarray]:
    """Bounding boxes of a map's junctions, cached: low and high corners, [N, 2] each. A junction without outline has an empty box."""
    if place not in _BOUNDS:
        _BOUNDS[place] = _bounds_of(place)
    return _BOUNDS[place]


def _bounds_of(place: HDMap) -> tuple[np.ndarray, np.ndarray]:
    outlines = [one.outline if len(one.outline) > 2 else np.array([[np.inf, np.inf]]) for one in place.junctions]
    low, high = [outline.min(0) for outline in outlines], [outline.max(0) for outline in outlines]
    return np.array(low).reshape(-1, 2), np.array(high).reshape(-1, 2)


def inside(outline: np.ndarray, x: float, y: float) -> bool:
    """Whether a polygon [N, 2] holds a point (ray casting)."""
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        where = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return bool(np.count_nonzero(crosses & (x < where)) % 2)


def junction_distance(state: SceneState, row: int = 0) -> float:
    """m from the front bumper to the junction at the lane's end; 0 inside one, NO_JUNCTION where none is that near."""
    ego, lanes = state.ego[row], state.places[row].map.lanes
    if ego["lane"] < 0:
        return NO_JUNCTION
    lane = lanes[ego["lane"]]
    if lane["street"] < 0:
        return 0.0
    return float(min(NO_JUNCTION, max(0.0, lane["length"] - ego["s"] - REAR_AXLE_TO_FRONT)))


def conditions(amounts: np.ndarray) -> tuple[int, int]:
    """The Weather and TimeOfDay that amounts [6] come nearest to."""
    return _conditions(*amounts.tolist())


@lru_cache(maxsize=1024)
def _conditions(rain: float, snow: float, fog: float, night: float, dawn: float, dusk: float) -> tuple[int, int]:
    """`conditions` with arguments in the order of world.weather.AMOUNTS."""
    most = max((rain, int(Weather.RAIN_1)), (snow, int(Weather.SNOW_1)), (fog, int(Weather.FOG_1)))
    weather = int(Weather.CLEAR) if most[0] < 1 / 6 else most[1] + min(2, round(3 * most[0]) - 1)
    light = max((night, int(TimeOfDay.NIGHT)), (dawn, int(TimeOfDay.DAWN)), (dusk, int(TimeOfDay.DUSK)))
    return weather, light[1] if light[0] >= 0.5 else int(TimeOfDay.DAY)


def facts(state: SceneState, row: int = 0) -> Facts:
    """The facts of one drive."""
    from world.dynamics.roles import visible

    ego = state.ego[row]
    middle = (ego["x"] + CENTRE * math.cos(ego["heading"]), ego["y"] + CENTRE * math.sin(ego["heading"]))
    return Facts(
        float(ego["speed"]),
        float(ego["yaw_rate"]),
        junction_distance(state, row),
        float(ego["left"]) if ego["lane"] >= 0 else 0.0,
        int(ego["contact"]),
        off_road(state.places[row].map, *middle),
        bool(visible(ego, state.agents[row], state.event[row])),
        *conditions(state.amounts[row]),
    )
