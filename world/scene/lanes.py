"""Lanes of streets, connections through junctions, who yields to whom, and the signals' phases."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from world.scene.arms import Arm, Lines, mouth_point
from world.scene.geometry import curve, headings, lengths, offset, resampled
from world.scene.graph import RoadGraph, Street
from world.scene.hd_map import AROUND, LANE, LEFT, POINT, RIGHT, STRAIGHT
from world.scene.turns import Mouth, leads, phases, turn_of

SPACING = 2.0  # m between points
NEAR = 2.3  # m between centre lines at which boxes could touch
RANK = {STRAIGHT: 0, RIGHT: 1, LEFT: 2, AROUND: 3}
GREEN, AMBER, ALL_RED = 9.0, 3.0, 1.0  # s of a phase; two or more of them are a cycle
PHASE = GREEN + AMBER + ALL_RED


@dataclass
class LaneBuilder:
    """Tables of a street or a junction while it is built; indices count from its own first rows."""

    lanes: list[dict[str, float]] = field(default_factory=list)
    shapes: list[np.ndarray] = field(default_factory=list)
    of: dict[tuple[int, bool], list[int]] = field(default_factory=dict)  # (street, forward) -> lanes, right to left
    successors: list[int] = field(default_factory=list)
    conflicts: list[tuple[int, float, float, float, float, int]] = field(default_factory=list)
    signals: list[tuple[int, float, float, float, float, float, float, float]] = field(default_factory=list)
    phases: dict[tuple[int, int], int] = field(default_factory=dict)  # (junction, street * 2 + at_start) -> signal


def street_lanes(index: int, street: Street, centre: np.ndarray, tables: LaneBuilder) -> None:
    """A street's lanes, right to left, forward first. centre: from mouth to mouth."""
    for forward, count in ((True, street.forward), (False, street.backward)):
        own = []
        for number in range(count):
            left = -(count - 0.5 - number) * street.lane_width
            line = resampled(offset(centre if forward else centre[::-1], left), SPACING)
            row = len(tables.lanes)
            tables.lanes.append(
                _blank(street=index, forward=int(forward), number=number, width=street.lane_width)
                | {"limit": street.limit, "end_junction": street.end if forward else street.start}
                | {"left": row + 1 if number + 1 < count else -1, "right": row - 1 if number else -1}
            )
            tables.shapes.append(line)
            own.append(row)
        tables.of[index, forward] = own
    for forward in (True, False):
        other = tables.of[index, not forward]
        for lane in tables.of[index, forward]:
            tables.lanes[lane]["opposite"] = other[-1] if other else -1


def junction_signals(graph: RoadGraph, junction: int, arms: list[Arm], lines: Lines, tables: LaneBuilder) -> None:
    """One signal per incoming arm. At most two arms share a phase, and only where their straight connections do not meet."""
    if not graph.junctions[junction].signals or len(arms) < 3:
        return
    of = phases(_mouths(arms, tables))
    cycle = PHASE * max(2, max(of) + 1)
    for arm, phase in zip(arms, of, strict=True):
        green = PHASE * phase
        x, y = mouth_point(lines[arm.street], arm, arm.left + 0.7)
        heading = math.atan2(-arm.direction[1], -arm.direction[0])
        tables.phases[junction, 2 * arm.street + arm.at_start] = len(tables.signals)
        tables.signals.append((junction, x, y, heading, green, green + GREEN, green + GREEN + AMBER, cycle))


def _mouths(arms: list[Arm], tables: LaneBuilder) -> list[Mouth]:
    return [
        Mouth(
            math.atan2(arm.direction[1], arm.direction[0]),
            len(tables.of[arm.street, not arm.at_start]),
            len(tables.of[arm.street, arm.at_start]),
            arm.pavement > 0,
        )
        for arm in arms
    ]


def connections(graph: RoadGraph, junction: int, arms: list[Arm], tables: LaneBuilder) -> None:
    """Adds the connections from every lane into a junction to the lanes out of it, and their conflicts."""
    joins: list[tuple[int, Arm, Arm]] = []
    for arm, after, turn, lane, target in _pairs(arms, graph.junctions[junction].signals, tables):
        row = len(tables.lanes)
        start, end = tables.shapes[lane], tables.shapes[target]
        line = curve(start[-1], _heading(start, -1), end[0], _heading(end, 0))
        source, goal = tables.lanes[lane], tables.lanes[target]
        signal = tables.phases.get((junction, 2 * arm.street + arm.at_start), -1)
        tables.lanes.append(
            _blank(junction=junction, width=min(source["width"], goal["width"]), turn=turn, source=lane, target=target)
            | {"limit": min(source["limit"], goal["limit"]), "signal": signal, "end_junction": -1}
        )
        tables.shapes.append(line)
        joins.append((row, arm, after))
    for arm in arms:
        for lane in tables.of[arm.street, not arm.at_start]:
            outs = [row for row, _, _ in joins if tables.lanes[row]["source"] == lane]
            tables.lanes[lane]["first_out"], tables.lanes[lane]["outs"] = len(tables.successors), len(outs)
            tables.successors.extend(outs)
    _conflicts(joins, arms, graph, tables)


