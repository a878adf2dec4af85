"""Cars, vans, lorries, buses and emergency vehicles as templates: a lofted body, glass, wheels, lamps, plates, mirrors."""

from __future__ import annotations

from functools import cache

from world.render.assets.hull import Form, Hull
from world.render.assets.solids import Colour, Role, Solid, Template
from world.scene.objects import Kind

HATCHBACK, SALOON, SUV = range(3)
DARK: Colour = (0.02, 0.02, 0.022)
GLASS: Colour = (0.03, 0.036, 0.042)

_HATCHBACK = Form(
    4.5,
    0.86,
    0.24,
    top=[
        (0, 0.56),
        (0.04, 0.68),
        (0.16, 0.76),
        (0.6, 0.88),
        (1.04, 0.95),
        (1.4, 1.2),
        (1.78, 1.42),
        (2.2, 1.485),
        (2.9, 1.48),
        (3.6, 1.42),
        (3.86, 1.34),
        (4.28, 0.99),
        (4.42, 0.92),
        (4.48, 0.82),
        (4.5, 0.62),
    ],
    belt=[(0, 0.62), (1, 0.89), (2.4, 0.93), (4.2, 0.97), (4.5, 0.8)],
    taper=[
        (0, 0.74),
        (0.04, 0.83),
        (0.16, 0.91),
        (0.6, 0.98),
        (1.2, 1),
        (3.6, 1),
        (4.2, 0.965),
        (4.42, 0.91),
        (4.5, 0.82),
    ],
    lean=0.3,
)
_SALOON = Form(
    4.5,
    0.86,
    0.24,
    top=[
        (0, 0.55),
        (0.04, 0.66),
        (0.16, 0.75),
        (0.6, 0.87),
        (1.16, 0.945),
        (1.5, 1.18),
        (1.9, 1.4),
        (2.3, 1.46),
        (2.9, 1.44),
        (3.22, 1.36),
        (3.55, 1.15),
        (3.82, 1.02),
        (4.3, 0.985),
        (4.44, 0.93),
        (4.48, 0.84),
        (4.5, 0.62),
    ],
    belt=[(0, 0.62), (1, 0.88), (2.4, 0.92), (4.3, 0.955), (4.5, 0.8)],
    taper=[
        (0, 0.74),
        (0.04, 0.83),
        (0.16, 0.91),
        (0.6, 0.98),
        (1.2, 1),
        (3.6, 1),
        (4.2, 0.965),
        (4.42, 0.91),
        (4.5, 0.82),
    ],
    lean=0.34,
)
_SUV = Form(
    4.5,
    0.88,
    0.3,
    top=[
        (0, 0.7),
        (0.04, 0.86),
        (0.14, 0.94),
        (0.55, 1.04),
        (1.02, 1.08),
        (1.36, 1.34),
        (1.66, 1.54),
        (2.1, 1.6),
        (2.9, 1.6),
        (3.9, 1.56),
        (4.12, 1.48),
        (4.36, 1.1),
        (4.44, 1.0),
        (4.48, 0.9),
        (4.5, 0.7),
    ],
    belt=[(0, 0.75), (0.9, 1.01), (2.4, 1.05), (4.3, 1.09), (4.5, 0.9)],
    taper=[
        (0, 0.78),
        (0.04, 0.86),
        (0.14, 0.93),
        (0.55, 0.99),
        (1.2, 1),
        (3.8, 1),
        (4.3, 0.97),
        (4.44, 0.93),
        (4.5, 0.85),
    ],
    lean=0.22,
)
_VAN = Form(
    5.6,
    0.95,
    0.28,
    top=[
        (0, 0.62),
        (0.04, 0.86),
        (0.16, 1.02),
        (0.62, 1.22),
        (1.0, 1.6),
        (1.45, 2.08),
        (1.8, 2.24),
        (2.4, 2.28),
        (5.35, 2.28),
        (5.52, 2.22),
        (5.58, 2.05),
        (5.6, 1.8),
    ],
    belt=[(0, 0.75), (0.62, 1.17), (5.6, 1.25)],
    taper=[(0, 0.76), (0.04, 0.85), (0.16, 0.93), (0.62, 1), (5.35, 1), (5.52, 0.985), (5.6, 0.95)],
    lean=0.1,
)
_BUS = Form(
    11.5,
    1.22,
    0.32,
    top=[(0, 2.75), (0.05, 2.92), (0.25, 3.04), (0.8, 3.08), (11.2, 3.08), (11.4, 3.02), (11.5, 2.85)],
    belt=[(0, 1.2), (11.5, 1.2)],
    taper=[(0, 0.9), (0.05, 0.95), (0.25, 1), (11.3, 1), (11.5, 0.95)],
    lean=0.03,
)
_CAB = Form(
    2.0,
    1.18,
    0.42,
    top=[(0, 2.3), (0.05, 2.5), (0.3, 2.72), (0.7, 2.8), (1.9, 2.8), (2.0, 2.75)],
    belt=[(0, 1.4), (2.0, 1.4)],
    taper=[(0, 0.9), (0.05, 0.95), (0.2, 1), (2.0, 1)],
    lean=0.05,
)


