"""Records SUMO's traffic in a shipped town on our own map, with headways and styles that vary by driver (extra `sim`).

Vehicles are placed on our lanes (`sumo_paths`), signals show SUMO's colours. People are where SUMO has them, but are
not sampled: our rules' people are. One simulation per process.
"""

from __future__ import annotations

import math
import random

import numpy as np

from world.controls import DT, FPS
from world.dynamics.spawn import edge
from world.dynamics.step import blank_ego
from world.dynamics.tables import Tables, frozen, tables
from world.scene.hd_map import HDMap
from world.scene.objects import AGENT, SIZES, Kind
from world.scene.places import load_place
from world.scene.query import AMBER, GREEN, RED, locate
from world.scene.state import AGENTS
from world.train.sumo_paths import VehicleTrack, connection, lanes_of, lines_beyond, place_track
from world.train.traffic_samples import Both, DriveLog, samples_of

WARM_UP = 200  # steps before the recording
FAR = 1e6  # m, position of our car, which SUMO does not have here
LONG = 1e6  # s, a signal's cycle: each table shows one colour
AHEAD = 10  # steps within which SUMO's upcoming lane change counts as decided
BADLY = 0.06  # share of drivers who brake hard for no reason at times
_KINDS = {"car": Kind.CAR, "van": Kind.VAN, "lorry": Kind.LORRY, "bus": Kind.BUS}


def sumo_samples(name: str, seconds: float, seed: int) -> Both:
    """The samples of SUMO's traffic in a town. SimulatorError without SUMO."""
    return samples_of(record(name, seconds, seed))


def record(name: str, seconds: float, seed: int) -> DriveLog:
    """SUMO's traffic in a shipped town for `seconds`. SimulatorError without SUMO."""
    from world.town.network import load
    from world.town.traffic import SumoTraffic  # before libsumo, which prints a line when first imported

    import libsumo  # isort: skip

    place, network = load_place(name), load(int(name.rpartition("-")[2]))
    traffic, rng = SumoTraffic(network, seed), random.Random(seed)
    lookup, current, tracks = tables(place.map), dict[str, VehicleTrack](), dict[int, VehicleTrack]()
    links, ours = _links(libsumo, place.map), lanes_of(network, place.map)
    frames: list[np.ndarray] = []
    places: list[Tables] = []
    styles: list[np.ndarray] = []
    try:
        for tick in range(WARM_UP + int(seconds * FPS)):
            traffic.step(0.0, 0.0)
            if tick < WARM_UP:
                continue
            names = list(libsumo.vehicle.getIDList())[: AGENTS - 30]  # including SUMO's ego car, which it drives itself
            current = {one: current[one] for one in names if one in current}
            for one in names:
                if one not in current:
                    current[one] = _new_track(libsumo, one, current, rng)
            tracks |= {id(track): track for track in current.values()}
            frames.append(_frame(libsumo, ours, names, current, len(frames)))
            places.append(lookup._replace(signals=_signals(libsumo, lookup, links, (len(frames) - 1) * DT)))
            style = np.full(AGENTS, 0.5)
            for one in names:
                style[current[one].slot] = current[one].style
            styles.append(style)
            _brake_for_nothing(libsumo, names, current, rng)
    finally:
        traffic.close()
    agents = np.stack(frames)
    beyond = lines_beyond(network, place.map, lookup, ours)
    for track in tracks.values():
        place_track(place.map, beyond, agents, track)
    ego = blank_ego()
    ego["x"], ego["y"] = FAR, FAR
    steps = len(agents)
    return DriveLog(
        places, seed, np.stack([ego] * steps), agents, _aims(place.map, agents), np.stack(styles), np.zeros(steps),
        np.ones(steps), changes_in=AHEAD, people=False,
    )  # fmt: skip


def _new_track(sumo: object, name: str, current: dict[str, VehicleTrack], rng: random.Random) -> VehicleTrack:
    """Gives a new vehicle a free slot and a driving style, also in SUMO."""
    vehicle = sumo.vehicle  # type: ignore[attr-defined]
    slots = {track.slot for track in current.values()}
    slot = next(k for k in range(AGENTS) if k not in slots)
    style, wish = rng.random(), rng.uniform(0.75, 1.1)
    vehicle.setSpeedFactor(name, wish)
    vehicle.setTau(name, 2.0 - 1.3 * style)
    vehicle.setMinGap(name, 3.2 - 1.7 * style)
    vehicle.setAccel(name, (2.4 if vehicle.getTypeID(name) == "car" else 1.6) * (0.75 + 0.5 * style))
    return VehicleTrack(slot, style, wish)


def _brake_for_nothing(sumo: object, names: list[str], current: dict[str, VehicleTrack], rng: random.Random) -> None:
    """Makes some drivers brake hard at times, so that the reactions of those behind are recorded."""
    vehicle = sumo.vehicle  # type: ignore[attr-defined]
    for name in names:
        if current[name].style * 997 % 1.0 < BADLY and rng.random() < 0.01 and vehicle.getSpeed(name) > 4.0:
            vehicle.slowDown(name, rng.uniform(0.0, 3.0), rng.uniform(0.8, 2.0))


