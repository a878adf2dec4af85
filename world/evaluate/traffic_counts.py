"""Counts over traffic of any kind: contacts, lane departures, red lights, standing, speeds, accelerations, gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from world.controls import DT
from world.dynamics.right_of_way import COMMITTED
from world.dynamics.tables import Tables
from world.scene.hd_map import HDMap
from world.scene.query import RED, locate, signal_colour, touching

OFF_LANE, STILL, STUCK, EVERY = 2.2, 0.3, 30.0, 5  # m, m/s, s, steps between samples of the slow figures
REACH, BROAD = 60.0, 1.5  # m ahead and aside for the gap
BINS = {  # edges
    "speeds": np.linspace(0.0, 16.0, 33),
    "accelerations": np.linspace(-6.0, 3.0, 37),
    "gaps": np.linspace(0.0, 59.0, 31),
}


@dataclass
class Counts:
    """Of one drive or many.

    minutes: of vehicle time; contacts, people: of vehicles with each other and with people; off: of `looks`, those off
    the lane; red: of `crossings` of a signal's line; stuck: of `vehicles`, those that stood for STUCK s; and lists of
    values every half second.
    """

    minutes: float = 0.0
    contacts: int = 0
    people: int = 0
    off: int = 0
    looks: int = 0
    red: int = 0
    crossings: int = 0
    stuck: int = 0
    vehicles: int = 0
    speeds: list[float] = field(default_factory=list)
    accelerations: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    @classmethod
    def total(cls, parts: Sequence[Counts]) -> Counts:
        """The sum of several."""
        names = [name for name in cls.__dataclass_fields__ if name not in BINS]
        total = cls(**{name: sum(getattr(part, name) for part in parts) for name in names})
        for name in BINS:
            getattr(total, name).extend(value for part in parts for value in getattr(part, name))
        return total


def count_traffic(place: HDMap, frames: np.ndarray, tables_at: Callable[[int], Tables], first_clock: int = 0) -> Counts:
    """The counts of a drive: AGENT [T, AGENTS] every tenth of a second. Agents in roles count only for contacts."""
    counts, lanes = Counts(), place.lanes
    contacts_before: set[tuple[int, int]] = set()
    still: dict[int, int] = {}
    was: dict[int, int] = {}
    over_since: dict[int, int] = {}  # since which step each is over its line
    past: dict[int, float] = {}
    ids: set[int] = set()
    for k, agents in enumerate(frames):
        users = agents[(agents["kind"] >= 1) & (agents["kind"] <= 7)]
        now, with_people = _touching(users)
        counts.contacts += len({pair for pair in now - contacts_before if pair not in with_people})
        counts.people += len({pair for pair in now - contacts_before if pair in with_people})
        contacts_before = now
        vehicles = users[(users["kind"] <= 5) & (users["mode"] < 100)]
        counts.minutes += len(vehicles) * DT / 60
        lane_of: dict[int, int] = {}
        speeds: dict[int, float] = {}
        for a in vehicles:
            who, lane, speed = int(a["id"]), int(a["lane"]), float(a["speed"])
            ids.add(who)
            still[who] = still.get(who, 0) + 1 if speed < STILL else 0
            counts.stuck += still[who] == round(STUCK / DT)
            before = was.get(who, -1)
            if before >= 0 and lane >= 0 and lanes["junction"][before] < 0 <= lanes["junction"][lane]:
                signal = int(lanes["signal"][lane])
                if signal >= 0:
                    counts.crossings += 1
                    crossed_at = over_since.get(who, k)
                    counts.red += (
                        signal_colour(tables_at(crossed_at).signals, signal, (first_clock + crossed_at) * DT) == RED
                    )
            if lane < 0 or lanes["junction"][lane] >= 0 or not _over_line(tables_at(k), lane, a):
                over_since.pop(who, None)
            else:
                over_since.setdefault(who, k)
            lane_of[who], speeds[who] = lane, speed
        if k % EVERY == 0:
            _look(counts, place, vehicles)
            counts.accelerations += [(speed - past[who]) / (EVERY * DT) for who, speed in speeds.items() if who in past]
            past = speeds
        was = lane_of
    counts.vehicles = len(ids)
    return counts


def _over_line(there: Tables, lane: int, a: np.void) -> bool:
    """Whether a vehicle's bumper is so far over its lane's line that it is driving on rather than standing badly."""
    return float(a["s"]) + 0.5 * float(a["length"]) - float(there.stop_line[lane]) > COMMITTED


def _touching(users: np.ndarray) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Pairs of ids whose boxes, shrunk by 4%, overlap, with at least one vehicle; and those with a person."""
    small = users.copy()
    small["length"] *= 0.96
    small["width"] *= 0.96
    pairs, with_people = set(), set()
    for a, b in touching(small):
        walking = [bool(small["kind"][n] >= 6) for n in (a, b)]
        if all(walking):
            continue
        pair = (int(small["id"][a]), int(small["id"][b]))
        pairs.add(pair)
        if any(walking):
            with_people.add(pair)
    return pairs, with_people


def _look(counts: Counts, place: HDMap, vehicles: np.ndarray) -> None:
    for a in vehicles:
        x, y, heading = float(a["x"]), float(a["y"]), float(a["heading"])
        lane, _, offset = locate(place, x, y, heading)
        counts.looks += 1
        counts.off += lane < 0 or abs(offset) > OFF_LANE
        dx, dy = vehicles["x"] - x, vehicles["y"] - y
        ahead, aside = dx * np.cos(heading) + dy * np.sin(heading), dy * np.cos(heading) - dx * np.sin(heading)
        before = (ahead > 0.1) & (np.abs(aside) < BROAD)
        gap = ahead[before] - 0.5 * (vehicles["length"][before] + a["length"])
        counts.gaps.append(float(np.clip(gap.min(initial=REACH), 0.0, REACH)))
        counts.speeds.append(float(a["speed"]))


def interval(parts: Sequence[Counts], rate: Callable[[Counts], float], seed: int = 0) -> tuple[float, float]:
    """The 95% interval of a rate over drives, by bootstrap."""
    random = np.random.default_rng(seed)
    plain = [
        Counts(**{name: getattr(part, name) for name in Counts.__dataclass_fields__ if name not in BINS})
        for part in parts
    ]
    rates = [rate(Counts.total([plain[n] for n in random.integers(len(plain), size=len(plain))])) for _ in range(400)]
    return float(np.quantile(rates, 0.025)), float(np.quantile(rates, 0.975))
