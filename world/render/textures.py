"""The library of textures: uint8 [H, W, 4], sRGB and alpha, powers of two, tileable, generated.

Row 0 is v = 0. Walls, windows and cards are stored with their top in row 0, so v grows downwards on them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from world.render import textures_ground as ground
from world.render import textures_plants as plants
from world.render import textures_walls as walls

_MAKERS: dict[str, Callable[[], np.ndarray]] = {
    "lane": ground.lane,
    "asphalt": ground.asphalt,
    "paint": ground.paint,
    "slabs": ground.slabs,
    "kerb": ground.kerb,
    "grass": ground.grass,
    "yard": ground.yard,
    "plaster": walls.plaster,
    "plaster_rough": walls.plaster_rough,
    "brick": walls.brick,
    "concrete": walls.concrete,
    "tiles": walls.tiles,
    "window": partial(walls.window, "dark"),
    "window_curtain": partial(walls.window, "curtain"),
    "window_blind": partial(walls.window, "blind"),
    "window_lit": partial(walls.window, "lit"),
    "shop": walls.shop,
    "door": walls.door,
    "awning": walls.awning,
    "facade": partial(walls.facade, "plaster"),
    "facade_brick": partial(walls.facade, "brick"),
    "facade_shops": partial(walls.facade, "shops"),
    "skyline": walls.skyline,
    "metal": walls.metal,
    "wood": walls.wood,
    "wood_fence": walls.wood_fence,
    "railing": walls.railing,
    "leaf_lime": partial(plants.leaves, (0.10, 0.17, 0.035), 34, (4.6, 2.7), 430),
    "leaf_maple": partial(plants.leaves, (0.115, 0.15, 0.034), 35, (5.6, 3.8), 290),
    "leaf_birch": partial(plants.leaves, (0.125, 0.18, 0.055), 36, (3.6, 2.1), 560),
    "hedge": plants.hedge,
    "hedge_edge": plants.hedge_edge,
    "treeline": plants.treeline,
    "bark": plants.bark,
}
NAMES = tuple(_MAKERS)

# Metres that one repeat covers, along u and v; for materials whose UVs follow from positions.
TILE: dict[str, tuple[float, float]] = {
    "lane": (1.0, 24.0),  # u: lanes
    "asphalt": (12.0, 12.0),
    "paint": (4.0, 4.0),
    "slabs": (4.0, 4.0),
    "kerb": (1.0, 0.5),
    "grass": (16.0, 16.0),
    "yard": (8.0, 8.0),
    "plaster": (8.0, 8.0),
    "plaster_rough": (8.0, 8.0),
    "brick": (4.0, 4.0),
    "concrete": (6.0, 6.0),
    "tiles": (4.0, 4.0),
    "metal": (1.0, 1.0),
    "wood": (1.0, 1.0),
    "wood_fence": (2.0, 1.4),
    "railing": (1.0, 1.0),
    "hedge": (2.0, 2.0),
    "hedge_edge": (2.0, 0.5),
    "skyline": (28.0, 25.0),  # bays of 3.5 m, floors of 3.1 m
    "treeline": (48.0, 12.0),
    "bark": (1.0, 1.0),
}


@cache
def texture(name: str) -> np.ndarray:
    """One texture, read-only. Raises KeyError for a name that is not in NAMES."""
    pixels = _MAKERS[name]()
    pixels.setflags(write=False)
    return pixels
