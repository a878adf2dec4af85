"""Road users, obstacles, signals and signs: sizes, normals, colours, lamps, gait, level of detail."""

from __future__ import annotations

import numpy as np
import pytest

from world.render.assets import agents as assets
from world.render.assets.looks import BLINK, FLASH
from world.render.assets.signals import AMBER, GREEN, RED, signal_mesh, walk_signal_mesh
from world.render.assets.signs import sign_mesh
from world.render.library import MATERIALS, material
from world.render.mesh import Mesh
from world.scene.objects import AGENT, PROP, SIZES, Kind, Lights

KINDS = tuple(SIZES)
BOUNDS = {2: 1700, 1: 700, 0: 260}  # triangles


def agent(kind: Kind, **values: float) -> np.void:
    rows = np.zeros(1, AGENT)
    rows["kind"], rows["id"] = kind, 7
    rows["length"], rows["width"], rows["height"] = SIZES[kind]
    for name, value in values.items():
        rows[name] = value
    return rows[0]


def names(mesh: Mesh) -> set[str]:
    return {MATERIALS[index].name for index in np.unique(mesh.material)}


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_fits_its_box(kind: Kind, detail: int) -> None:
    length, width, height = SIZES[kind]
    for look in (0, 17, 34):
        points = assets.agent_mesh(agent(kind, look=look), detail).position.reshape(-1, 3)
        low, high = points.min(0), points.max(0)
        box = np.array([length, width, height])
        assert (high - low < 1.15 * box + 0.1).all()
        assert abs(low[2]) < 0.08
        assert high[2] > 0.85 * height
        assert abs(low[0] + high[0]) < 0.2 * length
        if kind not in (Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEBRIS):
            assert (high - low > 0.7 * box).all()


