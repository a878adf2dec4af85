"""`lucidrive evaluate streets`: dreamt towns beside netgenerate's networks outside the training data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from world.dynamics.dreamt import DREAMT, dreamt_place
from world.dynamics.extend import extended
from world.dynamics.growth import SECTORS, Extension, Growth, JunctionSpec
from world.dynamics.prefix_lm import PrefixLM
from world.dynamics.roadside import FOLDER as ROADSIDE_FOLDER
from world.dynamics.streets import FOLDER, begun, expand, grow, load_streets
from world.evaluate.street_figures import EDGES, faults, values_of
from world.metrics import jensen_shannon
from world.scene.build import build
from world.scene.character import Character
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT, HDMap
from world.town.convert import warnings_of
from world.town.plans import collect, networks
from world.train.loop import Report
from world.train.networks import network_of

HEAD = ("what", "dreamt", "unseen networks", "aim")
TURNS = {"left": LEFT, "right": RIGHT, "straight": STRAIGHT}
ALLOWED = 3.0  # aim of divergences, times that between two halves of the networks
WISH_AIM, MILLISECONDS = 0.99, 40.0  # aims: share of wishes; ms per junction


def evaluate_streets(
    weights: Path = FOLDER,
    data: Path = Path("runs/streets-test"),
    *,
    roadside_weights: Path = ROADSIDE_FOLDER,
    towns: int = 100,
    junctions: int = 60,
    wishes: int = 200,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> dict[str, Any]:
    """Compares `towns` dreamt ones with as many networks of the test split (made in `data`), under the same characters,
    and tries `wishes`.

    Raises WeightsError where `weights` has no network, SimulatorError without SUMO.
    """
    note = report or (lambda share, text: None)
    model = load_streets(weights)
    collect(data, max(towns, 2), "test", workers, lambda k, of: note(0.2 * k / of, f"networks: {k} of {of}"))
    true = networks(data, "test")[: max(towns, 2)]
    dreamt, seconds, number = [], 0.0, 0
    for k in range(towns):
        note(0.2 + 0.5 * k / towns, f"towns: {k} of {towns}")
        began = time.perf_counter()
        dreamt.append(grow(model, seed + k, true[k][0], junctions))
        seconds += time.perf_counter() - began
        number += len(dreamt[-1].grown)
    note(0.7, "figures")
    maps = [build(one.graph) for one in dreamt]
    wrong = [faults(one) for one in maps]
    result: dict[str, Any] = {
        "towns": towns,
        "milliseconds": 1000 * seconds / max(1, number),
        "added_milliseconds": milliseconds_of_growth(weights, roadside_weights, seed),
        "faults": {name: sum(getattr(one, name) for one in wrong) for name in ("nowhere", "gaps", "overlaps")},
        "faulty_towns": sum(one.any for one in wrong),
        "warnings": sum(len(warnings_of(one.graph)) for one in dreamt) / max(1, towns),
        "true_warnings": sum(len(warnings_of(graph)) for _, graph in true) / len(true),
        "divergence": divergences(dreamt, true),
        "dead_ends": {"dreamt": dead_ends([inner_values(one) for one in dreamt])},
    }
    result["dead_ends"]["true"] = dead_ends([values_of(graph, network_of(c, graph).inner) for c, graph in true])
    note(0.9, "wishes")
    return result | {"wishes": wish_shares(model, wishes, seed)}


def milliseconds_of_growth(street_weights: Path, roadside_weights: Path, seed: int = 0, junctions: int = 20) -> float:
    """ms of one core per junction added during a drive: its streets, map and roadside."""
    place, first = dreamt_place(f"{DREAMT}:{seed}", street_weights, roadside_weights), 0
    seconds = count = 0.0
    while count < junctions and place.growth.open:
        here = place.growth.graph.junctions[place.growth.open[0]]
        before, began = len(place.growth.grown), time.thread_time()
        place = extended(place, Extension(here.x, here.y))
        if first:  # the first one reads the networks
            seconds, count = seconds + time.thread_time() - began, count + len(place.growth.grown) - before
        first += 1
    return 1000 * seconds / max(1.0, count)


def inner_values(growth: Growth) -> dict[str, list[float]]:
    """Values of junctions complete with their arms and neighbours, where the dream's edge cuts nothing off."""
    open = set(growth.open)
    beside = {end for s in growth.graph.streets if {s.start, s.end} & open for end in (s.start, s.end)}
    return values_of(growth.graph, np.array(sorted(growth.grown - beside), np.int64))


def divergences(dreamt: Sequence[Growth], true: Sequence[tuple[Character, Any]]) -> dict[str, tuple[float, float]]:
    """By distribution: of dreamt towns from the networks, and between two halves of the networks."""
    own = [values_of(graph, network_of(character, graph).inner) for character, graph in true]
    ours = [inner_values(one) for one in dreamt]

    def pooled(parts: Sequence[dict[str, list[float]]], name: str) -> list[float]:
        return [value for part in parts for value in part[name]]

    return {
        name: (
            jensen_shannon(pooled(ours, name), pooled(own, name), edges),
            jensen_shannon(pooled(own[::2], name), pooled(own[1::2], name), edges),
        )
        for name, edges in EDGES.items()
    }