def wheel(solid: Solid, x: float, y: float, radius: float, detail: int) -> None:
    """A wheel on each side whose outer face stands at +-y."""
    for side in (1, -1):
        facing = (0.0, float(side), 0.0)
        if detail == 2:
            solid.tube(
                [(x, side * (y - 0.2), radius), (x, side * y, radius)], radius, "tyre", (0.5, 0.5, 0.5), sides=14
            )
            solid.disc((x, side * y, radius), radius, facing, "tyre", (0.5, 0.5, 0.5), sides=14)
            solid.disc((x, side * (y + 0.008), radius), radius * 0.66, facing, "chrome", (0.3, 0.31, 0.33), sides=12)
            solid.disc(
                (x, side * (y + 0.014), radius),
                radius * 0.5,
                facing,
                "plastic",
                (0.05, 0.05, 0.055),
                sides=5,
                turn=0.31,
            )
            solid.disc((x, side * (y + 0.02), radius), radius * 0.2, facing, "chrome", (0.4, 0.41, 0.43), sides=6)
        else:
            solid.disc((x, side * y, radius), radius, facing, "tyre", (0.5, 0.5, 0.5), sides=8 if detail else 5)
            if detail:
                solid.disc((x, side * (y + 0.02), radius), radius * 0.6, facing, "chrome", (0.25, 0.26, 0.28), sides=5)


def arch(solid: Solid, hull: Hull, x: float, radius: float) -> None:
    """A dark wheel arch on each side."""
    y = float(hull.width(x, radius)) + 0.006
    for side in (1, -1):
        solid.disc((x, side * y, radius), radius * 1.16, (0.0, float(side), 0.0), "tyre", (0.3, 0.3, 0.3), sides=14)


def _lamps(
    solid: Solid,
    hull: Hull,
    head: tuple[float, float, float, float],
    tail: tuple[float, float, float, float],
    front: bool = True,
) -> None:
    """Head lamps, tail lamps and indicators. head, tail: the outer lamp's y from and to, z from and to; they wrap round the corner."""
    cells = (3, 1) if hull.detail == 2 else (1, 1)
    for side, blink in ((1, Role.LEFT), (-1, Role.RIGHT)):
        for is_front, (y0, y1, z0, z1) in ((True, head), (False, tail)):
            if is_front and not front:
                continue
            low, high = sorted((side * y0, side * y1))
            role = Role.HEAD if is_front else Role.TAIL
            hull.end(
                solid,
                [(low, z0), (high, z0), (high, z1), (low, z1)],
                "plastic",
                role=role,
                front=is_front,
                cells=cells,
                off=0.014,
            )
            if hull.detail:
                inner, outer = (0.62, 1.0) if is_front else (0.0, 0.42)
                a, b = sorted((side * (y0 + (y1 - y0) * inner), side * (y0 + (y1 - y0) * outer)))
                c, d = (z0 - 0.075, z0 - 0.015) if is_front else (z0, z0 + (z1 - z0) * 0.45)
                hull.end(solid, [(a, c), (b, c), (b, d), (a, d)], "plastic", role=blink, front=is_front, off=0.022)
    if hull.detail == 2:
        x = hull.x[-1] - 1.05
        for sides, blink in (((1,), Role.LEFT), ((-1,), Role.RIGHT)):
            z = head[2] + 0.02
            hull.side(
                solid,
                [(x, z), (x + 0.1, z), (x + 0.1, z + 0.045), (x, z + 0.045)],
                "plastic",
                role=blink,
                sides=sides,
                off=0.012,
            )


