"""The library of materials, which meshes refer to by index."""

from __future__ import annotations

from world.render.light import EMISSION_GROUPS
from world.render.materials import Material, Surface

EMISSIONS = EMISSION_GROUPS  # the groups of lights that a material can belong to; "" is none

MATERIALS: tuple[Material, ...] = (
    # the road
    Material("asphalt", Surface.ASPHALT, "lane", 0.85),  # u across one lane, v along
    Material("asphalt_junction", Surface.ASPHALT, "asphalt", 0.85),
    Material("paint_white", Surface.PAINT, "paint", 0.6),
    Material("paint_yellow", Surface.PAINT, "paint", 0.6),
    Material("slabs", Surface.PAVEMENT, "slabs", 0.85),
    Material("kerb", Surface.PAVEMENT, "kerb", 0.8),
    Material("grass", Surface.GROUND, "grass", 0.95),
    Material("yard", Surface.GROUND, "yard", 0.95),
    # houses
    Material("plaster", Surface.WALL, "plaster", 0.9),
    Material("plaster_rough", Surface.WALL, "plaster_rough", 0.95),
    Material("brick", Surface.WALL, "brick", 0.9),
    Material("concrete", Surface.WALL, "concrete", 0.85),
    Material("tiles", Surface.ROOF, "tiles", 0.8),
    Material("flat_roof", Surface.ROOF, "concrete", 0.9),
    Material("stone", Surface.WALL, "kerb", 0.8),  # sills, cornices, lintels
    Material("window", Surface.GLASS, "window", 0.06),
    Material("window_curtain", Surface.GLASS, "window_curtain", 0.08),
    Material("window_blind", Surface.GLASS, "window_blind", 0.08),
    Material("window_lit", Surface.GLASS, "window_lit", 0.08, emission="window"),
    Material("shop", Surface.GLASS, "shop", 0.05),
    Material("shop_lit", Surface.GLASS, "shop", 0.05, emission="shop"),
    Material("frame", Surface.PLASTIC, "", 0.5),
    Material("door", Surface.PLASTIC, "door", 0.5),
    Material("awning", Surface.CLOTH, "awning", 0.9, two_sided=True),
    Material("facade", Surface.WALL, "facade", 0.85),  # whole bays with windows painted in, for far houses
    Material("facade_shops", Surface.WALL, "facade_shops", 0.7),
    Material("facade_brick", Surface.WALL, "facade_brick", 0.85),
    Material("skyline", Surface.WALL, "skyline", 0.9),
    # plants
    Material("leaf_lime", Surface.FOLIAGE, "leaf_lime", 1.0, cutout=True, two_sided=True),
    Material("leaf_maple", Surface.FOLIAGE, "leaf_maple", 1.0, cutout=True, two_sided=True),
    Material("leaf_birch", Surface.FOLIAGE, "leaf_birch", 1.0, cutout=True, two_sided=True),
    Material("hedge", Surface.FOLIAGE, "hedge", 1.0),
    Material("hedge_edge", Surface.FOLIAGE, "hedge_edge", 1.0, cutout=True, two_sided=True),
    Material("treeline", Surface.FOLIAGE, "treeline", 1.0, cutout=True, two_sided=True),
    Material("bark", Surface.BARK, "bark", 0.95),
    # street furniture
    Material("metal", Surface.METAL, "metal", 0.45),
    Material("railing", Surface.METAL, "railing", 0.45, cutout=True, two_sided=True),
    Material("wood", Surface.BARK, "wood", 0.8),
    Material("wood_fence", Surface.BARK, "wood_fence", 0.85, two_sided=True),
    Material("shelter_glass", Surface.GLASS, "", 0.05, two_sided=True),
    Material("lamp_head", Surface.LIGHT, "", 0.3, emission="lamp"),
    # road users and obstacles; all plain: the tint is the colour
    Material("car_paint", Surface.CLEARCOAT, "", 0.25),
    Material("car_glass", Surface.GLASS, "", 0.04),
    Material("tyre", Surface.RUBBER, "", 0.9),
    Material("chrome", Surface.METAL, "", 0.15),
    Material("plastic", Surface.PLASTIC, "", 0.5),
    Material("headlamp", Surface.LIGHT, "", 0.1, emission="head"),
    Material("taillamp", Surface.LIGHT, "", 0.2, emission="tail"),
    Material("brakelamp", Surface.LIGHT, "", 0.2, emission="brake"),
    Material("indicator_left", Surface.LIGHT, "", 0.2, emission="left"),
    Material("indicator_right", Surface.LIGHT, "", 0.2, emission="right"),
    Material("beacon", Surface.LIGHT, "", 0.2, emission="beacon"),
    Material("skin", Surface.SKIN, "", 0.6),
    Material("cloth", Surface.CLOTH, "", 0.9),
    Material("hair", Surface.FUR, "", 0.7),
    Material("fur", Surface.FUR, "", 0.9),
    Material("cone", Surface.PLASTIC, "", 0.5),
    Material("board", Surface.PLASTIC, "", 0.4),
    Material("sign_face", Surface.PLASTIC, "", 0.4),
    Material("signal_red", Surface.LIGHT, "", 0.2, emission="red"),
    Material("signal_amber", Surface.LIGHT, "", 0.2, emission="amber"),
    Material("signal_green", Surface.LIGHT, "", 0.2, emission="green"),
)

_INDEX = {one.name: index for index, one in enumerate(MATERIALS)}


def material(name: str) -> int:
    """The index of a material. Raises KeyError for a name that is not in the library."""
    return _INDEX[name]
