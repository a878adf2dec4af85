"""The way ahead: which junction has the turn that is asked for; a street that grows has it; the person is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.session import Session
from world.controls import Command, Control
from world.dynamics import dreamt
from world.dynamics.dreamt import GrowingPlace, dreamt_place, remark
from world.dynamics.driver import By, drive
from world.dynamics.extend import extended
from world.dynamics.growth import Extension, JunctionSpec, extension_from
from world.dynamics.horizon import Horizon
from world.dynamics.route_ahead import route_ahead
from world.dynamics.start import start
from world.dynamics.step import step
from world.evaluate.streets import fulfils
from world.scene.build import build
from world.scene.facts import facts
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.hd_map import AROUND
from world.scene.hd_map import LEFT as TURN_LEFT
from world.scene.objects import PROP
from world.scene.state import Place, SceneState
from world.scene_dream import SceneDream
from world.scene_world import SceneWorld

LEFT, RIGHT = int(Command.LEFT), int(Command.RIGHT)


def along_the_high_street() -> SceneState:
    """A car that drives east: the first junction has a street to the right, the second to the left, the third ends the street."""
    xy = [(0, 0), (120, 0), (240, 0), (360, 0), (120, -100), (240, 100)]
    streets = (Street(0, 1), Street(1, 2), Street(2, 3), Street(1, 4), Street(2, 5))
    place = build(RoadGraph(tuple(Junction(x, y) for x, y in xy), streets))
    lane = int(np.flatnonzero((place.lanes["street"] == 0) & (place.lanes["forward"] == 1))[0])
    return start(Place("high street", place, np.zeros(0, PROP)), 1, density=0.0, lane=lane, s=10.0)


def test_the_way_goes_to_the_first_junction_that_has_the_turn() -> None:
    state = along_the_high_street()
    right, left = route_ahead(state, RIGHT), route_ahead(state, LEFT)
    assert right is not None and left is not None
    assert (right.found, right.passed, right.end, right.street) == (True, 0, 1, 0)
    assert (left.found, left.passed, left.end, left.street) == (True, 1, 2, 1)
    assert 0 < right.metres < 110 and 120 < left.metres < 230  # to the junctions' edges, from 10 m on
    assert route_ahead(state, int(Command.FOLLOW)) is None


def test_the_car_does_turn_there() -> None:
    """What the way ahead says is what the step does: the connection chosen at the second junction turns left."""
    state = along_the_high_street()
    way = route_ahead(state, LEFT)
    assert way is not None
    for _ in range(400):
        state = step(state, [Control(accel=0.4 if state.ego["speed"][0] < 8 else 0.0, command=LEFT)])
        lanes, onward = state.places[0].map.lanes, int(state.ego["next"][0])
        if onward >= 0 and lanes["junction"][onward] == way.end:
            break
    assert lanes["turn"][onward] == TURN_LEFT and lanes["street"][state.ego["lane"][0]] == way.street


def test_where_the_street_ends_without_it_the_end_is_told() -> None:
    state = along_the_high_street()
    place = state.places[0]
    lane = int(np.flatnonzero((place.map.lanes["street"] == 2) & (place.map.lanes["forward"] == 1))[0])
    way = route_ahead(start(place, 1, density=0.0, lane=lane, s=10.0), LEFT)
    assert way is not None and not way.found and way.end == 3 and way.street == 2


@pytest.fixture(scope="module")
def place(weights: Path) -> GrowingPlace:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dreamt, "JUNCTIONS", 3)
        return dreamt_place("dreamt:4:suburban:1", weights, weights / "none")


def towards(place: GrowingPlace, junction: int) -> SceneState:
    """A car on the street that leads to a junction which is open."""
    lanes = place.map.lanes
    lane = int(np.flatnonzero((lanes["end_junction"] == junction) & (lanes["street"] >= 0))[0])
    return start(place, 1, density=0.0, lane=lane, s=2.0)


@pytest.mark.parametrize("command", [LEFT, RIGHT])
def test_a_turn_that_is_asked_for_is_grown(place: GrowingPlace, command: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question names the open junction at the end of our way; the larger place has the turn there or at the next one."""
    monkeypatch.setattr("world.dynamics.extend.MOST", 0)
    state = towards(place, place.growth.open[0])
    horizon = Horizon()
    horizon.step(state, command)
    asked = horizon.pending
    assert asked is not None and asked.junction == place.growth.open[0] and asked.arm in ("left", "right")
    larger = extended(place, asked)
    way = route_ahead(start(larger, 1, density=0.0, lane=int(state.ego["lane"][0]), s=2.0), command)
    assert way is not None and way.found and way.end not in place.growth.grown
    assert fulfils(larger.map, way.end, way.street, JunctionSpec(asked.arm))
    assert extension_from([*asked]) == asked


