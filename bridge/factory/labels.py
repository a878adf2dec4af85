"""The facts of each frame of a clip, read off the state of its scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from world.controls import NO_LEVEL, Event, Side
from world.dynamics.roles.sight import ahead_left
from world.scene.facts import Facts, facts
from world.scene.objects import Kind
from world.scene.state import SceneState

EXTRA = ("event", "side", "level", "contact")  # whole numbers that the readout does not have
PLACE = ("ahead", "left")


@dataclass(frozen=True, slots=True)
class Label:
    """The facts of one frame. event: the `Event` whose role is played, NONE where nobody plays one; side: on which side of us its
    actor is; level: how sudden it is; ahead, left: m from our camera to the actor, 0 without one; contact: the `Kind` that our
    car touches, NONE for nothing.
    """

    facts: Facts
    event: int
    side: int
    level: int
    ahead: float
    left: float
    contact: int


def label(state: SceneState) -> Label:
    """The label of a state with one drive."""
    true, ego, agents, event = facts(state), state.ego[0], state.agents[0], state.event[0]
    contact = _slot(agents, true.contact)
    kind = int(Kind.NONE) if contact is None else int(agents["kind"][contact])
    actor = _slot(agents, int(event["actor"]))
    if actor is None:
        return Label(true, int(Event.NONE), int(Side.NONE), NO_LEVEL, 0.0, 0.0, kind)
    ahead, left = ahead_left(ego["x"], ego["y"], ego["heading"], agents["x"][actor], agents["y"][actor])
    side = int(Side.LEFT if left > 0 else Side.RIGHT)
    return Label(true, int(event["event"]), side, int(event["level"]), float(ahead), float(left), kind)


def plain(labels: Sequence[Label]) -> dict[str, list[Any]]:
    """For the sidecar: what its readouts do not say, a list of each by frame."""
    whole = {name: [int(getattr(one, name)) for one in labels] for name in EXTRA}
    return whole | {name: [round(float(getattr(one, name)), 3) for one in labels] for name in PLACE}


def _slot(agents: np.ndarray, number: int) -> int | None:
    """The slot of the agent with that id; None where there is none."""
    slots = np.flatnonzero((agents["id"] == number) & (agents["kind"] != Kind.NONE))
    return int(slots[0]) if number >= 0 and len(slots) else None
