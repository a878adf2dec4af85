"""What scene worlds are worth, told by the scene itself: manoeuvres, events, the driver, traffic, hashes and speed.

Nothing here is drawn but where drawing is what is measured. Everything is decided by `seed`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from world.controls import DT, FPS, SIDED_EVENTS, Command, Control, Event, Side
from world.dynamics.driver import drive
from world.dynamics.start import start
from world.dynamics.step import step
from world.evaluate.scene_pictures import hour, picture_milliseconds, seen_again
from world.scene.facts import facts
from world.scene.hd_map import LEFT, RIGHT, STRAIGHT
from world.scene.places import load_place, towns
from world.scene.query import touching
from world.scene.state import Place, SceneState, stack

Note = Callable[[float, str], None]
CRUISE = 9.0  # m/s, the target speed of all drives here
TURNS = {Command.LEFT: LEFT, Command.RIGHT: RIGHT, Command.STRAIGHT: STRAIGHT}
MANOEUVRE_SECONDS, EVENT_SECONDS = 45.0, 8.0
PICTURE_AIMS = {"144x256": 12, "288x512": 30}  # ms


def places(split: str = "test") -> list[Place]:
    """The shipped towns of a split."""
    return [load_place(name) for name in towns()[split]]


def _on(state: SceneState, control: Control, target: float = CRUISE) -> SceneState:
    steer, accel = drive(state, control.command, target)
    return step(state, [control.with_(steer=steer, accel=accel)])


def _begin_before(place: Place, turn: int, seed: int, density: float) -> SceneState | None:
    """A drive that begins on a street whose next junction offers the turn, from its lane or from one beside it."""
    lanes, rng = place.map.lanes, np.random.default_rng(seed)
    for lane in rng.permutation(np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > 45))):
        outs = place.map.successors[lanes["first_out"][lane] : lanes["first_out"][lane] + lanes["outs"][lane]]
        if any(lanes["turn"][out] == turn for out in outs):
            return start(place, seed, lane=int(lane), s=float(0.25 * lanes["length"][lane]), density=density)
    return None


def manoeuvre(place: Place, command: Command, seed: int, density: float = 1.0) -> bool | None:
    """Whether a command is done within 45 s by the scene; None where the place has nowhere to do it."""
    if command in TURNS:
        return _turn(place, command, seed, density)
    if command in (Command.LANE_LEFT, Command.LANE_RIGHT):
        return _lane_change(place, command, seed, density)
    state = start(place, seed, density=density)
    target = 0.0 if command == Command.STOP else CRUISE
    if command == Command.FOLLOW:  # go: from standing
        state = start(place, seed, speed=0.0, density=density)
    for _ in range(int(15 * FPS)):
        state = _on(state, Control(command=command), target)
        speed = float(state.ego["speed"][0])
        if (command == Command.STOP and speed < 0.3) or (command == Command.FOLLOW and speed > 2.0):
            return True
    return False


def _turn(place: Place, command: Command, seed: int, density: float) -> bool | None:
    state = _begin_before(place, TURNS[command], seed, density)
    if state is None:
        return None
    lanes = place.map.lanes
    inside = -1
    for _ in range(int(MANOEUVRE_SECONDS * FPS)):
        state = _on(state, Control(command=command))
        lane = int(state.ego["lane"][0])
        if lane < 0:
            return False
        if lanes["street"][lane] < 0:
            inside = lane
        elif inside >= 0:
            arrived = abs(float(state.ego["left"][0])) < 1.2 and lane == lanes["target"][inside]
            if arrived or float(state.ego["s"][0]) > 8.0:
                return bool(lanes["turn"][inside] == TURNS[command] and arrived)
    return False


def _lane_change(place: Place, command: Command, seed: int, density: float) -> bool | None:
    lanes, rng = place.map.lanes, np.random.default_rng(seed)
    side = "left" if command == Command.LANE_LEFT else "right"
    there = np.flatnonzero((lanes["street"] >= 0) & (lanes["length"] > 60) & (lanes[side] >= 0))
    if not len(there):
        return None
    lane = int(rng.choice(there))
    goal, state = int(lanes[side][lane]), start(place, seed, lane=lane, s=8.0, density=density)
    for _ in range(int(12 * FPS)):
        state = _on(state, Control(command=command))
        if int(state.ego["lane"][0]) == goal and abs(float(state.ego["left"][0])) < 0.6:
            return True
    return False


@dataclass(frozen=True, slots=True)
class EventCase:
    """One event asked for: how many seconds until it was in sight (NaN: never), and whether that was on its side."""

    seconds: float
    sided: bool


def event_case(place: Place, event: Event, side: Side, level: int, seed: int) -> EventCase:
    """Drives for 3 s plus a little by the seed, asks for the event, and watches for 8 s."""
    state = start(place, seed)
    for _ in range(30 + seed % 20):
        state = _on(state, Control())
    asked = Control(event=event, side=side if event in SIDED_EVENTS else Side.NONE, level=level)
    for tick in range(int(EVENT_SECONDS * FPS)):
        state = _on(state, asked)
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
    left = dy * math.cos(ego["heading"]) - dx * math.sin(ego["heading"])
    return bool(left > 0) == (side == Side.LEFT)


def routes(number: int, seconds: float, seed: int, note: Note) -> dict[str, Any]:
    """Free drives in test towns without events: share without contact, m/s, and contacts of the others a vehicle-minute."""
    towns_here, clean, metres, minutes, contacts, off = places(), 0, 0.0, 0.0, 0, 0
    for n in range(number):
        state = start(towns_here[n % len(towns_here)], seed + n)
        touched, before, strayed = False, set[tuple[int, int]](), 0
        for _ in range(int(seconds * FPS)):
            state = _on(state, Control())
            touched = touched or bool(state.ego["contact"][0] >= 0)
            now, vehicles = _contacts(state.agents[0])
            contacts, minutes = contacts + len(now - before), minutes + vehicles * DT / 60
            before = now
            strayed += facts(state).off_road
        clean += not touched
        off += strayed > 0
        metres += float(state.ego["driven"][0])
        note((n + 1) / number, f"route {n + 1} of {number}")
    return {
        "routes": number,
        "without_contact": clean / number,
        "left_the_road": off / number,
        "mean_speed": metres / (number * seconds),
        "contacts_a_vehicle_minute": contacts / max(minutes, 1e-9),
        "vehicle_minutes": minutes,
    }


def _contacts(agents: np.ndarray) -> tuple[set[tuple[int, int]], int]:
    """Pairs of vehicles whose boxes, shrunk by 4%, overlap; and how many vehicles there are."""
    vehicles = agents[(agents["kind"] >= 1) & (agents["kind"] <= 5)]
    small = vehicles.copy()
    small["length"] *= 0.96
    small["width"] *= 0.96
    pairs = {(int(small["id"][a]), int(small["id"][b])) for a, b in touching(small)}
    return pairs, len(vehicles)


def hashes(seed: int, frames: int = 60) -> dict[str, bool]:
    """Whether states repeat: run twice, in a batch beside others, and with a picture drawn between the steps."""
    from world.scene_world import SceneWorld

    here = places()[:3]

    def run(states: Sequence[SceneState], look: bool = False) -> list[str]:
        batch, model = stack(list(states)), SceneWorld() if look else None
        for _ in range(frames):
            controls = [Control(steer=steer, accel=accel) for steer, accel in _actions(batch)]
            batch = step(batch, controls)
            if model is not None:
                model.draw(batch.row(0), (108, 192))
        return [batch.hash(row) for row in range(len(batch))]

    begins = [start(place, seed + number) for number, place in enumerate(here)]
    alone = [run([one])[0] for one in begins]
    return {
        "again": [run([one])[0] for one in begins] == alone,
        "in a batch": run(begins) == alone,
        "while drawn": run(begins[:1], look=True)[0] == alone[0],
    }


def _actions(state: SceneState) -> list[tuple[float, float]]:
    return [drive(state, int(Command.FOLLOW), CRUISE, row) for row in range(len(state))]


def step_milliseconds(seed: int, steps: int = 200) -> dict[str, float]:
    """The median ms of a step without a picture, and of one with our driver, with the agents that there are."""
    state = start(places()[0], seed)
    step(state, [Control()])
    spent, driven, agents = [], [], []
    for _ in range(steps):
        began = time.perf_counter()
        steer, accel = drive(state, int(Command.FOLLOW), CRUISE)
        driven.append(time.perf_counter() - began)
        began = time.perf_counter()
        state = step(state, [Control(steer=steer, accel=accel)])
        spent.append(time.perf_counter() - began)
        agents.append(int((state.agents["kind"] != 0).sum()))
    return {
        "step": 1000 * float(np.median(spent)),
        "driver": 1000 * float(np.median(driven)),
        "agents": float(np.mean(agents)),
    }


def evaluate_scene(
    cases: int = 100,
    events: int = 50,
    number: int = 200,
    seed: int = 0,
    report: Note | None = None,
    minutes: float = 60.0,
) -> dict[str, Any]:
    """Everything; `cases` a manoeuvre, `events` an event, `number` routes of 60 s, `minutes` of endurance. Shares are of the cases that could be tried."""
    note = report or (lambda fraction, text: None)
    here = places()
    result: dict[str, Any] = {"manoeuvres": {}, "events": {}}
    names = {"go": Command.FOLLOW} | {
        one.name.lower(): one for one in (*TURNS, Command.LANE_LEFT, Command.LANE_RIGHT, Command.STOP)
    }
    for number_of, (name, command) in enumerate(names.items()):
        note(0.4 * number_of / len(names), f"manoeuvre {name}")
        tried: list[bool] = []
        for n in range(4 * cases):
            if len(tried) == cases:
                break
            outcome = manoeuvre(here[n % len(here)], command, seed + n)
            tried += [outcome] if outcome is not None else []
        result["manoeuvres"][name] = {"share": sum(tried) / max(1, len(tried)), "cases": len(tried)}
    for number_of, event in enumerate(one for one in Event if one != Event.NONE):
        note(0.4 + 0.3 * number_of / 10, f"event {event.name.lower()}")
        seen = [
            event_case(here[n % len(here)], event, Side.LEFT if n % 2 else Side.RIGHT, 1 + n % 3, seed + n)
            for n in range(events)
        ]
        result["events"][event.name.lower()] = {
            "share": sum(one.sided and not math.isnan(one.seconds) for one in seen) / max(1, len(seen)),
            "cases": len(seen),
        }
    result["routes"] = routes(number, 60.0, seed, lambda share, text: note(0.7 + 0.25 * share, text))
    result["hashes_equal"] = hashes(seed)
    result["milliseconds"] = step_milliseconds(seed)
    result["picture_milliseconds"] = picture_milliseconds(seed)
    result["seen_again_psnr"] = seen_again(seed)
    note(0.97, f"{minutes:g} minutes on the road")
    result["endurance"] = hour(seed, 60 * minutes) | {"minutes": minutes}
    return result


HEAD = ("what", "measured", "aimed at")


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The result as rows of text, for people."""
    rows = [
        (f"{name} ({one['cases']} cases)", f"{100 * one['share']:.0f}%", "98%")
        for name, one in result["manoeuvres"].items()
    ]
    rows += [
        (f"{name} within {EVENT_SECONDS:g} s, on its side ({one['cases']})", f"{100 * one['share']:.0f}%", "95%")
        for name, one in result["events"].items()
    ]
    free = result["routes"]
    rows += [
        (f"{free['routes']} routes of a minute without contact", f"{100 * free['without_contact']:.1f}%", "95%"),
        ("routes that left the road", f"{100 * free['left_the_road']:.1f}%", ""),
        ("mean speed", f"{free['mean_speed']:.1f} m/s", ""),
        (
            f"contacts of others a vehicle-minute ({free['vehicle_minutes']:,.0f})",
            f"{free['contacts_a_vehicle_minute']:.3f}",
            "at most 0.03",
        ),
    ]
    rows += [
        (f"state hashes equal: {name}", "yes" if same else "no", "yes") for name, same in result["hashes_equal"].items()
    ]
    ms = result["milliseconds"]
    rows += [
        (f"a step with {ms['agents']:.0f} agents", f"{ms['step']:.2f} ms", "1 ms"),
        ("the driver", f"{ms['driver']:.2f} ms", ""),
        *(
            (f"a picture of {size}", f"{spent:.1f} ms", f"{PICTURE_AIMS[size]} ms, without air")
            for size, spent in result["picture_milliseconds"].items()
        ),
        ("the same place seen again", f"{result['seen_again_psnr']:.0f} dB", "40 dB"),
    ]
    end = result["endurance"]
    for name in ("picture", "step", "detail", "memory"):
        rows.append(
            (f"{end['minutes']:g} minutes on the road, end over beginning: {name}", f"{end[name]:.3f}", "within 5%")
        )
    return rows
