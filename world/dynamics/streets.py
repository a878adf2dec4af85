"""Which streets come next: a transformer grows a road graph junction by junction, and what a plan asks for is there.

After Neural Turtle Graphics (Chu et al. 2019, arXiv 1910.02055): a junction sees the nearest streets in its own frame and writes its
new arms. Arms that end near a junction which is still open meet it, so that blocks close; what has no room is drawn again. A street may be
one-way where it closes a block: every junction's first street goes both ways, so that one gets everywhere and back.
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
SNAP = 32.0  # m from an open junction within which an arm meets it
TRIES = 8  # arms of a junction that may be without room
TOO_NEAR = 13  # bins of direction from an arm within which there is no other
PATIENCE = 4  # of them until all the places of a wanted arm are gone through
ATTEMPTS = 4  # at a junction that lacks what was wished for; after the first, the wanted arm comes before others
LENGTHS = (90.0, 70.0, 120.0, 60.0, 160.0, 200.0)  # m that a wanted arm is then tried with
HEAT = 0.93  # temperature
# m of the street that everything begins with, at least and at most: how far apart junctions are in the networks that it learnt from, which
# differs from one to the other. What grows from it keeps to its scale.
FIRST_LENGTHS = {"dense": (68.0, 112.0), "mixed": (76.0, 132.0), "suburban": (80.0, 150.0)}
WIDER = 9.0  # m more for each lane beyond the first
LIKE = PrefixConfig(FEATURES, STREETS.size, STREET_TOKENS, CONDITIONS)
ANYTHING, NO_WISH = Character(), JunctionSpec()
SPANS = {
    field.name: np.isin(np.arange(STREETS.size), np.r_[STREETS.span(field.name)]) for field in STREETS.fields
}  # bool [V]
CharacterAt = Callable[[float, float], Character]


def begun(character: Character = ANYTHING, seed: int = 0) -> Growth:
    """One street in a direction and of a length that the seed decides, both of its ends open."""
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
    """The arms of an open junction; and whether what was wished for is there. arrival: the street that one comes along (default: its first).

    DataError where the junction has its arms already. What it draws follows from seed, junction and what is there alone.
    """
    if junction in growth.grown or not 0 <= junction < len(growth.graph.junctions):
        raise DataError(f"Junction {junction} has all its streets; grow one that is open.")
    for attempt in range(ATTEMPTS):
        made, granted = _Expansion(model, growth, junction, seed, character, wish, arrival, attempt).run()
        if granted:
            break
    return made, granted


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
        self.leaves = [self._lanes_out(growth.graph.streets[k]) > 0 for k in self.incident]  # by which one may drive on
        rows, there = here.rows(np.arange(len(growth.graph.streets)), junction, self.heading)
        self.writing = Writing(model, rows[None], there[None], np.array([character.conditions]))
        self.barred = np.zeros(STREETS.field("direction").count, bool)  # directions without room
        self.lost = False  # there is room for the wanted arm nowhere
        self.wanted = wish.arm is not None and not self._has_wanted()
        self.least = 3 if wish.arm in ("left", "right") else 1  # arms: of two, one goes straight on into the other

    def run(self) -> tuple[Growth, bool]:
        token = self._drawn(self._next(STREETS.begin), SPANS["signals"])
        signals, logits = bool(STREETS.value("signals", token)), self._next(token)
        growth, last = self.growth, -1
        while len(self.standing) - len(self.incident) < MOST_ARMS:
            if self.wanted and not self.lost and self.failed >= PATIENCE and (forced := self._forced(growth, last)):
                growth, tokens = forced
                for token in tokens:
                    logits = self._next(token)
                self._settled(tokens, growth)  # others may come before it
                continue
            allowed = self._directions(last)
            before = (logits, self.writing.count)
            direction = self._drawn(logits, allowed)
            if direction == STREETS.end:
                break
            tokens = [direction]
            for name in ARM_FIELDS[1:]:
                tokens.append(self._drawn(self._next(tokens[-1]), self._field(growth, name, tokens)))
            made = self._placed(growth, decode_arm(tokens))
            if made is None:
                self.failed += 1
                bin = direction - STREETS.first("direction")
                self.barred[max(0, bin - 2) : bin + 3] = True
                logits, self.writing.count = before
                continue
            growth = made
            last = self._settled(tokens, growth)
            logits = self._next(tokens[-1])
        lit = signals and len(self.standing) >= 3
        junctions = list(growth.graph.junctions)
        junctions[self.junction] = replace(junctions[self.junction], signals=lit)
        graph = replace(growth.graph, junctions=tuple(junctions))
        granted = not self.wanted and self.wish.arms in (None, len(self.standing)) and len(self.standing) >= self.least
        return replace(growth, graph=graph, grown=growth.grown | {self.junction}), granted

    def _settled(self, tokens: list[int], growth: Growth) -> int:
        """Takes down an arm that has its place, the growth's last street; the bin of its direction."""
        end = growth.graph.junctions[growth.graph.streets[-1].end]
        self.standing.append(self._bearing((end.x, end.y)))
        self.leaves.append(self._lanes_out(growth.graph.streets[-1]) > 0)
        self.wanted = self.wanted and not self._has_wanted()
        return tokens[0] - STREETS.first("direction")

    def _forced(self, growth: Growth, last: int) -> tuple[Growth, list[int]] | None:
        """The wanted arm in the first of its places that has room, the plainest that was asked for; None where none has."""
        low, high = SECTORS[self.wish.arm or ""]
        field, middle, out = STREETS.field("direction"), 0.5 * (low + high), self.wish.lanes or 1
        bins = [k for k in range(field.bin(low), field.bin(high) + 1) if k > last]
        longest = self.wish.within or LENGTHS[-1]
        for bin in sorted(bins, key=lambda k: abs(field.value(k) - middle))[::2]:
            for length in (length for length in LENGTHS if length <= longest):
                tokens = encode_arms(False, [NewArm(field.value(bin), length, 0.0, out, 1)])[1:-1]
                if (made := self._placed(growth, decode_arm(tokens))) is not None:
                    return made, tokens
        self.lost = True
        return None

    def _next(self, token: int) -> np.ndarray:
        """Logits [V] after one more token."""
        logits: np.ndarray = self.writing.next(np.array([token]))[0]
        return logits

    def _drawn(self, logits: np.ndarray, allowed: np.ndarray) -> int:
        return drawn(logits, np.flatnonzero(allowed), HEAT, self.dice.random())

    def _directions(self, last: int) -> np.ndarray:
        """Tokens of the next arm's direction, counter-clockwise after the last one's, or END."""
        allowed = np.zeros(STREETS.size, bool)
        field, free = STREETS.field("direction"), ~self.barred
        for direction in self.standing:
            free[(field.bin(direction) + np.arange(-TOO_NEAR, TOO_NEAR + 1)) % field.count] = False
        free[: last + 1] = False
        reachable = False
        if self.wanted and self.wish.arm and not self.lost:
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
        """Tokens of an arm's next field."""
        allowed = SPANS[name].copy()
        ours = self._is_wanted(STREETS.value("direction", tokens[0]))
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

    def _is_wanted(self, direction: float) -> bool:
        if not self.wanted or self.wish.arm is None:
            return False
        low, high = SECTORS[self.wish.arm]
        return low <= direction <= high

    def _has_wanted(self) -> bool:
        low, high = SECTORS[self.wish.arm] if self.wish.arm else (0.0, 0.0)
        return any(
            low <= direction <= high and leaves for direction, leaves in zip(self.standing, self.leaves, strict=True)
        )

    def _placed(self, growth: Growth, arm: NewArm) -> Growth | None:
        """The growth with an arm as its last street; None where there is no room for it."""
        graph, here = growth.graph, growth.graph.junctions[self.junction]
        end = self._end(arm.direction, arm.length)
        near = self._open_near(growth, end)
        if near is None and not (arm.out and arm.into):
            return None
        if near is not None:
            end = (graph.junctions[near].x, graph.junctions[near].y)
            if self._is_wanted(arm.direction) and not self._is_wanted(self._bearing(end)):
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
        """Lanes by which one drives out of the junction."""
        return street.forward if street.start == self.junction else street.backward

    def _end(self, direction: float, length: float) -> Point:
        """Where an arm ends."""
        here, way = self.growth.graph.junctions[self.junction], self.heading + direction
        return here.x + length * math.cos(way), here.y + length * math.sin(way)

    def _bearing(self, end: Point) -> float:
        here = self.growth.graph.junctions[self.junction]
        return math.remainder(math.atan2(end[1] - here.y, end[0] - here.x) - self.heading, math.tau)

    def _open_near(self, growth: Growth, end: Point) -> int | None:
        """The open junction that an arm's end meets."""
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
    """Asked for again while arms are without room."""
    return plan_of(growth.graph, growth.lines)


def grow(
    model: PrefixLM, seed: int = 0, character: Character = ANYTHING, junctions: int = 60, growth: Growth | None = None,
    around: Point = (0.0, 0.0), at: CharacterAt | None = None,
) -> Growth:  # fmt: skip
    """Grows until so many junctions have their arms, the one nearest to `around` first; earlier where nothing is open any more.

    at: the character of streets around a junction at (x, y), where it is not the same everywhere.
    """
    growth = growth or begun(character, seed)
    while len(growth.grown) < junctions and (open := growth.open):
        there = growth.graph.junctions
        nearest = min(open, key=lambda k: (there[k].x - around[0]) ** 2 + (there[k].y - around[1]) ** 2)
        own = at(there[nearest].x, there[nearest].y) if at else character
        growth, _ = expand(model, growth, nearest, seed, own)
    return growth


def load_streets(folder: Path = FOLDER) -> PrefixLM:
    """The network in a folder. WeightsError where there is none, or a damaged one."""
    return load(folder, "streets", LIKE)
