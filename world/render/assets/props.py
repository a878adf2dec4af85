"""What stands beside the streets, by kind: placed and sized as its PROP record says."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from world.render.assets.agents import parked_mesh
from world.render.assets.faces import Colour, Faces
from world.render.assets.houses import VARIANTS, house, style, tints
from world.render.assets.signs import sign_mesh
from world.render.mesh import Mesh, empty, placed
from world.scene.objects import Kind

LAMP_HEIGHT, LAMP_ARM = 6.2, 1.6  # m: where a street lamp's light hangs over its foot
SPECIES = ("leaf_lime", "leaf_maple", "leaf_birch")
_METAL: Colour = (0.16, 0.17, 0.17)


def prop_mesh(prop: np.void, detail: int) -> Mesh:
    """The triangles of one PROP in world coordinates; signal posts, which change, are not among them. detail: 2 near, 1, 0 far."""
    kind = Kind(int(prop["kind"]))
    x, y, z, heading = (float(prop[name]) for name in ("x", "y", "z", "heading"))
    length, width, height = (float(prop[name]) for name in ("length", "width", "height"))
    look = int(prop["look"])
    if kind is Kind.HOUSE:
        floors = max(1, int(prop["floors"]))
        bays, sides = max(1, round(width / 3.6)), max(1, round(length / 4.0))
        parts = house(look % VARIANTS, style(look, floors), bays, sides, floors, detail)
        size = (length / (4.0 * sides), width / (3.6 * bays), 1.0)
        return placed(parts.tinted(tints(look)), x, y, z, heading, size)
    if kind is Kind.CAR or kind is Kind.VAN:
        return parked_mesh(prop, detail)
    if kind is Kind.SIGN:
        return placed(sign_mesh(look, detail), x, y, z, heading)
    if kind is Kind.TREE:
        grown = height / 9.0
        return placed(tree(look % 12, detail), x, y, z, heading, (grown, grown, grown))
    if kind in (Kind.HEDGE, Kind.FENCE, Kind.WALL):
        if detail == 0 and kind is not Kind.HEDGE:
            detail = 1
        return placed(
            _border(kind, round(length, 1), round(max(width, 0.1), 2), round(height, 1), look % 4), x, y, z, heading
        )
    if kind in _SMALL and detail > 0:
        return placed(_SMALL[kind](), x, y, z, heading)
    if kind is Kind.LAMP:
        return placed(lamp(), x, y, z, heading)
    return empty()


@lru_cache(maxsize=64)
def tree(look: int, detail: int) -> Mesh:
    """A tree of 9 m: a trunk, and a crown of clumps, each of a few crossed cards of leaves."""
    random, faces = np.random.default_rng(900 + look), Faces()
    name = SPECIES[look % len(SPECIES)]
    trunk = random.uniform(2.2, 3.0)
    slim = 0.75 if name == "leaf_birch" else 1.0
    if detail:
        _trunk(faces, trunk + 2.0, 0.17 if detail == 2 else 0.19, 7 if detail == 2 else 4)
    clumps = {2: 13, 1: 7, 0: 2}[detail]
    for k in range(clumps):
        level = (k + 0.5) / clumps
        high = trunk + 0.6 + level * (8.6 - trunk)
        wide = 2.3 * slim * math.sqrt(max(0.08, math.sin(math.pi * (0.12 + 0.80 * level))))
        turn = 2.4 * k + random.uniform(0, 1)
        x, y = (0.55 * wide * f(turn) for f in (math.cos, math.sin))
        size = {2: 1.75, 1: 2.3, 0: 3.9}[detail] * random.uniform(0.85, 1.15) * (slim if detail else 1.0)
        tone = 0.62 + 0.5 * level + random.uniform(-0.06, 0.06)
        _clump(faces, (x, y, high), size, name, (tone, tone, tone), random, 3 if detail else 2)
    return faces.parts().mesh


def _trunk(faces: Faces, height: float, radius: float, sides: int) -> None:
    for k in range(sides):
        a, b = (2 * math.pi * j / sides for j in (k, k + 1))
        low = [(radius * math.cos(t), radius * math.sin(t), -0.1) for t in (a, b)]
        high = [(0.5 * radius * math.cos(t), 0.5 * radius * math.sin(t), height) for t in (b, a)]
        faces.quads([[*low, *high]], "bark")


def _clump(
    faces: Faces,
    middle: tuple[float, float, float],
    size: float,
    name: str,
    tint: Colour,
    random: np.random.Generator,
    cards: int,
) -> None:
    """Crossed cards whose normals point away from the clump's middle and upwards, so that light goes round it."""
    turn, centre = random.uniform(0, math.pi), np.array(middle)
    for k in range(cards):
        angle = turn + math.pi * k / cards
        tilt = random.uniform(-0.5, 0.5)
        side = np.array([math.cos(angle), math.sin(angle), 0.0])
        up = np.array([-math.sin(angle) * math.sin(tilt), math.cos(angle) * math.sin(tilt), math.cos(tilt)])
        quad = np.array(
            [centre + size * (a * side + b * up) for a, b in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))]
        )
        out = quad - (centre - [0.0, 0.0, 0.5 * size]) + np.array([middle[0], middle[1], 0.0]) * 0.8
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float)
        faces.quads(quad[None], name, tint, uv=uv[None], normal=out[None])


