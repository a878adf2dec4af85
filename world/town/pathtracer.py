"""The teacher of the painter: Mitsuba 3 traces the scene's own triangles, under the same sky, sun and lamps as plain shading.

What it gives is linear radiance before air, in layers that add up, so that any mixture of them is a picture. Noise is unbiased.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from world.errors import SimulatorError
from world.render.camera import View
from world.render.draw import Part, Surroundings
from world.render.lamps import nearest
from world.render.light import Light
from world.render.sky import look_up, sky
from world.town.scattering import Shape, shapes

LAYERS = ("sky", "lamps", "beams")  # sky, sun and all that glows; street lamps; headlights
DEPTH, DEPTH_LIT = 4, 3  # of a path by day, and where lamps are on: one more adds 0.2%, and 0.8%, of brightness
LIT_SHARE = 0.6  # of the samples, where lamps are on and a path takes four times as long
CLAMP = 4.0  # of one of four parts of a picture, exposed: what a stray path may weigh at most
SPOT_SHARE = 16  # of the samples one for each lamp or beam, three at least
GLOW_SHARE = 0.15  # of the sky's looks at lights: a textured light costs much to look at
_SKY_SIZE = (128, 256)


@dataclass(frozen=True, eq=False)
class Traced:
    """layers: radiance float32 [H, W, 3] by name, of LAYERS; one that is not there is dark."""

    layers: dict[str, np.ndarray]

    @property
    def radiance(self) -> np.ndarray:
        """All of it, float32 [H, W, 3]."""
        return np.sum(list(self.layers.values()), axis=0, dtype=np.float32)


def trace(
    parts: Sequence[Part],
    view: View,
    light: Light,
    amounts: np.ndarray,
    around: Surroundings,
    *,
    samples: int = 16,
    seed: int = 0,
) -> Traced:
    """What the view sees of `parts` under the light. samples: paths a pixel. SimulatorError without Mitsuba."""
    mi = mitsuba()
    made = shapes(parts, view, light, amounts)
    # Close to the camera's place as origin: single precision is then fine.
    origin = np.array([view.eye[0], view.eye[1], 0.0])
    lit = light.lamps_on or light.headlights_on
    samples = max(4, round(samples * LIT_SHARE)) if lit else samples
    scene: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": DEPTH_LIT if lit else DEPTH, "rr_depth": 9},
        "sensor": _sensor(mi, view, samples),
    }
    shining = max(1.0, sum(shape.lights * len(shape.position) for shape in made))
    for number, shape in enumerate(made):
        share = shape.lights * len(shape.position) / shining if lit else 0.0
        scene[f"m{number}"] = _mesh(mi, shape, origin, GLOW_SHARE * share)
    scene["env"] = _environment(mi, light, 0.5 if lit else 0.3)
    if max(light.sun) > 1e-3 and light.sun_direction[2] > 0.02:
        toward = light.sun_direction
        scene["sun"] = {
            "type": "directional",
            "sampling_weight": 0.7,
            "direction": [-value for value in toward],
            "irradiance": {"type": "rgb", "value": [float(value) for value in light.sun]},
        }
    spots = _spots(mi, light, around, view, origin)
    loaded = mi.load_dict(scene | {name: spot for name, (_, spot) in spots.items()})
    handles = mi.traverse(loaded)
    weights = {key: float(handles[key]) for key in handles.keys() if key.endswith(".sampling_weight")}  # noqa: SIM118
    own = {f"{name}.sampling_weight": layer for name, (layer, _) in spots.items()}
    _weigh(handles, weights, set(own))
    clamp = CLAMP / light.exposure if lit else math.inf
    layers = {"sky": _passes(mi, loaded, samples, seed, clamp)}
    direct = mi.load_dict({"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "hide_emitters": True})
    for spot, layer in own.items():
        # One at a time: no noise but that of edges and looks.
        _weigh(handles, weights, weights.keys() - {spot})
        shone = np.array(mi.render(loaded, spp=max(3, samples // SPOT_SHARE), seed=seed + 7, integrator=direct))[..., :3]
        layers[layer] = layers.get(layer, np.float32(0.0)) + shone
    return Traced({name: np.asarray(value, np.float32) for name, value in layers.items()})


@lru_cache(maxsize=1)
def mitsuba() -> Any:
    """The library, set up for two cores without a graphics card. SimulatorError where it is missing."""
    try:
        import mitsuba as mi
    except ImportError as error:
        raise SimulatorError("The path tracer needs Mitsuba: run `pip install 'lucidrive[sim]'`.") from error
    mi.set_variant("scalar_rgb")
    mi.set_log_level(mi.LogLevel.Error)
    return mi


def _passes(mi: Any, scene: Any, samples: int, seed: int, clamp: float) -> np.ndarray:
    """Four short renders, each clamped."""
    each = max(1, samples // 4)
    count = max(1, samples // each)
    total = np.zeros(1, np.float32)
    for part in range(count):
        total = total + np.minimum(np.array(mi.render(scene, spp=each, seed=seed * count + part))[..., :3], clamp)
    return total / np.float32(count)


def _weigh(handles: Any, weights: dict[str, float], without: Set[str]) -> None:
    for key, value in weights.items():
        handles[key] = 0.0 if key in without else value
    handles.update()


def _sensor(mi: Any, view: View, samples: int) -> dict[str, Any]:
    forward, eye = view.axes[2], np.array([0.0, 0.0, view.eye[2]])
    return {
        "type": "perspective",
        "fov": math.degrees(2 * math.atan(view.width / 2 / view.focal)),
        "fov_axis": "x",
        "near_clip": 0.05,
        "to_world": mi.ScalarTransform4f().look_at(
            origin=eye.tolist(), target=(eye + forward).tolist(), up=(-view.axes[1]).tolist()
        ),
        "film": {"type": "hdrfilm", "width": view.width, "height": view.height, "rfilter": {"type": "box"}},
        "sampler": {"type": "independent", "sample_count": samples},
    }


def _mesh(mi: Any, shape: Shape, origin: np.ndarray, weight: float) -> Any:
    """One shape as Mitsuba has it: every triangle with corners of its own."""
    count = 3 * len(shape.position)
    props = mi.Properties()
    props["mesh_bsdf"] = bsdf(mi, shape)
    if shape.radiance is not None:
        radiance = bitmap(mi, shape.radiance) if shape.radiance.ndim == 3 else _rgb(shape.radiance)
        props["mesh_emitter"] = mi.load_dict(
            {"type": "area", "sampling_weight": weight, "radiance": radiance}
        )
    mesh = mi.Mesh(
        shape.name, vertex_count=count, face_count=len(shape.position), props=props,
        has_vertex_normals=True, has_vertex_texcoords=True,
    )  # fmt: skip
    if shape.tint is not None:
        mesh.add_attribute("vertex_tint", 3, shape.tint.astype(np.float32).ravel())
    if shape.share is not None:
        mesh.add_attribute("vertex_share", 1, shape.share.astype(np.float32).ravel())
    handles = mi.traverse(mesh)
    handles["vertex_positions"] = (shape.position.reshape(-1, 3) - origin).astype(np.float32).ravel()
    handles["vertex_normals"] = shape.normal.astype(np.float32).ravel()
    handles["vertex_texcoords"] = (shape.uv.reshape(-1, 2) * (1.0, 1.0)).astype(np.float32).ravel()
    handles["faces"] = np.arange(count, dtype=np.uint32)
    handles.update()
    return mesh


def bsdf(mi: Any, shape: Shape) -> Any:
    """How the shape's surface scatters light; kept for shapes of the same make."""
    key = shape.make
    if key not in _BSDFS:
        if len(_BSDFS) > 600:
            _BSDFS.clear()
        _BSDFS[key] = mi.load_dict(_scattering(mi, shape))
    return _BSDFS[key]