def _plates(solid: Solid, hull: Hull, front: float, back: float) -> None:
    """Number plates at these heights."""
    for z, is_front, tint in ((front, True, (0.75, 0.75, 0.72)), (back, False, (0.75, 0.75, 0.72))):
        hull.end(
            solid,
            [(-0.26, z), (0.26, z), (0.26, z + 0.11), (-0.26, z + 0.11)],
            "plastic",
            tint,
            front=is_front,
            off=0.025,
        )


def _mirrors(solid: Solid, x: float, y: float, z: float, size: float = 1.0, role: Role = Role.PAINT) -> None:
    for side in (1, -1):
        a, b = sorted((side * y, side * (y + 0.15 * size)))
        solid.box(
            (x - 0.06, a, z),
            (x + 0.05, b, z + 0.13 * size),
            "car_paint" if role else "plastic",
            DARK if not role else (1, 1, 1),
            role,
        )


def _car_body(solid: Solid, form: Form, style: int, detail: int, role: Role, tint: Colour) -> Hull:
    """A car without livery."""
    hull = Hull(form, detail)
    hull.shell(solid, "car_paint", tint, role)
    half = form.length / 2
    tops = {HATCHBACK: (1.07, 1.74, 3.8, 4.22), SALOON: (1.19, 1.86, 3.24, 3.76), SUV: (1.05, 1.62, 4.11, 4.33)}[style]
    low, high = {HATCHBACK: (0.965, 1.385), SALOON: (0.955, 1.365), SUV: (1.105, 1.5)}[style]
    rear_low, rear_high = {HATCHBACK: (1.03, 1.35), SALOON: (1.045, 1.345), SUV: (1.14, 1.47)}[style]
    cells = (4, 3) if detail == 2 else (1, 1)
    hull.end(solid, [(-0.7, low), (0.7, low), (0.55, high), (-0.55, high)], "car_glass", GLASS, cells=cells)
    hull.end(
        solid,
        [(-0.64, rear_low), (0.64, rear_low), (0.53, rear_high), (-0.53, rear_high)],
        "car_glass",
        GLASS,
        front=False,
        cells=cells,
    )
    base, roof, pillar = form.belt[2][1] + 0.03, high - 0.02, 2.52
    front_low, front_high, back_high, back_low = (
        tops[0] + 0.28,
        tops[1] + 0.1,
        tops[2] - 0.16,
        min(tops[3] - 0.28, 3.95),
    )
    if style != SALOON:
        back_low = tops[3] - 0.36
    sides = (
        [
            ((pillar - 0.05, base), (front_low, base), (front_high, roof), (pillar - 0.05, roof)),
            ((back_low, base + 0.02), (pillar + 0.05, base), (pillar + 0.05, roof), (back_high, roof - 0.02)),
        ]
        if detail
        else [((back_low, base), (front_low, base), (front_high, roof), (back_high, roof))]
    )
    for patch in sides:
        hull.side(
            solid,
            [(half - u, z) for u, z in patch],
            "car_glass",
            GLASS,
            cells=(3, 2) if detail == 2 else (1, 1),
            off=0.012,
        )
    axles, radius = ((0.86, 3.6), 0.32) if style != SUV else ((0.88, 3.62), 0.36)
    for u in axles:
        if detail:
            arch(solid, hull, half - u, radius)
        wheel(solid, half - u, float(hull.width(half - u, radius)) + 0.016, radius, detail)
    lift = 0.12 if style == SUV else 0.0
    _lamps(solid, hull, (0.36, 0.72, 0.58 + lift, 0.7 + lift), (0.4, 0.76, 0.74 + lift, 0.88 + lift))
    if detail:
        _plates(solid, hull, 0.4 + lift / 2, 0.6 + lift / 2)
        hull.end(
            solid,
            [(-0.32, 0.55 + lift), (0.32, 0.55 + lift), (0.34, 0.67 + lift), (-0.34, 0.67 + lift)],
            "plastic",
            DARK,
        )
    if detail == 2:
        hull.end(
            solid,
            [(-0.6, 0.33 + lift / 2), (0.6, 0.33 + lift / 2), (0.56, 0.45 + lift / 2), (-0.56, 0.45 + lift / 2)],
            "plastic",
            DARK,
            cells=(4, 1),
        )
        hull.end(
            solid,
            [(-0.68, 0.34 + lift / 2), (0.68, 0.34 + lift / 2), (0.7, 0.46 + lift / 2), (-0.7, 0.46 + lift / 2)],
            "plastic",
            DARK,
            front=False,
            cells=(4, 1),
        )
        hull.end(
            solid,
            [(-0.2, rear_high + 0.015), (0.2, rear_high + 0.015), (0.2, rear_high + 0.035), (-0.2, rear_high + 0.035)],
            "plastic",
            role=Role.TAIL,
            front=False,
        )
        for u in (tops[0] + 0.36, 2.52, min(3.55, tops[3] - 0.62)):
            hull.side(
                solid,
                [
                    (half - u - 0.008, 0.36),
                    (half - u + 0.008, 0.36),
                    (half - u + 0.008, base - 0.03),
                    (half - u - 0.008, base - 0.03),
                ],
                "plastic",
                DARK,
                cells=(1, 3),
                off=0.006,
            )
        for u in (2.4, 3.4):
            hull.side(
                solid,
                [
                    (half - u - 0.08, base - 0.12),
                    (half - u + 0.08, base - 0.12),
                    (half - u + 0.08, base - 0.09),
                    (half - u - 0.08, base - 0.09),
                ],
                "chrome",
                (0.3, 0.3, 0.32),
                off=0.015,
            )
        _mirrors(solid, half - tops[0] - 0.42, form.half * 0.93, base, role=role)
    return hull


