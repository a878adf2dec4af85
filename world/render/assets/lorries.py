"""Vans, lorries, buses, ambulances and fire engines."""

from __future__ import annotations

from world.render.assets.forms import AMBULANCE_FORM, BUS_FORM, CAB_FORM, VAN_FORM
from world.render.assets.hull import Form, Hull, rectangle
from world.render.assets.parts import (
    DARK,
    GLASS,
    STEEL,
    back_face,
    checks,
    flat_lamps,
    lamps,
    light_bar,
    mirrors,
    plates,
    wheel,
    wheels,
)
from world.render.assets.solids import WHITE, Colour, Role, Solid, Template

_YELLOW: Colour = (0.75, 0.62, 0.02)
_GREEN: Colour = (0.02, 0.25, 0.07)
_RED: Colour = (0.5, 0.012, 0.01)
_PALE: Colour = (0.72, 0.72, 0.7)
_FRAME: Colour = (0.25, 0.25, 0.26)


def _van_body(solid: Solid, form: Form, detail: int, role: Role, tint: Colour) -> Hull:
    hull = Hull(form, detail)
    hull.shell(solid, "car_paint", tint, role)
    half, fine = form.length / 2, detail == 2
    screen = [(-0.82, 1.36), (0.82, 1.36), (0.74, 2.06), (-0.74, 2.06)]
    hull.end(solid, screen, "car_glass", GLASS, cells=(4, 4) if fine else (1, 1), off=0.03)
    door = [(half - 1.95, 1.3), (half - 0.88, 1.3), (half - 1.36, 1.98), (half - 1.95, 1.98)]
    hull.side(solid, door, "car_glass", GLASS, cells=(3, 2) if fine else (1, 1), off=0.014)
    for side in (1, -1):
        a, b = sorted((side * 0.08, side * 0.74))
        hull.end(solid, rectangle(a, b, 1.32, 1.92), "car_glass", GLASS, front=False, off=0.02)
    for u in (0.95, form.length - 1.15):
        wheels(solid, hull, half - u, 0.35)
    lamps(solid, hull, (0.45, 0.82, 0.78, 0.98), (0.76, 0.9, 0.75, 1.2))
    if detail:
        plates(solid, hull, 0.45, 0.6)
        hull.end(solid, rectangle(-0.42, 0.42, 0.7, 0.9), "plastic", DARK, off=0.02)
        hull.end(solid, rectangle(-0.86, 0.86, 0.38, 0.52), "plastic", DARK, front=False, off=0.02, cells=(4, 1))
    if fine:
        hull.end(solid, rectangle(-0.75, 0.75, 0.38, 0.6), "plastic", DARK, cells=(6, 1))
        hull.end(solid, rectangle(-0.012, 0.012, 0.55, 2.12), "plastic", DARK, front=False, cells=(1, 5), off=0.018)
        for u in (0.98, 2.05, 3.3):
            gap = rectangle(half - u - 0.01, half - u + 0.01, 0.42, 1.22)
            hull.side(solid, gap, "plastic", DARK, cells=(1, 5), off=0.009)
        mirrors(solid, half - 1.1, form.half * 0.93, 1.3, 1.4, Role.FIXED)
    return hull


def van(detail: int) -> Template:
    """A delivery van without side windows behind."""
    solid = Solid()
    _van_body(solid, VAN_FORM, detail, Role.PAINT, WHITE)
    return solid.template()


def ambulance(detail: int) -> Template:
    """A box on a van, white with yellow and green squares, a red cross and beacons at both ends."""
    solid = Solid()
    hull = _van_body(solid, AMBULANCE_FORM, detail, Role.FIXED, _PALE)
    half = AMBULANCE_FORM.length / 2
    checks(solid, hull, (-half + 0.1, half - 2.2, 0.85, 1.3), 8 if detail == 2 else 4, _YELLOW, _GREEN)
    hull.side(solid, rectangle(-1.6, -0.4, 1.6, 2.1), "car_glass", GLASS, cells=(1, 2), off=0.014)
    if detail:
        for w, h in ((0.07, 0.25), (0.25, 0.07)):
            bar = rectangle(0.45 - w, 0.45 + w, 1.9 - h, 1.9 + h)
            hull.side(solid, bar, "car_paint", (0.6, 0.02, 0.015), off=0.014)
        for a, b in ((-0.85, -0.45), (-0.45, 0.0), (0.0, 0.45), (0.45, 0.85)):
            tint = _GREEN if a in (-0.85, 0.0) else _YELLOW
            hull.end(
                solid,
                rectangle(a, b, 0.8 if abs(a + b) < 0.6 else 1.0, 1.25),
                "car_paint",
                tint,
                front=False,
                off=0.012,
            )
    light_bar(solid, half - 2.0, 2.54, 0.8, detail)
    light_bar(solid, -half + 0.25, 2.54, 0.8, 0)
    return solid.template()


