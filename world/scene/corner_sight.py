"""Visibility at corners: lines of sight from a stop line into the streets beside it, and what blocks them."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numba import njit

from world.scene.frontage import Box
from world.scene.hd_map import HDMap

BEYOND = 4.0  # m into the other street to where one must see
LOW = 1.0  # m: what is no higher blocks nothing


def lines(place: HDMap, only: Collection[int] | None = None) -> np.ndarray:
    """Lines of sight float64 [N, 4]: (x, y) of an eye at a mouth, (x, y) of a point beyond the mouth of another arm. only: at the
    junctions of these streets."""
    graph = place.graph
    at = None if only is None else {end for k in only for end in (graph.streets[k].start, graph.streets[k].end)}
    ends: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in place.junctions]
    number = {shape.junction: k for k, shape in enumerate(place.junctions)}
    for shape in place.streets:
        street = graph.streets[shape.street]
        for junction, line in ((street.start, shape.centre), (street.end, shape.centre[::-1])):
            if junction not in number or (at is not None and junction not in at):
                continue
            direction = line[1] - line[0]
            ends[number[junction]].append(
                (line[0], line[0] + BEYOND * direction / max(float(np.hypot(*direction)), 1e-9))
            )
    sights = [
        (*eye, *target)
        for arms in ends
        if len(arms) > 2
        for a, (eye, _) in enumerate(arms)
        for b, (_, target) in enumerate(arms)
        if a != b
    ]
    return np.array(sights, np.float64).reshape(-1, 4)


def blocked(sights: np.ndarray, box: Box) -> np.ndarray:
    """bool [N]: which lines [N, 4] pass through a box (slab method, Kay and Kajiya 1986)."""
    hits: np.ndarray = _blocked(sights, *box)
    return hits


@njit(cache=True)
def _blocked(sights, x, y, heading, length, width):
    c, s = math.cos(heading), math.sin(heading)
    hits = np.zeros(len(sights), np.bool_)
    for k in range(len(sights)):
        x0, y0 = sights[k, 0] - x, sights[k, 1] - y
        dx, dy = sights[k, 2] - sights[k, 0], sights[k, 3] - sights[k, 1]
        low, high = 0.0, 1.0
        for ux, uy, half in ((c, s, length / 2), (-s, c, width / 2)):
            at, step = x0 * ux + y0 * uy, dx * ux + dy * uy
            if abs(step) < 1e-9:
                step = 1e-9
            near, far = (-half - at) / step, (half - at) / step
            low, high = max(low, min(near, far)), min(high, max(near, far))
        hits[k] = low <= high
    return hits
