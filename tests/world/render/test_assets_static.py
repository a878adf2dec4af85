"""What stands still: whole, of the right size, turned outwards, cheaper from afar; and tiles that stay small."""

import math

import numpy as np
import pytest

from world.render.assets.faces import Faces
from world.render.assets.ground import ground_mesh, skyline_mesh
from world.render.assets.houses import house
from world.render.assets.props import prop_mesh, tree
from world.render.assets.streets import KERB, _triangles, junction_mesh, markings_mesh, street_mesh
from world.render.library import MATERIALS, material
from world.render.mesh import Mesh
from world.render.tiles import CAPACITY, REACHES, Tiles
from world.scene.build import build
from world.scene.graph import Junction, RoadGraph, Street
from world.scene.hd_map import HDMap, Marking
from world.scene.objects import PROP, Kind
from world.scene.roadside import line
from world.scene.state import Place

STANDING = (Kind.HOUSE, Kind.TREE, Kind.LAMP, Kind.HEDGE, Kind.FENCE, Kind.WALL)
SMALL = (Kind.BENCH, Kind.BIN, Kind.BOLLARD, Kind.SHELTER)


def prop(kind: Kind, look: int = 0, floors: int = 2, size: tuple[float, float, float] = (10.0, 12.0, 9.0)) -> np.void:
    row = np.zeros(1, PROP)[0]
    row["kind"], row["look"], row["floors"] = int(kind), look, floors
    row["length"], row["width"], row["height"] = size
    return row


@pytest.fixture(scope="module")
def town() -> HDMap:
    corners = (Junction(0, 0), Junction(120, 0, signals=True), Junction(120, 110), Junction(230, -15))
    streets = (
        Street(0, 1, bends=((60.0, 14.0),)),
        Street(1, 2, forward=2, backward=2),
        Street(1, 3),
    )
    return build(RoadGraph(corners, streets, "dense"))


@pytest.fixture(scope="module")
def place(town: HDMap) -> Place:
    return Place("corner", town, line(town))


def is_sound(mesh: Mesh) -> bool:
    """Finite, unit normals, known materials, no triangle without area."""
    edges = np.cross(mesh.position[:, 1] - mesh.position[:, 0], mesh.position[:, 2] - mesh.position[:, 0])
    return bool(
        len(mesh)
        and all(np.isfinite(part).all() for part in (mesh.position, mesh.normal, mesh.uv, mesh.tint))
        and np.allclose(np.linalg.norm(mesh.normal, axis=-1), 1, atol=1e-3)
        and (mesh.material >= 0).all()
        and (mesh.material < len(MATERIALS)).all()
        and (np.linalg.norm(edges, axis=1) > 1e-10).all()
    )


def area(mesh: Mesh, name: str) -> float:
    """Square metres of a material, seen from above."""
    p = mesh.position[mesh.material == material(name)].astype(float)
    a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    return float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2)


@pytest.mark.parametrize("kind", ["hip", "gable", "tenement", "block", "shops"])
@pytest.mark.parametrize("look", [0, 1, 7])
def test_a_house_is_sound_at_every_detail_and_cheaper_from_afar(kind: str, look: int) -> None:
    floors = 2 if kind in ("hip", "gable") else 4
    meshes = [house(look, kind, 3, 3, floors, detail).mesh for detail in (0, 1, 2)]
    counts = [len(mesh) for mesh in meshes]
    assert all(is_sound(mesh) for mesh in meshes)
    assert counts[0] <= 60 < counts[1] < counts[2] <= 1200
    heights = [float(mesh.position[..., 2].max()) for mesh in meshes]
    assert all(floors * 3.1 < height < floors * 3.1 + 7 for height in heights)


def test_walls_look_outwards() -> None:
    """The plain walls of a house close round it: their outward areas cancel, and each looks away from the middle."""
    mesh = house(0, "block", 3, 3, 3, 1).mesh
    wall = mesh.material == material("plaster")
    middle = mesh.position[wall].mean(1)
    face = np.cross(mesh.position[:, 1] - mesh.position[:, 0], mesh.position[:, 2] - mesh.position[:, 0])[wall]
    upright = (np.abs(face[:, 2]) < 1e-3) & (middle[:, 2] < 9.0)
    assert ((middle[upright, :2] * face[upright, :2]).sum(1) > 0).all()


