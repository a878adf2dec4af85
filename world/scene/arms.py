"""Junctions before they have lanes: their arms in order, the distances of the mouths, and the corners between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from world.scene.geometry import along, bend, curve, lengths, meeting, rounded
from world.scene.graph import RoadGraph, Street

CORNER, CROSSING_ROOM = 5.0, 4.6  # m: radius of kerbs at corners; a crossing between corner and mouth
DEAD_END, SHARE, LEAST = 18.5, 0.42, 1.0  # m of a dead end; of a street at most; m at least
TAPER = 6.0  # m along for every metre that lanes shift aside where their number changes

ACUTE = math.radians(75)  # between two arms
HALF_BULB = 8.5  # m from the middle of a turning place to its kerb
Lines = Mapping[int, np.ndarray] | Sequence[np.ndarray]  # of streets, by number


@dataclass(frozen=True, eq=False)
class Arm:
    """A street as seen from one of its junctions, looking out. `right`, `left`: m from its centre line to the kerbs."""

    street: int
    at_start: bool
    direction: np.ndarray
    right: float
    left: float
    pavement: float
    crossing: bool

    @property
    def normal(self) -> np.ndarray:
        """To the left, looking out."""
        return np.array([-self.direction[1], self.direction[0]])


@dataclass(frozen=True, eq=False)
class Corner:
    """Between an arm's left kerb and the next arm's right kerb. `kerb` from the one mouth to the other, [N, 2]; `outer`: behind its pavement."""

    kerb: np.ndarray
    outer: np.ndarray


def centre_line(graph: RoadGraph, street: Street) -> np.ndarray:
    """The whole centre line from junction to junction, corners cut."""
    ends = [graph.junctions[street.start], graph.junctions[street.end]]
    points = [(ends[0].x, ends[0].y), *street.bends, (ends[1].x, ends[1].y)]
    return rounded(np.array(points, np.float64))


def arms_at(graph: RoadGraph, lines: Lines, ends: Sequence[tuple[int, bool]]) -> list[Arm]:
    """A junction's arms, counter-clockwise. lines: of the whole streets; ends: (street, whether it begins here)."""
    arms = []
    for index, at_start in ends:
        street, line = graph.streets[index], lines[index]
        width = street.lane_width
        at = lengths(line)
        reach = min(8.0, 0.3 * at[-1])
        outward = line if at_start else line[::-1]
        out = np.array([np.interp(reach, lengths(outward), outward[:, k]) for k in range(2)]) - outward[0]
        forward, backward = street.forward * width, street.backward * width
        arms.append(
            Arm(
                index,
                at_start,
                out / max(float(np.hypot(*out)), 1e-9),
                forward if at_start else backward,
                backward if at_start else forward,
                street.pavement,
                street.pavement > 0 and (street.crossing_start if at_start else street.crossing_end),
            )
        )
    arms.sort(key=lambda arm: math.atan2(arm.direction[1], arm.direction[0]))
    return arms


def mouths(arms: list[Arm]) -> list[float]:
    """m from the junction's middle to every arm's mouth, before short streets reduce it."""
    if len(arms) == 1:
        return [DEAD_END]
    out = [LEAST] * len(arms)
    for k, arm in enumerate(arms):
        n = (k + 1) % len(arms)
        after = arms[n]
        angle = _angle(arm, after)
        if angle >= math.pi - 0.15:
            continue
        meets = meeting(arm.left * arm.normal, arm.direction, -after.right * after.normal, after.direction)
        if meets is None:
            continue
        cut = min(9.0, CORNER / math.tan(max(angle, 0.35) / 2))
        out[k], out[n] = max(out[k], meets[0] + cut), max(out[n], meets[1] + cut)
    if len(arms) == 2:  # lanes begin or end here: room to come over
        one, other = arms
        shift = max(abs(one.left - other.right), abs(one.right - other.left))
        out = [max(far, TAPER * shift / 2) for far in out]
    if len(arms) > 2:
        out = [far + CROSSING_ROOM * arm.crossing for far, arm in zip(out, arms, strict=True)]
    return out


def fitted(far: tuple[float, float], line: np.ndarray) -> tuple[float, float]:
    """m from either end of a street to its mouths. far: as `mouths` gives them, reduced on a short street."""
    whole = float(lengths(line)[-1])
    first, last = (max(min(one, SHARE * whole), 0.02 * whole) for one in far)
    return first, last


def mouth_point(line: np.ndarray, arm: Arm, left: float) -> np.ndarray:
    """A point at an arm's mouth, `left` m to the left of its street's centre line, looking out. `line`: trimmed."""
    outward = line if arm.at_start else line[::-1]
    step = outward[1] - outward[0]
    step = step / max(float(np.hypot(*step)), 1e-9)
    return outward[0] + left * np.array([-step[1], step[0]])


def corners(arms: list[Arm], lines: Lines) -> list[Corner]:
    """Between every arm and the next one; of a dead end the one round its back."""
    out = []
    for k, arm in enumerate(arms):
        after = arms[(k + 1) % len(arms)]
        edges = []
        for extra in (0.0, 1.0):
            start = mouth_point(lines[arm.street], arm, arm.left + extra * arm.pavement)
            end = mouth_point(lines[after.street], after, -after.right - extra * after.pavement)
            edges.append(_joined(arm, after, start, end))
        out.append(Corner(*edges))
    return out


def _joined(arm: Arm, after: Arm, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    if arm is after:  # a dead end: round its back
        back = -DEAD_END * arm.direction
        side = (start - end) / max(float(np.hypot(*(start - end))), 1e-9)
        reach = max(0.0, HALF_BULB - 0.5 * float(np.hypot(*(start - end))))
        wide = [start + reach * side + 0.25 * back, start + reach * side + back]
        wide += [end - reach * side + back, end - reach * side + 0.25 * back]
        return rounded(np.array([start, *wide, end]))
    angle = _angle(arm, after)
    meets = meeting(start, -arm.direction, end, -after.direction)
    if meets is None or min(meets) < 0.05 or abs(angle - math.pi) < 0.1:
        return np.linspace(0.0, 1.0, 7)[:, None] * (end - start) + start
    if angle < ACUTE:  # rounder, as lanes turn round it
        inward, outward = (math.atan2(y, x) for x, y in (-arm.direction, after.direction))
        round_ = curve(start, inward, end, outward)
        return along(round_, np.linspace(0.0, lengths(round_)[-1], 7))
    return bend(start, start - meets[0] * arm.direction, end)


def _angle(arm: Arm, after: Arm) -> float:
    """rad counter-clockwise from an arm to the next, (0, 2 pi]."""
    a, b = arm.direction, after.direction
    turn = math.atan2(a[0] * b[1] - a[1] * b[0], a @ b) % (2 * math.pi)
    return turn if turn > 1e-9 else 2 * math.pi