def _light_bar(solid: Solid, x: float, z: float, half: float, detail: int) -> None:
    """Blue beacons: the left and the right one blink in turn."""
    for side, role in ((1, Role.BEACON_A), (-1, Role.BEACON_B)):
        a, b = sorted((side * 0.08, side * half))
        solid.box((x - 0.13, a, z), (x + 0.13, b, z + 0.13), "plastic", role=role, skip="d")
    if detail:
        solid.box((x - 0.12, -0.08, z), (x + 0.12, 0.08, z + 0.1), "plastic", (0.5, 0.5, 0.5), skip="d")


def _checks(
    solid: Solid, hull: Hull, x0: float, x1: float, z0: float, z1: float, columns: int, one: Colour, two: Colour
) -> None:
    """Two rows of squares along both sides."""
    step = (x1 - x0) / columns
    rows = 2 if hull.detail == 2 else 1
    for row in range(rows):
        low, high = z0 + (z1 - z0) * row / rows, z0 + (z1 - z0) * (row + 1) / rows
        for column in range(columns):
            a, b = x0 + step * column, x0 + step * (column + 1)
            tint = one if (row + column) % 2 else two
            hull.side(
                solid,
                [(a, low), (b, low), (b, high), (a, high)],
                "car_paint",
                tint,
                cells=(1, 2) if hull.detail == 2 else (1, 1),
                off=0.008,
            )


