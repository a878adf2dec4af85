"""Obstacles on our lane: debris, road works."""

from __future__ import annotations

import random
from abc import abstractmethod

from world.controls import Event, Side
from world.town.events.base import EventContext, ScenarioEvent, clear, ego_path, free_ahead, reach, relative, steady
from world.town.traffic import Other


class Obstacle(ScenarioEvent):
    """Objects that stand still until we have passed them."""

    NEARER = 1.0  # factor of the distance; small objects appear closer

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._objects: list[Other] = []
        self._plan = self.layout()

    @abstractmethod
    def layout(self) -> list[tuple[str, str, float, float, float]]:
        """Kind, look, m further along, m to the left and turn (rad) of every object."""

    def _distance(self, context: EventContext) -> float:
        return self.NEARER * reach(context, self.level, 11.0)

    def ready(self, context: EventContext) -> bool:
        """Whether our lane is clear up to and around the objects."""
        distance = self._distance(context)
        depth = max(along for _, _, along, _, _ in self._plan)
        return (
            steady(context)
            and free_ahead(context, distance + depth + 4.0)
            and clear(context, ego_path(context), distance - 2.0, distance + depth + 4.0, 0.0, 1.9)
        )

    def begin(self, context: EventContext) -> None:
        """Places the objects."""
        path, distance = ego_path(context), self._distance(context)
        for number, (kind, look, along, left, turn) in enumerate(self._plan):
            x, y, h = path.at(distance + along, left)
            self._objects.append(Other(f"{self.actor}.{number}", kind, x, y, h + turn, 0.0, False, look))

    def move(self, context: EventContext) -> None:
        """Does nothing: they stand."""

    def on(self, context: EventContext) -> bool:
        """Whether an object is still ahead of us."""
        return any(relative(context, one.x, one.y)[0] > 0.0 for one in self._objects)

    def others(self) -> list[Other]:
        """The objects."""
        return self._objects


class Debris(Obstacle):
    """Boxes, tyres or a branch on our lane."""

    event = Event.DEBRIS
    NEARER = 0.85

    def layout(self) -> list[tuple[str, str, float, float, float]]:
        """A branch, or two boxes or tyres."""
        rng = self.rng
        what = rng.choice(("crate", "tyre", "branch"))
        if what == "branch":
            return [("branch", "", 0.0, rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5))]
        return [
            (what, "", 0.0, rng.uniform(-0.9, -0.2), rng.uniform(-0.6, 0.6)),
            (what, "", rng.uniform(0.6, 1.8), rng.uniform(0.4, 1.0), rng.uniform(-0.6, 0.6)),
        ]


class RoadWork(Obstacle):
    """Cones lead across our lane to a striped board with a worker behind it; a sign stands at the edge."""

    event = Event.ROAD_WORK

    def layout(self) -> list[tuple[str, str, float, float, float]]:
        """Cones, board, sign and worker."""
        cones = [("cone", "", 1.7 * k, -1.5 + 0.72 * k, 0.0) for k in range(5)]
        rest = [("board", "", 8.4, 0.1, 0.0), ("sign", "", 0.4, -2.3, 0.0)]
        rest += [("person", "worker", 10.2, self.rng.uniform(-0.8, 0.2), self.rng.choice((0.0, 3.1)))]
        return [*cones, *rest]
