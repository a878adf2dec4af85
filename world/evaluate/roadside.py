"""`lucidrive evaluate roadside`: dreamt roadsides beside the rules', along the same streets of networks outside the
training data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from world.dynamics.roadside import FOLDER, line, load_roadside
from world.metrics import jensen_shannon
from world.scene import corner_sight, roadside
from world.scene.areas import driving_areas
from world.scene.build import build
from world.scene.frontage import Ground
from world.scene.hd_map import HDMap
from world.scene.objects import Kind
from world.scene.query import overlap
from world.scene.roadside_tokens import BARRIERS, KINDS, Standing, decode_stretch, encode_stretch
from world.scene.stretches import props_of, standings, stretches
from world.town.plans import generate
from world.train.loop import Report
from world.train.roadside_lessons import RADIUS, middle

HEAD = ("what", "dreamt", "rules", "aim")
BEHIND = frozenset({Kind.HOUSE, Kind.CAR}) | BARRIERS  # what may not overlap
MILLISECONDS, ALLOWED = 40.0, 3.0  # aims: ms per junction; divergence, times that of two halves of the rules'
DEEP = 0.2  # m by which adjacent boxes may overlap: ends of hedges meet


def evaluate_roadside(
    weights: Path = FOLDER, *, networks: int = 10, seed: int = 0, report: Report | None = None
) -> dict[str, Any]:
    """Compares roadsides along the streets in the middle of that many networks of the test split, generated here (extra
    `sim`).

    Raises WeightsError where `weights` has no network, SimulatorError without SUMO.
    """
    note, model = report or (lambda share, text: None), load_roadside(weights)
    ours: list[list[Standing]] = []
    theirs: list[list[Standing]] = []
    result: dict[str, Any] = {"networks": networks, "dreamt": _nothing(), "rules": _nothing()}
    objects = dropped = junctions = 0
    seconds, errors = 0.0, list[float]()
    for number in range(networks):
        note(number / networks, f"networks: {number} of {networks}")
        place = build(middle(generate("test", number)[1], RADIUS))
        rule_props = roadside.line(place)
        began = time.perf_counter()
        roadside_now = line(model, place, seed + number)
        seconds += time.perf_counter() - began
        objects, dropped, junctions = (
            objects + roadside_now.drawn,
            dropped + roadside_now.left_out,
            junctions + len(place.junctions),
        )
        every = stretches(place)
        for name, props, into in (("dreamt", roadside_now.props, ours), ("rules", rule_props, theirs)):
            _add(result[name], wrong_with(place, props))
            into += standings(every, props)
        errors += [
            error
            for stretch, own in zip(every, theirs[-len(every) :], strict=True)
            for error in round_trip_errors(stretch, own)
        ]
    result["divergence"] = {
        name: (
            jensen_shannon(_all(ours, name), _all(theirs, name), edges),
            jensen_shannon(_all(theirs[::2], name), _all(theirs[1::2], name), edges),
        )
        for name, edges in EDGES.items()
    }
    result["left_out"] = dropped / max(1, objects)
    result["milliseconds"] = 1000 * seconds / max(1, junctions)
    result["round_trip"] = {"median": float(np.median(errors)), "worst": float(np.max(errors))} if errors else {}
    return result


EDGES: dict[str, np.ndarray] = {  # bins of each distribution
    "kind": np.arange(-0.5, len(KINDS) + 0.5),
    "things along 10 m": np.arange(0.0, 10.0, 0.5),
    "houses behind the kerb, m": np.arange(2.0, 38.0, 1.5),
    "fronts, m": np.arange(5.0, 23.0, 1.0),
    "storeys": np.arange(0.5, 9.0),
    "gaps between fronts, m": np.concatenate([[-25, -0.3, 0.3], np.arange(1.0, 30.0, 2.0)]),
}


def _all(roadsides: Sequence[list[Standing]], name: str) -> list[float]:
    """Every value of a distribution."""
    houses = [[one for one in own if one.kind == Kind.HOUSE] for own in roadsides]
    if name == "kind":
        return [float(KINDS.index(one.kind)) for own in roadsides for one in own]
    if name == "things along 10 m":
        return [len(own) / 6.4 for own in roadsides]
    if name == "gaps between fronts, m":
        rows = [sorted((h for h in own if h.behind < 14), key=lambda h: h.s) for own in houses]
        return [b.s - b.width / 2 - a.s - a.width / 2 for own in rows for a, b in pairwise(own)]
    field = {"houses behind the kerb, m": "behind", "fronts, m": "width", "storeys": "floors"}[name]
    return [float(getattr(one, field)) for own in houses for one in own]


def _nothing() -> dict[str, int]:
    return {"things": 0, "overlaps": 0, "on_roads": 0, "in_traffic": 0, "blocked": 0, "sights": 0}


def _add(total: dict[str, int], one: dict[str, int]) -> None:
    for name, value in one.items():
        total[name] += value


def wrong_with(place: HDMap, props: np.ndarray) -> dict[str, int]:
    """Counts objects; overlapping pairs behind the pavements; objects behind them that stand on a road; objects where
    cars drive; lines of sight round corners, and blocked ones.
    """
    ground, sights = Ground.of(place), corner_sight.lines(place)
    behind = props[np.isin(props["kind"], [int(kind) for kind in BEHIND])]
    boxes = [tuple(float(prop[n]) for n in ("x", "y", "heading", "length", "width")) for prop in behind]
    xy = np.stack([behind["x"], behind["y"]], 1)
    reach = 0.5 * np.hypot(behind["length"], behind["width"])
    overlaps = 0
    for k, (x, y, heading, length, width) in enumerate(boxes):
        near = np.flatnonzero(np.hypot(*(xy[k + 1 :] - xy[k]).T) < reach[k + 1 :] + reach[k]) + k + 1
        mine = (x, y, heading, max(0.05, length - DEEP), max(0.05, width - DEEP))
        overlaps += sum(bool(overlap(*mine, *boxes[int(other)])) for other in near)
    covered = np.zeros(len(sights), bool)
    for prop in behind[behind["height"] > corner_sight.LOW]:
        covered |= corner_sight.blocked(sights, tuple(float(prop[n]) for n in ("x", "y", "heading", "length", "width")))  # type: ignore[arg-type]
    return {
        "things": len(props),
        "overlaps": overlaps,
        "on_roads": sum(ground.on_road(box, -0.1) for box in boxes),  # type: ignore[arg-type]
        "in_traffic": int((driving_areas(place, np.stack([props["x"], props["y"]], 1)) > 0).sum()),
        "blocked": int(covered.sum()),
        "sights": len(sights),
    }


def round_trip_errors(stretch: Any, objects: list[Standing]) -> list[float]:
    """Position errors in m of objects after a round trip through tokens."""
    errors = []
    for one in objects:
        back = decode_stretch(encode_stretch([one]))[0]
        pairs = zip(props_of(stretch, one), props_of(stretch, back), strict=False)
        errors += [math.hypot(a.box[0] - b.box[0], a.box[1] - b.box[1]) for a, b in pairs]
    return errors


def table(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """The result as rows for the terminal."""
    ours, theirs = result["dreamt"], result["rules"]
    rows: list[tuple[str, ...]] = [
        (
            f"things along the streets of {result['networks']} networks",
            f"{ours['things']:,}",
            f"{theirs['things']:,}",
            "",
        ),
        ("pairs that overlap", str(ours["overlaps"]), str(theirs["overlaps"]), "0"),
        ("houses, hedges and cars on a road or pavement", str(ours["on_roads"]), str(theirs["on_roads"]), "0"),
        ("things where cars drive", str(ours["in_traffic"]), str(theirs["in_traffic"]), "0"),
        (
            "lines of sight round corners that are blocked",
            *(_share(one["blocked"], one["sights"]) for one in (ours, theirs)),
            "0%",
        ),
        ("dreamt, and left out for want of room", f"{result['left_out']:.1%}", "", ""),
        ("ms a junction", f"{result['milliseconds']:.0f}", "", f"<= {MILLISECONDS:.0f} with its streets"),
    ]
    for name, (dreamt, own) in result["divergence"].items():
        rows.append((f"divergence of {name}, bits", f"{dreamt:.4f}", f"{own:.4f} (halves)", f"<= {ALLOWED * own:.4f}"))
    if trip := result["round_trip"]:
        rows.append(("lost by tokens, m: median; worst", f"{trip['median']:.2f}; {trip['worst']:.2f}", "", ""))
    return rows


def _share(part: int, whole: int) -> str:
    return f"{part / max(1, whole):.1%}"
