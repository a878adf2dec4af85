"""What our car touches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from world.kinematics import EGO_LENGTH, EGO_WIDTH, REAR_AXLE_TO_FRONT
from world.town.models import KINDS
from world.town.scene import Raster
from world.town.traffic import Other


@dataclass(frozen=True, slots=True)
class Collision:
    """What our car touched. kind: of `models.KINDS`, "person" or "solid"; ours: we ran into it, not it into us."""

    kind: str
    id: str
    ours: bool


def touch(x: float, y: float, heading: float, speed: float, others: list[Other], solid: Raster) -> Collision | None:
    """The vehicle, person or solid object that our car (its rear axle at x, y) touches; None for nothing."""
    c, s = math.cos(heading), math.sin(heading)
    to_centre = REAR_AXLE_TO_FRONT - EGO_LENGTH / 2
    mx, my = x + to_centre * c, y + to_centre * s
    for other in others:
        if abs(other.x - mx) + abs(other.y - my) > 22:
            continue
        kind = KINDS.get(other.kind)
        length, half = (kind.length, kind.width / 2) if kind else (0.3, 0.25)
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            px = other.x - part * length * math.cos(other.heading) - mx
            py = other.y - part * length * math.sin(other.heading) - my
            along, across = px * c + py * s, py * c - px * s
            if abs(along) < EGO_LENGTH / 2 + 0.1 and abs(across) < EGO_WIDTH / 2 + half - 0.25:
                pace = other.speed * math.cos(other.heading - heading)
                ours = speed > 0.3 and (along > -EGO_LENGTH / 4 or speed > pace)
                return Collision(other.kind, other.id, ours)
    spots = [(mx + u * c - v * s, my + u * s + v * c) for u in (-2.0, 0.0, 2.0) for v in (-0.8, 0.8)]
    return Collision("solid", "", True) if solid.at(np.array(spots)).any() else None
