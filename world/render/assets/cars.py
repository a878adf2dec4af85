"""Cars of three styles, and the police's."""

from __future__ import annotations

from dataclasses import dataclass

from world.render.assets.forms import HATCHBACK_FORM, SALOON_FORM, SUV_FORM
from world.render.assets.hull import Form, Hull, rectangle
from world.render.assets.parts import DARK, GLASS, checks, lamps, light_bar, mirrors, plates, wheels
from world.render.assets.solids import Colour, Role, Solid, Template

HATCHBACK, SALOON, SUV = range(3)
_BLUE: Colour = (0.015, 0.05, 0.4)
_YELLOW: Colour = (0.75, 0.62, 0.02)
_WHITE: Colour = (0.72, 0.72, 0.7)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Where the glass is: m behind the front, and heights."""

    base: float  # of the windscreen
    top: float
    rear_top: float
    rear_base: float
    front: tuple[float, float]  # heights of the windscreen's edges
    rear: tuple[float, float]
    back_low: float  # where the side windows end, below


_STYLES: tuple[tuple[Form, _Windows, float], ...] = (
    (HATCHBACK_FORM, _Windows(1.07, 1.74, 3.86, 4.26, (0.975, 1.385), (1.06, 1.35), 3.92), 0.0),
    (SALOON_FORM, _Windows(1.19, 1.86, 3.24, 3.76, (0.965, 1.365), (1.05, 1.335), 3.5), 0.0),
    (SUV_FORM, _Windows(1.05, 1.62, 4.11, 4.33, (1.105, 1.5), (1.14, 1.46), 4.05), 0.12),
)


def _glass(solid: Solid, hull: Hull, windows: _Windows, base: float) -> None:
    detail, half = hull.detail, hull.form.length / 2
    low, high = windows.front
    cells = (4, 4) if detail == 2 else (1, 1)
    hull.end(solid, [(-0.7, low), (0.7, low), (0.56, high), (-0.56, high)], "car_glass", GLASS, cells=cells, off=0.026)
    rear_low, rear_high = windows.rear
    rear = [(-0.65, rear_low), (0.65, rear_low), (0.54, rear_high), (-0.54, rear_high)]
    hull.end(solid, rear, "car_glass", GLASS, front=False, cells=cells, off=0.026)
    roof, pillar = high - 0.02, 2.52
    front_low, front_high, back_high = windows.base + 0.28, windows.top + 0.1, windows.rear_top - 0.16
    if detail:
        panes = [
            [(pillar - 0.05, base), (front_low, base), (front_high, roof), (pillar - 0.05, roof)],
            [(windows.back_low, base + 0.02), (pillar + 0.05, base), (pillar + 0.05, roof), (back_high, roof - 0.02)],
        ]
    else:
        panes = [[(windows.back_low, base), (front_low, base), (front_high, roof), (back_high, roof)]]
    for pane in panes:
        corners = [(half - u, z) for u, z in pane]
        hull.side(solid, corners, "car_glass", GLASS, cells=(3, 2) if detail == 2 else (1, 1), off=0.013)


def _trim(solid: Solid, hull: Hull, windows: _Windows, base: float, lift: float, role: Role) -> None:
    """Bumpers, door gaps, handles, the third brake lamp, mirrors."""
    half, up = hull.form.length / 2, lift / 2
    hull.end(solid, rectangle(-0.6, 0.6, 0.33 + up, 0.45 + up), "plastic", DARK, cells=(4, 1))
    hull.end(solid, rectangle(-0.7, 0.7, 0.34 + up, 0.48 + up), "plastic", DARK, front=False, cells=(6, 1))
    third = windows.rear[1] + 0.012
    hull.end(solid, rectangle(-0.2, 0.2, third, third + 0.02), "plastic", role=Role.TAIL, front=False, off=0.02)
    for u in (windows.base + 0.36, 2.52, min(3.55, windows.rear_base - 0.62)):
        low = hull.form.bottom + (0.12 if u < 3 else 0.5)
        gap = rectangle(half - u - 0.009, half - u + 0.009, low, base - 0.03)
        hull.side(solid, gap, "plastic", DARK, cells=(1, 5), off=0.009)
    for u in (2.38, 3.3):
        handle = rectangle(half - u - 0.08, half - u + 0.08, base - 0.13, base - 0.1)
        hull.side(solid, handle, "chrome", (0.3, 0.3, 0.32), off=0.018)
    mirrors(solid, half - windows.base - 0.42, hull.form.half * 0.93, base, 1.0, role)


def body(solid: Solid, style: int, detail: int, role: Role, tint: Colour) -> Hull:
    """A car without livery, of HATCHBACK, SALOON or SUV style."""
    form, windows, lift = _STYLES[style]
    hull = Hull(form, detail)
    hull.shell(solid, "car_paint", tint, role)
    base, half = form.belt[2][1] + 0.03, form.length / 2
    _glass(solid, hull, windows, base)
    radius = 0.36 if style == SUV else 0.32
    for u in (0.86, 3.6):
        wheels(solid, hull, half - u, radius)
    lamps(solid, hull, (0.36, 0.74, 0.56 + lift, 0.69 + lift), (0.38, 0.76, 0.72 + lift, 0.87 + lift))
    if detail:
        plates(solid, hull, 0.38 + lift / 2, 0.58 + lift / 2)
        hull.end(solid, rectangle(-0.32, 0.32, 0.54 + lift, 0.66 + lift), "plastic", DARK, off=0.02)
    if detail == 2:
        _trim(solid, hull, windows, base, lift, role)
    return hull


def car(style: int, detail: int) -> Template:
    """A car in its owner's paint."""
    solid = Solid()
    body(solid, style, detail, Role.PAINT, _WHITE)
    return solid.template()


def police(detail: int) -> Template:
    """A white saloon with blue and yellow squares and beacons."""
    solid = Solid()
    hull = body(solid, SALOON, detail, Role.FIXED, _WHITE)
    checks(solid, hull, (-1.9, 1.6, 0.6, 0.82), 10 if detail == 2 else 4, _BLUE, _YELLOW)
    if detail:
        hull.end(solid, rectangle(-0.34, 0.34, 0.74, 0.84), "car_paint", _BLUE, front=False, off=0.02)
    light_bar(solid, -0.2, 1.44, 0.5, detail)
    return solid.template()
