"""Paint on the road: lines, stop lines, arrows, zebra bars."""

from __future__ import annotations

import math

import numpy as np

from world.scene.geometry import along, lengths, offset
from world.scene.graph import RoadGraph
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT, Marking

LINE, STOP, BAR, GAP = 0.13, 0.4, 0.5, 0.6  # m: widths of lines, of a stop line, of a zebra's bars, and between those
ARROW_AT, ARROW_LENGTH = 9.0, 3.4  # m before the stop line


def street_markings(graph: RoadGraph, index: int, line: np.ndarray) -> list[Marking]:
    """Of one street: edges, lane lines, the line between the directions. `line`: its centre from mouth to mouth."""
    street, out = graph.streets[index], []
    width = street.lane_width
    for side, lanes in ((1, street.backward), (-1, street.forward)):
        out.append(Marking("edge", offset(line, side * (lanes * width - 0.25)), LINE))
        out += [Marking("lane", offset(line, side * k * width), LINE) for k in range(1, lanes)]
    if street.forward and street.backward:
        out += [Marking("centre", offset(line, left), LINE) for left in (-0.14, 0.14)]
    return out


def stop_line(lane: np.ndarray, width: float) -> Marking:
    """Across the end of a lane [N, 2]."""
    step = lane[-1] - lane[-2]
    step = step / max(float(np.hypot(*step)), 1e-9)
    normal = np.array([-step[1], step[0]])
    middle = lane[-1] - 0.4 * step
    return Marking("stop", np.stack([middle - normal * width / 2, middle + normal * width / 2]), STOP)


def zebra(a: np.ndarray, b: np.ndarray, width: float) -> list[Marking]:
    """The bars of a crossing from kerb to kerb."""
    across = b - a
    whole = float(np.hypot(*across))
    across = across / max(whole, 1e-9)
    side = np.array([-across[1], across[0]]) * width / 2
    count = max(1, int((whole - 0.3) / (BAR + GAP)))
    begin = (whole - count * (BAR + GAP) + GAP) / 2
    out = []
    for k in range(count):
        p, q = (a + across * (begin + k * (BAR + GAP) + far) for far in (0.0, BAR))
        out.append(Marking("zebra", np.stack([p - side, q - side, q + side, p + side]), 0.0))
    return out


def arrow(lane: np.ndarray, turns: set[int]) -> list[Marking]:
    """The turn arrows before the end of a lane [N, 2]; none on a short lane."""
    whole = lengths(lane)[-1]
    if whole < 2 * ARROW_AT:
        return []
    foot, tip = along(lane, whole - ARROW_AT), along(lane, whole - ARROW_AT + ARROW_LENGTH)
    heading = math.atan2(*(tip - foot)[::-1])
    out = []
    for turn, angle in ((STRAIGHT, 0.0), (LEFT, 1.2), (RIGHT, -1.2)):
        if turn in turns:
            name = {STRAIGHT: "arrow_straight", LEFT: "arrow_left", RIGHT: "arrow_right"}[turn]
            out.append(Marking(name, _arrow(foot, heading, angle), 0.0))
    return out


def _arrow(foot: np.ndarray, heading: float, angle: float) -> np.ndarray:
    """The outline of an arrow whose head turns by `angle`, counter-clockwise."""
    half, knee, head = 0.09, 0.55 * ARROW_LENGTH, 0.34
    cos, sin = math.cos(heading), math.sin(heading)
    reach = ARROW_LENGTH - knee if angle == 0 else 1.1
    d = np.array([math.cos(angle), math.sin(angle)])
    n = np.array([-d[1], d[0]])
    middle = np.array([knee, 0.0])
    neck = middle + (reach - 0.9 if angle == 0 else 0.35) * d
    tip = neck + 0.9 * d
    own = np.array(
        [[0, -half], middle - half * n + [0, 0], neck - half * n, neck - head * n, tip, neck + head * n, neck + half * n, middle + half * n, [0, half]]
    )  # fmt: skip
    return foot + own @ np.array([[cos, sin], [-sin, cos]])
