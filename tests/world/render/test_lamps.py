"""What a wet road mirrors of lamps: as much as water does, where a mirror would have it; and headlights that their own cars do not hide."""

from __future__ import annotations

import math

import numpy as np

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.dynamics.step import step
from world.render.assets.agents import agents_mesh
from world.render.camera import Rig
from world.render.lamps import glints
from world.render.renderer import plain_renderer
from world.scene.places import load_place, towns

F = np.float32
NONE = np.zeros((0, 6), F)


def seen(
    lamps: np.ndarray, ray: tuple[float, float, float], beams: np.ndarray = NONE, alpha: float = 0.09
) -> tuple[float, ...]:
    """RGB of the lamps, and of the beams, mirrored at the origin."""
    found = glints(lamps.astype(F), beams.astype(F), F(0), F(0), F(0), *(F(v) for v in ray), F(alpha))
    return tuple(float(value) for value in found)


def test_seen_from_above_water_mirrors_a_twentieth() -> None:
    """The microfacets' reflectance, summed over where light may come from, is Fresnel's at a right angle: they keep the energy."""
    total, steps = 0.0, 120
    for polar in (np.arange(steps) + 0.5) / steps * 1.2:
        lamp = np.array([[math.sin(polar), 0.0, math.cos(polar), 1.0, 1.0, 1.0]])
        radiance = (
            seen(lamp, (0.0, 0.0, -1.0))[0] * 1.05 / (math.cos(polar) - 0.2)
        )  # at 1 m, through the lamp's pattern
        total += radiance * 2 * math.pi * math.sin(polar) * 1.2 / steps
    assert 0.044 < total < 0.050


def test_a_lamp_is_brightest_where_a_mirror_shows_it() -> None:
    eye, lamp = 1.5, np.array([0.0, 0.0, 6.0])
    radiance = []
    points = np.arange(2.0, 30.0, 0.1)  # m before the eye, which is 30 m from the lamp
    for point in points:
        ray = np.array([point, 0.0, -eye]) / math.hypot(point, eye)
        radiance.append(seen(np.array([[30.0 - point, 0.0, 6.0, 1.0, 0.5, 0.25]]), tuple(ray), alpha=0.02))
    red, green, blue, _ = np.array(radiance).T
    mirrored = 30.0 * eye / (eye + lamp[2])
    assert abs(points[red.argmax()] - mirrored) < 1.0
    assert np.allclose(green, red / 2) and np.allclose(blue, red / 4)


def test_of_headlights_those_are_mirrored_that_come_towards_us() -> None:
    own, coming = [-6.0, 0.0, 0.65, 1.0, 0.0, 1.0], [14.0, 0.0, 0.65, -1.0, 0.0, 1.0]
    going = [14.0, 0.0, 0.65, 1.0, 0.0, 1.0]
    ray = np.array([10.0, 0.0, -0.5])
    ray /= np.linalg.norm(ray)
    assert seen(NONE, tuple(ray), np.array([own, going]))[3] == 0
    assert seen(NONE, tuple(ray), np.array([own, coming]))[3] > 0
    assert seen(NONE, tuple(ray), np.array([coming]))[3] == 0  # the first is our own


def test_no_car_stands_before_its_own_headlights() -> None:
    control = Control(weather=int(Weather.RAIN_2), time=int(TimeOfDay.NIGHT))
    state = step(start(load_place(towns()["train"][0]), 5, control), [control])
    agents = state.agents[0]
    beams = plain_renderer().assemble(state, Rig(width=64, height=36)).around.beams[1:]
    assert len(beams) >= 2
    mesh, _ = agents_mesh(agents, float(state.ego["x"][0]), float(state.ego["y"][0]), 0.0, 0.0)
    corners = mesh.position.reshape(-1, 3)
    for x, y, z, cos, sin, strength in beams:
        along = (corners[:, 0] - x) * cos + (corners[:, 1] - y) * sin
        aside = (corners[:, 1] - y) * cos - (corners[:, 0] - x) * sin
        assert not ((along > 0) & (along < 0.5) & (abs(aside) < 0.3) & (abs(corners[:, 2] - z) < 0.3)).any()
        assert strength == 0.5