@pytest.mark.parametrize("detail", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_normals_are_unit_and_agree_with_the_winding(kind: Kind, detail: int) -> None:
    mesh = assets.agent_mesh(agent(kind, heading=0.7, speed=1.3, phase=0.4, length=SIZES[kind][0] * 1.2), detail)
    assert 0 < len(mesh) < BOUNDS[detail]
    assert np.isfinite(mesh.position).all() and (mesh.tint >= 0).all()
    assert np.allclose(np.linalg.norm(mesh.normal, axis=-1), 1, atol=1e-4)
    face = np.cross(mesh.position[:, 1] - mesh.position[:, 0], mesh.position[:, 2] - mesh.position[:, 0])
    area = np.linalg.norm(face, axis=1, keepdims=True)
    agrees = (face / np.maximum(area, 1e-12) * mesh.normal.mean(1)).sum(1)
    assert (area[agrees < 0].sum()) < 0.01 * area.sum()


@pytest.mark.parametrize(
    "kind", [Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.PERSON, Kind.DEER], ids=lambda kind: kind.name
)
def test_faces_look_outwards(kind: Kind) -> None:
    """The volume under counter-clockwise triangles is positive and about what the box holds."""
    mesh = assets.agent_mesh(agent(kind), 2)
    volume = np.einsum("ij,ij->i", mesh.position[:, 0], np.cross(mesh.position[:, 1], mesh.position[:, 2])).sum() / 6
    assert 0.1 * np.prod(SIZES[kind]) < volume < 1.5 * np.prod(SIZES[kind])


def test_less_detail_has_fewer_triangles() -> None:
    for kind in (Kind.CAR, Kind.PERSON, Kind.BUS, Kind.BICYCLE, Kind.DEER):
        counts = [len(assets.agent_mesh(agent(kind), detail)) for detail in range(3)]
        assert counts[0] < counts[1] < counts[2]


def test_an_empty_slot_is_nothing() -> None:
    assert len(assets.agent_mesh(np.zeros(1, AGENT)[0], 2)) == 0


def test_the_same_twice() -> None:
    one, two = (assets.agent_mesh(agent(Kind.CAR, look=5, x=3.0, heading=1.0), 2, 4.2) for _ in range(2))
    for field in ("position", "normal", "uv", "material", "tint"):
        assert np.array_equal(getattr(one, field), getattr(two, field))


def test_placed_where_it_is() -> None:
    middle = assets.agent_mesh(agent(Kind.CAR, x=100.0, y=-50.0, heading=np.pi / 2), 2).position.reshape(-1, 3)
    centre = (middle.min(0) + middle.max(0)) / 2
    extent = middle.max(0) - middle.min(0)
    assert np.allclose(centre[:2], [100, -50], atol=0.15)
    assert extent[1] > 2 * extent[0]


@pytest.mark.parametrize(
    "kind", [Kind.PERSON, Kind.CHILD, Kind.DOG, Kind.DEER, Kind.BICYCLE], ids=lambda kind: kind.name
)
def test_gait_moves_the_legs(kind: Kind) -> None:
    at = [assets.agent_mesh(agent(kind, speed=1.3, phase=phase), 2).position for phase in (0.1, 0.5)]
    assert at[0].shape == at[1].shape
    low = at[0][..., 2].mean(1) < SIZES[kind][2] * 0.4
    assert np.abs(at[0][low] - at[1][low]).max() > 0.05


def test_who_stands_keeps_still() -> None:
    at = [assets.agent_mesh(agent(Kind.PERSON, speed=0.0, phase=phase), 2).position for phase in (0.1, 0.5)]
    assert np.array_equal(at[0], at[1])


@pytest.mark.parametrize(
    ("lights", "shines"),
    [
        (Lights.NONE, set()),
        (Lights.BRAKE, {"brakelamp"}),
        (Lights.HEAD, {"headlamp", "taillamp"}),
        (Lights.HEAD | Lights.BRAKE, {"headlamp", "brakelamp"}),
    ],
)
@pytest.mark.parametrize("detail", [0, 1, 2])
def test_lights_choose_the_material(lights: Lights, shines: set[str], detail: int) -> None:
    lamps = {one.name for one in MATERIALS if one.emission}
    for kind in (Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.POLICE):
        assert names(assets.agent_mesh(agent(kind, lights=lights), detail)) & lamps == shines


def test_indicators_and_beacons_blink() -> None:
    left = [assets.agent_mesh(agent(Kind.CAR, lights=Lights.LEFT), 2, second) for second in (0.0, BLINK / 2)]
    assert ["indicator_left" in names(mesh) for mesh in left].count(True) == 1
    assert not any("indicator_right" in names(mesh) for mesh in left)
    lit = next(mesh for mesh in left if "indicator_left" in names(mesh))
    assert lit.position[lit.material == material("indicator_left")][..., 1].mean() > 0
    sides = []
    for second in (0.0, FLASH / 2):
        mesh = assets.agent_mesh(agent(Kind.AMBULANCE, lights=Lights.BEACON), 2, second)
        sides.append(float(mesh.position[mesh.material == material("beacon")][..., 1].mean()))
    assert sides[0] * sides[1] < 0


def test_brake_lamps_are_at_the_back_and_head_lamps_at_the_front() -> None:
    for kind in (Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.FIRE_ENGINE):
        mesh = assets.agent_mesh(agent(kind, lights=Lights.BRAKE | Lights.HEAD), 1)
        assert (mesh.position[mesh.material == material("brakelamp")][..., 0] < 0).all()
        assert (mesh.position[mesh.material == material("headlamp")][..., 0] > 0).all()


def test_look_changes_paint_and_style() -> None:
    tints = {tuple(assets.agent_mesh(agent(Kind.CAR, look=look), 0).tint[0]) for look in range(8)}
    assert len(tints) == 8
    shapes = {assets.agent_mesh(agent(Kind.CAR, look=look), 2).position.tobytes() for look in (0, 16, 32)}
    assert len(shapes) == 3


def test_all_agents_with_instances_and_reach() -> None:
    rows = np.zeros(6, AGENT)
    for index, (kind, x) in enumerate(
        [(Kind.CAR, 10), (Kind.PERSON, 30), (Kind.BUS, 500), (Kind.CAR, -60), (Kind.CONE, 5)]
    ):
        rows[index] = agent(kind, x=x, id=index + 3)
    mesh, instance = assets.agents_mesh(rows, 0.0, 0.0, 0.0)
    assert len(mesh) == len(instance)
    assert set(instance.tolist()) == {-4, -5, -7, -8}
    near = assets.agent_mesh(rows[0], 2)
    assert np.array_equal(mesh.position[instance == -4], near.position)
    _, ahead = assets.agents_mesh(rows, 0.0, 0.0, 0.0, heading=0.0)
    assert set(ahead.tolist()) == {-4, -5, -8}
    none, nobody = assets.agents_mesh(rows[5:], 0.0, 0.0, 0.0)
    assert len(none) == len(nobody) == 0


def test_parked_car() -> None:
    prop = np.zeros(1, PROP)
    prop["kind"], prop["x"], prop["z"], prop["look"] = Kind.CAR, 20.0, 0.1, 18
    prop["length"], prop["width"], prop["height"] = SIZES[Kind.CAR]
    mesh = assets.parked_mesh(prop[0])
    assert abs(mesh.position[..., 0].mean() - 20) < 0.5
    assert mesh.position[..., 2].min() > 0.05
    assert not any(MATERIALS[index].emission for index in np.unique(mesh.material))


@pytest.mark.parametrize("arm", [0.0, 4.0])
def test_one_colour_of_a_signal_shines(arm: float) -> None:
    for colour, name in ((RED, "signal_red"), (AMBER, "signal_amber"), (GREEN, "signal_green")):
        mesh = signal_mesh(colour, 2, arm)
        assert names(mesh) & {"signal_red", "signal_amber", "signal_green"} == {name}
        lamp = mesh.material == material(name)
        assert (mesh.normal[lamp][..., 0] < -0.99).all()
    heights = [
        float(signal_mesh(c).position[signal_mesh(c).material == material(n)][..., 2].mean())
        for c, n in ((RED, "signal_red"), (AMBER, "signal_amber"), (GREEN, "signal_green"))
    ]
    assert heights[0] > heights[1] > heights[2]
    assert "signal_green" in names(walk_signal_mesh(True)) and "signal_red" in names(walk_signal_mesh(False))


@pytest.mark.parametrize("look", range(5))
def test_signs_face_the_traffic(look: int) -> None:
    mesh = sign_mesh(look)
    face = mesh.material == material("sign_face")
    ahead = face & (mesh.normal[:, 0, 0] < -0.99)
    assert ahead.any()
    assert 2.0 < mesh.position[ahead][..., 2].mean() < 2.8
    assert mesh.position[..., 2].min() >= 0 and mesh.position[..., 2].max() < 3.0
    assert len(sign_mesh(look, 0)) < 60
