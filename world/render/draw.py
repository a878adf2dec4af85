"""Draws a scene: meshes, a view and the light give a G-buffer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from world.render.atlas import Library, decoded
from world.render.camera import View
from world.render.gbuffer import GBuffer
from world.render.lamps import LIT, nearest, shaded_cells
from world.render.light import Light
from world.render.mesh import Mesh
from world.render.mirror import mirrored, shade_mirror, spread_mirror
from world.render.raster import Projection, Records
from world.render.resolve import resolve
from world.render.shadows import AHEAD, EMPTY, Shadows

F = np.float32
_NOTHING = np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh with its owner: instance int32 [T], or [1] for the whole mesh. `moves`: redrawn on the shadow map every frame; `hidden`: only
    throws shadows."""

    mesh: Mesh
    instance: np.ndarray
    moves: bool = False
    hidden: bool = False


def _table(columns: int) -> np.ndarray:
    return np.zeros((0, columns), F)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Further inputs of a picture.

    lamps float [L, 6]: x, y, z, RGB of street lamps that are on; beams float [B, 6]: x, y, z, cos, sin of the heading, intensity;
    boxes float [N, 6]: x, y, cos, sin, length, width of vehicles; movers int32 [K], ascending: instances with a previous
    pose, moves float [K, 6]: their x, y, heading now and before; before: the previous view; wet: 0 draws no mirror; lit: how many of the lamps, the nearest,
    shine on the street.
    """

    lamps: np.ndarray = field(default_factory=lambda: _table(6))
    beams: np.ndarray = field(default_factory=lambda: _table(6))
    boxes: np.ndarray = field(default_factory=lambda: _table(6))
    movers: np.ndarray = field(default_factory=lambda: _NOTHING)
    moves: np.ndarray = field(default_factory=lambda: _table(6))
    before: View | None = None
    wet: float = 0.0
    lit: int = LIT


class Rasterizer:
    """Reuses buffers and the shadow map from frame to frame. One per drive; not thread-safe."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.shadows = Shadows()
        self._records, self._mirror_records = Records(), Records()
        self._linear = decoded()
        self._unshaded = np.full((4, 4), EMPTY, F)
        self._depth, self._ids = np.empty((0, 0), F), np.empty((0, 0), np.int32)
        self._small_depth, self._small_ids = np.empty((0, 0), F), np.empty((0, 0), np.int32)

    def draw(self, parts: Sequence[Part], view: View, light: Light, around: Surroundings | None = None) -> GBuffer:
        """The G-buffer of a view."""
        around, library = around or Surroundings(), self.library
        height, width = view.height, view.width
        if self._depth.shape != (2 * height, 2 * width):
            self._depth, self._ids = np.empty((2 * height, 2 * width), F), np.empty((2 * height, 2 * width), np.int32)
            self._small_depth = np.empty((height // 2, width // 2), F)
            self._small_ids = np.empty((height // 2, width // 2), np.int32)
        projection = Projection(view.axes, view.eye, 2 * view.focal, 2 * width, 2 * height)
        self._project(self._records, parts, projection, around)
        self._records.draw(self._depth, self._ids, 0.0, library)
        shadow, matrix = self._unshaded, np.zeros((3, 4), F)
        if light.sun_direction[2] > 0.02 and max(light.sun) > 1e-3:
            middle = view.eye[:2] + view.axes[2, :2] * AHEAD
            standing = [part.mesh for part in parts if not part.moves]
            moving = [part.mesh for part in parts if part.moves]
            self.shadows.update(standing, moving, middle, light.sun_direction, library)
            shadow, matrix = self.shadows.depth, self.shadows.matrix
        emission = np.asarray(light.emission, F)
        lamps, beams = nearest(np.asarray(around.lamps), view.eye, around.lit), np.asarray(around.beams, F)
        boxes = np.asarray(around.boxes, F)
        boxes = boxes[np.argsort(np.hypot(boxes[:, 0] - view.eye[0], boxes[:, 1] - view.eye[1]), kind="stable")[:64]]

        def room(*channels: int) -> np.ndarray:
            return np.empty((height, width, *channels), F)

        def blank(channels: int) -> np.ndarray:
            return np.zeros((height, width, channels), F)

        g = GBuffer(
            room(3), room(3), room(), room(), np.empty((height, width), np.uint8), room(), room(), room(), room(3), room(), room(),
            blank(4), blank(3), blank(3), room(2), blank(2), np.empty((height, width), np.int32),
            room(),
        )  # fmt: skip
        resolve(
            g.albedo, g.normal, g.inverse_depth, g.coverage, g.surface, g.roughness, g.wet, g.snow, g.emission, g.sun, g.occlusion,
            g.lamps, g.beams, g.noise, g.motion, g.instance, g.sharp, self._ids, self._records.floats, self._records.ints,
            _camera(view, around.before), np.asarray(around.moves, F), library.material, library.roughness, library.atlas.table,
            library.atlas.packed, self._linear, emission, shadow, matrix, lamps, beams, boxes, shaded_cells(boxes, view.eye),
            around.wet > 0, around.before is not None,
        )  # fmt: skip
        if around.wet > 0:
            self._mirror(g, parts, view, around, emission, F(0.19 / light.exposure))
        return g

    def alone(self, meshes: Sequence[Mesh], view: View) -> list[float]:
        """Pixels that each mesh would cover if nothing hid it."""
        projection = Projection(view.axes, view.eye, 2 * view.focal, 2 * view.width, 2 * view.height)
        depth = np.empty((2 * view.height, 2 * view.width), F)
        ids, out = np.empty(depth.shape, np.int32), []
        for mesh in meshes:
            self._project(self._records, [Part(mesh, np.zeros(1, np.int32))], projection, Surroundings())
            self._records.draw(depth, ids, 0.0, self.library)
            out.append(float((ids >= 0).sum()) / 4)
        return out

    def _project(self, records: Records, parts: Sequence[Part], projection: Projection, around: Surroundings) -> None:
        parts = [part for part in parts if not part.hidden]
        records.begin(sum(len(part.mesh) for part in parts), len(parts))
        moving = np.asarray(around.movers, np.int32)
        for part in parts:
            records.add(part.mesh, part.instance, moving, projection, self.library)

    def _mirror(
        self,
        g: GBuffer,
        parts: Sequence[Part],
        view: View,
        around: Surroundings,
        emission: np.ndarray,
        ambient: np.float32,
    ) -> None:
        """Fills the G-buffer's mirror."""
        library, records = self.library, self._mirror_records
        self._project(records, parts, mirrored(view), around)
        records.draw(self._small_depth, self._small_ids, 0.0, library)
        small = np.empty((*self._small_ids.shape, 4), F)
        shade_mirror(
            small, self._small_ids, records.floats, records.ints, library.material, library.atlas.table, library.atlas.packed,
            self._linear, emission, ambient,
        )  # fmt: skip
        spread_mirror(g.mirror, small, g.wet)


def _camera(view: View, before: View | None) -> np.ndarray:
    """Both views as `resolve` reads them, float32 [9, 3]."""
    then = before or view
    rows = [view.axes, view.eye[None], then.axes, (view.eye - then.eye)[None], [[view.focal, then.focal, 0.0]]]
    return np.concatenate(rows).astype(F)


def draw(
    parts: Sequence[Part], view: View, library: Library, light: Light, around: Surroundings | None = None
) -> GBuffer:
    """One picture's G-buffer, with fresh buffers."""
    return Rasterizer(library).draw(parts, view, light, around)
