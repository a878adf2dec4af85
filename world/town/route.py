"""Our car's route: a path of lane centres, the turns on it, and the current lane.

Arc lengths `s` in m along the path; offsets left positive. The path grows as it is driven, by seeded choices.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from world.controls import Command
from world.town.lane_index import LaneIndex
from world.town.mesh import cut_line, line_length
from world.town.network import RoadNetwork, Turn

AHEAD = 90.0  # m of path kept ahead
COMMANDS = {"l": Command.LEFT, "r": Command.RIGHT, "s": Command.STRAIGHT}
TURN_SHARES = {"l": 0.44, "r": 0.43, "s": 0.13}  # targets; a town's lanes may not allow them
THROUGH_SHARES = {"l": 0.12, "r": 0.12, "s": 0.76}  # for a drive along the main roads
DEAD_END = 1e-4  # weight of turning round, and of a turn into a dead end
MAX_ANNOUNCE = 8.0  # s before the junction


def wrap(angle: float) -> float:
    """An angle in rad, wrapped to [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


@dataclass(frozen=True, slots=True)
class RouteTurn:
    """A turn on the path: entry and exit arc lengths, and how many seconds before the junction it is announced."""

    entry: float
    exit: float
    direction: str
    signal: str | None
    link: int
    announce: float


@dataclass(frozen=True, slots=True)
class Fix:
    """A pose relative to the path: arc length and offset in m, heading error in rad."""

    s: float
    offset: float
    heading_error: float


class Route:
    """The path ahead, extended turn by turn. `refused`: a wished direction was not possible."""

    def __init__(
        self, network: RoadNetwork, index: LaneIndex, rng: random.Random, through: bool = False, directions: str = ""
    ) -> None:
        """through: prefer straight on; directions: l, r or s at each of the first junctions."""
        self.network, self.index, self._rng = network, index, rng
        self.directions, self._behind, self.refused = directions, 0, False
        self._lane_changes: list[tuple[float, float, Command]] = []  # start, end, command
        self._shares = THROUGH_SHARES if through else TURN_SHARES
        self._turn_counts = dict.fromkeys(TURN_SHARES, 0)
        self._points = np.zeros((0, 2))
        self._s = np.zeros(0)
        self.junctions: list[RouteTurn] = []
        self._spans: list[tuple[float, float, str]] = []  # start, end, lane of the path's parts
        self._change: tuple[float, Command] | None = None  # end (arc length), command
        self._bulge = -1.0  # end (arc length) of a detour
        self.s = 0.0

    def start(self, lane: str, at: float) -> None:
        """Begins a new path at an arc length of a lane."""
        shape = self.network.lanes[lane].shape
        self._behind += sum(junction.exit <= self.s for junction in self.junctions)
        self.refused, self._lane_changes = False, []
        self._points, self._s = np.zeros((0, 2)), np.zeros(0)
        self.junctions, self._spans, self._change, self._bulge, self.s = [], [], None, -1.0, 0.0
        self._append(cut_line(shape, max(0.0, min(at, line_length(shape) - 2.0)), 1e9), lane)
        self._extend()

    def _append(self, shape: np.ndarray, lane: str) -> None:
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(shape, axis=0), axis=1))])
        begin = float(self._s[-1]) if len(self._s) else 0.0
        count = max(2, int(length[-1]) + 1)
        at = np.linspace(0, length[-1], count)[(1 if len(self._s) else 0) :]
        dense = np.stack([np.interp(at, length, shape[:, 0]), np.interp(at, length, shape[:, 1])], axis=1)
        self._points = np.concatenate([self._points, dense])
        self._s = np.concatenate([self._s, begin + at])
        self._spans.append((begin, float(self._s[-1]), lane))

    def _choose(self, turns: tuple[Turn, ...]) -> Turn:
        """Draws the next turn; the further one lags behind its share so far, the likelier it is."""

        def weight(turn: Turn) -> float:
            if turn.direction not in self._shares:
                return DEAD_END * DEAD_END
            lag = self._shares[turn.direction] / (self._turn_counts[turn.direction] + 0.7)
            return lag * lag * (DEAD_END if turn.to in self.network.dead_ends else 1.0)

        wish = self._next_direction()
        fitting = tuple(turn for turn in turns if turn.direction == wish)
        self.refused = self.refused or bool(wish and not fitting)
        turns = fitting or turns
        turn = self._rng.choices(turns, [weight(t) for t in turns])[0]
        if turn.direction in self._turn_counts:
            self._turn_counts[turn.direction] += 1
        return turn

    def _next_direction(self) -> str:
        """The requested direction at the next junction to plan; "" for none."""
        at = self._behind + len(self.junctions)
        return self.directions[at : at + 1]

    def _leads_on(self, turn: Turn) -> bool:
        """Whether a turn leads on without turning round."""
        return turn.direction in TURN_SHARES and turn.to not in self.network.dead_ends

    def _change_street_lane(self, fits: Callable[[Turn], bool], least: float) -> None:
        """Where only another lane of the street has a fitting turn, leads the path's last part (at least `least` m)
        over to it.
        """
        start, end, name = self._spans[-1]
        begin = max(start, self.s + 3.0)  # the path behind us stays
        lane = self.network.lanes[name]
        goes = [
            other
            for other in self.network.edge_lanes[lane.edge]
            if any(fits(turn) for turn in self.network.turns.get(other, ()))
        ]
        if name in goes or not goes or end - begin < least:
            return
        goal = min((self.network.lanes[other] for other in goes), key=lambda other: abs(other.index - lane.index))
        piece = np.flatnonzero((self._s > begin) & (self._s <= end))
        share = (self._s[piece] - begin) / (end - begin)
        weight = np.clip((share - 0.2) / 0.5, 0, 1)
        weight = (weight * weight * (3 - 2 * weight))[:, None]
        whole = line_length(goal.shape)
        at = whole - (end - self._s[piece]) * whole / max(line_length(lane.shape), 1e-6)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(goal.shape, axis=0), axis=1))])
        over = np.stack([np.interp(at, length, goal.shape[:, k]) for k in (0, 1)], axis=1)
        self._points[piece] = self._points[piece] * (1 - weight) + over * weight
        middle, change_end = begin + 0.4 * (end - begin), begin + 0.7 * (end - begin)
        word = Command.LANE_LEFT if goal.index > lane.index else Command.LANE_RIGHT
        self._lane_changes.append((begin + 0.15 * (end - begin), change_end, word))
        self._spans[-1:] = [(start, middle, name), (middle, end, goal.id)]

    def _extend(self) -> None:
        while self._s[-1] - self.s < AHEAD or (self._next_direction() and not self.refused):
            if not self.network.lanes[self._spans[-1][2]].internal:
                if direction := self._next_direction():
                    self._change_street_lane(lambda turn, direction=direction: turn.direction == direction, 30.0)  # type: ignore[misc]
                else:
                    self._change_street_lane(self._leads_on, 14.0)
            lane = self._spans[-1][2]
            turns = self.network.turns.get(lane, ())
            if self.network.lanes[lane].internal:  # began inside a junction: find the way out
                turns = tuple(
                    t for ts in self.network.turns.values() for t in ts if lane in t.via
                )  # fmt: skip
                if not turns:
                    return
                turn = turns[0]
                rest = turn.via[turn.via.index(lane) + 1 :]
                self.junctions.append(RouteTurn(0.0, 0.0, turn.direction, None, -1, MAX_ANNOUNCE))
            elif not turns:
                return
            else:
                turn = self._choose(turns)
                rest = turn.via
            entry = float(self._s[-1]) if not self.network.lanes[lane].internal else self._spans[-1][0]
            for name in rest:
                self._append(self.network.lanes[name].shape, name)
            out = float(self._s[-1])
            self._append(self.network.lanes[turn.to].shape, turn.to)
            announce = self._rng.uniform(0.0, MAX_ANNOUNCE)
            junction = RouteTurn(entry, out, turn.direction, turn.signal, turn.link, announce)
            if self.network.lanes[lane].internal:
                self.junctions[-1] = junction
            else:
                self.junctions.append(junction)

    def locate(self, x: float, y: float, heading: float) -> Fix:
        """Follows a pose along the path and extends the path. Call once per frame."""
        near = np.flatnonzero((self._s > self.s - 6) & (self._s < self.s + 14))
        gap = self._points[near] - (x, y)
        k = int(near[int(np.argmin(np.hypot(gap[:, 0], gap[:, 1])))])
        k = min(max(k, 0), len(self._s) - 2)
        direction = self._points[k + 1] - self._points[k]
        length = max(float(np.hypot(*direction)), 1e-6)
        direction = direction / length
        r = np.array([x, y]) - self._points[k]
        self.s = float(self._s[k] + np.clip(r @ direction, -1.0, length))
        offset = float(direction[0] * r[1] - direction[1] * r[0])
        error = wrap(heading - math.atan2(direction[1], direction[0]))
        self._extend()
        if self._change and self.s > self._change[0]:
            self._change = None
        return Fix(self.s, offset, error)

    def ahead(self, distance: float) -> tuple[np.ndarray, np.ndarray]:
        """Path points [N, 2] and their arc lengths, from here to `distance` m ahead."""
        pick = (self._s >= self.s - 1.0) & (self._s <= self.s + distance)
        return self._points[pick], self._s[pick]

    def point(self, s: float) -> tuple[float, float, float]:
        """x, y and heading of the path at an arc length."""
        k = int(np.clip(np.searchsorted(self._s, s), 1, len(self._s) - 1))
        a, b = self._points[k - 1], self._points[k]
        span = max(self._s[k] - self._s[k - 1], 1e-6)
        p = a + (b - a) * np.clip((s - self._s[k - 1]) / span, 0.0, 1.0)
        return float(p[0]), float(p[1]), math.atan2(b[1] - a[1], b[0] - a[0])

    def curvature(self, distance: float) -> tuple[np.ndarray, np.ndarray]:
        """Arc lengths from 3 m behind on, and the path's absolute curvature (1/m) there, over 4 m chords."""
        s = np.arange(max(self.s - 3.0, 0.0), min(self.s + distance, self._s[-1]), 2.0)
        x = np.interp(s, self._s, self._points[:, 0])
        y = np.interp(s, self._s, self._points[:, 1])
        turn = np.diff(np.unwrap(np.arctan2(np.diff(y), np.diff(x))))
        return s[1:-1], np.abs(turn) / 2.0

    def lane(self) -> str:
        """The lane that the path is on here."""
        for start, end, lane in self._spans:
            if start <= self.s <= end:
                return lane
        return self._spans[-1][2]

    def edges(self) -> tuple[str, ...]:
        """The streets of the path, from the current one (or the last, in a junction) on."""
        lanes = [(start, self.network.lanes[name]) for start, _, name in self._spans]
        streets = [(start, lane.edge) for start, lane in lanes if not lane.internal]
        here = sum(start <= self.s for start, _ in streets[1:])
        ahead = [edge for _, edge in streets[here:]]
        return tuple(edge for k, edge in enumerate(ahead) if k == 0 or edge != ahead[k - 1])

    def next_junction(self, s: float) -> RouteTurn | None:
        """The first junction whose exit lies beyond `s`."""
        return next((j for j in self.junctions if j.exit > s), None)

    def command(self, speed: float) -> Command:
        """The navigator's current command."""
        if self._change:
            return self._change[1]
        if lane_change := self._lane_change_now():
            return lane_change
        junction = self.next_junction(self.s)
        if junction and (junction.entry - self.s) / max(speed, 3.0) <= junction.announce:
            return COMMANDS.get(junction.direction, Command.FOLLOW)
        return Command.FOLLOW

    def bulge(self, begin: float, full: float, back: float, end: float, left: float) -> None:
        """Shifts the path: by nothing at arc length `begin`, by `left` m from `full` to `back`, by nothing from `end`
        on.
        """
        s = self._s
        rise = np.clip((s - begin) / max(full - begin, 1e-6), 0, 1) * np.clip((end - s) / max(end - back, 1e-6), 0, 1)
        shift = left * rise * rise * (3 - 2 * rise)
        d = np.gradient(self._points, axis=0)
        d /= np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-6)
        self._points = self._points + shift[:, None] * np.stack([-d[:, 1], d[:, 0]], axis=1)
        self._bulge = end

    @property
    def swinging(self) -> bool:
        """Whether the path makes a detour here."""
        return self.s < self._bulge

    def neighbour(self, side: int) -> str | None:
        """The lane on the left (+1) or right (-1) of ours; None where there is none."""
        lane = self.network.lanes[self.lane()]
        if lane.internal:
            return None
        names = self.network.edge_lanes[lane.edge]
        position = names.index(lane.id) + side
        return names[position] if 0 <= position < len(names) else None

    @property
    def changing(self) -> bool:
        """Whether a lane change is under way."""
        return self._change is not None or self._lane_change_now() is not None

    def _lane_change_now(self) -> Command | None:
        return next((word for begin, end, word in self._lane_changes if begin < self.s < end), None)

    def change_lane(self, side: int, speed: float, within: float = math.inf) -> bool:
        """Leads the path to the lane on the left (+1) or right (-1), within `within` m; False where there is none or no
        room.
        """
        name = self.neighbour(side)
        if name is None or self.changing or self.swinging:
            return False
        if name in self.network.dead_ends and self.lane() not in self.network.dead_ends:
            return False
        lane, goal = self.network.lanes[self.lane()], self.network.lanes[name]
        here = self.index.nearest(*self.point(self.s), plain=True)
        if here is None or self.network.lanes[here[0]].edge != lane.edge:
            return False
        ratio = goal.length / max(lane.length, 1e-6)
        length = max(8.0, min(max(12.0, 1.9 * speed), within))
        at = here[1]
        if lane.length - at < length + 6:
            return False
        u = np.linspace(0, 1, 16)
        smooth = (u * u * (3 - 2 * u))[:, None]
        old, new = cut_line(lane.shape, at, at + length), cut_line(goal.shape, at * ratio, (at + length) * ratio)
        old, new = _resample(old, 16), _resample(new, 16)
        blend = old * (1 - smooth) + new * smooth
        keep = self._s < self.s
        self._points, self._s = self._points[keep][-8:], self._s[keep][-8:]
        self.junctions = [j for j in self.junctions if j.exit < self.s]
        self._lane_changes = []
        self._spans = [(a, min(b, self.s), n) for a, b, n in self._spans if a < self.s][-3:]
        self._append(np.concatenate([self._points[-1:], blend[1:]]) if len(self._points) else blend, goal.id)
        change_end = float(self._s[-1])
        self._append(cut_line(goal.shape, (at + length) * ratio, 1e9), goal.id)
        self._change = (change_end - 2.0, Command.LANE_LEFT if side > 0 else Command.LANE_RIGHT)
        self._extend()
        return True


def _resample(shape: np.ndarray, count: int) -> np.ndarray:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(shape, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, shape[:, 0]), np.interp(at, length, shape[:, 1])], axis=1)
