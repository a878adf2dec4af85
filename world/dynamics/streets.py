"""Dreamt streets: a transformer grows a road graph junction by junction and fulfils a plan's wishes.

After Neural Turtle Graphics (Chu et al. 2019, arXiv 1910.02055): the network sees the nearest streets in a junction's frame and writes its
new arms. An arm that ends near an open junction joins it, so that blocks close; an arm without room is sampled again. A street that closes
a block may be one-way: every junction's first street has both directions, so that each place can be reached and left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from world.dynamics.growth import FEATURES, SECTORS, GraphArrays, Growth, JunctionSpec
from world.dynamics.prefix_lm import PrefixConfig, PrefixLM, load
from world.dynamics.writing import Writing, drawn
from world.errors import DataError
from world.scene.arms import centre_line
from world.scene.character import CONDITIONS, Character
from world.scene.graph import Junction, Point, RoadGraph, Street
from world.scene.planar import PlanarGraph, corners_fit, has_room, is_free, plan_of
from world.scene.tokens import (
    ARM_FIELDS,
    LANES,
    MOST_ARMS,
    MOST_LANES,
    STREET_TOKENS,
    STREETS,
    NewArm,
    bends,
    decode_arm,
    encode_arms,
    lanes_of,
)

FOLDER = Path(__file__).parent.parent / "weights" / "streets"
SNAP = 32.0  # m from an open junction within which an arm joins it
TRIES = 8  # arms without room until a junction is finished
TOO_NEAR = 13  # bins of direction from an arm within which there is no other
PATIENCE = 4  # arms without room until all places of the wished arm are searched
ATTEMPTS = 4  # at a junction that lacks the wish; from the second on, the wished arm comes first
LENGTHS = (90.0, 70.0, 120.0, 60.0, 160.0, 200.0)  # m of the wished arm in that search
HEAT = 0.93  # temperature
# Least and greatest m of the first street: the distance of junctions in the training networks, which varies between them. Growth keeps to
# this scale.
FIRST_LENGTHS = {"dense": (68.0, 112.0), "mixed": (76.0, 132.0), "suburban": (80.0, 150.0)}
WIDER = 9.0  # m more for each lane beyond the first
LIKE = PrefixConfig(FEATURES, STREETS.size, STREET_TOKENS, CONDITIONS)
ANYTHING, NO_WISH = Character(), JunctionSpec()
SPANS = {
    field.name: np.isin(np.arange(STREETS.size), np.r_[STREETS.span(field.name)]) for field in STREETS.fields
}  # bool [V]
CharacterAt = Callable[[float, float], Character]


def begun(character: Character = ANYTHING, seed: int = 0) -> Growth:
    """One street of a random direction and length, by the seed, with both ends open."""
    random, look = np.random.default_rng([seed, 1]), character.look or "mixed"
    heading = math.tau * random.random()
    length = random.uniform(*FIRST_LENGTHS[look]) + WIDER * ((character.lanes or 1) - 1)
    end = Junction(length * math.cos(heading), length * math.sin(heading))
    lanes = min(character.lanes or 1, 2)
    graph = RoadGraph((Junction(0.0, 0.0), end), (Street(0, 1, (), lanes, lanes),), look)
    return Growth(graph, frozenset(), (centre_line(graph, graph.streets[0]),))


def expand(
    model: PrefixLM,
    growth: Growth,
    junction: int,
    seed: int,
    character: Character = ANYTHING,
    wish: JunctionSpec = NO_WISH,
    arrival: int | None = None,
) -> tuple[Growth, bool]:
    """Grows the arms of an open junction; also returns whether the wish is fulfilled. arrival: the street of arrival (default: its first).

    The result depends on seed, junction and existing streets alone. DataError where the junction is grown already.
    """
    if junction in growth.grown or not 0 <= junction < len(growth.graph.junctions):
        raise DataError(f"Junction {junction} has all its streets; grow one that is open.")
    for attempt in range(ATTEMPTS):
        larger, granted = _Expansion(model, growth, junction, seed, character, wish, arrival, attempt).run()
        if granted:
            break
    return larger, granted


class _Expansion:
    """One junction's arms, token by token."""

    def __init__(
        self,
        model: PrefixLM,
        growth: Growth,
        junction: int,
        seed: int,
        character: Character,
        wish: JunctionSpec,
        arrival: int | None,
        attempt: int,
    ) -> None:
        self.growth, self.junction, self.wish = growth, junction, wish
        self.dice = np.random.default_rng([seed, growth.number(junction), attempt])
        self.failed = PATIENCE if attempt else 0  # arms without room
        self.character = character
        here = GraphArrays.of(growth.graph, growth.grown, growth.lines)
        self.incident = [k for k, s in enumerate(growth.graph.streets) if junction in (s.start, s.end)]
        first = arrival if arrival is not None else self.incident[0]
        self.heading = here.arrival(first, junction)
        self.standing = [  # directions of the arms that are there
            math.remainder(here.arrival(street, junction) + math.pi - self.heading, math.tau)
            for street in self.incident
        ]
        self.leaves = [self._lanes_out(growth.graph.streets[k]) > 0 for k in self.incident]  # those with lanes out
        rows, there = here.rows(np.arange(len(growth.graph.streets)), junction, self.heading)
        self.writing = Writing(model, rows[None], there[None], np.array([character.conditions]))
        self.barred = np.zeros(STREETS.field("direction").count, bool)  # directions without room
        self.lost = False  # there is no room for the wished arm
        self.lacks_arm = wish.arm is not None and not self._has_arm()
        self.least = 3 if wish.arm in ("left", "right") else 1  # arms: a junction of two arms has no turn

    def run(self) -> tuple[Growth, bool]:
        """The growth with the junction's arms, and whether the wish is fulfilled."""
        token = self._drawn(self._next(STREETS.begin), SPANS["signals"])
        signals, logits = bool(STREETS.value("signals", token)), self._next(token)
        growth, last = self.growth, -1
        while len(self.standing) - len(self.incident) < MOST_ARMS:
            if self.lacks_arm and not self.lost and self.failed >= PATIENCE and (forced := self._forced(growth, last)):
                growth, tokens = forced
                for token in tokens:
                    logits = self._next(token)
                self._settled(tokens, growth)  # other arms may come before it
                continue
            allowed = self._directions(last)
            before = (logits, self.writing.count)
            direction = self._drawn(logits, allowed)
            if direction == STREETS.end:
                break
            tokens = [direction]
            for name in ARM_FIELDS[1:]:
                tokens.append(self._drawn(self._next(tokens[-1]), self._field(growth, name, tokens)))
            larger = self._placed(growth, decode_arm(tokens))
            if larger is None:
                self.failed += 1
                bin = direction - STREETS.first("direction")
                self.barred[max(0, bin - 2) : bin + 3] = True
                logits, self.writing.count = before
                continue
            growth = larger
            last = self._settled(tokens, growth)
            logits = self._next(tokens[-1])
        lit = signals and len(self.standing) >= 3
        junctions = list(growth.graph.junctions)
        junctions[self.junction] = replace(junctions[self.junction], signals=lit)
        graph = replace(growth.graph, junctions=tuple(junctions))
        granted = (
            not self.lacks_arm and self.wish.arms in (None, len(self.standing)) and len(self.standing) >= self.least
        )
        return replace(growth, graph=graph, grown=growth.grown | {self.junction}), granted

    def _settled(self, tokens: list[int], growth: Growth) -> int:
        """Registers the growth's last street as an arm; returns the bin of its direction."""
        end = growth.graph.junctions[growth.graph.streets[-1].end]
        self.standing.append(self._bearing((end.x, end.y)))
        self.leaves.append(self._lanes_out(growth.graph.streets[-1]) > 0)
        self.lacks_arm = self.lacks_arm and not self._has_arm()
        return tokens[0] - STREETS.first("direction")

    def _forced(self, growth: Growth, last: int) -> tuple[Growth, list[int]] | None:
        """The wished arm in the first of its places with room, without a bend; None where there is no room."""
        low, high = SECTORS[self.wish.arm or ""]
        field, middle, out = STREETS.field("direction"), 0.5 * (low + high), self.wish.lanes or 1
        bins = [k for k in range(field.bin(low), field.bin(high) + 1) if k > last]
        longest = self.wish.within or LENGTHS[-1]
        for bin in sorted(bins, key=lambda k: abs(field.value(k) - middle))[::2]:
            for length in (length for length in LENGTHS if length <= longest):
                tokens = encode_arms(False, [NewArm(field.value(bin), length, 0.0, out, 1)])[1:-1]
                if (larger := self._placed(growth, decode_arm(tokens))) is not None:
                    return larger, tokens
        self.lost = True
        return None

    def _next(self, token: int) -> np.ndarray:
        """Logits [V] after one more token."""
        logits: np.ndarray = self.writing.next(np.array([token]))[0]
        return logits

    def _drawn(self, logits: np.ndarray, allowed: np.ndarray) -> int:
        return drawn(logits, np.flatnonzero(allowed), HEAT, self.dice.random())

    def _directions(self, last: int) -> np.ndarray:
        """Allowed tokens of the next arm's direction, counter-clockwise after the last one's, or END."""
        allowed = np.zeros(STREETS.size, bool)
        field, free = STREETS.field("direction"), ~self.barred
        for direction in self.standing:
            free[(field.bin(direction) + np.arange(-TOO_NEAR, TOO_NEAR + 1)) % field.count] = False
        free[: last + 1] = False
        reachable = False
        if self.lacks_arm and self.wish.arm and not self.lost:
            low, high = (field.bin(end) for end in SECTORS[self.wish.arm])
            reachable = bool(free[low : high + 1].any())
            if reachable:
                free[high + 1 :] = False
                if self.failed >= TRIES or (self.wish.arms or MOST_ARMS) - len(self.standing) <= 1:
                    free[:low] = False
                elif self.wish.arm == "left" and len(self.standing) + 1 < self.least and free[:low].any():
                    free[low:] = False
        if (self.failed >= TRIES and not reachable) or len(self.standing) >= (self.wish.arms or math.inf):
            free[:] = False
        allowed[SPANS["direction"]] = free
        must = reachable or self.wish.arms is not None or len(self.standing) < self.least
        last = len(self.growth.open) == 1 and not self.growth.open_beyond
        must = must or (last and len(self.standing) == len(self.incident))
        allowed[STREETS.end] = not (must and free.any())
        return allowed

    def _field(self, growth: Growth, name: str, tokens: list[int]) -> np.ndarray:
        """Allowed tokens of an arm's next field."""
        allowed = SPANS[name].copy()
        ours = self._is_arm(STREETS.value("direction", tokens[0]))
        if name == "length":
            first, field = STREETS.first(name), STREETS.field(name)
            longest = field.count if self.wish.within is None else field.bin(self.wish.within)
            allowed[first + max(longest, 1) : first + field.count] = False
        elif name == "bend" and ours:
            first, field = STREETS.first(name), STREETS.field(name)
            allowed[:] = False
            allowed[first + field.bin(-0.0125) : first + field.bin(0.0125) + 1] = True
        elif name == "lanes":
            most = self.character.lanes or MOST_LANES
            if ours and self.wish.lanes:
                most = max(most, self.wish.lanes)
            direction, length = STREETS.value("direction", tokens[0]), STREETS.value("length", tokens[1])
            closes = self._open_near(growth, self._end(direction, length)) is not None
            for number in range(LANES):
                out, into = lanes_of(number)
                fits = max(out, into) <= most and not (ours and self.wish.lanes and out != self.wish.lanes)
                one_way = not (out and into)
                allowed[STREETS.first(name) + number] = fits and not (one_way and (not closes or (ours and not out)))
        return allowed

    def _is_arm(self, direction: float) -> bool:
        if not self.lacks_arm or self.wish.arm is None:
            return False
        low, high = SECTORS[self.wish.arm]
        return low <= direction <= high

    def _has_arm(self) -> bool:
        low, high = SECTORS[self.wish.arm] if self.wish.arm else (0.0, 0.0)
        return any(
            low <= direction <= high and leaves for direction, leaves in zip(self.standing, self.leaves, strict=True)
        )

    def _placed(self, growth: Growth, arm: NewArm) -> Growth | None:
        """The growth with an arm as its last street; None without room."""
        graph, here = growth.graph, growth.graph.junctions[self.junction]
        end = self._end(arm.direction, arm.length)
        near = self._open_near(growth, end)
        if near is None and not (arm.out and arm.into):
            return None
        if near is not None:
            end = (graph.junctions[near].x, graph.junctions[near].y)
            if self._is_arm(arm.direction) and not self._is_arm(self._bearing(end)):
                return None
        number = len(graph.junctions) if near is None else near
        street = Street(self.junction, number, bends((here.x, here.y), end, arm.bend), arm.out, arm.into)
        junctions = graph.junctions if near is not None else (*graph.junctions, Junction(*end))
        larger = replace(graph, junctions=junctions, streets=(*graph.streets, street))
        line = centre_line(larger, street)
        half = max(arm.out, arm.into) * street.lane_width
        if not has_room(_plan(growth), line, half, (self.junction, near)):
            return None
        meets = [(here.x, here.y)] if near is None else [(here.x, here.y), end]
        if not is_free(growth.standing, line, half + street.pavement, meets):
            return None
        lines = (*growth.lines, line)
        if not (corners_fit(larger, lines, self.junction) and corners_fit(larger, lines, number)):
            return None
        return replace(growth, graph=larger, lines=lines)

    def _lanes_out(self, street: Street) -> int:
        """Number of a street's lanes out of the junction."""
        return street.forward if street.start == self.junction else street.backward

    def _end(self, direction: float, length: float) -> Point:
        """The end of an arm."""
        here, heading = self.growth.graph.junctions[self.junction], self.heading + direction
        return here.x + length * math.cos(heading), here.y + length * math.sin(heading)

    def _bearing(self, end: Point) -> float:
        here = self.growth.graph.junctions[self.junction]
        return math.remainder(math.atan2(end[1] - here.y, end[0] - here.x) - self.heading, math.tau)

    def _open_near(self, growth: Growth, end: Point) -> int | None:
        """The open junction that an arm's end joins; None for none."""
        own = {self.junction}
        for street in growth.graph.streets:
            if self.junction in (street.start, street.end):
                own |= {street.start, street.end}
        away = [
            (math.hypot(growth.graph.junctions[k].x - end[0], growth.graph.junctions[k].y - end[1]), k)
            for k in growth.open
            if k not in own
        ]
        nearest = min(away, default=(math.inf, -1))
        return nearest[1] if nearest[0] < SNAP else None


@lru_cache(maxsize=2)
def _plan(growth: Growth) -> PlanarGraph:
    """The growth's geometry; cached, for repeated tries of arms."""
    return plan_of(growth.graph, growth.lines)


def grow(
    model: PrefixLM, seed: int = 0, character: Character = ANYTHING, junctions: int = 60, growth: Growth | None = None,
    around: Point = (0.0, 0.0), at: CharacterAt | None = None,
) -> Growth:  # fmt: skip
    """Grows until `junctions` are grown, nearest to `around` first; stops earlier where none is open.

    at: the character of streets round a junction at (x, y), where it varies.
    """
    growth = growth or begun(character, seed)
    while len(growth.grown) < junctions and (open := growth.open):
        there = growth.graph.junctions
        nearest = min(open, key=lambda k: (there[k].x - around[0]) ** 2 + (there[k].y - around[1]) ** 2)
        own = at(there[nearest].x, there[nearest].y) if at else character
        growth, _ = expand(model, growth, nearest, seed, own)
    return growth


def load_streets(folder: Path = FOLDER) -> PrefixLM:
    """The network in a folder. WeightsError where it is missing or damaged."""
    return load(folder, "streets", LIKE)
