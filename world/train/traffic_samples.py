"""Training samples of the traffic: recorded drives as each road user's observation and the tokens of its next motion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from world.dynamics.observe_vehicles import AIM
from world.dynamics.people_arrive import SLIDE, WAY
from world.dynamics.spawn import edge
from world.dynamics.tables import Tables
from world.dynamics.traffic import Observed, TrafficInput, observed
from world.dynamics.traffic_net import PERSON, SIZES, VEHICLE, Size
from world.errors import DataError
from world.scene.motion_tokens import (
    ACCELERATIONS,
    BACK,
    ON,
    PACES,
    STANDS,
    STEP_OUT,
    STOP,
    TO_LEFT,
    TO_RIGHT,
    acceleration_token,
    across_token,
    nearest,
)
from world.scene.objects import Kind

HORIZON, LONGER, BETWEEN = 5, 10, 5  # steps: of a token, of a role's aim, between samples
SLID = 2  # steps after which a person's sideways motion is read
NEAR_A_PART = 45.0  # m from an agent with a role within which others react to it
UNKNOWN = -1  # an unknown token, without a loss
_ASIDE = 0.45  # m/s from which a person steps aside
_SLIDE = 1  # of AGENT.memory of those with a role: m/s to the left


@dataclass(frozen=True, slots=True, eq=False)
class DriveLog:
    """One drive of T steps. ego: EGO [T, 1]; agents: AGENT [T, AGENTS]; aims: float64 [T, AGENTS], m left of its lane
    that a vehicle aims for.

    places: tables, one or T (with their own signals); styles: [AGENTS] or [T, AGENTS]; sides, levels: [T], of the
    active event. changes_in: steps within which an upcoming lane change counts as decided. people: whether people are
    sampled too. calm: weight of vehicles without a role and with none near; bicycles count fully.
    """

    places: Sequence[Tables]
    seed: int
    ego: np.ndarray
    agents: np.ndarray
    aims: np.ndarray
    styles: np.ndarray
    sides: np.ndarray
    levels: np.ndarray
    first_clock: int = 0
    changes_in: int = 3
    people: bool = True
    calm: float = 1.0

    def drive(self, k: int) -> TrafficInput:
        """The input of the traffic's step at moment k."""
        place = self.places[k if len(self.places) > 1 else 0]
        agents = self.agents[k].copy()
        free = (agents["kind"] != 0) & (agents["mode"] == 0) & ~np.isnan(self.aims[max(0, k - 1)])
        agents["mode"][free] = 1
        agents["memory"][free, AIM] = self.aims[max(0, k - 1)][free]
        clock = self.first_clock + k
        side, level = float(self.sides[k]), float(self.levels[k])
        return TrafficInput(place, np.uint64(self.seed), clock, self.ego[k], agents, False, 1.0, side, level)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficSamples:
    """N samples. own: float16 [N, OWN]; near: float16 [N, most, NEAR]; count: uint8 [N].

    first, second: int8 [N], tokens or UNKNOWN; weight: float16 [N].
    """

    own: np.ndarray
    near: np.ndarray
    count: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    @classmethod
    def concatenate(cls, parts: Iterable[TrafficSamples], size: Size) -> TrafficSamples:
        """All samples of the parts, in order; `size` gives the shapes where there are none."""
        parts = [part for part in parts if len(part)] or [cls.none(size)]
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    @classmethod
    def none(cls, size: Size) -> TrafficSamples:
        """No samples, of this size."""
        shapes = ((size.own,), (size.most, size.near), (), (), (), ())
        kinds = (np.float16, np.float16, np.uint8, np.int8, np.int8, np.float16)
        return cls(*(np.zeros((0, *shape), kind) for shape, kind in zip(shapes, kinds, strict=True)))


Both = dict[str, TrafficSamples]  # "vehicles", "people"


