"""What lines the streets: houses, trees, lamps, signals, signs. By rules, decided by the map alone."""

from __future__ import annotations

import numpy as np

from world.scene.hd_map import HDMap
from world.scene.objects import PROP


def line(place: HDMap) -> np.ndarray:
    """PROP [N] along every street of a map."""
    return np.zeros(0, PROP)
