"""Models for events: emergency vehicles, cyclists, animals, children, workers, debris, road works.

x forward, y left; the origin of vehicles and props is the centre of their front, of people and animals their centre.
"""

from __future__ import annotations

import math

from world.town import models
from world.town.mesh import Colour, MeshBuilder, TownSurface
from world.town.models import KINDS, TYRE

WHITE: Colour = (238, 238, 234)
RED: Colour = (204, 34, 30)
BLUE: Colour = (36, 74, 190)
ORANGE: Colour = (255, 112, 16)
SKIN: Colour = (206, 164, 136)
BLUE_LIGHT: Colour = (70, 110, 255)
RED_LIGHT: Colour = (255, 40, 36)
AMBER: Colour = (255, 168, 24)
DARK_LENS: Colour = (60, 56, 66)
FLASHING = ("ambulance", "fire_engine", "police")
ANIMALS = ("dog", "deer")
_OCTAGON = tuple((k + 0.5) * math.tau / 8 for k in range(8))


def body(look: str, kind: str, paint: Colour, surface: int) -> MeshBuilder:
    """A vehicle of a special look, without its lights."""
    if look == "ambulance":
        return _ambulance(surface)
    if look == "fire_engine":
        return _fire_engine(surface)
    if look == "police":
        return _police(surface)
    return models.vehicle(kind, paint, surface)


def _ambulance(surface: int) -> MeshBuilder:
    mesh, k = models.vehicle("van", WHITE, surface), KINDS["van"]
    le, w, h = k.length, k.width / 2, k.height
    mesh.box((-le - 0.02, -w - 0.03, 0.95), (-1.9, w + 0.03, 1.35), RED, surface)
    mesh.box((-0.4, -w - 0.02, 0.75), (0.04, w + 0.02, 1.0), RED, surface)
    x = -le - 0.05
    for y0, y1, z0, z1 in ((-0.14, 0.14, 1.45, 2.15), (-0.35, 0.35, 1.68, 1.92)):  # a red cross
        mesh.polygon([(x, y1, z0), (x, y0, z0), (x, y0, z1), (x, y1, z1)], RED, surface, shade=False)
    mesh.box((-2.4, -w + 0.1, h), (-1.8, w - 0.1, h + 0.12), WHITE, surface)
    return mesh


def _fire_engine(surface: int) -> MeshBuilder:
    mesh, k = MeshBuilder(), KINDS["lorry"]
    le, w, h = k.length, k.width / 2, k.height
    for x in (-1.0, -le + 1.2):
        for y in (-w + 0.12, w - 0.12):
            mesh.box((x - 0.5, y - 0.13, 0), (x + 0.5, y + 0.13, 1.0), TYRE, surface)
    mesh.box((-le, -w, 0.45), (0, w, 1.3), RED, surface)
    mesh.box((-le - 0.02, -w - 0.02, 1.05), (0.02, w + 0.02, 1.35), WHITE, surface)
    mesh.box((-2.3, -w, 1.35), (0, w, 2.6), models.GLASS, surface, inset=(0.25, 0, 0.05, 0.05), top=RED)
    mesh.box((-le, -w, 1.35), (-2.4, w, h - 0.4), RED, surface)
    mesh.box((-le - 0.04, -w + 0.3, 1.6), (-le, w - 0.3, h - 0.7), (150, 152, 156), surface)  # the shutter at its rear
    mesh.box((-le + 0.2, -0.5, h - 0.4), (-1.2, 0.5, h - 0.15), (176, 178, 180), surface)  # the ladder
    return mesh


def _police(surface: int) -> MeshBuilder:
    mesh, k = models.vehicle("car", WHITE, surface), KINDS["car"]
    le, w = k.length, k.width / 2
    mesh.box((-le - 0.02, -w - 0.03, 0.5), (0.02, w + 0.03, 0.74), BLUE, surface)
    mesh.box((-1.2, -w + 0.1, 0.8), (-0.15, w - 0.1, 0.88), BLUE, surface)
    return mesh


