"""A place's meshes by tile and level of detail, built when the car comes near and evicted when room is needed."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from world.render.assets.ground import ground_mesh, skyline_mesh
from world.render.assets.props import prop_mesh
from world.render.assets.streets import junction_mesh, markings_mesh, street_mesh
from world.render.mesh import Mesh, join
from world.scene.hd_map import HDMap, JunctionShape, Marking, StreetShape
from world.scene.pieces import JunctionPiece, StreetPiece
from world.scene.state import Place

SIZE = 48.0  # m of a tile's side
REACHES = (48.0, 105.0, 260.0)  # m from the car up to which a tile is drawn with detail 2, 1, 0
PAVED = 8.0  # m that pavements reach beyond the kerbs, at most
CAPACITY = 160  # tiles and levels that are kept
SOON = 20.0  # m ahead of need at which a tile is built, one a picture, so that no picture waits for many
BEHIND = 40.0  # m behind the car from which nothing is drawn: it may still throw shadows
GRID, TURN = 12.0, math.radians(15.0)  # m and rad to which a pose is rounded before tiles are chosen
CHOICES = 16  # rounded poses whose tiles are remembered
SEEN, STEP = 420.0, 240.0  # m round the car that endless streets reach; by which the ground under it moves on
_NOBODY = np.zeros(1, np.int32)


class Piece(NamedTuple):
    """A mesh, and the owner of each triangle (int32 [T]: 1 + prop index, 0 for none)."""

    mesh: Mesh
    whose: np.ndarray
    moves: bool = False  # with the car


class _Item(NamedTuple):
    """A street, a junction or a marking in a tile. order: sort key by which a tile's items are drawn."""

    order: tuple[int, ...]
    shape: StreetShape | JunctionShape | Marking


# What each piece of a map puts into which tiles.
_ItemsOf = dict[StreetPiece | JunctionPiece, dict[tuple[int, int], list[_Item]]]
# Tiles of streets; tiles of objects, each with its level of detail.
_Choice = tuple[list[tuple[int, int]], list[tuple[int, int, int]]]


