"""Materials: how a surface treats light. A mesh's triangles refer to them by index."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Surface(IntEnum):
    """Classes of surfaces with different shading."""

    SKY = 0
    ASPHALT = 1
    PAINT = 2  # on the road
    PAVEMENT = 3
    GROUND = 4  # grass, soil
    WALL = 5
    GLASS = 6
    ROOF = 7
    FOLIAGE = 8
    BARK = 9
    METAL = 10
    CLEARCOAT = 11  # car paint
    RUBBER = 12
    CLOTH = 13
    SKIN = 14
    FUR = 15
    LIGHT = 16  # lamps, signals, beacons: shine by themselves
    PLASTIC = 17


@dataclass(frozen=True, slots=True)
class Material:
    """texture: a name in world.render.textures, "" for plain; its albedo is multiplied by the triangle's tint.

    roughness in [0, 1]; emission: which group of lights it belongs to, "" for none (its radiance is tint times the group's
    value, by day and by night); cutout: the texture's alpha decides where there is nothing; two_sided: seen from behind too.
    """

    name: str
    surface: Surface
    texture: str = ""
    roughness: float = 0.8
    emission: str = ""
    cutout: bool = False
    two_sided: bool = False
