"""Selects the moments of drives that the judge's films show, and labels them.

(seed, split, number, films per drive) determine a film. Events, sides, commands, weathers and hours come in equal
shares; of a drive, the moment is drawn by how well the event or command is visible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from world.controls import DT, Command, Control, Event, Side, TimeOfDay, Weather
from world.dynamics.expert import drive
from world.dynamics.path import at
from world.dynamics.roles import visible
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.judge import AGES, GAP, MANOEUVRES
from world.scene.facts import conditions
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.places import load_place, towns
from world.scene.query import wrap
from world.scene.state import Place, SceneState
from world.town.teacher import SPLITS, some_event
from world.weather import goal

VERSION = 1  # raise it when a number gives another film
WINDOW = max(AGES) + 1
VISIBLE = 40  # pixels at RENDER_SIZE from which an event's actor counts as visible
UNKNOWN = -100  # an unknown class (cross_entropy's ignore_index)
TOGETHER = 24  # consecutive films of one town, whose tiles are then reused
LEAST, MOST = 20, 170  # steps of a drive before its film's end
EVENTFUL = 0.6  # share of films with an event
CHANGING = 0.25  # share of drives with a change of weather or hour
CRUISE = 9.0  # m/s
STANDS = 0.5  # m/s
TURN_ANGLE = 0.08  # rad within a film that count as a turn
LASTS = 6.0  # s
STAGE_ACTIVE, CAST_AT = (
    2,
    0,
)  # EVENT.stage; of EVENT.memory the age at which the actor came (world/dynamics/roles/stage.py)
DRIFT, UNSURE = 0.5, 0.2  # m sideways within a film that count as a lane change; from which it may be one


@dataclass(frozen=True, slots=True)
class FilmLabels:
    """Labels of a film's last picture; UNKNOWN where a class cannot be determined.

    weather, time, event, side: values of the enums (side: where a sided event comes from); manoeuvre: index into
    MANOEUVRES; speed in m/s and yaw_rate in rad/s, left positive: means since the previous picture, NaN for a film of
    one picture.
    """

    weather: int
    time: int
    event: int
    side: int
    manoeuvre: int
    speed: float
    yaw_rate: float


def scenes(seed: int, split: str, number: int, moments: int = 1) -> list[list[SceneState]]:
    """The WINDOW states of each film of one drive, one per step, oldest first. moments: films per drive."""
    random = np.random.default_rng([VERSION, seed, SPLITS.index(split), number])
    names = towns()[split]
    place = load_place(names[number // TOGETHER % len(names)])
    control, event = _conditions(random), _event(random)
    command = MANOEUVRES[int(random.integers(len(MANOEUVRES)))]
    if event and random.random() < 0.5:
        command = Command.FOLLOW
    state = begin(place, control, command, random)
    begins, changes = int(random.integers(LEAST, LEAST + 40)), -1
    if random.random() < CHANGING:
        changes, after = int(random.integers(0, MOST - 20)), _conditions(random)
    target = 0.0 if command == Command.STOP else float(random.uniform(5, 14))
    until = int(random.integers(MOST // 2, MOST))  # from then on the car follows the road, or goes
    states, worth = [state], [0.0]
    for now in range(1, MOST + 1):
        if now == changes:
            control = control.with_(weather=after.weather, time=after.time)
        frame_control = control.with_(**event) if event and now >= begins else control
        frame_command = command if now < until else Command.FOLLOW
        action = drive(state, frame_command, CRUISE if now >= until and not target else target)
        state = step(state, [frame_control.with_(steer=action[0], accel=action[1], command=frame_command)])
        states.append(state)
        recent = changes <= now < changes + 18  # the sky is still changing
        worth.append(0.0 if now < LEAST or recent else _worth(states[-WINDOW:], bool(event), command))
    chances = np.array(worth)
    if not chances.any():
        chances[LEAST:] = 1.0
    count = min(moments, int(np.count_nonzero(chances)))
    lasts = random.choice(len(states), count, replace=count == 1, p=chances / chances.sum())
    return [states[last - WINDOW + 1 : last + 1] for last in lasts]


def _worth(states: Sequence[SceneState], eventful: bool, command: int) -> float:
    """Weight of a film that ends here: high where the event is visible, or else where the command is being carried out."""
    now = states[-1]
    if eventful:
        there = event_is_on(now) and visible(now.ego[0], now.agents[0], now.event[0])
        return float(there) * (1.0 if now.ego["speed"][0] > STANDS else 0.2)
    index = manoeuvre(states)
    return 0.0 if index == UNKNOWN else 1.0 if MANOEUVRES[index] == command else 0.01


def begin(
    place: Place, control: Control, command: int, random: np.random.Generator, speed: float | None = None
) -> SceneState:
    """A drive that begins on a lane where the command can be followed, if there is one. speed in m/s; None draws one."""
    lanes, seed = place.map.lanes, int(random.integers(2**31))
    streets = (lanes["street"] >= 0) & (lanes["outs"] > 0) & (lanes["length"] >= 45)
    good, s = streets, None
    if command in (Command.LANE_LEFT, Command.LANE_RIGHT):
        good, s = streets & (lanes["left" if command == Command.LANE_LEFT else "right"] >= 0), 8.0
    elif command in (Command.LEFT, Command.RIGHT, Command.STRAIGHT):
        turn = {Command.LEFT: LEFT, Command.RIGHT: RIGHT, Command.STRAIGHT: STRAIGHT}[Command(command)]
        for one in np.flatnonzero(streets):
            first, outs = lanes["first_out"][one], lanes["outs"][one]
            good[one] = (lanes["turn"][place.map.successors[first : first + outs]] == turn).any()
    if speed is None:
        speed = 0.0 if random.random() < 0.1 else float(random.uniform(3, 13))
    if not good.any():
        return start(place, seed, control, speed)
    lane = int(random.choice(np.flatnonzero(good)))
    at_s = s if s is not None else float(random.uniform(0.15, 0.6) * lanes["length"][lane])
    return start(place, seed, control, speed, lane=lane, s=at_s)


def _conditions(random: np.random.Generator) -> Control:
    return Control(weather=int(random.integers(len(Weather))), time=int(random.integers(len(TimeOfDay))))


def _event(random: np.random.Generator) -> dict[str, int]:
    return {} if random.random() >= EVENTFUL else some_event(random)


def truth_of(states: Sequence[SceneState], pixels: int) -> FilmLabels:
    """Labels at the end of consecutive states, one per step; motion needs WINDOW of them.

    pixels: count at RENDER_SIZE that shows the event's actor.
    """
    now = states[-1]
    weather, time = conditions(now.amounts[0])
    if not np.allclose(now.amounts[0], list(goal(weather, time).values()), atol=1e-6):
        weather = time = UNKNOWN
    event, side = UNKNOWN, UNKNOWN
    if not pixels:
        event, side = int(Event.NONE), int(Side.NONE)
    elif pixels >= VISIBLE and event_is_on(now):
        event, side = int(now.event["event"][0]), int(now.event["side"][0])
    if len(states) < WINDOW:
        return FilmLabels(weather, time, event, side, UNKNOWN, math.nan, math.nan)
    ago, last = states[-1 - GAP].ego[0], now.ego[0]
    speed = float(last["driven"] - ago["driven"]) / (GAP * DT)
    rate = wrap(float(last["heading"] - ago["heading"])) / (GAP * DT)
    return FilmLabels(weather, time, event, side, manoeuvre(states), speed, rate)


def event_is_on(state: SceneState) -> bool:
    """Whether the event is active and its actor came at most LASTS ago; later it is one road user among others."""
    event = state.event[0]
    return bool(event["stage"] == STAGE_ACTIVE and event["age"] - event["memory"][CAST_AT] <= LASTS)


def manoeuvre(states: Sequence[SceneState]) -> int:
    """The car's manoeuvre in WINDOW states, an index into MANOEUVRES, from its motion and not from its command."""
    place, now = states[-1].places[0].map, states[-1].ego[0]
    egos = [state.ego[0] for state in states]
    if now["lane"] < 0 or any(ego["lane"] < 0 for ego in egos):
        return UNKNOWN
    if now["speed"] < STANDS:
        return MANOEUVRES.index(Command.STOP)
    turn_angle = wrap(float(now["heading"] - egos[0]["heading"]))
    lane = place.lanes[now["lane"]]
    if lane["junction"] >= 0:
        turn = {LEFT: Command.LEFT, RIGHT: Command.RIGHT, STRAIGHT: Command.STRAIGHT}.get(int(lane["turn"]))
        if turn is None or (turn != Command.STRAIGHT and abs(turn_angle) < TURN_ANGLE):
            return UNKNOWN
        return MANOEUVRES.index(turn)
    if any(place.lanes[ego["lane"]]["junction"] >= 0 for ego in egos):
        return UNKNOWN
    there, drift = tables(place), 0.0
    for ego in egos[1:]:
        heading = at(there.lanes, there.points, int(ego["lane"]), float(ego["s"]))[2]
        drift += DT * float(ego["speed"]) * math.sin(wrap(float(ego["heading"]) - heading))
    if abs(drift) < DRIFT:
        return UNKNOWN if abs(drift) > UNSURE else MANOEUVRES.index(Command.FOLLOW)
    return MANOEUVRES.index(Command.LANE_LEFT if drift > 0 else Command.LANE_RIGHT)
