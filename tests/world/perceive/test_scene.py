"""From a reading to a scene: what is read rightly is found again in the scene, and the drive goes on from there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.world.perceive.ideal import output_of
from world.controls import Control, TimeOfDay, Weather
from world.dream import open_dream, restore
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.perceive import scene
from world.perceive.coding import reading
from world.perceive.match import match, spots, unlikeness
from world.perceive.network import PerceiveConfig, Perceiver
from world.perceive.scene import scene_of
from world.perceive.sight import KINDS, SeenUser, Sight, targets
from world.render.camera import Rig
from world.scene.check import check
from world.scene.facts import NO_JUNCTION
from world.scene.objects import VEHICLES, Kind
from world.scene.places import load_place, towns
from world.scene.query import touching
from world.scene_world import SceneWorld

NAMES = towns()["test"][1:3]  # between them they have every width but some with three lanes
STREET = Sight(2, 2, 1, 0.5, 0.06, 25.0, Weather.RAIN_2, TimeOfDay.NIGHT, -0.03, 0.714, 1.45)


def again(sight: Sight, seed: int = 0, **more: object) -> Sight:
    return targets(scene_of(reading(output_of([sight])), NAMES, seed, **more), Rig())  # type: ignore[arg-type]


@pytest.mark.parametrize("lanes", [(1, 1, 0), (2, 2, 0), (2, 2, 1), (2, 1, 1), (3, 3, 2)])
@pytest.mark.parametrize("junction", [6.0, 18.0, 35.0])
def test_the_street_is_found_again(lanes: tuple[int, int, int], junction: float) -> None:
    sight = replace(STREET, lanes=lanes[0], opposite=lanes[1], lane=lanes[2], junction=junction)
    found = again(sight)
    assert (found.lanes, found.opposite, found.lane) == lanes
    assert found.junction == pytest.approx(junction, rel=0.3, abs=1.5)
    assert found.left == pytest.approx(0.5, abs=0.02) and found.heading == pytest.approx(0.06, abs=0.01)
    assert (found.weather, found.time) == (Weather.RAIN_2, TimeOfDay.NIGHT)


def test_said_conditions_hold_and_speed_too() -> None:
    state = scene_of(reading(output_of([STREET])), NAMES, 0, 3.0, Control(weather=Weather.FOG_3, time=TimeOfDay.DAY))
    assert targets(state, Rig()).weather == Weather.FOG_3 and state.ego["speed"][0] == 3.0


def test_who_comes_fast_begins_where_there_is_room_to_stop() -> None:
    sight = replace(STREET, junction=6.0)
    at = {speed: targets(scene_of(reading(output_of([sight])), NAMES, 0, speed), Rig()) for speed in (0.0, 15.0)}
    assert at[0.0].junction < 9 and at[15.0].junction > 35
    assert {(one.lanes, one.opposite, one.lane) for one in at.values()} == {(2, 2, 1)}


def test_the_same_seed_gives_the_same_scene_and_another_another() -> None:
    read = reading(output_of([STREET]))
    hashes = [scene_of(read, NAMES, seed).hash() for seed in (1, 1, 2, 3)]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 3


def test_those_seen_are_there_and_nobody_else() -> None:
    users = (
        SeenUser(KINDS.index(Kind.CAR), 14.0, 0.3, 0.0, 0.5, 0.5, 0.1, 0.1),
        SeenUser(KINDS.index(Kind.VAN), 22.0, 7.2, 3.1, 0.3, 0.5, 0.1, 0.1),
        SeenUser(KINDS.index(Kind.PERSON), 15.0, -5.5, 0.1, 0.8, 0.5, 0.1, 0.1),
    )
    focal = STREET.focal
    placed = tuple(replace(user, x=0.5 - user.left * focal / user.ahead) for user in users)
    sight = replace(STREET, lane=0, heading=0.0, left=0.0, junction=40.0, users=placed)
    state = scene_of(reading(output_of([sight])), NAMES, 4)
    found = targets(state, Rig())
    assert sorted(user.kind for user in found.users) == sorted(user.kind for user in users)
    for one in users:
        other = min(found.users, key=lambda user: abs(user.kind - one.kind))
        assert abs(other.ahead - one.ahead) < 6.0 and abs(other.left - one.left) < 4.0
    ahead = next(user for user in found.users if KINDS[user.kind] == Kind.CAR)
    assert abs(ahead.left) < 0.5 and abs(ahead.heading) < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_scenes_of_true_sights_are_legal_and_go_on(seed: int) -> None:
    place = load_place(NAMES[seed % 2])
    state = start(place, 20 + seed, Control(time=seed % 4), density=2.0)
    for _ in range(30):
        state = step(state, [Control(accel=0.1)])
    sight = targets(state, Rig())
    made = scene_of(reading(output_of([sight])), NAMES, seed)
    check(made)
    live = made.agents[0][made.agents[0]["kind"] != 0]
    assert len(set(live["id"].tolist())) == len(live)
    assert not touching(live)
    vehicles = live[np.isin(live["kind"], [int(kind) for kind in VEHICLES])]
    assert (vehicles["lane"] >= 0).all()
    for _ in range(50):
        made = step(made, [Control()])
    check(made)


def test_a_drive_begins_in_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the door that the page and the command line take."""
    torch.manual_seed(0)
    perceiver = Perceiver(PerceiveConfig((8, 8, 16, 16), (0, 1, 1, 1), 8)).eval()
    monkeypatch.setattr(scene, "load", lambda: perceiver)
    film = np.random.default_rng(0).integers(0, 256, (3, 90, 160, 3), dtype=np.uint8)
    world, hashes = SceneWorld(NAMES, painter=None), []
    for _ in range(2):
        dream = open_dream(world, 5, 0)
        first = dream.start(frames=film, speed=4.0)
        assert first.motion.speed == 4.0 and dream.index == 0
        assert (first.control.weather, first.control.time) == (first.readout.weather, first.readout.time)
        hashes.append(dream.state_now.hash())
        assert dream.step(first.control).index == 1
    assert hashes[0] == hashes[1]
    again = restore(world, *dream.state())
    assert again.state_now.hash() == dream.state_now.hash()
    night = Control(weather=Weather.FOG_1, time=TimeOfDay.NIGHT)
    assert open_dream(world, 5, 0).start(night, frames=film).readout.weather == Weather.FOG_1
    with pytest.raises(DataError, match="float64"):
        open_dream(world).start(frames=film / 255)


def test_where_no_street_is_like_it_the_likest_is_taken() -> None:
    odd = reading(output_of([replace(STREET, lanes=1, opposite=0, lane=0, junction=NO_JUNCTION)]))
    place, lane, s = match(odd, NAMES, 0)
    costs = [unlikeness(spots(load_place(name)), odd).min() for name in NAMES]
    found = spots(place)
    here = (found.lane == lane) & (found.s == s)
    assert unlikeness(found, odd)[here][0] <= min(costs) + 0.71