@lru_cache(maxsize=1)
def lamp() -> Mesh:
    """A street lamp; its arm points along its heading."""
    faces = Faces()
    faces.box((-0.07, -0.07, 0), (0.07, 0.07, LAMP_HEIGHT), "metal", _METAL)
    faces.box((-0.05, -0.04, LAMP_HEIGHT - 0.1), (LAMP_ARM - 0.2, 0.04, LAMP_HEIGHT), "metal", _METAL, skip="")
    faces.box((LAMP_ARM - 0.4, -0.12, LAMP_HEIGHT - 0.12), (LAMP_ARM + 0.3, 0.12, LAMP_HEIGHT + 0.04), "metal", _METAL)
    low = LAMP_HEIGHT - 0.125
    quad = [
        (LAMP_ARM - 0.3, 0.1, low),
        (LAMP_ARM + 0.25, 0.1, low),
        (LAMP_ARM + 0.25, -0.1, low),
        (LAMP_ARM - 0.3, -0.1, low),
    ]
    faces.quads([quad], "lamp_head", (1.0, 0.82, 0.58))
    return faces.parts().mesh


@lru_cache(maxsize=128)
def _border(kind: Kind, length: float, width: float, height: float, look: int) -> Mesh:
    """A piece of hedge, fence or wall, along its heading."""
    faces, half, deep = Faces(), length / 2, width / 2
    if kind is Kind.HEDGE:
        tone = 0.85 + 0.08 * look
        faces.box((-half, -deep, 0), (half, deep, height), "hedge", (tone, tone, tone))
        for y in (-deep, deep):
            faces.quads(
                [
                    [
                        (-half, y, height - 0.1),
                        (half, y, height - 0.1),
                        (half, y, height + 0.18),
                        (-half, y, height + 0.18),
                    ]
                ],
                "hedge_edge",
                (tone, tone, tone),
            )
    elif kind is Kind.FENCE and look % 2:
        faces.quads([[(-half, 0, 0), (half, 0, 0), (half, 0, height), (-half, 0, height)]], "railing", (0.2, 0.2, 0.21))
    elif kind is Kind.FENCE:
        faces.quads([[(-half, 0, 0), (half, 0, 0), (half, 0, height), (-half, 0, height)]], "wood_fence")
    else:
        faces.box((-half, -deep, 0), (half, deep, height), "brick" if look % 2 else "plaster_rough", (0.6, 0.5, 0.42))
        faces.box(
            (-half, -deep - 0.04, height), (half, deep + 0.04, height + 0.07), "stone", (0.7, 0.68, 0.64), skip=""
        )
    return faces.parts().mesh


@lru_cache(maxsize=1)
def _bench() -> Mesh:
    faces = Faces()
    for x in (-0.18, 0.02):
        faces.box((x, -0.8, 0.42), (x + 0.16, 0.8, 0.46), "wood", skip="")
    faces.box((-0.24, -0.8, 0.6), (-0.2, 0.8, 0.85), "wood", skip="")
    for y in (-0.6, 0.55):
        faces.box((-0.22, y, 0), (0.18, y + 0.06, 0.42), "metal", _METAL)
    return faces.parts().mesh


@lru_cache(maxsize=1)
def _bin() -> Mesh:
    faces = Faces()
    faces.box((-0.2, -0.2, 0.05), (0.2, 0.2, 0.9), "plastic", (0.05, 0.12, 0.06))
    faces.box((-0.22, -0.22, 0.9), (0.22, 0.22, 1.0), "plastic", (0.04, 0.08, 0.05))
    return faces.parts().mesh


@lru_cache(maxsize=1)
def _bollard() -> Mesh:
    faces = Faces()
    faces.box((-0.06, -0.06, 0), (0.06, 0.06, 0.95), "metal", (0.1, 0.1, 0.1))
    faces.box((-0.065, -0.065, 0.8), (0.065, 0.065, 0.88), "plastic", (0.8, 0.8, 0.78))
    return faces.parts().mesh


@lru_cache(maxsize=1)
def _shelter() -> Mesh:
    faces = Faces()
    faces.box((-0.75, -2.0, 2.4), (0.75, 2.0, 2.5), "metal", _METAL, skip="")
    for x, y in ((-0.7, -1.95), (-0.7, 1.9), (0.65, -1.95), (0.65, 1.9)):
        faces.box((x, y, 0), (x + 0.06, y + 0.06, 2.4), "metal", _METAL)
    faces.quads(
        [[(-0.68, -1.9, 0.2), (-0.68, 1.9, 0.2), (-0.68, 1.9, 2.2), (-0.68, -1.9, 2.2)]],
        "shelter_glass",
        (0.5, 0.55, 0.55),
    )
    faces.box((-0.62, -1.5, 0.45), (-0.3, 1.5, 0.5), "wood", skip="")
    return faces.parts().mesh


_SMALL = {Kind.BENCH: _bench, Kind.BIN: _bin, Kind.BOLLARD: _bollard, Kind.SHELTER: _shelter}