_BSDFS: dict[Any, Any] = {}


def _scattering(mi: Any, shape: Shape) -> dict[str, Any]:
    colour: dict[str, Any] | Any
    if shape.albedo is None:
        colour = {"type": "mesh_attribute", "name": "vertex_tint"}
    else:
        colour = bitmap(mi, shape.albedo)
    base = _base(shape.finish, colour, shape.roughness)
    if shape.over is not None:
        over = bitmap(mi, shape.over) if shape.over.ndim == 3 else _rgb(shape.over)
        other = _base(shape.over_finish, over, shape.over_roughness)
        base = {"type": "blendbsdf", "weight": {"type": "mesh_attribute", "name": "vertex_share"}, "a": base, "b": other}
    if shape.opacity is not None:
        base = {"type": "mask", "opacity": bitmap(mi, shape.opacity), "inner": base}
    return base


def _base(finish: str, colour: Any, roughness: float) -> dict[str, Any]:
    """A finish with its colour, seen from both sides."""
    if finish == "leaf":
        return {"type": "principledthin", "base_color": colour, "roughness": 0.8, "diff_trans": 1.0, "spec_trans": 0.0}
    if finish == "matt":
        inner: dict[str, Any] = {"type": "diffuse", "reflectance": colour}
    else:
        inner = {"type": "principled", "base_color": colour, "roughness": max(0.03, roughness), "specular": 0.5}
        inner |= {
            "glass": {"specular": 0.8},
            "paint": {"metallic": 0.15, "clearcoat": 1.0, "clearcoat_gloss": 0.97, "roughness": 0.32},
            "metal": {"metallic": 0.7},
            "wet": {"specular": 0.6},
        }.get(finish, {})
    return {"type": "twosided", "inner": inner}


