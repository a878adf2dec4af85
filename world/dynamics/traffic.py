"""Learnt traffic: every 0.2 s each road user is told what it can know, a network says how likely each motion token is, one is drawn.

`Traffic.moved` is a pure function of the drives of a batch, all of which the networks see at once. Random numbers are hashes of
seed, clock and id. Below the networks lies a numeric guard (`guard`), whose changes are counted in `GuardCounts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit

from world.controls import DT, Side
from world.dynamics.decide import apply_people, apply_vehicles
from world.dynamics.motion import POINTS
from world.dynamics.observe_people import observe_person
from world.dynamics.observe_vehicles import observe_vehicle
from world.dynamics.people import is_person
from world.dynamics.right_of_way import heeds_signals
from world.dynamics.spawn import is_vehicle
from world.dynamics.tables import Tables
from world.dynamics.threads import in_threads
from world.dynamics.traffic_net import PERSON, VEHICLE, Network, forward, read_networks
from world.dynamics.vehicles import everybody, moved_by_role
from world.scene.motion_tokens import EVERY
from world.scene.objects import DRIVEN, Kind
from world.scene.random import uniform
from world.scene.state import AGENTS

FOLDER = Path(__file__).parent.parent / "weights" / "traffic"
TOGETHER = 16  # road users that a thread takes at a time
STYLE = 340  # purpose of random numbers
_PERSON, _DEER, _CONE = int(Kind.PERSON), int(Kind.DEER), int(Kind.CONE)


@dataclass(slots=True)
class GuardCounts:
    """Decisions carried out for a tenth of a second, and how many of them the guard changed; vehicles, then people."""

    vehicles: int = 0
    changed: int = 0
    people: int = 0
    people_changed: int = 0

    @property
    def share(self) -> float:
        """Of the vehicles' decisions that the guard changed."""
        return self.changed / max(1, self.vehicles)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficInput:
    """What of one drive its traffic's step depends on. ego: EGO [1], agents: AGENT [AGENTS]; side, level: of the event in force;
    reckless: share of the drivers who take no notice of signals."""

    place: Tables
    seed: np.uint64
    clock: int
    ego: np.ndarray
    agents: np.ndarray
    dark: bool
    density: float
    side: float = 0.0
    level: float = 1.0
    reckless: float = 0.0

    def seen(self) -> np.ndarray:
        """AGENT [AGENTS + 1], our car as the last."""
        return everybody(self.ego, self.agents)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Weights, and whether the guard is on. `sha256` stands for the weights; `tally` counts and decides nothing."""

    vehicles: Network
    people: Network
    sha256: str = ""
    guard: bool = True
    tally: GuardCounts = field(default_factory=GuardCounts)

    def moved(self, drives: Sequence[TrafficInput]) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each drive its agents [AGENTS] a step on, and what those that a role moves are to do: float64 [AGENTS, 2].

        The latter: a vehicle's m/s2 and m left of its way, a person's m/s; NaN for those without a role.
        """
        told = [observed(drive) for drive in drives]
        vehicles = _at_once(self.vehicles, [one.vehicles for one in told])
        people = _at_once(self.people, [one.people for one in told])
        return [self._apply(*of_one) for of_one in zip(drives, told, vehicles, people, strict=True)]

    def _apply(
        self, drive: TrafficInput, told: Observed, vehicles: np.ndarray, people: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        out, wanted, counts = told.seen[:AGENTS].copy(), np.full((AGENTS, 2), np.nan), np.zeros(4, np.int64)
        there, seed, clock, density = drive.place, np.uint64(drive.seed), int(drive.clock), float(drive.density)
        seen = told.seen.copy()
        apply_people(there, seed, clock, told.seen, out, told.people.row, people, wanted, self.guard, density, counts)
        apply_vehicles(
            there, seed, clock, seen, out, told.vehicles.row, vehicles, wanted, self.guard, drive.dark, density,
            float(drive.reckless), counts,
        )  # fmt: skip
        tally = self.tally
        tally.vehicles, tally.changed = tally.vehicles + int(counts[0]), tally.changed + int(counts[1])
        tally.people, tally.people_changed = tally.people + int(counts[2]), tally.people_changed + int(counts[3])
        return out, wanted


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The road users of one network that decide now. float32 own [N, OWN], near [N, most, NEAR], int64 count [N]; row [AGENTS]: whose they are, -1: nobody's."""

    own: np.ndarray
    near: np.ndarray
    count: np.ndarray
    row: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One drive as its road users see it. seen: AGENT [AGENTS + 1], our car as the last."""

    seen: np.ndarray
    vehicles: Group
    people: Group


def observed(drive: TrafficInput, everybody: bool = False, styles: np.ndarray | None = None) -> Observed:
    """What those who decide now are told. everybody: whether it is their turn or not; styles float64 [AGENTS], else hashes."""
    seen = drive.seen()
    due = np.zeros(AGENTS, np.int64)
    styles = np.full(AGENTS, np.nan) if styles is None else styles.copy()
    _due(np.uint64(drive.seed), int(drive.clock), seen, everybody, due, styles)
    groups = []
    for number, size in ((1, VEHICLE), (2, PERSON)):
        slots = np.flatnonzero(due == number)
        group = Group(
            np.zeros((len(slots), size.own), np.float32),
            np.zeros((len(slots), size.most, size.near), np.float32),
            np.zeros(len(slots), np.int64),
            np.full(AGENTS, -1, np.int64),
        )
        group.row[slots] = np.arange(len(slots))
        if len(slots):
            told = (drive.place, seen, slots, styles, drive.side, drive.level, drive.clock * DT)
            if number == 1:
                _tell_vehicles(*told, np.uint64(drive.seed), float(drive.reckless), group.own, group.near, group.count)
            else:
                _tell_people(*told, group.own, group.near, group.count)
        groups.append(group)
    return Observed(seen, *groups)


def _at_once(network: Network, groups: Sequence[Group]) -> list[np.ndarray]:
    """The logits of every group, from one pass through the network."""
    if not sum(len(group.own) for group in groups):
        return [np.zeros((0, len(network.tokens_bias)), np.float32) for _ in groups]
    own, near, count = (np.concatenate([getattr(group, name) for group in groups]) for name in ("own", "near", "count"))
    logits = np.empty((len(own), len(network.tokens_bias)), np.float32)

    def some(first: int, last: int) -> None:
        logits[first:last] = forward(network, own[first:last], near[first:last], count[first:last])

    in_threads(some, len(own), TOGETHER)
    ends = np.cumsum([len(group.own) for group in groups])
    return np.split(logits, ends[:-1])


@njit(cache=True)
def style_of(seed, who):
    """How pressing a driver or walker is, 0 to 1, for as long as it lives."""
    return uniform(seed, 0, who, STYLE)


@njit(cache=True)
def _due(seed, clock, seen, everybody, due, styles):
    """Who decides now: 1 a vehicle, 2 a person; and everybody's style."""
    for i in range(len(due)):
        a = seen[i]
        if a.kind == 0 or a.kind >= _CONE or a.role == DRIVEN:
            continue
        if styles[i] != styles[i]:
            styles[i] = style_of(seed, a.id)
        now = everybody or a.mode == 0 or moved_by_role(a) or (clock + a.id) % EVERY == 0
        if not now:
            continue
        if is_vehicle(a.kind) and (a.lane >= 0 or moved_by_role(a)):
            due[i] = 1
        elif is_person(a) or (moved_by_role(a) and _PERSON <= a.kind <= _DEER):
            due[i] = 2


@njit(cache=True)
def _tell_vehicles(t, seen, slots, styles, side, level, seconds, seed, reckless, own, near, count):
    path = np.empty((POINTS, 3))
    for n in range(len(slots)):
        i = slots[n]
        heeds = heeds_signals(seed, seen[i].id, reckless)
        count[n] = observe_vehicle(t, seen, i, styles[i], side, level, seconds, path, own[n], near[n], heeds)


@njit(cache=True)
def _tell_people(t, seen, slots, styles, side, level, seconds, own, near, count):
    for n in range(len(slots)):
        i = slots[n]
        count[n] = observe_person(t, seen, i, styles[i], side, level, seconds, own[n], near[n])


def signed(side: int) -> float:
    """A Side as a number: 1 left, -1 right, 0 neither."""
    return {int(Side.LEFT): 1.0, int(Side.RIGHT): -1.0}.get(side, 0.0)


@lru_cache(maxsize=4)
def load_traffic(folder: Path = FOLDER, guard: bool = True) -> Traffic:
    """Once a folder. WeightsError where it holds no traffic."""
    networks, sha256 = read_networks(folder)
    return Traffic(networks["vehicles"], networks["people"], sha256, guard)
