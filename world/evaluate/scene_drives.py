"""Drives for measuring scenes: manoeuvres, events, and a minute of road.

Results are exact facts of the scene.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from world.controls import DT, FPS, SIDED_EVENTS, Command, Control, Event, Side
from world.dynamics.dreamt import GrowingPlace
from world.dynamics.driver import Driver, drive
from world.dynamics.horizon import Horizon
from world.dynamics.path import out_with
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.traffic import Traffic
from world.places import find_place
from world.scene.facts import facts
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.places import load_place, towns
from world.scene.query import touching
from world.scene.state import Place, SceneState

CRUISE = 9.0  # m/s, the target speed of all drives here
TURNS = {Command.LEFT: LEFT, Command.RIGHT: RIGHT, Command.STRAIGHT: STRAIGHT}
MANOEUVRES = {"go": Command.FOLLOW} | {
    one.name.lower(): one for one in (*TURNS, Command.LANE_LEFT, Command.LANE_RIGHT, Command.STOP)
}
TURN_SECONDS, LATEST, EVENT_SECONDS = 45.0, 150.0, 8.0  # a turn after 45 s is late, after 150 s missed


def places(split: str = "test") -> list[Place]:
    """The shipped towns of a split."""
    return [load_place(name) for name in towns()[split]]


def _at(where: str | Place) -> Place:
    """The place; other processes get its name, since places are not sent."""
    return find_place(where) if isinstance(where, str) else where


def on(
    state: SceneState,
    control: Control | None = None,
    target: float = CRUISE,
    by: Driver = drive,
    traffic: Traffic | None = None,
    horizon: Horizon | None = None,
) -> SceneState:
    """A step with our driver.

    control: its command and conditions (default: none); traffic: as for `step`; horizon: of this drive, where streets
    may grow.
    """
    control = control or Control()
    if horizon is not None:
        state = horizon.step(state, control.command)
    steer, accel = by(state, control.command, target, 0)
    return step(state, [control.with_(steer=steer, accel=accel)], traffic)


def _begin_before(place: Place, turn: int, seed: int, density: float) -> SceneState | None:
    """A state on a street whose next junction allows the turn, from its lane or one beside it; None without one."""
    lanes, rng = place.map.lanes, np.random.default_rng(seed)
    for lane in rng.permutation(np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > 45))):
        outs = place.map.successors[lanes["first_out"][lane] : lanes["first_out"][lane] + lanes["outs"][lane]]
        if any(lanes["turn"][out] == turn for out in outs):
            return start(place, seed, lane=int(lane), s=float(0.25 * lanes["length"][lane]), density=density)
    return None


def seconds_until_done(
    where: str | Place,
    command: Command,
    seed: int,
    density: float = 1.0,
    by: Driver = drive,
    traffic: Traffic | None = None,
) -> float | None:
    """Seconds until the scene shows the command as done; NaN: never; None where the place has no room for it.

    In a dreamt place a turn is commanded anywhere; its junction may be grown, or follow after some others; the first
    that allows it counts.
    """
    place, go = _at(where), partial(on, by=by, traffic=traffic)
    if command in TURNS:
        return _turn(place, command, seed, density, go)
    if command in (Command.LANE_LEFT, Command.LANE_RIGHT):
        return _lane_change(place, command, seed, density, go)
    state = start(place, seed, density=density)
    target = 0.0 if command == Command.STOP else CRUISE
    if command == Command.FOLLOW:  # go: from standing
        state = start(place, seed, speed=0.0, density=density)
    horizon = Horizon()
    for tick in range(int(15 * FPS)):
        state = go(state, Control(command=command), target, horizon=horizon)
        speed = float(state.ego["speed"][0])
        if (command == Command.STOP and speed < 0.3) or (command == Command.FOLLOW and speed > 2.0):
            return (tick + 1) * DT
    return math.nan


def _turn(place: Place, command: Command, seed: int, density: float, go: Callable[..., SceneState]) -> float | None:
    grows, turn = isinstance(place, GrowingPlace), TURNS[command]
    state = start(place, seed, density=density) if grows else _begin_before(place, turn, seed, density)
    if state is None:
        return None
    horizon, turning, goal = Horizon(), False, tuple[int, ...]()
    for tick in range(int(LATEST * FPS)):
        state = go(state, Control(command=command), horizon=horizon)
        there, lane = tables(state.places[0].map), int(state.ego["lane"][0])
        if lane < 0:
            return math.nan
        if there.lanes["street"][lane] < 0:
            turning, goal = (
                bool(there.lanes["turn"][lane] == turn),
                _name(there.lanes, int(there.lanes["target"][lane])),
            )
            possible = out_with(there.lanes, there.successors, int(there.lanes["source"][lane]), turn) >= 0
            if not turning and (possible or not grows):
                return math.nan
        elif turning:
            there_now = abs(float(state.ego["left"][0])) < 1.2 and _name(there.lanes, lane) == goal
            if there_now or float(state.ego["s"][0]) > 8.0:
                return (tick + 1) * DT if there_now else math.nan
    return math.nan


def first_cases(
    case: Callable[[Sequence[tuple[str, int]]], Iterable[float | None]], cases: int, seed: int, names: Sequence[str]
) -> list[float]:
    """The results of the first `cases` of a command for which a place has room, of at most four times as many.

    case: [(place, seed)] -> the result of `seconds_until_done` for each.
    """
    results: list[float] = []
    for first in range(0, 4 * cases, max(1, cases)):
        jobs = [(names[n % len(names)], seed + n) for n in range(first, first + cases)]
        results += [one for one in case(jobs) if one is not None]
        if len(results) >= cases:
            break
    return results[:cases]


def shares(results: Sequence[float]) -> tuple[float, float]:
    """(share done in time, share done at all) of results of `first_cases`; NaN without any."""
    if not results:
        return math.nan, math.nan
    seconds = np.array(results)
    return float((seconds <= TURN_SECONDS).mean()), float((seconds <= LATEST).mean())


def _name(lanes: np.ndarray, lane: int) -> tuple[int, ...]:
    """A key of a street's lane that stays valid when the place grows: street, direction, number."""
    return tuple(int(lanes[name][lane]) for name in ("street", "forward", "number"))


