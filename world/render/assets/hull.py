"""A vehicle's body lofted through sections, and patches (glass, lamps, livery) that lie on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from world.render.assets.solids import WHITE, Colour, Role, Solid, grid_quads, split

Curve = Sequence[tuple[float, float]]  # (m behind the front bumper, value): straight in between


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of a body. Lengths in m; curves run from the front (0) to the back (`length`).

    half: half its width; bottom: height of the sill; top, belt: heights of the outline and of the windows' lower edge; taper: factor
    on the width; lean: how far the sides lean in from belt to roof, m per m.
    """

    length: float
    half: float
    bottom: float
    top: Curve
    belt: Curve
    taper: Curve
    lean: float


class Hull:
    """Sections [S, K, 2] of (y, z), left half from the bottom to the top, at `x` [S] from back to front."""

    def __init__(self, form: Form, detail: int) -> None:
        curves = (form.top, form.belt, form.taper)
        places = sorted({u for curve in (form.top, form.taper) for u, _ in curve}, reverse=True)
        behind = np.array(places if detail == 2 else _fewest(form.top, 11 if detail else 8)[::-1])
        top, belt, taper = (np.interp(behind, *np.array(curve, float).T) for curve in curves)
        belt = np.minimum(belt, top - 0.03)
        half = form.half * taper
        ends = np.exp(-((behind / 0.2) ** 2)) + np.exp(-(((form.length - behind) / 0.2) ** 2))
        low = form.bottom + 0.08 * ends
        rail = half * 0.94 - form.lean * (top - belt)
        tall = np.clip((top - belt) / 0.4, 0.12, 1.0)
        zero = np.zeros_like(half)
        rows = {
            2: [
                (zero, low),
                (half * 0.82, low),
                (half * 0.965, low + 0.08),
                (half, low + (belt - low) * 0.48),
                (half * 0.985, low + (belt - low) * 0.82),
                (half * 0.94, belt),
                (rail, top - 0.055 * tall - 0.005),
                (rail * 0.82, top - 0.004),
                (zero, top + 0.016),
            ],
            1: [
                (half * 0.95, low),
                (half, low + (belt - low) * 0.55),
                (half * 0.94, belt),
                (rail, top - 0.02),
                (rail * 0.7, top + 0.01),
            ],
            0: [(half, low), (half * 0.97, belt), (rail, top)],
        }[detail]
        self.form = form
        self.detail = detail
        self.x = form.length / 2 - behind
        self.sections = np.stack([np.stack(row, axis=-1) for row in rows], axis=1)

    def shell(self, solid: Solid, name: str, tint: Colour = WHITE, role: Role = Role.FIXED) -> None:
        """Adds the body: sides, roof and both ends in one paint, its floor dark."""
        left = self.sections
        inner = slice(1, -1) if self.detail == 2 else slice(None)
        right = left[:, inner][:, ::-1] * np.array([-1.0, 1.0])
        ring = np.concatenate([left, right], axis=1)
        points = np.concatenate([np.broadcast_to(self.x[:, None, None], (*ring.shape[:2], 1)), ring], axis=2)
        cells = grid_quads(points, closed=True)
        stations, around = len(self.x) - 1, ring.shape[1]
        number = np.arange(stations * around) % around
        floor = {2: (number < 1) | (number == around - 1), 1: number == around - 1, 0: number == around - 1}[
            self.detail
        ]
        pieces = [split(cells[~floor])]
        for end, order in ((0, -1), (-1, 1)):
            rim = points[end][::order]
            middle = np.broadcast_to(rim.mean(0) + np.array([0.015 * order, 0, 0]), rim.shape)
            pieces.append(np.stack([middle, rim, np.roll(rim, -1, axis=0)], axis=1))
        solid.triangles(np.concatenate(pieces), name, tint, role, crease=38)
        if self.detail:
            solid.quads(cells[floor], "tyre", (0.012, 0.012, 0.012))

    def width(self, x: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
        """Half the body's width at x and height z; -1 above it."""
        x, z = np.broadcast_arrays(np.asarray(x, float), np.asarray(z, float))
        first = 1 if self.detail == 2 else 0
        result = np.full(x.shape, -1.0)
        rows = [
            [np.interp(x, self.x, self.sections[:, k, a]) for a in (0, 1)] for k in range(first, self.sections.shape[1])
        ]
        for (y0, z0), (y1, z1) in reversed(list(pairwise(rows))):
            share = np.clip((z - z0) / np.maximum(z1 - z0, 1e-9), 0.0, 1.0)
            result = np.where(z <= z1, y0 + (y1 - y0) * share, result)
        return result

    def side(
        self,
        solid: Solid,
        corners: Sequence[tuple[float, float]],
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        off: float = 0.01,
        cells: tuple[int, int] = (1, 1),
        sides: tuple[int, ...] = (1, -1),
        crease: float = 30.0,
    ) -> None:
        """Lays a patch on both sides. corners: (x, z) rear low, front low, front high, rear high."""
        grid = _bilinear(corners, cells)
        rail = np.interp(grid[..., 0], self.x, self.sections[:, {2: -3, 1: -2, 0: -1}[self.detail], 1])
        grid[..., 1] = np.minimum(grid[..., 1], rail - 0.02)
        y = self.width(grid[..., 0], grid[..., 1]) + off
        for side in sides:
            points = np.stack([grid[..., 0], side * y, grid[..., 1]], axis=-1)
            solid.quads(grid_quads(points[:, ::-side]), name, tint, role, crease)

    def end(
        self,
        solid: Solid,
        corners: Sequence[tuple[float, float]],
        name: str,
        tint: Colour = WHITE,
        role: Role = Role.FIXED,
        front: bool = True,
        off: float = 0.012,
        cells: tuple[int, int] = (1, 1),
    ) -> None:
        """Lays a patch on the front or the back. corners: (y, z) right low, left low, left high, right high."""
        grid = _bilinear(corners, cells)
        order = 1 if front else -1
        samples = np.linspace(self.x[-1], self.x[0], 60)[::order]
        widths = self.width(samples[:, None, None], grid[..., 1])
        limit = widths.max(axis=0) * 0.985
        y = np.clip(grid[..., 0], -limit, limit)
        first = np.argmax(widths >= np.abs(y), axis=0)
        inside, outside = samples[first], samples[np.maximum(first - 1, 0)]
        for _ in range(8):
            middle = (inside + outside) / 2
            within = self.width(middle, grid[..., 1]) >= np.abs(y)
            inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
        x = inside + order * (off if self.detail == 2 else off + 0.06)
        points = np.stack([x, y, grid[..., 1]], axis=-1)
        solid.quads(grid_quads(points[:, ::order]), name, tint, role, 30.0)


def _fewest(curve: Curve, count: int) -> list[float]:
    """The `count` best sample positions of a curve: each next one where the error is greatest."""
    x, y = np.array(curve, float).T
    rows = {0, len(x) - 1}
    while len(rows) < min(count, len(x)):
        order = sorted(rows)
        wrong = np.abs(np.interp(x, x[order], y[order]) - y)
        wrong[order] = -1.0
        rows.add(int(wrong.argmax()))
    return [float(x[index]) for index in sorted(rows)]


def rectangle(a: float, b: float, low: float, high: float) -> list[tuple[float, float]]:
    """Corners of a patch from a to b along the body or across it, and between two heights."""
    return [(a, low), (b, low), (b, high), (a, high)]


def _bilinear(corners: Sequence[tuple[float, float]], cells: tuple[int, int]) -> np.ndarray:
    """A grid over four corners (low first, then high last-to-first): [rows + 1, columns + 1, 2]."""
    a, b, c, d = (np.asarray(corner, float) for corner in corners)
    u = np.linspace(0, 1, cells[0] + 1)[None, :, None]
    v = np.linspace(0, 1, cells[1] + 1)[:, None, None]
    return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * d + u * c)