def _van_body(solid: Solid, form: Form, detail: int, role: Role, tint: Colour, windows: bool) -> Hull:
    hull = Hull(form, detail)
    hull.shell(solid, "car_paint", tint, role)
    half = form.length / 2
    cells = (4, 3) if detail == 2 else (1, 1)
    hull.end(solid, [(-0.83, 1.3), (0.83, 1.3), (0.74, 2.0), (-0.74, 2.0)], "car_glass", GLASS, cells=cells)
    hull.side(
        solid,
        [(half - 2.05, 1.28), (half - 1.0, 1.28), (half - 1.5, 1.94), (half - 2.05, 1.94)],
        "car_glass",
        GLASS,
        cells=(2, 2) if detail == 2 else (1, 1),
    )
    if windows:
        hull.side(
            solid,
            [(half - 4.0, 1.32), (half - 2.25, 1.32), (half - 2.25, 1.94), (half - 4.0, 1.94)],
            "car_glass",
            GLASS,
        )
    for side in (1, -1):
        a, b = sorted((side * 0.08, side * 0.74))
        hull.end(solid, [(a, 1.32), (b, 1.32), (b, 1.92), (a, 1.92)], "car_glass", GLASS, front=False)
    for u in (0.95, form.length - 1.15):
        if detail:
            arch(solid, hull, half - u, 0.35)
        wheel(solid, half - u, float(hull.width(half - u, 0.35)) + 0.016, 0.35, detail)
    _lamps(solid, hull, (0.5, 0.85, 0.72, 0.92), (0.76, 0.93, 0.75, 1.2))
    if detail:
        _plates(solid, hull, 0.45, 0.6)
        hull.end(solid, [(-0.42, 0.66), (0.42, 0.66), (0.45, 0.88), (-0.45, 0.88)], "plastic", DARK)
        hull.end(solid, [(-0.88, 0.38), (0.88, 0.38), (0.88, 0.52), (-0.88, 0.52)], "plastic", DARK, front=False)
    if detail == 2:
        hull.end(solid, [(-0.7, 0.36), (0.7, 0.36), (0.7, 0.44), (-0.7, 0.44)], "plastic", DARK, cells=(4, 1))
        hull.end(
            solid,
            [(-0.012, 0.55), (0.012, 0.55), (0.012, 2.15), (-0.012, 2.15)],
            "plastic",
            DARK,
            front=False,
            cells=(1, 3),
        )
        for u in (1.0, 2.15, 3.4):
            hull.side(
                solid,
                [(half - u - 0.01, 0.42), (half - u + 0.01, 0.42), (half - u + 0.01, 1.22), (half - u - 0.01, 1.22)],
                "plastic",
                DARK,
                cells=(1, 3),
                off=0.006,
            )
        _mirrors(solid, half - 1.15, 0.92, 1.3, 1.5, Role.FIXED)
    return hull


def _van(detail: int) -> Template:
    solid = Solid()
    _van_body(solid, _VAN, detail, Role.PAINT, (1, 1, 1), False)
    return solid.template()


def _cab(solid: Solid, length: float, detail: int, role: Role, tint: Colour) -> Hull:
    """A lorry's cab as a hull of its own about the middle of the cab; the solid is built in the cab's axes."""
    hull = Hull(_CAB, detail)
    hull.x = hull.x + length / 2 - _CAB.length / 2
    hull.shell(solid, "car_paint", tint, role)
    front = length / 2
    hull.end(
        solid,
        [(-1.02, 1.45), (1.02, 1.45), (0.98, 2.3), (-0.98, 2.3)],
        "car_glass",
        GLASS,
        cells=(4, 2) if detail == 2 else (1, 1),
    )
    hull.side(
        solid,
        [(front - 1.3, 1.5), (front - 0.25, 1.5), (front - 0.3, 2.25), (front - 1.3, 2.25)],
        "car_glass",
        GLASS,
        cells=(1, 2) if detail == 2 else (1, 1),
    )
    if detail:
        hull.end(solid, [(-0.75, 0.85), (0.75, 0.85), (0.75, 1.25), (-0.75, 1.25)], "plastic", DARK)
    if detail == 2:
        hull.end(solid, [(-1.0, 0.5), (1.0, 0.5), (1.0, 0.58), (-1.0, 0.58)], "plastic", DARK, cells=(4, 1))
        arch(solid, hull, front - 1.2, 0.5)
        _mirrors(solid, front - 0.15, 1.16, 1.8, 1.0, Role.FIXED)
    return hull


def _rear_box_lamps(solid: Solid, x: float, half: float, z: float, detail: int) -> None:
    """Lamps on a flat back at x."""
    for side, blink in ((1, Role.LEFT), (-1, Role.RIGHT)):
        for inner, outer, role in ((half - 0.34, half - 0.04, Role.TAIL), (half - 0.48, half - 0.36, blink)):
            if role is blink and not detail:
                continue
            a, b = sorted((side * inner, side * outer))
            solid.quads([[(x, b, z), (x, a, z), (x, a, z + 0.17), (x, b, z + 0.17)]], "plastic", role=role)
    if detail:
        solid.quads(
            [[(x, 0.26, z), (x, -0.26, z), (x, -0.26, z + 0.11), (x, 0.26, z + 0.11)]], "plastic", (0.75, 0.75, 0.72)
        )


