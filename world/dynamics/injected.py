"""Hazards that recordings lack: a person steps out, debris, an oncoming or a standing car.

For training and evaluation. They are placed in front of vehicles of the traffic, not of our car, and move by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from world.controls import DT, Event
from world.scene.objects import AGENT, SIZES, Kind
from world.scene.query import overlap, place_on
from world.scene.state import SceneState

KINDS = ("person", "debris", "oncoming", "standing")
FIRST_ID = 1 << 28
EVERY, STAYS, PERSON_STAYS = 20, 120, 60  # steps from one to the next, and of their stay
FASTEST_STOP = 9.0  # m/s2: a hazard must allow a stop with this braking
_BEGINS = 100  # AGENT.mode of roles
_KIND = {"person": Kind.PERSON, "debris": Kind.DEBRIS, "oncoming": Kind.CAR, "standing": Kind.CAR}
_SPEED = {"person": 1.5, "debris": 0.0, "oncoming": 6.0, "standing": 0.0}


@dataclass
class Actor:
    """A hazard. target: id of the vehicle that it is in front of; id: its own; age: in steps; hit: whether the two have touched."""

    kind: str
    target: int
    id: int
    age: int = 0
    hit: bool = False


class Injected:
    """Places hazards in front of vehicles of one drive; `seconds`: (lowest, highest) time to reach them."""

    def __init__(self, kinds: Sequence[str], seconds: tuple[float, float], seed: int) -> None:
        self.kinds, self.seconds, self.random = tuple(kinds), seconds, np.random.default_rng(seed)
        self.there: list[Actor] = []
        self.count, self.hits, self.steps = 0, 0, 0

    @property
    def targets(self) -> set[int]:
        """Ids of the vehicles with a hazard."""
        return {actor.target for actor in self.there}

    def after(self, state: SceneState) -> SceneState:
        """The state of a drive (a batch of one) with its hazards advanced by a step, and now and then a new one."""
        agents = state.agents[0].copy()
        for actor in list(self.there):
            slot, target = _slot(agents, actor.id), _slot(agents, actor.target)
            actor.age += 1
            if slot < 0 or target < 0 or actor.age > (PERSON_STAYS if actor.kind == "person" else STAYS):
                if slot >= 0:
                    agents[slot] = _nothing()
                self.there.remove(actor)
                continue
            _move(agents, slot, actor)
            if not actor.hit and _touch(agents, slot, target):
                actor.hit, self.hits = True, self.hits + 1
        self.steps += 1
        if self.steps % EVERY == EVERY // 2:
            self._put(state, agents)
        return replace(state, agents=agents[None])

    def _put(self, state: SceneState, agents: np.ndarray) -> None:
        """Places a new hazard in front of a vehicle with a free street ahead."""
        lanes, ahead = state.places[0].map.lanes, float(self.random.uniform(*self.seconds))
        kind = self.kinds[int(self.random.integers(len(self.kinds)))]
        free = np.flatnonzero(agents["kind"] == 0)
        open_to = [
            k
            for k in range(len(agents))
            if _open(lanes, agents, k, ahead, kind) and agents["id"][k] not in self.targets
        ]
        if not open_to or not len(free):
            return
        target, slot = int(self.random.choice(open_to)), int(free[-1])
        me = agents[target]
        s = float(me["s"]) + _far(me, ahead, kind)
        side = 1.0 if self.random.random() < 0.5 else -1.0
        new = _nothing()
        new["kind"], new["id"] = int(_KIND[kind]), FIRST_ID + int(state.clock[0]) * len(agents) + slot
        new["length"], new["width"], new["height"] = SIZES[_KIND[kind]]
        x, y, heading = place_on(state.places[0].map, int(me["lane"]), s, side * 3.2 if kind == "person" else 0.0)
        turn = {"person": -side * math.pi / 2, "oncoming": math.pi}.get(kind, 0.0)
        new["x"], new["y"], new["heading"], new["speed"] = x, y, heading + turn, _SPEED[kind]
        new["role"], new["mode"], new["wish"] = int(Event.DEBRIS), _BEGINS, 1.0
        agents[slot] = new
        self.there.append(Actor(kind, int(me["id"]), int(new["id"])))
        self.count += 1


def _nothing() -> np.ndarray:
    row = np.zeros((), AGENT)
    for name in ("lane", "next", "goal"):
        row[name] = -1
    return row


def _slot(agents: np.ndarray, who: int) -> int:
    slots = np.flatnonzero((agents["id"] == who) & (agents["kind"] != 0))
    return int(slots[0]) if len(slots) else -1


def _far(me: np.void, ahead: float, kind: str) -> float:
    """m from a vehicle's middle to its hazard."""
    return float(me["speed"]) * ahead + 0.5 * float(me["length"]) + (20.0 if kind == "oncoming" else 0.0)


def _open(lanes: np.ndarray, agents: np.ndarray, k: int, ahead: float, kind: str) -> bool:
    """Whether a vehicle drives along a street whose next metres are free."""
    me = agents[k]
    if not 1 <= me["kind"] <= 4 or me["lane"] < 0 or me["speed"] < 5.0 or me["role"] != 0 or me["goal"] >= 0:
        return False
    far = _far(me, ahead, kind)
    if lanes["junction"][me["lane"]] >= 0 or lanes["length"][me["lane"]] - me["s"] < far + 8.0 or abs(me["left"]) > 0.3:
        return False
    if me["speed"] ** 2 / (2 * FASTEST_STOP) > far - 0.5 * me["length"] - 1.0:
        return False
    others = agents[(agents["lane"] == me["lane"]) & (agents["kind"] != 0) & (agents["s"] > me["s"])]
    return not (others["s"] - me["s"] < far + 8.0).any()


def _move(agents: np.ndarray, slot: int, actor: Actor) -> None:
    """Advances a hazard by a step; an oncoming car brakes after a second."""
    speed = _SPEED[actor.kind]
    if actor.kind == "oncoming" and actor.age > 10:
        speed = max(0.0, speed - 1.5 * DT * (actor.age - 10))
    heading = float(agents["heading"][slot])
    agents["speed"][slot] = speed
    agents["x"][slot] += speed * DT * math.cos(heading)
    agents["y"][slot] += speed * DT * math.sin(heading)


def _touch(agents: np.ndarray, a: int, b: int) -> bool:
    boxes = [tuple(float(agents[name][k]) for name in ("x", "y", "heading", "length", "width")) for k in (a, b)]
    return bool(overlap(*boxes[0], *boxes[1]))
