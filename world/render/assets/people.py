"""People on foot and on bicycles: round limbs on a walking skeleton, their stride from the gait phase."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from world.render.assets.solids import Colour, Role, Solid, Template, grid_quads, split

GAITS = 16  # buckets of one cycle of two steps
STANDING = GAITS  # the bucket of a person who stands still
STRIDE = 1.45  # m that a grown person goes in one cycle
PEDAL = 4.5  # m that a bicycle goes in one turn of the pedals
_BLACK: Colour = (0.02, 0.02, 0.022)


def _torso(solid: Solid, rings: list[tuple[float, float, float, float]], name: str, role: Role, sides: int) -> None:
    """An upright body of ellipses: (x, z, half depth, half width) from below."""
    angle = np.arange(sides + 1) / sides * 2 * np.pi
    points = np.array([[(x + a * math.cos(t), w * math.sin(t), z) for t in angle] for x, z, a, w in rings])
    corners = split(grid_quads(points))
    solid.triangles(corners, name, role=role, crease=75)


def _legs(swing: float, lift: float) -> tuple[float, float]:
    """Angles (rad from straight down, forward positive) of the thigh and the shin."""
    return 0.48 * swing, 0.48 * swing - 0.12 - 0.95 * max(0.0, lift)


def _walker(solid: Solid, gait: int, detail: int, skirt: bool, child: bool) -> None:
    """A person 1.75 m tall; a child has a larger head and shorter legs."""
    sides, rounds = {2: (8, 2), 1: (5, 1), 0: (4, 1)}[detail]
    turn = 2 * np.pi * gait / GAITS
    amount = 0.0 if gait == STANDING else 1.0
    hip = 0.8 if child else 0.9
    shoulder = 1.32 if child else 1.43
    head = 0.142 if child else 0.115
    reach = hip / 2 * 0.985
    angles = {}
    for side, phase in ((1, turn), (-1, turn + np.pi)):
        swing, lift = amount * math.sin(phase), amount * math.cos(phase)
        angles[side] = swing, *(_legs(swing, lift * 0.75) if amount else (0.0, 0.0))
    lowest = min(hip - reach * math.cos(thigh) - (reach - 0.05) * math.cos(shin) for _, thigh, shin in angles.values())
    bob = 0.072 - lowest
    for side in (1, -1):
        swing, thigh, shin = angles[side]
        start = np.array([0.0, side * 0.095, hip + bob])
        knee = start + reach * np.array([math.sin(thigh), 0, -math.cos(thigh)])
        foot = knee + (reach - 0.05) * np.array([math.sin(shin), 0, -math.cos(shin)])
        if detail:
            solid.capsule(start, knee, 0.088, 0.062, "cloth", role=Role.TROUSERS, sides=sides, rounds=rounds)
            solid.capsule(knee, foot, 0.062, 0.045, "cloth", role=Role.TROUSERS, sides=sides, rounds=rounds)
            toe = foot + np.array([0.15 * math.cos(shin * 0.6), 0, 0.1 * math.sin(shin * 0.6) - 0.025])
            solid.capsule(
                foot + np.array([-0.035, 0, -0.012]),
                toe,
                0.048,
                0.036,
                "cloth",
                role=Role.SHOES,
                sides=sides - 1,
                rounds=rounds,
            )
        else:
            solid.tube([tuple(start), tuple(foot)], [0.09, 0.06], "cloth", role=Role.TROUSERS, sides=3)
        arm = -0.42 * swing
        joint = np.array([0.0, side * 0.2, shoulder - 0.035 + bob])
        elbow = joint + 0.28 * np.array([math.sin(arm), side * 0.16, -math.cos(arm)])
        bend = arm + 0.25 + 0.25 * max(0.0, -swing) * amount
        hand = elbow + 0.25 * np.array([math.sin(bend), -side * 0.03, -math.cos(bend)])
        if detail:
            solid.capsule(joint, elbow, 0.062, 0.05, "cloth", role=Role.COAT, sides=sides - 1, rounds=rounds)
            solid.capsule(elbow, hand, 0.05, 0.038, "cloth", role=Role.COAT, sides=sides - 1, rounds=rounds)
            solid.capsule(
                hand, hand + np.array([0.015, 0, -0.07]), 0.038, 0.03, "skin", role=Role.SKIN, sides=sides - 2, rounds=1
            )
        else:
            solid.tube([tuple(joint), tuple(hand)], [0.065, 0.04], "cloth", role=Role.COAT, sides=3)
    z = bob
    if detail:
        hem = 0.16 + 0.11 * amount * abs(math.sin(turn))
        skirt_rings = [(0, 0.52 + z, hem, 0.235), (0, 0.78 + z, 0.08 + hem * 0.5, 0.215)]
        low = skirt_rings if skirt else [(0, hip - 0.06 + z, 0.138, 0.188), (0, hip + 0.04 + z, 0.128, 0.178)]
        seat = [(0, hip - 0.15 + z, 0.05, 0.09), (-0.01, hip - 0.1 + z, 0.108, 0.152), (-0.01, hip + z, 0.1, 0.15)]
        if not skirt:
            _torso(solid, seat, "cloth", Role.TROUSERS, sides + 1)
        waist = hip + 0.2
        rings = [
            *low,
            (0, waist + z, 0.108, 0.155),
            (0.01, shoulder - 0.17 + z, 0.13, 0.195),
            (0.0, shoulder - 0.04 + z, 0.115, 0.2),
            (0, shoulder + 0.03 + z, 0.085, 0.14),
            (0.005, shoulder + 0.065 + z, 0.055, 0.06),
        ]
        _torso(solid, rings, "cloth", Role.COAT, sides + 2)
        solid.tube(
            [(0.005, 0, shoulder + 0.02 + z), (0.02, 0, shoulder + 0.14 + z)],
            0.052,
            "skin",
            role=Role.SKIN,
            sides=sides - 1,
        )
    else:
        solid.tube(
            [(0, 0, hip - 0.1 + z), (0, 0, shoulder + z)], [0.15, 0.17], "cloth", role=Role.COAT, sides=5, caps=True
        )
    top = 1.75 - head * 1.08 + z
    if detail:
        solid.capsule(
            (0.025, 0, top - 0.045),
            (0.02, 0, top + 0.015),
            head * 0.82,
            head * 0.88,
            "skin",
            role=Role.SKIN,
            sides=sides,
            rounds=rounds,
        )
        solid.capsule(
            (-0.022, 0, top - 0.01),
            (-0.008, 0, top + 0.032),
            head * 0.92,
            head * 0.94,
            "hair",
            role=Role.HAIR,
            sides=sides,
            rounds=rounds,
        )
    else:
        solid.capsule(
            (0.0, 0, top - 0.04),
            (0.0, 0, top + 0.03),
            head * 0.85,
            head * 0.9,
            "hair",
            role=Role.HAIR,
            sides=4,
            rounds=1,
        )
    if detail == 2 and not skirt and not child:
        solid.box(
            (-0.2, -0.13, shoulder - 0.4 + z), (-0.1, 0.13, shoulder - 0.03 + z), "cloth", role=Role.SHOES, skip="f"
        )


@cache
def person(gait: int, detail: int, skirt: bool, child: bool) -> Template:
    """A walking person 1.75 m tall, also of a child's build; gait: 0 to GAITS - 1, or STANDING."""
    solid = Solid()
    _walker(solid, gait, detail, skirt, child)
    return solid.template()


