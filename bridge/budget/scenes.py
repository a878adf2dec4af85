"""The RAM of a scene world, which is never on the GPU: figures measured once, with their reasons.

Drives share the places, the triangles of what stands near them, textures and compiled loops; each has a state of some
kilobytes and its last minute of pictures. `lucidrive memory --measure` measures this machine's own figures.
"""

from __future__ import annotations

from bridge.budget.sizes import KIB, MIB
from bridge.budget.worlds import MINUTE, WorldSize
from world.render.painter import SHIPPED, WEIGHTS
from world.render.renderer import PLACES
from world.render.tiles import CAPACITY
from world.scene.objects import AGENT
from world.scene.places import towns
from world.scene.state import AGENTS
from world.scene_world import SIZES

LOOPS = 100 * MIB  # numba, LLVM and the cached loops: 70 at import, the rest at their first run
TEXTURES = 32 * MIB  # materials with their mip levels, as they are made
PLACE = 11 * MIB  # a map, what lines its streets, and the tables that a step looks up
TILE = 150 * KIB  # the triangles of a tile at one level of detail, on average over a drive
PIXEL = 256  # bytes: 2x2 samples of depth and index, the G-buffer, radiance, air and bloom
PAINTER_PIXEL = 500  # bytes more with the painter: its input, and the most of its layers that live at once


def scene_size(quality: int = 2) -> WorldSize:
    """The size of a scene world at the quality dial's value `quality`. weights: all that drives share; tick: the buffers of one picture."""
    height, width = SIZES[quality]
    shared = LOOPS + TEXTURES + len(towns()["test"]) * PLACE + PLACES * CAPACITY * TILE
    drive = 4 * AGENTS * AGENT.itemsize  # its state, the one before, and a copy of each during a step
    pixel = PIXEL
    if SHIPPED is not None:
        shared += (SHIPPED / WEIGHTS).stat().st_size
        pixel += PAINTER_PIXEL
    return WorldSize(shared, drive, height * width * pixel, MINUTE * 3 * height * width)
