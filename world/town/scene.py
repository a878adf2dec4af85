"""The town's static scene: ground layers, houses, blocks of flats, trees, lamps and signal posts, in tiles.

One seeded generator draws everything, so a town always looks the same.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from world.town import ground
from world.town.ground import Tiles, tile_of
from world.town.mesh import Colour, MeshBuilder, TownSurface, cut_line, line_length, offset_line
from world.town.network import RoadNetwork

FACADES: tuple[Colour, ...] = (
    (222, 208, 182), (196, 128, 100), (206, 200, 192), (176, 188, 196), (226, 190, 140), (188, 168, 148), (168, 178, 156),
)  # fmt: skip
ROOFS: tuple[Colour, ...] = ((156, 84, 66), (120, 88, 80), (104, 104, 112))
GLASS: Colour = (92, 114, 136)
CROWNS: tuple[Colour, ...] = ((84, 132, 66), (100, 146, 74), (70, 116, 70))
TRUNK: Colour = (104, 82, 64)
METAL: Colour = (92, 94, 98)
CELL = 1.0  # m per pixel of the occupancy raster


@dataclass(frozen=True, slots=True)
class StreetStyle:
    """How streets are lined: shares in [0, 1], lengths in m."""

    building_share: float  # of street sides
    plot_share: float  # of plots on such sides that are built on
    houses: float  # share of narrow plots with a pitched-roof house instead of flats
    floors: tuple[int, int]  # of flats
    setback: tuple[float, float]  # from the pavement
    gap: tuple[float, float]  # between plots
    trees: float  # along the pavement
    garden: int  # trees and bushes on a plot without flats


LOOKS = {
    "dense": StreetStyle(0.95, 0.96, 0.1, (3, 8), (0.4, 1.2), (0.0, 1.5), 0.3, 0),
    "mixed": StreetStyle(0.85, 0.88, 0.6, (2, 5), (1.2, 3.5), (0.6, 4.0), 0.55, 0),
    "suburban": StreetStyle(0.9, 0.8, 1.0, (1, 2), (3.5, 7.0), (3.0, 8.0), 0.7, 2),
}


class Raster:
    """A boolean map of the town, `cell` m per pixel."""

    def __init__(self, bounds: tuple[float, float, float, float], cell: float, margin: float = 60.0) -> None:
        self.cell = cell
        self.origin = (bounds[0] - margin, bounds[1] - margin)
        self.size = (
            int((bounds[2] - bounds[0] + 2 * margin) / cell) + 1,
            int((bounds[3] - bounds[1] + 2 * margin) / cell) + 1,
        )
        self._image = Image.new("L", self.size, 0)
        self._draw = ImageDraw.Draw(self._image)
        self._array: np.ndarray | None = None

    def _pixels(self, shape: np.ndarray) -> list[tuple[float, float]]:
        return [((x - self.origin[0]) / self.cell, (y - self.origin[1]) / self.cell) for x, y in shape]

    def fill(self, shape: np.ndarray, value: int = 1) -> None:
        """Sets a polygon [N, 2]."""
        self._draw.polygon(self._pixels(shape), fill=value)
        self._array = None

    def fill_line(self, shape: np.ndarray, width: float, value: int = 1) -> None:
        """Sets a ribbon of `width` m around a polyline."""
        left, right = offset_line(shape, width / 2), offset_line(shape, -width / 2)
        self.fill(np.concatenate([left, right[::-1]]), value)

    def at(self, points: np.ndarray) -> np.ndarray:
        """The values at points [N, 2]; False outside the map."""
        if self._array is None:
            self._array = np.asarray(self._image) > 0
        col = ((points[:, 0] - self.origin[0]) / self.cell).astype(int)
        row = ((points[:, 1] - self.origin[1]) / self.cell).astype(int)
        ok = (col >= 0) & (row >= 0) & (col < self.size[0]) & (row < self.size[1])
        values = np.zeros(len(points), dtype=bool)
        values[ok] = self._array[row[ok], col[ok]]
        return values


class Scene:
    """Static meshes by layer and tile. solid: what a car cannot pass; drivable: lanes and junctions."""

    def __init__(self, network: RoadNetwork, seed: int | str, look: str = "mixed") -> None:
        self.network, self._look = network, LOOKS[look]
        self.layers: dict[str, Tiles] = ground.build(network)
        self.objects: Tiles = defaultdict(MeshBuilder)
        self.drivable = Raster(network.bounds, 0.25)
        self.solid = Raster(network.bounds, 0.5)
        self._occupied = Raster(network.bounds, CELL)
        self._rng = random.Random(f"scene-{seed}")
        self._lamps: list[tuple[float, float]] = []
        self._mark_roads()
        self._line_streets()

    def _mark_roads(self) -> None:
        n = self.network
        for shape in n.junctions.values():
            self.drivable.fill(shape)
            self._occupied.fill(shape)
        for shape in n.walking_areas:
            self.drivable.fill(shape, 0)
            self._occupied.fill(shape)
        for lane in n.lanes.values():
            self.drivable.fill_line(lane.shape, lane.width)
            self._occupied.fill_line(lane.shape, lane.width + 1.0)
        for lane in n.sidewalks.values():
            self._occupied.fill_line(lane.shape, lane.width + 0.4)

    def _line_streets(self) -> None:
        rng = self._rng
        for edge, walk in self.network.sidewalks.items():
            if edge not in self.network.edge_lanes:
                continue
            total = line_length(walk.shape)
            inner, outer = walk.width / 2 - 0.45, -walk.width / 2 - 0.7
            at = rng.uniform(6, 12)
            while at < total - 5:  # lamps at the kerb
                self._lamp(*self._along(walk.shape, at, inner))
                at += rng.uniform(26, 32)
            look = self._look
            at = rng.uniform(-4, 4)
            has_buildings = rng.random() < look.building_share
            while at < total + 2:  # buildings behind the pavement
                width = rng.uniform(9, 17)
                building = has_buildings and rng.random() < look.plot_share
                if building:
                    self._building(walk.shape, at, width, -walk.width / 2 - rng.uniform(*look.setback))
                garden = range(look.garden) if building else (1, 2)
                for k in garden:  # in front of a house, or where there is none
                    deep = 1.2 + rng.uniform(0, look.setback[0]) if building else 2.5 * k + (k - 1)
                    x, y, _ = self._along(walk.shape, at + width * rng.random(), -walk.width / 2 - deep)
                    if building and rng.random() < 0.6:
                        self._bush(x, y)
                    else:
                        self._tree(x, y)
                at += width + rng.uniform(*look.gap)
            at = rng.uniform(4, 14)
            while at < total - 4:  # trees along the pavement
                if rng.random() < look.trees:
                    x, y, _ = self._along(walk.shape, at, outer)
                    self._tree(x, y, street=True)
                at += rng.uniform(9, 18)

    def _along(self, shape: np.ndarray, at: float, left: float) -> tuple[float, float, float]:
        piece = cut_line(shape, max(0.0, min(at, line_length(shape) - 1.0)), line_length(shape))
        (x0, y0), (x1, y1) = piece[0], piece[1]
        heading = math.atan2(y1 - y0, x1 - x0)
        ahead = min(0.0, at) if at < 0 else max(0.0, at - (line_length(shape) - 1.0))
        x = x0 + ahead * math.cos(heading) - left * math.sin(heading)
        y = y0 + ahead * math.sin(heading) + left * math.cos(heading)
        return float(x), float(y), heading

    def _free(self, shape: np.ndarray) -> bool:
        """Whether a rectangle [4, 2] is free of roads and houses."""
        u, v = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
        a, b, _, d = shape
        points = a + u.reshape(-1, 1) * (b - a) + v.reshape(-1, 1) * (d - a)
        return not bool(self._occupied.at(points).any())

    def _lamp(self, x: float, y: float, heading: float) -> None:
        if any((x - a) ** 2 + (y - b) ** 2 < 200 for a, b in self._lamps):
            return
        self._lamps.append((x, y))
        post = MeshBuilder()
        post.box((-0.09, -0.09, 0.0), (0.09, 0.09, 6.2), METAL, TownSurface.WALL)
        post.box((-0.08, 0.0, 6.05), (0.08, 1.9, 6.2), METAL, TownSurface.WALL, bottom=True)
        post.box((-0.3, 1.2, 5.85), (0.3, 2.2, 6.08), (214, 214, 204), TownSurface.LAMP, bottom=True)
        where = np.array([x, y])
        self.objects[tile_of(where)].add(post, x, y, heading)

    def _tree(self, x: float, y: float, street: bool = False) -> None:
        rng = self._rng
        where = np.array([[x, y]])
        around = np.array([[x + dx, y + dy] for dx in (-0.8, 0.8) for dy in (-0.8, 0.8)])
        if self._occupied.at(where if street else around).any():
            return
        size, tall = rng.uniform(0.85, 1.25), rng.uniform(2.0, 2.6)
        colour = rng.choice(CROWNS)
        tree = MeshBuilder()
        tree.box((-0.16, -0.16, 0), (0.16, 0.16, tall), TRUNK, TownSurface.FOLIAGE)
        rings = [(tall - 0.2, 0.9), (tall + 0.9, 1.75), (tall + 2.4, 1.4), (tall + 3.5, 0.35)]
        turn = rng.uniform(0, 1)
        for (z0, r0), (z1, r1) in pairwise(rings):
            for k in range(6):
                a, b = (k + turn) * math.tau / 6, (k + 1 + turn) * math.tau / 6
                low = [(r0 * size * math.cos(t), r0 * size * math.sin(t), z0) for t in (a, b)]
                high = [(r1 * size * math.cos(t), r1 * size * math.sin(t), z1) for t in (b, a)]
                tree.polygon([*low, *high], colour, TownSurface.FOLIAGE)
        self.objects[tile_of(where[0])].add(tree, x, y, 0.0)
        post = np.array([[x - 0.3, y - 0.3], [x + 0.3, y - 0.3], [x + 0.3, y + 0.3], [x - 0.3, y + 0.3]])
        self.solid.fill(post)
        self._occupied.fill(post)

    def _bush(self, x: float, y: float) -> None:
        """A bush, low enough to be driven over."""
        rng = self._rng
        if self._occupied.at(np.array([[x + dx, y + dy] for dx in (-0.6, 0.6) for dy in (-0.6, 0.6)])).any():
            return
        size = rng.uniform(0.5, 1.0)
        bush = MeshBuilder()
        half = (size, size * rng.uniform(0.8, 1.6))
        inset = (0.25 * size, 0.25 * size, 0.25 * size, 0.25 * size)
        crown = rng.choice(CROWNS)
        bush.box((-half[0], -half[1], 0), (half[0], half[1], 1.1 * size), crown, TownSurface.FOLIAGE, inset=inset)
        self.objects[tile_of(np.array([x, y]))].add(bush, x, y, rng.uniform(0, 1))

    def _building(self, line: np.ndarray, at: float, width: float, setback: float) -> None:
        rng = self._rng
        look = self._look
        house = (width < 12 or look.houses == 1) and rng.random() < look.houses
        depth = rng.uniform(8, 11)
        x, y, heading = self._along(line, at, setback)
        c, s = math.cos(heading), math.sin(heading)
        # local axes: u along the street, w away from it (to its right)
        corner = np.array([[x, y]] * 4)
        corner += np.array(
            [[u * c + w * s, u * s - w * c] for u, w in ((0, 0), (width, 0), (width, depth), (0, depth))]
        )
        if not self._free(corner):
            return
        self._occupied.fill(corner)
        self.solid.fill(corner)
        floors = min(2, rng.randint(*look.floors)) if house else rng.randint(*look.floors)
        mesh = _house(rng, width, depth, floors, house)
        self.objects[tile_of(corner[0])].add(mesh, x, y, heading)


def _house(rng: random.Random, width: float, depth: float, floors: int, pitched: bool) -> MeshBuilder:
    """A building in local axes: x along the street from 0 to width, y from 0 (the street) to -depth."""
    mesh, storey = MeshBuilder(), 3.1
    height = floors * storey + 0.6
    wall = rng.choice(FACADES)
    mesh.box((0, -depth, 0), (width, 0, height), wall, TownSurface.WALL, top=(150, 148, 146))
    if pitched:
        roof = rng.choice(ROOFS)
        low, high = (-0.3, -depth - 0.3, height), (width + 0.3, 0.3, height + 3.0)
        mesh.box(low, high, roof, TownSurface.ROOF, inset=(2.5, 2.5, depth / 2 - 0.2, depth / 2 - 0.2), bottom=True)
    else:
        trim: Colour = (max(0, wall[0] - 36), max(0, wall[1] - 36), max(0, wall[2] - 36))
        mesh.box(
            (-0.15, -depth - 0.15, height), (width + 0.15, 0.15, height + 0.5), trim, TownSurface.ROOF, bottom=True
        )
    front = max(2, int(width // 3.6))
    side = max(2, int(depth // 4.0))
    for floor in range(floors):
        z0 = floor * storey + 0.9
        for k in range(front):
            u = width * (k + 0.5) / front
            if floor == 0 and k == front // 2:
                door: Colour = rng.choice([(96, 70, 56), (70, 84, 96), (88, 96, 80)])
                mesh.polygon(
                    [(u + 0.6, 0.03, 0), (u - 0.6, 0.03, 0), (u - 0.6, 0.03, 2.4), (u + 0.6, 0.03, 2.4)],
                    door,
                    TownSurface.WALL,
                )
                continue
            _window(mesh, rng, (u + 0.8, 0.04, z0), (u - 0.8, 0.04, z0 + 1.6))
        for k in range(side):
            w = -depth * (k + 0.5) / side
            _window(mesh, rng, (-0.04, w + 0.8, z0), (-0.04, w - 0.8, z0 + 1.6))
            _window(mesh, rng, (width + 0.04, w - 0.8, z0), (width + 0.04, w + 0.8, z0 + 1.6))
    return mesh


def _window(
    mesh: MeshBuilder, rng: random.Random, a: tuple[float, float, float], b: tuple[float, float, float]
) -> None:
    surface = TownSurface.WINDOW if rng.random() < 0.42 else TownSurface.WINDOW_DARK
    quad = [(a[0], a[1], a[2]), (b[0], b[1], a[2]), (b[0], b[1], b[2]), (a[0], a[1], b[2])]
    mesh.polygon(quad, GLASS, surface)
