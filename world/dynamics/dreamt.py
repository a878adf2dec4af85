"""Dreamt places: streets grown by a network, lined by another network or by rules, and identified by name.

"dreamt", "dreamt:7", "dreamt:7:dense:grid:2": a seed, then the character in any order; "dreamt:7:dense+600:suburban": another character
from 600 m from the middle. A place's full name ends in a mark of its graph, so that a saved drive never continues in other streets.
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
from world.dynamics.growth import Extension, Growth
from world.dynamics.stock import Stock
from world.errors import DataError
from world.scene import roadside as rules
from world.scene.build import build
from world.scene.character import Regions, regions_of
from world.scene.graph import RoadGraph
from world.scene.hd_map import HDMap
from world.scene.state import Place

DREAMT = "dreamt"
JUNCTIONS = 60  # grown before a drive begins
MARK = "#"
EVERYWHERE = Regions()  # any character


@dataclass(frozen=True, slots=True)
class DreamtName:
    """A parsed name. mark: of the graph that must result; empty: any."""

    seed: int = 0
    regions: Regions = EVERYWHERE
    mark: str = ""

    @property
    def name(self) -> str:
        """The name without a mark."""
        later = "".join("+" + ":".join([str(far), *own.words]) for far, own in self.regions.later)
        return ":".join([DREAMT, str(self.seed), *self.regions.first.words]) + later

    def looks(self, graph: RoadGraph, only: Collection[int] | None = None) -> dict[int, str]:
        """The look of each street of a graph, empty if it is the same everywhere. only: these streets."""
        if not self.regions.later:
            return {}
        looks = {}
        for k in range(len(graph.streets)) if only is None else only:
            a, b = graph.junctions[graph.streets[k].start], graph.junctions[graph.streets[k].end]
            looks[k] = self.regions.at((a.x + b.x) / 2, (a.y + b.y) / 2).look or graph.look
        return looks


@dataclass(frozen=True, eq=False)
class GrowingPlace(Place):
    """A dreamt place that can grow. Map and props cover the surroundings, growth and stock everything. weights: folders of the networks that
    grow and line it; near bool [J]: junctions on the map; rows: numbers of its props; extensions: made so far, in order (`extend`)."""

    growth: Growth
    stock: Stock
    spec: DreamtName
    weights: tuple[Path, Path]
    near: np.ndarray
    rows: np.ndarray
    extensions: tuple[Extension, ...] = ()

    endless: ClassVar[bool] = True

    @property
    def numbers(self) -> np.ndarray:
        """int64 [N], ascending: the props' numbers in the whole place."""
        return self.rows


def is_dreamt(name: str) -> bool:
    """Whether a place's name, with or without its mark, is a dreamt one's."""
    return name.partition(MARK)[0].split(":")[0] == DREAMT


def dreamt_of(name: str) -> DreamtName:
    """Parses a name. DataError for an unknown character."""
    plain, _, mark = name.partition(MARK)
    seed, _, rest = plain.removeprefix(DREAMT).removeprefix(":").partition(":")
    head, plus, outside = seed.partition("+")
    if not head.isdigit():
        return DreamtName(0, regions_of(":".join(part for part in (seed, rest) if part)), mark)
    return DreamtName(int(head), regions_of(f"{plus}{outside}:{rest}" if plus else rest), mark)


def remark(name: str, lined_by: Path = roadside.FOLDER) -> str:
    """A note for drivers in a place of this name; mostly empty."""
    if not is_dreamt(name) or is_lined_by_network(lined_by):
        return ""
    return (
        "No network that lines dreamt streets is here, so rules line them; train one with `lucidrive train roadside`."
    )


def is_lined_by_network(lined_by: Path = roadside.FOLDER) -> bool:
    """Whether there are weights of the roadside network."""
    return (lined_by / "config.json").exists()


def weights_of(grown_by: Path = streets.FOLDER, lined_by: Path = roadside.FOLDER) -> dict[str, str]:
    """sha256 of the networks' configs: places of the same name are equal only with the same weights."""
    files = {"streets": grown_by / "config.json", "roadside": lined_by / "config.json"}
    return {part: hashlib.sha256(file.read_bytes()).hexdigest() for part, file in files.items() if file.exists()}


def dreamt_place(name: str, grown_by: Path = streets.FOLDER, lined_by: Path = roadside.FOLDER) -> GrowingPlace:
    """The place of a name. lined_by: without this folder, rules line the streets.

    Raises WeightsError where the streets' network is missing, DataError for an unknown character or where the streets do not match the mark.
    """
    spec = dreamt_of(name)
    place = _begun(replace(spec, mark=""), grown_by, lined_by)
    if spec.mark and not place.name.endswith(f"{MARK}{spec.mark}"):
        raise DataError(
            f"The streets of '{name}' were dreamt by other weights or on another machine, and come out otherwise here; begin anew in "
            f"'{spec.name}'."
        )
    return place


@lru_cache(maxsize=32)
def _begun(spec: DreamtName, grown_by: Path, lined_by: Path) -> GrowingPlace:
    model, regions = streets.load_streets(grown_by), spec.regions
    growth = streets.grow(model, spec.seed, regions.first, JUNCTIONS, at=regions.at)
    place = build(growth.graph)
    name, props = (
        f"{spec.name}{MARK}{mark_of(growth.graph)}",
        lined(place, spec.seed, lined_by, spec.looks(growth.graph)),
    )
    near, rows = np.ones(len(growth.graph.junctions), bool), np.arange(len(props))
    return GrowingPlace(name, place, props, growth, Stock.of(props), spec, (grown_by, lined_by), near, rows)


def lined(
    place: HDMap,
    seed: int,
    lined_by: Path = roadside.FOLDER,
    looks: Mapping[int, str] | None = None,
    only: Collection[int] | None = None,
) -> np.ndarray:
    """PROP [N] along a map's streets: by the network if there are weights, else by rules. looks: of streets that differ from the others;
    only: along these streets."""
    if is_lined_by_network(lined_by):
        return roadside.line(roadside.load_roadside(lined_by), place, seed, looks=looks, only=only).props
    return rules.line(place, looks, only)


def mark_of(graph: RoadGraph) -> str:
    """Eight letters of a hash of a graph, positions in whole cm."""
    lines = [f"{graph.look}", *(f"{j.x:.2f} {j.y:.2f} {j.signals}" for j in graph.junctions)]
    lines += [f"{s.start} {s.end} {s.forward} {s.backward}" for s in graph.streets]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
