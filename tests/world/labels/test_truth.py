"""Labels agree with each other: boxes hold their pixels, depth puts pixels into boxes, flow finds a point where it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.world.labels.drives import on
from world.dynamics.start import start
from world.labels import consistency
from world.labels.consistency import Tally
from world.labels.truth import Truth, truth_of
from world.render.camera import Rig, View, view
from world.render.renderer import plain_renderer
from world.scene.places import load_place, towns
from world.scene.state import SceneState

RIGS = (Rig(), Rig(fov=100.0, yaw=60.0, left=0.4), Rig(yaw=180.0, ahead=0.0))
Case = tuple[SceneState, Truth, View, View]  # the cameras: now, and when the picture before was taken


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    found = []
    for number, name in enumerate(towns()["train"][:3]):
        before = on(start(load_place(name), number, None, 8.0, density=2.0), 30)
        state = on(before, 1)
        for rig in RIGS:
            shot = plain_renderer().shot(state, rig, before=before)
            ego = before.ego[0]
            earlier = view(rig, float(ego["x"]), float(ego["y"]), float(ego["heading"]))
            found.append((state, truth_of(shot, state, plain_renderer(), before=before), shot.view, earlier))
    assert sum(len(truth.boxes) for _, truth, _, _ in found) > 20
    return found


@pytest.mark.slow
def test_boxes_hold_their_pixels(cases: list[Case]) -> None:
    found = sum((consistency.boxes(truth, sight) for _, truth, sight, _ in cases), Tally())
    assert found.cases > 20 and not found.wrong


def test_depth_puts_pixels_into_their_boxes(cases: list[Case]) -> None:
    found = sum((consistency.depth(truth, sight) for _, truth, sight, _ in cases), Tally())
    assert found.cases > 500 and found.share < 1e-3


def test_flow_finds_every_point_where_it_was(cases: list[Case]) -> None:
    """What flow says of a pixel is where the point, moved back by scene flow, lay in the picture before."""
    for _, truth, sight, earlier in cases:
        found = consistency.flow(truth, sight, earlier)
        assert found.cases > 1000 and found.share < 1e-3


def test_the_road_is_road_and_the_sky_is_far(cases: list[Case]) -> None:
    for _, truth, sight, _ in cases:
        found = consistency.surfaces(truth, sight)
        assert found.cases > 1000 and found.share < 1e-3


def test_labels_that_are_wrong_are_counted(cases: list[Case]) -> None:
    """Each check finds what is put wrong on purpose."""
    _, truth, sight, earlier = max(cases, key=lambda case: len(case[1].boxes))
    one = truth.boxes[0]
    moved = replace(one, track=replace(one.track, centre=(one.track.centre[0] + 5.0, *one.track.centre[1:])))
    shifted = replace(one, seen=(one.seen[0] + 1, *one.seen[1:]))
    assert consistency.boxes(replace(truth, boxes=(shifted,)), sight) == Tally(1, 1)
    assert consistency.depth(replace(truth, boxes=(moved,)), sight).share > 0.5
    assert consistency.flow(replace(truth, flow=truth.flow + 1.0), sight, earlier).share > 0.5
    assert consistency.surfaces(replace(truth, depth=truth.depth * 2), sight).share > 0.5
    assert consistency.ground(truth, sight, ()).share == 1.0
