"""Low-poly models of vehicles, people in two poses, and signal heads.

x forward, y left; a vehicle's origin is its front bumper.
"""

from __future__ import annotations

from dataclasses import dataclass

from world.town.mesh import Colour, MeshBuilder, TownSurface

GLASS: Colour = (58, 70, 84)
TYRE: Colour = (38, 38, 42)
PAINTS: tuple[Colour, ...] = (
    (190, 48, 44), (46, 90, 160), (226, 226, 222), (70, 74, 80), (168, 172, 176), (52, 112, 96), (220, 168, 60),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VehicleKind:
    """Sizes in m; share: of the traffic; vclass: SUMO's vehicle class."""

    name: str
    length: float
    width: float
    height: float
    share: float
    vclass: str


KINDS: dict[str, VehicleKind] = {
    "car": VehicleKind("car", 4.4, 1.85, 1.5, 0.72, "passenger"),
    "van": VehicleKind("van", 5.4, 2.0, 2.3, 0.14, "delivery"),
    "lorry": VehicleKind("lorry", 8.4, 2.4, 3.3, 0.07, "truck"),
    "bus": VehicleKind("bus", 11.0, 2.5, 3.1, 0.07, "bus"),
    # for events alone (world/town/props.py), never in the traffic
    "bicycle": VehicleKind("bicycle", 1.8, 0.6, 1.7, 0.0, "bicycle"),
    "cone": VehicleKind("cone", 0.5, 0.5, 1.0, 0.0, "ignoring"),
    "board": VehicleKind("board", 0.4, 2.4, 1.4, 0.0, "ignoring"),
    "sign": VehicleKind("sign", 0.3, 1.0, 2.0, 0.0, "ignoring"),
    "crate": VehicleKind("crate", 1.1, 1.1, 0.9, 0.0, "ignoring"),
    "tyre": VehicleKind("tyre", 0.9, 0.9, 0.8, 0.0, "ignoring"),
    "branch": VehicleKind("branch", 0.8, 2.6, 0.8, 0.0, "ignoring"),
}


def vehicle(kind: str, paint: Colour, surface: int) -> MeshBuilder:
    """A vehicle without its rear lights (see `rear_lights`)."""
    k, mesh = KINDS[kind], MeshBuilder()
    le, w, h = k.length, k.width / 2, k.height
    wheel = 0.34 if kind in ("car", "van") else 0.48
    for x in (-0.9, -le + 0.9):
        for side in (-1, 1):
            y = side * (w - 0.12)
            mesh.box((x - wheel, y - 0.13, 0), (x + wheel, y + 0.13, 2 * wheel), TYRE, surface)
    if kind == "car":
        mesh.box((-le, -w, 0.28), (0, w, 0.86), paint, surface, inset=(0.15, 0.05, 0.05, 0.05))
        mesh.box(
            (-le + 0.3, -w + 0.08, 0.86), (-1.15, w - 0.08, h), GLASS, surface, inset=(0.8, 0.5, 0.2, 0.2), top=paint
        )
    elif kind == "van":
        mesh.box((-le, -w, 0.3), (0, w, 1.15), paint, surface, inset=(0.1, 0, 0, 0))
        mesh.box((-le, -w, 1.15), (-1.9, w, h), paint, surface, inset=(0.0, 0, 0.08, 0.08))
        mesh.box((-1.9, -w, 1.15), (-0.15, w, h), GLASS, surface, inset=(1.0, 0, 0.08, 0.08), top=paint)
        _panel(mesh, -le, w - 0.25, 1.35, 2.0, GLASS, surface)
    elif kind == "lorry":
        mesh.box((-2.0, -w, 0.4), (0, w, 1.5), paint, surface)
        mesh.box((-2.0, -w, 1.5), (0, w, 2.6), GLASS, surface, inset=(0.25, 0, 0.05, 0.05), top=paint)
        mesh.box((-le, -w, 0.9), (-2.2, w, h), (214, 212, 206), surface)
        mesh.box((-le, -w + 0.2, 0.5), (-2.0, w - 0.2, 0.9), TYRE, surface)
    else:
        mesh.box((-le, -w, 0.35), (0, w, 1.3), paint, surface)
        mesh.box((-le, -w, 1.3), (0, w, 2.4), GLASS, surface)
        mesh.box((-le, -w, 2.4), (0, w, h), paint, surface)
    z = 0.62 if kind in ("car", "van") else 0.8
    for side in (-1, 1):
        y = side * (w - 0.32)
        quad = [
            (0.03, y - 0.2, z - 0.12),
            (0.03, y + 0.2, z - 0.12),
            (0.03, y + 0.2, z + 0.12),
            (0.03, y - 0.2, z + 0.12),
        ]
        mesh.polygon(quad, (236, 236, 224), TownSurface.HEADLIGHT, shade=False)
    return mesh


def _panel(mesh: MeshBuilder, x: float, half: float, z0: float, z1: float, colour: Colour, surface: int) -> None:
    """A quad on the rear face, seen from behind."""
    x -= 0.03
    mesh.polygon([(x, half, z0), (x, -half, z0), (x, -half, z1), (x, half, z1)], colour, surface, shade=False)


def rear_lights(kind: str, braking: bool) -> MeshBuilder:
    """Tail lights; brighter and larger when braking."""
    k, mesh = KINDS[kind], MeshBuilder()
    w, x = k.width / 2, -k.length - 0.04
    z0, z1 = (0.6, 0.84) if kind in ("car", "van") else (0.75, 1.05)
    if braking:
        z0, z1 = z0 - 0.06, z1 + 0.1
    colour: Colour = (255, 36, 24) if braking else (150, 36, 32)
    wide = 0.55 if braking else 0.36
    for side in (-1, 1):
        a, b = side * w, side * (w - wide)
        y0, y1 = max(a, b), min(a, b)
        quad = [(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)]
        mesh.polygon(quad, colour, TownSurface.LIGHT if braking else TownSurface.TAIL, shade=False)
    return mesh


def person(coat: Colour, legs: Colour, surface: int, pose: int, scale: float = 1.0) -> MeshBuilder:
    """A person walking along +x; `pose` 0 or 1 swings the legs."""
    mesh, s = MeshBuilder(), scale
    swing = 0.2 if pose == 0 else -0.2
    for side, shift in ((-1, swing), (1, -swing)):
        y = side * 0.12
        mesh.box(((shift - 0.1) * s, (y - 0.1) * s, 0), ((shift + 0.1) * s, (y + 0.1) * s, 0.82 * s), legs, surface)
    mesh.box((-0.16 * s, -0.28 * s, 0.8 * s), (0.16 * s, 0.28 * s, 1.45 * s), coat, surface)
    mesh.box((-0.13 * s, -0.13 * s, 1.48 * s), (0.13 * s, 0.13 * s, 1.78 * s), (206, 164, 136), surface)
    return mesh


LENS: dict[str, Colour] = {"r": (255, 48, 36), "y": (255, 190, 40), "g": (60, 240, 120)}


def signal_post(arm: float) -> MeshBuilder:
    """A signal's post with the back board of its head, facing traffic along +x. arm: m to the left."""
    mesh = MeshBuilder()
    mesh.box((-0.1, -0.1, 0), (0.1, 0.1, 4.6), (70, 72, 76), TownSurface.WALL)
    if arm > 0.5:
        mesh.box((-0.08, 0, 4.4), (0.08, arm, 4.56), (70, 72, 76), TownSurface.WALL, bottom=True)
    mesh.box((-0.3, arm - 0.55, 2.3), (-0.05, arm + 0.55, 4.9), (34, 36, 40), TownSurface.WALL, bottom=True)
    return mesh


def signal_lens(state: str, arm: float) -> MeshBuilder:
    """The three lenses with one of them lit (r, y, g), or none."""
    mesh, x = MeshBuilder(), -0.33
    for k, name in enumerate("gyr"):
        z, lit = 2.72 + 0.86 * k, name == state
        r = 0.40 if lit else 0.30
        quad = [(x, arm + r, z - r), (x, arm - r, z - r), (x, arm - r, z + r), (x, arm + r, z + r)]
        dark: Colour = tuple(c // 4 for c in LENS[name])  # type: ignore[assignment]
        mesh.polygon(quad, LENS[name] if lit else dark, TownSurface.LIGHT if lit else TownSurface.WALL, shade=False)
    return mesh
