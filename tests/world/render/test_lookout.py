"""A camera that is not on the car: it sees our car and changes nothing, and from the car's place it sees what the car's does."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import astuple, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.dynamics.step import step
from world.errors import DataError
from world.render.camera import HIGHEST, LOWEST, Pose, Rig
from world.render.lookout import our_car
from world.render.painter import PAINTER, load_painter
from world.render.renderer import Renderer
from world.render.tiles import Tiles
from world.scene.places import load_place, towns
from world.scene.state import SceneState

RIG = Rig(128, 72)


@pytest.fixture(scope="module", params=[Control(), Control(weather=Weather.RAIN_2, time=TimeOfDay.NIGHT)])
def drive(request: pytest.FixtureRequest) -> SceneState:
    state = start(load_place(towns()["test"][1]), 0, request.param)
    for _ in range(5):
        state = step(state, [request.param])
    return state


def beside(state: SceneState, ahead: float, left: float, z: float, yaw: float = 0.0, pitch: float = 0.0) -> Pose:
    """From the rear axle; yaw, pitch: degrees, from where the car heads."""
    x, y, heading = (float(state.ego[0][name]) for name in ("x", "y", "heading"))
    cos, sin = math.cos(heading), math.sin(heading)
    turned = math.remainder(heading + math.radians(yaw), 2 * math.pi)
    return Pose(x + ahead * cos - left * sin, y + ahead * sin + left * cos, z, turned, math.radians(pitch))


def covers(renderer: Renderer, state: SceneState, pose: Pose) -> int:
    """Pixels that our car covers."""
    ours = -int(our_car(state)["id"][0]) - 1
    return int((renderer.look(state, RIG, pose).gbuffer.instance == ours).sum())


@pytest.mark.slow
def test_from_the_cars_eyes_it_sees_what_the_driver_sees(drive: SceneState) -> None:
    renderer = Renderer(load_painter(PAINTER))
    eyes = beside(drive, RIG.ahead, RIG.left, RIG.up, RIG.yaw, RIG.pitch)
    standing = drive.ego.copy()
    standing["speed"] = 0.0  # what moves sees rain aslant
    seen, driven = renderer.look(drive, RIG, eyes).picture, renderer.draw(replace(drive, ego=standing), RIG)
    assert (np.abs(seen.astype(int) - driven).max(-1) <= 1).mean() > 0.99


@pytest.mark.slow
def test_our_car_is_seen_from_outside_and_not_from_within(drive: SceneState) -> None:
    renderer = Renderer()
    for pose in (beside(drive, -8, 0, 2, 0, -5), beside(drive, 14, 1, 1.5, 180), beside(drive, 1, 0, 20, 0, -90)):
        assert covers(renderer, drive, pose) > 20
    for yaw in (0, 90, 180):
        assert covers(renderer, drive, beside(drive, RIG.ahead, 0, RIG.up, yaw)) == 0


@pytest.mark.slow
def test_looking_changes_nothing_and_every_direction_is_drawn(drive: SceneState) -> None:
    renderer, before = Renderer(), drive.hash()
    pictures = []
    for z, pitch in ((LOWEST, 0), (HIGHEST, -90), (HIGHEST, -40), (30, 90), (8, -20)):
        pictures.append(renderer.look(drive, RIG, beside(drive, -20, 3, z, 40, pitch)).picture)
    assert drive.hash() == before
    assert all(one.shape == (72, 128, 3) for one in pictures)
    assert min(np.abs(a.astype(int) - b).mean() for a, b in pairwise(pictures)) > 1


def test_a_place_is_made_bit_by_bit_before_it_is_drawn(drive: SceneState, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, made = Renderer(), list[object]()
    piece, road = Tiles._piece, Tiles._road

    def counted(tiles: Tiles, key: tuple[int, int, int]) -> object:
        made.extend([key] if key not in tiles._objects else [])
        return piece(tiles, key)

    def paved(tiles: Tiles, cell: tuple[int, int]) -> object:
        made.extend([cell] if cell not in tiles._streets else [])
        return road(tiles, cell)

    monkeypatch.setattr(Tiles, "_piece", counted)
    monkeypatch.setattr(Tiles, "_road", paved)
    pose = beside(drive, 60, 80, 50, 30, -60)
    for had in range(300):
        if renderer.ready(drive, pose):
            break
        assert len(made) == had + 1
    needed = len(made)
    renderer.look(drive, RIG, pose)
    assert needed > 10 and len(made) <= needed + 2  # and what `near` makes ahead of a drive, one a call


@given(st.tuples(*[st.floats() | st.floats(-2, 125)] * 5))
def test_a_pose_is_within_bounds_or_refused(numbers: tuple[float, ...]) -> None:
    with suppress(DataError):
        pose = Pose(*numbers)
        assert all(map(math.isfinite, astuple(pose))) and LOWEST <= pose.z <= HIGHEST
        assert abs(pose.pitch) <= math.pi / 2
