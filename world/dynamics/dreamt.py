"""Places that are dreamt: streets grown by a network, lined by another or by the rules, known by a name that says how.

"dreamt", "dreamt:7", "dreamt:7:dense:grid:2": a seed, then the character in any order; "dreamt:7:dense+600:suburban": another one
from 600 m from its middle on. The place's own name also ends in a mark of the
graph, so that a saved drive never goes on in other streets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from world.dynamics import roadside, streets
from world.dynamics.growth import Asked, Growth
from world.dynamics.stock import Stock
from world.errors import DataError
from world.scene import roadside as rules
from world.scene.build import build
from world.scene.character import Regions, regions_of
from world.scene.graph import RoadGraph
from world.scene.hd_map import HDMap
from world.scene.state import Place

DREAMT = "dreamt"
JUNCTIONS = 60  # that have their streets before a drive begins
MARK = "#"
EVERYWHERE = Regions()  # anything


@dataclass(frozen=True, slots=True)
class DreamtName:
    """What a name says. mark: of the graph that it must become; empty: any."""

    seed: int = 0
    regions: Regions = EVERYWHERE
    mark: str = ""

    @property
    def name(self) -> str:
        """The name without a mark."""
        later = "".join("+" + ":".join([str(far), *own.words]) for far, own in self.regions.later)
        return ":".join([DREAMT, str(self.seed), *self.regions.first.words]) + later

    def looks(self, graph: RoadGraph, only: Collection[int] | None = None) -> dict[int, str]:
        """How each street of a graph is lined where that is not the same everywhere. only: these streets."""
        if not self.regions.later:
            return {}
        found = {}
        for k in range(len(graph.streets)) if only is None else only:
            a, b = graph.junctions[graph.streets[k].start], graph.junctions[graph.streets[k].end]
            found[k] = self.regions.at((a.x + b.x) / 2, (a.y + b.y) / 2).look or graph.look
        return found


@dataclass(frozen=True, eq=False)
class GrowingPlace(Place):
    """A dreamt place that can go on. Its map and props are those near by; growth and stock hold all of it. weights: whose networks grow
    and line it; near bool [J]: which junctions the map has; rows: its props' numbers among all that stands; asked: where it was extended
    so far, in order (`extend`)."""

    growth: Growth
    stock: Stock
    told: DreamtName
    weights: tuple[Path, Path]
    near: np.ndarray
    rows: np.ndarray
    asked: tuple[Asked, ...] = ()

    endless: ClassVar[bool] = True

    @property
    def numbers(self) -> np.ndarray:
        return self.rows


def is_dreamt(name: str) -> bool:
    """Whether a place of that name, with or without its mark, is dreamt."""
    return name.partition(MARK)[0].split(":")[0] == DREAMT


def dreamt_of(name: str) -> DreamtName:
    """DataError for a name that says what there is not."""
    plain, _, mark = name.partition(MARK)
    seed, _, rest = plain.removeprefix(DREAMT).removeprefix(":").partition(":")
    head, plus, outside = seed.partition("+")
    if not head.isdigit():
        return DreamtName(0, regions_of(":".join(part for part in (seed, rest) if part)), mark)
    return DreamtName(int(head), regions_of(f"{plus}{outside}:{rest}" if plus else rest), mark)


def remark(name: str, lined_by: Path = roadside.FOLDER) -> str:
    """What somebody who drives in a place of that name should know; mostly nothing."""
    if not is_dreamt(name) or is_lined_by_network(lined_by):
        return ""
    return (
        "No network that lines dreamt streets is here, so rules line them; train one with `lucidrive train roadside`."
    )


def is_lined_by_network(lined_by: Path = roadside.FOLDER) -> bool:
    """Whether there are weights for what lines streets."""
    return (lined_by / "config.json").exists()


def weights_of(grown_by: Path = streets.FOLDER, lined_by: Path = roadside.FOLDER) -> dict[str, str]:
    """sha256 of what says which weights dream: places of the same name are the same with the same ones alone."""
    files = {"streets": grown_by / "config.json", "roadside": lined_by / "config.json"}
    return {part: hashlib.sha256(file.read_bytes()).hexdigest() for part, file in files.items() if file.exists()}


def dreamt_place(name: str, grown_by: Path = streets.FOLDER, lined_by: Path = roadside.FOLDER) -> GrowingPlace:
    """The place of a name. lined_by: where there is no such folder, the rules line its streets.

    Raises WeightsError where no network grows streets, DataError for a name that says what there is not, or whose mark is another's.
    """
    told = dreamt_of(name)
    place = _begun(replace(told, mark=""), grown_by, lined_by)
    if told.mark and not place.name.endswith(f"{MARK}{told.mark}"):
        raise DataError(
            f"The streets of '{name}' were dreamt by other weights or on another machine, and come out otherwise here; begin anew in "
            f"'{told.name}'."
        )
    return place


@lru_cache(maxsize=32)
def _begun(told: DreamtName, grown_by: Path, lined_by: Path) -> GrowingPlace:
    model, regions = streets.load_streets(grown_by), told.regions
    growth = streets.grow(model, told.seed, regions.first, JUNCTIONS, at=regions.at)
    place = build(growth.graph)
    name, props = (
        f"{told.name}{MARK}{mark_of(growth.graph)}",
        lined(place, told.seed, lined_by, told.looks(growth.graph)),
    )
    near, rows = np.ones(len(growth.graph.junctions), bool), np.arange(len(props))
    return GrowingPlace(name, place, props, growth, Stock.of(props), told, (grown_by, lined_by), near, rows)


def lined(
    place: HDMap,
    seed: int,
    lined_by: Path = roadside.FOLDER,
    looks: Mapping[int, str] | None = None,
    only: Collection[int] | None = None,
) -> np.ndarray:
    """PROP [N] along a map's streets: dreamt where there are weights for it, else by the rules. looks: of streets that are not lined
    as the others are; only: along these streets."""
    if is_lined_by_network(lined_by):
        return roadside.line(roadside.load_roadside(lined_by), place, seed, looks=looks, only=only).props
    return rules.line(place, looks, only)


def mark_of(graph: RoadGraph) -> str:
    """Eight letters of a hash of a graph, positions in whole cm."""
    lines = [f"{graph.look}", *(f"{j.x:.2f} {j.y:.2f} {j.signals}" for j in graph.junctions)]
    lines += [f"{s.start} {s.end} {s.forward} {s.backward}" for s in graph.streets]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
