"""The road graph: junctions, and the streets between them. All that a map is made from; small enough to ship and to dream.

Metres; x east, y north; traffic keeps right. A street runs from `start` to `end`: its forward lanes lie right of its centre line.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """A planar graph. `look`: how streets are lined, one of LOOKS. Junction and street are known by their index, for ever."""

    junctions: tuple[Junction, ...]
    streets: tuple[Street, ...]
    look: str = "mixed"


LOOKS = ("dense", "mixed", "suburban")
