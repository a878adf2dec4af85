"""Vehicles by rules: they do not touch, obey signals, react to our car and to what stands on their lane."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.world.grid import BLOCK, SIDE, graph, town
from world.controls import FPS, Command, Control
from world.dynamics.car import LETS_PASS
from world.dynamics.guard import lane_is_free
from world.dynamics.motion import WAIT
from world.dynamics.right_of_way import NOBODY, OTHERS, STOPS, leavable, limits
from world.dynamics.spawn import NEAREST, RETIRED, is_vehicle
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import Tables, tables
from world.dynamics.vehicles import everybody, populate, vehicles
from world.kinematics import REAR_AXLE_TO_FRONT
from world.scene.build import build
from world.scene.hd_map import HDMap
from world.scene.objects import AGENT, SIZES, Kind, Lights
from world.scene.query import RED, place_on, signal_colour, touching
from world.scene.state import AGENTS, EGO, WAITED, Place

SEED = np.uint64(5)
MIDDLE = 0.5 * BLOCK * (SIDE - 1) + 25.0


def car_at(x: float = MIDDLE, y: float = MIDDLE) -> np.ndarray:
    """Our car, on no lane."""
    ego = np.zeros(1, EGO)
    ego["x"], ego["y"] = x, y
    for name in ("lane", "next", "goal", "contact"):
        ego[name] = -1
    return ego


ABSENT = car_at(1e6, 1e6)


def on_lane(place: HDMap, lane: int, s: float) -> np.ndarray:
    ego = car_at(*place_on(place, lane, s)[:2])
    ego["heading"], ego["lane"], ego["s"] = place_on(place, lane, s)[2], lane, s
    return ego


def nobody() -> np.ndarray:
    agents = np.zeros(AGENTS, AGENT)
    for name in ("lane", "next", "goal"):
        agents[name] = -1
    return agents


def put(agents: np.ndarray, slot: int, place: HDMap, lane: int, s: float, speed: float, kind: Kind = Kind.CAR) -> None:
    agent = agents[slot : slot + 1]
    agent["kind"], agent["id"], agent["wish"], agent["speed"] = int(kind), slot + 1, 0.9, speed
    agent["x"], agent["y"], agent["heading"] = place_on(place, lane, s)
    agent["length"], agent["width"], agent["height"] = SIZES[kind]
    agent["lane"], agent["s"] = (lane if is_vehicle(int(kind)) else -1), s


def drive(
    t: Tables, ego: np.ndarray, agents: np.ndarray, steps: int, density: float = 0.0, seed: int = 5
) -> np.ndarray:
    for clock in range(steps):
        agents = vehicles(t, np.uint64(seed), clock, ego, agents, False, density)
    return agents


def street_lane(place: HDMap, lanes_each_way: int = 2) -> int:
    """A rightmost lane in the map's interior, with so many lanes its way."""
    for lane, row in enumerate(place.lanes):
        wide = row["left"] >= 0
        if row["junction"] < 0 and row["number"] == 0 and wide == (lanes_each_way == 2) and row["outs"] > 0:
            return lane
    raise AssertionError("no such lane")


@pytest.mark.slow
@pytest.mark.parametrize("signals", [True, False])
def test_a_minute_of_traffic(signals: bool) -> None:
    place = build(graph(signals))
    t, ego = tables(place), car_at()
    minutes, contacts, through, longest = 0.0, 0, 0, 0
    for seed in range(3):
        agents, touched, still = populate(t, np.uint64(seed), ego, nobody(), 1.0), set(), {}
        assert np.count_nonzero(agents["kind"]) > 10
        for clock in range(600):
            after = vehicles(t, np.uint64(seed), clock, ego, agents, False)
            live = np.flatnonzero(after["kind"])
            assert len(set(after["id"][live])) == len(live)
            now = {(int(after["id"][a]), int(after["id"][b])) for a, b in touching(after)}
            contacts += len(now - touched)
            touched, minutes = now, minutes + len(live) / 600
            for k in live:
                one, before = after[k], agents[k]
                still[one["id"]] = still.get(one["id"], 0) + 1 if one["speed"] < 0.3 else 0
                longest = max(longest, still[one["id"]])
                if one["id"] != before["id"]:
                    continue
                assert abs(np.hypot(one["x"] - before["x"], one["y"] - before["y"]) - 0.1 * before["speed"]) < 0.3
                lane, half = before["lane"], 0.5 * before["length"]
                if place.lanes["junction"][lane] >= 0 or one["lane"] not in (lane, before["next"]):
                    continue
                onward = one["s"] + half + (0.0 if one["lane"] == lane else place.lanes["length"][lane])
                if before["s"] + half <= t.stop_line[lane] < onward:
                    through += 1
                    signal = place.lanes["signal"][before["next"]]
                    assert signal < 0 or signal_colour(t.signals, signal, 0.1 * clock) != RED
            agents = after
    assert contacts <= 0.03 * minutes
    assert through > minutes  # more than one junction a vehicle-minute
    assert longest < 500


