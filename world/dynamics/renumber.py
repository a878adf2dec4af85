"""Moves a drive into its grown place, where lanes and walks have other numbers; road users stay in position."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary, ref

import numpy as np

from world.controls import Event
from world.dynamics.motion import CAME_FROM
from world.dynamics.tables import tables
from world.scene.hd_map import PAVEMENT, HDMap
from world.scene.objects import PEOPLE, VEHICLES, Kind
from world.scene.query import project
from world.scene.state import Place, SceneState


def moved(state: SceneState, place: Place, row: int = 0) -> SceneState:
    """The same moment of a drive in its extended place. A road user on a lane of changed length keeps its position and gets another s;
    one whose lane is gone is removed."""
    old, new, there = state.places[row].map, place.map, tables(place.map)
    lanes, walks = renumbered(old, new)
    ego, agents = state.ego.copy(), state.agents.copy()
    own = agents[row]
    walking = np.isin(own["kind"], [int(kind) for kind in PEOPLE])
    before = own["lane"].copy()
    for name in ("lane", "next", "goal"):
        ego[name][row] = _at(lanes, ego[name][row])
        own[name] = np.where(walking, _at(walks, own[name]), _at(lanes, own[name]))
    plain = np.isin(own["kind"], [int(kind) for kind in VEHICLES]) & (own["role"] <= int(Event.NONE))
    came = own["memory"][plain, CAME_FROM].astype(np.int64) - 1  # roles use this slot otherwise
    own["memory"][plain, CAME_FROM] = _at(lanes, came) + 1
    own["kind"][(before >= 0) & (own["lane"] < 0)] = int(Kind.NONE)
    for k in np.flatnonzero((own["kind"] != int(Kind.NONE)) & (own["lane"] >= 0)):
        rows, points = (there.walks, there.walk_points) if walking[k] else (there.lanes, there.points)
        length = (old.walks if walking[k] else old.lanes)["length"][before[k]]
        if abs(rows["length"][own["lane"][k]] - length) > 1e-6:
            lane, x, y = int(own["lane"][k]), float(own["x"][k]), float(own["y"][k])
            own["s"][k], own["left"][k], _ = project(rows, points, lane, x, y)
    if ego["lane"][row] >= 0:
        lane, x, y = int(ego["lane"][row]), float(ego["x"][row]), float(ego["y"][row])
        if abs(new.lanes["length"][lane] - old.lanes["length"][state.ego["lane"][row]]) > 1e-6:
            ego["s"][row], ego["left"][row], _ = project(there.lanes, there.points, lane, x, y)
    places = (*state.places[:row], place, *state.places[row + 1 :])
    return replace(state, places=places, ego=ego, agents=agents)


_MADE: WeakKeyDictionary[HDMap, tuple[ref[HDMap], tuple[np.ndarray, np.ndarray]]] = WeakKeyDictionary()


def renumbered(old: HDMap, new: HDMap) -> tuple[np.ndarray, np.ndarray]:
    """New numbers of a map's lanes and walks in the map that it grew to, as in `_numbers`; cached while both live."""
    before, numbers = _MADE.get(new, (None, None))
    if before is None or numbers is None or before() is not old:
        numbers = (
            _numbers(old.lanes, old.points, new.lanes, new.points, _names(old.lanes), _names(new.lanes)),
            _numbers(old.walks, old.walk_points, new.walks, new.walk_points, _sides(old.walks), _sides(new.walks)),
        )
        _MADE[new] = ref(old), numbers
    return numbers


def _numbers(
    old: np.ndarray,
    old_points: np.ndarray,
    new: np.ndarray,
    new_points: np.ndarray,
    old_names: list[tuple[int, ...]],
    new_names: list[tuple[int, ...]],
) -> np.ndarray:
    """int32 [old + 1]: the new number of every lane or walk with the same position or the same name; -1 for others and at the end."""
    lies = {key: k for k, key in enumerate(_keys(new, new_points))}
    named = {name: k for k, name in enumerate(new_names) if name}
    numbers = [lies.get(key, named.get(name, -1)) for key, name in zip(_keys(old, old_points), old_names, strict=True)]
    return np.array([*numbers, -1], np.int32)


def _names(lanes: np.ndarray) -> list[tuple[int, ...]]:
    """(street, direction, number) of each street lane, () of a connection."""
    rows = zip(lanes["street"].tolist(), lanes["forward"].tolist(), lanes["number"].tolist(), strict=True)
    return [row if row[0] >= 0 else () for row in rows]


def _sides(walks: np.ndarray) -> list[tuple[int, ...]]:
    """(street, side) of each pavement, () of other walks."""
    counts: dict[int, int] = {}
    sides: list[tuple[int, ...]] = []
    for kind, street in zip(walks["kind"].tolist(), walks["street"].tolist(), strict=True):
        if kind != PAVEMENT:
            sides.append(())
            continue
        counts[street] = counts.get(street, -1) + 1
        sides.append((street, counts[street]))
    return sides


def _at(numbers: np.ndarray, old: np.ndarray) -> np.ndarray:
    """New numbers of old ones; -1 for invalid ones."""
    return numbers[np.where((old >= 0) & (old < len(numbers) - 1), old, -1)]


def _keys(rows: np.ndarray, points: np.ndarray) -> list[tuple[int, ...]]:
    """Beginning, end and length of each row, in mm."""
    last = rows["first"] + rows["count"] - 1
    values = [points[name][at] for at in (rows["first"], last) for name in ("x", "y")] + [rows["length"]]
    return [tuple(row) for row in np.round(1000 * np.stack(values, 1)).astype(np.int64).tolist()]
