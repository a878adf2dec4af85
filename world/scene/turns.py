"""Which lanes of a junction lead to which: by the defaults of SUMO's netconvert, except that every lane leads somewhere.

Arms are in counter-clockwise order; lanes are counted from the right. All streets count as equally important.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from world.scene.hd_map import LEFT, RIGHT, STRAIGHT

STRAIGHT_ON = math.radians(44)  # at most, for lanes to go on side by side
AHEAD = math.radians(50)  # at most, to be called straight on
FACING = math.radians(110)  # at least, between arms whose signals are green together
Lead = tuple[int, int, int, int]  # arm and lane in, arm and lane out


@dataclass(frozen=True, slots=True)
class Mouth:
    """An arm of a junction. bearing: rad, looking out; lanes into the junction and out of it; whether it has a pavement."""

    bearing: float
    lanes_in: int
    lanes_out: int
    pavement: bool


def leads(mouths: Sequence[Mouth], signals: bool) -> list[Lead]:
    """All connections of a junction except U-turns."""
    shares = [_wishes(mouths, arm, signals) for arm in range(len(mouths))]
    by_arm: list[list[Lead]] = [[] for _ in mouths]
    for goal, mouth in enumerate(mouths):
        if mouth.lanes_out:
            for arm, lane, target in _arrivals(mouths, goal, shares):
                by_arm[arm].append((arm, lane, goal, target))
    return [lead for arm, own in enumerate(by_arm) for lead in _spread_out(mouths, arm, own)]


def turn_of(mouths: Sequence[Mouth], arm: int, goal: int) -> int:
    """STRAIGHT, LEFT or RIGHT: the turn from an arm to another. With two arms it is STRAIGHT."""
    goals, turned = _goals(mouths, arm), angle(mouths, arm, goal)
    if goals[_ahead(mouths, arm, goals)] == goal and (abs(turned) <= AHEAD or len(mouths) == 2):
        return STRAIGHT
    return LEFT if turned > 0 else RIGHT


def phases(mouths: Sequence[Mouth]) -> list[int]:
    """The phase of every arm's signal, from 0. Facing arms share one where their straight connections do not meet."""
    ahead: list[int | None] = []
    for arm in range(len(mouths)):
        goals = _goals(mouths, arm)
        ahead.append(goals[_ahead(mouths, arm, goals)] if goals else None)
    apart = {
        (a, b): abs((mouths[b].bearing - mouths[a].bearing + math.pi) % (2 * math.pi) - math.pi)
        for a in range(len(mouths))
        for b in range(a + 1, len(mouths))
    }
    partner = dict[int, int]()
    for (a, b), between in sorted(apart.items(), key=lambda pair: -pair[1]):
        if between >= FACING and a not in partner and b not in partner and not _meet(a, ahead[a], b, ahead[b]):
            partner[a], partner[b] = b, a
    firsts = [arm for arm in range(len(mouths)) if partner.get(arm, arm) >= arm]
    return [firsts.index(min(arm, partner.get(arm, arm))) for arm in range(len(mouths))]


def _meet(a: int, a_goal: int | None, b: int, b_goal: int | None) -> bool:
    """Whether the connections from two arms to their goals cross or merge. Arms are numbered in their order round the junction."""
    if a_goal is None or b_goal is None:
        return False
    low, high = sorted((a, a_goal))
    return a_goal == b_goal or (
        b not in (low, high) and b_goal not in (low, high) and (low < b < high) != (low < b_goal < high)
    )


def _goals(mouths: Sequence[Mouth], arm: int) -> list[int]:
    """The arms that an arm leads to, from right to left."""
    around = [(arm + step) % len(mouths) for step in range(1, len(mouths))]
    return [goal for goal in around if mouths[goal].lanes_out]


def angle(mouths: Sequence[Mouth], arm: int, goal: int) -> float:
    """rad by which the connection from an arm to another turns left."""
    return (mouths[goal].bearing - mouths[arm].bearing) % (2 * math.pi) - math.pi


def _ahead(mouths: Sequence[Mouth], arm: int, goals: list[int]) -> int:
    return min(range(len(goals)), key=lambda k: abs(angle(mouths, arm, goals[k])))


def _goes_on(mouths: Sequence[Mouth], arm: int, goal: int) -> bool:
    goals = _goals(mouths, arm)
    return goals[_ahead(mouths, arm, goals)] == goal and abs(angle(mouths, arm, goal)) < STRAIGHT_ON


