"""A small town for tests: three by three junctions, two lanes each way in one direction, one in the other."""

from __future__ import annotations

from functools import cache

import numpy as np

from world.scene.build import build
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.objects import PROP
from world.scene.state import Place

SIDE, BLOCK = 3, 110.0  # junctions a side, m


def graph(signals: bool = True) -> RoadGraph:
    junctions = tuple(
        Junction(BLOCK * column, BLOCK * row, signals and (column + row) % 2 == 0)
        for row in range(SIDE)
        for column in range(SIDE)
    )
    streets = []
    for row in range(SIDE):
        for column in range(SIDE):
            here = SIDE * row + column
            if column + 1 < SIDE:
                streets.append(Street(here, here + 1, forward=2, backward=2))
            if row + 1 < SIDE:
                streets.append(Street(here, here + SIDE))
    return RoadGraph(junctions, tuple(streets))


@cache
def town() -> Place:
    """Without anything beside its streets."""
    return Place("a grid for tests", build(graph()), np.zeros(0, PROP))
