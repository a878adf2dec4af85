"""Control pictures for video models: the map and all boxes as lines, depth, classes. Black is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from world.labels.cameras import Camera, intrinsics
from world.labels.fisheye import Fisheye, project
from world.labels.formats.cosmos_map import CUBOID, LAYERS, SURFACE, Shape
from world.labels.tracks import EDGES, Track
from world.scene.objects import Kind

FARTHEST = 122.5  # m from the camera to the farthest line, which is black; the toolkit's, as are colours and widths
SHARPEST = 3.0  # m up to which the picture of depth has full brightness
NEAR, STEP = 0.2, 0.8  # m: before the camera's plane; between points of a line, which a fisheye bends
THICK, THIN, OF = 8, 5, 720  # pixels of the map's lines and of boxes' in a picture so high
COLOURS = {
    "lanelines": (98, 183, 249),
    "lanes": (56, 103, 221),
    "poles": (66, 40, 144),
    "road_boundaries": (200, 36, 35),
    "wait_lines": (185, 63, 34),
    "crosswalks": (206, 131, 63),
    "road_markings": (126, 204, 205),
    "traffic_signs": (131, 175, 155),
    "traffic_lights": (252, 157, 155),
}
CLASSES = {
    "Car": (255, 0, 0),
    "Truck": (0, 0, 255),
    "Bus": (0, 0, 255),
    "Pedestrian": (0, 255, 0),
    "Cyclist": (255, 255, 0),
    "Others": (255, 255, 255),
}
CLASS_OF = {
    Kind.CAR: "Car",
    Kind.VAN: "Car",
    Kind.POLICE: "Car",
    Kind.AMBULANCE: "Car",
    Kind.LORRY: "Truck",
    Kind.FIRE_ENGINE: "Truck",
    Kind.BUS: "Bus",
    Kind.BICYCLE: "Cyclist",
    Kind.PERSON: "Pedestrian",
    Kind.CHILD: "Pedestrian",
}


def class_of(track: Track) -> str:
    """The track's name in CLASSES."""
    return CLASS_OF.get(track.kind, "Others")


def pixels(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels float64 [N, 2] of points [N, 3] in the camera's axes (right, down, forward), and whether they are in its reach, bool [N]."""
    if isinstance(camera, Fisheye):
        return project(camera, points)
    ahead = points[:, 2] > NEAR
    image = points @ intrinsics(camera).T
    return image[:, :2] / np.where(ahead, image[:, 2], 1.0)[:, None], ahead


def hdmap(
    camera: Camera, pose: np.ndarray, map_layers: Mapping[str, Sequence[Shape]], tracks: Sequence[Track]
) -> np.ndarray:
    """The picture uint8 [H, W, 3] of map layers and boxes. pose float64 [4, 4]: from the camera's axes to the world."""
    out = np.zeros((camera.height, camera.width, 3), np.uint8)
    for layer, shapes in map_layers.items():
        sheet = _Sheet(camera, pose, COLOURS[layer], THICK)
        for shape in shapes:
            for line in shape.lines:
                if LAYERS[layer] in (SURFACE, CUBOID):
                    sheet.fill(line, hull=LAYERS[layer] == CUBOID)
                elif layer != "lanes":  # their borders are drawn as paint and kerbs
                    sheet.line(line)
        out = np.maximum(out, sheet.picture())
    for name, colour in CLASSES.items():
        sheet = _Sheet(camera, pose, colour, THIN)
        for track in tracks:
            if class_of(track) == name:
                corners = track.corners()
                for i, j in EDGES:
                    sheet.line(corners[[i, j]])
        out = np.maximum(out, sheet.picture())
    return out


def near_is_bright(depth: np.ndarray) -> np.ndarray:
    """Inverse depth as grey, uint8 [H, W, 3]: 255 up to SHARPEST m, 0 for the sky."""
    grey = np.rint(255 * np.minimum(1.0, SHARPEST / np.maximum(depth, 1e-6))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


class _Sheet:
    """A layer of one colour, which fades with distance."""

    def __init__(self, camera: Camera, pose: np.ndarray, colour: tuple[int, int, int], thick: int) -> None:
        self._camera, self._pose, self._colour = camera, pose, np.array(colour)
        self._width = max(1, round(thick * camera.height / OF))
        self._image = Image.new("RGB", (camera.width, camera.height))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, line: np.ndarray) -> None:
        """Draws a polyline [N, 3] in the world, N >= 2."""
        points = self._in_camera(_finer(line))
        where, sure = pixels(self._camera, points)
        far = np.linalg.norm(points, axis=1)
        visible = sure[1:] & sure[:-1] & (np.minimum(far[1:], far[:-1]) < FARTHEST)
        visible &= self._inside(where[1:], where[:-1])
        for k in np.flatnonzero(visible):
            shade = self._shade((far[k] + far[k + 1]) / 2)
            self._draw.line([tuple(where[k]), tuple(where[k + 1])], shade, self._width)

    def fill(self, outline: np.ndarray, hull: bool) -> None:
        """Draws a polygon [N, 3] in the world, or the convex hull of a box's corners."""
        ring = outline if hull else _finer(np.concatenate([outline, outline[:1]]))
        points = self._in_camera(ring)
        where, sure = pixels(self._camera, points)
        far = float(np.linalg.norm(points, axis=1).mean())
        if (
            np.count_nonzero(sure) < 3
            or far >= FARTHEST
            or not self._inside(where[sure].min(0)[None], where[sure].max(0)[None]).any()
        ):
            return
        corners = _hull(where[sure]) if hull else where[sure]
        self._draw.polygon([tuple(one) for one in corners], self._shade(far))

    def picture(self) -> np.ndarray:
        """The layer, uint8 [H, W, 3]."""
        return np.asarray(self._image)

    def _in_camera(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 3] in the camera's axes."""
        return np.asarray((points - self._pose[:3, 3]) @ self._pose[:3, :3])

    def _inside(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether the boxes about pairs of pixels [N, 2] touch the picture."""
        size = np.array([self._camera.width, self._camera.height])
        return np.asarray(((np.maximum(a, b) >= 0) & (np.minimum(a, b) < size)).all(1))

    def _shade(self, far: float) -> tuple[int, ...]:
        weight = 2 * (FARTHEST - min(far, FARTHEST)) / 255
        return tuple((weight * self._colour).astype(int).tolist())


def _finer(line: np.ndarray) -> np.ndarray:
    """The same line with a point every STEP m."""
    parts = [line[:1]]
    for a, b in pairwise(line):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / STEP)))
        parts.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)


def _hull(points: np.ndarray) -> np.ndarray:
    """The convex hull of points [N, 2], in order (Andrew 1979)."""
    ordered = sorted(map(tuple, points.tolist()))
    half: list[list[tuple[float, ...]]] = []
    for row in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for p in row:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        half.append(chain[:-1])
    return np.array(half[0] + half[1])


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
