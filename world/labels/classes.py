"""Semantic classes of pixels by Cityscapes' label ids (Cordts et al. 2016), from a G-buffer's surfaces and instances."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from world.render.materials import Surface
from world.scene.objects import AGENT, THINGS, Kind
from world.scene.state import Place

PROP_BASE, AGENT_BASE = 1, -1  # a G-buffer's instance is PROP_BASE + number, or AGENT_BASE - id


class SemanticClass(IntEnum):
    """Cityscapes' label ids that occur here."""

    UNLABELED = 0
    STATIC = 4
    DYNAMIC = 5
    ROAD = 7
    SIDEWALK = 8
    BUILDING = 11
    WALL = 12
    FENCE = 13
    POLE = 17
    TRAFFIC_LIGHT = 19
    TRAFFIC_SIGN = 20
    VEGETATION = 21
    TERRAIN = 22
    SKY = 23
    PERSON = 24
    RIDER = 25
    CAR = 26
    TRUCK = 27
    BUS = 28
    BICYCLE = 33


PALETTE = {  # Cityscapes' colours
    SemanticClass.ROAD: (128, 64, 128),
    SemanticClass.SIDEWALK: (244, 35, 232),
    SemanticClass.BUILDING: (70, 70, 70),
    SemanticClass.WALL: (102, 102, 156),
    SemanticClass.FENCE: (190, 153, 153),
    SemanticClass.POLE: (153, 153, 153),
    SemanticClass.TRAFFIC_LIGHT: (250, 170, 30),
    SemanticClass.TRAFFIC_SIGN: (220, 220, 0),
    SemanticClass.VEGETATION: (107, 142, 35),
    SemanticClass.TERRAIN: (152, 251, 152),
    SemanticClass.SKY: (70, 130, 180),
    SemanticClass.PERSON: (220, 20, 60),
    SemanticClass.RIDER: (255, 0, 0),
    SemanticClass.CAR: (0, 0, 142),
    SemanticClass.TRUCK: (0, 0, 70),
    SemanticClass.BUS: (0, 60, 100),
    SemanticClass.BICYCLE: (119, 11, 32),
}
OF_SURFACE = {
    Surface.SKY: SemanticClass.SKY,
    Surface.ASPHALT: SemanticClass.ROAD,
    Surface.PAINT: SemanticClass.ROAD,
    Surface.PAVEMENT: SemanticClass.SIDEWALK,
    Surface.GROUND: SemanticClass.TERRAIN,
    Surface.WALL: SemanticClass.BUILDING,
    Surface.GLASS: SemanticClass.BUILDING,
    Surface.ROOF: SemanticClass.BUILDING,
    Surface.FOLIAGE: SemanticClass.VEGETATION,
    Surface.BARK: SemanticClass.VEGETATION,
    Surface.METAL: SemanticClass.POLE,
}
OF_KIND = {
    Kind.CAR: SemanticClass.CAR,
    Kind.POLICE: SemanticClass.CAR,
    Kind.VAN: SemanticClass.CAR,
    Kind.AMBULANCE: SemanticClass.CAR,
    Kind.LORRY: SemanticClass.TRUCK,
    Kind.FIRE_ENGINE: SemanticClass.TRUCK,
    Kind.BUS: SemanticClass.BUS,
    Kind.BICYCLE: SemanticClass.BICYCLE,
    Kind.PERSON: SemanticClass.PERSON,
    Kind.CHILD: SemanticClass.PERSON,
    Kind.DOG: SemanticClass.DYNAMIC,
    Kind.DEER: SemanticClass.DYNAMIC,
    **dict.fromkeys(THINGS, SemanticClass.DYNAMIC),
    Kind.HOUSE: SemanticClass.BUILDING,
    Kind.TREE: SemanticClass.VEGETATION,
    Kind.HEDGE: SemanticClass.VEGETATION,
    Kind.LAMP: SemanticClass.POLE,
    Kind.SIGNAL: SemanticClass.POLE,
    Kind.SIGN: SemanticClass.POLE,
    Kind.FENCE: SemanticClass.FENCE,
    Kind.WALL: SemanticClass.WALL,
    Kind.BENCH: SemanticClass.STATIC,
    Kind.BIN: SemanticClass.STATIC,
    Kind.BOLLARD: SemanticClass.POLE,
    Kind.SHELTER: SemanticClass.STATIC,
}
HEAD, FACE = 2.2, 2.1  # m above the ground from which on a signal's post bears its head, and a sign's its face
BODY = (Surface.CLOTH, Surface.SKIN)  # of a bicycle it is who rides it


def semantic(
    surface: np.ndarray, instance: np.ndarray, height: np.ndarray, agents: np.ndarray, place: Place
) -> np.ndarray:
    """Label of every pixel, uint8 [H, W].

    surface uint8 and instance int32 [H, W] are a G-buffer's, height float [H, W] is m above the ground; agents AGENT [A] and
    the place are the scene's. A signal's head and a sign's face differ from their posts by height.
    """
    assert agents.dtype == AGENT
    table = np.full(256, int(SemanticClass.STATIC), np.uint8)
    for material, label in OF_SURFACE.items():
        table[int(material)] = int(label)
    out = table[surface]
    kind = _kinds(instance, agents, place)
    by_kind = np.zeros(64, np.uint8)
    for one, label in OF_KIND.items():
        by_kind[int(one)] = int(label)
    out = np.where(kind > 0, by_kind[kind], out)
    out[(kind == Kind.BICYCLE) & np.isin(surface, [int(one) for one in BODY])] = int(SemanticClass.RIDER)
    out[(kind == Kind.SIGNAL) & (height > HEAD)] = int(SemanticClass.TRAFFIC_LIGHT)
    out[(kind == Kind.SIGN) & (height > FACE)] = int(SemanticClass.TRAFFIC_SIGN)
    return np.asarray(out, np.uint8)


def _kinds(instance: np.ndarray, agents: np.ndarray, place: Place) -> np.ndarray:
    """The kind of every pixel's instance, uint8 [H, W]; 0 for none."""
    numbers, there = place.numbers, agents[agents["kind"] != int(Kind.NONE)]
    mine = AGENT_BASE - there["id"]
    lowest = min(0, int(instance.min()), int(mine.min(initial=0)))
    highest = max(0, int(instance.max()), PROP_BASE + int(numbers.max(initial=-PROP_BASE)))
    table = np.zeros(highest - lowest + 1, np.uint8)
    table[numbers + PROP_BASE - lowest] = place.props["kind"]
    table[mine - lowest] = there["kind"]
    return np.asarray(table[instance - lowest])


def coloured(semantic: np.ndarray) -> np.ndarray:
    """Cityscapes' colours of label ids [H, W], uint8 [H, W, 3]; black for an id without a colour."""
    table = np.zeros((256, 3), np.uint8)
    for label, colour in PALETTE.items():
        table[int(label)] = colour
    return np.asarray(table[semantic])