def beacons(look: str, kind: str, phase: int) -> MeshBuilder:
    """Flashing lights on roof, nose and tail; `phase` 0 or 1 selects the half that is lit."""
    mesh, k = MeshBuilder(), KINDS[kind]
    w = k.width / 2 - 0.1
    top = {"ambulance": k.height + 0.12, "fire_engine": 2.6, "police": k.height}[look]
    places = {
        "ambulance": ((-2.4, -1.8), (-k.length + 0.1, -k.length + 0.5)),
        "fire_engine": ((-1.6, -0.9), (-k.length + 0.1, -k.length + 0.6)),
        "police": ((-2.5, -2.0),),
    }[look]
    for number, (x0, x1) in enumerate(places):
        z = top if number == 0 else k.height - (0.4 if look == "fire_engine" else 0.0)
        for side in (-1, 1):
            lit = (side > 0) == (phase == 0)
            colour = (RED_LIGHT if side > 0 and look != "fire_engine" else BLUE_LIGHT) if lit else DARK_LENS
            y0, y1 = sorted((0.08 * side, w * side))
            mesh.box(
                (x0, y0, z), (x1, y1, z + 0.34), colour, TownSurface.LIGHT if lit else TownSurface.WALL, bottom=True
            )
    for side in (-1, 1):
        if (side > 0) == (phase == 0):
            continue
        y0, y1 = side * (w - 0.5), side * w
        y0, y1 = min(y0, y1), max(y0, y1)
        z0, z1 = 0.75, 0.98
        front = [(0.06, y0, z0), (0.06, y1, z0), (0.06, y1, z1), (0.06, y0, z1)]
        x = -k.length - 0.08
        rear = [(x, y1, z0 + 0.3), (x, y0, z0 + 0.3), (x, y0, z1 + 0.3), (x, y1, z1 + 0.3)]
        for quad in (front, rear):
            mesh.polygon(quad, BLUE_LIGHT, TownSurface.LIGHT, shade=False)
    return mesh


def hazards(kind: str, on: bool) -> MeshBuilder:
    """The four indicators; empty where they are off."""
    mesh, k = MeshBuilder(), KINDS[kind]
    if not on:
        return mesh
    w, z = k.width / 2, 0.95 if kind in ("car", "van") else 1.2
    for side in (-1, 1):
        y0, y1 = sorted((side * (w + 0.05), side * (w - 0.32)))
        for x in (-k.length - 0.06, -0.1):
            mesh.box((x, y0, z), (x + 0.16, y1, z + 0.3), AMBER, TownSurface.LIGHT, bottom=True)
    return mesh


def headlights(kind: str) -> MeshBuilder:
    """Main beams, visible by day too."""
    mesh, k = MeshBuilder(), KINDS[kind]
    z = 0.62 if kind in ("car", "van") else 0.8
    for side in (-1, 1):
        y = side * (k.width / 2 - 0.34)
        quad = [(0.05, y - 0.26, z - 0.14), (0.05, y + 0.26, z - 0.14), (0.05, y + 0.26, z + 0.14), (0.05, y - 0.26, z + 0.14)]  # fmt: skip
        mesh.polygon(quad, (255, 252, 230), TownSurface.LIGHT, shade=False)
    return mesh


def child(coat: Colour, legs: Colour, surface: int, pose: int) -> MeshBuilder:
    """A smaller person with a larger stride and a cap."""
    mesh = models.person(coat, legs, surface, pose, scale=0.74)
    mesh.box((-0.17, -0.17, 1.26), (0.17, 0.17, 1.38), coat, surface)  # a cap
    return mesh


def worker(surface: int, pose: int) -> MeshBuilder:
    """A person with high-visibility vest and helmet; the arm with the shovel moves."""
    mesh = models.person(ORANGE, (44, 52, 84), surface, 0)
    mesh.box((-0.17, -0.29, 1.05), (0.17, 0.29, 1.17), (214, 240, 60), surface)
    mesh.box((-0.17, -0.17, 1.74), (0.17, 0.17, 1.9), (250, 214, 40), surface)
    z = 0.1 if pose == 0 else 0.45
    mesh.box((0.25, 0.2, z), (0.33, 0.28, z + 1.2), (120, 92, 60), surface)
    return mesh


