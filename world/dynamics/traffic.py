"""Learnt traffic: every 0.2 s a network maps each road user's inputs to probabilities of motion tokens, and one is sampled.

`Traffic.moved` is a pure function of the drives of a batch, which the networks process at once. Random numbers are hashes of seed, clock
and id. A numeric guard (`guard`) bounds the motions; its changes are counted in `GuardCounts`.
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
    """Number of decisions carried out for a tenth of a second, and of those changed by the guard; vehicles, then people."""

    vehicles: int = 0
    changed: int = 0
    people: int = 0
    people_changed: int = 0

    @property
    def share(self) -> float:
        """The share of the vehicles' decisions that the guard changed."""
        return self.changed / max(1, self.vehicles)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficInput:
    """Input of one drive's traffic step. ego: EGO [1], agents: AGENT [AGENTS]; side, level: of the event in force; reckless: share of
    drivers who ignore signals."""

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
    """Weights, and whether the guard is on. sha256: of the weights; tally: counts without influence."""

    vehicles: Network
    people: Network
    sha256: str = ""
    guard: bool = True
    tally: GuardCounts = field(default_factory=GuardCounts)

    def moved(self, drives: Sequence[TrafficInput]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each drive's agents [AGENTS] after a step, and orders to agents moved by roles, float64 [AGENTS, 2].

        Orders: a vehicle's m/s2 and m left of its reference path, a person's m/s; NaN without a role.
        """
        views = [observed(drive) for drive in drives]
        vehicles = _at_once(self.vehicles, [one.vehicles for one in views])
        people = _at_once(self.people, [one.people for one in views])
        return [self._apply(*of_one) for of_one in zip(drives, views, vehicles, people, strict=True)]

    def _apply(
        self, drive: TrafficInput, view: Observed, vehicles: np.ndarray, people: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        out, orders, counts = view.seen[:AGENTS].copy(), np.full((AGENTS, 2), np.nan), np.zeros(4, np.int64)
        there, seed, clock, density = drive.place, np.uint64(drive.seed), int(drive.clock), float(drive.density)
        everyone = view.seen.copy()
        apply_people(there, seed, clock, view.seen, out, view.people.row, people, orders, self.guard, density, counts)
        apply_vehicles(
            there, seed, clock, everyone, out, view.vehicles.row, vehicles, orders, self.guard, drive.dark, density,
            float(drive.reckless), counts,
        )  # fmt: skip
        tally = self.tally
        tally.vehicles, tally.changed = tally.vehicles + int(counts[0]), tally.changed + int(counts[1])
        tally.people, tally.people_changed = tally.people + int(counts[2]), tally.people_changed + int(counts[3])
        return out, orders


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Inputs of one network's road users that decide now. float32 own [N, OWN], near [N, most, NEAR], int64 count [N]; row [AGENTS]: each agent's row, -1 for none."""

    own: np.ndarray
    near: np.ndarray
    count: np.ndarray
    row: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The networks' inputs of one drive. seen: AGENT [AGENTS + 1], our car as the last."""

    seen: np.ndarray
    vehicles: Group
    people: Group


def observed(drive: TrafficInput, everybody: bool = False, styles: np.ndarray | None = None) -> Observed:
    """Inputs of road users that decide now. everybody: of all, due or not; styles float64 [AGENTS], by default hashes."""
    everyone = drive.seen()
    due = np.zeros(AGENTS, np.int64)
    styles = np.full(AGENTS, np.nan) if styles is None else styles.copy()
    _due(np.uint64(drive.seed), int(drive.clock), everyone, everybody, due, styles)
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
            inputs = (drive.place, everyone, slots, styles, drive.side, drive.level, drive.clock * DT)
            if number == 1:
                _tell_vehicles(
                    *inputs, np.uint64(drive.seed), float(drive.reckless), group.own, group.near, group.count
                )
            else:
                _tell_people(*inputs, group.own, group.near, group.count)
        groups.append(group)
    return Observed(everyone, *groups)


def _at_once(network: Network, groups: Sequence[Group]) -> list[np.ndarray]:
    """The logits of every group from one forward pass."""
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
    """How pressing a driver or walker is, 0 to 1, constant for its life."""
    return uniform(seed, 0, who, STYLE)


@njit(cache=True)
def _due(seed, clock, everyone, everybody, due, styles):
    """Fills due (1: a vehicle that decides now, 2: a person) and missing styles."""
    for i in range(len(due)):
        a = everyone[i]
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
def _tell_vehicles(t, everyone, slots, styles, side, level, seconds, seed, reckless, own, near, count):
    path = np.empty((POINTS, 3))
    for n in range(len(slots)):
        i = slots[n]
        heeds = heeds_signals(seed, everyone[i].id, reckless)
        count[n] = observe_vehicle(t, everyone, i, styles[i], side, level, seconds, path, own[n], near[n], heeds)


@njit(cache=True)
def _tell_people(t, everyone, slots, styles, side, level, seconds, own, near, count):
    for n in range(len(slots)):
        i = slots[n]
        count[n] = observe_person(t, everyone, i, styles[i], side, level, seconds, own[n], near[n])


def signed(side: int) -> float:
    """A Side as a number: 1 left, -1 right, 0 neither."""
    return {int(Side.LEFT): 1.0, int(Side.RIGHT): -1.0}.get(side, 0.0)


@lru_cache(maxsize=4)
def load_traffic(folder: Path = FOLDER, guard: bool = True) -> Traffic:
    """The traffic of a folder, cached. WeightsError where its weights are missing or damaged."""
    networks, sha256 = read_networks(folder)
    return Traffic(networks["vehicles"], networks["people"], sha256, guard)
