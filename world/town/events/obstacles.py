"""What lies or stands on our lane: debris, road works."""

from __future__ import annotations

import random
from abc import abstractmethod

from world.controls import Event, Side
from world.town.events.base import EventContext, ScenarioEvent, clear, free_ahead, our_way, reach, relative, steady
from world.town.traffic import Other


class Obstacle(ScenarioEvent):
    """Things that stand where they are put, until we have passed them."""

    NEARER = 1.0  # small things want to be seen too

    def __init__(self, side: Side, level: int, rng: random.Random) -> None:
        super().__init__(side, level, rng)
        self._things: list[Other] = []
        self._plan = self.layout()

    @abstractmethod
    def layout(self) -> list[tuple[str, str, float, float, float]]:
        """Kind, look, m further along, m to the left, turn (rad) of every thing."""

    def _distance(self, stage: EventContext) -> float:
        return self.NEARER * reach(stage, self.level, 11.0)

    def ready(self, stage: EventContext) -> bool:
        distance = self._distance(stage)
        depth = max(along for _, _, along, _, _ in self._plan)
        return (
            steady(stage)
            and free_ahead(stage, distance + depth + 4.0)
            and clear(stage, our_way(stage), distance - 2.0, distance + depth + 4.0, 0.0, 1.9)
        )

    def begin(self, stage: EventContext) -> None:
        way, distance = our_way(stage), self._distance(stage)
        for number, (kind, look, along, left, turn) in enumerate(self._plan):
            x, y, h = way.at(distance + along, left)
            self._things.append(Other(f"{self.actor}.{number}", kind, x, y, h + turn, 0.0, False, look))

    def move(self, stage: EventContext) -> None:
        """They stand."""

    def on(self, stage: EventContext) -> bool:
        return any(relative(stage, thing.x, thing.y)[0] > 0.0 for thing in self._things)

    def others(self) -> list[Other]:
        return self._things


class Debris(Obstacle):
    """A box, tyres or a branch lie on our lane."""

    event = Event.DEBRIS
    NEARER = 0.85

    def layout(self) -> list[tuple[str, str, float, float, float]]:
        rng = self.rng
        what = rng.choice(("crate", "tyre", "branch"))
        if what == "branch":
            return [("branch", "", 0.0, rng.uniform(-0.3, 0.3), rng.uniform(-0.5, 0.5))]
        return [
            (what, "", 0.0, rng.uniform(-0.9, -0.2), rng.uniform(-0.6, 0.6)),
            (what, "", rng.uniform(0.6, 1.8), rng.uniform(0.4, 1.0), rng.uniform(-0.6, 0.6)),
        ]


class RoadWork(Obstacle):
    """Cones lead across our lane to a striped board; behind it someone works, and a sign stands at the edge."""

    event = Event.ROAD_WORK

    def layout(self) -> list[tuple[str, str, float, float, float]]:
        cones = [("cone", "", 1.7 * k, -1.5 + 0.72 * k, 0.0) for k in range(5)]
        rest = [("board", "", 8.4, 0.1, 0.0), ("sign", "", 0.4, -2.3, 0.0)]
        rest += [("person", "worker", 10.2, self.rng.uniform(-0.8, 0.2), self.rng.choice((0.0, 3.1)))]
        return [*cones, *rest]
