"""What lies on the tracer's floors is what plain shading puts there: the same puddles, the same snow, at the same points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.world.town.surfaces import NAMES, points, quad
from world.render.camera import Rig, view
from world.render.draw import Surroundings, draw
from world.render.library import MATERIALS
from world.render.light import light
from world.render.mesh import Mesh
from world.render.renderer import library
from world.render.shading import shade
from world.town.scattering import FINE, finer, wetness_and_snow

WET = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
SNOWY = np.array([0.0, 0.6, 0.0, 0.0, 0.0, 0.0])
LIGHT = light(np.zeros(6))


def laid(material: str, at: np.ndarray, uv: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """The tracer's puddle and snow at points [N, 3] of a floor, float32 [N, 2]."""
    corners = np.repeat(at[:, None], 3, 1).astype(np.float32)
    up = np.broadcast_to(np.float32([0, 0, 1]), corners.shape)
    mesh = Mesh(corners, up, np.repeat(uv[:, None], 3, 1).astype(np.float32), np.zeros(len(at), np.int32), up[:, 0])
    return wetness_and_snow(mesh, MATERIALS[NAMES.index(material)], float(amounts[0]), float(amounts[1]))[:, 0]


def most(material: str, amounts: np.ndarray) -> tuple[float, float]:
    """Where in a square of 100 m most lies."""
    x, y = (values.ravel() for values in np.mgrid[0:100:0.4, 0:100:0.4])
    lies = laid(material, np.stack([x, y, 0 * x], 1), np.full((len(x), 2), 0.5), amounts).max(1)
    return float(x[lies.argmax()]), float(y[lies.argmax()])


def both(material: str, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of a floor's pixels: the tracer's puddle and snow; plain radiance of white and of black over that of dry white; grain; facing."""
    x, y = most(material, amounts)
    floor = quad(material, [(x - 6, y - 6, 0), (x + 6, y - 6, 0), (x + 6, y + 6, 0), (x - 6, y + 6, 0)])
    eye = view(Rig(48, 48, fov=50.0, ahead=-3.0, up=5.0, pitch=-60.0), x, y, 0.0)
    g = draw([floor], eye, library(), LIGHT, Surroundings(wet=float(amounts[0])))
    there = g.coverage == 1
    at = points(eye, g)[there]
    lies = laid(material, at, (at[:, :2] - [x - 6, y - 6]) / 12, amounts)
    rough = np.ones_like(g.roughness)
    white, black = (replace(g, albedo=np.full_like(g.albedo, value), roughness=rough) for value in (1.0, 0.0))
    dry = shade(white, eye, LIGHT, np.zeros(6))[there][:, 1]
    wet = [shade(one, eye, LIGHT, amounts)[there][:, 1] for one in (white, black)]
    rays = eye.eye - at
    return lies, np.stack(wet, 1) / dry[:, None], g.noise[there], rays[:, 2] / np.linalg.norm(rays, axis=1)


@pytest.mark.parametrize("material", ["asphalt", "asphalt_junction", "paint_white", "slabs"])
def test_puddles_stand_where_plain_shading_has_them(material: str) -> None:
    lies, share, noise, facing = both(material, WET)
    puddle = lies[:, 0]
    assert puddle.min() < 0.05 and puddle.max() > (0.95 if material.startswith("asphalt") else 0.1)
    damp, grain = 1.0, noise[:, 0]  # of rain as heavy as this
    polish = np.maximum(0.34 * damp * (0.55 + 0.45 * grain), puddle)
    mirrored = (0.04 + 0.96 * (1 - facing) ** 5) * polish
    dark = (1 - (0.25 if material == "paint_white" else 0.5) * damp) * (1 - 0.25 * puddle)
    assert share[:, 0] - share[:, 1] == pytest.approx(dark * (1 - mirrored), abs=0.01)


@pytest.mark.parametrize("material", ["asphalt", "asphalt_junction", "paint_white", "slabs", "grass", "flat_roof"])
def test_snow_lies_where_plain_shading_has_it(material: str) -> None:
    lies, share, noise, _ = both(material, SNOWY)
    white = share[:, 1] / (0.98 * (0.80 + 0.10 * noise[:, 1]))
    assert white.max() - white.min() > 0.2
    assert lies[:, 1] == pytest.approx(white, abs=0.01)


def test_floors_are_cut_finer_where_they_are_near() -> None:
    floor = quad("asphalt", [(-60, -4, 0), (60, -4, 0), (60, 4, 0), (-60, 4, 0)]).mesh
    cut = finer(floor, np.zeros(3))
    edges = np.linalg.norm(cut.position - np.roll(cut.position, -1, 1), axis=-1).max(1)
    away = np.linalg.norm(cut.position.mean(1), axis=1)
    assert edges[away < 5].max() <= FINE
    assert edges.max() > 2 * FINE
    assert area(cut) == pytest.approx(area(floor), rel=1e-4)
    corners = cut.position.reshape(-1, 3)
    uv = (corners[:, :2] + [60, 4]) / [120, 8]
    assert cut.uv.reshape(-1, 2) == pytest.approx(uv, abs=1e-5)
    assert (cut.normal[..., 2] == 1).all() and set(cut.material) == {NAMES.index("asphalt")}


def area(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.position, 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