def _cycle(solid: Solid, detail: int, crank: float) -> None:
    """The bicycle: wheels, frame, handlebar, saddle, cranks."""
    radius, back, front = 0.34, -0.53, 0.54
    spokes = 16 if detail == 2 else 9
    for x in (back, front):
        angle = np.linspace(0, 2 * np.pi, spokes + 1)
        ring = np.stack(
            [x + (radius - 0.02) * np.cos(angle), 0 * angle, radius + (radius - 0.02) * np.sin(angle)], axis=1
        )
        solid.tube(ring, 0.022, "tyre", (0.028, 0.028, 0.03), sides=4 if detail == 2 else 3)
        if detail == 2:
            for t in np.arange(8) / 8 * np.pi:
                c, s = 0.31 * math.cos(t), 0.31 * math.sin(t)
                solid.tube(
                    [(x - c, 0, radius - s), (x + c, 0, radius + s)], 0.004, "chrome", (0.35, 0.35, 0.36), sides=3
                )
    seat, crown, axle, bars = (-0.16, 0, 0.88), (0.4, 0, 0.86), (-0.02, 0, 0.31), (0.38, 0, 1.02)
    tubes = [
        ((back, 0, radius), axle),
        (axle, seat),
        (axle, crown),
        (seat, crown),
        ((front, 0, radius), bars),
        ((back, 0, radius), seat),
    ]
    for a, b in tubes:
        solid.tube([a, b], 0.02 if detail == 2 else 0.026, "car_paint", role=Role.PAINT, sides=5 if detail == 2 else 3)
    if detail == 2:
        solid.tube(
            [(0.45, -0.26, 1.03), (0.38, -0.1, 1.03), (0.38, 0.1, 1.03), (0.45, 0.26, 1.03)],
            0.017,
            "plastic",
            _BLACK,
            sides=5,
        )
        for side in (1, -1):
            t = crank if side == 1 else crank + np.pi
            pedal = (axle[0] + 0.16 * math.cos(t), side * 0.09, axle[2] - 0.16 * math.sin(t))
            solid.tube([(axle[0], side * 0.08, axle[2]), pedal], 0.013, "chrome", (0.3, 0.3, 0.31), sides=4)
    solid.box((-0.28, -0.07, 0.9), (-0.02, 0.07, 0.96), "plastic", _BLACK)
    solid.box((back - 0.16, -0.04, 0.66), (back - 0.13, 0.04, 0.74), "plastic", role=Role.TAIL)
    solid.box((bars[0] + 0.06, -0.04, 0.9), (bars[0] + 0.12, 0.04, 0.98), "plastic", role=Role.HEAD)