def _lorry(detail: int) -> Template:
    solid = Solid()
    length, back = 8.0, -4.0
    hull = _cab(solid, length, detail, Role.PAINT, (1, 1, 1))
    _lamps(solid, hull, (0.6, 1.02, 0.62, 0.8), (0.6, 1.0, 0.9, 1.0))
    box_front = length / 2 - 2.12
    solid.box((back, -1.22, 1.0), (box_front, 1.22, 3.4), "car_paint", role=Role.SECOND)
    solid.box((back + 0.02, -1.0, 0.6), (box_front + 0.2, 1.0, 1.0), "plastic", DARK, skip="t")
    if detail:
        for y0, y1 in ((-1.23, -1.17), (1.17, 1.23), (-0.02, 0.02)):
            solid.box((back - 0.015, y0, 1.02), (back, y1, 3.38), "plastic", (0.25, 0.25, 0.26), skip="f")
        for z0, z1 in ((1.0, 1.07), (3.33, 3.4)):
            solid.box((back - 0.014, -1.23, z0), (back, 1.23, z1), "plastic", (0.25, 0.25, 0.26), skip="f")
            for side in (1, -1):
                a, b = sorted((side * 1.22, side * 1.232))
                solid.box((back, a, z0), (box_front, b, z1), "plastic", (0.25, 0.25, 0.26), skip="fb")
    if detail == 2:
        for side in (1, -1):
            a, b = sorted((side * 1.14, side * 1.18))
            solid.box((-1.8, a, 0.5), (1.3, b, 0.95), "plastic", (0.12, 0.12, 0.13))
        for y in (-0.4, 0.4):
            solid.box((back - 0.03, y - 0.02, 1.1), (back - 0.01, y + 0.02, 3.3), "chrome", (0.3, 0.3, 0.32), skip="f")
    solid.box((back - 0.01, -1.15, 0.45), (back + 0.05, 1.15, 0.62), "plastic", (0.08, 0.08, 0.085))
    _rear_box_lamps(solid, back - 0.02, 1.2, 0.74, detail)
    for x in (length / 2 - 1.2, -2.4):
        wheel(solid, x, 1.2, 0.5, detail)
    return solid.template()


def _bus(detail: int) -> Template:
    solid = Solid()
    hull = Hull(_BUS, detail)
    hull.shell(solid, "car_paint", role=Role.PAINT)
    front = 5.75
    hull.end(
        solid,
        [(-1.08, 1.15), (1.08, 1.15), (1.05, 2.55), (-1.05, 2.55)],
        "car_glass",
        GLASS,
        cells=(4, 2) if detail == 2 else (1, 1),
    )
    hull.end(solid, [(-0.85, 2.62), (0.85, 2.62), (0.85, 2.86), (-0.85, 2.86)], "plastic", (0.015, 0.015, 0.015))
    hull.end(solid, [(-0.95, 1.5), (0.95, 1.5), (0.95, 2.6), (-0.95, 2.6)], "car_glass", GLASS, front=False)
    if detail:
        edges = [-5.45 + 1.38 * i for i in range(8)]
        for a in edges:
            b = min(a + 1.3, front - 0.35)
            hull.side(solid, [(a, 1.3), (b, 1.3), (b, 2.55), (a, 2.55)], "car_glass", GLASS)
        for x in (3.9, 0.2):
            hull.side(
                solid,
                [(x - 0.6, 0.45), (x + 0.6, 0.45), (x + 0.6, 2.6), (x - 0.6, 2.6)],
                "car_glass",
                (0.05, 0.055, 0.06),
                off=0.02,
                sides=(-1,),
            )
            hull.side(
                solid,
                [(x - 0.02, 0.45), (x + 0.02, 0.45), (x + 0.02, 2.6), (x - 0.02, 2.6)],
                "plastic",
                DARK,
                off=0.028,
                sides=(-1,),
            )
        hull.end(solid, [(-0.5, 2.68), (0.3, 2.68), (0.3, 2.81), (-0.5, 2.81)], "plastic", (0.9, 0.45, 0.05), off=0.03)
        _plates(solid, hull, 0.5, 0.75)
        hull.side(
            solid, [(-5.5, 0.42), (5.4, 0.42), (5.4, 0.62), (-5.5, 0.62)], "car_paint", role=Role.SECOND, off=0.006
        )
    else:
        hull.side(solid, [(-5.5, 1.3), (5.4, 1.3), (5.4, 2.55), (-5.5, 2.55)], "car_glass", GLASS)
    if detail == 2:
        solid.box((-3.0, -0.7, 3.06), (-0.6, 0.7, 3.2), "plastic", (0.5, 0.5, 0.5), skip="d")
        for side in (1, -1):
            a, b = sorted((side * 1.2, side * 1.4))
            solid.box((front - 0.1, a, 2.1), (front + 0.05, b, 2.5), "plastic", DARK)
    for x in (front - 2.7, -2.9):
        if detail:
            arch(solid, hull, x, 0.5)
        wheel(solid, x, 1.235, 0.5, detail)
    _lamps(solid, hull, (0.72, 1.08, 0.62, 0.84), (0.92, 1.14, 0.85, 1.3))
    return solid.template()