def bitmap(mi: Any, pixels: np.ndarray) -> Any:
    """A repeating texture of linear values float [H, W, C]."""
    return mi.load_dict(
        {
            "type": "bitmap",
            "bitmap": mi.Bitmap(np.ascontiguousarray(pixels, np.float32)),
            "raw": True,
            "wrap_mode": "repeat",
        }
    )


def _rgb(value: Sequence[float] | np.ndarray) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(one) for one in value]}


def _environment(mi: Any, light: Light, weight: float) -> dict[str, Any]:
    """The sky that plain shading has, and below the horizon the ground's radiance."""
    above = sky(light)
    rows, columns = _SKY_SIZE
    polar = (np.arange(rows) + 0.5) / rows * math.pi
    turn = (np.arange(columns) + 0.5) / columns * 2 * math.pi
    out = np.empty((rows, columns, 3), np.float32)
    for row, angle in enumerate(polar):
        for column, around in enumerate(turn):
            x, y, z = math.sin(angle) * math.sin(around), math.sin(angle) * math.cos(around), math.cos(angle)
            out[row, column] = above.ground if z < -0.01 else look_up(above.radiance, *np.float32([x, y, max(z, 0.0)]))
    return {
        "type": "envmap",
        "sampling_weight": weight,
        "bitmap": mi.Bitmap(out),
        "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
    }


def _spots(
    mi: Any, light: Light, around: Surroundings, view: View, origin: np.ndarray
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Street lamps and headlights by name: the layer that each is part of, and what Mitsuba is told."""
    spots: dict[str, tuple[str, dict[str, Any]]] = {}
    if light.lamps_on and max(light.lamp) * light.exposure > 1.0:
        for number, lamp in enumerate(nearest(np.asarray(around.lamps), view.eye)):
            at = lamp[:3] - origin
            spots[f"lamp{number}"] = (
                "lamps",
                _spot(mi, at, at - (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), 80.0, _lamp_pattern(), light.lamp * lamp[3:6]),
            )
    if light.headlights_on and max(light.beam) * light.exposure > 10.0:
        for number, beam in enumerate(np.asarray(around.beams)):
            at, ahead = beam[:3] - origin, np.array([beam[3], beam[4], 0.0])
            spots[f"beam{number}"] = (
                "beams",
                _spot(mi, at, at + ahead, (0.0, 0.0, 1.0), 40.0, _beam_pattern(), np.asarray(light.beam) * beam[5]),
            )
    return spots


def _spot(
    mi: Any, at: np.ndarray, towards: np.ndarray, up: Any, cutoff: float, pattern: np.ndarray, intensity: Any
) -> dict[str, Any]:
    return {
        "type": "spot",
        "sampling_weight": 1.0,
        "to_world": mi.ScalarTransform4f().look_at(origin=at.tolist(), target=towards.tolist(), up=list(up)),
        "cutoff_angle": cutoff,
        "beam_width": cutoff - 0.1,
        "texture": bitmap(mi, pattern),
        "intensity": _rgb(intensity),
    }


@lru_cache(maxsize=1)
def _lamp_pattern(size: int = 128, cutoff: float = 80.0) -> np.ndarray:
    """The lamp of world.render.lamps over the tangents of a spot's square, float32 [size, size, 3]."""
    across = ((np.arange(size) + 0.5) / size * 2 - 1) * math.tan(math.radians(cutoff))
    cosine = 1 / np.sqrt(1 + across[:, None] ** 2 + across[None] ** 2)
    return np.repeat(np.maximum(0, cosine - 0.2)[..., None], 3, 2).astype(np.float32)


@lru_cache(maxsize=1)
def _beam_pattern(size: int = 256, cutoff: float = 40.0) -> np.ndarray:
    """The low beam likewise."""
    across = ((np.arange(size) + 0.5) / size * 2 - 1) * math.tan(math.radians(cutoff))
    left, up = np.meshgrid(across, across)  # as the axes of Mitsuba's spots run
    inverse = 1 / np.sqrt(1 + left**2 + up**2)
    left, up = left * inverse, up * inverse
    up = up + 0.03 - 0.02 * np.clip(-4 * left, 0, 1)
    lobe = np.exp(-(left**2) * 8 - (up / np.where(up > 0, 0.025, 0.09)) ** 2)
    return np.repeat(lobe[..., None], 3, 2).astype(np.float32)
