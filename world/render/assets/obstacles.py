"""Things on the road: cones, striped boards, debris."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from world.render.assets.solids import Colour, Solid, Template
from world.scene.objects import Kind

BOX, TYRE, PLANKS = range(3)  # debris, by look % 3
_ORANGE: Colour = (0.85, 0.16, 0.015)
_WHITE: Colour = (0.8, 0.8, 0.78)
_RED: Colour = (0.6, 0.015, 0.012)


@cache
def cone(detail: int) -> Template:
    """A traffic cone 0.4 m wide and 0.75 m high with two white bands."""
    solid = Solid()
    sides = {2: 14, 1: 8, 0: 5}[detail]
    solid.box((-0.2, -0.2, 0.0), (0.2, 0.2, 0.035), "plastic", (0.05, 0.05, 0.05) if detail else _ORANGE, skip="d")
    heights = [0.035, 0.25, 0.38, 0.5, 0.6, 0.75]
    radius = [0.145 - 0.155 * (z - 0.035) for z in heights]
    for i in range(5):
        tint = _WHITE if i in (1, 3) else _ORANGE
        solid.tube([(0, 0, heights[i]), (0, 0, heights[i + 1])], [radius[i], radius[i + 1]], "cone", tint, sides=sides)
    solid.disc((0, 0, 0.75), radius[-1], (0, 0, 1.0), "plastic", (0.1, 0.02, 0.005), sides=sides)
    return solid.template()


@cache
def board(detail: int) -> Template:
    """A works barrier 1.6 m wide: slanted red and white stripes on two legs, faces along +-x."""
    solid = Solid()
    low, high, half, thick, slant = 0.72, 1.08, 0.8, 0.02, 0.2
    stripes = 8
    step = 2 * half / stripes
    for face in (1, -1):
        for i in range(-1, stripes + 1):
            tint = _RED if i % 2 else _WHITE
            a, b = -half + step * i, -half + step * (i + 1)
            bottom = [min(max(v, -half), half) for v in (a, b)]
            top = [min(max(v + slant, -half), half) for v in (a, b)]
            outline = [(bottom[0], low), (bottom[1], low), (top[1], high), (top[0], high)]
            quad = [(face * thick, face * u, z) for u, z in outline]
            solid.quads([quad], "board", tint)
    solid.box((-thick, -half, low), (thick, half, high), "plastic", _WHITE, skip="fb")
    for y in (-0.6, 0.6):
        solid.box((-0.02, y - 0.02, 0.05), (0.02, y + 0.02, low), "plastic", (0.3, 0.3, 0.3), skip="d")
        solid.box((-0.15, y - 0.06, 0.0), (0.15, y + 0.06, 0.06), "plastic", (0.04, 0.04, 0.04), skip="d")
    if detail:
        for y in (-0.6, 0.6):
            solid.tube([(0, y, high), (0, y, high + 0.06)], 0.03, "plastic", (0.1, 0.1, 0.1), sides=6)
            for face in (1, -1):
                solid.disc(
                    (face * 0.035, y, high + 0.08),
                    0.075,
                    (face, 0, 0),
                    "plastic",
                    (0.8, 0.3, 0.02),
                    sides=10 if detail == 2 else 6,
                )
    return solid.template()


def _box(solid: Solid) -> None:
    card, tape = (0.32, 0.2, 0.1), (0.42, 0.31, 0.18)
    solid.box((-0.36, -0.45, 0.0), (0.36, 0.45, 0.46), "board", card, skip="dt")
    solid.box((-0.362, -0.06, 0.0), (0.362, 0.06, 0.462), "board", tape, skip="dlr")
    solid.quads([[(-0.36, -0.45, 0.46), (0.36, -0.45, 0.46), (0.36, 0.45, 0.46), (-0.36, 0.45, 0.46)]], "board", card)
    for side in (1, -1):
        flap = [
            (-0.36, side * 0.45, 0.46),
            (0.36, side * 0.45, 0.46),
            (0.36, side * 0.55, 0.5),
            (-0.36, side * 0.55, 0.5),
        ]
        solid.quads([flap if side == -1 else flap[::-1], flap[::-1] if side == -1 else flap], "board", card)


def _tyre(solid: Solid, detail: int) -> None:
    """Three tyres: two in a pile, one that leans on it."""
    count = 18 if detail == 2 else 9
    angle = np.linspace(0, 2 * np.pi, count + 1)
    sides = 8 if detail == 2 else 4
    for z, x, y in ((0.11, 0.02, -0.2), (0.32, -0.02, -0.17)):
        ring = np.stack([x + 0.27 * np.cos(angle), y + 0.27 * np.sin(angle), z + 0 * angle], axis=1)
        solid.tube(ring, 0.11, "tyre", (0.03, 0.03, 0.032), sides=sides)
    lean = math.radians(35)
    along = 0.27 * np.cos(angle)
    ring = np.stack([0.27 * np.sin(angle), 0.33 + along * math.sin(lean), 0.31 - along * math.cos(lean) * 0.9], axis=1)
    solid.tube(ring, 0.1, "tyre", (0.04, 0.04, 0.042), sides=sides)


def _planks(solid: Solid) -> None:
    shades = [(0.3, 0.19, 0.1), (0.38, 0.25, 0.14), (0.24, 0.15, 0.085), (0.34, 0.23, 0.13), (0.28, 0.18, 0.1)]
    rows = [
        (0.0, 0.0, 0.1, 0.0),
        (0.12, -0.05, 0.55, 0.1),
        (-0.15, 0.1, -0.35, 0.2),
        (0.05, 0.02, 0.9, 0.3),
        (0.0, -0.08, -0.1, 0.4),
    ]
    for (x, y, turn, z), shade in zip(rows, shades, strict=True):
        cos, sin = math.cos(turn), math.sin(turn)
        single = Solid()
        single.box((-0.09, -0.52, z), (0.09, 0.52, z + 0.09), "wood", shade, skip="d" if z == 0 else "")
        mesh = single.template().mesh
        turned = mesh.position @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + [x, y, 0]
        solid.triangles(turned, "wood", shade)


@cache
def debris(look: int, detail: int) -> Template:
    """BOX, TYRE or PLANKS, 0.9 m x 1.1 m x 0.5 m."""
    solid = Solid()
    if look == BOX:
        _box(solid)
    elif look == TYRE:
        _tyre(solid, detail)
    else:
        _planks(solid)
    return solid.template()


# What each kind is made of, by appearance code and detail.
THINGS: dict[Kind, Callable[[int, int], Template]] = {
    Kind.CONE: lambda look, detail: cone(detail),
    Kind.BOARD: lambda look, detail: board(detail),
    Kind.DEBRIS: lambda look, detail: debris(look % 3, detail),
}
