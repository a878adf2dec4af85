"""The scene's state: one frozen, batched record that play, training, evaluation, clips and Gymnasium pass along.

Metres, seconds, radians; x east, y north, z up; ten steps a second. Row b of every field is drive b.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from world.scene.hd_map import HDMap
from world.scene.objects import AGENT

WAITED = 1  # of EGO.memory
AGENTS = 96  # slots a drive has for road users and things on the road

# Our car. (x, y): its rear axle.
EGO = np.dtype(
    [
        ("x", "<f8"),
        ("y", "<f8"),
        ("heading", "<f8"),
        ("speed", "<f8"),  # m/s
        ("yaw_rate", "<f8"),  # rad/s, left positive
        ("steer", "<f8"),  # the command, [-1, 1]
        ("accel", "<f8"),
        ("lane", "<i4"),  # the lane or connection that it is on; -1: off the map
        ("s", "<f8"),  # m along it, of the rear axle
        ("left", "<f8"),  # m left of its centre line
        ("next", "<i4"),  # the connection that it will take; -1: not chosen
        ("goal", "<i4"),  # the lane that it changes to; -1: none
        ("command", "<i4"),  # the Command in force
        ("lights", "<i4"),
        ("driven", "<f8"),  # m in all
        ("contact", "<i4"),  # id of the road user that it touches; -1: none
        ("memory", "<f8", (4,)),  # stage of a lane change; s that it has waited for others (WAITED)
    ]
)

# The event in force. stage: requested (1), begun (2), over (3).
EVENT = np.dtype(
    [
        ("event", "<i4"),
        ("side", "<i4"),
        ("level", "<i4"),
        ("stage", "<i4"),
        ("actor", "<i4"),  # id of the agent that plays it; -1: none yet
        ("age", "<f8"),  # s since it was requested
        ("memory", "<f8", (6,)),
    ]
)


@dataclass(frozen=True, eq=False)
class Place:
    """A map and the static objects along its streets, shared by all states in it."""

    name: str
    map: HDMap
    props: np.ndarray  # PROP

    endless: ClassVar[bool] = False  # whether it has no edge

    @property
    def numbers(self) -> np.ndarray:
        """int64 [N], ascending: the props' numbers in labels and pictures."""
        return np.arange(len(self.props))


@dataclass(frozen=True, eq=False)
class SceneState:
    """B drives at one moment. Its arrays are read-only from then on, which compiled loops count on: one type, compiled once."""

    places: tuple[Place, ...]  # [B]
    seed: np.ndarray  # uint64 [B]
    clock: np.ndarray  # int64 [B], steps since the start
    ego: np.ndarray  # EGO [B]
    agents: np.ndarray  # AGENT [B, AGENTS]
    event: np.ndarray  # EVENT [B]
    amounts: np.ndarray  # float64 [B, 6]: rain, snow, fog, night, dawn, dusk (world/weather.py)
    density: np.ndarray  # float64 [B], of traffic: 1 as usual, 0 nobody
    reckless: np.ndarray  # float64 [B], share of the other drivers who take no notice of signals

    def __post_init__(self) -> None:
        for name in ARRAYS:
            getattr(self, name).flags.writeable = False

    def __len__(self) -> int:
        return len(self.places)

    def row(self, index: int) -> SceneState:
        """One drive of the batch, as a batch of one."""
        cut = slice(index, index + 1)
        return replace(self, places=self.places[cut], **{name: getattr(self, name)[cut] for name in ARRAYS})

    def alone(self, index: int) -> SceneState:
        """As `row`, but copied, so that it does not keep the others in memory."""
        own: dict[str, np.ndarray] = {name: copied(getattr(self, name)[index : index + 1]) for name in ARRAYS}
        return SceneState(self.places[index : index + 1], **own)

    def hash(self, index: int = 0) -> str:
        """sha256 of one drive's moving part and its place's name: equal exactly where the states are."""
        digest = hashlib.sha256(self.places[index].name.encode())
        for name in ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, name)[index]).tobytes())
        return digest.hexdigest()


ARRAYS = tuple(field.name for field in fields(SceneState) if field.name != "places")
SHAPES: dict[str, tuple[Any, tuple[int, ...]]] = {  # of one drive
    "seed": (np.uint64, ()),
    "clock": (np.int64, ()),
    "ego": (EGO, ()),
    "agents": (AGENT, (AGENTS,)),
    "event": (EVENT, ()),
    "amounts": (np.float64, (6,)),
    "density": (np.float64, ()),
    "reckless": (np.float64, ()),
}


def to_bytes(state: SceneState, row: int = 0) -> dict[str, bytes]:
    """One drive's moving part, a field each."""
    return {name: np.ascontiguousarray(getattr(state, name)[row]).tobytes() for name in ARRAYS}


def from_bytes(place: Place, parts: dict[str, bytes]) -> SceneState:
    """The inverse of `to_bytes`, a batch of one. KeyError or ValueError where the parts are invalid.

    Older saved drives have no `reckless`.
    """
    parts = {"reckless": bytes(8)} | parts
    return SceneState(
        (place,),
        **{name: np.frombuffer(parts[name], kind).reshape(1, *shape) for name, (kind, shape) in SHAPES.items()},
    )


def stack(states: Sequence[SceneState]) -> SceneState:
    """Concatenates batches."""
    arrays: dict[str, Any] = {name: _joined([getattr(one, name) for one in states]) for name in ARRAYS}
    return SceneState(tuple(place for one in states for place in one.places), **arrays)


def copied(array: np.ndarray) -> np.ndarray:
    """A writable copy. Records are copied as bytes: numpy would copy field by field, ten times slower."""
    return array.copy() if array.dtype.names is None else _as_bytes(array).copy().view(array.dtype)


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Along their first axis."""
    if arrays[0].dtype.names is None:
        return np.concatenate(arrays)
    return np.concatenate([_as_bytes(one) for one in arrays]).view(arrays[0].dtype)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)
