"""Room for one more street in a planar road graph: it crosses no other, keeps its distance, and leaves room for corners."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.scene.arms import DEAD_END, SHARE, arms_at, mouths
from world.scene.geometry import lengths, resampled
from world.scene.graph import Point, RoadGraph

BESIDE = (
    3.0 + 6.0
)  # m from a street's kerb to the kerb of another that it does not meet: pavements, and something between
APART = 34.0  # m at least from a junction to another, and to a street that does not lead to it
SHARED = 42.0  # m from a junction that two streets share, within which they may be near each other
LEAST_ANGLE = math.radians(48)  # between two arms
AROUND_OPEN = 55.0  # m from an open junction within which objects are removed for it
SAMPLES = 6.0  # m between the points of a street that are tested
NEAR = 420.0  # m within which streets are tested


@dataclass(frozen=True, eq=False)
class PlanarGraph:
    """A graph's geometry in the plane. xy [J, 2]; lines: centre lines, [N, 2] each; middles [S, 2]; ends int [S, 2]; halves [S]: m
    from the centre to the further kerb."""

    xy: np.ndarray
    lines: tuple[np.ndarray, ...]
    middles: np.ndarray
    ends: np.ndarray
    halves: np.ndarray


def plan_of(graph: RoadGraph, lines: Sequence[np.ndarray]) -> PlanarGraph:
    """The geometry of a graph. lines: the streets' centre lines."""
    return PlanarGraph(
        np.array([(j.x, j.y) for j in graph.junctions]).reshape(-1, 2),
        tuple(lines),
        np.array([line[len(line) // 2] for line in lines]).reshape(-1, 2),
        np.array([(s.start, s.end) for s in graph.streets], np.int64).reshape(-1, 2),
        np.array([max(s.forward, s.backward) * s.lane_width for s in graph.streets]),
    )


def has_room(plan: PlanarGraph, line: np.ndarray, half: float, ends: tuple[int, int | None]) -> bool:
    """Whether there is room for a street. half: m from its centre to the further kerb; ends: its junctions, None for a new one at its end."""
    points = resampled(line, SAMPLES)
    others = np.ones(len(plan.xy), bool)
    others[[end for end in ends if end is not None]] = False
    if others.any() and _between(points, plan.xy[others]).min() < APART:
        return False
    low, high = points.min(0), points.max(0)
    for street in np.flatnonzero(np.hypot(*(plan.middles - points[len(points) // 2]).T) < NEAR):
        other, beyond = plan.lines[street], max(APART, half + plan.halves[street] + BESIDE)
        if (other.min(0) > high + beyond).any() or (other.max(0) < low - beyond).any():
            continue  # neither near nor crossed
        shared = [end for end in ends if end is not None and end in plan.ends[street]]
        far = np.ones(len(points), bool)
        for end in shared:
            far &= np.hypot(*(points - plan.xy[end]).T) > SHARED
        room = half + plan.halves[street] + BESIDE
        away = _to_line(points, other)
        if (away[far] < room).any() or (not shared and ends[1] is None and away[-1] < APART):
            return False
        if not shared and _crosses(line, other):
            return False
    return True


def is_free(standing: np.ndarray, line: np.ndarray, half: float, open: Sequence[Point]) -> bool:
    """Whether no object of `standing` [N, 3] (x, y, radius) blocks a street that is `half` m wide to either side. Objects within
    AROUND_OPEN of the open junctions at its ends are removed, so they do not block."""
    if not len(standing):
        return True
    low, high = line.min(0) - half - 30, line.max(0) + half + 30
    near = standing[((standing[:, :2] >= low) & (standing[:, :2] <= high)).all(1)]
    for x, y in open:
        near = near[np.hypot(near[:, 0] - x, near[:, 1] - y) > AROUND_OPEN]
    return not len(near) or bool((_to_line(near[:, :2], line) > half + near[:, 2]).all())


def corners_fit(graph: RoadGraph, lines: Sequence[np.ndarray], junction: int) -> bool:
    """Whether a junction's arms part widely enough, and the streets there are long enough for its mouths."""
    own = [k for k, street in enumerate(graph.streets) if junction in (street.start, street.end)]
    arms = arms_at(graph, lines, [(k, graph.streets[k].start == junction) for k in own])
    bearings = sorted(math.atan2(arm.direction[1], arm.direction[0]) for arm in arms)
    turns = [(b - a) % math.tau for a, b in zip(bearings, bearings[1:] + bearings[:1], strict=True)]
    if len(arms) > 1 and min(turns) < LEAST_ANGLE:
        return False
    far = mouths(arms) if len(arms) > 1 else [DEAD_END]
    whole = [lengths(lines[arm.street])[-1] for arm in arms]
    return all(mouth <= SHARE * length for mouth, length in zip(far, whole, strict=True))


def _between(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1))


def _to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """m from every point to a polyline."""
    a, d = line[:-1], np.diff(line, axis=0)
    share = np.einsum("pkd,kd->pk", points[:, None] - a, d) / np.maximum(np.einsum("kd,kd->k", d, d), 1e-12)
    return _hypot(points[:, None] - (a + np.clip(share, 0, 1)[..., None] * d)).min(1)


def _hypot(steps: np.ndarray) -> np.ndarray:
    return np.hypot(steps[..., 0], steps[..., 1])


def _crosses(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two polylines cross."""
    p, q, a, b = one[:-1, None], one[1:, None], other[None, :-1], other[None, 1:]
    return bool(((_side(p, q, a) * _side(p, q, b) < 0) & (_side(a, b, p) * _side(a, b, q) < 0)).any())


def _side(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    return (v[..., 0] - u[..., 0]) * (w[..., 1] - u[..., 1]) - (v[..., 1] - u[..., 1]) * (w[..., 0] - u[..., 0])
