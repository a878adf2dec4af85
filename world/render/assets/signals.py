"""Traffic lights for cars and for people: posts, heads with hoods, and lamps of which one shines."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from world.render.assets.solids import Colour, Solid, grid_quads
from world.render.mesh import Mesh

RED, AMBER, GREEN = range(3)
_BLACK: Colour = (0.015, 0.015, 0.016)
_POST: Colour = (0.06, 0.065, 0.065)
_DARK_GLASS: tuple[Colour, ...] = ((0.06, 0.006, 0.005), (0.06, 0.03, 0.004), (0.004, 0.05, 0.03))
_LAMPS: tuple[tuple[str, Colour], ...] = (
    ("signal_red", (1.0, 0.06, 0.035)),
    ("signal_amber", (1.0, 0.5, 0.04)),
    ("signal_green", (0.08, 1.0, 0.42)),
)


def _head(
    solid: Solid, x: float, y: float, low: float, colours: tuple[int, ...], lit: int, detail: int, scale: float = 1.0
) -> None:
    """A head that faces -x. colours: from above; lit: the colour that shines."""
    step, width = 0.32 * scale, 0.17 * scale
    high = low + step * len(colours) + 0.06
    solid.box((x, y - width, low), (x + 0.2 * scale, y + width, high), "plastic", _BLACK)
    if detail and scale == 1.0:
        edge = 0.34
        board = [
            (x + 0.02, y + edge, low - 0.14),
            (x + 0.02, y - edge, low - 0.14),
            (x + 0.02, y - edge, high + 0.14),
            (x + 0.02, y + edge, high + 0.14),
        ]
        solid.quads([board, board[::-1]], "plastic", _BLACK)
    for row, colour in enumerate(colours):
        z = high - 0.03 - step * (row + 0.5)
        name, tint = _LAMPS[colour] if colour == lit else ("car_glass", _DARK_GLASS[colour])
        solid.disc((x - 0.012, y, z), 0.125 * scale, (-1.0, 0.0, 0.0), name, tint, sides=14 if detail == 2 else 8)
        if detail == 2:
            angle = np.linspace(-0.15, math.pi + 0.15, 9)
            inner = np.stack(
                [0 * angle + x, y + 0.145 * scale * np.cos(angle), z + 0.145 * scale * np.sin(angle)], axis=1
            )
            outer = inner - [0.2 * scale, 0, 0.01]
            hood = grid_quads(np.stack([inner, outer]))
            solid.quads(np.concatenate([hood, hood[:, ::-1]]), "plastic", _BLACK)


@cache
def signal_mesh(colour: int, detail: int = 2, arm: float = 0.0) -> Mesh:
    """A car signal's post about its foot, whose heads face -x (against the traffic's heading).

    colour: RED, AMBER or GREEN shines; arm: m that a second head hangs to the left over the road, 0 for none.
    """
    solid = Solid()
    tall = 5.6 if arm else 3.55
    sides = 8 if detail else 5
    solid.tube(
        [(0, 0, 0), (0, 0, 0.5), (0, 0, 0.52), (0, 0, tall)], [0.11, 0.11, 0.075, 0.06], "plastic", _POST, sides=sides
    )
    colours = (RED, AMBER, GREEN)
    _head(solid, -0.28, 0.0, 2.45, colours, colour, detail)
    solid.box((-0.1, -0.03, 2.7), (0.0, 0.03, 2.76), "plastic", _POST)
    solid.box((-0.1, -0.03, 3.2), (0.0, 0.03, 3.26), "plastic", _POST)
    if arm:
        solid.tube(
            [(0, 0, 5.25), (0, arm * 0.3, 5.55), (0, arm, 5.6)], [0.055, 0.05, 0.04], "plastic", _POST, sides=sides
        )
        _head(solid, -0.16, arm - 0.25, 4.75, colours, colour, detail)
    return solid.template().mesh


@cache
def walk_signal_mesh(walk: bool, detail: int = 2) -> Mesh:
    """A people's signal about its foot, facing -x: red above, green below."""
    solid = Solid()
    solid.tube([(0, 0, 0), (0, 0, 2.95)], 0.055, "plastic", _POST, sides=7 if detail else 4)
    _head(solid, -0.2, 0.0, 2.2, (RED, GREEN), GREEN if walk else RED, min(detail, 1), 0.8)
    if detail:
        solid.box((-0.12, -0.06, 1.0), (-0.04, 0.06, 1.2), "plastic", (0.6, 0.45, 0.02))
    return solid.template().mesh
