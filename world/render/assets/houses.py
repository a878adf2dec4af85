"""Houses by style: walls, roofs, chimneys; cached. The front faces +x; the origin is the middle of the foot."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from world.render.assets.faces import ROOF, TRIM, WALL, Colour, Faces, Parts
from world.render.assets.walls import STOREY, Wall, balconies, cornice, wall

VARIANTS = 12
_WALLS: tuple[tuple[str, Colour], ...] = (
    ("plaster", (0.74, 0.64, 0.46)),
    ("brick", (0.36, 0.14, 0.09)),
    ("plaster", (0.68, 0.66, 0.61)),
    ("plaster", (0.42, 0.50, 0.55)),
    ("brick", (0.42, 0.25, 0.15)),
    ("plaster_rough", (0.78, 0.60, 0.30)),
    ("plaster", (0.72, 0.70, 0.64)),
    ("concrete", (0.52, 0.50, 0.47)),
    ("plaster", (0.62, 0.36, 0.25)),
    ("brick", (0.27, 0.15, 0.12)),
    ("plaster_rough", (0.40, 0.47, 0.38)),
    ("plaster", (0.80, 0.77, 0.70)),
    ("brick", (0.50, 0.40, 0.27)),
)
_ROOFS: tuple[Colour, ...] = ((0.34, 0.12, 0.065), (0.20, 0.105, 0.08), (0.11, 0.11, 0.12), (0.27, 0.10, 0.07))
_ACCENTS: tuple[Colour, ...] = (
    (0.34, 0.035, 0.03),
    (0.03, 0.085, 0.24),
    (0.03, 0.15, 0.07),
    (0.42, 0.22, 0.03),
    (0.06, 0.06, 0.065),
    (0.36, 0.33, 0.28),
    (0.16, 0.07, 0.03),
)


def tints(look: int) -> dict[int, Colour]:
    """The colours of a house's parts."""
    tone = 0.9 + 0.03 * (look // 7 % 7)
    red, green, blue = _WALLS[look % len(_WALLS)][1]
    return {
        1: (red * tone, green * tone, blue * tone),
        2: _ROOFS[look // 3 % len(_ROOFS)],
        3: _ACCENTS[look // 5 % len(_ACCENTS)],
        4: (1.0, 1.0, 1.0) if look % 3 else (0.82, 0.79, 0.73),
    }


def style(look: int, floors: int) -> str:
    """The style of a house: "hip" and "gable" roofs for low houses, "block" and "shops" with flat roofs, "tenement" with a steep roof."""
    if floors <= 2:
        return ("hip", "gable", "gable")[look // 2 % 3]
    return ("shops", "block", "shops", "tenement", "block")[look // 2 % 5]


@lru_cache(maxsize=384)
def house(look: int, kind: str, bays: int, sides: int, floors: int, detail: int) -> Parts:
    """A house of `bays` x `sides` bays of 3.6 m. look: below VARIANTS * len(walls); detail: 2 near, 1, 0 far."""
    random = np.random.default_rng(look * 64 + floors)
    width, depth = bays * 3.6, sides * 4.0
    name = _WALLS[look % len(_WALLS)][0]
    faces = Faces()
    x, y = depth / 2, width / 2
    front = Wall((x, -y), (0.0, 1.0), width)
    back = Wall((-x, y), (0.0, -1.0), width)
    left = Wall((x, y), (-1.0, 0.0), depth)
    right = Wall((-x, -y), (1.0, 0.0), depth)
    pitched = kind in ("hip", "gable", "tenement")
    height = floors * STOREY + (0.35 if pitched else 0.6)
    ground = "shop" if kind in ("shops", "tenement") else "door"
    if detail == 0:
        for side, count in ((front, bays), (left, sides), (right, sides), (back, bays)):
            _painted(faces, side, name, count, floors, height, ground if side is front else "windows", random)
    else:
        wall(faces, front, name, bays, floors, height, ground, detail, random)
        for side in (left, right):
            wall(faces, side, name, sides, floors, height, "windows", 1, random)
        wall(faces, back, name, bays, floors, height, "windows", 0, random)
        if kind in ("block", "shops") and detail == 2 and random.random() < 0.6:
            balconies(faces, front, bays, floors, random)
    if pitched:
        _pitched(faces, kind, name, x, y, height, detail, random)
    else:
        _flat(faces, (front, left, right), name, x, y, height, detail, random)
    return faces.parts()


def _painted(
    faces: Faces, side: Wall, name: str, bays: int, floors: int, height: float, ground: str, random: np.random.Generator
) -> None:
    """A wall with its windows in the texture and a few lit ones before it."""
    first = 1 if ground == "shop" else 0
    shift = int(random.integers(4))
    u = np.array([shift, shift + bays, shift + bays, shift]) / 4.0
    v = (4.0 - np.array([first, first, floors, floors])) / 4.0
    top = floors * STOREY
    facade = "facade_brick" if name == "brick" else "facade"
    quad = side.rectangles(0.0, side.length, first * STOREY, top, 0.0)
    faces.quads(quad, facade, part=WALL, uv=np.stack([u, v], -1)[None])
    faces.quads(side.rectangles(0.0, side.length, top, height, 0.0), name, part=WALL)
    if first:
        quad = side.rectangles(0.0, side.length, 0.0, STOREY, 0.0)
        uv = np.array([[0, 1], [bays / 3, 1], [bays / 3, 0], [0, 0]])[None]
        faces.quads(quad, "facade_shops", uv=uv)
        window_rows = side.rectangles(side.length * 0.08, side.length * 0.92, 0.6, 2.5, 0.03)
        faces.quads(window_rows, "shop_lit", (1.0, 0.9, 0.72), uv=uv)
    for _ in range(max(1, bays * floors // 5)):
        left = (int(random.integers(bays)) + 0.3) * side.length / bays
        z = int(random.integers(first, floors)) * STOREY + 0.8
        faces.pictures(side.rectangles(left, left + 1.25, z, z + 1.55, 0.03), "window_lit", (1.0, 0.7, 0.4))


def _pitched(
    faces: Faces, kind: str, name: str, x: float, y: float, height: float, detail: int, random: np.random.Generator
) -> None:
    """A roof whose ridge runs along the front, with eaves, gutters and a chimney."""
    over = 0.45
    rise = min(4.2, x * (0.95 if kind == "tenement" else 0.72))
    slope = rise / x
    low, high = height - over * slope, height + rise
    inset = min(y * 0.75, x * 0.9) if kind == "hip" else 0.0
    edge = 0.0 if kind == "tenement" else (over if kind == "hip" else 0.35)
    ex, ey, ridge = x + over, y + edge, y + (0.0 if kind == "hip" else edge) - inset
    length = math.hypot(ex, high - low)
    for sign in (1, -1):
        corners = [
            (sign * ex, -sign * ey, low),
            (sign * ex, sign * ey, low),
            (0, sign * ridge, high),
            (0, -sign * ridge, high),
        ]
        uv = np.array([[-ey, length], [ey, length], [ridge, 0], [-ridge, 0]])[None] / 4.0
        faces.quads([corners], "tiles", part=ROOF, uv=uv)
        if kind == "hip":
            run = math.hypot(ey - ridge, high - low)
            corners = [
                (sign * ex, sign * ey, low),
                (-sign * ex, sign * ey, low),
                (0, sign * ridge, high),
                (0, sign * ridge, high),
            ]
            uv = np.array([[-ex, run], [ex, run], [0, 0], [0, 0]])[None] / 4.0
            faces.quads([corners], "tiles", part=ROOF, uv=uv)
        else:
            gable = np.array([(sign * x, sign * y, height), (-sign * x, sign * y, height), (0, sign * y, high)])[None]
            normal = np.broadcast_to(np.array([0.0, sign, 0.0]), (1, 3, 3))
            size = np.array([8.0, 8.0]) if name != "brick" else np.array([4.0, 4.0])
            faces.triangles(gable, normal, gable[..., [0, 2]] * [1, -1] / size, name, part=WALL)
            if detail:
                under = [
                    (sign * ex, -sign * ey, low - 0.12),
                    (sign * ex, sign * ey, low - 0.12),
                    (sign * ex, sign * ey, low),
                ]
                faces.quads([[*under, (sign * ex, -sign * ey, low)]], "frame", (0.3, 0.29, 0.27))
    faces.quads([[(-ex, -ey, low), (-ex, ey, low), (ex, ey, low), (ex, -ey, low)]], "frame", (0.45, 0.43, 0.4))
    if detail:
        for sign in (1, -1):
            a, b = sorted((sign * ex, sign * (ex + 0.12)))
            faces.box((a, -ey, low - 0.1), (b, ey, low + 0.03), "metal", (0.12, 0.125, 0.13), skip="")
        faces.box((x, y - 0.24, 0), (x + 0.09, y - 0.14, low), "metal", (0.12, 0.125, 0.13), skip="dt")
        at = float(random.uniform(-0.4, 0.4)) * y
        faces.box((-0.9, at - 0.35, height + rise * 0.4), (-0.3, at + 0.35, high + 0.8), "brick", (0.36, 0.17, 0.11))
    if kind == "tenement" and detail:
        for at in np.linspace(-y, y, max(2, int(y / 2.2)) + 2)[1:-1]:
            _dormer(faces, x, float(at), height, slope)


def _dormer(faces: Faces, x: float, y: float, height: float, slope: float) -> None:
    """A window that stands in a roof's slope towards the front."""
    front, top = x - 0.5, height + 0.5 * slope + 1.5
    base, back = height + 0.5 * slope - 0.1, x - (top - height) / slope
    faces.box((back, y - 0.75, base), (front, y + 0.75, top), "plaster", skip="dbt", part=TRIM)
    faces.pictures(
        [
            [
                (front + 0.02, y - 0.5, base + 0.2),
                (front + 0.02, y + 0.5, base + 0.2),
                (front + 0.02, y + 0.5, top - 0.15),
                (front + 0.02, y - 0.5, top - 0.15),
            ]
        ],
        "window",
    )
    faces.box((back, y - 0.85, top), (front + 0.15, y + 0.85, top + 0.12), "tiles", part=ROOF)


def _flat(
    faces: Faces,
    sides: tuple[Wall, ...],
    name: str,
    x: float,
    y: float,
    height: float,
    detail: int,
    random: np.random.Generator,
) -> None:
    """A flat roof behind a parapet with a cornice; plant and a stair head stand on it."""
    faces.quads([[(-x, -y, height), (x, -y, height), (x, y, height), (-x, y, height)]], "flat_roof", (0.42, 0.42, 0.43))
    faces.box((x - 0.3, -y, height), (x, y, height + 0.6), name, part=WALL)
    if detail == 0:
        return
    faces.box((-x, -y, height), (-x + 0.3, y, height + 0.6), name, part=WALL)
    for a, b in ((-y, -y + 0.3), (y - 0.3, y)):
        faces.box((-x, a, height), (x, b, height + 0.6), name, part=WALL)
    for side in sides:
        cornice(faces, side, height - 0.1, 0.2, 0.24)
    if random.random() < 0.6:
        cornice(faces, sides[0], STOREY - 0.0, 0.1, 0.18)
    faces.box(
        (-x * 0.6, -y * 0.3, height), (-x * 0.6 + 2.6, -y * 0.3 + 2.2, height + 2.3), "concrete", (0.7, 0.69, 0.66)
    )
    faces.box((0.0, y * 0.3, height), (1.6, y * 0.3 + 1.2, height + 1.2), "metal", (0.35, 0.36, 0.37))
