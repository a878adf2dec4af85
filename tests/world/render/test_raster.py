"""The z-buffer against what geometry says: depth, normals, order, coverage, motion, shadows and the mirror."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from world.errors import DataError
from world.render.atlas import Atlas, Library
from world.render.camera import Rig, View, view
from world.render.draw import Part, Rasterizer, Surroundings
from world.render.gbuffer import GBuffer
from world.render.light import EMISSION_GROUPS, light
from world.render.materials import Material, Surface
from world.render.mesh import Mesh, join
from world.render.raster import check_cache

F = np.float32
MATERIALS = (
    Material("road", Surface.ASPHALT, "checker"),
    Material("wall", Surface.WALL),
    Material("leaf", Surface.FOLIAGE, "holes", cutout=True, two_sided=True),
)


def library() -> Library:
    y, x = np.mgrid[:32, :32]
    checker = np.where(((x // 8 + y // 8) & 1)[..., None] > 0, 200, 60).astype(np.uint8).repeat(4, -1)
    checker[..., 3] = 255
    holes = np.full((32, 32, 4), 128, np.uint8)
    holes[..., 3] = np.where(x < 16, 255, 0)
    return Library.of(MATERIALS, EMISSION_GROUPS, {"checker": checker, "holes": holes})


def quad(corners: list[tuple[float, float, float]], material: int, tint: float = 0.5) -> Mesh:
    p = np.array(corners, F)[[0, 1, 2, 0, 2, 3]].reshape(2, 3, 3)
    normal = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], F)[[0, 1, 2, 0, 2, 3]].reshape(2, 3, 2)
    return Mesh(p, normal[:, None].repeat(3, 1), uv, np.full(2, material, np.int32), np.full((2, 3), tint, F))


def wall(x: float, half: float, height: float, material: int = 1) -> Mesh:
    """Faces west."""
    return quad([(x, half, 0), (x, -half, 0), (x, -half, height), (x, half, height)], material)


ROAD = quad([(-50, -50, 0), (400, -50, 0), (400, 50, 0), (-50, 50, 0)], 0)
RIG = Rig(64, 36, pitch=0.0, ahead=0.0)


def drawn(meshes: list[Mesh], seen: View | None = None, around: Surroundings | None = None) -> GBuffer:
    parts = [Part(mesh, np.array([-7 if k else 1], np.int32), k > 0) for k, mesh in enumerate(meshes)]
    return Rasterizer(library()).draw(parts, seen or view(RIG, 0, 0, 0), light(np.zeros(6)), around)


def test_depth_normal_and_surface_of_road_and_wall() -> None:
    g = drawn([ROAD, wall(20, 100, 50)])
    assert np.allclose(g.inverse_depth[4], 1 / 20, rtol=1e-4)
    assert np.allclose(g.normal[4], [-1, 0, 0], atol=1e-5) and (g.surface[4] == Surface.WALL).all()
    below = (np.arange(36) + 0.5 - 18) / view(RIG, 0, 0, 0).focal
    near = below > 0.1
    assert np.allclose(g.inverse_depth[near, 30], below[near] / 1.45, rtol=1e-3)
    assert np.allclose(g.normal[30], [0, 0, 1], atol=1e-5) and (g.surface[30] == Surface.ASPHALT).all()
    assert np.allclose(g.coverage, 1) and (g.instance[4] == -7).all() and (g.instance[30] == 1).all()


def test_the_nearer_wall_hides_and_backs_are_not_seen() -> None:
    g = drawn([wall(20, 100, 50), wall(10, 2, 50)])
    assert g.inverse_depth[10, 32] == pytest.approx(0.1, rel=1e-4) and g.inverse_depth[10, 2] == pytest.approx(
        0.05, rel=1e-4
    )
    assert drawn([wall(20, 100, 50)], view(RIG, 40, 0, np.pi)).coverage.max() == 0


def test_roll_turns_the_picture() -> None:
    g = drawn([ROAD], view(Rig(64, 64, pitch=0.0, roll=90.0), 0, 0, 0))
    assert (g.coverage[:, :30] == g.coverage[0, 0]).all() and (g.coverage[:, 34:] == g.coverage[0, -1]).all()
    assert {float(g.coverage[0, 0]), float(g.coverage[0, -1])} == {0.0, 1.0}


def test_cutouts_have_holes() -> None:
    g = drawn([wall(10, 4, 8, material=2)])
    assert g.coverage[10, 24] == 1 and g.coverage[10, 40] == 0


def test_motion_is_what_the_previous_view_saw() -> None:
    g = drawn([wall(20, 100, 50)], around=Surroundings(before=view(RIG, -5, 0, 0)))
    col = np.arange(64) + 0.5 - 32
    assert np.allclose(g.motion[4, :, 0], col * (20 / 25) - col, atol=1e-2)


def test_motion_of_a_thing_is_its_own() -> None:
    seen = view(RIG, 0, 0, 0)
    moves = Surroundings(before=seen, movers=np.array([-7]), moves=np.array([[20.0, 0, 0, 22.0, 0.5, 0]]))
    g = drawn([ROAD, wall(20, 100, 50)], seen, moves)
    col = np.arange(64) + 0.5 - 32
    assert np.allclose(g.motion[4, :, 0], (col * 20 - 0.5 * seen.focal) / 22 - col, atol=1e-2)
    assert np.allclose(g.motion[30], 0, atol=1e-3)


def test_shadows_fall_away_from_the_sun() -> None:
    sun = np.array(light(np.zeros(6)).sun_direction)
    # Faces the sun, whose rays it keeps off the road behind it.
    across = np.array([-sun[1], sun[0], 0]) / np.hypot(*sun[:2]) * 6
    foot = np.array([14.0, 0, 0]) + sun * [6, 6, 0]
    up = np.array([0, 0, 8.0])
    panel = quad([tuple(p) for p in (foot - across, foot + across, foot + across + up, foot - across + up)], 1)
    g = drawn([ROAD, panel])
    focal = view(RIG, 0, 0, 0).focal
    rows = np.array([round(18 + 1.45 / 14 * focal)])
    assert g.sun[rows, 32].max() < 0.1 and g.sun[34, 32] > 0.9


def test_a_wet_road_mirrors_the_wall() -> None:
    g = drawn([ROAD, wall(20, 100, 50)], around=Surroundings(wet=1.0))
    assert g.mirror[30, 32, 3] == 1 and g.mirror[4].max() == 0
    assert drawn([ROAD]).mirror.max() == 0


def test_results_do_not_depend_on_the_threads() -> None:
    scene = [join([ROAD, wall(20, 3, 5)]), wall(12, 1, 2)]
    many = drawn(scene)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = drawn(scene)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(many.inverse_depth, one.inverse_depth) and np.array_equal(many.albedo, one.albedo)


def test_mips_average_light() -> None:
    texture = np.zeros((2, 2, 4), np.uint8)
    texture[0], texture[..., 3] = 255, 255
    atlas = Atlas.of({"half": texture})
    assert atlas.table[0].tolist() == [1, 2, 2, 2] and atlas.texels[5, 0] == 188  # half the light, not half the byte
    with pytest.raises(DataError, match="powers of two"):
        Atlas.of({"odd": np.zeros((3, 2, 4), np.uint8)})


def test_a_cache_that_cannot_be_written_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    check_cache()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/dev/null/kernels")
    with pytest.raises(DataError, match="NUMBA_CACHE_DIR"):
        check_cache()