def _knee(hip: np.ndarray, foot: np.ndarray, thigh: float, shin: float) -> np.ndarray:
    """The knee's position, ahead of the line from hip to foot (two sides and the base of a triangle)."""
    line = foot - hip
    base = min(float(np.linalg.norm(line)), (thigh + shin) * 0.999)
    along = (base**2 + thigh**2 - shin**2) / (2 * base)
    out = math.sqrt(max(thigh**2 - along**2, 0.0))
    direction = line / np.linalg.norm(line)
    ahead = np.array([-direction[2], 0.0, direction[0]])
    return hip + direction * along + ahead * out


@cache
def cyclist(gait: int, detail: int) -> Template:
    """A bicycle with its rider; gait: the bucket of the pedals' turn."""
    solid = Solid()
    crank = 2 * np.pi * (gait % GAITS) / GAITS
    _cycle(solid, detail, crank)
    sides, rounds = {2: (8, 2), 1: (5, 1), 0: (4, 1)}[detail]
    for side in (1, -1):
        t = crank if side == 1 else crank + np.pi
        hip = np.array([-0.14, side * 0.09, 0.98])
        ankle = np.array([-0.02 + 0.16 * math.cos(t) - 0.06, side * 0.11, 0.31 - 0.16 * math.sin(t) + 0.07])
        knee = _knee(hip, ankle, 0.43, 0.43)
        shoulder, hand = np.array([0.1, side * 0.19, 1.44]), np.array([0.43, side * 0.22, 1.05])
        elbow = (shoulder + hand) / 2 + [-0.02, side * 0.05, -0.07]
        if detail:
            solid.capsule(hip, knee, 0.09, 0.062, "cloth", role=Role.TROUSERS, sides=sides, rounds=rounds)
            solid.capsule(knee, ankle, 0.06, 0.042, "cloth", role=Role.TROUSERS, sides=sides, rounds=rounds)
            solid.capsule(
                ankle + np.array([-0.03, 0, -0.03]),
                ankle + np.array([0.15, 0, -0.05]),
                0.045,
                0.035,
                "cloth",
                role=Role.SHOES,
                sides=sides - 1,
                rounds=rounds,
            )
            solid.capsule(shoulder, elbow, 0.06, 0.048, "cloth", role=Role.COAT, sides=sides - 1, rounds=rounds)
            solid.capsule(elbow, hand, 0.046, 0.036, "cloth", role=Role.COAT, sides=sides - 1, rounds=rounds)
            solid.capsule(
                hand, hand + np.array([0.05, 0, -0.02]), 0.038, 0.032, "skin", role=Role.SKIN, sides=sides - 2, rounds=1
            )
        else:
            solid.tube([tuple(hip), tuple(ankle)], [0.09, 0.05], "cloth", role=Role.TROUSERS, sides=3)
            solid.tube([tuple(shoulder), tuple(hand)], [0.06, 0.04], "cloth", role=Role.COAT, sides=3)
    if detail:
        spine = [
            (-0.17, 0.92, 0.13, 0.165),
            (-0.14, 1.0, 0.13, 0.17),
            (-0.08, 1.15, 0.115, 0.155),
            (0.02, 1.34, 0.135, 0.195),
            (0.08, 1.46, 0.11, 0.19),
            (0.11, 1.52, 0.05, 0.06),
        ]
        _torso(solid, spine, "cloth", Role.COAT, sides + 2)
        solid.capsule((0.12, 0, 1.48), (0.15, 0, 1.58), 0.052, 0.05, "skin", role=Role.SKIN, sides=sides - 1, rounds=1)
        solid.capsule((0.18, 0, 1.6), (0.185, 0, 1.66), 0.092, 0.1, "skin", role=Role.SKIN, sides=sides, rounds=rounds)
        solid.capsule(
            (0.12, 0, 1.685), (0.205, 0, 1.69), 0.105, 0.1, "plastic", role=Role.SECOND, sides=sides, rounds=rounds
        )
    else:
        solid.tube([(-0.16, 0, 0.92), (0.08, 0, 1.5)], [0.15, 0.17], "cloth", role=Role.COAT, sides=5, caps=True)
        solid.capsule((0.16, 0, 1.6), (0.17, 0, 1.69), 0.1, 0.1, "hair", role=Role.SECOND, sides=4, rounds=1)
    return solid.template()