def cyclist(coat: Colour, surface: int, pose: int) -> MeshBuilder:
    """A bicycle with a rider; origin at the front wheel's front."""
    mesh, k = MeshBuilder(), KINDS["bicycle"]
    frame: Colour = (30, 150, 190)
    for x in (-0.36, -k.length + 0.36):
        _wheel(mesh, x, 0.36, 0.05, surface)
    mesh.box((-1.4, -0.05, 0.55), (-0.45, 0.05, 0.68), frame, surface)
    mesh.box((-1.32, -0.05, 0.6), (-1.22, 0.05, 0.95), frame, surface)
    mesh.box((-0.56, -0.3, 0.98), (-0.46, 0.3, 1.06), (50, 50, 54), surface)  # the handlebar
    for side in (-1, 1):
        low = 0.22 if (side > 0) == (pose == 0) else 0.45
        mesh.box((-1.2, side * 0.14 - 0.09, low), (-0.95, side * 0.14 + 0.09, 0.98), (46, 48, 60), surface)
        mesh.box((-0.95, side * 0.26 - 0.06, 1.1), (-0.5, side * 0.26 + 0.06, 1.25), coat, surface)
    mesh.box((-1.35, -0.26, 0.92), (-0.95, 0.26, 1.5), coat, surface, inset=(-0.12, 0.1, 0, 0))
    mesh.box((-1.08, -0.13, 1.5), (-0.82, 0.13, 1.76), SKIN, surface)
    mesh.box((-1.14, -0.16, 1.7), (-0.78, 0.16, 1.86), (250, 250, 245), surface)  # the helmet
    mesh.polygon(
        [(-k.length - 0.02, 0.08, 0.7), (-k.length - 0.02, -0.08, 0.7), (-k.length - 0.02, -0.08, 0.86), (-k.length - 0.02, 0.08, 0.86)],
        RED_LIGHT,
        TownSurface.LIGHT,
        shade=False,
    )  # fmt: skip
    return mesh


def animal(look: str, surface: int, pose: int) -> MeshBuilder:
    """A dog or a deer at a run; `pose` 0 or 1: legs out, legs in."""
    mesh = MeshBuilder()
    out = 0.18 if pose == 0 else -0.12
    if look == "dog":
        coat: Colour = (72, 54, 44)
        for x, shift in ((0.42, out), (-0.42, -out)):
            for y in (-0.12, 0.12):
                mesh.box((x + shift - 0.07, y - 0.06, 0), (x + shift + 0.07, y + 0.06, 0.42), coat, surface)
        mesh.box((-0.6, -0.19, 0.38), (0.55, 0.19, 0.76), coat, surface)
        mesh.box((0.5, -0.15, 0.62), (0.95, 0.15, 0.98), (96, 74, 58), surface)
        mesh.box((-0.95, -0.05, 0.66), (-0.58, 0.05, 0.8), coat, surface)
        return mesh
    coat, pale = (158, 98, 48), (214, 184, 142)
    for x, shift in ((0.55, 1.4 * out), (-0.55, -1.4 * out)):
        for y in (-0.16, 0.16):
            mesh.box((x + shift - 0.07, y - 0.06, 0), (x + shift + 0.07, y + 0.06, 0.8), (122, 76, 40), surface)
    mesh.box((-0.85, -0.27, 0.72), (0.75, 0.27, 1.28), coat, surface)
    mesh.box((-0.92, -0.2, 0.9), (-0.83, 0.2, 1.26), pale, surface)
    mesh.box((0.6, -0.13, 1.1), (0.95, 0.13, 1.75), coat, surface, inset=(-0.1, 0.15, 0, 0))
    mesh.box((0.72, -0.13, 1.62), (1.25, 0.13, 1.9), coat, surface)
    for side in (-1, 1):
        mesh.box((0.74, side * 0.18 - 0.05, 1.88), (0.84, side * 0.18 + 0.05, 2.35), pale, surface)
        mesh.box((0.6, side * 0.32 - 0.05, 2.1), (1.0, side * 0.32 + 0.05, 2.2), pale, surface)
    return mesh


def prop(kind: str, surface: int) -> MeshBuilder:
    """An object on the road, of a kind of `models.KINDS`."""
    return {
        "cone": _cone,
        "board": _board,
        "sign": _sign,
        "crate": _crate,
        "tyre": _tyre,
        "branch": _branch,
    }[kind](surface)


def _cone(surface: int) -> MeshBuilder:
    mesh = MeshBuilder()
    mesh.box((-0.5, -0.25, 0), (0, 0.25, 0.08), (60, 56, 54), surface)
    mesh.box((-0.45, -0.2, 0.08), (-0.05, 0.2, 0.45), ORANGE, surface, inset=(0.05, 0.05, 0.05, 0.05))
    mesh.box((-0.4, -0.15, 0.45), (-0.1, 0.15, 0.7), WHITE, surface, inset=(0.04, 0.04, 0.04, 0.04))
    mesh.box((-0.36, -0.11, 0.7), (-0.14, 0.11, 1.0), ORANGE, surface, inset=(0.07, 0.07, 0.07, 0.07))
    return mesh


