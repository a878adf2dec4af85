"""What Mitsuba traces: light in layers, under the lamps and on the surfaces that plain shading has, seen by the same camera."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.world.town.surfaces import points, quad
from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.errors import DataError, SimulatorError
from world.render.camera import Rig, View, view
from world.render.draw import Surroundings, draw
from world.render.gbuffer import GBuffer
from world.render.light import Light, light
from world.render.materials import Surface
from world.render.renderer import Renderer, Scenery, library
from world.scene.places import load_place, towns
from world.weather import goal

pytest.importorskip("mitsuba", reason="the path tracer needs the extra `sim`")

from world.town import pathtracer
from world.town.pathtracer import RadianceLayers, choose, load, mitsuba, trace

pytestmark = [pytest.mark.sim, pytest.mark.slow]
RIG = Rig(width=40, height=24)


def amounts(weather: Weather = Weather.CLEAR, time: TimeOfDay = TimeOfDay.DAY) -> np.ndarray:
    return np.array(list(goal(weather, time).values()))


@cache
def scenery(weather: Weather, time: TimeOfDay, rig: Rig = RIG) -> Scenery:
    state = start(load_place(towns()["train"][0]), 3, Control(weather=weather, time=time))
    return Renderer().assemble(state, rig, everywhere=True)


def see(scene: Scenery, now: Light | None = None, wet: np.ndarray | None = None, seed: int = 1) -> RadianceLayers:
    there = amounts() if wet is None else wet
    return trace(scene.parts, scene.view, now or scene.light, there, scene.around, samples=4, seed=seed)


@cache
def night() -> RadianceLayers:
    return see(scenery(Weather.CLEAR, TimeOfDay.NIGHT))


@cache
def day() -> RadianceLayers:
    return see(scenery(Weather.CLEAR, TimeOfDay.DAY))


def gbuffer(scene: Scenery) -> GBuffer:
    return draw(scene.parts, scene.view, library(), scene.light, scene.around)


def looking(eye: tuple[float, float, float], pitch: float, size: int = 32, fov: float = 60.0) -> View:
    """North is x here: a camera that looks along it."""
    return replace(
        view(Rig(size, size, fov=fov, ahead=0.0, up=eye[2], pitch=pitch), eye[0], eye[1], 0.0), eye=np.array(eye)
    )


def test_layers_are_light() -> None:
    assert set(night().layers) == set(pathtracer.LAYERS)
    assert set(day().layers) == {"sky"}
    for traced in (night(), day()):
        for layer in traced.layers.values():
            assert layer.shape == (RIG.height, RIG.width, 3) and layer.dtype == np.float32
            assert np.isfinite(layer).all() and layer.min() >= 0 and layer.max() > 0
    assert np.array_equal(night().radiance, sum(night().layers.values()))


def test_a_seed_decides_the_noise() -> None:
    scene = scenery(Weather.CLEAR, TimeOfDay.NIGHT)
    again, other = see(scene), see(scene, seed=2)
    for name, layer in night().layers.items():
        assert np.array_equal(again.layers[name], layer)
    assert not np.array_equal(other.layers["sky"], night().layers["sky"])
    assert other.radiance.mean() == pytest.approx(night().radiance.mean(), rel=0.2)


def test_snow_makes_the_ground_brighter() -> None:
    scene = scenery(Weather.CLEAR, TimeOfDay.DAY)
    floor = np.isin(gbuffer(scene).surface, [Surface.ASPHALT, Surface.PAVEMENT, Surface.GROUND])
    snowy = see(scene, wet=amounts(Weather.SNOW_3)).radiance
    assert floor.sum() > 100
    assert snowy[floor].mean() > 1.5 * day().radiance[floor].mean()


def test_a_lamp_gives_twice_the_light_at_twice_the_intensity() -> None:
    scene = scenery(Weather.CLEAR, TimeOfDay.NIGHT)
    twice = replace(scene.light, lamp=tuple(2 * value for value in scene.light.lamp))
    traced = see(scene, twice)
    assert np.allclose(traced.layers["lamps"], 2 * night().layers["lamps"], rtol=1e-4, atol=1e-7)
    for name in ("sky", "beams"):
        assert np.array_equal(traced.layers[name], night().layers[name])


def test_it_sees_what_the_camera_sees() -> None:
    rig = Rig(width=160, height=96, up=2.0, pitch=4.0, yaw=20.0, roll=3.0)
    scene = scenery(Weather.CLEAR, TimeOfDay.DAY, rig)
    mi = mitsuba()
    loaded, _, _ = load(mi, scene.parts, scene.view, scene.light, amounts(), scene.around, 16)
    hidden = mi.load_dict({"type": "volpath", "max_depth": 2, "hide_emitters": True})
    covered = np.array(mi.render(loaded, spp=16, integrator=hidden))[..., 3]
    drawn = gbuffer(scene).coverage
    assert 0.1 < (drawn < 0.5).mean() < 0.9
    assert ((covered > 0.5) == (drawn > 0.5)).mean() > 0.97


def test_headlights_light_the_road_and_not_the_walls_above() -> None:
    scene = scenery(Weather.CLEAR, TimeOfDay.NIGHT)
    g = gbuffer(scene)
    beams = night().layers["beams"].mean(2)
    height = points(scene.view, g)[..., 2]
    above = (g.coverage == 1) & (height > 2.0)
    below = (g.coverage == 1) & (height < 0.3)
    assert above.sum() > 50 and below.sum() > 50
    assert beams[below].mean() > 10 * beams[above].mean()
    road = below & (g.surface == Surface.ASPHALT)
    plain = (g.albedo * g.beams * np.array(scene.light.beam, np.float32) / np.pi).mean(2)
    assert np.corrcoef(beams[road], plain[road])[0, 1] > 0.8  # rough roads throw more of it back to where it came from


def test_a_beam_has_the_pattern_of_plain_shading() -> None:
    """On a wall across, pixel by pixel: neither upside down nor the wrong way round."""
    there = amounts(time=TimeOfDay.NIGHT)
    now, eye = light(there), looking((0.0, 0.0, 0.65), 0.0, fov=60.0)
    wall = quad("tyre", [(12, 20, -20), (12, -20, -20), (12, -20, 20), (12, 20, 20)], 0.5)
    around = Surroundings(beams=np.array([[0.0, 0.0, 0.65, 1.0, 0.0, 1.0]], np.float32))
    g = draw([wall], eye, library(), now, around)
    assert (g.coverage == 1).all()
    traced = trace([wall], eye, now, there, around, samples=32, seed=1).layers["beams"].mean(2)
    plain = (g.albedo * g.beams * np.array(now.beam, np.float32) / np.pi).mean(2)
    assert np.corrcoef(traced.ravel(), plain.ravel())[0, 1] > 0.99
    for flipped in (plain[::-1], plain[:, ::-1]):
        assert np.abs(traced - plain).mean() < 0.5 * np.abs(traced - flipped).mean()
    assert traced.sum() == pytest.approx(plain.sum(), rel=0.1)


def test_a_lamp_has_the_pattern_of_plain_shading() -> None:
    there = amounts(time=TimeOfDay.NIGHT)
    now, eye = light(there), looking((-6.0, 0.0, 5.0), -45.0)
    floor = quad("tyre", [(-30, -30, 0), (30, -30, 0), (30, 30, 0), (-30, 30, 0)], 0.5)
    around = Surroundings(lamps=np.array([[0.0, 1.0, 6.0, 1.0, 1.0, 1.0]], np.float32))
    g = draw([floor], eye, library(), now, around)
    traced = trace([floor], eye, now, there, around, samples=32, seed=1).layers["lamps"].mean(2)
    plain = (g.albedo * g.lamps * np.array(now.lamp, np.float32) / np.pi).mean(2)
    near = (g.coverage == 1) & (np.hypot(*np.moveaxis(points(eye, g)[..., :2], 2, 0)) < 8)
    assert near.sum() > 200
    assert np.corrcoef(traced[near], plain[near])[0, 1] > 0.98
    assert traced[near].sum() == pytest.approx(plain[near].sum(), rel=0.15)


def test_devices_are_chosen_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pathtracer, "_gpu", lambda: False)
    assert choose("auto") == choose("cpu") == "cpu"
    with pytest.raises(SimulatorError, match="no GPU here"):
        choose("cuda")
    with pytest.raises(DataError, match="no device 'abacus'"):
        choose("abacus")
    monkeypatch.setattr(pathtracer, "_gpu", lambda: True)
    assert choose("auto") == choose("cuda") == "cuda"
    monkeypatch.setattr(mitsuba(), "variants", lambda: ["scalar_rgb"])
    assert choose("auto") == "cpu"


@pytest.mark.skipif("DRJIT_LIBLLVM_PATH" not in os.environ, reason="needs a libLLVM of 16 or newer: DRJIT_LIBLLVM_PATH")
def test_vectorised_variants_see_the_same() -> None:
    """As on a GPU, whose variant differs from this one in the compiler alone."""
    scene = scenery(Weather.CLEAR, TimeOfDay.NIGHT)
    try:
        traced = trace(scene.parts, scene.view, scene.light, amounts(), scene.around, samples=4, seed=1, device="llvm")
    finally:
        mitsuba()
    for name, layer in night().layers.items():
        assert traced.layers[name].shape == layer.shape
        assert traced.layers[name].mean() == pytest.approx(layer.mean(), rel=0.1)