def test_a_house_fills_its_plot() -> None:
    mesh = prop_mesh(prop(Kind.HOUSE, 3, 3, (10.0, 14.5, 10.0)), 1)
    walls = mesh.position[np.isin(mesh.material, [material(name) for name in ("plaster", "brick", "plaster_rough")])]
    size = walls.reshape(-1, 3).max(0) - walls.reshape(-1, 3).min(0)
    assert size[0] == pytest.approx(10.0, abs=0.3) and size[1] == pytest.approx(14.5, abs=0.3)


def test_shops_and_windows_shine_by_night() -> None:
    lit = house(0, "shops", 4, 3, 4, 2).mesh
    assert (lit.material == material("shop_lit")).any() and (lit.material == material("window_lit")).any()


@pytest.mark.parametrize("look", range(6))
def test_a_tree_is_a_trunk_and_clumps(look: int) -> None:
    near, far = tree(look, 2), tree(look, 0)
    assert is_sound(near) and is_sound(far)
    assert 40 <= len(near) <= 160 and len(far) <= 12
    leaves = near.material != material("bark")
    assert near.position[leaves][..., 2].min() > 1.2
    assert 7.0 < near.position[..., 2].max() < 11.0
    assert len(np.unique(np.round(near.normal[leaves].reshape(-1, 3), 2), axis=0)) > 40  # light goes round the crown


@pytest.mark.parametrize("kind", STANDING + SMALL)
def test_every_prop_has_triangles_near_and_stands_where_it_should(kind: Kind) -> None:
    row = prop(kind, 5, size=(4.0, 0.8, 1.4) if kind not in (Kind.HOUSE, Kind.TREE) else (8.0, 8.0, 8.0))
    row["x"], row["y"], row["z"], row["heading"] = 40.0, -30.0, 0.12, 0.7
    mesh = prop_mesh(row, 2)
    assert is_sound(mesh)
    middle = (mesh.position.reshape(-1, 3).max(0) + mesh.position.reshape(-1, 3).min(0)) / 2
    assert math.hypot(middle[0] - 40, middle[1] + 30) < 1.5
    assert len(prop_mesh(row, 0)) <= len(mesh)
    assert (len(prop_mesh(row, 0)) > 0) == (kind in STANDING)


def test_sheets_show_their_texture_once_from_below_to_above() -> None:
    for look, name in ((0, "wood_fence"), (1, "railing")):
        mesh = prop_mesh(prop(Kind.FENCE, look, size=(4.0, 0.1, 1.1)), 2)
        sheet = mesh.material == material(name)
        high = mesh.position[sheet][..., 2] > 0.5
        assert (mesh.uv[sheet][..., 1][high] == 0).all() and (mesh.uv[sheet][..., 1][~high] == 1).all()


def test_a_street_is_as_wide_as_its_lanes_and_its_pavements_lie_higher(town: HDMap) -> None:
    for index, street in enumerate(town.graph.streets):
        mesh, shape = street_mesh(town.streets[index]), town.streets[index]
        assert is_sound(mesh)
        length = float(np.hypot(*np.diff(shape.centre, axis=0).T).sum())
        wide = (street.forward + street.backward) * street.lane_width
        assert area(mesh, "asphalt") == pytest.approx(length * wide, rel=0.03)
        assert area(mesh, "slabs") > 0
        slabs = mesh.position[mesh.material == material("slabs")]
        assert np.allclose(slabs[..., 2], KERB)
        across = mesh.uv[mesh.material == material("asphalt")][..., 0]
        assert set(np.unique(across)) == {0.0, 1.0}  # a lane is one repeat


def test_junctions_are_covered(town: HDMap) -> None:
    for index, shape in enumerate(town.junctions):
        if len(shape.outline):
            mesh = junction_mesh(town.junctions[index])
            x, y = shape.outline.T
            whole = abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2
            assert is_sound(mesh)
            assert area(mesh, "asphalt_junction") == pytest.approx(whole, rel=0.02)


def test_a_bent_polygon_is_cut_up_without_folds() -> None:
    bent = np.array([[0, 0], [9, 0], [9, 9], [8, 9], [8, 1], [1, 1], [1, 9], [0, 9]], float)  # its middle lies outside
    corners = bent[_triangles(bent)]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    assert areas.min() >= 0 and areas.sum() == pytest.approx(25.0)