def _pairs(arms: list[Arm], signals: bool, tables: LaneBuilder) -> list[tuple[Arm, Arm, int, int, int]]:
    """(arm, target arm, turn, lane, target lane) by arm and lane; at least one for every lane unless no lane leaves the junction."""
    into = [tables.of[arm.street, not arm.at_start] for arm in arms]
    away = [tables.of[arm.street, arm.at_start] for arm in arms]
    mouths = _mouths(arms, tables)
    u_turns = []
    for at, arm in enumerate(arms):
        if not any(mouth.lanes_out for k, mouth in enumerate(mouths) if k != at):
            back = away[at]
            u_turns += [
                (arm, arm, AROUND, lane, back[min(k, len(back) - 1)]) for k, lane in enumerate(into[at]) if back
            ]
    rows = [
        (at, lane, RANK[turn], arms[at], arms[goal], turn, into[at][lane], away[goal][target])
        for at, lane, goal, target in leads(mouths, signals and len(arms) > 2)
        if (turn := turn_of(mouths, at, goal))
    ]
    rows.sort(key=lambda row: (row[0], row[1], row[2], row[7]))
    return u_turns + [row[3:] for row in rows]


def _conflicts(joins: list[tuple[int, Arm, Arm]], arms: list[Arm], graph: RoadGraph, tables: LaneBuilder) -> None:
    most = max((tables_lanes(graph, arm) for arm in arms), default=0)
    rows: dict[int, list[tuple[int, float, float, float, float, int]]] = {row: [] for row, _, _ in joins}
    for i, (a, arm_a, _) in enumerate(joins):
        for b, arm_b, _ in joins[i + 1 :]:
            if tables.lanes[a]["source"] == tables.lanes[b]["source"]:
                continue
            p, q = tables.shapes[a], tables.shapes[b]
            apart = np.hypot(p[:, None, 0] - q[None, :, 0], p[:, None, 1] - q[None, :, 1])
            close = apart < NEAR
            if not close.any():
                continue
            sa, sb = lengths(p), lengths(q)
            on_a, on_b = np.flatnonzero(close.any(1)), np.flatnonzero(close.any(0))
            span = (max(0.0, sa[on_a[0]] - 1), min(sa[-1], sa[on_a[-1]] + 1))
            other = (max(0.0, sb[on_b[0]] - 1), min(sb[-1], sb[on_b[-1]] + 1))
            keys = [
                (
                    tables_lanes(graph, arm) < most and tables.lanes[row]["signal"] < 0,
                    RANK[int(tables.lanes[row]["turn"])],
                )
                for row, arm in ((a, arm_a), (b, arm_b))
            ]
            if keys[0] != keys[1]:
                a_yields = keys[0] > keys[1]
            else:  # right before left
                cross = arm_a.direction[0] * arm_b.direction[1] - arm_a.direction[1] * arm_b.direction[0]
                a_yields = cross > 0 if abs(cross) > 0.2 else False
            beside = arm_a is arm_b and keys[0] == keys[1]  # turning side by side: who is first there goes first
            rows[a].append((b, *span, *other, int(a_yields and not beside)))
            rows[b].append((a, *other, *span, int(not a_yields and not beside)))
    for row, own in rows.items():
        tables.lanes[row]["first_conflict"], tables.lanes[row]["conflicts"] = len(tables.conflicts), len(own)
        tables.conflicts.extend(own)


def tables_lanes(graph: RoadGraph, arm: Arm) -> int:
    """Lanes of an arm's street, both ways: the more, the more important."""
    return graph.streets[arm.street].forward + graph.streets[arm.street].backward


def pack_lanes(rows: list[dict[str, float]], shapes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """LANE and POINT of lanes; `first` counts from the first of them."""
    lanes = np.zeros(len(rows), LANE)
    for row, values in enumerate(rows):
        for name, value in values.items():
            lanes[name][row] = value
    points, lanes["first"], lanes["count"], lanes["length"] = pack_lines(shapes)
    return lanes, points


def pack_lines(shapes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(POINT rows of all, first row, count and length of each)."""
    counts = np.array([len(line) for line in shapes], np.int32)
    first = (np.cumsum(counts) - counts).astype(np.int32)
    points, whole = np.zeros(int(counts.sum()), POINT), np.zeros(len(shapes))
    for k, line in enumerate(shapes):
        rows = points[first[k] : first[k] + counts[k]]
        rows["x"], rows["y"] = line.T
        rows["heading"], rows["s"] = headings(line), lengths(line)
        whole[k] = rows["s"][-1]
    return points, first, counts, whole


def _heading(line: np.ndarray, end: int) -> float:
    a, b = (line[-2], line[-1]) if end else (line[0], line[1])
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _blank(**values: float) -> dict[str, float]:
    names = ("street", "junction", "left", "right", "opposite", "source", "target", "signal")
    return dict.fromkeys(names, -1) | values
