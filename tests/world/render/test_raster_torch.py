"""The z-buffer in torch sees what the kernels see."""

from __future__ import annotations

import numpy as np

from tests.world.render.test_raster import RIG, ROAD, drawn, library, wall
from world.render.camera import view
from world.render.mesh import join
from world.render.raster_torch import draw


def test_equal_to_the_kernels() -> None:
    scene = join([ROAD, wall(20, 9, 6), wall(9, 2, 3, material=2)])
    seen = view(RIG, 0.3, 0.2, 0.1)
    expected, got = drawn([scene], seen), draw(scene, seen, library())
    same = expected.coverage == got.coverage.numpy()
    assert same.mean() > 0.995
    assert (expected.surface == got.surface.numpy())[same].mean() > 0.995
    for one, other, tolerance in (
        (expected.inverse_depth, got.inverse_depth, 1e-4),
        (expected.normal, got.normal, 1e-3),
        (expected.albedo, got.albedo, 5e-3),
    ):
        close = np.isclose(one, other.numpy(), atol=tolerance)[same]
        assert close.mean() > 0.99