def _board(surface: int) -> MeshBuilder:
    mesh = MeshBuilder()
    for y in (-1.0, 1.0):
        mesh.box((-0.4, y - 0.08, 0), (0, y + 0.08, 1.4), (90, 90, 92), surface)
    for z in (0.35, 0.9):
        for k in range(6):
            y = -1.2 + 0.4 * k
            mesh.box((-0.28, y, z), (-0.12, y + 0.4, z + 0.42), ORANGE if k % 2 else WHITE, surface, bottom=True)
    for y in (-1.0, 1.0):
        mesh.box((-0.3, y - 0.12, 1.4), (-0.1, y + 0.12, 1.62), AMBER, TownSurface.LIGHT)
    return mesh


def _sign(surface: int) -> MeshBuilder:
    mesh = MeshBuilder()
    mesh.box((-0.2, -0.05, 0), (-0.1, 0.05, 1.0), (90, 90, 92), surface)
    for x, size, colour in ((-0.24, 0.72, (40, 36, 34)), (-0.27, 0.62, ORANGE)):
        corners = [(x, size, 1.5), (x, 0, 1.5 - size), (x, -size, 1.5), (x, 0, 1.5 + size)]
        mesh.polygon(corners, colour, surface, shade=False)
        mesh.polygon([(x + 0.2, y, z) for _, y, z in corners[::-1]], (90, 90, 92), surface, shade=False)
    mesh.box((-0.3, -0.12, 1.25), (-0.28, 0.12, 1.7), (40, 36, 34), surface)
    return mesh


def _crate(surface: int) -> MeshBuilder:
    mesh, cardboard, tape = MeshBuilder(), (196, 148, 88), (228, 204, 150)
    mesh.box((-1.1, -0.55, 0), (0, 0.55, 0.9), cardboard, surface, top=(220, 178, 116))
    mesh.box((-1.11, -0.09, 0), (0.01, 0.09, 0.91), tape, surface)
    return mesh


def _tyre(surface: int) -> MeshBuilder:
    """A lying tyre with another standing on it."""
    mesh = MeshBuilder()
    ring = [(-0.45 + 0.45 * math.cos(a), 0.45 * math.sin(a)) for a in _OCTAGON]
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        mesh.polygon([(ax, ay, 0), (bx, by, 0), (bx, by, 0.3), (ax, ay, 0.3)], (34, 34, 38), surface)
    mesh.polygon([(x, y, 0.3) for x, y in ring], (54, 54, 58), surface)
    wheel = MeshBuilder()
    _wheel(wheel, 0.0, 0.42, 0.13, surface)
    mesh.add(wheel, -0.45, 0.0, math.pi / 2, 0.3)
    return mesh


def _wheel(mesh: MeshBuilder, x: float, radius: float, half: float, surface: int) -> None:
    """An upright wheel that rolls along x, its hub pale."""
    rim = [(x + radius * math.cos(a), radius + radius * math.sin(a)) for a in _OCTAGON]
    hub = [(x + 0.5 * radius * math.cos(a), radius + 0.5 * radius * math.sin(a)) for a in _OCTAGON]
    for (ax, az), (bx, bz) in zip(rim, rim[1:] + rim[:1], strict=True):
        mesh.polygon([(ax, half, az), (bx, half, bz), (bx, -half, bz), (ax, -half, az)], TYRE, surface)
    for side in (-1, 1):
        turn = -side
        mesh.polygon([(px, side * half, pz) for px, pz in rim[::turn]], TYRE, surface, shade=False)
        mesh.polygon([(px, side * (half + 0.01), pz) for px, pz in hub[::turn]], (150, 152, 156), surface, shade=False)


def _branch(surface: int) -> MeshBuilder:
    mesh = MeshBuilder()
    bark: Colour = (92, 66, 44)
    mesh.box((-0.5, -1.3, 0.05), (-0.28, 1.3, 0.28), bark, surface, bottom=True)
    for y, x, size in ((-0.9, -0.75, 0.5), (-0.3, -0.35, 0.62), (0.4, -0.8, 0.56), (1.0, -0.4, 0.46)):
        leaf: Colour = (70, 120, 48) if size > 0.5 else (92, 142, 58)
        mesh.box(
            (x - size / 2, y - size / 2, 0.12),
            (x + size / 2, y + size / 2, 0.2 + size),
            leaf,
            surface,
            inset=(0.14,) * 4,
        )
    mesh.box((-0.36, -0.1, 0.2), (-0.26, 0.0, 0.85), bark, surface)
    return mesh
