"""The road graph: junctions and the streets between them, the whole input of a map.

Metres; x east, y north; traffic keeps right. A street runs from `start` to `end`: its forward lanes lie right of its centre line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from world.errors import DataError

Point = tuple[float, float]
LANE_WIDTH, PAVEMENT_WIDTH, SPEED_LIMIT = 3.4, 3.0, 13.9  # m, m, m/s


@dataclass(frozen=True, slots=True)
class Junction:
    """Where streets meet or end. `signals`: traffic lights stand here."""

    x: float
    y: float
    signals: bool = False


@dataclass(frozen=True, slots=True)
class Street:
    """A street between two junctions (indices). `bends`: its centre line between them, ends left out.

    `forward`, `backward`: lanes each way (0 to 4; one of them at least 1). `pavement`: width of the pavement on both sides, 0 for none.
    `crossing_start`, `crossing_end`: a crossing for people lies across this street at that end.
    """

    start: int
    end: int
    bends: tuple[Point, ...] = ()
    forward: int = 1
    backward: int = 1
    lane_width: float = LANE_WIDTH
    pavement: float = PAVEMENT_WIDTH
    limit: float = SPEED_LIMIT
    crossing_start: bool = True
    crossing_end: bool = True


@dataclass(frozen=True, slots=True)
class RoadGraph:
    """A planar graph. `look`: the style of its roadsides, one of LOOKS; `parked`: with parked cars. The index of a junction or street never
    changes."""

    junctions: tuple[Junction, ...]
    streets: tuple[Street, ...]
    look: str = "mixed"
    parked: bool = True


LOOKS = ("dense", "mixed", "suburban")


def leads_on(graph: RoadGraph) -> list[bool]:
    """For every street, whether traffic can continue from each end that its lanes lead to; a U-turn counts."""
    out = {street.start for street in graph.streets if street.forward}
    out |= {street.end for street in graph.streets if street.backward}
    return [
        (not street.forward or street.end in out) and (not street.backward or street.start in out)
        for street in graph.streets
    ]


def without_traps(graph: RoadGraph) -> RoadGraph:
    """Removes one-way streets that lead nowhere, as at the edge of a map, and those that lead only to such streets.

    DataError where no street is left.
    """
    streets = graph.streets
    while not all(leading := leads_on(replace(graph, streets=streets))):
        streets = tuple(street for street, on in zip(streets, leading, strict=True) if on)
    if not streets:
        raise DataError("This map has one-way streets alone that lead nowhere; take a larger part of it.")
    remaining = sorted({end for street in streets for end in (street.start, street.end)})
    number = {junction: k for k, junction in enumerate(remaining)}
    return RoadGraph(
        tuple(graph.junctions[junction] for junction in remaining),
        tuple(replace(street, start=number[street.start], end=number[street.end]) for street in streets),
        graph.look,
        graph.parked,
    )