def dead_ends(values: Sequence[dict[str, list[float]]]) -> float:
    """The share of junctions that are dead ends."""
    degrees = [degree for one in values for degree in one["degree"]]
    return sum(degree == 1 for degree in degrees) / max(1, len(degrees))


def wish_shares(model: PrefixLM, count: int, seed: int) -> dict[str, dict[str, float]]:
    """By kind of wish: `there`, the share that the map fulfils; `said`, the share of unfulfilled ones reported as such."""
    kinds = [JunctionSpec(arm) for arm in SECTORS] + [
        JunctionSpec("left", lanes=3),
        JunctionSpec(arms=3),
        JunctionSpec("right", within=120.0),
    ]
    results: dict[str, list[tuple[bool, bool]]] = {}
    for k in range(count):
        wish = kinds[k % len(kinds)]
        growth = grow(model, 10_000 + seed + k // len(kinds), junctions=6)
        if not growth.open:
            growth = begun(seed=seed)
        junction = growth.open[0]
        arrival = next(n for n, s in enumerate(growth.graph.streets) if junction in (s.start, s.end))
        growth, granted = expand(model, growth, junction, seed + k, wish=wish, arrival=arrival)
        results.setdefault(_wish_name(wish), []).append(
            (fulfils(build(growth.graph), junction, arrival, wish), granted)
        )
    return {
        name: {
            "there": sum(there for there, _ in pairs) / len(pairs),
            "said": sum(not granted for there, granted in pairs if not there) / max(1, sum(not t for t, _ in pairs)),
        }
        for name, pairs in results.items()
    }


def fulfils(place: HDMap, junction: int, arrival: int, wish: JunctionSpec) -> bool:
    """Whether traffic from a street can do at a junction what the wish says, by the map."""
    graph, lanes = place.graph, place.lanes
    links = lanes[(lanes["junction"] == junction) & (lanes["street"][lanes["source"]] == arrival)]
    streets = [s for s in graph.streets if junction in (s.start, s.end)]
    if wish.arms is not None and len(streets) != wish.arms:
        return False
    new = [
        s for k, s in enumerate(graph.streets) if junction in (s.start, s.end) and k > arrival and s.start == junction
    ]
    if wish.within is not None and any(_chord(place, s.start, s.end) > wish.within + 32 for s in new):
        return False
    if wish.arm is None:
        return True
    right_way = links[links["turn"] == TURNS[wish.arm]]
    if not len(right_way):
        return False
    if wish.lanes is None:
        return True
    goals = [graph.streets[k] for k in set(lanes["street"][right_way["target"]].tolist())]
    return any((s.forward if s.start == junction else s.backward) >= wish.lanes for s in goals)


def _chord(place: HDMap, start: int, end: int) -> float:
    a, b = (place.graph.junctions[k] for k in (start, end))
    return float(np.hypot(a.x - b.x, a.y - b.y))


def _wish_name(wish: JunctionSpec) -> str:
    parts = [wish.arm or "", f"{wish.lanes} lanes" if wish.lanes else "", f"{wish.arms} arms" if wish.arms else ""]
    return " ".join(part for part in [*parts, f"within {wish.within:.0f} m" if wish.within else ""] if part)


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows for the terminal."""
    wrong, dead = result["faults"], result["dead_ends"]
    rows: list[tuple[str, ...]] = [
        (f"gaps, overlaps, lanes that lead nowhere in {result['towns']} towns", _faults(wrong), "", "0"),
        ("warnings of netconvert a town", f"{result['warnings']:.2f}", f"{result['true_warnings']:.2f}", ""),
        ("dead ends", f"{dead['dreamt']:.1%}", f"{dead['true']:.1%}", ""),
        ("ms a junction", f"{result['milliseconds']:.0f}", "", ""),
        (
            "ms a junction with its roadside, added to a place",
            f"{result['added_milliseconds']:.0f}",
            "",
            f"<= {MILLISECONDS:.0f}",
        ),
    ]
    for name, (ours, own) in result["divergence"].items():
        aim = f"<= {ALLOWED * own:.4f}" if own else ""  # netgenerate's streets are straight, so bends have no aim
        rows.append((f"divergence of {name}, bits", f"{ours:.4f}", f"{own:.4f}", aim))
    for name, one in result["wishes"].items():
        said = "" if one["there"] == 1 else f" (of the rest {one['said']:.0%} said so)"
        rows.append((f"asked for: {name}", f"{one['there']:.0%}{said}", "", f"{WISH_AIM:.0%}"))
    return rows


def _faults(wrong: dict[str, int]) -> str:
    return f"{wrong['gaps']}, {wrong['overlaps']}, {wrong['nowhere']}"
