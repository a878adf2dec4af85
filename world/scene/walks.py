"""Paths for people: pavements, corners and crossings, and how they connect."""

from __future__ import annotations

import numpy as np

from world.scene.arms import Arm, Corner, Lines, mouth_point
from world.scene.geometry import along, crossing_point, lengths, offset, resampled
from world.scene.graph import RoadGraph
from world.scene.hd_map import CORNER, CROSSED, CROSSING, CROSSING_WALK, PAVEMENT, WALK, WALK_LINK
from world.scene.lanes import AMBER, GREEN, PHASE, LaneBuilder, pack_lines

WIDTH, BEFORE_MOUTH = 3.5, 2.3  # m of a crossing; its middle lies so far inside a mouth
Node = tuple[int, bool, bool]  # street, at its start?, left side looking along the street?


class Walks:
    """Gathers walks while a street or a junction is built; indices count from its own first rows."""

    def __init__(self, graph: RoadGraph, lines: Lines, tables: LaneBuilder) -> None:
        self.graph, self.lines, self.tables = graph, lines, tables
        self.rows: list[tuple[int, int, int, float]] = []  # kind, street, crossing, width
        self.shapes: list[np.ndarray] = []
        self.ends: list[tuple[Node, Node]] = []
        self.crossings: list[tuple[int, int, np.ndarray, np.ndarray, int, int, int, int]] = []
        self.crossed: list[tuple[int, float]] = []

    def add_street(self, index: int) -> None:
        """Both pavements of a street."""
        street = self.graph.streets[index]
        for left in (True, False) if street.pavement > 0 else ():
            lanes = street.backward if left else street.forward
            aside = lanes * street.lane_width + street.pavement / 2
            line = resampled(offset(self.lines[index], aside if left else -aside), 4.0)
            self._add(PAVEMENT, index, -1, street.pavement, line, (index, True, left), (index, False, left))

    def add_junction(self, junction: int, arms: list[Arm], corners: list[Corner]) -> None:
        """Corners between arms with pavements, and crossings over arms that have one."""
        for k, (arm, corner) in enumerate(zip(arms, corners, strict=True)):
            after = arms[(k + 1) % len(arms)]
            if arm.pavement > 0 and after.pavement > 0:
                middle = 0.5 * (resampled_to(corner.kerb, 9) + resampled_to(corner.outer, 9))
                width = min(arm.pavement, after.pavement)
                self._add(CORNER, -1, -1, width, middle, _node(arm, True), _node(after, False))
        if len(arms) > 2:
            for arm in arms:
                if arm.crossing:
                    self._cross(junction, arm)

    def _cross(self, junction: int, arm: Arm) -> None:
        inward = -BEFORE_MOUTH * arm.direction
        line = self.lines[arm.street]
        right, left = (mouth_point(line, arm, far) + inward for far in (-arm.right, arm.left))
        first, index = len(self.crossed), len(self.crossings)
        for lane, values in enumerate(self.tables.lanes):
            if values["junction"] == junction:
                s = crossing_point(right, left, self.tables.shapes[lane])
                if s is not None:
                    self.crossed.append((lane, s))
        signal = self._signal(junction, arm, right)
        self.crossings.append(
            (arm.street, junction, right, left, signal, len(self.rows), first, len(self.crossed) - first)
        )
        ends = [mouth_point(line, arm, far) for far in (-arm.right - arm.pavement / 2, arm.left + arm.pavement / 2)]
        path = np.stack([ends[0], right, left, ends[1]])
        self._add(CROSSING_WALK, arm.street, index, WIDTH, path, _node(arm, False), _node(arm, True))

    def _signal(self, junction: int, arm: Arm, at: np.ndarray) -> int:
        """People walk while the traffic of the next phase drives."""
        own = self.tables.phases.get((junction, 2 * arm.street + arm.at_start), -1)
        if own < 0:
            return -1
        cycle = self.tables.signals[own][7]
        green = (self.tables.signals[own][4] + PHASE) % cycle
        heading = float(np.arctan2(arm.normal[1], arm.normal[0]))
        walk = green + GREEN - 2.0
        self.tables.signals.append((junction, at[0], at[1], heading, green, walk, walk + AMBER / 3, cycle))
        return len(self.tables.signals) - 1

    def _add(self, kind: int, street: int, crossing: int, width: float, line: np.ndarray, a: Node, b: Node) -> None:
        self.rows.append((kind, street, crossing, width))
        self.shapes.append(line)
        self.ends.append((a, b))

    def packed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """WALK without its links, POINT, and int64 [walks, 2]: a number for the pavement's end at which each begins and ends."""
        walks = np.zeros(len(self.rows), WALK)
        points, walks["first"], walks["count"], walks["length"] = pack_lines(self.shapes)
        for k, row in enumerate(self.rows):
            walks["kind"][k], walks["street"][k], walks["crossing"][k], walks["width"][k] = row
        ends = [[4 * street + 2 * at_start + left for street, at_start, left in pair] for pair in self.ends]
        return walks, points, np.array(ends, np.int64).reshape(-1, 2)

    def packed_crossings(self) -> tuple[np.ndarray, np.ndarray]:
        """CROSSING and CROSSED."""
        crossings = np.zeros(len(self.crossings), CROSSING)
        for k, (street, junction, right, left, signal, walk, begin_row, lanes) in enumerate(self.crossings):
            crossings[k] = (street, junction, *right, *left, WIDTH, signal, walk, begin_row, lanes)
        return crossings, np.array(self.crossed, CROSSED)


def links(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """WALK_LINK of walks [N] by the ends that they share (int64 [N, 2]), and how many of each lie at its end and at its beginning."""
    count = len(ends)
    nodes = ends.ravel()
    order = np.argsort(nodes, kind="stable")
    queries = ends[:, ::-1].ravel()  # of each walk its end, then its beginning
    low, high = (np.searchsorted(nodes[order], queries, side=side) for side in ("left", "right"))
    many = high - low
    matches = order[np.repeat(low, many) + within(many)]
    whose = np.repeat(np.arange(2 * count), many)
    other = matches // 2 != whose // 2
    rows = np.zeros(int(other.sum()), WALK_LINK)
    rows["walk"], rows["reverse"] = matches[other] // 2, matches[other] % 2
    there = np.bincount(whose[other], minlength=2 * count).reshape(-1, 2)
    return rows, there[:, 0], there[:, 1]


def within(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... within each of consecutive groups of `counts` [N] members."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def resampled_to(line: np.ndarray, count: int) -> np.ndarray:
    """The same line with `count` points, evenly spaced."""
    return along(line, np.linspace(0.0, lengths(line)[-1], count))


def _node(arm: Arm, left: bool) -> Node:
    """The pavement's end at an arm's mouth; `left` looking out of the junction."""
    return arm.street, arm.at_start, left if arm.at_start else not left