def test_alone_twice_the_same() -> None:
    t, ego = tables(town().map), car_at()

    def digest() -> str:
        agents = drive(t, ego, populate(t, SEED, ego, nobody(), 1.0), 80, 1.0)
        return hashlib.sha256(agents.tobytes()).hexdigest()

    assert digest() == digest()


def test_the_step_is_pure() -> None:
    t, ego = tables(town().map), car_at()
    agents = populate(t, SEED, ego, nobody(), 1.0)
    before, car = agents.copy(), ego.copy()
    agents.flags.writeable = ego.flags.writeable = False
    after = vehicles(t, SEED, 0, ego, agents, False)
    assert (agents == before).all() and (ego == car).all() and not (after == before).all()


def test_our_car_standing_on_the_lane_is_a_leader() -> None:
    place = town().map
    lane = street_lane(place, 1)
    ego, agents = on_lane(place, lane, 50.0), nobody()
    put(agents, 0, place, lane, 10.0, 9.0)
    agents = drive(tables(place), ego, agents, 150)
    assert agents["speed"][0] < 0.05
    assert 44.0 < agents["s"][0] + 0.5 * agents["length"][0] < 49.2  # our car's rear is at 49.2 m


def test_our_car_across_two_lanes_counts_by_its_box() -> None:
    place = town().map
    lane = street_lane(place, 2)
    left = int(place.lanes["left"][lane])
    x, y, heading = place_on(place, lane, 50.0, 1.7)
    ego, agents = car_at(x, y), nobody()
    ego["heading"], ego["lane"], ego["s"] = heading, lane, 50.0
    put(agents, 0, place, left, 8.0, 9.0)
    put(agents, 1, place, lane, 12.0, 9.0)
    for clock in range(120):
        agents = vehicles(tables(place), SEED, clock, ego, agents, False, 0.0)
    assert (agents["s"][:2] < 50.0).all() and (agents["speed"][:2] < 0.1).all()


@pytest.mark.parametrize("kind", [Kind.CONE, Kind.DEBRIS, Kind.PERSON, Kind.DEER])
def test_nobody_drives_into_what_is_on_the_lane(kind: Kind) -> None:
    place = town().map
    lane, agents = street_lane(place, 1), nobody()
    put(agents, 0, place, lane, 8.0, 9.0)
    put(agents, 1, place, lane, 60.0, 0.0, kind)
    for clock in range(200):
        agents = vehicles(tables(place), SEED, clock, ABSENT, agents, False, 0.0)
        assert not touching(agents)
    if kind in (Kind.CONE, Kind.DEBRIS):
        assert agents["lane"][0] != lane or agents["s"][0] > 60.0  # it went past
    else:
        assert agents["s"][0] < 60.0


def test_who_is_moved_by_a_role_is_left_alone_and_followed() -> None:
    place = town().map
    lane, agents = street_lane(place, 1), nobody()
    put(agents, 0, place, lane, 10.0, 9.0)
    put(agents, 1, place, lane, 50.0, 0.0)
    agents["role"][1], agents["mode"][1] = 3, 100
    after = drive(tables(place), ABSENT, agents, 100)
    assert after[1] == agents[1]
    assert after["speed"][0] < 0.1 and after["s"][0] < 46.0


def test_who_walks_is_on_no_lane_whatever_its_walk_is_called() -> None:
    """A person's `lane` is a walk: its number says nothing of lanes."""
    place = town().map
    t = tables(place)
    onward = int(np.flatnonzero((place.lanes["junction"] >= 0) & (place.lanes["conflicts"] > 0))[0])
    source, target = (int(place.lanes[name][onward]) for name in ("source", "target"))
    agents = nobody()
    put(agents, 0, place, source, float(place.lanes["length"][source]) - 8.0, 0.0)
    agents["next"][0] = onward
    alone = limits(t, agents, 0, 0.0, np.empty(STOPS))
    others = {
        int(row["other"])
        for row in place.conflicts[place.lanes["first_conflict"][onward] :][: place.lanes["conflicts"][onward]]
    }
    for number, lane in enumerate([target, onward, *others]):
        slot = 1 + number
        agents[slot]["kind"], agents[slot]["id"], agents[slot]["lane"] = int(Kind.PERSON), 100 + slot, lane
        agents[slot]["x"], agents[slot]["y"], agents[slot]["s"] = 1e4, 1e4, 3.0
    assert leavable(place.lanes, agents, 0, onward, 4.5)
    assert limits(t, agents, 0, 0.0, np.empty(STOPS)) == alone
    beside = int(np.flatnonzero((place.lanes["street"] >= 0) & (place.lanes["left"] >= 0))[0])
    agents = nobody()
    put(agents, 0, place, beside, 40.0, 8.0)
    agents[1]["kind"], agents[1]["lane"], agents[1]["s"] = int(Kind.CHILD), place.lanes["left"][beside], 40.0
    assert lane_is_free(place.lanes, agents, 0, int(place.lanes["left"][beside]))