def _cab(solid: Solid, length: float, detail: int, role: Role, tint: Colour) -> Hull:
    """A lorry's cab at the front of a vehicle of this length."""
    hull = Hull(CAB_FORM, detail)
    hull.x = hull.x + (length - CAB_FORM.length) / 2
    hull.shell(solid, "car_paint", tint, role)
    front, fine = length / 2, detail == 2
    screen = [(-1.02, 1.45), (1.02, 1.45), (0.98, 2.3), (-0.98, 2.3)]
    hull.end(solid, screen, "car_glass", GLASS, cells=(6, 3) if fine else (1, 1), off=0.02)
    door = [(front - 1.3, 1.5), (front - 0.25, 1.5), (front - 0.3, 2.25), (front - 1.3, 2.25)]
    hull.side(solid, door, "car_glass", GLASS, cells=(1, 3) if fine else (1, 1), off=0.014)
    lamps(solid, hull, (0.6, 1.0, 0.62, 0.8), None)
    wheels(solid, hull, front - 1.2, 0.5)
    if detail:
        hull.end(solid, rectangle(-0.75, 0.75, 0.88, 1.28), "plastic", DARK, off=0.02, cells=(2, 1))
    if fine:
        hull.end(solid, rectangle(-1.0, 1.0, 0.5, 0.58), "plastic", DARK, cells=(6, 1), off=0.02)
        mirrors(solid, front - 0.15, 1.12, 1.8, 1.0, Role.FIXED)
        gap = rectangle(front - 1.5, front - 1.48, 1.1, 2.5)
        hull.side(solid, gap, "plastic", DARK, cells=(1, 4), off=0.009)
    return hull


def lorry(detail: int) -> Template:
    """A cab with a box body, two axles, doors at the back."""
    solid = Solid()
    front, back = 4.0, -4.0
    _cab(solid, 8.0, detail, Role.PAINT, WHITE)
    wall = front - 2.12
    solid.box((back, -1.22, 1.0), (wall, 1.22, 3.4), "car_paint", role=Role.SECOND)
    solid.box((back + 0.02, -1.0, 0.6), (wall + 0.2, 1.0, 1.0), "plastic", DARK, skip="t")
    if detail:
        for y in (-1.2, 0.0, 1.2):
            solid.box((back - 0.015, y - 0.025, 1.02), (back, y + 0.025, 3.38), "plastic", _FRAME, skip="f")
        for z0, z1 in ((1.0, 1.07), (3.33, 3.4)):
            solid.box((back - 0.014, -1.23, z0), (wall, 1.23, z1), "plastic", _FRAME, skip="ftd")
    if detail == 2:
        for side in (1, -1):
            a, b = sorted((side * 1.14, side * 1.18))
            solid.box((-1.8, a, 0.5), (1.3, b, 0.95), "plastic", (0.12, 0.12, 0.13))
            c, d = sorted((side * 0.36, side * 0.4))
            solid.box((back - 0.03, c, 1.1), (back - 0.01, d, 3.3), "chrome", (0.3, 0.3, 0.32), skip="f")
            e, f = sorted((side * 0.95, side * 1.2))
            solid.box((-3.15, e, 0.95), (-1.65, f, 1.01), "plastic", DARK)
    solid.box((back - 0.01, -1.15, 0.45), (back + 0.05, 1.15, 0.62), "plastic", (0.08, 0.08, 0.085))
    flat_lamps(solid, back - 0.02, 1.2, 0.74, detail)
    wheel(solid, -2.4, 1.2, 0.5, detail)
    return solid.template()