def test_paint_looks_up_whichever_way_it_runs() -> None:
    bar = np.array([[0.0, 0], [0, 0.5], [3, 0.5], [3, 0]])
    for points in (bar, bar[::-1]):
        mesh = markings_mesh([Marking("zebra", points, 0.0), Marking("stop", points[:2], 0.4)])
        face = np.cross(mesh.position[:, 1] - mesh.position[:, 0], mesh.position[:, 2] - mesh.position[:, 0])
        assert (face[:, 2] > 0).all() and (mesh.normal[..., 2] > 0.99).all()
        assert area(mesh, "paint_white") == pytest.approx(1.5 + 0.2, abs=0.02)


def test_lane_lines_are_dashed_and_the_centre_is_yellow() -> None:
    points = np.array([[0.0, 0], [75, 0]])
    dashed = area(markings_mesh([Marking("lane", points, 0.13)]), "paint_white")
    assert 0.3 < dashed / (75 * 0.13) < 0.5
    assert area(markings_mesh([Marking("centre", points, 0.13)]), "paint_yellow") == pytest.approx(75 * 0.13, rel=0.01)


def test_the_ground_lies_under_everything_and_the_skyline_beyond_it(town: HDMap) -> None:
    ground, far = ground_mesh(town.bounds), skyline_mesh(town.bounds)
    west, south, east, north = town.bounds
    assert is_sound(ground) and is_sound(far)
    assert ground.position[..., 2].max() < 0
    assert ground.position[..., 0].min() < west - 300 and ground.position[..., 1].max() > north + 300
    x, y = far.position[..., 0], far.position[..., 1]
    inside = (x > west) & (x < east) & (y > south) & (y < north)
    assert not inside.any()


def test_tiles_name_their_props_and_stay_bounded(place: Place) -> None:
    tiles = Tiles(place)
    triangles = 0
    for x in np.linspace(0, 230, 24):
        pieces = tiles.near(float(x), 0.0, 0.0)
        triangles = max(triangles, sum(len(piece.mesh) for piece in pieces))
        for mesh, whose, _ in pieces[2:]:
            away = np.linalg.norm(mesh.position - np.array(mesh.sphere[:3]), axis=-1)
            assert away.max() <= mesh.sphere[3] + 1e-3
            assert len(whose) == len(mesh)
            assert whose.min() >= 0 and whose.max() <= len(place.props)
    assert triangles <= 50_000
    assert len(tiles._objects) <= CAPACITY


def test_tiles_do_not_depend_on_what_was_seen_before(place: Place) -> None:
    moved, fresh = Tiles(place), Tiles(place)
    for x in (0.0, 60.0, 200.0):
        moved.near(x, 5.0, 2.0)
    one, other = moved.near(110.0, 0.0, 0.5), fresh.near(110.0, 0.0, 0.5)
    assert len(one) == len(other)
    for (mesh, whose, *_), (twin, same, *_) in zip(one, other, strict=True):
        np.testing.assert_array_equal(mesh.position, twin.position)
        np.testing.assert_array_equal(whose, same)


def test_what_is_near_shows_more_than_what_is_far(place: Place) -> None:
    tiles = Tiles(place)
    house_rows = np.flatnonzero(place.props["kind"] == int(Kind.HOUSE))
    index = int(house_rows[0])
    x, y = float(place.props[index]["x"]), float(place.props[index]["y"])

    def count(far: float) -> int:
        return sum(int((whose == index + 1).sum()) for _, whose, *_ in tiles.near(x - far, y, 0.0))

    assert count(10.0) > count(80.0) > count(200.0) > 0
    assert count(REACHES[2] + 80.0) == 0


def test_faces_have_flat_normals_unless_they_are_given_and_lose_what_has_no_area() -> None:
    faces = Faces()
    faces.quads([[(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]], "stone")
    faces.quads([[(0, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 0)]], "stone")
    bent = np.broadcast_to(np.array([0.0, 1.0, 0.0]), (1, 4, 3))
    faces.quads([[(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]], "stone", normal=bent)
    mesh = faces.mesh()
    assert len(mesh) == 4
    assert np.allclose(mesh.normal[:2], [0, 0, 1]) and np.allclose(mesh.normal[2:], [0, 1, 0])
