"""Where objects may stand beside streets: the lines that plots face, the occupied ground, and a die for each street."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from PIL import Image, ImageDraw

from world.scene.hd_map import HDMap
from world.scene.query import overlap
from world.scene.random import uniform

Box = tuple[float, float, float, float, float]  # x, y, heading, length, width
CELL = 0.5  # m, of the raster of roads
MARGIN = 40.0  # m around the map
_BUCKET = 24.0  # m
_TOUCH = 0.06  # m that neighbours may share: walls of a row of houses touch


@dataclass(frozen=True, slots=True)
class StreetSide:
    """A street's side. `kerb` float64 [N, 2]; `out`: +1 where the plots lie left of it, -1 where they lie right; `points`: `distance`,
    x and y of the kerb as lists, for single look-ups."""

    street: int
    key: int  # of its die: from its location, not from its number
    kerb: np.ndarray
    distance: np.ndarray  # m along the kerb, [N]
    out: int
    pavement: float
    points: tuple[list[float], list[float], list[float]]

    @property
    def length(self) -> float:
        """m along the kerb."""
        return float(self.distance[-1])

    def at(self, s: float, behind: float) -> tuple[float, float, float]:
        """(x, y, heading of the kerb) at s, `behind` m away from the road. The kerb continues straight past its ends."""
        along, x, y = self.points
        k = min(max(bisect_right(along, s) - 1, 0), len(along) - 2)
        x0, y0, x1, y1 = x[k], y[k], x[k + 1], y[k + 1]
        share = (s - along[k]) / max(along[k + 1] - along[k], 1e-9)
        heading = math.atan2(y1 - y0, x1 - x0)
        away = self.out * behind
        return (
            x0 + share * (x1 - x0) - away * math.sin(heading),
            y0 + share * (y1 - y0) + away * math.cos(heading),
            heading,
        )

    def die(self, who: float, purpose: int) -> float:
        """A number in [0, 1) for an object at `who` m along the side."""
        return float(uniform(np.uint64(self.key), round(10 * who) + 100_000, self.out + 1, purpose))


def sides(place: HDMap, only: Collection[int] | None = None) -> list[StreetSide]:
    """Both sides of every street that is long enough to be lined. only: of these streets."""
    kerb_sides = []
    for shape in place.streets if only is None else [place.pieces.streets[k].shape for k in sorted(only)]:
        for kerb, out in ((shape.left, 1), (shape.right, -1)):
            side = _side(shape.street, _key(shape.centre), kerb, out, shape.pavement)
            kerb_sides += [side] if side is not None and side.length > 4.0 else []
    return kerb_sides


def corners(place: HDMap, only: Collection[int] | None = None) -> list[StreetSide]:
    """The kerbs of junctions between their arms, as sides that belong to one of the arms' streets. only: to one of these streets."""
    kerb_sides = []
    for shape in place.junctions:
        arms = [number for number, _ in place.pieces.ends[shape.junction]]
        if not arms or (only is not None and arms[0] not in only):
            continue
        wide = max(place.graph.streets[number].pavement for number in arms)
        for kerb in shape.kerbs:
            side = _side(arms[0], _key(kerb), kerb, -1, wide)
            kerb_sides += [side] if side is not None and side.length > 6.0 else []
    return kerb_sides


def _side(street: int, key: int, kerb: np.ndarray, out: int, pavement: float) -> StreetSide | None:
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(kerb, axis=0), axis=1))])
    keep = np.concatenate([[True], np.diff(distance) > 1e-6])
    if keep.sum() < 2:
        return None
    kerb, distance = kerb[keep], distance[keep]
    return StreetSide(
        street, key, kerb, distance, out, pavement, (distance.tolist(), kerb[:, 0].tolist(), kerb[:, 1].tolist())
    )