def bus(detail: int) -> Template:
    """A city bus: windows all along, doors on the right, a lit destination."""
    solid = Solid()
    hull = Hull(BUS_FORM, detail)
    hull.shell(solid, "car_paint", role=Role.PAINT)
    front, fine = 5.75, detail == 2
    screen = [(-1.1, 1.1), (1.1, 1.1), (1.06, 2.58), (-1.06, 2.58)]
    hull.end(solid, screen, "car_glass", GLASS, cells=(6, 2) if fine else (1, 1), off=0.02)
    hull.end(solid, rectangle(-0.9, 0.9, 2.64, 2.86), "plastic", (0.015, 0.015, 0.015), off=0.02, cells=(2, 1))
    hull.end(solid, rectangle(-0.95, 0.95, 1.5, 2.6), "car_glass", GLASS, front=False, off=0.02)
    if detail:
        hull.side(solid, rectangle(-5.45, 5.4, 1.26, 2.6), "plastic", DARK, off=0.008)
        for number in range(8):
            a = -5.4 + 1.36 * number
            hull.side(solid, rectangle(a, min(a + 1.28, 5.35), 1.3, 2.55), "car_glass", GLASS, off=0.016)
        for x in (4.5, 0.2):
            hull.side(
                solid,
                rectangle(x - 0.6, x + 0.6, 0.45, 2.6),
                "car_glass",
                (0.04, 0.045, 0.05),
                off=0.025,
                sides=(-1,),
                cells=(1, 2),
            )
            hull.side(
                solid, rectangle(x - 0.02, x + 0.02, 0.45, 2.6), "plastic", DARK, off=0.034, sides=(-1,), cells=(1, 2)
            )
        hull.end(solid, rectangle(-0.5, 0.3, 2.7, 2.81), "plastic", (0.9, 0.45, 0.05), off=0.04)
        plates(solid, hull, 0.5, 0.75)
        hull.side(solid, rectangle(-5.5, 5.4, 0.42, 0.62), "car_paint", role=Role.SECOND, off=0.008)
    else:
        hull.side(solid, rectangle(-5.5, 5.4, 1.3, 2.55), "car_glass", GLASS)
    if fine:
        solid.box((-3.0, -0.7, 3.06), (-0.6, 0.7, 3.2), "plastic", (0.5, 0.5, 0.5), skip="d")
        mirrors(solid, front - 0.02, 1.16, 2.1, 1.3, Role.FIXED)
    for x in (front - 2.7, -2.9):
        wheels(solid, hull, x, 0.5)
    lamps(solid, hull, (0.72, 1.08, 0.62, 0.84), (0.92, 1.12, 0.85, 1.3))
    return solid.template()


def fire_engine(detail: int) -> Template:
    """A red cab and body with shutters, white and yellow stripes, a ladder and beacons at both ends."""
    solid = Solid()
    front, back = 4.1, -4.1
    hull = _cab(solid, 8.2, detail, Role.FIXED, _RED)
    wall = front - 2.02
    solid.box((back, -1.2, 0.75), (wall, 1.2, 3.05), "car_paint", _RED)
    solid.box((back + 0.1, -1.05, 0.45), (wall + 0.1, 1.05, 0.75), "plastic", DARK, skip="t")
    hull.side(solid, rectangle(wall + 0.1, front - 0.2, 1.05, 1.3), "car_paint", _PALE)
    for side in (1, -1):
        a, b = sorted((side * 1.2, side * 1.212))
        solid.box((back + 0.02, a, 1.05), (wall - 0.02, b, 1.3), "car_paint", _PALE, skip="fbtd")
        if not detail:
            continue
        solid.box((back + 0.02, a, 1.3), (wall - 0.02, b, 1.4), "car_paint", _YELLOW, skip="fbtd")
        for x in (back + 0.35 + 1.4 * number for number in range(4)):
            solid.box((x, a, 1.5), (x + 1.15, b, 2.75), "chrome", STEEL, skip="fbtd")
            if detail == 2:
                c, d = sorted((side * 1.2, side * 1.22))
                for z in (1.6 + 0.19 * row for row in range(6)):
                    solid.box((x, c, z), (x + 1.15, d, z + 0.03), "plastic", (0.16, 0.16, 0.17), skip="fbtd")
    if detail:
        for y in (-0.3, 0.3):
            solid.box((back + 0.2, y - 0.04, 3.1), (front - 1.0, y + 0.04, 3.2), "chrome", STEEL)
        for x in (back + 0.5 + 0.7 * rung for rung in range(9 if detail == 2 else 0)):
            solid.box((x, -0.3, 3.12), (x + 0.06, 0.3, 3.18), "chrome", STEEL, skip="lr")
        back_face(solid, back - 0.01, -0.85, 0.85, 1.4, 2.8, "chrome", STEEL)
    back_face(solid, back - 0.008, -1.2, 1.2, 1.05, 1.35, "car_paint", _YELLOW)
    flat_lamps(solid, back - 0.02, 1.2, 0.82, detail)
    light_bar(solid, front - 0.7, 2.78, 0.95, detail)
    light_bar(solid, back + 0.25, 3.05, 0.95, 0)
    wheel(solid, -2.3, 1.215, 0.5, detail)
    return solid.template()
