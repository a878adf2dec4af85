"""Dogs and deer that trot: a barrel of a body on four legs, diagonal pairs in turn."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from world.render.assets.people import GAITS, STANDING
from world.render.assets.solids import Colour, Role, Solid, Template

_DARK: Colour = (0.025, 0.02, 0.018)


def _legs(
    solid: Solid, xs: tuple[float, float], y: float, height: float, radius: float, gait: int, detail: int
) -> None:
    turn = 2 * np.pi * gait / GAITS
    amount = 0.0 if gait == STANDING else 1.0
    for x, end in ((xs[0], 1), (xs[1], -1)):
        for side in (1, -1):
            phase = turn if side * end == 1 else turn + np.pi
            swing, lift = amount * 0.5 * math.sin(phase), amount * max(0.0, math.cos(phase))
            start = np.array([x, side * y, height])
            upper, lower = swing + 0.12 * end, swing - 0.12 * end - 0.9 * lift * (1 if end == 1 else 0.6)
            knee = start + 0.48 * height * np.array([math.sin(upper), 0, -math.cos(upper)])
            foot = knee + 0.5 * height * np.array([math.sin(lower), 0, -math.cos(lower)])
            foot[2] = max(foot[2], radius * 0.5)
            if detail:
                sides = 6 if detail == 2 else 4
                solid.capsule(start, knee, radius * 2.0, radius * 1.05, "fur", role=Role.PAINT, sides=sides, rounds=1)
                solid.capsule(knee, foot, radius, radius * 0.75, "fur", role=Role.PAINT, sides=sides, rounds=1)
                if detail == 2:
                    solid.capsule(
                        foot,
                        foot + np.array([radius * 1.4, 0, 0]),
                        radius * 0.95,
                        radius * 0.7,
                        "fur",
                        _DARK,
                        sides=5,
                        rounds=1,
                    )
            else:
                solid.tube([tuple(start), tuple(foot)], [radius * 1.6, radius], "fur", role=Role.PAINT, sides=3)


def _limb(
    solid: Solid,
    a: tuple[float, float, float],
    b: tuple[float, float, float],
    ra: float,
    rb: float,
    detail: int,
    role: Role = Role.PAINT,
    tint: Colour = (1, 1, 1),
) -> None:
    sides, rounds = {2: (9, 3), 1: (6, 1), 0: (4, 1)}[detail]
    solid.capsule(a, b, ra, rb, "fur", tint, role, sides, rounds)


@cache
def dog(gait: int, detail: int) -> Template:
    """A dog 0.9 m long and 0.65 m high."""
    solid = Solid()
    _legs(solid, (0.2, -0.22), 0.075, 0.34, 0.022, gait, detail)
    _limb(solid, (0.17, 0, 0.42), (-0.2, 0, 0.41), 0.118, 0.098, detail)
    _limb(solid, (0.21, 0, 0.46), (0.31, 0, 0.54), 0.09, 0.07, detail)
    _limb(solid, (0.32, 0, 0.555), (0.34, 0, 0.555), 0.078, 0.072, detail)
    if detail:
        _limb(solid, (0.36, 0, 0.54), (0.43, 0, 0.525), 0.045, 0.034, detail)
        _limb(solid, (0.455, 0, 0.535), (0.46, 0, 0.535), 0.016, 0.014, min(detail, 1), Role.FIXED, _DARK)
        for side in (1, -1):
            _limb(
                solid, (0.3, side * 0.06, 0.6), (0.285, side * 0.085, 0.53), 0.025, 0.018, min(detail, 1), Role.SECOND
            )
    wag = 0.05 * math.sin(2 * np.pi * gait / GAITS)
    _limb(solid, (-0.28, 0, 0.46), (-0.42, wag, 0.6), 0.026, 0.014, min(detail, 1))
    return solid.template()


@cache
def deer(gait: int, detail: int, antlers: bool) -> Template:
    """A deer 1.5 m long and 1.5 m high."""
    solid = Solid()
    _legs(solid, (0.36, -0.46), 0.13, 0.72, 0.026, gait, detail)
    _limb(solid, (0.3, 0, 0.88), (-0.02, 0, 0.86), 0.2, 0.18, detail)
    _limb(solid, (-0.02, 0, 0.87), (-0.46, 0, 0.88), 0.18, 0.185, detail)
    _limb(solid, (0.4, 0, 0.96), (0.56, 0, 1.22), 0.115, 0.07, detail)
    _limb(solid, (0.57, 0, 1.26), (0.64, 0, 1.24), 0.078, 0.062, detail)
    _limb(solid, (0.66, 0, 1.225), (0.74, 0, 1.19), 0.048, 0.034, detail)
    if detail:
        _limb(solid, (0.755, 0, 1.19), (0.76, 0, 1.19), 0.018, 0.016, 1, Role.FIXED, _DARK)
        _limb(solid, (-0.6, 0, 0.95), (-0.66, 0, 0.82), 0.035, 0.02, 1, Role.FIXED, (0.6, 0.55, 0.48))
        for side in (1, -1):
            _limb(solid, (0.53, side * 0.06, 1.31), (0.48, side * 0.15, 1.37), 0.03, 0.01, 1)
    if antlers and detail:
        bone = (0.2, 0.15, 0.1)
        for side in (1, -1):
            beam = [
                (0.56, side * 0.04, 1.31),
                (0.5, side * 0.12, 1.4),
                (0.52, side * 0.2, 1.48),
                (0.6, side * 0.2, 1.54),
            ]
            solid.tube(beam, [0.016, 0.014, 0.011, 0.005], "fur", bone, sides=4)
            solid.tube([beam[1], (0.6, side * 0.14, 1.48)], [0.012, 0.004], "fur", bone, sides=4)
    return solid.template()
