"""What is true of each frame of a clip, read off the scene as it stood."""

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

EXTRA = ("event", "side", "level", "contact")  # whole numbers that no readout has
PLACE = ("ahead", "left")


@dataclass(frozen=True, slots=True)
class Label:
    """One frame. event: the `Event` whose role is played, NONE where nobody plays one; side: where its actor is, seen from us;
    level: how sudden it is; ahead, left: the actor's m from our camera, 0 without one; contact: the `Kind` that our car
    touches, NONE for nothing.
    """

    facts: Facts
    event: int
    side: int
    level: int
    ahead: float
    left: float
    contact: int


def label(state: SceneState) -> Label:
    """Of one drive, a batch of one."""
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
    """For the sidecar: what the readouts beside it do not say, a list of each by frame."""
    whole = {name: [int(getattr(one, name)) for one in labels] for name in EXTRA}
    return whole | {name: [round(float(getattr(one, name)), 3) for one in labels] for name in PLACE}


def _slot(agents: np.ndarray, number: int) -> int | None:
    """Where the agent of that id is; None where there is none."""
    found = np.flatnonzero((agents["id"] == number) & (agents["kind"] != Kind.NONE))
    return int(found[0]) if number >= 0 and len(found) else None
