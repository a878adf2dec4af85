"""Meshes of roadside objects by kind, placed and sized by their PROP records."""

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
CROWN = 5.0  # m: how wide the crown of a tree of 9 m is before it is sized
_CARD = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
SPECIES = ("leaf_lime", "leaf_maple", "leaf_birch")
_METAL: Colour = (0.16, 0.17, 0.17)


def prop_mesh(prop: np.void, detail: int) -> Mesh:
    """The mesh of one PROP in world coordinates; empty for signal posts, which change. detail: 2 near, 1, 0 far."""
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
        wide, high = width / CROWN, height / 9.0
        return placed(tree(look % 12, detail), x, y, z, heading, (wide, wide, high))
    if kind in (Kind.HEDGE, Kind.FENCE, Kind.WALL):
        if detail == 0 and kind is not Kind.HEDGE:
            detail = 1
        return placed(
            _border(kind, round(length, 1), round(max(width, 0.1), 2), round(height, 1), look % 4), x, y, z, heading
        )
    if kind in _SMALL and detail > 0:
        return placed(_SMALL[kind](), x, y, z, heading)
    if kind is Kind.LAMP:
        return placed(lamp(detail), x, y, z, heading)
    return empty()


@lru_cache(maxsize=64)
def tree(look: int, detail: int) -> Mesh:
    """A tree of 9 m whose crown is CROWN m wide: trunk, boughs, and clumps of leaf cards round the crown's middle."""
    random, faces = np.random.default_rng(900 + look), Faces()
    name = SPECIES[look % len(SPECIES)]
    trunk = random.uniform(2.1, 2.7)
    wide, high = {"leaf_birch": (0.78, 1.08), "leaf_maple": (1.05, 0.95)}.get(name, (1.0, 1.0))
    radii = np.array([wide * CROWN / 2, wide * CROWN / 2, high * (9.0 - trunk) / 2])
    middle = np.array([random.uniform(-0.2, 0.2), random.uniform(-0.2, 0.2), trunk + 0.95 * radii[2]])
    clumps, share, cards = {2: (15, 0.62, 3), 1: (6, 0.5, 3), 0: (0, 0.0, 2)}[detail]
    centres = middle + _spread(clumps, random) * radii * share * random.uniform(0.85, 1.1, (clumps, 1))
    if detail:
        girth = 0.13 if name == "leaf_birch" else 0.18
        tip = (middle[0] * 0.6, middle[1] * 0.6, float(middle[2]))
        faces.tube(
            [(0, 0, -0.1), (0, 0, 0.35), tip], [girth * 1.25, girth, 0.05], "bark", sides=6 if detail == 2 else 4
        )
        for k in range(0, clumps if detail == 2 else 0, 4):
            fork = (tip[0] * 0.7, tip[1] * 0.7, trunk * random.uniform(0.8, 1.1))
            faces.tube([fork, tuple(centres[k])], [0.07, 0.025], "bark", sides=3)
    inner = {2: 1.1, 1: 1.45, 0: 1.9}[detail]
    _clump(faces, middle, radii * inner, middle, radii, name, 0.62 if detail else 0.8, random, cards)
    size = {2: 0.92, 1: 1.15, 0: 0.0}[detail] * radii
    for centre in centres:
        level = (centre[2] - middle[2]) / radii[2]
        _clump(faces, centre, size * random.uniform(0.85, 1.1), middle, radii, name, 0.86 + 0.25 * level, random, cards)
    return faces.mesh()


def _spread(count: int, random: np.random.Generator) -> np.ndarray:
    """Directions spread evenly over a sphere, turned at random, [N, 3]."""
    z = 1 - (np.arange(count) + 0.5) * 2 / max(count, 1)
    turn = np.arange(count) * math.pi * (3 - math.sqrt(5)) + random.uniform(0, 2 * math.pi)
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def _clump(
    faces: Faces,
    centre: np.ndarray,
    size: np.ndarray,
    middle: np.ndarray,
    radii: np.ndarray,
    name: str,
    tone: float,
    random: np.random.Generator,
    cards: int,
) -> None:
    """Crossed cards whose normals point away from the crown's middle, so that light goes round the crown.

    size: of a card along x, y, z; middle, radii: of the crown.
    """
    turn = random.uniform(0, math.pi)
    quads = []
    for k in range(cards):
        angle, tilt = turn + math.pi * k / cards, random.uniform(0.15, 0.75) * (-1) ** k
        side = np.array([math.cos(angle), math.sin(angle), 0.0])
        up = np.array([-math.sin(angle) * math.sin(tilt), math.cos(angle) * math.sin(tilt), math.cos(tilt)])
        quads.append([centre + size * (a * side + b * up) for a, b in _CARD])
    corners = np.array(quads)
    out = (corners - middle) / radii + [0.0, 0.0, 0.35]
    out /= np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
    uv = np.broadcast_to(np.array([[0, 1], [1, 1], [1, 0], [0, 0]], float), (cards, 4, 2))
    faces.quads(corners, name, (tone, tone, tone), uv=uv, normal=out)


@lru_cache(maxsize=3)
def lamp(detail: int) -> Mesh:
    """A street lamp; its arm points along its heading."""
    faces = Faces()
    if detail:
        rise = [(0, 0, 0), (0, 0, 1.0), (0, 0, LAMP_HEIGHT - 0.7), (0.18, 0, LAMP_HEIGHT - 0.2)]
        line = [*rise, (0.6, 0, LAMP_HEIGHT), (LAMP_ARM - 0.2, 0, LAMP_HEIGHT)]
        faces.tube(line, [0.1, 0.075, 0.055, 0.05, 0.04, 0.035], "metal", _METAL, sides=6 if detail == 2 else 3)
    else:
        faces.box((-0.06, -0.06, 0), (0.06, 0.06, LAMP_HEIGHT), "metal", _METAL, skip="td")
        faces.box((0.0, -0.04, LAMP_HEIGHT - 0.08), (LAMP_ARM - 0.3, 0.04, LAMP_HEIGHT), "metal", _METAL, skip="fbd")
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
            _upright(faces, half, y, height - 0.14, height + 0.16, "hedge_edge", (tone, tone, tone), 2.0)
    elif kind is Kind.FENCE and look % 2:
        _upright(faces, half, 0.0, 0.0, height, "railing", (0.06, 0.06, 0.065), 1.0)
    elif kind is Kind.FENCE:
        tone = 0.34 + 0.06 * look
        _upright(faces, half, 0.0, 0.05, height, "wood_fence", (tone, tone * 0.74, tone * 0.52), 2.0)
    else:
        faces.box((-half, -deep, 0), (half, deep, height), "brick" if look % 2 else "plaster_rough", (0.6, 0.5, 0.42))
        faces.box(
            (-half, -deep - 0.04, height), (half, deep + 0.04, height + 0.07), "stone", (0.7, 0.68, 0.64), skip=""
        )
    return faces.parts().mesh


def _upright(
    faces: Faces, half: float, y: float, low: float, high: float, name: str, tint: Colour, repeat: float
) -> None:
    """A sheet along x whose texture reaches once from its lower to its upper edge; repeat: m along it."""
    times = 2 * half / repeat
    quad = [(-half, y, low), (half, y, low), (half, y, high), (-half, y, high)]
    faces.quads([quad], name, tint, uv=np.array([[[0, 1], [times, 1], [times, 0], [0, 0]]]))


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