def _lane_change(
    place: Place, command: Command, seed: int, density: float, go: Callable[..., SceneState]
) -> float | None:
    lanes, rng = place.map.lanes, np.random.default_rng(seed)
    side = "left" if command == Command.LANE_LEFT else "right"
    there = np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > 60) & (lanes[side] >= 0))
    if not len(there):
        return None
    lane, horizon = int(rng.choice(there)), Horizon()
    goal, state = _name(lanes, int(lanes[side][lane])), start(place, seed, lane=lane, s=8.0, density=density)
    for tick in range(int(12 * FPS)):
        state = go(state, Control(command=command), horizon=horizon)
        now = int(state.ego["lane"][0])
        if now >= 0 and _name(state.places[0].map.lanes, now) == goal and abs(float(state.ego["left"][0])) < 0.6:
            return (tick + 1) * DT
    return math.nan


@dataclass(frozen=True, slots=True)
class EventCase:
    """One commanded event. seconds: until it was visible, NaN for never; on_side: whether it was on its side."""

    seconds: float
    on_side: bool


def event_case(
    where: str | Place,
    event: Event,
    side: Side,
    level: int,
    seed: int,
    traffic: Traffic | None = None,
    by: Driver = drive,
) -> EventCase:
    """Drives for 3 s and a little more by the seed, commands the event, and drives on for up to 8 s."""
    state, horizon = start(_at(where), seed), Horizon()
    for _ in range(30 + seed % 20):
        state = on(state, Control(), by=by, traffic=traffic, horizon=horizon)
    control = Control(event=event, side=side if event in SIDED_EVENTS else Side.NONE, level=level)
    for tick in range(int(EVENT_SECONDS * FPS)):
        state = on(state, control, by=by, traffic=traffic, horizon=horizon)
        actor = int(state.event["actor"][0])
        if actor < 0 or not facts(state).event_visible:
            continue
        return EventCase((tick + 1) * DT, _on_side(state, actor, event, side))
    return EventCase(math.nan, False)


def _on_side(state: SceneState, actor: int, event: Event, side: Side) -> bool:
    if event not in SIDED_EVENTS:
        return True
    ego, agents = state.ego[0], state.agents[0]
    slot = int(np.flatnonzero((agents["id"] == actor) & (agents["kind"] != 0))[0])
    dx, dy = agents["x"][slot] - ego["x"], agents["y"][slot] - ego["y"]
    aside = dy * math.cos(ego["heading"]) - dx * math.sin(ego["heading"])
    return bool(aside > 0) == (side == Side.LEFT)


@dataclass(frozen=True, slots=True)
class RouteResult:
    """A drive.

    clean: our car touched nobody; strayed: it left the road; metres: its distance; contacts: of others, in `minutes` of
    vehicle time.
    """

    clean: bool
    strayed: bool
    metres: float
    contacts: int
    minutes: float


def route(
    where: str | Place,
    seconds: float,
    seed: int,
    by: Driver = drive,
    eventful: bool = False,
    traffic: Traffic | None = None,
) -> RouteResult:
    """One drive along whatever road comes.

    eventful: events of all kinds, 10 s each, 3 s apart; traffic: as for `step`.
    """
    rng, control, until = np.random.default_rng(seed), Control(), 3.0
    state, clean, strayed, count, ticks = start(_at(where), seed), True, False, 0, 0
    before, horizon = set[tuple[int, int]](), Horizon()
    for tick in range(int(seconds * FPS)):
        if eventful and tick * DT >= until:
            control, until = _other_event(control, rng), until + (10.0 if control.event == Event.NONE else 3.0)
        state = on(state, control, by=by, traffic=traffic, horizon=horizon)
        clean = clean and bool(state.ego["contact"][0] < 0)
        strayed = strayed or facts(state).off_road
        now, vehicles = _contacts(state.agents[0])
        count, ticks, before = count + len(now - before), ticks + vehicles, now
    return RouteResult(clean, strayed, float(state.ego["driven"][0]), count, ticks * DT / 60)


def _other_event(control: Control, rng: np.random.Generator) -> Control:
    """After no event a random one; after an event none."""
    if control.event != Event.NONE:
        return Control()
    event = Event(int(rng.integers(1, len(Event))))
    side = Side(int(rng.integers(1, 3))) if event in SIDED_EVENTS else Side.NONE
    return Control(event=event, side=side, level=int(rng.integers(1, 4)))


def _contacts(agents: np.ndarray) -> tuple[set[tuple[int, int]], int]:
    """Pairs of vehicles in contact, and the number of vehicles."""
    vehicles = agents[(agents["kind"] >= 1) & (agents["kind"] <= 5)]
    return contacts(vehicles), len(vehicles)


def contacts(vehicles: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of ids of vehicles [N] (AGENT) whose boxes, shrunk by 4%, overlap."""
    small = vehicles.copy()
    small["length"] *= 0.96
    small["width"] *= 0.96
    return {(int(small["id"][a]), int(small["id"][b])) for a, b in touching(small)}
