"""What the page's small map is told: streets to within a hand's breadth, the way that a command takes, and nobody else's."""

from __future__ import annotations

from dataclasses import asdict, replace

import httpx
import numpy as np
import pytest

from bridge.errors import DataError
from tests.ui.fake_page import FakeDreamer
from tests.ui.tabs import tab
from tests.world.dynamics.test_route_ahead import LEFT, along_the_high_street
from ui.live import LiveDreamer
from ui.road_map import Around, LaneLines, around, streets_of
from world.controls import Control
from world.dynamics.route_ahead import LEAST, line_ahead
from world.dynamics.step import step
from world.errors import WeightsError
from world.scene.objects import Kind
from world.scene.places import load_place


def furthest(points: np.ndarray, line: np.ndarray) -> float:
    """Of points [N, 2], from a line [M, 2]."""
    start, along = line[:-1], np.diff(line, axis=0)
    share = ((points[:, None] - start) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = start + np.clip(share, 0, 1)[..., None] * along
    return float(np.hypot(*np.moveaxis(points[:, None] - nearest, -1, 0)).min(1).max())


def test_streets_are_drawn_where_they_are_with_few_points() -> None:
    place = load_place("town-3")
    streets = streets_of(place)
    assert len(streets.lanes) == len(place.map.lanes)
    for lane, flat in zip(place.map.lanes, streets.lanes, strict=True):
        points = place.map.points[lane["first"] : lane["first"] + lane["count"]]
        assert furthest(np.column_stack([points["x"], points["y"]]), np.reshape(flat, (-1, 2)) / 10) < 0.5
    assert sum(map(len, streets.lanes)) < len(place.map.points)


def test_the_version_is_another_one_in_another_place_and_with_more_streets() -> None:
    place = along_the_high_street().places[0]
    fewer = replace(place, map=replace(place.map, lanes=place.map.lanes[:-1]))
    versions = {streets_of(one).version for one in (place, fewer, replace(place, name="low street"))}
    assert len(versions) == 3 and streets_of(place) == streets_of(place)


def test_the_line_ahead_turns_where_the_car_will() -> None:
    state = along_the_high_street()
    straight = line_ahead(state)
    assert np.abs(straight[:, 1]).max() < 5 and straight[-1, 0] - straight[0, 0] > LEAST
    told = step(state, [Control(command=LEFT)])
    left = line_ahead(told)
    assert left[-1, 0] < 250 and left[-1, 1] > 10  # round the corner at the second junction
    assert left[0, 0] == told.ego["x"][0]
    ego = state.ego.copy()
    ego["lane"] = -1
    assert line_ahead(replace(state, ego=ego)).shape == (0, 2)


def test_people_and_vehicles_are_told_apart_and_things_left_out() -> None:
    state = along_the_high_street()
    agents = state.agents.copy()
    for slot, (kind, x) in enumerate([(Kind.BUS, 11.0), (Kind.CHILD, 22.0), (Kind.CONE, 33.0), (Kind.DOG, 44.04)]):
        agents[0, slot]["kind"], agents[0, slot]["x"], agents[0, slot]["y"] = kind, x, -1.0
    here = around(replace(state, agents=agents), 7)
    assert (here.vehicles, here.people) == ((110, -10), (220, -10, 440, -10))
    assert here.index == 7 and here.version == streets_of(state.places[0]).version
    assert here.car[:2] == tuple(np.rint([10 * state.ego["x"][0], 10 * state.ego["y"][0]]).astype(int))
    assert here.ahead[:2] == here.car[:2]


def test_the_page_is_told_and_asks_for_its_own_streets(page: str, fake_dreamer: FakeDreamer) -> None:
    streets, here = LaneLines(5, ((0, 0, 10, 0),)), Around(5, 1, (0, 0, 157), (0, 0), (9, 9), ())
    with tab(page) as mine:
        address = f"{page}/drives/{mine.next('hello')['token']}/streets.json"
        answer = httpx.get(address)
        assert answer.status_code == 404 and "no streets" in answer.text
        fake_dreamer.drives[-1].mapped = streets, here
        told = mine.next("around")
        assert told == {"type": "around"} | {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(here).items()}
        assert httpx.get(address).json() == {"version": 5, "lanes": [[0, 0, 10, 0]]}
        assert httpx.get(f"{page}/drives/nobody/streets.json").status_code == 404


@pytest.mark.parametrize("place", ["town:99", "osm:nowhere.osm", "dreamt:7:lunar"])
def test_a_place_that_is_none_is_told_before_anything_is_loaded(place: str) -> None:
    with pytest.raises((DataError, WeightsError)):
        LiveDreamer.load(place=place)
