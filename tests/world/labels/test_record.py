"""A record of a moment: who is there keeps its number, lanes lead on, our car is on drivable ground, flow carries one picture onto the next."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.world.labels.drives import states
from world.controls import FPS
from world.labels.cameras import CameraSet
from world.labels.classes import Label
from world.labels.near import drivable, lanes_near, signals_near
from world.labels.record import Record, records
from world.labels.truth import points_of
from world.render.camera import Rig, view
from world.render.renderer import plain_renderer
from world.scene.facts import _inside
from world.scene.places import load_place
from world.scene.query import signal_colour

RIG = Rig(width=192, height=108)
CAMERAS = CameraSet("two", {"front": RIG, "back": Rig(width=96, height=56, yaw=180.0, ahead=0.0)}, rate=5)


@pytest.fixture(scope="module")
def found() -> list[Record]:
    return list(records(states("town-0", 0, 9), CAMERAS, plain_renderer()))


def test_a_record_every_other_step_where_cameras_have_half_the_rate(found: list[Record]) -> None:
    assert [one.index for one in found] == list(range(5))
    assert [one.seconds for one in found] == pytest.approx([k / CAMERAS.rate for k in range(5)])
    assert all(set(one.seen) == {"front", "back"} for one in found)


def test_numbers_persist_in_sight_or_not(found: list[Record]) -> None:
    """Whoever is in two records has moved no farther than it could, and every box is of somebody who is in the record."""
    for before, now in pairwise(found):
        was = {track.number: track for track in before.tracks}
        both = [track for track in now.tracks if track.number in was]
        assert len(both) > 10
        for track in both:
            moved = math.dist(track.centre[:2], was[track.number].centre[:2])
            speed = max(math.hypot(*track.velocity), math.hypot(*was[track.number].velocity))
            assert moved <= (speed + 1.5) / CAMERAS.rate and track.kind is was[track.number].kind
    hidden = {track.number for one in found for track in one.tracks} - {
        box.track.number for one in found for seen in one.seen.values() for box in seen.truth.boxes
    }
    assert hidden  # some were never seen, and are there all the same
    for one in found:
        there = {track.number for track in one.tracks}
        assert {box.track.number for seen in one.seen.values() for box in seen.truth.boxes} <= there


def test_the_camera_behind_sees_the_street_behind(found: list[Record]) -> None:
    for one in found:
        shown = one.seen["back"].truth
        assert (shown.semantic == Label.ROAD).mean() > 0.1 and (shown.semantic == Label.BUILDING).any()


def test_road_in_the_picture_lies_in_the_drivable_area(found: list[Record]) -> None:
    for one in found:
        here = view(RIG, one.ego.x, one.ego.y, one.ego.heading)
        truth = one.seen["front"].truth
        points = points_of(here, truth.depth)[(truth.semantic == Label.ROAD) & (truth.depth < 30)][::37]
        inside = [any(_inside(area, x, y) for area in one.drivable) for x, y, _ in points]
        assert len(inside) > 50 and np.mean(inside) > 0.97
        assert any(_inside(area, one.ego.x, one.ego.y) for area in one.drivable)


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
    as_it_was = warped = 0.0
    for before, now in pairwise(found):
        earlier, seen = before.seen["front"], now.seen["front"]
        height, width = seen.truth.depth.shape
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        u, v = (np.rint(axis + seen.truth.flow[..., k]).astype(int) for k, axis in ((0, x), (1, y)))
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height) & np.isfinite(seen.truth.depth)
        u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
        same = inside & (earlier.truth.semantic[v, u] == seen.truth.semantic)
        there = earlier.picture[v, u].astype(float) - seen.picture
        as_it_was += float(((earlier.picture.astype(float) - seen.picture)[same] ** 2).sum())
        warped += float((there[same] ** 2).sum())
    assert warped < as_it_was / 3