def test_who_people_keep_from_going_is_not_waited_for() -> None:
    """Of two that stand at a junction without signals the longer waits first goes first, unless it cannot."""
    place = build(graph(False))
    t, lanes, row = tables(place), place.lanes, None
    for one in range(len(lanes)):
        for k in range(lanes["first_conflict"][one], lanes["first_conflict"][one] + lanes["conflicts"][one]):
            other = int(place.conflicts["other"][k])
            if place.conflicts["yields"][k] and lanes["source"][other] != lanes["source"][one]:
                row = (one, other)
    assert row is not None
    agents = nobody()
    for slot, onward in enumerate(row):
        source = int(lanes["source"][onward])
        put(agents, slot, place, source, float(t.stop_line[source]) - 2.5, 0.0)
        agents["next"][slot] = onward
    stops = np.empty(STOPS)

    def waits(mine: float, its: float) -> int:
        agents["memory"][0, WAIT], agents["memory"][1, WAIT] = mine, its
        return int(limits(t, agents, 0, 0.0, stops)[0])

    assert waits(5.0, 30.0) == OTHERS and waits(30.0, 5.0) == NOBODY
    assert waits(5.0, -30.0) == NOBODY


def test_our_car_is_let_in_when_it_has_waited_but_not_for_ever() -> None:
    place = Place("a grid without signals", build(graph(False)), town().props)
    lane = int(np.flatnonzero((place.map.lanes["street"] >= 0) & (place.map.lanes["outs"] > 0))[0])
    s = float(tables(place.map).stop_line[lane]) - REAR_AXLE_TO_FRONT - 1.0
    state, waited = start(place, 1, speed=0.0, lane=lane, s=s, density=0.0), []
    for _ in range(int(1.5 * LETS_PASS * FPS)):
        state = step(state, [Control(steer=0.0, accel=-1.0)])
        waited.append(float(state.ego["memory"][0, WAITED]))
        assert everybody(state.ego, state.agents[0])["memory"][-1, WAIT] == waited[-1]
    assert waited[int(20 * FPS) - 1] == pytest.approx(20.0, abs=0.2)
    assert LETS_PASS - 0.2 < max(waited) < LETS_PASS + 0.2 and waited[-1] < 0.5 * LETS_PASS + 0.2
    state = step(state, [Control(steer=0.0, accel=-1.0, command=Command.STOP)])
    assert step(state, [Control(accel=-1.0)]).ego["memory"][0, WAITED] == 0.0


def test_a_slow_leader_is_overtaken() -> None:
    place = town().map
    lane, agents = street_lane(place, 2), nobody()
    put(agents, 0, place, lane, 6.0, 10.0)
    put(agents, 1, place, lane, 22.0, 2.0)
    agents["wish"][1] = 0.1
    signalled = False
    for clock in range(80):
        agents = vehicles(tables(place), SEED, clock, ABSENT, agents, False, 0.0)
        signalled |= bool(agents["goal"][0] >= 0 and agents["lights"][0] & int(Lights.LEFT))
    assert signalled and agents["s"][0] > agents["s"][1]


def test_lights() -> None:
    place = town().map
    lane, agents = street_lane(place, 1), nobody()
    put(agents, 0, place, lane, 30.0, 10.0)
    put(agents, 1, place, lane, 45.0, 0.0, Kind.PERSON)
    day = vehicles(tables(place), SEED, 0, ABSENT, agents, False, 0.0)
    night = vehicles(tables(place), SEED, 0, ABSENT, agents, True, 0.0)
    assert day["lights"][0] & int(Lights.BRAKE) and not day["lights"][0] & int(Lights.HEAD)
    assert night["lights"][0] & int(Lights.HEAD)


def test_vehicles_come_and_go_out_of_sight() -> None:
    t, ego = tables(town().map), car_at(30.0, 30.0)
    agents = nobody()
    for clock in range(60):
        after = vehicles(t, SEED, clock, ego, agents, False, 1.0)
        for k in np.flatnonzero((after["kind"] > 0) & (agents["kind"] == 0)):
            assert NEAREST - 3.0 < np.hypot(after["x"][k] - 30.0, after["y"][k] - 30.0) < RETIRED
        agents = after
    assert np.count_nonzero(agents["kind"]) > 2
    away = vehicles(t, SEED, 60, car_at(-200.0, -200.0), agents, False, 0.0)
    assert not away["kind"].any()


def test_without_our_car_traffic_goes_on() -> None:
    t = tables(town().map)
    agents = populate(t, SEED, car_at(), nobody(), 1.0)
    after = drive(t, ABSENT, agents, 50, 1.0)
    assert np.count_nonzero(after["kind"]) == np.count_nonzero(agents["kind"])
    assert not populate(t, SEED, ABSENT, nobody(), 1.0)["kind"].any()