_YELLOW: Colour = (0.75, 0.62, 0.02)
_GREEN: Colour = (0.02, 0.25, 0.07)
_BLUE: Colour = (0.015, 0.05, 0.4)
_RED: Colour = (0.5, 0.012, 0.01)
_BODY_WHITE: Colour = (0.72, 0.72, 0.7)


def _ambulance(detail: int) -> Template:
    solid = Solid()
    form = Form(
        6.2,
        1.0,
        0.3,
        top=[
            (0, 0.62),
            (0.04, 0.86),
            (0.16, 1.02),
            (0.62, 1.22),
            (1.0, 1.6),
            (1.45, 2.08),
            (1.7, 2.2),
            (1.75, 2.5),
            (2.1, 2.56),
            (6.0, 2.56),
            (6.14, 2.52),
            (6.2, 2.3),
        ],
        belt=_VAN.belt[:2] + [(6.2, 1.25)] if isinstance(_VAN.belt, list) else _VAN.belt,
        taper=[(0, 0.76), (0.04, 0.85), (0.16, 0.93), (0.62, 0.97), (1.7, 0.97), (1.75, 1), (6.0, 1), (6.2, 0.97)],
        lean=0.06,
    )
    hull = _van_body(solid, form, detail, Role.FIXED, _BODY_WHITE, False)
    half = form.length / 2
    _checks(
        solid,
        hull,
        -half + 0.1,
        half - 2.2,
        0.85,
        1.25 if detail < 2 else 1.35,
        8 if detail == 2 else 4,
        _YELLOW,
        _GREEN,
    )
    hull.side(solid, [(-1.6, 1.6), (-0.4, 1.6), (-0.4, 2.1), (-1.6, 2.1)], "car_glass", GLASS)
    if detail:
        for w, h in ((0.14, 0.5), (0.5, 0.14)):
            hull.side(
                solid,
                [
                    (0.45 - w / 2, 1.9 - h / 2),
                    (0.45 + w / 2, 1.9 - h / 2),
                    (0.45 + w / 2, 1.9 + h / 2),
                    (0.45 - w / 2, 1.9 + h / 2),
                ],
                "car_paint",
                (0.6, 0.02, 0.015),
            )
    _light_bar(solid, half - 2.0, 2.55, 0.8, detail)
    _light_bar(solid, -half + 0.25, 2.55, 0.8, 0)
    return solid.template()


def _police(detail: int) -> Template:
    solid = Solid()
    hull = _car_body(solid, _SALOON, SALOON, detail, Role.FIXED, _BODY_WHITE)
    _checks(solid, hull, -2.0, 1.75, 0.62, 0.84, 10 if detail == 2 else 4, _BLUE, _YELLOW)
    if detail:
        hull.end(
            solid, [(-0.34, 0.86), (0.34, 0.86), (0.34, 0.95), (-0.34, 0.95)], "car_paint", _BLUE, front=False, off=0.02
        )
    _light_bar(solid, -0.2, 1.46, 0.55, detail)
    return solid.template()


