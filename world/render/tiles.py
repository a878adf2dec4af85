"""What stands in a place as triangles, by tile and level of detail; made when it comes near, forgotten when room is needed."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from world.render.assets.ground import ground_mesh, skyline_mesh
from world.render.assets.props import prop_mesh
from world.render.assets.streets import junction_mesh, markings_mesh, street_mesh
from world.render.mesh import Mesh, join
from world.scene.hd_map import HDMap
from world.scene.state import Place

SIZE = 48.0  # m of a tile's side
REACHES = (48.0, 105.0, 260.0)  # m from the car up to which a tile is drawn with detail 2, 1, 0
PAVED = 8.0  # m that pavements reach beyond the kerbs, at most
KEPT = 160  # tiles and levels
SOON = 20.0  # m before it is wanted a tile may be made, one a picture, so that no picture has to wait for many
BEHIND = 40.0  # m behind the car from which nothing is drawn: it may still throw shadows


class Piece(NamedTuple):
    """A mesh, of each triangle whose it is (int32 [T]: 1 + prop index, 0 for none), and a sphere round it: x, y, z, radius."""

    mesh: Mesh
    whose: np.ndarray
    sphere: tuple[float, float, float, float]


def _bounded(mesh: Mesh, whose: np.ndarray) -> Piece:
    low, high = mesh.position.min((0, 1)), mesh.position.max((0, 1))
    x, y, z = ((low + high) / 2).tolist()
    return Piece(mesh, whose, (x, y, z, float(np.linalg.norm(high - low)) / 2))


class Tiles:
    """The tiles of one place. before: those of the place that it grew out of, whose tiles it keeps where nothing has changed."""

    def __init__(self, place: Place, before: Tiles | None = None) -> None:
        self.place = place
        self._kept: OrderedDict[tuple[int, int, int], Piece | None] = OrderedDict()
        self._paved: OrderedDict[tuple[int, int], Piece] = OrderedDict()
        nobody = np.zeros(1, np.int32)
        self._far = [_bounded(mesh, nobody) for mesh in (ground_mesh(place.map), skyline_mesh(place.map))]
        self._roads: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for index, street in enumerate(place.map.streets):
            self._roads.setdefault(_cell(street.centre.mean(0)), []).append(("street", index))
        for index, junction in enumerate(place.map.junctions):
            if len(junction.outline):
                self._roads.setdefault(_cell(junction.outline.mean(0)), []).append(("junction", index))
        for index, marking in enumerate(place.map.markings):
            self._roads.setdefault(_cell(marking.points.mean(0)), []).append(("marking", index))
        self._props: dict[tuple[int, int], list[int]] = {}
        for index, prop in enumerate(place.props):
            self._props.setdefault(_cell((prop["x"], prop["y"])), []).append(index)
        self._cells = sorted(self._props.keys())
        self._middles = (np.array(self._cells, np.float64).reshape(-1, 2) + 0.5) * SIZE
        self._ways = sorted(self._roads.keys())
        spheres = [self._extent(cell) for cell in self._ways]
        self._extents = np.array(spheres, np.float64).reshape(-1, 3)
        if before is not None:
            self._keep(before)

    def near(self, x: float, y: float, heading: float) -> list[Piece]:
        """All that may be seen, or throws shadows on what is seen, from a pose."""
        cos, sin = math.cos(heading), math.sin(heading)
        out = self._far + [self._road(cell) for cell in self._roads_near(x, y, heading)]
        dx, dy = self._middles[:, 0] - x, self._middles[:, 1] - y
        away, ahead = np.hypot(dx, dy), dx * cos + dy * sin
        soon: tuple[int, int, int] | None = None
        for k in np.argsort(away, kind="stable"):
            if away[k] > REACHES[2] + SOON:
                break
            if ahead[k] < -BEHIND - SIZE / 2:
                continue
            if away[k] <= REACHES[2] and (piece := self._piece((*self._cells[k], _detail(away[k])))) is not None:
                out.append(piece)
            next_one = (*self._cells[k], _detail(away[k] - SOON))
            if soon is None and next_one not in self._kept:
                soon = next_one
        if soon is not None:
            self._piece(soon)
        return out

    def ready(self, x: float, y: float, heading: float) -> bool:
        """Whether all that `near` gives is there already; if not, one tile more is made, so that whoever leaps to a place need not wait for all of it at once."""
        for cell in self._roads_near(x, y, heading):
            if cell not in self._paved:
                self._road(cell)
                return False
        ways = self._middles - (x, y)
        away = np.hypot(*ways.T)
        wanted = (away <= REACHES[2]) & (ways @ (math.cos(heading), math.sin(heading)) >= -BEHIND - SIZE / 2)
        for k in np.flatnonzero(wanted):
            if (key := (*self._cells[k], _detail(away[k]))) not in self._kept:
                self._piece(key)
                return False
        return True

    def _roads_near(self, x: float, y: float, heading: float) -> list[tuple[int, int]]:
        """Tiles whose streets may be seen from a pose; a street is in the tile of its middle, from which it may reach far."""
        ways, reach = self._extents[:, :2] - (x, y), self._extents[:, 2]
        ahead = ways @ (math.cos(heading), math.sin(heading))
        near = (np.hypot(*ways.T) <= REACHES[2] + reach) & (ahead >= -BEHIND - reach)
        return [self._ways[k] for k in np.flatnonzero(near)]

    def _keep(self, before: Tiles) -> None:
        cells = {key[:2] for key in before._kept} | set(before._paved)
        same = {cell for cell in cells if self._holds(cell) == before._holds(cell)}
        self._kept.update((key, piece) for key, piece in before._kept.items() if key[:2] in same)
        self._paved.update((cell, road) for cell, road in before._paved.items() if cell in same)

    def _holds(self, cell: tuple[int, int]) -> list[bytes | tuple[int, int]]:
        """All that a tile's triangles follow from."""
        place, found = self.place.map, list[bytes | tuple[int, int]]()
        for kind, index in self._roads.get(cell, ()):
            if kind == "street":
                street = place.streets[index]
                found += [street.left.tobytes(), street.right.tobytes()]
            elif kind == "junction":
                junction = place.junctions[index]
                found += [junction.outline.tobytes(), *(pavement.tobytes() for pavement in junction.pavements)]
            else:
                found.append(place.markings[index].points.tobytes())
        return found + [(index, int(self.place.props["kind"][index])) for index in self._props.get(cell, ())]

    def _piece(self, key: tuple[int, int, int]) -> Piece | None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        cell, detail = key[:2], key[2]
        meshes, whose = list[Mesh](), list[np.ndarray]()
        for index in self._props.get(cell, ()):
            mesh = prop_mesh(self.place.props[index], detail)
            if len(mesh):
                meshes.append(mesh)
                whose.append(np.full(len(mesh), index + 1, np.int32))
        piece = _bounded(join(meshes), np.concatenate(whose)) if meshes else None
        self._kept[key] = piece
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return piece

    def _extent(self, cell: tuple[int, int]) -> tuple[float, float, float]:
        """A circle round the streets, junctions and paint of a tile: x, y, radius."""
        all_of = np.concatenate([_points(self.place.map, kind, index) for kind, index in self._roads[cell]])
        low, high = all_of.min(0), all_of.max(0)
        x, y = ((low + high) / 2).tolist()
        return x, y, float(np.linalg.norm(high - low)) / 2 + PAVED

    def _road(self, cell: tuple[int, int]) -> Piece:
        """Streets, junctions and paint of a tile: the same at every detail."""
        if cell in self._paved:
            self._paved.move_to_end(cell)
            return self._paved[cell]
        meshes = list[Mesh]()
        paint = []
        for kind, index in self._roads[cell]:
            if kind == "street":
                meshes.append(street_mesh(self.place.map, index))
            elif kind == "junction":
                meshes.append(junction_mesh(self.place.map, index))
            else:
                paint.append(self.place.map.markings[index])
        if paint:
            meshes.append(markings_mesh(paint))
        mesh = join(meshes)
        road = self._paved[cell] = _bounded(mesh, np.zeros(len(mesh), np.int32))
        while len(self._paved) > KEPT:
            self._paved.popitem(last=False)
        return road


def _points(place: HDMap, kind: str, index: int) -> np.ndarray:
    """Of a street's kerbs, a junction's outline or a marking, float64 [N, 2]."""
    if kind == "street":
        return np.concatenate([place.streets[index].left, place.streets[index].right])
    return place.junctions[index].outline if kind == "junction" else place.markings[index].points


def _detail(away: float) -> int:
    return 2 if away < REACHES[0] else 1 if away < REACHES[1] else 0


def _cell(point: np.ndarray | tuple[float, float]) -> tuple[int, int]:
    return math.floor(point[0] / SIZE), math.floor(point[1] / SIZE)
