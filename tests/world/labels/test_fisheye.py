"""The fisheye: its model against OpenCV's formula, its picture against a finer one, its labels against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.world.labels.drives import states
from world.errors import DataError
from world.labels import wide as module
from world.labels.cameras import distortion, extrinsics, intrinsics
from world.labels.classes import SemanticClass
from world.labels.fisheye import LIMIT, Fisheye, axes_of, project, rig_of, sides
from world.labels.near import drivable
from world.labels.record import see
from world.labels.wide import points_of, pose
from world.render.camera import view
from world.render.renderer import plain_renderer
from world.scene.objects import Kind

BENT = Fisheye(width=160, height=120, fov=185.0, k1=-0.02, k2=0.003, yaw=20.0, pitch=-10.0, roll=4.0)
CAMERAS = (Fisheye(width=128, height=128), BENT)


def test_a_point_is_seen_where_opencvs_formula_puts_it() -> None:
    """The sums of OpenCV's documentation of `cv::fisheye`, written out."""
    model, (k1, k2, k3, k4) = distortion(BENT)
    assert model == "kannala_brandt"
    matrix = intrinsics(BENT)
    points = np.array([[1.0, 2.0, 5.0], [-3.0, 0.5, 1.0], [4.0, -4.0, -0.5]])
    pixels, inside = project(BENT, points)
    assert inside.all()
    for (x, y, z), seen in zip(points, pixels, strict=True):
        aside = math.hypot(x, y)
        t = math.atan2(aside, z)
        bent = t * (1 + k1 * t**2 + k2 * t**4 + k3 * t**6 + k4 * t**8)
        assert seen == pytest.approx((matrix @ [bent * x / aside, bent * y / aside, 1.0])[:2])


@pytest.mark.parametrize("camera", CAMERAS)
def test_rays_and_points_are_each_others_inverse(camera: Fisheye) -> None:
    found = sides(camera)
    inside = found.which >= 0
    pixels, _ = project(camera, found.rays[inside] * 7.0)
    rows, columns = np.nonzero(inside)
    assert abs(pixels - np.stack([columns + 0.5, rows + 0.5], 1)).max() < 1e-3
    # No side is coarser than the fisheye: neighbouring pixels are at least a pixel apart in it.
    steps = np.hypot(np.diff(found.x, axis=1), np.diff(found.y, axis=1))
    same = (found.which[:, 1:] == found.which[:, :-1]) & inside[:, 1:]
    assert steps[same].min() > 0.95


@pytest.mark.parametrize("camera", CAMERAS)
def test_sides_look_where_they_should(camera: Fisheye) -> None:
    own = axes_of(camera)
    for axes in sides(camera).axes:
        rig = rig_of(camera, axes @ own, 64)
        assert view(rig, 0.0, 0.0, 0.0).axes == pytest.approx(axes @ own, abs=1e-9)
        assert extrinsics(rig)[:3, 3] == pytest.approx(extrinsics(camera)[:3, 3])


@pytest.mark.slow
def test_labels_agree() -> None:
    before, now = states("town-0", 0, 2)
    areas = drivable(now.places[0].map)
    for camera in CAMERAS:
        seen = see(camera, now, plain_renderer(), 0, before).truth
        ego, then = now.ego[0], before.ego[0]
        here = pose(camera, float(ego["x"]), float(ego["y"]), float(ego["heading"]))
        earlier = pose(camera, float(then["x"]), float(then["y"]), float(then["heading"]))
        points = points_of(camera, here, seen.depth)
        road = points[(seen.semantic == SemanticClass.ROAD) & (seen.depth < 25)]
        assert len(road) > 500 and np.quantile(abs(road[:, 2]), 0.95) < 0.3 and len(areas)
        assert np.isinf(seen.depth[seen.semantic == SemanticClass.SKY]).all()
        for box in seen.boxes:
            left, top, right, bottom = box.seen
            assert (seen.instance[top:bottom, left:right] == box.track.number + 1).any()
            assert left >= box.whole[0] - 4 and right <= box.whole[2] + 4 and 0 < box.visible <= 1
        near = np.isfinite(seen.depth) & (seen.depth < 40)
        was = points[near] - seen.scene_flow[near]
        pixels, _ = project(camera, (was - earlier.eye) @ earlier.axes.T)
        rows, columns = np.nonzero(near)
        off = pixels - np.stack([columns + 0.5, rows + 0.5], 1) - seen.flow[near]
        assert np.quantile(abs(off), 0.99) < 1e-2
    assert any(kind in {box.track.kind for box in seen.boxes} for kind in (Kind.CAR, Kind.VAN, Kind.PERSON))


@pytest.mark.slow
def test_the_picture_is_that_of_a_finer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from sides four times as fine and averaged, it is nearly the same: how far, the documentation says."""
    (now,) = states("town-1", 1, 1)
    camera, fine = Fisheye(width=96, height=96), Fisheye(width=384, height=384)
    seen = see(camera, now, plain_renderer()).picture.astype(float)
    finer = see(fine, now, plain_renderer()).picture.astype(float).reshape(96, 4, 96, 4, 3).mean((1, 3))
    inside = module.sides(camera).which >= 0
    error = float(((seen - finer)[inside] ** 2).mean())
    flat = float(((finer - finer[inside].mean(0))[inside] ** 2).mean())
    assert error < 0.1 * flat
    assert (seen[~inside] == 0).all()


def test_a_fisheye_that_cannot_be() -> None:
    with pytest.raises(DataError, match="between 10 and 220"):
        Fisheye(fov=2 * LIMIT + 1)
    with pytest.raises(DataError, match="fold its picture over"):
        Fisheye(k1=-0.5)
    with pytest.raises(DataError, match="16 to 2048"):
        Fisheye(width=4)