def test_without_a_command_nothing_is_wished_for(place: GrowingPlace) -> None:
    horizon = Horizon()
    horizon.step(towards(place, place.growth.open[0]))
    assert horizon.pending is not None and not horizon.pending.arm


@pytest.mark.parametrize("wrong", [[1.0], [0.0, 0.0, "up", 1, 1, 0.0], [0.0, float("nan")], [0.0, 0.0, "left"]])
def test_what_was_never_asked_is_refused(wrong: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        extension_from(wrong)


def test_a_place_that_could_not_grow_stays_drivable(place: GrowingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Junctions that got no new street are grown all the same."""
    monkeypatch.setattr("world.dynamics.streets.has_room", lambda *rest: False)
    larger = extended(place, Extension(0.0, 0.0))
    assert larger.growth.open == [] and larger.growth.graph.streets == place.growth.graph.streets
    assert len(larger.props) >= len(place.props)


def test_the_person_is_told_once_where_a_turn_must_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    world = SceneWorld(painter=None)
    state = along_the_high_street()
    monkeypatch.setattr(SceneWorld, "place", lambda self, name: state.places[0])

    def open_dream(seed: int) -> SceneDream:
        return SceneDream(world, seed, 0)

    session = Session(open_dream, 1, "town-20")
    session.dream._scene = state  # type: ignore[union-attr]
    session.plan("left")
    told = []
    for _ in range(3):
        session.begin_tick()
        session.tick()
        told += [notice.text for notice in session.notes()]
    assert told == ["The next junction has no street to the left; the one after has."]


def test_rules_that_line_dreamt_streets_are_announced(weights: Path) -> None:
    assert "lucidrive train roadside" in remark("dreamt:3", weights / "none")
    assert not remark("dreamt:3", weights) and not remark("town-7", weights / "none")


def told_by(session: Session, steps: int) -> list[str]:
    told = []
    for _ in range(steps):
        session.begin_tick()
        session.tick()
        told += [notice.text for notice in session.notes()]
    return told


def in_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(SceneWorld, "place", lambda self, name: place)
    return Session(lambda seed: SceneDream(SceneWorld(painter=None), seed, 0), 1, "town-20")


def test_at_a_streets_end_the_car_turns_round_and_says_so_and_that_is_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("an alley", build(RoadGraph((Junction(0, 0), Junction(150, 0)), (Street(0, 1),))), np.zeros(0, PROP))
    session = in_place(place, monkeypatch)
    session.plan("left")
    told = told_by(session, 250)
    assert told == [
        "No junction on this way has a street to the left; say another turn, or drive on.",
        "The street ends here, so the car turns round.",
        "'left' did not happen: the street ends. Ask for it again further on.",
    ]


def test_a_lane_that_there_is_not_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("an alley", build(RoadGraph((Junction(0, 0), Junction(900, 0)), (Street(0, 1),))), np.zeros(0, PROP))
    session = in_place(place, monkeypatch)
    session.plan("lane_left")
    assert told_by(session, 130) == [
        "'lane_left' did not happen: no other lane reached within 12 s. Ask for it again further on."
    ]


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.floats(0, 6.28),
    st.floats(60, 120),
    st.floats(-0.15, 0.15),
    st.sampled_from(("learnt", "expert")),
)
def test_a_car_that_is_walled_in_turns_round(
    forward: int, backward: int, heading: float, length: float, bend: float, by: By
) -> None:
    """Whatever the street between two ends: our car stays on it, and comes back from both of them."""
    cos, sin = float(np.cos(heading)), float(np.sin(heading))
    middle = (0.5 * length * cos - bend * length * sin, 0.5 * length * sin + bend * length * cos)
    street = Street(0, 1, (middle,), forward, backward)
    place = build(RoadGraph((Junction(0, 0), Junction(length * cos, length * sin)), (street,)))
    state = start(Place("an alley", place, np.zeros(0, PROP)), 1, density=0.0)
    ends = set()
    for _ in range(500):
        steer, accel = drive(state, int(Command.FOLLOW), 8.0, by=by)
        state = step(state, [Control(steer=steer, accel=accel)])
        assert not facts(state).off_road
        lane = state.ego["lane"][0]
        if place.lanes["turn"][lane] == AROUND:
            ends.add(int(place.lanes["junction"][lane]))
    assert ends == {0, 1}


def test_a_place_that_is_closed_all_round_is_driven_in_on(
    place: GrowingPlace, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can grow any more: the car turns round at the ends and stays on the road."""
    monkeypatch.setattr("world.dynamics.streets.has_room", lambda *rest: False)
    state, horizon, turned = towards(place, place.growth.open[0]), Horizon(), False
    for _ in range(600):
        steer, accel = drive(state, LEFT, 8.0)
        state = step(horizon.step(state, LEFT), [Control(steer=steer, accel=accel, command=LEFT)])
        assert not facts(state).off_road
        turned |= bool(state.places[0].map.lanes["turn"][state.ego["lane"][0]] == AROUND)
    assert turned
