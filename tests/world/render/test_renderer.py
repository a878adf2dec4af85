"""Whole pictures of drives: what is left out is out of sight, and motion leads to where things were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from world.controls import Control
from world.dynamics.start import start
from world.dynamics.step import step
from world.evaluate.pictures import psnr
from world.render.camera import Rig, View
from world.render.materials import Surface
from world.render.painter import PAINTER, load_painter, relit
from world.render.renderer import Renderer, developed, renderer
from world.scene.between import between
from world.scene.places import load_place, towns
from world.scene.query import place_on
from world.scene.state import SceneState


@pytest.fixture(scope="module")
def drive() -> list[SceneState]:
    state = start(load_place(towns()["test"][1]), 0)
    out = [state]
    for _ in range(12):
        out.append(step(out[-1], [Control()]))
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    "rig", [Rig(128, 72), Rig(96, 96, fov=120.0, yaw=80.0), Rig(128, 72, fov=40.0, pitch=-20.0, roll=30.0)]
)
def test_what_is_left_out_is_out_of_sight(drive: list[SceneState], rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    culled = Renderer().draw(drive[-1], rig)
    monkeypatch.setattr(View, "sees", lambda _, spheres: np.ones(len(spheres), bool))
    whole = Renderer().draw(drive[-1], rig)
    assert (culled == whole).mean() > 0.9999  # of equal depths the first drawn wins


def test_motion_leads_to_where_things_were(drive: list[SceneState]) -> None:
    rig, plain = Rig(384, 216), Renderer()
    was, now = plain.shot(drive[-2], rig).gbuffer, plain.shot(drive[-1], rig, before=drive[-2]).gbuffer
    assert plain.shot(drive[-1], rig).gbuffer.motion.max() == 0
    row, col = np.mgrid[: rig.height, : rig.width]
    x, y = np.rint(col + now.motion[..., 0]).astype(int), np.rint(row + now.motion[..., 1]).astype(int)
    inside = (x >= 0) & (x < rig.width) & (y >= 0) & (y < rig.height) & (now.coverage == 1)
    standing, moving = inside & (now.instance > 0), inside & (now.instance < 0)
    assert standing.sum() > 1000 and moving.sum() > 20
    for which, share in ((standing, 0.9), (moving, 0.75)):  # of what moves most is rim
        same = was.instance[y[which], x[which]] == now.instance[which]
        assert same.mean() > share
    stayed = np.abs(was.albedo - now.albedo)[standing].mean()
    led = np.abs(was.albedo[y[standing], x[standing]] - now.albedo[standing]).mean()
    assert led < 0.6 * stayed


def test_what_the_painter_said_moves_along(drive: list[SceneState]) -> None:
    rig, painted = Rig(256, 144), renderer(load_painter(PAINTER))
    halfway = between(drive[-2], drive[-1], 0.5)
    known, whole = painted.shot(drive[-2], rig).gains, painted.shot(halfway, rig)
    moved = painted.shot(halfway, rig, before=drive[-2], earlier_gains=known)
    assert moved.gains is known
    assert known is not None and painted.painter is not None
    left = relit(painted.painter, moved.gbuffer, moved.light, moved.plain, known)  # where it was in the picture before
    close, far = (psnr(developed(light, moved, halfway), whole.picture) for light in (moved.radiance, left))
    assert close > max(36, far + 2)


@pytest.mark.slow
def test_a_long_street_is_there_to_its_end() -> None:
    """A street is kept where its middle lies, which at its end is far behind."""
    place = load_place("town-23")
    long = np.flatnonzero(place.map.lanes["length"] > 150)
    assert len(long) >= 8
    renderer, state = Renderer(), start(place, 0)
    for lane in long:
        for left in (30.0, 15.0):
            ego = state.ego.copy()
            ego["x"], ego["y"], ego["heading"] = place_on(
                place.map, int(lane), float(place.map.lanes[lane]["length"]) - left, 0.0
            )
            alone = replace(state, ego=ego, agents=np.zeros_like(state.agents))
            below = renderer.shot(alone, Rig(128, 72)).gbuffer.surface[50:, 50:78]
            assert np.isin(below, [int(Surface.ASPHALT), int(Surface.PAINT)]).all()
