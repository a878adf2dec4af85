"""Halos: the closed form against the integral that it stands for, and who has one."""

from __future__ import annotations

import numpy as np
import pytest

from world.controls import Control, TimeOfDay, Weather
from world.dynamics.start import start
from world.render.camera import Rig, view
from world.render.halos import DUST, FAR, halos
from world.render.renderer import developed, plain_renderer
from world.scene.places import load_place, towns

EYE = view(Rig(width=64, height=36, pitch=0.0), 0.0, 0.0, 0.0)
AIR = 0.03  # 1/m


def glow(lights: list[list[float]], depth: float = FAR) -> np.ndarray:
    exposed = np.zeros((EYE.height, EYE.width, 3), np.float32)
    inverse = np.full(exposed.shape[:2], 0.0 if depth >= FAR else 1 / depth, np.float32)
    halos(exposed, inverse, EYE, AIR, np.array(lights, np.float32), 1.0)
    return exposed


@pytest.mark.parametrize("depth", [8.0, 30.0, FAR])
def test_what_is_scattered_is_the_integral_along_the_ray(depth: float) -> None:
    light = np.array([20.0, -2.0, 3.0])
    found = glow([[*light, 500.0, 400.0, 300.0, 0.0]], depth)
    distance = np.linalg.norm(light - EYE.eye)
    for row, col in ((18, 32), (10, 40), (4, 10)):
        u, v = (col + 0.5 - EYE.width / 2) / EYE.focal, (row + 0.5 - EYE.height / 2) / EYE.focal
        ray = EYE.axes[2] + u * EYE.axes[0] + v * EYE.axes[1]
        end = FAR if depth >= FAR else depth * np.linalg.norm(ray)
        t = (np.arange(200_000) + 0.5) / 200_000 * end
        points = EYE.eye + t[:, None] * ray / np.linalg.norm(ray)
        integral = np.sum(1 / ((points - light) ** 2).sum(1)) * end / len(t)
        scattered = (AIR + DUST) / (4 * np.pi) * np.exp(-AIR * distance) * integral
        assert np.allclose(found[row, col], scattered * np.array([500, 400, 300]), rtol=0.05)  # arctan is within 0.005


def test_a_street_lamp_shines_downwards() -> None:
    lamp = [20.0, 0.0, 4.0, 500.0, 500.0, 500.0, 1.0]
    picture = glow([lamp])[..., 0]
    row, col = np.unravel_index(picture.argmax(), picture.shape)
    assert picture[row + 6, col] > 1.5 * picture[row - 6, col] > 0
    assert not glow([[-60.0, 0.0, 4.0, 5.0, 5.0, 5.0, 1.0]]).any()  # far behind the eye


def test_lamps_have_halos_at_night_alone() -> None:
    """In fog, with street lamps about."""
    place = load_place(towns()["test"][0])
    for hour, lit in ((TimeOfDay.NIGHT, True), (TimeOfDay.DAY, False)):
        state = start(place, 3, Control(weather=Weather.FOG_1, time=hour))
        shot = plain_renderer().shot(state, Rig())
        assert shot.light.lamps_on == lit
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("world.render.renderer._shining", lambda *_: np.zeros((0, 7), np.float32))
            dark = developed(shot.plain, shot, state)
        brighter = shot.picture.astype(int) - dark
        assert (brighter.max() > 20) == lit and brighter.min() >= -1
