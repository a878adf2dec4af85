"""Road signs on posts: speed limit, give way, stop, warning, no parking. Faces look along -x, against the traffic's heading."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np

from world.render.assets.solids import Colour, Solid
from world.render.mesh import Mesh

SPEED_LIMIT, GIVE_WAY, STOP, WARNING, NO_PARKING = range(5)  # PROP.look % 5 of a SIGN
_RED: Colour = (0.55, 0.01, 0.015)
_WHITE: Colour = (0.82, 0.82, 0.8)
_BLUE: Colour = (0.01, 0.06, 0.36)
_BLACK: Colour = (0.012, 0.012, 0.012)
_GREY: Colour = (0.25, 0.26, 0.27)
_FACING = (-1.0, 0.0, 0.0)
# Strokes of the figures and letters, on a field one wide and two high: (right, up) from the lower left.
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "3": [[(0, 2), (1, 2), (1, 0), (0, 0)], [(0.2, 1), (1, 1)]],
    "4": [[(0, 2), (0, 1), (1, 1)], [(1, 2), (1, 0)]],
    "5": [[(1, 2), (0, 2), (0, 1), (1, 1), (1, 0), (0, 0)]],
    "0": [[(0, 0), (0, 2), (1, 2), (1, 0), (0, 0)]],
    "S": [[(1, 2), (0, 2), (0, 1), (1, 1), (1, 0), (0, 0)]],
    "T": [[(0, 2), (1, 2)], [(0.5, 2), (0.5, 0)]],
    "O": [[(0, 0), (0, 2), (1, 2), (1, 0), (0, 0)]],
    "P": [[(0, 0), (0, 2), (1, 2), (1, 1), (0, 1)]],
    "!": [[(0.5, 2), (0.5, 0.85)], [(0.5, 0.15), (0.5, 0.05)]],
}


def _write(solid: Solid, text: str, x: float, z: float, high: float, width: float, tint: Colour) -> None:
    """Letters on a face at x, centred on height z, readable along +x."""
    cell = high / 2
    wide = cell * 0.85
    left = -(len(text) * wide + (len(text) - 1) * cell * 0.5) / 2
    for number, letter in enumerate(text):
        start = left + number * (wide + cell * 0.5)
        for line in _STROKES[letter]:
            for (a, b), (c, d) in pairwise(line):
                p = np.array([start + a * wide, z - high / 2 + b * cell])
                q = np.array([start + c * wide, z - high / 2 + d * cell])
                along = (q - p) / max(float(np.linalg.norm(q - p)), 1e-9)
                side = np.array([-along[1], along[0]]) * width / 2
                p, q = p - along * width / 2, q + along * width / 2
                quad = [(x, -u, v) for u, v in (p - side, q - side, q + side, p + side)]
                solid.quads([quad], "sign_face", tint)


def _triangle(solid: Solid, z: float, radius: float, down: bool, detail: int) -> None:
    turn = -math.pi / 2 if down else math.pi / 2
    solid.disc((-0.05, 0, z), radius, _FACING, "sign_face", _RED, sides=3, turn=turn)
    solid.disc((-0.056, 0, z), radius * 0.66, _FACING, "sign_face", _WHITE, sides=3, turn=turn)
    solid.disc((-0.044, 0, z), radius, (1.0, 0.0, 0.0), "sign_face", _GREY, sides=3, turn=turn)


@cache
def sign_mesh(look: int, detail: int = 2) -> Mesh:
    """A sign about its post's foot; look: SPEED_LIMIT to NO_PARKING, modulo 5; the limit is 30 or 50 by look // 5."""
    solid = Solid()
    kind = look % 5
    solid.tube([(0, 0, 0), (0, 0, 2.75)], 0.034, "plastic", _GREY, sides=7 if detail else 4)
    sides = 20 if detail == 2 else 10
    if kind in (SPEED_LIMIT, NO_PARKING):
        solid.disc((-0.05, 0, 2.45), 0.33, _FACING, "sign_face", _RED, sides=sides)
        solid.disc((-0.044, 0, 2.45), 0.33, (1.0, 0.0, 0.0), "sign_face", _GREY, sides=sides)
        solid.disc((-0.056, 0, 2.45), 0.25, _FACING, "sign_face", _WHITE if kind == SPEED_LIMIT else _BLUE, sides=sides)
        if kind == SPEED_LIMIT and detail:
            _write(solid, ("50", "30", "40")[look // 5 % 3], -0.062, 2.45, 0.2, 0.042, _BLACK)
        elif kind == NO_PARKING:
            a, n = 0.25 * math.sqrt(0.5), 0.026
            corners = [(a - n, a + n), (a + n, a - n), (n - a, -a - n), (-a - n, n - a)]
            slash = np.array([(-0.062, y, 2.45 + z) for y, z in corners])
            solid.quads(slash, "sign_face", _RED)
    elif kind == STOP:
        solid.disc((-0.05, 0, 2.42), 0.38, _FACING, "sign_face", _WHITE, sides=8, turn=math.pi / 8)
        solid.disc((-0.056, 0, 2.42), 0.35, _FACING, "sign_face", _RED, sides=8, turn=math.pi / 8)
        solid.disc((-0.044, 0, 2.42), 0.38, (1.0, 0.0, 0.0), "sign_face", _GREY, sides=8, turn=math.pi / 8)
        if detail:
            _write(solid, "STOP", -0.062, 2.42, 0.2, 0.032, _WHITE)
    elif kind == GIVE_WAY:
        _triangle(solid, 2.5, 0.46, True, detail)
    else:
        _triangle(solid, 2.36, 0.46, False, detail)
        if detail:
            _write(solid, "!", -0.062, 2.36, 0.26, 0.06, _BLACK)
    return solid.template().mesh