def _fire_engine(detail: int) -> Template:
    solid = Solid()
    length = 8.2
    front, back = length / 2, -length / 2
    hull = _cab(solid, length, detail, Role.FIXED, _RED)
    _lamps(solid, hull, (0.6, 1.02, 0.62, 0.8), (0.6, 1.0, 0.9, 1.0))
    body = front - 2.02
    solid.box((back, -1.2, 0.75), (body, 1.2, 3.05), "car_paint", _RED)
    solid.box((back + 0.1, -1.05, 0.45), (body + 0.1, 1.05, 0.75), "plastic", DARK, skip="t")
    for side in (1, -1):
        a, b = sorted((side * 1.2, side * 1.21))
        solid.box((back + 0.02, a, 1.05), (body - 0.02, b, 1.3), "car_paint", _BODY_WHITE, skip="fbtd")
        hull.side(
            solid,
            [(body + 0.1, 1.05), (front - 0.2, 1.05), (front - 0.2, 1.3), (body + 0.1, 1.3)],
            "car_paint",
            _BODY_WHITE,
            sides=(side,),
        )
        if detail:
            solid.box((back + 0.02, a, 1.3), (body - 0.02, b, 1.4), "car_paint", _YELLOW, skip="fbtd")
            for i in range(4):
                x = back + 0.35 + 1.4 * i
                solid.box((x, a, 1.5), (x + 1.15, b * 1.002, 2.75), "chrome", (0.42, 0.43, 0.45), skip="td")
                if detail == 2:
                    for k in range(6):
                        solid.box(
                            (x, a, 1.6 + 0.19 * k),
                            (x + 1.15, b * 1.006, 1.63 + 0.19 * k),
                            "plastic",
                            (0.16, 0.16, 0.17),
                            skip="fbtd",
                        )
    if detail:
        for y in (-0.3, 0.3):
            solid.box((back + 0.2, y - 0.04, 3.1), (front - 1.0, y + 0.04, 3.2), "chrome", (0.4, 0.41, 0.43), skip="d")
        for i in range(9 if detail == 2 else 0):
            x = back + 0.5 + 0.7 * i
            solid.box((x, -0.3, 3.12), (x + 0.06, 0.3, 3.18), "chrome", (0.4, 0.41, 0.43), skip="lrd")
        solid.quads(
            [
                [
                    (back - 0.01, 0.85, 1.4),
                    (back - 0.01, -0.85, 1.4),
                    (back - 0.01, -0.85, 2.8),
                    (back - 0.01, 0.85, 2.8),
                ]
            ],
            "chrome",
            (0.42, 0.43, 0.45),
        )
    solid.quads(
        [
            [
                (back - 0.008, 1.2, 1.05),
                (back - 0.008, -1.2, 1.05),
                (back - 0.008, -1.2, 1.35),
                (back - 0.008, 1.2, 1.35),
            ]
        ],
        "car_paint",
        _YELLOW,
    )
    _rear_box_lamps(solid, back - 0.02, 1.2, 0.82, detail)
    _light_bar(solid, front - 0.7, 2.8, 0.95, detail)
    _light_bar(solid, back + 0.25, 3.05, 0.95, 0)
    for x in (front - 1.2, -2.3):
        wheel(solid, x, 1.215, 0.5, detail)
    return solid.template()


_CARS = (_HATCHBACK, _SALOON, _SUV)


@cache
def vehicle(kind: Kind, style: int, detail: int) -> Template:
    """A vehicle at the size of SIZES[kind]. style: HATCHBACK, SALOON or SUV, for cars alone. detail: 0 (far) to 2."""
    if kind is Kind.CAR:
        solid = Solid()
        _car_body(solid, _CARS[style], style, detail, Role.PAINT, (1, 1, 1))
        return solid.template()
    makers = {
        Kind.VAN: _van,
        Kind.LORRY: _lorry,
        Kind.BUS: _bus,
        Kind.AMBULANCE: _ambulance,
        Kind.POLICE: _police,
        Kind.FIRE_ENGINE: _fire_engine,
    }
    return makers[kind](detail)