def _wishes(mouths: Sequence[Mouth], arm: int, signals: bool) -> dict[int, list[int]]:
    """By target arm: the lanes that lead there, allotted by weight. Most lanes go straight, fewest turn right."""
    goals, lanes = _goals(mouths, arm), mouths[arm].lanes_in
    if not goals or not lanes:
        return {}
    ahead = _ahead(mouths, arm, goals)
    weights = [2] * len(goals)
    if ahead:
        weights[0] = 1
    if signals and _goes_on(mouths, arm, goals[ahead]):
        weights[ahead] = 3 * (2 if lanes + mouths[arm].pavement > 2 else 3)
    else:
        weights[ahead] = 2 * weights[ahead] + signals
    shares = [goal for goal, weight in zip(goals, weights, strict=True) for _ in range(-(-weight // min(weights)))]
    lanes_to: dict[int, list[int]] = {goal: [] for goal in goals}
    for lane, share in even(lanes, len(shares)):
        own = lanes_to[shares[share]]
        if lane not in own and len(own) < mouths[shares[share]].lanes_out:
            own.append(lane)
    if _goes_on(mouths, arm, goals[ahead]):
        _more_go_on(lanes_to, goals, ahead, lanes, mouths[goals[ahead]].lanes_out)
    return lanes_to


def even(many: int, others: int) -> list[tuple[int, int]]:
    """Pairs of two rows, each member of the longer one with its counterpart (Bresenham 1965)."""
    few, most, at, rest, pairs = min(many, others), max(many, others), 0, min(many, others), []
    for k in range(most):
        pairs.append((at, k) if few == many else (k, at))
        rest += 2 * few
        if rest >= 2 * most:
            at, rest = at + 1, rest - 2 * most
    return pairs


def _more_go_on(lanes_to: dict[int, list[int]], goals: list[int], ahead: int, lanes: int, targets: int) -> None:
    """Lets as many lanes go straight as there is room for, without crossing a lane that turns."""
    on, right, left = lanes_to[goals[ahead]], lanes_to[goals[ahead - 1]], lanes_to[goals[(ahead + 1) % len(goals)]]
    for lane in range(lanes):
        crossing = (lane + 1 < lanes and any(one > lane for one in right)) or (lane and any(one < lane for one in left))
        if len(on) < min(targets, lanes) and lane not in on and not crossing:
            on.append(lane)
    on.sort()


def _arrivals(mouths: Sequence[Mouth], goal: int, shares: list[dict[int, list[int]]]) -> list[tuple[int, int, int]]:
    """(arm, its lane, lane of the goal): straight traffic may use all lanes there; turning traffic shares them from right to left."""
    there, arrivals = mouths[goal].lanes_out, list[tuple[int, int, int]]()
    coming = [arm for step in range(1, len(mouths)) if shares[arm := (goal - step) % len(mouths)].get(goal)]
    targets: dict[int, set[int]] = {arm: set() for arm in coming}
    for at, target in even(len(coming), there) if coming else ():
        arm = coming[at]
        own = shares[arm][goal]
        if _goes_on(mouths, arm, goal):
            pairs = [(lane, k) for k, lane in enumerate(own)] + [(own[-1], k) for k in range(len(own), there)]
        else:
            pairs = [(lane, k) for lane, k in zip(own, _around(target, len(own), there), strict=False)]
        for lane, k in pairs:
            if k not in targets[arm]:
                targets[arm].add(k)
                arrivals.append((arm, lane, k))
    return arrivals


def _around(target: int, count: int, there: int) -> range:
    """`count` adjacent lanes of the `there` lanes, round a target, the left one first."""
    first = min(max(0, target - (count - 1) // 2), max(0, there - count))
    return range(first, first + min(count, there))


def _spread_out(mouths: Sequence[Mouth], arm: int, own: list[Lead]) -> list[Lead]:
    """Gives a lane without a connection one of the nearest lane that has two, or else its neighbour's."""
    goals, lanes = _goals(mouths, arm), mouths[arm].lanes_in
    of: list[list[Lead]] = [[] for _ in range(lanes)]
    for lead in sorted(own, key=lambda lead: (goals.index(lead[2]), lead[3])):
        of[lead[1]].append(lead)
    for lane in range(lanes):
        if of[lane] or not goals:
            continue
        right = next((k for k in range(lane - 1, -1, -1) if len(of[k]) > 1), None)
        left = next((k for k in range(lane + 1, lanes) if len(of[k]) > 1), None)
        if right is not None:
            for k in range(right, lane):
                of[k + 1].insert(0, of[k].pop())
        elif left is not None:
            for k in range(left, lane, -1):
                of[k - 1].append(of[k].pop(0))
    for lane in range(lanes):
        if not of[lane] and goals:
            near = min((k for k in range(lanes) if of[k]), key=lambda k: abs(k - lane))
            of[lane].append(of[near][-1 if near < lane else 0])
    return [(arm, lane, goal, target) for lane in range(lanes) for _, _, goal, target in of[lane]]
