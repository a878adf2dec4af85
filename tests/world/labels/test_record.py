"""A record of a moment: who is there keeps its number, lanes lead on, our car is on drivable ground, flow carries one picture onto the next."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.world.labels.drives import states
from world.controls import FPS
from world.labels.cameras import CameraSet
from world.labels.classes import SemanticClass
from world.labels.consistency import Carried, carried, checked, ground, persist, sight_of
from world.labels.near import drivable, lanes_near, signals_near
from world.labels.record import Record, records
from world.render.camera import Rig
from world.render.renderer import plain_renderer
from world.scene.facts import inside
from world.scene.places import load_place
from world.scene.query import signal_colour

RIG = Rig(width=192, height=108)
CAMERAS = CameraSet("two", {"front": RIG, "back": Rig(width=96, height=56, yaw=180.0, ahead=0.0)}, rate=5)


@pytest.fixture(scope="module")
def found() -> list[Record]:
    return list(records(states("town-0", 0, 9), CAMERAS, plain_renderer()))


@pytest.mark.slow
def test_a_record_every_other_step_where_cameras_have_half_the_rate(found: list[Record]) -> None:
    assert [one.index for one in found] == list(range(5))
    assert [one.seconds for one in found] == pytest.approx([k / CAMERAS.rate for k in range(5)])
    assert all(set(one.views) == {"front", "back"} for one in found)


def test_numbers_persist_in_sight_or_not(found: list[Record]) -> None:
    """Whoever is in two records has moved no farther than it could, and every box is of somebody who is in the record."""
    for before, now in pairwise(found):
        tally = persist(before, now)
        assert tally.cases > 10 and not tally.wrong
    hidden = {track.number for one in found for track in one.tracks} - {
        box.track.number for one in found for seen in one.views.values() for box in seen.truth.boxes
    }
    assert hidden  # some were never seen, and are there all the same
    shown = next(iter(found[0].views["front"].truth.boxes)).track.number
    gone = replace(found[1], tracks=tuple(track for track in found[1].tracks if track.number != shown))
    assert persist(found[0], gone).wrong


def test_the_camera_behind_sees_the_street_behind(found: list[Record]) -> None:
    for one in found:
        shown = one.views["back"].truth
        assert (shown.semantic == SemanticClass.ROAD).mean() > 0.1 and (shown.semantic == SemanticClass.BUILDING).any()


def test_road_in_the_picture_lies_in_the_drivable_area(found: list[Record]) -> None:
    for one in found:
        tally = ground(one.views["front"].truth, sight_of(one, CAMERAS, "front"), one.drivable)
        assert tally.cases > 50 and tally.share < 0.01
        assert any(inside(area, one.ego.x, one.ego.y) for area in one.drivable)


def test_lanes_lead_to_each_other() -> None:
    (now,) = states("town-1", 1, 1)
    near = {lane.number: lane for lane in lanes_near(now)}
    assert len(near) > 4
    for lane in near.values():
        for after in lane.after:
            if after in near:
                assert lane.number in near[after].before
                assert math.dist(lane.line[-1], near[after].line[0]) < 0.5
        if lane.left in near:
            assert near[lane.left].right == lane.number
    assert len(drivable(now.places[0].map)) > len(now.places[0].map.streets)


def test_signals_are_as_they_stand() -> None:
    place = load_place("town-0")
    assert len(place.map.signals)
    (now,) = states("town-0", 0, 1)
    near = signals_near(now, reach=1e4)
    assert len(near) == len(place.map.signals)
    names = ("green", "amber", "red")
    for one in near:
        assert one.colour == names[signal_colour(place.map.signals, one.number, float(now.clock[0]) / FPS)]
        for lane in one.lanes:
            assert place.map.lanes["signal"][lane] == one.number
    assert any(one.lanes for one in near)


def test_flow_carries_a_picture_onto_the_next(found: list[Record]) -> None:
    """The picture before, read where flow says, is more like the picture now than it was as it stood: a third of the squared error, or less."""
    total = sum((carried(before.views["front"], now.views["front"]) for before, now in pairwise(found)), Carried())
    assert 0 < total.warped < total.stood / 3


def test_all_checks_of_a_drive_are_one_sum(found: list[Record]) -> None:
    total = checked(found, CAMERAS)
    assert total.carried.stood > sum(carried(a.views["front"], b.views["front"]).stood for a, b in pairwise(found))
    assert not total.boxes.wrong and not total.tracks.wrong and total.boxes.cases > 10
    assert max(one.share for one in (total.depth, total.ground, total.surfaces, total.flow)) < 1e-3
