"""Places that are dreamt: streets grown by a network, lined by another or by the rules, known by a name that says how.

"dreamt", "dreamt:7", "dreamt:7:dense:grid:2": a seed, then the character in any order. The place's own name also ends in a mark of the
graph, so that a saved drive never goes on in other streets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from world.dynamics import roadside, streets
from world.errors import DataError
from world.scene import roadside as rules
from world.scene.build import build
from world.scene.character import Character, character_of
from world.scene.graph import RoadGraph
from world.scene.state import Place

DREAMT = "dreamt"
JUNCTIONS = 60  # that have their streets before a drive begins
MARK = "#"


@dataclass(frozen=True, slots=True)
class Dreamt:
    """What a name says. mark: of the graph that it must become; empty: any."""

    seed: int = 0
    character: Character = streets.ANYTHING
    mark: str = ""

    @property
    def name(self) -> str:
        """The name without a mark."""
        words = (self.character.look, self.character.plan, self.character.lanes)
        return ":".join([DREAMT, str(self.seed), *(str(word) for word in words if word)])


def is_dreamt(name: str) -> bool:
    return name.partition(MARK)[0].split(":")[0] == DREAMT


def dreamt_of(name: str) -> Dreamt:
    """DataError for a name that says what there is not."""
    plain, _, mark = name.partition(MARK)
    words = plain.split(":")[1:]
    seed = int(words.pop(0)) if words and words[0].isdigit() else 0
    return Dreamt(seed, character_of(words), mark)


@lru_cache(maxsize=8)
def dreamt_place(
    name: str, grown_by: Path = streets.FOLDER, lined_by: Path = roadside.FOLDER, junctions: int = JUNCTIONS
) -> Place:
    """The place of a name. lined_by: where there is no such folder, the rules line its streets.

    Raises WeightsError where no network grows streets, DataError for a name that says what there is not, or whose mark is another's.
    """
    told = dreamt_of(name)
    growth = streets.grow(streets.load_streets(grown_by), told.seed, told.character, junctions)
    mark = mark_of(growth.graph)
    if told.mark not in ("", mark):
        raise DataError(
            f"The streets of '{name}' were dreamt by other weights or on another machine, and come out otherwise here; begin anew in "
            f"'{told.name}'."
        )
    place = build(growth.graph)
    if (lined_by / "config.json").exists():
        props = roadside.line(roadside.load_roadside(lined_by), place, told.seed).props
    else:
        props = rules.line(place)
    return Place(f"{told.name}{MARK}{mark}", place, props)


def mark_of(graph: RoadGraph) -> str:
    """Eight letters of a hash of a graph, positions in whole cm."""
    lines = [f"{graph.look}", *(f"{j.x:.2f} {j.y:.2f} {j.signals}" for j in graph.junctions)]
    lines += [f"{s.start} {s.end} {s.forward} {s.backward}" for s in graph.streets]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