def _frame(
    sumo: object, ours: dict[str, int], names: list[str], current: dict[str, VehicleTrack], k: int
) -> np.ndarray:
    """Everybody at a moment, AGENT [AGENTS]; vehicles where SUMO has them, at most 30 people."""
    agents = np.zeros(AGENTS, AGENT)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    vehicle, person = sumo.vehicle, sumo.person  # type: ignore[attr-defined]
    for name in names:
        track = current[name]
        a = agents[track.slot : track.slot + 1]
        kind = _KINDS.get(vehicle.getTypeID(name), Kind.CAR)
        heading, length = math.radians(90.0 - vehicle.getAngle(name)), vehicle.getLength(name)
        x, y = vehicle.getPosition(name)
        if abs(x) > FAR / 2:
            continue
        a["kind"], a["id"] = int(kind), 1 + int("".join(filter(str.isdigit, name)) or 0)
        a["x"], a["y"] = x - 0.5 * length * math.cos(heading), y - 0.5 * length * math.sin(heading)
        a["heading"], a["speed"], a["accel"] = heading, vehicle.getSpeed(name), vehicle.getAcceleration(name)
        a["length"], a["width"], a["height"] = length, vehicle.getWidth(name), SIZES[kind][2]
        a["wish"] = track.wish
        track.rows.append((k, float(a["x"][0]), float(a["y"][0]), ours.get(vehicle.getLaneID(name), -1)))
    slots = (slot for slot in range(AGENTS - 1, -1, -1) if agents["kind"][slot] == 0)
    for name, slot in zip(person.getIDList(), slots, strict=False):
        a = agents[slot : slot + 1]
        a["kind"], a["id"] = int(Kind.PERSON), (1 << 29) + int("".join(filter(str.isdigit, name)) or 0)
        a["x"], a["y"] = person.getPosition(name)
        a["heading"], a["speed"] = math.radians(90.0 - person.getAngle(name)), person.getSpeed(name)
        a["length"], a["width"], a["height"] = SIZES[Kind.PERSON]
    return agents


def _aims(place: HDMap, agents: np.ndarray) -> np.ndarray:
    """m left of its lane's centre line that a vehicle aims for, [T, AGENTS]; SUMO's keep to the centre."""
    aims = np.full(agents.shape, np.nan)
    driving = (agents["kind"] >= 1) & (agents["kind"] <= 5) & (agents["lane"] >= 0)
    aims[driving] = edge(place.lanes, 0, int(Kind.CAR))
    return aims


def _links(sumo: object, place: HDMap) -> dict[tuple[str, int], int]:
    """(traffic light, link) of SUMO -> our signal of the same movement."""
    lights, lane = sumo.trafficlight, sumo.lane  # type: ignore[attr-defined]
    signals = {}
    for light in lights.getIDList():
        for number, movements in enumerate(lights.getControlledLinks(light)):
            for source, target, _ in movements:
                ends = []
                for name, at in ((source, -1), (target, 0)):
                    shape = lane.getShape(name)
                    (x0, y0), (x1, y1) = (shape[-2], shape[-1]) if at else (shape[0], shape[1])
                    heading = math.atan2(y1 - y0, x1 - x0)
                    back = -6.0 if at else 6.0
                    x, y = shape[at]
                    ends.append(locate(place, x + back * math.cos(heading), y + back * math.sin(heading), heading)[0])
                if min(ends) < 0 or any(place.lanes["junction"][end] >= 0 for end in ends):
                    continue
                between = connection(place, *ends)
                if between >= 0 and place.lanes["signal"][between] >= 0:
                    signals[light, number] = int(place.lanes["signal"][between])
    return signals


def _signals(sumo: object, lookup: Tables, links: dict[tuple[str, int], int], seconds: float) -> np.ndarray:
    """Our signals as a table that shows SUMO's colours at this moment."""
    lights = sumo.trafficlight  # type: ignore[attr-defined]
    signals = lookup.signals.copy()
    colours: dict[int, int] = {}
    for (light, number), signal in links.items():
        letter = lights.getRedYellowGreenState(light)[number].lower()
        colour = GREEN if letter == "g" else AMBER if letter == "y" else RED
        colours[signal] = min(colours.get(signal, RED), colour)
    for signal, colour in colours.items():
        since = {GREEN: (0.0, 1e5, 2e5), AMBER: (-2.0, -1.0, 1e5), RED: (-3.0, -2.0, -1.0)}[colour]
        signals["cycle"][signal] = LONG
        for name, when in zip(("green", "amber", "red"), since, strict=True):
            signals[name][signal] = seconds + when
    return frozen(signals)
