"""Parts common to vehicles: wheels, arches, lamps, number plates, mirrors, beacons, livery."""

from __future__ import annotations

import math

import numpy as np

from world.render.assets.hull import Hull, rectangle
from world.render.assets.solids import Colour, Role, Solid

DARK: Colour = (0.02, 0.02, 0.022)
GLASS: Colour = (0.03, 0.036, 0.042)
PLATE: Colour = (0.7, 0.7, 0.66)
STEEL: Colour = (0.4, 0.41, 0.43)
TYRE: Colour = (0.028, 0.028, 0.03)


def wheels(solid: Solid, hull: Hull, x: float, radius: float) -> None:
    """A wheel on each side of a body, in a dark arch."""
    angle = np.linspace(0.0, math.pi, 7)
    y = float(hull.width(x + radius * np.cos(angle), radius * (1.0 + np.sin(angle))).max())
    if hull.detail:
        _arch(solid, hull.form.bottom, x, y + 0.004, radius, 10 if hull.detail == 2 else 5)
    wheel(solid, x, y + 0.014, radius, hull.detail)


def wheel(solid: Solid, x: float, y: float, radius: float, detail: int) -> None:
    """A wheel on each side whose outer face stands at +-y."""
    for side in (1, -1):
        facing = (0.0, float(side), 0.0)
        if detail == 2:
            solid.tube([(x, side * (y - 0.2), radius), (x, side * y, radius)], radius, "tyre", TYRE, sides=14)
            solid.disc((x, side * y, radius), radius, facing, "tyre", TYRE, sides=14)
            solid.disc((x, side * (y + 0.008), radius), radius * 0.68, facing, "chrome", (0.3, 0.31, 0.33), sides=12)
            for spoke in range(5):
                turn = 2 * math.pi * spoke / 5
                hole = (x + radius * 0.42 * math.cos(turn), side * (y + 0.014), radius * (1 + 0.42 * math.sin(turn)))
                solid.disc(hole, radius * 0.17, facing, "plastic", DARK, sides=4, turn=side * -turn)
        else:
            solid.disc((x, side * y, radius), radius, facing, "tyre", TYRE, sides=9 if detail else 5)
            if detail:
                solid.disc((x, side * (y + 0.02), radius), radius * 0.6, facing, "chrome", (0.25, 0.26, 0.28), sides=5)


def _arch(solid: Solid, bottom: float, x: float, y: float, radius: float, cells: int) -> None:
    """A dark wheel arch on each side at +-y, down to the sill."""
    wide = radius * 1.17
    start = math.asin(max(-1.0, (bottom + 0.01 - radius) / wide))
    angle = np.linspace(start, math.pi - start, cells + 1)
    rim = np.stack([x + wide * np.cos(angle), radius + wide * np.sin(angle)], axis=1)
    middle = np.array([x, radius * 0.95])
    for side in (1, -1):
        fan = np.stack([np.broadcast_to(middle, (cells, 2)), rim[:-1], rim[1:]], axis=1)[:, ::-side]
        flat = np.full(fan.shape[:2], side * y)
        solid.triangles(np.stack([fan[..., 0], flat, fan[..., 1]], axis=-1), "tyre", (0.012, 0.012, 0.012))


Patch = tuple[float, float, float, float]  # y of the inner and the outer edge, lower and upper z


