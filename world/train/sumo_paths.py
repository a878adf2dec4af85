"""Maps SUMO's vehicles to our map: their paths along our lanes and connections, in hindsight, with SUMO's stop lines on
ours.

SUMO's lanes end further into a junction than ours, whose stop lines lie before the crossing. So a vehicle is moved back
along its path by the distance of the two lines, interpolated along a street between that of the last junction and that
of the next: waiting vehicles then wait at our line, and gaps along a lane stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from world.dynamics.tables import Tables
from world.scene.hd_map import HDMap
from world.scene.query import locate, place_on, project
from world.town.network import RoadNetwork


@dataclass(slots=True)
class VehicleTrack:
    """One vehicle over time: its slot, driving style and factor on the limit.

    rows: per step (step, x, y, our street lane, or -1 inside a junction).
    """

    slot: int
    style: float
    wish: float
    rows: list[tuple[int, float, float, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Visit:
    """A vehicle on one street in one direction: its first and last row, and its first and last lane there."""

    first: int
    last: int
    first_lane: int
    last_lane: int


def lanes_of(network: RoadNetwork, place: HDMap) -> dict[str, int]:
    """Our lane of each of SUMO's street lanes."""
    lanes = {}
    for name, lane in network.lanes.items():
        if not lane.internal:
            steps = np.diff(lane.shape, axis=0)
            middle = int(np.argmax(np.hypot(*steps.T)))
            (x, y), (dx, dy) = 0.5 * (lane.shape[middle] + lane.shape[middle + 1]), steps[middle]
            ours = locate(place, float(x), float(y), float(np.arctan2(dy, dx)))[0]
            if ours >= 0 and place.lanes["junction"][ours] < 0:
                lanes[name] = ours
    return lanes


def lines_beyond(network: RoadNetwork, place: HDMap, there: Tables, lanes: Mapping[str, int]) -> np.ndarray:
    """float64 [lanes]: m from our stop line to SUMO's, along each of our street lanes."""
    beyond = np.zeros(len(place.lanes))
    for name, ours in lanes.items():
        x, y = network.lanes[name].shape[-1]
        beyond[ours] = project(place.lanes, place.points, ours, float(x), float(y))[0] - there.stop_line[ours]
    return beyond


def place_track(place: HDMap, beyond: np.ndarray, agents: np.ndarray, track: VehicleTrack) -> None:
    """Fills pose, lane, s, left and next of a vehicle in AGENT [T, AGENTS]; where its path is unknown it is removed."""
    lanes = place.lanes
    visits = _visits(lanes, track)
    through = [connection(place, a.last_lane, b.first_lane) for a, b in pairwise(visits)] + [-1]
    number = np.searchsorted([visit.first for visit in visits], np.arange(len(track.rows)), "right") - 1
    for n, (k, x, y, own) in enumerate(track.rows):
        v = int(number[n])
        a = agents[k, track.slot : track.slot + 1]
        before, ahead = (through[v - 1] if v > 0 else -1), (through[v] if v >= 0 else -1)
        lane = own if own >= 0 else ahead
        if v < 0 or lane < 0:
            a["kind"] = 0
            continue
        s, left, _ = project(lanes, place.points, lane, x, y)
        if own >= 0:
            share = min(1.0, max(0.0, s / float(lanes["length"][own])))
            since = beyond[lanes["source"][before]] if before >= 0 else beyond[own]
            s -= share * beyond[own] + (1.0 - share) * since
        else:
            s -= beyond[lanes["source"][ahead]]
        lane, s = _across(lanes, lane, s, before, ahead)
        if lane < 0:
            a["kind"] = 0
            continue
        if lanes["junction"][lane] >= 0:
            left = 0.0  # its path through a junction differs from ours
        onward = ahead if lanes["junction"][lane] < 0 or lane != ahead else through[v + 1]
        a["lane"], a["s"], a["left"], a["next"] = lane, s, left, onward
        a["x"], a["y"], a["heading"] = place_on(place, lane, s, left)


def _visits(lanes: np.ndarray, track: VehicleTrack) -> list[_Visit]:
    visits: list[_Visit] = []
    for n, (_, _, _, own) in enumerate(track.rows):
        if own < 0:
            continue
        if visits and _direction(lanes, visits[-1].last_lane) == _direction(lanes, own):
            visits[-1] = _Visit(visits[-1].first, n, visits[-1].first_lane, own)
        else:
            visits.append(_Visit(n, n, own, own))
    return visits


def _across(lanes: np.ndarray, lane: int, s: float, before: int, ahead: int) -> tuple[int, float]:
    """(lane, s) of a position whose s may lie before the lane's start or past its end; -1 where that is unknown."""
    if s < 0.0:
        lane = before if lanes["junction"][lane] < 0 else int(lanes["source"][lane])
        s += float(lanes["length"][lane])
        return (lane, s) if lane >= 0 and s >= 0.0 else (-1, 0.0)
    if s > lanes["length"][lane]:
        s -= float(lanes["length"][lane])
        lane = ahead if lanes["junction"][lane] < 0 else int(lanes["target"][lane])
        return (lane, s) if lane >= 0 and s <= lanes["length"][lane] else (-1, 0.0)
    return lane, s


def _direction(lanes: np.ndarray, lane: int) -> tuple[int, int]:
    """A street and the direction along it."""
    return int(lanes["street"][lane]), int(lanes["forward"][lane])


def connection(place: HDMap, lane: int, coming: int) -> int:
    """The connection from a lane to one beyond the junction, or at least between their streets; -1 for none."""
    lanes = place.lanes
    inside = np.flatnonzero(lanes["junction"] == lanes["end_junction"][lane])
    best, connection_lane = 9, -1
    for c in inside.tolist():
        source, target = int(lanes["source"][c]), int(lanes["target"][c])
        cost = 2 * (source != lane) + (target != coming)
        if (
            cost < best
            and _direction(lanes, source) == _direction(lanes, lane)
            and _direction(lanes, target) == _direction(lanes, coming)
        ):
            best, connection_lane = cost, c
    return connection_lane
