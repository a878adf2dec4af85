"""The z-buffer: triangles become records of screen planes, records become depth and a record's index per sample.

Homogeneous rasterisation (Olano and Greer 1997): of every triangle three planes E_i = b_i / w over the screen are kept, where b_i are the
barycentric coordinates and w is the depth (one for a parallel projection), so that nothing has to be clipped: a sample is
inside when no E_i is negative, and their sum is the inverse depth.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit, prange

from world.errors import DataError
from world.render.atlas import CUTOUT, DECAL, FLOOR, TWO_SIDED, Library
from world.render.mesh import Mesh

F = np.float32
CHUNK = 512  # triangles that one turn of the parallel loop sets up
BAND = 12  # rows of samples that one turn of the parallel loop draws
NEAR = 0.15  # m
TOLERANCE = F(
    2e-6
)  # of an edge, in shares of the triangle's largest inverse depth: closes hairlines between neighbours
# A record's floats: 0 planes of E (3 x 3: per column, per row, at the corner), 9 plane of depth, 12 uv, 18 normals, 27 tint, 30 largest
# depth, 31 the depth that it must not pass.
FLOATS = 32
# A record's integers: 0-3 first and last column, first and last row; 4 material, 5 instance, 6 move, 7 mip level to cut out by, or -1.
INTS = 8


@dataclass(frozen=True, eq=False)
class Projection:
    """A linear camera over a grid of samples: axes float64 [3, 3] (right, down, forward), eye [3], `focal` in samples (samples a metre if
    parallel), the middle (cx, cy). `mirrored`: axes are left-handed. `parallel`: depth grows towards the eye, floors are left out."""

    axes: np.ndarray
    eye: np.ndarray
    focal: float
    width: int
    height: int
    mirrored: bool = False
    parallel: bool = False

    def numbers(self) -> np.ndarray:
        """The projection as `set_up` reads it, float64 [8]."""
        return np.array(
            [self.focal, self.width / 2, self.height / 2, self.width, self.height, NEAR, self.mirrored, self.parallel],
            np.float64,
        )


class Records:
    """Buffers for the records of visible triangles, reused from frame to frame."""

    def __init__(self) -> None:
        self.floats, self.ints = np.empty((0, FLOATS), F), np.empty((0, INTS), np.int32)
        self.counts = np.zeros(0, np.int32)
        self.chunks = 0

    def begin(self, triangles: int, parts: int) -> None:
        """Clears the records and makes room for `triangles` in `parts`."""
        chunks = triangles // CHUNK + parts
        if chunks > len(self.counts):
            chunks = chunks * 5 // 4 + 8
            self.floats, self.ints = np.empty((chunks * CHUNK, FLOATS), F), np.empty((chunks * CHUNK, INTS), np.int32)
            self.counts = np.zeros(chunks, np.int32)
        self.chunks = 0

    def add(
        self, mesh: Mesh, instance: np.ndarray, moving: np.ndarray, projection: Projection, library: Library
    ) -> None:
        """Sets up a mesh; instance int32 [T] or [1] for all; moving int32: sorted instances that have a previous pose."""
        if not len(mesh):
            return
        set_up(
            mesh.position, mesh.normal, mesh.uv, mesh.tint, mesh.material, instance, moving, library.material, library.atlas.table,
            np.ascontiguousarray(projection.axes, np.float64), np.asarray(projection.eye, np.float64), projection.numbers(),
            self.floats, self.ints, self.counts, self.chunks,
        )  # fmt: skip
        self.chunks += -(-len(mesh) // CHUNK)

    def draw(self, depth: np.ndarray, ids: np.ndarray, clear: float | None, library: Library) -> None:
        """Draws all records on depth float32 [H, W] and ids int32 [H, W] (or [1, 1]: not kept), cleared before unless None."""
        draw_bands(
            self.floats, self.ints, self.counts, self.chunks, depth, ids, clear is not None, F(clear or 0.0),
            library.material, library.atlas.table, library.atlas.texels,
        )  # fmt: skip


@njit(cache=True, parallel=True, error_model="numpy")
def set_up(  # noqa: C901 (a compiled loop)
    position, normal, uv, tint, material, instance, moving, table, textures, axes, eye, numbers, floats, ints, counts, first
):  # fmt: skip
    """Writes the records of visible triangles, chunk by chunk; counts[first + chunk] is how many of it are visible."""
    focal, cx, cy, near = numbers[0], numbers[1], numbers[2], numbers[5]
    width, height = int(numbers[3]), int(numbers[4])
    mirrored, parallel = numbers[6] > 0, numbers[7] > 0
    total = len(position)
    for chunk in prange((total + CHUNK - 1) // CHUNK):
        px, py, pw, pd = np.empty(3), np.empty(3), np.empty(3), np.ones(3)
        n = (first + chunk) * CHUNK
        for t in range(chunk * CHUNK, min(total, chunk * CHUNK + CHUNK)):
            flags = table[material[t], 3]
            if parallel and flags & FLOOR:
                continue
            for k in range(3):
                x, y, z = position[t, k, 0] - eye[0], position[t, k, 1] - eye[1], position[t, k, 2] - eye[2]
                far = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
                if parallel:
                    pw[k], pd[k] = 1.0, -far
                else:
                    pw[k] = far
                px[k] = focal * (axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z) + cx * pw[k]
                py[k] = focal * (axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z) + cy * pw[k]
            closest = min(pw[0], pw[1], pw[2])
            if max(pw[0], pw[1], pw[2]) <= near or (px[0] < 0 and px[1] < 0 and px[2] < 0):
                continue
            if py[0] < 0 and py[1] < 0 and py[2] < 0:
                continue
            if px[0] > width * pw[0] and px[1] > width * pw[1] and px[2] > width * pw[2]:
                continue
            if py[0] > height * pw[0] and py[1] > height * pw[1] and py[2] > height * pw[2]:
                continue
            # Rows of the adjugate: E_i = cross(p_j, p_k) . (x, y, 1) / det.
            a0, b0, c0 = py[1] * pw[2] - py[2] * pw[1], pw[1] * px[2] - pw[2] * px[1], px[1] * py[2] - px[2] * py[1]
            a1, b1, c1 = py[2] * pw[0] - py[0] * pw[2], pw[2] * px[0] - pw[0] * px[2], px[2] * py[0] - px[0] * py[2]
            a2, b2, c2 = py[0] * pw[1] - py[1] * pw[0], pw[0] * px[1] - pw[1] * px[0], px[0] * py[1] - px[1] * py[0]
            det = px[0] * a0 + py[0] * b0 + pw[0] * c0
            back = (det > 0) != mirrored
            if abs(det) < 1e-9 or (back and not flags & TWO_SIDED):
                continue
            left, top, right, bottom = 1e30, 1e30, -1e30, -1e30
            for k in range(3):
                m = (k + 1) % 3
                if pw[k] > near:
                    x, y = px[k] / pw[k], py[k] / pw[k]
                    left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
                if (pw[k] > near) != (pw[m] > near):
                    share = (near - pw[k]) / (pw[m] - pw[k])
                    x = (px[k] + (px[m] - px[k]) * share) / near
                    y = (py[k] + (py[m] - py[k]) * share) / near
                    left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
            x0, x1 = int(np.ceil(max(left - 0.5, 0.0))), int(np.floor(min(right - 0.5, width - 1.0)))
            y0, y1 = int(np.ceil(max(top - 0.5, 0.0))), int(np.floor(min(bottom - 0.5, height - 1.0)))
            if x0 > x1 or y0 > y1:
                continue
            inverse = 1.0 / det
            x, y = x0 + 0.5, y0 + 0.5
            f = floats[n]
            f[0], f[1], f[2] = a0 * inverse, b0 * inverse, (c0 + a0 * x + b0 * y) * inverse
            f[3], f[4], f[5] = a1 * inverse, b1 * inverse, (c1 + a1 * x + b1 * y) * inverse
            f[6], f[7], f[8] = a2 * inverse, b2 * inverse, (c2 + a2 * x + b2 * y) * inverse
            # Paint lies a thousandth nearer than the road below it.
            bias = inverse * (1.001 if flags & DECAL and not parallel else 1.0)
            f[9] = (a0 * pd[0] + a1 * pd[1] + a2 * pd[2]) * bias
            f[10] = (b0 * pd[0] + b1 * pd[1] + b2 * pd[2]) * bias
            f[11] = (c0 * pd[0] + c1 * pd[1] + c2 * pd[2]) * bias + f[9] * x + f[10] * y
            side = -1.0 if back else 1.0
            for k in range(3):
                f[12 + 2 * k], f[13 + 2 * k] = uv[t, k, 0], uv[t, k, 1]
                f[18 + 3 * k], f[19 + 3 * k] = normal[t, k, 0] * side, normal[t, k, 1] * side
                f[20 + 3 * k] = normal[t, k, 2] * side
                f[27 + k] = tint[t, k]
            f[30] = 1.0 / max(closest, near)
            f[31] = 1.0 / near if closest < near else 0.0
            i = ints[n]
            i[0], i[1], i[2], i[3] = x0, x1, y0, y1
            who = instance[t] if len(instance) > 1 else instance[0]
            i[4], i[5], i[6], i[7] = material[t], who, -1, -1
            if len(moving) and who < 0:
                m = np.searchsorted(moving, who)
                if m < len(moving) and moving[m] == who:
                    i[6] = m
            texture = table[material[t], 0]
            if flags & CUTOUT and texture >= 0:
                u1, v1 = uv[t, 1, 0] - uv[t, 0, 0], uv[t, 1, 1] - uv[t, 0, 1]
                u2, v2 = uv[t, 2, 0] - uv[t, 0, 0], uv[t, 2, 1] - uv[t, 0, 1]
                texels = abs(u1 * v2 - u2 * v1) * textures[texture, 1] * textures[texture, 2]
                samples = abs(det) / max(pw[0] * pw[1] * pw[2], 1e-9)
                level = int(0.5 * np.log2(max(texels / max(samples, 1e-9), 1.0)) + 0.5) if closest > near else 0
                i[7] = min(level, textures[texture, 3] - 1)
            n += 1
        counts[first + chunk] = n - (first + chunk) * CHUNK


@njit(cache=True, inline="always")
def level_of(textures, texture, level):
    """Offset, width and height of a mip level."""
    offset, width, height = textures[texture, 0], textures[texture, 1], textures[texture, 2]
    for _ in range(level):
        offset += width * height
        width, height = max(1, width >> 1), max(1, height >> 1)
    return offset, width, height


@njit(cache=True, parallel=True, error_model="numpy")
def draw_bands(floats, ints, counts, chunks, depth, ids, clear, empty, table, textures, texels):  # noqa: C901 (a compiled loop)
    """Depth tests of all records, a band of rows at a time; within a band in the records' order, whatever the threads."""
    height = depth.shape[0]
    bands = (height + BAND - 1) // BAND
    keep = ids.shape[0] == height
    half = (bands + 1) // 2
    for turn in prange(bands):
        band = 2 * turn if turn < half else 2 * (turn - half) + 1  # sky and street are shared between threads
        top, bottom = band * BAND, min(height, band * BAND + BAND) - 1
        if clear:
            depth[top : bottom + 1] = empty
            if keep:
                ids[top : bottom + 1] = -1
        for chunk in range(chunks):
            for n in range(chunk * CHUNK, chunk * CHUNK + counts[chunk]):
                y0, y1 = ints[n, 2], ints[n, 3]
                if y0 > bottom or y1 < top:
                    continue
                f = floats[n]
                x0 = ints[n, 0]
                span = F(ints[n, 1] - x0)
                tolerance = -TOLERANCE * f[30]
                level = ints[n, 7]
                offset, across, down = 0, 1, 1
                if level >= 0:
                    offset, across, down = level_of(textures, table[ints[n, 4], 0], level)
                for y in range(max(y0, top), min(y1, bottom) + 1):
                    dy = F(y - y0)
                    low, high = F(0.0), span
                    for k in range(3):
                        a = f[3 * k]
                        e = f[3 * k + 2] + f[3 * k + 1] * dy
                        if a > F(0.0):
                            low = max(low, (tolerance - e) / a)
                        elif a < F(0.0):
                            high = min(high, (tolerance - e) / a)
                        elif e < tolerance:
                            high = F(-1.0)
                    z = f[11] + f[10] * dy
                    dz = f[9]
                    if f[31] > F(0.0):
                        if dz > F(0.0):
                            high = min(high, (f[31] - z) / dz)
                        elif dz < F(0.0):
                            low = max(low, (f[31] - z) / dz)
                        elif z > f[31]:
                            high = F(-1.0)
                    if low > high:
                        continue
                    begin, end = x0 + int(np.ceil(low)), x0 + int(np.floor(high))
                    if level < 0:
                        for x in range(begin, end + 1):
                            deep = z + dz * F(x - x0)
                            if deep > depth[y, x]:
                                depth[y, x] = deep
                                if keep:
                                    ids[y, x] = n
                        continue
                    for x in range(begin, end + 1):
                        dx = F(x - x0)
                        deep = z + dz * dx
                        if deep <= depth[y, x]:
                            continue
                        e0 = f[2] + f[1] * dy + f[0] * dx
                        e1 = f[5] + f[4] * dy + f[3] * dx
                        e2 = f[8] + f[7] * dy + f[6] * dx
                        w = F(1.0) / (e0 + e1 + e2)
                        u = (e0 * f[12] + e1 * f[14] + e2 * f[16]) * w
                        v = (e0 * f[13] + e1 * f[15] + e2 * f[17]) * w
                        i = int(np.floor(u * F(across))) & (across - 1)
                        j = int(np.floor(v * F(down))) & (down - 1)
                        # A threshold for each of a pixel's four samples: alpha becomes coverage.
                        if texels[offset + j * across + i, 3] > 50 + 50 * ((y & 1) * 2 + ((x + y) & 1)):
                            depth[y, x] = deep
                            if keep:
                                ids[y, x] = n


def _cache_folder() -> Path:
    return Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent / "__pycache__")


def compiled() -> bool:
    """Whether the kernels' cache exists; if not, the first picture takes about a minute."""
    return next(_cache_folder().rglob("*draw_bands*.nbi"), None) is not None


def check_cache() -> None:
    """Raises DataError where compiled kernels cannot be cached."""
    folder = _cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"Compiled kernels cannot be kept in {folder} ({error.strerror}): set NUMBA_CACHE_DIR to a folder that can be written."
        ) from error