def save(both: Both, path: Path) -> None:
    """Writes a file, aside first and then renamed, so that it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new.npz")
    arrays = {
        f"{name}.{field.name}": getattr(both[name], field.name) for name in SIZES for field in fields(TrafficSamples)
    }
    np.savez(aside, **arrays)
    aside.rename(path)


def load(path: Path) -> Both:
    """Reads a file. DataError where it is damaged or of another version."""
    try:
        with np.load(path) as file:
            both = {n: TrafficSamples(*(file[f"{n}.{field.name}"] for field in fields(TrafficSamples))) for n in SIZES}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} holds no traffic ({error}); delete it to have it driven again.") from error
    for name, size in SIZES.items():
        if both[name].own.shape[1:] != (size.own,) or both[name].near.shape[1:] != (size.most, size.near):
            raise DataError(f"{path} is of another version; delete its folder to begin anew.")
    return both


def samples_of(recording: DriveLog) -> Both:
    """The samples of a recording: one every half second of each road user that exists long enough."""
    parts: dict[str, list[TrafficSamples]] = {name: [] for name in SIZES}
    for k in range(LONGER, len(recording.agents) - LONGER, BETWEEN):
        drive = recording.drive(k)
        styles = recording.styles[k] if recording.styles.ndim == 2 else recording.styles
        observation = observed(drive, True, styles)
        groups = [("vehicles", VEHICLE)] + ([("people", PERSON)] if recording.people else [])
        for name, size in groups:
            parts[name].append(_label(recording, k, observation, name, size))
    return {name: TrafficSamples.concatenate(parts[name], size) for name, size in SIZES.items()}


def _label(recording: DriveLog, k: int, observation: Observed, name: str, size: Size) -> TrafficSamples:
    group = observation.vehicles if name == "vehicles" else observation.people
    tokens = np.full((len(group.own), 2), UNKNOWN, np.int8)
    for slot in np.flatnonzero(group.row >= 0).tolist():
        label = (_vehicle if name == "vehicles" else _person)(recording, k, slot)
        if label is not None:
            tokens[group.row[slot]] = label
    weight = np.ones(len(tokens))
    if name == "vehicles" and recording.calm < 1.0:
        weight[group.row[calm(recording.agents[k]) & (group.row >= 0)]] = recording.calm
    return select(group.own, group.near, group.count, tokens, weight, tokens[:, 0] != UNKNOWN)


def calm(agents: np.ndarray) -> np.ndarray:
    """bool [AGENTS]: vehicles other than bicycles, without a role and with none within NEAR_A_PART."""
    parts = agents[(agents["mode"] >= 100) & (agents["kind"] != 0)]
    away = np.hypot(agents["x"][:, None] - parts["x"], agents["y"][:, None] - parts["y"])
    return (agents["kind"] < int(Kind.BICYCLE)) & (away.min(1, initial=np.inf) > NEAR_A_PART)


def select(
    own: np.ndarray, near: np.ndarray, count: np.ndarray, tokens: np.ndarray, weight: np.ndarray, mask: np.ndarray
) -> TrafficSamples:
    """The rows in `mask` as samples."""
    return TrafficSamples(
        own[mask].astype(np.float16),
        near[mask].astype(np.float16),
        count[mask].astype(np.uint8),
        tokens[mask, 0].astype(np.int8),
        tokens[mask, 1].astype(np.int8),
        weight[mask].astype(np.float16),
    )


def _same(recording: DriveLog, k: int, slot: int, later: int) -> bool:
    """Whether a slot holds the same road user in the same role `later` steps on."""
    now, then = recording.agents[k, slot], recording.agents[k + later, slot]
    return bool(now["id"] == then["id"] and then["kind"] != 0 and now["role"] == then["role"])


def _vehicle(recording: DriveLog, k: int, slot: int) -> tuple[int, int] | None:
    """The tokens of a vehicle; None where it vanishes too soon."""
    now = recording.agents[k, slot]
    if now["role"] != 0 and now["mode"] >= 100:
        return _player(recording, k, slot)
    if not _same(recording, k, slot, HORIZON):
        return None
    then = recording.agents[k + HORIZON, slot]
    lanes = recording.places[0].lanes
    first = acceleration_token(float(now["speed"]), float(then["speed"]))
    lane = int(now["lane"])
    lane_offset = float(edge(lanes, lane, int(now["kind"])))
    if lanes["junction"][lane] >= 0:
        return first, across_token(0, lane_offset, lane_offset)
    if now["goal"] >= 0 or (abs(now["left"] - lane_offset) > 0.4 and recording.changes_in > 3):
        return first, UNKNOWN
    change = 0
    for later in range(1, recording.changes_in + 1):
        after = recording.agents[k + later, slot]
        to = int(after["goal"]) if after["goal"] >= 0 else int(after["lane"])
        if to != lane and after["id"] == now["id"]:
            change = 1 if to == lanes["left"][lane] else -1 if to == lanes["right"][lane] else 0
            break
    aim = float(recording.aims[k, slot])
    return first, across_token(change, lane_offset if np.isnan(aim) else aim, lane_offset)


def _player(recording: DriveLog, k: int, slot: int) -> tuple[int, int] | None:
    """The tokens of a vehicle with a role: its immediate acceleration, and where it is heading across its lane."""
    if not _same(recording, k, slot, LONGER):
        return None
    soon, then = recording.agents[k + 1, slot], recording.agents[k + LONGER, slot]
    first = STOP if soon["speed"] < STANDS else int(nearest(ACCELERATIONS, float(soon["accel"])))
    aim = float(then["left"] + then["memory"][_SLIDE] / 2.5)
    if recording.agents[k, slot]["lane"] != then["lane"]:
        return first, UNKNOWN
    lane = int(then["lane"])
    lane_offset = float(edge(recording.places[0].lanes, lane, int(then["kind"]))) if lane >= 0 else 0.0
    return first, int(across_token(0, aim, lane_offset))


def _person(recording: DriveLog, k: int, slot: int) -> tuple[int, int] | None:
    """The tokens of a person; None where it vanishes too soon."""
    if not _same(recording, k, slot, HORIZON):
        return None
    now, then = recording.agents[k, slot], recording.agents[k + HORIZON, slot]
    if now["role"] != 0 and now["mode"] >= 100:
        return int(nearest(PACES, float(recording.agents[k + 3, slot]["speed"]))), STEP_OUT
    first = int(nearest(PACES, float(then["speed"])))
    way = float(now["memory"][WAY])
    if now["lane"] == then["lane"] and then["memory"][WAY] * way < 0:
        return first, BACK
    return first, way_of(way * float(recording.agents[k + SLID, slot]["memory"][SLIDE]))


def way_of(aside: float) -> int:
    """The token of a person who walks on, by its m/s to the left."""
    if abs(aside) < _ASIDE:
        return ON
    return TO_LEFT if aside > 0 else TO_RIGHT