def _key(line: np.ndarray) -> int:
    """A number from a line's middle, so that a street keeps its die whatever else a map holds."""
    x, y = line[len(line) // 2]
    return (round(float(x)) * 73_856_093 ^ round(float(y)) * 19_349_663) & 0x7FFF_FFFF


@dataclass
class Ground:
    """Occupied ground: roads and pavements as a raster, objects on the plots as boxes."""

    west: float
    south: float
    cell: float
    roads: np.ndarray  # bool [rows, columns], row 0 in the south
    _boxes: dict[tuple[int, int], list[Box]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, place: HDMap, only: Collection[int] | None = None) -> Ground:
        """The roads and pavements of a map. only: of the land round these streets."""
        west, south, east, north = place.bounds
        if only:
            lines = np.concatenate([place.pieces.streets[k].shape.centre for k in only])
            (west, south), (east, north) = lines.min(0) - MARGIN, lines.max(0) + MARGIN
        cell = CELL if max(east - west, north - south) < 3000 else 4 * CELL
        west, south = (8 * math.floor((low - MARGIN) / 8) for low in (west, south))
        size = (int((east + MARGIN - west) / cell) + 1, int((north + MARGIN - south) / cell) + 1)
        image = Image.new("1", size, 0)
        low = np.array([west, south]) - MARGIN
        high = np.array([east, north]) + 2 * MARGIN

        def is_near(line: np.ndarray) -> bool:
            return only is None or bool((line.max(0) >= low).all() and (line.min(0) <= high).all())

        draw = ImageDraw.Draw(image)

        def fill(polygon: np.ndarray) -> None:
            if len(polygon) > 2 and is_near(polygon):
                draw.polygon([((x - west) / cell, (y - south) / cell) for x, y in polygon], fill=1, outline=1)

        for shape in place.streets:
            if not is_near(shape.centre):
                continue
            left, right = (aside(line, out * shape.pavement) for line, out in ((shape.left, 1), (shape.right, -1)))
            for k in range(len(left) - 1):
                fill(np.array([left[k], left[k + 1], right[k + 1], right[k]]))
        for junction in place.junctions:
            for polygon in (junction.outline, *junction.pavements):
                fill(polygon)
        return cls(west, south, cell, np.asarray(image))

    def on_road(self, box: Box, margin: float = 0.5) -> bool:
        """Whether a box comes within `margin` m of a road or pavement, give or take a cell."""
        x, y, heading, length, width = box
        length, width, direction = length + 2 * margin, width + 2 * margin, (math.cos(heading), math.sin(heading))
        return bool(_covered(self.roads, self.west, self.south, self.cell, x, y, *direction, length, width))

    def is_road(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which points lie on a road or pavement, give or take a cell; bool of their shape."""
        column = ((x - self.west) / self.cell + 0.5).astype(np.int64)
        row = ((y - self.south) / self.cell + 0.5).astype(np.int64)
        rows, columns = self.roads.shape
        inside = (column >= 0) & (row >= 0) & (column < columns) & (row < rows)
        return inside & self.roads[np.where(inside, row, 0), np.where(inside, column, 0)]

    def _buckets(self, box: Box) -> list[tuple[int, int]]:
        reach = 0.5 * math.hypot(box[3], box[4])
        low = [math.floor((box[k] - reach) / _BUCKET) for k in range(2)]
        high = [math.floor((box[k] + reach) / _BUCKET) for k in range(2)]
        return [(i, k) for i in range(low[0], high[0] + 1) for k in range(low[1], high[1] + 1)]

    def occupied(self, box: Box) -> bool:
        """Whether a box overlaps one that was put."""
        x, y, heading, length, width = box
        length, width = max(0.05, length - _TOUCH), max(0.05, width - _TOUCH)
        return any(
            overlap(x, y, heading, length, width, *other)
            for bucket in self._buckets(box)
            for other in self._boxes.get(bucket, ())
        )

    def free(self, box: Box, margin: float = 0.5) -> bool:
        """Whether an object may stand there."""
        return not self.on_road(box, margin) and not self.occupied(box)

    def put(self, box: Box) -> None:
        """Occupies a box."""
        for bucket in self._buckets(box):
            self._boxes[bucket].append(box)


@njit(cache=True)
def _covered(roads, west, south, cell, x, y, c, s, length, width):
    """Whether any of a grid of points all over a box, no further apart than a cell, lies on a road."""
    rows, columns = roads.shape
    along, across = max(2, math.ceil(length / cell) + 1), max(2, math.ceil(width / cell) + 1)
    for i in range(along):
        a = 0.5 * length if i == along - 1 else i * (length / (along - 1)) - 0.5 * length
        for k in range(across):
            b = 0.5 * width if k == across - 1 else k * (width / (across - 1)) - 0.5 * width
            column = int((x + a * c - b * s - west) / cell + 0.5)
            row = int((y + a * s + b * c - south) / cell + 0.5)
            if 0 <= column < columns and 0 <= row < rows and roads[row, column]:
                return True
    return False


def aside(line: np.ndarray, left: float) -> np.ndarray:
    """A polyline [N, 2] moved to its left by so many m."""
    tangents = np.gradient(line, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    return line + left * np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
