"""An unfinished road graph: its open junctions, the network's view from one, and a plan's wishes for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from world.errors import DataError
from world.scene.geometry import along, lengths
from world.scene.graph import RoadGraph
from world.scene.tokens import MOST_ARMS, MOST_LANES

ROWS, FEATURES = 32, 13  # streets in the view of a junction, and features of each
SIGHT = 320.0  # m to the furthest of them
SECTORS = {  # rad from the heading of arrival, by the name of an arm in plans
    "right": (math.radians(-114), math.radians(-66)),
    "straight": (math.radians(-24), math.radians(24)),
    "left": (math.radians(66), math.radians(114)),
}


@dataclass(frozen=True, slots=True)
class JunctionSpec:
    """A plan's wish for a junction. arm: a required key of SECTORS, from the street of arrival; lanes: of that arm, out of the junction;
    arms: number of all arms; within: greatest length of new arms, m. None: any. DataError for impossible values."""

    arm: str | None = None
    lanes: int | None = None
    arms: int | None = None
    within: float | None = None

    def __post_init__(self) -> None:
        if self.arm is not None and self.arm not in SECTORS:
            raise DataError(f"No arm of a junction is called '{self.arm}'; there are: {', '.join(SECTORS)}.")
        if self.lanes is not None and not 1 <= self.lanes <= MOST_LANES:
            raise DataError(f"An arm has 1 to {MOST_LANES} lanes, not {self.lanes}.")
        if self.arms is not None and not 1 <= self.arms <= MOST_ARMS:
            raise DataError(f"A junction has 1 to {MOST_ARMS} arms, not {self.arms}.")
        if self.arm in ("left", "right") and self.arms in (1, 2):
            raise DataError(f"A junction of {self.arms} arms has none to the {self.arm}; ask for three or more.")
        if self.within is not None and self.within < 60:
            raise DataError(f"A junction within {self.within:.0f} m leaves no room for a street; ask for 60 m or more.")


class Extension(NamedTuple):
    """An extension of a place: open junctions near (x, y) grow, with a plan's wish. arm: a key of SECTORS, or none (""); junction, street:
    the open junction at the end of our route, and the street that leads to it; metres: beyond that junction until the plan gives up."""

    x: float
    y: float
    arm: str = ""
    junction: int = -1
    street: int = -1
    metres: float = 0.0


def extension_from(values: Sequence[Any]) -> Extension:
    """The extension of a JSON list. TypeError, ValueError, IndexError or DataError where it is invalid."""
    x, y, *wish = values
    arm, junction, street, metres = wish or ("", -1, -1, 0.0)
    if not (arm == "" or arm in SECTORS) or not all(math.isfinite(float(one)) for one in (x, y, metres)):
        raise ValueError("no such wish")
    return Extension(float(x), float(y), arm, int(junction), int(street), float(metres))


@dataclass(frozen=True, eq=False)
class Growth:
    """An unfinished road graph. grown: junctions with all their arms; lines: the streets' centre lines; standing [N, 3]: x, y and radius of
    objects that new streets must avoid. For a part of a larger graph, `numbers` and `streets` int [N]: its initial junctions and
    streets in the whole; beyond: number of the whole's other junctions; open_beyond: whether one of them is open."""

    graph: RoadGraph
    grown: frozenset[int]
    lines: tuple[np.ndarray, ...]
    standing: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    streets: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    beyond: int = 0
    open_beyond: bool = False

    @cached_property
    def open(self) -> list[int]:
        """Junctions that can grow."""
        return [k for k in range(len(self.graph.junctions)) if k not in self.grown]

    @cached_property
    def xy(self) -> np.ndarray:
        """Positions of the junctions, [J, 2]."""
        return np.array([(j.x, j.y) for j in self.graph.junctions]).reshape(-1, 2)

    @cached_property
    def ends(self) -> np.ndarray:
        """The junctions of the streets, int [S, 2]."""
        return np.array([(s.start, s.end) for s in self.graph.streets], np.int64).reshape(-1, 2)

    def open_near(self, x: float, y: float, reach: float) -> list[int]:
        """Open junctions within `reach` m, the nearest first."""
        open = np.array(self.open, np.int64)
        away = np.hypot(*(self.xy[open] - (x, y)).T)
        return [int(k) for k in open[np.argsort(away, kind="stable")] if np.hypot(*(self.xy[k] - (x, y))) < reach]

    def number(self, junction: int) -> int:
        """A junction's number in the whole."""
        return int(self.numbers[junction]) if junction < len(self.numbers) else junction + self.beyond

    def part(self, near: np.ndarray) -> Growth:
        """The part with the streets at some junctions (bool [J]), enough to grow these."""
        streets = np.flatnonzero(near[self.ends].any(1))
        numbers = np.unique(self.ends[streets])
        ends = np.searchsorted(numbers, self.ends[streets]).tolist()
        graph = RoadGraph(
            tuple(self.graph.junctions[k] for k in numbers),
            tuple(
                replace(self.graph.streets[k], start=start, end=end)
                for k, (start, end) in zip(streets.tolist(), ends, strict=True)
            ),
            self.graph.look,
        )
        grown = frozenset(n for n, k in enumerate(numbers.tolist()) if k in self.grown)
        return Growth(
            graph,
            grown,
            tuple(self.lines[k] for k in streets),
            self.standing,
            numbers,
            streets,
            len(self.graph.junctions) - len(numbers),
            len(self.open) > len(numbers) - len(grown),
        )

    def joined(self, part: Growth) -> Growth:
        """The whole with a grown part of it."""
        before, first = len(part.numbers), len(part.streets)
        junctions = list(self.graph.junctions)
        for number, junction in zip(part.numbers.tolist(), part.graph.junctions[:before], strict=True):
            junctions[number] = junction
        streets = [
            replace(street, start=part.number(street.start), end=part.number(street.end))
            for street in part.graph.streets[first:]
        ]
        graph = replace(
            self.graph,
            junctions=(*junctions, *part.graph.junctions[before:]),
            streets=(*self.graph.streets, *streets),
        )
        grown = self.grown | {part.number(k) for k in part.grown}
        return Growth(graph, grown, (*self.lines, *part.lines[first:]))


