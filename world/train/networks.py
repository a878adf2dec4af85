"""Road graphs as training samples for growing them: a junction of a partly known network, and its arms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from world.dynamics.growth import ROWS, GraphArrays
from world.scene.arms import centre_line
from world.scene.character import Character
from world.scene.graph import RoadGraph
from world.scene.tokens import MOST_ARMS, STREET_TOKENS, STREETS, NewArm, encode_arms

FORGET = 0.25  # probability of dropping each condition
STRAY, WANDER = 120.0, 15.0  # m, deviations of the car from the junction, and of the order of growth
GAP = math.radians(125)  # a junction with a larger empty sector lies at the network's edge


@dataclass(frozen=True, eq=False)
class LessonGraph:
    """A whole graph from which lessons are drawn. inner: junctions whose arms the network's edge does not cut off."""

    character: Character
    whole: GraphArrays
    at: tuple[tuple[int, ...], ...]  # streets of each junction
    inner: np.ndarray


@dataclass(frozen=True, eq=False)
class StreetLesson:
    """One sample.

    rows: float32 [ROWS, FEATURES]; there: bool [ROWS], which rows exist; conditions; tokens to predict, END last.
    """

    rows: np.ndarray
    there: np.ndarray
    conditions: tuple[int, ...]
    tokens: list[int]


def network_of(character: Character, graph: RoadGraph) -> LessonGraph:
    """Prepares a graph: centre lines, the streets of each junction, and the inner junctions."""
    lines = [centre_line(graph, street) for street in graph.streets]
    whole = GraphArrays.of(graph, frozenset(range(len(graph.junctions))), lines)
    at: list[list[int]] = [[] for _ in graph.junctions]
    for number, street in enumerate(graph.streets):
        at[street.start].append(number)
        at[street.end].append(number)
    return LessonGraph(character, whole, tuple(map(tuple, at)), inner_of(whole))


def inner_of(whole: GraphArrays) -> np.ndarray:
    """Junctions with others around them on all sides."""
    steps = whole.xy[whole.ends[:, 1]] - whole.xy[whole.ends[:, 0]]
    reach = 2.4 * float(np.median(np.hypot(*steps.T)))
    inner = []
    for k, here in enumerate(whole.xy):
        away = whole.xy - here
        near = np.hypot(*away.T) < reach
        near[k] = False
        bearings = np.sort(np.arctan2(away[near, 1], away[near, 0]))
        if len(bearings) > 3:
            gaps = np.diff(np.concatenate([bearings, bearings[:1] + math.tau]))
            if gaps.max() < GAP:
                inner.append(k)
    return np.array(inner, np.int64)


def warp(whole: GraphArrays, slope: float, random: np.random.Generator) -> GraphArrays:
    """The streets on smoothly distorted ground, by a slope of at most `slope`, so that they bend; mirrored half the
    time.
    """

    def displace(points: np.ndarray) -> np.ndarray:
        out = points.copy()
        for wave, phase, direction in zip(waves, phases, directions, strict=True):
            out += direction * np.sin(points @ wave + phase)[:, None]
        return out * flip

    waves, directions = np.zeros((2, 2)), np.zeros((2, 2))
    phases, flip = random.uniform(0, math.tau, 2), np.array([1.0, 1.0])
    for k in range(2):
        length, (bearing, other) = random.uniform(350, 900), random.uniform(0, math.tau, 2)
        number = math.tau / length
        waves[k] = number * np.array([math.cos(bearing), math.sin(bearing)])
        directions[k] = 0.5 * slope / number * np.array([math.cos(other), math.sin(other)])
    mirror = random.random() < 0.5
    if mirror:
        flip = np.array([1.0, -1.0])
    return replace(whole, xy=displace(whole.xy), middles=displace(whole.middles))


def lesson(network: LessonGraph, random: np.random.Generator) -> StreetLesson | None:
    """A junction of a network with what was grown before it; None where this draw yields none."""
    if not len(network.inner):
        return None
    junction = int(random.choice(network.inner))
    slope = random.uniform(0.0, 0.35 if network.character.plan == "organic" else 0.1)
    whole = warp(network.whole, slope, random)
    car = whole.xy[junction] + random.normal(0.0, STRAY, 2)
    away = np.hypot(*(whole.xy - car).T)
    order = away + random.normal(0.0, WANDER, len(away))
    grown = order < order[junction]
    grown &= np.hypot(*(whole.xy - whole.xy[junction]).T) < random.uniform(120, 600)
    own = network.at[junction]
    others = [int(whole.ends[s].sum()) - junction for s in own]
    if not grown[others].any():
        grown[others[int(random.integers(len(others)))]] = True
    grown_streets = grown[whole.ends].any(1)
    here = replace(whole, grown=grown, signals=whole.signals & grown)
    prefix = [s for s in own if grown_streets[s]]
    heading = here.arrival(prefix[int(random.integers(len(prefix)))], junction)
    arms = [_arm(whole, s, junction, heading) for s in own if not grown_streets[s]]
    if len(arms) > MOST_ARMS:
        return None
    rows, present = here.rows(np.flatnonzero(grown_streets), junction, heading)
    conditions = tuple(0 if random.random() < FORGET else value for value in network.character.conditions)
    return StreetLesson(rows, present, conditions, encode_arms(bool(whole.signals[junction]), arms))


def _arm(whole: GraphArrays, street: int, junction: int, heading: float) -> NewArm:
    start, end = whole.ends[street]
    forward, backward = whole.lanes[street]
    if start != junction:
        start, end, forward, backward = end, start, backward, forward
    chord = whole.xy[end] - whole.xy[start]
    length = float(np.hypot(*chord))
    middle = whole.middles[street] - 0.5 * (whole.xy[start] + whole.xy[end])
    bend = float(chord[0] * middle[1] - chord[1] * middle[0]) / max(length, 1e-6) ** 2
    direction = math.remainder(math.atan2(chord[1], chord[0]) - heading, math.tau)
    return NewArm(direction, length, bend, int(forward), int(backward))


def batch(
    networks: list[LessonGraph], count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A batch of samples: rows [B, ROWS, FEATURES], there [B, ROWS], conditions [B, C], tokens and targets [B, L].

    tokens begin with BEGIN; targets are the next tokens, -100 for none.
    """
    lessons: list[StreetLesson] = []
    while len(lessons) < count:
        one = lesson(networks[int(random.integers(len(networks)))], random)
        lessons += [one] if one else []
    longest = max(len(one.tokens) for one in lessons)
    assert longest < STREET_TOKENS and lessons[0].rows.shape[0] == ROWS
    tokens = np.full((count, longest), STREETS.begin, np.int64)
    after = np.full((count, longest), -100, np.int64)
    for k, one in enumerate(lessons):
        after[k, : len(one.tokens)] = one.tokens
        tokens[k, 1 : len(one.tokens)] = one.tokens[:-1]
    conditions = np.array([one.conditions for one in lessons], np.int64)
    return np.stack([o.rows for o in lessons]), np.stack([o.there for o in lessons]), conditions, tokens, after
