"""What a scene world takes of RAM, which is where it is whatever the device: measured once, with the reasons.

Drives share the places, the triangles of what stands near them, textures and compiled loops; each has a record of some
kilobytes and its last minute of pictures. `lucidrive memory --measure` measures this machine's own.
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

LOOPS = (
    100 * MIB
)  # numba, LLVM, and the loops that it reads from its cache: 70 as they are imported, the rest as they first run
TEXTURES = 32 * MIB  # materials with their mip levels, as they are made
PLACE = 11 * MIB  # a map, what lines its streets, and the tables that a step looks up
PIECE = 150 * KIB  # the triangles of a tile at one level of detail, in the mean of a drive
POINT = 256  # bytes of a picture's point: 2x2 samples of depth and index, the G-buffer, radiance, air and bloom
PAINTED = 500  # bytes more of a painted point: what the painter sees, and the most of its layers that live at once


def scene_size(quality: int = 2) -> WorldSize:
    """Of a scene world whose quality dial stands at `quality`. weights: all that is shared; tick: the buffers of a picture, one after another."""
    height, width = SIZES[quality]
    shared = LOOPS + TEXTURES + len(towns()["test"]) * PLACE + PLACES * CAPACITY * PIECE
    drive = 4 * AGENTS * AGENT.itemsize  # its record, the one before, and a copy of each as a step works
    point = POINT
    if SHIPPED is not None:
        shared += (SHIPPED / WEIGHTS).stat().st_size
        point += PAINTED
    return WorldSize(shared, drive, height * width * point, MINUTE * 3 * height * width)