def lamps(solid: Solid, hull: Hull, head: Patch, tail: Patch | None) -> None:
    """Head and tail lamps with indicators; they wrap round the corners."""
    cells = (3, 1) if hull.detail == 2 else (1, 1)
    for side, blink in ((1, Role.LEFT), (-1, Role.RIGHT)):
        for is_front, patch in ((True, head), (False, tail)):
            if patch is None:
                continue
            y0, y1, z0, z1 = patch
            a, b = sorted((side * y0, side * y1))
            role = Role.HEAD if is_front else Role.TAIL
            hull.end(solid, rectangle(a, b, z0, z1), "plastic", role=role, front=is_front, cells=cells, off=0.014)
            if hull.detail:
                inner, outer = (0.55, 1.0) if is_front else (0.0, 0.42)
                a, b = sorted((side * (y0 + (y1 - y0) * inner), side * (y0 + (y1 - y0) * outer)))
                c, d = (z0 - 0.085, z0 - 0.015) if is_front else (z0, z0 + (z1 - z0) * 0.45)
                hull.end(solid, rectangle(a, b, c, d), "plastic", role=blink, front=is_front, off=0.024)
    if hull.detail == 2:
        x, z = hull.x[-1] - 1.38, head[2] + 0.06
        for one, blink in ((1, Role.LEFT), (-1, Role.RIGHT)):
            hull.side(solid, rectangle(x, x + 0.1, z, z + 0.045), "plastic", role=blink, sides=(one,), off=0.012)


def flat_lamps(solid: Solid, x: float, half: float, z: float, detail: int) -> None:
    """Lamps and a plate on a flat back at x."""
    for side, blink in ((1, Role.LEFT), (-1, Role.RIGHT)):
        for inner, outer, role in ((half - 0.34, half - 0.04, Role.TAIL), (half - 0.48, half - 0.36, blink)):
            if role is blink and not detail:
                continue
            a, b = sorted((side * inner, side * outer))
            back_face(solid, x, a, b, z, z + 0.17, "plastic", role=role)
    if detail:
        back_face(solid, x, -0.26, 0.26, z, z + 0.11, "plastic", PLATE)


def back_face(
    solid: Solid,
    x: float,
    y0: float,
    y1: float,
    z0: float,
    z1: float,
    name: str,
    tint: Colour = (1.0, 1.0, 1.0),
    role: Role = Role.FIXED,
) -> None:
    """An upright rectangle at x that faces backwards."""
    solid.quads(np.array([[(x, y1, z0), (x, y0, z0), (x, y0, z1), (x, y1, z1)]]), name, tint, role)


def plates(solid: Solid, hull: Hull, front: float, back: float) -> None:
    """Number plates at these heights."""
    for z, is_front in ((front, True), (back, False)):
        hull.end(solid, rectangle(-0.26, 0.26, z, z + 0.11), "plastic", PLATE, front=is_front, off=0.03)


def mirrors(solid: Solid, x: float, y: float, z: float, size: float, role: Role) -> None:
    """Side mirrors: dark plastic for FIXED, painted otherwise."""
    for side in (1, -1):
        a, b = sorted((side * y, side * (y + 0.15 * size)))
        solid.box((x - 0.06, a, z), (x + 0.05, b, z + 0.13 * size), "plastic", DARK, role)


def light_bar(solid: Solid, x: float, z: float, half: float, detail: int) -> None:
    """Blue beacons across the roof: left and right blink in turn."""
    for side, role in ((1, Role.BEACON_A), (-1, Role.BEACON_B)):
        a, b = sorted((side * 0.08, side * half))
        solid.box((x - 0.13, a, z), (x + 0.13, b, z + 0.13), "plastic", role=role, skip="d")
    if detail:
        solid.box((x - 0.12, -0.08, z), (x + 0.12, 0.08, z + 0.1), "plastic", (0.5, 0.5, 0.5), skip="d")


def checks(solid: Solid, hull: Hull, span: Patch, columns: int, one: Colour, two: Colour) -> None:
    """Squares in two colours along both sides. span: x from and to, z from and to."""
    x0, x1, z0, z1 = span
    step, rows = (x1 - x0) / columns, 2 if hull.detail == 2 else 1
    cells = (1, 2) if hull.detail == 2 else (1, 1)
    for row in range(rows):
        low, high = z0 + (z1 - z0) * row / rows, z0 + (z1 - z0) * (row + 1) / rows
        for column in range(columns):
            a = x0 + step * column
            tint = one if (row + column) % 2 else two
            hull.side(solid, rectangle(a, a + step, low, high), "car_paint", tint, cells=cells, off=0.009)
