"""Driving areas of streets and junctions, and the points in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from world.scene.frontage import aside
from world.scene.hd_map import HDMap, StreetShape


def driving_areas(place: HDMap, points: np.ndarray) -> np.ndarray:
    """Number of streets' and junctions' driving areas that contain each point [N, 2]; int [N]."""
    areas = [np.concatenate([shape.left, shape.right[::-1]]) for shape in place.streets]
    return covers([*areas, *(shape.outline for shape in place.junctions if len(shape.outline) > 2)], points)


def paved_area(street: StreetShape) -> np.ndarray:
    """A street with its pavements, as a polygon."""
    left, right = (aside(line, out * street.pavement) for line, out in ((street.left, 1), (street.right, -1)))
    return np.concatenate([left, right[::-1]])


def covers(areas: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """Number of polygons that contain each point [N, 2]; int [N]."""
    covered = np.zeros(len(points), int)
    for area in areas:
        near = np.flatnonzero(((points >= area.min(0)) & (points <= area.max(0))).all(1))
        covered[near] += _inside(points[near], area)
    return covered


def _inside(points: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """1 for points inside a polygon (even-odd rule); int [N]."""
    a, b = ring, np.roll(ring, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    inside: np.ndarray = np.count_nonzero(crosses & (x < at), axis=1) % 2
    return inside