@dataclass(frozen=True, eq=False)
class GraphArrays:
    """A graph as arrays. xy [J, 2], signals bool [J], grown bool [J]; ends int [S, 2], middles [S, 2], lanes int [S, 2] (forward, backward)."""

    xy: np.ndarray
    signals: np.ndarray
    grown: np.ndarray
    ends: np.ndarray
    middles: np.ndarray
    lanes: np.ndarray

    @classmethod
    def of(cls, graph: RoadGraph, grown: frozenset[int], lines: Sequence[np.ndarray]) -> GraphArrays:
        """The arrays of a graph. lines: the streets' centre lines."""
        return cls(
            np.array([(j.x, j.y) for j in graph.junctions]).reshape(-1, 2),
            np.array([j.signals for j in graph.junctions], bool),
            np.array([k in grown for k in range(len(graph.junctions))], bool),
            np.array([(s.start, s.end) for s in graph.streets], np.int64).reshape(-1, 2),
            np.array([_middle(line.tobytes()) for line in lines]).reshape(-1, 2),
            np.array([(s.forward, s.backward) for s in graph.streets], np.int64).reshape(-1, 2),
        )

    def arrival(self, street: int, junction: int) -> float:
        """The heading of a street's traffic at one of its ends, on the parabola through its ends and middle."""
        start, end = self.xy[self.ends[street]]
        direction = self.xy[junction] - (2 * self.middles[street] - 0.5 * (start + end))
        return math.atan2(direction[1], direction[0])

    def rows(self, streets: np.ndarray, junction: int, heading: float) -> tuple[np.ndarray, np.ndarray]:
        """(float32 [ROWS, FEATURES], bool [ROWS]): the nearest of `streets` (indices) in the frame of a junction and a heading."""
        out, there = np.zeros((ROWS, FEATURES), np.float32), np.zeros(ROWS, bool)
        cos, sin = math.cos(heading), math.sin(heading)
        turn = np.array([[cos, -sin], [sin, cos]])
        ends = self.ends[streets]
        points = np.stack([self.xy[ends[:, 0]], self.middles[streets], self.xy[ends[:, 1]]], 1) - self.xy[junction]
        away = np.hypot(points[..., 0], points[..., 1])
        order = np.argsort(away.min(1), kind="stable")[:ROWS]
        order = order[away.min(1)[order] < SIGHT]
        flip = away[order, 2] < away[order, 0]
        ends, lanes = ends[order], self.lanes[streets[order]]
        points = points[order] @ turn / 100
        ends = np.where(flip[:, None], ends[:, ::-1], ends)
        count = len(order)
        out[:count, :6] = np.where(flip[:, None, None], points[:, ::-1], points).reshape(count, 6)
        out[:count, 6:8] = np.where(flip[:, None], lanes[:, ::-1], lanes) / MOST_LANES
        out[:count, 8] = (ends == junction).any(1)
        out[:count, 9:11] = self.grown[ends]
        out[:count, 11:13] = self.signals[ends]
        there[:count] = True
        return out, there


@lru_cache(maxsize=8192)
def _middle(line: bytes) -> tuple[float, float]:
    """x and y of the middle of a line float64 [N, 2]; cached, since it is needed at every junction."""
    points = np.frombuffer(line).reshape(-1, 2)
    x, y = along(points, lengths(points)[-1] / 2).tolist()
    return x, y