class Tiles:
    """The tiles of one place. before: tiles of the place that it grew out of, kept where nothing has changed."""

    def __init__(self, place: Place, before: Tiles | None = None) -> None:
        self.place = place
        self._objects: OrderedDict[tuple[int, int, int], Piece | None] = OrderedDict()
        self._streets: OrderedDict[tuple[int, int], Piece] = OrderedDict()
        self._choices: dict[tuple[float, float, float], _Choice] = {}
        self._backdrop: tuple[tuple[float, float], list[Piece]] = ((math.inf, math.inf), [])
        if not place.endless:
            self._backdrop = (
                (0.0, 0.0),
                [Piece(mesh, _NOBODY) for mesh in (ground_mesh(place.map.bounds), skyline_mesh(place.map.bounds))],
            )
        items_of: _ItemsOf = {} if before is None else before._items_of
        self._items_of: _ItemsOf = {piece: items_of.get(piece) or _items(piece) for piece in _pieces(place.map)}
        self._roads: dict[tuple[int, int], tuple[list[_Item], ...]] = {}
        for cells in self._items_of.values():
            for cell, items in cells.items():
                self._roads[cell] = (*self._roads.get(cell, ()), items)
        self._props = _by_cell(place.props)
        self._cells = sorted(self._props.keys())
        self._middles = (np.array(self._cells, np.float64).reshape(-1, 2) + 0.5) * SIZE
        self._road_cells = sorted(self._roads.keys())
        self._spheres: dict[tuple[int, int], tuple[float, float, float]] = {
            cell: before._spheres[cell] if before is not None and self._is_same(cell, before) else self._extent(cell)
            for cell in self._road_cells
        }
        self._extents = np.array([self._spheres[cell] for cell in self._road_cells], np.float64).reshape(-1, 3)
        if before is not None:
            self._keep(before)

    def near(self, x: float, y: float, heading: float) -> list[Piece]:
        """Everything that is visible from a pose (m, m, rad) or throws shadows there. Also builds one tile that is needed a little farther on."""
        roads, keys = self._chosen(x, y, heading)
        out = self._backdrop_of(x, y) + [self._road(cell) for cell in roads]
        out += [piece for key in keys if (piece := self._piece(key)) is not None]
        self.ready(x + SOON * math.cos(heading), y + SOON * math.sin(heading), heading)
        return out

    def ready(self, x: float, y: float, heading: float) -> bool:
        """Whether every tile that `near` needs at a pose is built. If not, builds one, so that no call has to build all of them."""
        roads, keys = self._chosen(x, y, heading)
        if (road := next((cell for cell in roads if cell not in self._streets), None)) is not None:
            self._road(road)
        elif (key := next((key for key in keys if key not in self._objects), None)) is not None:
            self._piece(key)
        else:
            return True
        return False

    def _chosen(self, x: float, y: float, heading: float) -> _Choice:
        """Tiles of streets and of objects for a pose. A place never changes, so the choice for a rounded pose holds."""
        pose = _rounded(x, y, heading)
        if pose not in self._choices:
            if len(self._choices) >= CHOICES:
                self._choices.clear()
            self._choices[pose] = self._roads_near(*pose), self._keys_near(*pose)
        return self._choices[pose]

    def _keys_near(self, x: float, y: float, heading: float) -> list[tuple[int, int, int]]:
        """Tiles whose objects may be seen from a rounded pose, and how finely, the nearest first."""
        to_tiles = self._middles - (x, y)
        away = np.hypot(*to_tiles.T)
        visible = (away <= REACHES[2]) & (to_tiles @ (math.cos(heading), math.sin(heading)) >= -BEHIND - SIZE / 2)
        order = np.argsort(away, kind="stable")
        return [(*self._cells[k], _detail(away[k])) for k in order[visible[order]]]

    def _roads_near(self, x: float, y: float, heading: float) -> list[tuple[int, int]]:
        """Tiles whose streets may be seen from a rounded pose. A street belongs to the tile of its middle, beyond which it may reach far."""
        to_tiles, reach = self._extents[:, :2] - (x, y), self._extents[:, 2]
        ahead = to_tiles @ (math.cos(heading), math.sin(heading))
        near = (np.hypot(*to_tiles.T) <= REACHES[2] + reach) & (ahead >= -BEHIND - reach)
        return [self._road_cells[k] for k in np.flatnonzero(near)]

    def _backdrop_of(self, x: float, y: float) -> list[Piece]:
        """Ground and skyline: round the place, or round the car where the place has no edge."""
        if self.place.endless and self._backdrop[0] != (x, y):
            self._backdrop = ((x, y), [_ground(round(x / STEP), round(y / STEP)), _skyline(x, y)])
        return list(self._backdrop[1])

    def _keep(self, before: Tiles) -> None:
        cells = {key[:2] for key in before._objects}
        same = {cell for cell in cells if self._holds(cell) == before._holds(cell)}
        self._objects.update((key, piece) for key, piece in before._objects.items() if key[:2] in same)
        self._streets.update((cell, road) for cell, road in before._streets.items() if self._is_same(cell, before))

    def _is_same(self, cell: tuple[int, int], before: Tiles) -> bool:
        """Whether the same streets, junctions and paint lie in a tile."""
        own, other = self._roads.get(cell, ()), before._roads.get(cell, ())
        return len(own) == len(other) and all(a is b for a, b in zip(own, other, strict=True))

    def _holds(self, cell: tuple[int, int]) -> tuple[bytes, bytes]:
        """Numbers and kinds of the objects in a tile."""
        rows = self._props.get(cell, _NOBODY[:0])
        return self.place.numbers[rows].tobytes(), self.place.props["kind"][rows].tobytes()

    def _piece(self, key: tuple[int, int, int]) -> Piece | None:
        if key in self._objects:
            self._objects.move_to_end(key)
            return self._objects[key]
        cell, detail = key[:2], key[2]
        meshes, whose = list[Mesh](), list[np.ndarray]()
        rows = self._props.get(cell, _NOBODY[:0])
        for index, number in zip(rows, self.place.numbers[rows], strict=True):
            mesh = prop_mesh(self.place.props[index], detail)
            if len(mesh):
                meshes.append(mesh)
                whose.append(np.full(len(mesh), number + 1, np.int32))
        piece = Piece(join(meshes), np.concatenate(whose)) if meshes else None
        self._objects[key] = piece
        while len(self._objects) > CAPACITY:
            self._objects.popitem(last=False)
        return piece

    def _extent(self, cell: tuple[int, int]) -> tuple[float, float, float]:
        """A circle round the streets, junctions and paint of a tile: x, y, radius."""
        all_of = np.concatenate([_points(item.shape) for items in self._roads[cell] for item in items])
        low, high = all_of.min(0), all_of.max(0)
        x, y = ((low + high) / 2).tolist()
        return x, y, float(np.linalg.norm(high - low)) / 2 + PAVED

    def _road(self, cell: tuple[int, int]) -> Piece:
        """Streets, junctions and paint of a tile: the same at every detail."""
        if cell in self._streets:
            self._streets.move_to_end(cell)
            return self._streets[cell]
        meshes = list[Mesh]()
        paint = []
        for item in sorted((item for items in self._roads[cell] for item in items), key=lambda item: item.order):
            if isinstance(item.shape, StreetShape):
                meshes.append(street_mesh(item.shape))
            elif isinstance(item.shape, JunctionShape):
                meshes.append(junction_mesh(item.shape))
            else:
                paint.append(item.shape)
        if paint:
            meshes.append(markings_mesh(paint))
        mesh = join(meshes)
        road = self._streets[cell] = Piece(mesh, np.zeros(len(mesh), np.int32))
        while len(self._streets) > CAPACITY:
            self._streets.popitem(last=False)
        return road


