"""Colours by appearance code and lamps by state: the tables that a template's roles are looked up in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from world.render.assets.solids import Colour, Role
from world.render.library import material
from world.scene.objects import Kind, Lights

BLINK = 0.75  # s, one period of the indicators
FLASH = 0.5  # s, one period of the beacons

PAINTS: tuple[Colour, ...] = (
    (0.62, 0.62, 0.61),  # white
    (0.34, 0.35, 0.37),  # silver
    (0.09, 0.095, 0.105),  # grey
    (0.012, 0.012, 0.014),  # black
    (0.45, 0.012, 0.012),  # red
    (0.015, 0.07, 0.3),  # blue
    (0.01, 0.025, 0.09),  # dark blue
    (0.015, 0.12, 0.06),  # green
    (0.55, 0.52, 0.45),  # cream
    (0.2, 0.016, 0.022),  # dark red
    (0.62, 0.62, 0.61),
    (0.16, 0.17, 0.185),
    (0.6, 0.36, 0.02),  # yellow
    (0.03, 0.2, 0.3),  # petrol
    (0.2, 0.13, 0.07),  # bronze
    (0.03, 0.031, 0.034),
)
BUSES: tuple[Colour, ...] = (
    (0.55, 0.34, 0.02),
    (0.5, 0.02, 0.015),
    (0.02, 0.12, 0.4),
    (0.6, 0.6, 0.58),
    (0.03, 0.25, 0.1),
)
BOXES: tuple[Colour, ...] = (
    (0.62, 0.62, 0.6),
    (0.5, 0.5, 0.48),
    (0.62, 0.62, 0.6),
    (0.03, 0.1, 0.3),
    (0.4, 0.05, 0.03),
    (0.1, 0.25, 0.14),
)
COATS: tuple[Colour, ...] = (
    (0.35, 0.02, 0.02),
    (0.02, 0.08, 0.3),
    (0.02, 0.16, 0.06),
    (0.03, 0.03, 0.035),
    (0.42, 0.38, 0.3),
    (0.4, 0.22, 0.02),
    (0.16, 0.17, 0.19),
    (0.5, 0.5, 0.5),
    (0.3, 0.05, 0.16),
    (0.05, 0.2, 0.25),
    (0.11, 0.06, 0.03),
)
TROUSERS: tuple[Colour, ...] = (
    (0.02, 0.035, 0.08),
    (0.025, 0.025, 0.028),
    (0.12, 0.1, 0.07),
    (0.07, 0.075, 0.08),
    (0.04, 0.03, 0.025),
)
HAIRS: tuple[Colour, ...] = (
    (0.025, 0.015, 0.01),
    (0.08, 0.04, 0.018),
    (0.01, 0.01, 0.01),
    (0.3, 0.2, 0.08),
    (0.3, 0.3, 0.29),
    (0.16, 0.05, 0.02),
)
SKINS: tuple[Colour, ...] = (
    (0.5, 0.3, 0.21),
    (0.42, 0.24, 0.16),
    (0.25, 0.13, 0.075),
    (0.1, 0.05, 0.03),
    (0.55, 0.35, 0.26),
)
SHOES: tuple[Colour, ...] = ((0.02, 0.015, 0.012), (0.3, 0.3, 0.3), (0.06, 0.03, 0.015))
DOGS: tuple[Colour, ...] = ((0.3, 0.17, 0.07), (0.025, 0.022, 0.02), (0.45, 0.38, 0.28), (0.14, 0.07, 0.03))
DEERS: tuple[Colour, ...] = ((0.2, 0.1, 0.045), (0.15, 0.085, 0.045))
HELMETS: tuple[Colour, ...] = (
    (0.6, 0.6, 0.58),
    (0.03, 0.03, 0.03),
    (0.4, 0.02, 0.02),
    (0.03, 0.1, 0.35),
    (0.45, 0.5, 0.03),
)

_LIT = {
    Role.LEFT: "indicator_left",
    Role.RIGHT: "indicator_right",
    Role.HEAD: "headlamp",
    Role.BEACON_A: "beacon",
    Role.BEACON_B: "beacon",
}
_SHINE: dict[str, Colour] = {
    "taillamp": (1.0, 0.035, 0.02),
    "brakelamp": (1.0, 0.035, 0.02),
    "indicator_left": (1.0, 0.42, 0.03),
    "indicator_right": (1.0, 0.42, 0.03),
    "headlamp": (1.0, 0.95, 0.86),
    "beacon": (0.06, 0.2, 1.0),
}
_UNLIT: dict[Role, Colour] = {
    Role.TAIL: (0.22, 0.008, 0.008),
    Role.LEFT: (0.4, 0.13, 0.01),
    Role.RIGHT: (0.4, 0.13, 0.01),
    Role.HEAD: (0.55, 0.57, 0.6),
    Role.BEACON_A: (0.01, 0.04, 0.3),
    Role.BEACON_B: (0.01, 0.04, 0.3),
}


def _pick(colours: tuple[Colour, ...], look: int, prime: int) -> Colour:
    return colours[(look * prime + look // 5) % len(colours)]


def lit(lights: int, identity: int, seconds: float) -> tuple[str, ...]:
    """The material of every lamp's Role from TAIL on, "" for dark lamps."""
    blink = (seconds / BLINK + 0.37 * identity) % 1.0 < 0.5
    flash = (seconds / FLASH + 0.29 * identity) % 1.0 < 0.5
    tail = "brakelamp" if lights & Lights.BRAKE else "taillamp" if lights & Lights.HEAD else ""
    shines = {
        Role.LEFT: bool(lights & Lights.LEFT) and blink,
        Role.RIGHT: bool(lights & Lights.RIGHT) and blink,
        Role.HEAD: bool(lights & Lights.HEAD),
        Role.BEACON_A: bool(lights & Lights.BEACON) and flash,
        Role.BEACON_B: bool(lights & Lights.BEACON) and not flash,
    }
    return (tail, *(_LIT[role] if on else "" for role, on in shines.items()))


def role_tables(kind: int, look: int, lights: int, identity: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Material, int32 [roles] (-1: the template's own), and tint, float32 [roles, 3], of every Role for one road user."""
    return _tables(kind, abs(look), lit(lights, identity, seconds))


@lru_cache(maxsize=4096)
def _tables(kind: int, look: int, lamps: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    materials = np.full(len(Role), -1, np.int32)
    tints = np.ones((len(Role), 3), np.float32)
    paints = {Kind.BUS: BUSES, Kind.DOG: DOGS, Kind.DEER: DEERS}.get(Kind(kind), PAINTS)
    tints[Role.PAINT] = paints[look % len(paints)]
    if kind == Kind.LORRY:
        tints[Role.SECOND] = BOXES[look // 3 % len(BOXES)]
    elif kind == Kind.BICYCLE:
        tints[Role.SECOND] = _pick(HELMETS, look, 3)
    else:
        tints[Role.SECOND] = tints[Role.PAINT] * np.float32(0.45)
    tints[Role.COAT] = _pick(COATS, look, 1)
    tints[Role.TROUSERS] = _pick(TROUSERS, look, 3)
    tints[Role.HAIR] = _pick(HAIRS, look, 7)
    tints[Role.SKIN] = _pick(SKINS, look, 11)
    tints[Role.SHOES] = _pick(SHOES, look, 2)
    for role, name in zip(_UNLIT, lamps, strict=True):
        materials[role] = material(name or "plastic")
        tints[role] = _SHINE[name] if name else _UNLIT[role]
    return materials, tints
