"""The page's small map: the streets of a place, and who is where on them.

Positions are whole decimetres east and north of the place's middle, a line or a set of points is a flat tuple x, y, x, y, ...
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from world.dynamics.route_ahead import line_ahead
from world.scene.hd_map import HDMap
from world.scene.objects import DRIVEN, VEHICLES, Kind
from world.scene.state import Place, SceneState

BEND = 0.12  # rad that a line turns between two points which are kept
NEAR = 120.0  # m from the way of a whole drive within which there are streets and road users
LIVING = (Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEER)

EVERYWHERE = np.full(2, np.inf)

Flat = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LaneLines:
    """Centre lines of a place's lanes, through its junctions too. version: changes with the place, as it grows, and as its map moves."""

    version: int
    lanes: tuple[Flat, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """A moment on the map. version: of the streets; index: of the frame; car: x, y and heading in hundredths of a radian, 0 east,
    left positive; ahead: its reference path; people: on foot, animals among them; other: as `car`, of the guest's or host's car, empty where there
    is none.
    """

    version: int
    index: int
    car: Flat
    ahead: Flat
    vehicles: Flat
    people: Flat
    other: Flat = ()


@dataclass(frozen=True, slots=True)
class DriveTrace:
    """A whole drive on the map. lanes: centre lines near its path; car, vehicles, people: of each frame, as in `Around`; actor: x and y of
    whoever plays the event's role, empty where nobody does.
    """

    lanes: tuple[Flat, ...]
    car: tuple[Flat, ...]
    vehicles: tuple[Flat, ...]
    people: tuple[Flat, ...]
    actor: tuple[Flat, ...]


def version_of(place: Place) -> int:
    """A checksum of the place's name, its number of lanes and its bounds."""
    return zlib.crc32(f"{place.name} {len(place.map.lanes)} {place.map.bounds}".encode())


def streets_of(place: Place) -> LaneLines:
    """A place's lines, which the page draws once for each version."""
    return LaneLines(version_of(place), tuple(_lines(place.map)))


def around(state: SceneState, index: int, row: int = 0) -> Around:
    """The first drive of the batch at its frame `index`."""
    ego, driven = state.ego[row], state.agents[row]["role"] == DRIVEN
    agents, others = state.agents[row][~driven], state.agents[row][driven]
    return Around(
        version_of(state.places[row]),
        index,
        _posed(ego),
        _flat(*line_ahead(state, row).T),
        _of_kind(agents, VEHICLES),
        _of_kind(agents, LIVING),
        _posed(others[0]) if len(others) else (),
    )


def course(states: Sequence[SceneState], row: int = 0) -> DriveTrace:
    """The drive with these frames."""
    egos = np.array([state.ego[row] for state in states])
    low = np.array([egos["x"].min(), egos["y"].min()]) - NEAR
    high = np.array([egos["x"].max(), egos["y"].max()]) + NEAR
    places = {id(state.places[row]): state.places[row] for state in states}  # a dreamt place grows
    lanes = dict.fromkeys(line for place in places.values() for line in _lines(place.map, low, high))
    agents = [state.agents[row] for state in states]
    near = [one[_inside(one["x"], one["y"], low, high)] for one in agents]
    return DriveTrace(
        tuple(lanes),
        tuple(_posed(ego) for ego in egos),
        tuple(_of_kind(one, VEHICLES) for one in near),
        tuple(_of_kind(one, LIVING) for one in near),
        tuple(_actor(one, int(state.event[row]["actor"])) for one, state in zip(agents, states, strict=True)),
    )


def _actor(agents: np.ndarray, number: int) -> Flat:
    agent = agents[(agents["id"] == number) & (agents["kind"] != int(Kind.NONE))]
    return _flat(agent["x"], agent["y"])[:2] if number >= 0 else ()


def _inside(x: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether points lie in a rectangle, bool."""
    return np.asarray((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))


def _posed(car: np.void) -> Flat:
    return (*_flat(car["x"], car["y"]), round(100 * float(car["heading"])))


def _of_kind(agents: np.ndarray, kinds: Iterable[Kind]) -> Flat:
    chosen = agents[np.isin(agents["kind"], [int(kind) for kind in kinds])]
    return _flat(chosen["x"], chosen["y"])


def _lines(place: HDMap, low: np.ndarray = -EVERYWHERE, high: np.ndarray = EVERYWHERE) -> Iterable[Flat]:
    """The points of every lane that comes into a rectangle; points on a straight are left out."""
    for lane in place.lanes:
        points = place.points[lane["first"] : lane["first"] + lane["count"]]
        if not _inside(points["x"], points["y"], low, high).any():
            continue
        turned = np.abs(np.diff(np.unwrap(points["heading"]), prepend=points["heading"][0])).cumsum()
        bends = np.flatnonzero(np.diff(turned // BEND))
        corners = np.unique([0, *bends, *(bends + 1), len(points) - 1])
        yield _flat(points["x"][corners], points["y"][corners])


def _flat(x: np.ndarray, y: np.ndarray) -> Flat:
    return tuple(np.rint(10 * np.column_stack([x, y])).astype(int).ravel().tolist())
