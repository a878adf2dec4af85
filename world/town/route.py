"""Where our car is to go: a path of lane centres, the turns on it, and the lane that it is in.

Arc lengths `s` in m along the path; offsets left positive. The path grows as it is driven, by seeded choices.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from world.controls import Command
from world.town.mesh import cut_line, line_length
from world.town.network import RoadNetwork, Turn

AHEAD = 90.0  # m of path kept ahead
COMMANDS = {"l": Command.LEFT, "r": Command.RIGHT, "s": Command.STRAIGHT}
TURN_SHARES = {"l": 0.44, "r": 0.43, "s": 0.13}  # aimed at; a town's lanes may not offer it
THROUGH_SHARES = {"l": 0.12, "r": 0.12, "s": 0.76}  # of a drive along the main roads
DEAD_END = 1e-4  # weight of turning round, and of a way where one must
MAX_ANNOUNCE = 8.0  # s before the junction


def wrap(angle: float) -> float:
    """An angle brought into [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


@dataclass(frozen=True, slots=True)
class RouteTurn:
    """A turn on the path: entry and exit arc lengths, and how long before (s) it is announced."""

    entry: float
    exit: float
    direction: str
    signal: str | None
    link: int
    announce: float


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a pose lies on the path."""

    s: float
    offset: float
    heading_error: float


class LaneIndex:
    """All driving lanes' segments, for finding the nearest one."""

    def __init__(self, network: RoadNetwork) -> None:
        starts, ends, names, at = [], [], [], []
        for lane in network.lanes.values():
            length = 0.0
            for a, b in zip(lane.shape[:-1], lane.shape[1:], strict=True):
                starts.append(a)
                ends.append(b)
                names.append(lane.id)
                at.append(length)
                length += float(np.linalg.norm(b - a))
        self._a, self._b = np.array(starts), np.array(ends)
        self._names, self._at = names, np.array(at)
        d = self._b - self._a
        self._length = np.maximum(np.linalg.norm(d, axis=1), 1e-6)
        self._dir = d / self._length[:, None]
        self._heading = np.arctan2(d[:, 1], d[:, 0])
        self._plain = np.array([not network.lanes[name].internal for name in names])

    def nearest(
        self, x: float, y: float, heading: float, plain: bool = False
    ) -> tuple[str, float, float, float] | None:
        """Lane, arc length on it, signed offset, distance; of lanes within 75 degrees of the heading. None: none near."""
        r = np.array([x, y]) - self._a
        t = np.clip((r * self._dir).sum(axis=1), 0, self._length)
        gap = r - t[:, None] * self._dir
        distance = np.hypot(gap[:, 0], gap[:, 1])
        turn = np.abs((self._heading - heading + np.pi) % (2 * np.pi) - np.pi)
        distance = np.where(turn < 1.3, distance + 0.4 * turn, np.inf)
        if plain:
            distance = np.where(self._plain, distance, np.inf)
        k = int(np.argmin(distance))
        if not np.isfinite(distance[k]) or distance[k] > 25:
            return None
        side = self._dir[k, 0] * r[k, 1] - self._dir[k, 1] * r[k, 0]
        return self._names[k], float(self._at[k] + t[k]), float(side), float(np.hypot(*gap[k]))


class Route:
    """The path ahead, extended turn by turn."""

    def __init__(
        self, network: RoadNetwork, index: LaneIndex, rng: random.Random, through: bool = False, wishes: str = ""
    ) -> None:
        """`through`: rather straight on; `wishes`: the directions (l, r, s) of the first junctions."""
        self.network, self.index, self._rng = network, index, rng
        self.wishes, self._behind, self.refused = wishes, 0, False
        self._planned: list[tuple[float, float, Command]] = []  # lane changes that a wish needs
        self._shares = THROUGH_SHARES if through else TURN_SHARES
        self._taken = dict.fromkeys(TURN_SHARES, 0)
        self._points = np.zeros((0, 2))
        self._s = np.zeros(0)
        self.junctions: list[RouteTurn] = []
        self._spans: list[tuple[float, float, str]] = []  # start, end, lane of the path's pieces
        self._change: tuple[float, Command] | None = None  # until which s, which command
        self._bulge = -1.0  # until which s the path leads round something
        self.s = 0.0

    def start(self, lane: str, at: float) -> None:
        """Begin a new path on a lane at an arc length of it."""
        shape = self.network.lanes[lane].shape
        self._behind += sum(junction.exit <= self.s for junction in self.junctions)
        self.refused, self._planned = False, []
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
        """Draw the next turn, the rather the more it lags behind its share of those taken so far."""

        def weight(turn: Turn) -> float:
            if turn.direction not in self._shares:
                return DEAD_END * DEAD_END
            lag = self._shares[turn.direction] / (self._taken[turn.direction] + 0.7)
            return lag * lag * (DEAD_END if turn.to in self.network.dead_ends else 1.0)

        wish = self._wish()
        wished = tuple(turn for turn in turns if turn.direction == wish)
        self.refused = self.refused or bool(wish and not wished)
        turns = wished or turns
        turn = self._rng.choices(turns, [weight(t) for t in turns])[0]
        if turn.direction in self._taken:
            self._taken[turn.direction] += 1
        return turn

    def _wish(self) -> str:
        """The direction wished for at the next junction to be planned; "" where there is none."""
        at = self._behind + len(self.junctions)
        return self.wishes[at : at + 1]

    def _onward(self, turn: Turn) -> bool:
        """Does it lead to where one need not turn round?"""
        return turn.direction in TURN_SHARES and turn.to not in self.network.dead_ends

    def _make_way(self, fits: Callable[[Turn], bool], least: float) -> None:
        """Where only another lane of the street has a turn that fits, lead the path's last piece (`least` m) over to it."""
        start, end, name = self._spans[-1]
        begin = max(start, self.s + 3.0)  # what lies behind us stays
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
        middle, done = begin + 0.4 * (end - begin), begin + 0.7 * (end - begin)
        word = Command.LANE_LEFT if goal.index > lane.index else Command.LANE_RIGHT
        self._planned.append((begin + 0.15 * (end - begin), done, word))
        self._spans[-1:] = [(start, middle, name), (middle, end, goal.id)]

    def _extend(self) -> None:
        while self._s[-1] - self.s < AHEAD or (self._wish() and not self.refused):
            if not self.network.lanes[self._spans[-1][2]].internal:
                if wish := self._wish():
                    self._make_way(lambda turn, wish=wish: turn.direction == wish, 30.0)  # type: ignore[misc]
                else:
                    self._make_way(self._onward, 14.0)
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
            made = RouteTurn(entry, out, turn.direction, turn.signal, turn.link, announce)
            if self.network.lanes[lane].internal:
                self.junctions[-1] = made
            else:
                self.junctions.append(made)

    def locate(self, x: float, y: float, heading: float) -> Fix:
        """Follow a pose along the path (call once a frame) and grow the path."""
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
        """Path points [N, 2] and their arc lengths from here to `distance` m ahead."""
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
        """The lane the path is on here."""
        for start, end, lane in self._spans:
            if start <= self.s <= end:
                return lane
        return self._spans[-1][2]

    def edges(self) -> tuple[str, ...]:
        """The streets of the path, from the one that we are on (or have just left) on."""
        lanes = [(start, self.network.lanes[name]) for start, _, name in self._spans]
        streets = [(start, lane.edge) for start, lane in lanes if not lane.internal]
        here = sum(start <= self.s for start, _ in streets[1:])
        ahead = [edge for _, edge in streets[here:]]
        return tuple(edge for k, edge in enumerate(ahead) if k == 0 or edge != ahead[k - 1])

    def next_junction(self, s: float) -> RouteTurn | None:
        """The first junction not yet left behind at `s`."""
        return next((j for j in self.junctions if j.exit > s), None)

    def command(self, speed: float) -> Command:
        """What a navigator would say now."""
        if self._change:
            return self._change[1]
        if planned := self._planned_now():
            return planned
        junction = self.next_junction(self.s)
        if junction and (junction.entry - self.s) / max(speed, 3.0) <= junction.announce:
            return COMMANDS.get(junction.direction, Command.FOLLOW)
        return Command.FOLLOW

    def bulge(self, begin: float, full: float, back: float, end: float, left: float) -> None:
        """Shift the path: by nothing at arc length `begin`, by `left` m from `full` to `back`, by nothing from `end`."""
        s = self._s
        rise = np.clip((s - begin) / max(full - begin, 1e-6), 0, 1) * np.clip((end - s) / max(end - back, 1e-6), 0, 1)
        shift = left * rise * rise * (3 - 2 * rise)
        d = np.gradient(self._points, axis=0)
        d /= np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-6)
        self._points = self._points + shift[:, None] * np.stack([-d[:, 1], d[:, 0]], axis=1)
        self._bulge = end

    @property
    def swinging(self) -> bool:
        """The path leads round something here."""
        return self.s < self._bulge

    def neighbour(self, side: int) -> str | None:
        """The lane on the left (+1) or right (-1) of ours."""
        lane = self.network.lanes[self.lane()]
        if lane.internal:
            return None
        names = self.network.edge_lanes[lane.edge]
        wanted = names.index(lane.id) + side
        return names[wanted] if 0 <= wanted < len(names) else None

    @property
    def changing(self) -> bool:
        """A lane change is under way."""
        return self._change is not None or self._planned_now() is not None

    def _planned_now(self) -> Command | None:
        return next((word for begin, end, word in self._planned if begin < self.s < end), None)

    def change_lane(self, side: int, speed: float, within: float = math.inf) -> bool:
        """Move to the lane on the left (+1) or right (-1), in `within` m; False where there is none or no room."""
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
        self._planned = []
        self._spans = [(a, min(b, self.s), n) for a, b, n in self._spans if a < self.s][-3:]
        self._append(np.concatenate([self._points[-1:], blend[1:]]) if len(self._points) else blend, goal.id)
        done = float(self._s[-1])
        self._append(cut_line(goal.shape, (at + length) * ratio, 1e9), goal.id)
        self._change = (done - 2.0, Command.LANE_LEFT if side > 0 else Command.LANE_RIGHT)
        self._extend()
        return True


def _resample(shape: np.ndarray, count: int) -> np.ndarray:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(shape, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, shape[:, 0]), np.interp(at, length, shape[:, 1])], axis=1)
