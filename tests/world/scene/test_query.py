"""Questions to the map and to boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.grid import town
from world.scene.hd_map import SIGNAL
from world.scene.objects import AGENT, Kind
from world.scene.query import (
    AMBER,
    GREEN,
    RED,
    lane_ahead,
    locate,
    on_lane,
    overlap,
    place_on,
    project,
    signal_colour,
    to_junction,
    touching,
    visible_share,
    wrap,
)


def box(x: float, y: float, heading: float = 0.0, length: float = 4.0, width: float = 2.0) -> np.ndarray:
    one = np.zeros(1, AGENT)
    one["kind"], one["x"], one["y"], one["heading"] = int(Kind.CAR), x, y, heading
    one["length"], one["width"], one["height"], one["lane"] = length, width, 1.5, -1
    return one


def test_a_place_on_a_lane_is_found_again() -> None:
    place = town().map
    for lane in np.flatnonzero(place.lanes["junction"] < 0)[::3]:
        s = 0.4 * float(place.lanes["length"][lane])
        x, y, heading = place_on(place, int(lane), s, 0.3)
        found, its_s, left = locate(place, x, y, heading)
        assert found == lane
        assert its_s == pytest.approx(s, abs=0.02) and left == pytest.approx(0.3, abs=0.02)
        assert project(place.lanes, place.points, lane, x, y)[2] == pytest.approx(0.3, abs=0.02)


def test_against_the_traffic_another_lane_is_found() -> None:
    place = town().map
    lane = int(np.flatnonzero(place.lanes["junction"] < 0)[0])
    x, y, heading = place_on(place, lane, 40.0)
    found = locate(place, x, y, heading + math.pi)[0]
    assert found != lane and place.lanes["street"][found] == place.lanes["street"][lane]
    assert locate(place, 1e6, 1e6, 0.0)[0] == -1


def test_the_way_ahead_leads_through_a_junction() -> None:
    place = town().map
    onward = int(np.flatnonzero(place.lanes["junction"] >= 0)[0])
    lane, target = int(place.lanes["source"][onward]), int(place.lanes["target"][onward])
    length, across = float(place.lanes["length"][lane]), float(place.lanes["length"][onward])
    assert lane_ahead(place.lanes, lane, length - 5.0, onward, 3.0) == (lane, length - 2.0)
    assert lane_ahead(place.lanes, lane, length - 5.0, onward, 6.0) == (onward, pytest.approx(1.0))
    assert lane_ahead(place.lanes, lane, length - 5.0, onward, 7.0 + across) == (target, pytest.approx(2.0))
    assert lane_ahead(place.lanes, lane, length - 5.0, -1, 6.0)[0] == -1
    assert to_junction(place.lanes, lane, length - 5.0) == pytest.approx(5.0)
    assert to_junction(place.lanes, onward, 1.0) == 0.0


def test_only_who_drives_is_on_a_lane() -> None:
    agents = np.concatenate([box(0, 0)] * 4)
    agents["lane"] = 7
    agents["kind"] = [int(Kind.CAR), int(Kind.PERSON), int(Kind.NONE), int(Kind.CONE)]
    assert [on_lane(one) for one in agents] == [7, -1, -1, 7]


def test_colours_of_a_signal() -> None:
    signal = np.zeros(1, SIGNAL)
    signal["green"], signal["amber"], signal["red"], signal["cycle"] = 20.0, 28.0, 31.0, 40.0
    colours = [signal_colour(signal, 0, t) for t in (0.0, 20.0, 27.9, 28.0, 30.9, 31.0, 60.0, 68.5)]
    assert colours == [RED, GREEN, GREEN, AMBER, AMBER, RED, GREEN, AMBER]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-6, 6), st.floats(-6, 6), st.floats(-4, 4), st.floats(0.5, 6), st.floats(0.5, 3)
)  # fmt: skip
def test_boxes_touch_where_a_point_is_in_both(x: float, y: float, heading: float, length: float, width: float) -> None:
    touch = overlap(0.0, 0.0, 0.0, 4.0, 2.0, x, y, heading, length, width)
    assert touch == overlap(x, y, heading, length, width, 0.0, 0.0, 0.0, 4.0, 2.0)
    along, across = np.meshgrid(np.linspace(-0.5, 0.5, 41) * length, np.linspace(-0.5, 0.5, 41) * width)
    px = x + along * math.cos(heading) - across * math.sin(heading)
    py = y + along * math.sin(heading) + across * math.cos(heading)
    if (np.abs(px) <= 2.0).any() and ((np.abs(px) <= 2.0) & (np.abs(py) <= 1.0)).any():
        assert touch
    elif not ((np.abs(px) <= 2.2) & (np.abs(py) <= 1.2)).any():
        assert not touch


def test_pairs_that_touch() -> None:
    boxes = np.concatenate([box(0, 0), box(3, 1, 0.4), box(20, 0), box(20, 0)])
    boxes["kind"][3] = 0
    assert touching(boxes) == [(0, 1)]


def test_what_is_hidden_is_not_seen() -> None:
    alone = np.concatenate([box(30, 0), box(60, 0)])
    assert visible_share(0.0, 0.0, alone, 0) == 1.0
    assert visible_share(0.0, 0.0, alone, 1) == 0.0
    beside = np.concatenate([box(30, 1.0), box(60, 0)])
    assert 0.2 < visible_share(0.0, 0.0, beside, 1) < 0.8


def test_angles_are_wrapped() -> None:
    assert wrap(3 * math.pi) == pytest.approx(-math.pi)
    assert wrap(0.5) == pytest.approx(0.5)