def _pieces(place: HDMap) -> list[StreetPiece | JunctionPiece]:
    return [*place.pieces.streets.values(), *place.pieces.junctions.values()]


def _items(piece: StreetPiece | JunctionPiece) -> dict[tuple[int, int], list[_Item]]:
    """A map piece's items by tile. Draw order: streets, junctions, then their paint in the map's order."""
    out: dict[tuple[int, int], list[_Item]] = {}

    def put(points: np.ndarray, *item: Any) -> None:
        out.setdefault(_cell(points.mean(0)), []).append(_Item(*item))

    if isinstance(piece, StreetPiece):
        street = piece.shape
        put(street.centre, (0, street.street), street)
        for k, marking in enumerate(piece.markings):
            put(marking.points, (2, street.street, k), marking)
        return out
    shape = piece.shape
    if len(shape.outline):
        put(shape.outline, (1, shape.junction), shape)
    for lane, marked in zip(piece.leading[:, 0], piece.marked, strict=True):
        for k, marking in enumerate(marked):
            put(marking.points, (3, *piece.lane_of[lane].tolist(), k), marking)
    for k, marking in enumerate(piece.zebras):
        put(marking.points, (4, shape.junction, k), marking)
    return out


def _by_cell(props: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Rows of the props in each tile, ascending."""
    if not len(props):
        return {}
    cells = np.floor(np.stack([props["x"], props["y"]], 1) / SIZE).astype(np.int64)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    ends = np.flatnonzero((np.diff(cells[order], axis=0) != 0).any(1)) + 1
    parts = np.split(order, ends)
    return {(int(i), int(k)): rows for (i, k), rows in zip((cells[rows[0]] for rows in parts), parts, strict=True)}


@lru_cache(maxsize=2)
def _ground(column: int, row: int) -> Piece:
    """A part of the ground of an endless place."""
    return Piece(ground_mesh(_box((STEP * column, STEP * row), SEEN + STEP)), _NOBODY)


@lru_cache(maxsize=1)
def _far_off() -> Mesh:
    """A skyline round (0, 0)."""
    return skyline_mesh(_box((0.0, 0.0), SEEN))


def _skyline(x: float, y: float) -> Piece:
    mesh = _far_off()
    shifted = replace(mesh, position=mesh.position + np.array([x, y, 0.0], np.float32))
    return Piece(shifted, _NOBODY, moves=True)


def _box(middle: tuple[float, float], half: float) -> tuple[float, float, float, float]:
    x, y = middle
    return x - half, y - half, x + half, y + half


def _points(shape: StreetShape | JunctionShape | Marking) -> np.ndarray:
    """Points of a street's kerbs, a junction's outline or a marking, float64 [N, 2]."""
    if isinstance(shape, StreetShape):
        return np.concatenate([shape.left, shape.right])
    return shape.outline if isinstance(shape, JunctionShape) else shape.points


def _rounded(x: float, y: float, heading: float) -> tuple[float, float, float]:
    return round(x / GRID) * GRID, round(y / GRID) * GRID, round(heading / TURN) * TURN


def _detail(away: float) -> int:
    return 2 if away < REACHES[0] else 1 if away < REACHES[1] else 0


def _cell(point: np.ndarray | tuple[float, float]) -> tuple[int, int]:
    return math.floor(point[0] / SIZE), math.floor(point[1] / SIZE)
