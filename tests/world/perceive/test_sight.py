"""What is true of a picture: projected as the renderer does, and still true of a part of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.world.grid import town
from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.perceive.sight import KINDS, SeenUser, Sight, numbers, reframed, sight_of, targets
from world.render.camera import Rig
from world.render.renderer import Renderer
from world.scene.objects import SIZES, Kind
from world.scene.query import place_on
from world.scene.state import SceneState


def one_ahead(kind: Kind, ahead: float, left: float, control: Control | None = None) -> SceneState:
    """A drive on the right of two lanes, with one road user before it and nobody else."""
    lanes = town().map.lanes
    lane = int(np.flatnonzero((lanes["street"] >= 0) & (lanes["left"] >= 0) & (lanes["number"] == 0))[0])
    state = start(town(), 0, control, lane=lane, s=30.0)
    agents = state.agents.copy()
    agents["kind"] = 0
    agent, rig = agents[0][:1], Rig()
    agent["x"], agent["y"], agent["heading"] = place_on(town().map, lane, 30.0 + rig.ahead + ahead, left)
    agent["kind"], agent["id"] = int(kind), 7
    agent["length"], agent["width"], agent["height"] = SIZES[kind]
    return replace(state, agents=agents)


def test_the_street_is_the_maps() -> None:
    state = one_ahead(Kind.CAR, 15.0, 0.0, Control(weather=Weather.SNOW_2, time=TimeOfDay.DUSK))
    ego = state.ego.copy()
    lane = town().map.lanes[int(ego["lane"][0])]
    ego["x"] -= 0.4 * np.sin(ego["heading"])
    ego["y"] += 0.4 * np.cos(ego["heading"])
    sight = targets(replace(state, ego=ego), Rig(yaw=3.0, pitch=-4.0, up=1.7, fov=90.0))
    assert (sight.lanes, sight.opposite, sight.lane) == (2, 2, 0)
    assert sight.left == pytest.approx(0.4, abs=1e-6) and sight.heading == pytest.approx(math.radians(3.0), abs=1e-6)
    assert sight.junction == pytest.approx(lane["length"] - 30.0 - 3.6, abs=1.0)
    assert (sight.weather, sight.time) == (Weather.SNOW_2, TimeOfDay.DUSK)
    assert (sight.focal, sight.up) == (pytest.approx(0.5), 1.7) and sight.pitch == pytest.approx(math.radians(-4.0))


def test_in_a_junction_there_is_no_street() -> None:
    lanes = town().map.lanes
    state = start(town(), 0, lane=int(np.flatnonzero(lanes["junction"] >= 0)[0]), s=1.0)
    sight = targets(state, Rig())
    assert (sight.lanes, sight.opposite, sight.junction, sight.heading) == (0, 0, 0.0, 0.0)


@pytest.mark.parametrize("kind", [Kind.CAR, Kind.BUS, Kind.CHILD, Kind.BICYCLE])
def test_boxes_lie_where_the_renderer_draws(kind: Kind) -> None:
    state, rig = one_ahead(kind, 14.0, 1.5), Rig(yaw=4.0, pitch=-5.0)
    instance = Renderer().shot(state, rig).gbuffer.instance
    (user,) = targets(state, rig, instance).users
    rows, columns = np.nonzero(instance == -8)
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    assert abs(user.width * rig.width - (right - left)) < 5.0
    assert -5.0 < user.height * rig.height - (bottom - top) < 10.0  # a box stands on the ground, a body on wheels
    assert left < user.x * rig.width < right and top < user.y * rig.height < bottom
    angle = math.radians(4.0)
    assert user.ahead == pytest.approx(14.0 * math.cos(angle) + 1.5 * math.sin(angle), abs=0.01)
    assert user.left == pytest.approx(1.5 * math.cos(angle) - 14.0 * math.sin(angle), abs=0.01)
    assert user.heading == pytest.approx(-angle, abs=1e-6)
    assert KINDS[user.kind] == (Kind.PERSON if kind == Kind.CHILD else kind)


def test_who_is_hidden_or_out_of_the_picture_does_not_count() -> None:
    state = one_ahead(Kind.LORRY, 12.0, 0.0)
    agents = state.agents.copy()
    agents[0, 1] = agents[0, 0]
    agents[0, 1]["id"], agents[0, 1]["kind"] = 8, int(Kind.CAR)
    agents[0, 1]["length"], agents[0, 1]["width"], agents[0, 1]["height"] = SIZES[Kind.CAR]
    heading = float(agents[0, 1]["heading"])
    agents["x"][0, 1] += 14.0 * math.cos(heading)
    agents["y"][0, 1] += 14.0 * math.sin(heading)
    both = replace(state, agents=agents)
    instance = Renderer().shot(both, Rig()).gbuffer.instance
    for seen in (targets(both, Rig()), targets(both, Rig(), instance)):
        assert [KINDS[user.kind] for user in seen.users] == [Kind.LORRY]
    assert not targets(state, Rig(yaw=120.0)).users
    assert not targets(one_ahead(Kind.CAR, 75.0, 0.0), Rig()).users


def test_of_a_part_of_a_picture_is_true_what_a_turned_camera_sees() -> None:
    state, rig, turned = one_ahead(Kind.CAR, 14.0, 1.0), Rig(), math.radians(2.5)
    whole = targets(state, rig)
    right = whole.focal * math.tan(turned)
    part, other = reframed(whole, 1.3, right, 0.0), targets(state, replace(rig, yaw=-2.5))
    assert part.heading == pytest.approx(other.heading) and part.focal == pytest.approx(1.3 * whole.focal)
    for name in ("ahead", "left", "heading"):
        assert getattr(part.users[0], name) == pytest.approx(getattr(other.users[0], name), abs=1e-6)
    assert part.users[0].x - 0.5 == pytest.approx(1.3 * (other.users[0].x - 0.5), abs=0.01)
    assert part.users[0].width == pytest.approx(1.3 * whole.users[0].width)
    assert reframed(whole, 1.0, 0.0, 0.0) == whole
    assert not reframed(whole, 3.0, -0.4, 0.0).users


def test_sights_are_numbers_and_back() -> None:
    sight = targets(one_ahead(Kind.VAN, 20.0, 0.0), Rig())
    back = sight_of(*numbers(sight))
    assert isinstance(back, Sight) and isinstance(back.users[0], SeenUser)
    assert (back.lanes, back.weather, back.users[0].kind) == (sight.lanes, sight.weather, sight.users[0].kind)
    assert back.left == pytest.approx(sight.left, abs=1e-5) and back.users[0].ahead == pytest.approx(20.0, abs=1e-4)
