"""Labels agree with each other: boxes hold their pixels, depth puts pixels into boxes, flow finds a point where it was."""

from __future__ import annotations

import numpy as np
import pytest

from tests.world.labels.drives import on
from world.dynamics.start import start
from world.labels.classes import Label
from world.labels.truth import Truth, points_of, truth_of
from world.render.camera import Rig, View, view
from world.render.renderer import plain_renderer
from world.scene.objects import Kind
from world.scene.places import load_place, towns
from world.scene.state import SceneState

RIGS = (Rig(), Rig(fov=100.0, yaw=60.0, left=0.4), Rig(yaw=180.0, ahead=0.0))
REACH = 0.35  # m by which mirrors, elbows and a swinging leg stand out of a box
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


def test_boxes_hold_their_pixels(cases: list[Case]) -> None:
    for _, truth, sight, _ in cases:
        for box in truth.boxes:
            rows, columns = np.nonzero(truth.instance == box.track.number + 1)
            left, top, right, bottom = box.seen
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (left, top, right, bottom)
            room = 1.0 + REACH * sight.focal / np.linalg.norm(np.subtract(box.track.centre, sight.eye))
            assert left >= box.whole[0] - room and right <= box.whole[2] + room
            assert top >= box.whole[1] - room and bottom <= box.whole[3] + room
            assert 0 < box.visible <= 1


def test_depth_puts_pixels_into_their_boxes(cases: list[Case]) -> None:
    inside = total = 0
    for _, truth, sight, _ in cases:
        points = points_of(sight, truth.depth)
        for box in truth.boxes:
            mine = points[_inner(truth.instance == box.track.number + 1)] - box.track.centre
            cos, sin = np.cos(box.track.heading), np.sin(box.track.heading)
            along, aside = mine[:, 0] * cos + mine[:, 1] * sin, mine[:, 1] * cos - mine[:, 0] * sin
            within = (abs(along) < box.track.size[0] / 2 + 0.4) & (abs(aside) < box.track.size[1] / 2 + 0.4)
            within &= abs(mine[:, 2]) < box.track.size[2] / 2 + 0.4
            inside, total = inside + within.sum(), total + len(within)
    assert inside > 0.99 * total > 500


def _inner(mask: np.ndarray) -> np.ndarray:
    """Without its outline, where a pixel's depth is a mean with what stands behind."""
    out = mask.copy()
    for axis in (0, 1):
        for by in (-1, 1):
            out &= np.roll(mask, by, axis)
    return out


def test_flow_finds_every_point_where_it_was(cases: list[Case]) -> None:
    """What flow says of a pixel is where the point, moved back by scene flow, lay in the picture before."""
    for _, truth, sight, earlier in cases:
        sure = np.isfinite(truth.depth) & (truth.depth < 40)
        was = points_of(sight, truth.depth)[sure] - truth.scene_flow[sure]
        seen = (was - earlier.eye) @ earlier.axes.T
        x = earlier.focal * seen[:, 0] / seen[:, 2] + earlier.width / 2
        y = earlier.focal * seen[:, 1] / seen[:, 2] + earlier.height / 2
        rows, columns = np.nonzero(sure)
        ahead = seen[:, 2] > 0.5
        off = np.hypot(x - (columns + 0.5) - truth.flow[sure][:, 0], y - (rows + 0.5) - truth.flow[sure][:, 1])[ahead]
        assert np.quantile(off, 0.95) < 0.5


def test_the_road_is_road_and_the_sky_is_far(cases: list[Case]) -> None:
    for _, truth, sight, _ in cases:
        assert np.isinf(truth.depth[truth.semantic == Label.SKY]).all()
        assert np.isfinite(truth.depth[truth.semantic == Label.ROAD]).all()
        heights = points_of(sight, truth.depth)[truth.semantic == Label.ROAD][:, 2]
        assert np.quantile(abs(heights), 0.95) < 0.3
        cars = np.isin(truth.instance, [box.track.number + 1 for box in truth.boxes if box.track.kind is Kind.CAR])
        assert (truth.semantic[cars] == Label.CAR).all()
